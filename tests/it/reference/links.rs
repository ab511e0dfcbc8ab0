//! Links: that those of our texts lead to a file that is there, and to a heading in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::root;

/// Every text of ours below a folder, but for what was installed or built there.
fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_ours =
            !name.starts_with('.') && !["target", "node_modules", "dist"].contains(&&*name);
        if path.is_dir() && !path.is_symlink() && is_ours {
            texts(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The lines of a text that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        is_code ^= line.starts_with("```");
        !is_code && !line.starts_with("```")
    })
}

/// The names that headings are linked by.
fn anchors(text: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Where the links of a text lead, without those that leave the repository.
fn targets(text: &str) -> Vec<String> {
    let prose: Vec<&str> = prose(text).collect();
    let prose = prose.join("\n");
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = ends.map(|(target, _)| target.to_owned());
    targets.filter(|target| !target.contains(':') && !target.contains(' ')).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut files = Vec::new();
    texts(root(), &mut files);
    assert!(files.len() > 30, "{files:?}");
    let (mut dead, mut n_links) = (Vec::new(), 0);
    for file in &files {
        for target in targets(&fs::read_to_string(file).unwrap()) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path =
                if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            let has_anchor = || anchors(&fs::read_to_string(&path).unwrap()).contains(anchor);
            n_links += 1;
            if !path.exists() || !anchor.is_empty() && !has_anchor() {
                dead.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert!(n_links > 100, "{n_links}");
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_page_is_on_the_list_of_its_folder() {
    for folder in ["docs/guide", "docs/formats"] {
        let folder = root().join(folder);
        let list = targets(&fs::read_to_string(folder.join("README.md")).unwrap());
        let listed: BTreeSet<&str> =
            list.iter().map(|target| target.split('#').next().unwrap_or_default()).collect();
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name == "README.md" || listed.contains(&*name), "{name} is on no list");
        }
    }
}
