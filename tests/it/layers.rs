//! Layers: which crate may know which, read from the manifests. A crate knows lower layers only;
//! nothing goes sideways or up.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use e2e::root;

const LAYERS: [(&str, u8); 10] = [
    ("model", 1),
    ("stdx", 1),
    ("storage", 2),
    ("wire", 2),
    ("state", 3),
    ("tsdb", 3),
    ("collect", 4),
    ("promql", 4),
    ("web", 6),
    ("pharos", 7),
];

/// Outside of the layers: tests and what they need.
const OUTSIDE: [&str; 2] = ["testkit", "e2e"];

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// The crates' manifests by name.
fn manifests() -> BTreeMap<String, toml::Table> {
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let read = |folder: PathBuf| {
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        (name, manifest)
    };
    let manifests: BTreeMap<_, _> = folders.map(read).collect();
    assert!(manifests.len() >= 10, "only {:?}", manifests.keys());
    manifests
}

fn dependencies(manifest: &toml::Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn every_crate_has_a_layer() {
    for name in manifests().keys() {
        let known = layer(name).is_some() || OUTSIDE.contains(&name.as_str());
        assert!(known, "crate {name} stands in no layer: give it one here");
    }
}

#[test]
fn dependencies_go_down_only() {
    let manifests = manifests();
    let mut wrong = Vec::new();
    for (name, manifest) in &manifests {
        let Some(own) = layer(name) else { continue };
        for section in ["dependencies", "build-dependencies"] {
            let inner = dependencies(manifest, section).into_iter();
            let inner = inner.filter(|dependency| manifests.contains_key(dependency));
            wrong.extend(
                inner
                    .filter(|below| layer(below).is_none_or(|layer| layer >= own))
                    .map(|dependency| format!("{name} knows {dependency} by {section}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_model_needs_regular_expressions_alone() {
    let manifest = &manifests()["model"];
    assert_eq!(dependencies(manifest, "dependencies"), ["memchr", "regex", "regex-syntax"]);
}

/// Everyone else knows storage by its traits only, so that engines can be exchanged.
#[test]
fn engines_are_named_by_the_binary_alone() {
    for (name, manifest) in manifests() {
        if name == "pharos" || OUTSIDE.contains(&name.as_str()) {
            continue;
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let named = dependencies(&manifest, section);
            let engine = named.iter().find(|named| ["tsdb", "state"].contains(&named.as_str()));
            assert_eq!(engine, None, "{name} names an engine by {section}");
        }
    }
}

#[test]
fn the_testkit_is_for_tests() {
    for (name, manifest) in manifests() {
        for section in ["dependencies", "build-dependencies"] {
            let named = dependencies(&manifest, section);
            assert!(!named.iter().any(|name| name == "testkit"), "{name} ships the testkit");
        }
    }
}
