//! Reference: what the binary has, and what the guide says it has. Each test compares one table of the
//! guide with the binary, both ways, so that nothing is added in silence and nothing stays on a page
//! when it is gone. `examples` tries what the guide shows, `links` follows every link.

mod examples;
mod links;

use std::collections::BTreeSet;
use std::fs;

use e2e::{Server, pharos, root};

use crate::openapi::{ACCESS, documented};
use crate::shared::page;

/// The text of a page of the guide.
fn guide(name: &str) -> String {
    fs::read_to_string(root().join("docs/guide").join(name)).unwrap()
}

/// The cells of every row of a page's tables whose first cell begins with something in backticks.
fn rows(text: &str) -> Vec<Vec<String>> {
    let is_row = |line: &&str| line.starts_with("| `");
    let cells = |line: &str| line.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(is_row).map(cells).collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Both sides as sets, with a message that says which has what the other lacks.
#[track_caller]
fn same(what: &str, binary: &BTreeSet<String>, guide: &BTreeSet<String>) {
    let untold: Vec<_> = binary.difference(guide).collect();
    assert!(untold.is_empty(), "{what}: not in the guide: {untold:#?}");
    let gone: Vec<_> = guide.difference(binary).collect();
    assert!(gone.is_empty(), "{what}: in the guide alone: {gone:#?}");
}

#[test]
fn every_own_metric_is_in_the_guide_with_its_kind_and_labels() {
    let listeners = "[statsd]\nlisten = \"127.0.0.1:0\"\n[graphite]\nlisten = \"127.0.0.1:0\"\n";
    let server = Server::with_config(listeners);
    // So that there is a request to be counted.
    server.client().get("/healthz").expect(200);
    let page = page(&server.client());
    let is_own = |name: &&str| name.starts_with("pharos_") || name.starts_with("process_");
    let labels = |name: &str| {
        let names = page.label_names(name);
        names.into_iter().filter(|label| *label != "le").collect::<Vec<_>>().join(",")
    };
    let told = |name: &str| format!("{name} {} {}", page.kind(name).unwrap(), labels(name));
    let binary: BTreeSet<String> = page.families().filter(is_own).map(told).collect();
    assert!(binary.len() > 80, "{binary:?}");
    let text = guide("own-metrics.md");
    let of_row = |cells: Vec<String>| {
        let name = quoted(&cells[0]).next().unwrap().to_owned();
        let mut labels: Vec<&str> = quoted(&cells[2]).collect();
        labels.sort_unstable();
        let is_family = ["counter", "gauge", "histogram"].contains(&cells[1].as_str());
        is_family.then(|| format!("{name} {} {}", cells[1], labels.join(",")))
    };
    same("own metrics", &binary, &rows(&text).into_iter().filter_map(of_row).collect());
}

/// Routes of the pages, which no document tells.
const PAGES: [&str; 2] = ["GET /monitoring public", "GET /assets/{*path} public"];

#[test]
fn every_route_is_in_the_guide_with_its_scope() {
    let scope = |method: &str, path: &str| {
        let row = ACCESS.iter().find(|row| (row.0, row.1) == (method, path));
        row.unwrap_or_else(|| panic!("{method} {path} has no scope")).2
    };
    let told =
        |(method, path): (String, String)| format!("{method} {path} {}", scope(&method, &path));
    let mut binary: BTreeSet<String> = documented().into_iter().map(told).collect();
    binary.extend(PAGES.map(str::to_owned));
    let of_row = |cells: Vec<String>| {
        let route = quoted(&cells[0]).next().unwrap().to_owned();
        format!("{route} {}", quoted(&cells[1]).next().unwrap_or_default())
    };
    same("routes", &binary, &rows(&guide("http.md")).into_iter().map(of_row).collect());
}

/// The keys that a table of the file may have, as the binary says when it meets another one.
fn keys_below(header: &str) -> Option<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pharos.toml");
    fs::write(&file, format!("{header}\nno_such_key = 1\n")).unwrap();
    let said = pharos(&["check", "config", file.to_str().unwrap()], &[]).stderr;
    let (_, expected) = said.split_once("unknown field `no_such_key`, expected ")?;
    Some(quoted(expected).map(str::to_owned).collect())
}

/// Every key of the file by its full name; lists of tables as `[[name]]`, their keys left out.
fn settings() -> BTreeSet<String> {
    let mut settings = BTreeSet::new();
    let mut open: Vec<String> = keys_below("").expect("the file has keys");
    while let Some(name) = open.pop() {
        if let Some(below) = keys_below(&format!("[{name}]")) {
            open.extend(below.iter().map(|key| format!("{name}.{key}")));
        } else if keys_below(&format!("[[{name}]]")).is_some() {
            settings.insert(format!("[[{name}]]"));
        } else {
            settings.insert(name);
        }
    }
    settings
}

/// Keys whose own page says what each means.
const ELSEWHERE: [(&str, &str); 1] = [("otlp.", "opentelemetry.md")];

#[test]
fn every_setting_is_in_the_guide() {
    let settings = settings();
    assert!(settings.len() > 45, "{settings:?}");
    let text = guide("configuration.md");
    let of_rows = rows(&text).into_iter().filter(|cells| cells.len() > 5);
    let mut told: BTreeSet<String> = of_rows
        .flat_map(|cells| quoted(&cells[0]).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for (table, page) in ELSEWHERE {
        let page = guide(page);
        let is_there = |key: &str| page.lines().any(|line| line.starts_with(&format!("{key} = ")));
        let keys = settings.iter().filter_map(|name| Some((name, name.strip_prefix(table)?)));
        told.extend(keys.filter(|(_, key)| is_there(key)).map(|(name, _)| name.clone()));
    }
    same("settings", &settings, &told);
}

#[test]
fn every_key_of_a_list_of_tables_is_in_the_guide() {
    for (list, page) in [
        ("keys", "configuration.md"),
        ("retention_rules", "configuration.md"),
        ("ingest.relabel", "relabelling.md"),
    ] {
        let text = guide(page);
        for key in keys_below(&format!("[[{list}]]")).expect("a list of tables") {
            let ways = [format!("\n{key} = "), format!("\n| `{key}` |")];
            assert!(ways.iter().any(|way| text.contains(way)), "{list}.{key} is not in {page}");
        }
    }
}

/// Every flag that a command's help has, and those of the commands below it.
fn flags_of(command: &[&str], flags: &mut BTreeSet<String>) {
    let help = pharos(&[command, &["--help"]].concat(), &[]).stdout;
    let (_, below) = help.split_once("\nCommands:\n").unwrap_or_default();
    let below = below.lines().take_while(|line| !line.is_empty());
    // A description goes on in a line with a wider margin.
    let names = below.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !name.is_empty() && *name != "help") {
        flags_of(&[command, &[name]].concat(), flags);
    }
    let (usage, _) = help.split_once("\nExamples:\n").unwrap_or((&help, ""));
    let words = usage.lines().flat_map(|line| line.split([' ', ',', '=', '[']));
    let is_flag = |word: &&str| word.starts_with("--") && word.len() > 3;
    flags.extend(words.filter(is_flag).map(|word| word.trim_end_matches(['.', ';']).to_owned()));
}

/// Flags that need no page.
const PLAIN_FLAGS: [&str; 2] = ["--help", "--version"];

#[test]
fn every_flag_of_every_command_is_in_the_guide() {
    let mut flags = BTreeSet::new();
    flags_of(&[], &mut flags);
    assert!(flags.len() > 40, "{flags:?}");
    let pages = ["configuration.md", "command-line.md", "moving-data.md"].map(guide).concat();
    let told: BTreeSet<&str> = pages.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    flags.retain(|flag| !told.contains(flag.as_str()) && !PLAIN_FLAGS.contains(&flag.as_str()));
    assert!(flags.is_empty(), "flags that no page has: {flags:?}");
}

#[test]
fn every_variable_of_serve_is_in_the_guide() {
    let help = pharos(&["serve", "--help"], &[]).stdout;
    let text = guide("configuration.md");
    let source = fs::read_to_string(root().join("crates/pharos/src/config/env.rs")).unwrap();
    let is_variable = |word: &&str| {
        let is_loud = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let is_name = word.len() > 3 && word.starts_with(|c: char| c.is_ascii_uppercase());
        is_name && word.chars().all(is_loud)
    };
    let read: BTreeSet<&str> = source.split('"').skip(1).step_by(2).filter(is_variable).collect();
    let told: BTreeSet<&str> = quoted(&text).filter(is_variable).collect();
    assert_eq!(read, told, "variables that are read, and those of the guide");
    for variable in read {
        assert!(help.contains(variable), "{variable} is not in the help of serve");
    }
}
