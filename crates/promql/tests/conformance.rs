//! The published lists of queries, if a folder with them is named by the variable `CONFORMANCE`:
//! `promql-parse.json` says of texts whether they parse, and the queries of `promql/*.test` do.
//!
//! The lists are samples of what Prometheus tests, so passing them is needed, not enough.

use std::fs;
use std::path::{Path, PathBuf};

use promql::{ParseError, parse, pretty, to_json};

#[expect(clippy::disallowed_methods, reason = "a test is told where its material is")]
fn material(name: &str) -> Option<PathBuf> {
    std::env::var_os("CONFORMANCE").map(|folder| Path::new(&folder).join(name))
}

#[test]
fn texts_parse_or_do_not_as_published() {
    let Some(path) = material("promql-parse.json") else {
        println!("skipped: CONFORMANCE names no folder of lists");
        return;
    };
    let list: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let list = list.as_array().unwrap();
    for row in list {
        let (query, parses) = (row["query"].as_str().unwrap(), row["parses"].as_bool().unwrap());
        let found = parse(query);
        if found.is_ok() != parses {
            let found = found.map(|expr| expr.to_string());
            wrong.push(format!("{query:?}: {}", found.unwrap_or_else(|error| error.to_string())));
        }
        if let Err(error) = parse(query) {
            println!("{query:?}: {error}");
        }
    }
    println!("{} of {} texts are judged as published", list.len() - wrong.len(), list.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The queries of a script: behind `eval instant at TIME` and `eval range from A to B step C`.
fn queries(script: &str) -> Vec<String> {
    let mut queries = Vec::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let n_words = match words.as_slice() {
            ["eval" | "eval_fail" | "eval_warn" | "eval_ordered", "instant", "at", ..] => 4,
            ["eval" | "eval_fail" | "eval_warn", "range", "from", ..] => 8,
            _ => continue,
        };
        let mut rest = line.trim_start();
        for _ in 0..n_words {
            rest = rest.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start());
        }
        queries.push(rest.to_owned());
    }
    queries
}

#[test]
fn queries_of_scripts_parse_and_print_what_parses() {
    let Some(folder) = material("promql") else {
        println!("skipped: CONFORMANCE names no folder of scripts");
        return;
    };
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut n_queries = 0;
    let mut wrong = Vec::new();
    for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "test")) {
        for query in queries(&fs::read_to_string(&file).unwrap()) {
            n_queries += 1;
            if let Err(error) = reads_back(&query) {
                wrong.push(format!("{}: {query}: {error}", file.display()));
            }
        }
    }
    println!("{} of {n_queries} queries parse and read back", n_queries - wrong.len());
    assert!(wrong.is_empty() && n_queries > 0, "{}", wrong.join("\n"));
}

fn reads_back(query: &str) -> Result<(), ParseError> {
    let expr = parse(query)?;
    let text = expr.to_string();
    assert_eq!(parse(&text)?.to_string(), text, "{query}");
    assert_eq!(parse(&pretty(&expr))?.to_string(), text, "{query}");
    assert!(serde_json::from_str::<serde_json::Value>(&to_json(&expr)).is_ok(), "{query}");
    Ok(())
}
