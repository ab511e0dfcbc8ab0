//! Examples: that settings and expressions in the guide are right as they stand.

use std::fs;
use std::path::PathBuf;

use e2e::{pharos, root};

use super::guide;

/// The blocks of code of a text that are in one language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Blocks in TOML that are for other programs begin so.
const OTHERS: [&str; 2] = ["# telegraf.conf", "[dependencies]"];

/// So that an address which others can reach is no mistake.
const KEY: &str = "\n[[keys]]\nname = \"a\"\nkey = \"b\"\nscopes = [\"read\"]\n";

#[test]
fn settings_in_the_guide_are_right() {
    let pages = fs::read_dir(root().join("docs/guide")).unwrap();
    let pages: Vec<PathBuf> = pages.map(|page| page.unwrap().path()).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pharos.toml");
    let mut n_blocks = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "toml") {
            if OTHERS.iter().any(|other| block.starts_with(other)) {
                continue;
            }
            let key = if block.contains("[[keys]]") { "" } else { KEY };
            fs::write(&file, format!("{block}{key}")).unwrap();
            let finished = pharos(&["check", "config", file.to_str().unwrap()], &[]);
            assert_eq!(finished.code, Some(0), "{}: {}", page.display(), finished.stderr);
            n_blocks += 1;
        }
    }
    assert!(n_blocks > 6, "{n_blocks}");
}

#[test]
fn expressions_to_watch_are_right() {
    let text = guide("own-metrics.md");
    let (_, section) = text.split_once("\n## What to watch\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let expressions: Vec<String> = rows.map(|(first, _)| first.replace("\\|", "|")).collect();
    assert!(expressions.len() > 8, "{expressions:?}");
    for expression in expressions {
        let finished = pharos(&["check", "query", &expression], &[]);
        assert_eq!(finished.code, Some(0), "{expression}: {}", finished.stderr);
    }
}
