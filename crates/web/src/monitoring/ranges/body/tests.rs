use model::Matcher;
use serde_json::{Value, json};

use super::{Batch, QUERIES_MAX, read};
use crate::monitoring::series::{Question, Window};

const NOW_MS: i64 = 1_700_000_000_000;

fn good(body: &Value) -> Batch {
    read(body.to_string().as_bytes(), NOW_MS).unwrap()
}

/// Checks a refusal: its status, its field, and a word of its detail.
#[track_caller]
fn check(body: impl AsRef<[u8]>, status: u16, field: &str, word: &str) {
    let error = read(body.as_ref(), NOW_MS).unwrap_err();
    let said = format!("{error:?}");
    let body = serde_json::to_value(error.into_body()).unwrap();
    assert_eq!(body["field"].as_str().unwrap_or_default(), field, "{said}");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(word), "no {word:?} in {detail:?}");
    assert!(detail.len() < 1000, "a detail of {} bytes", detail.len());
    assert!(said.contains(&format!("status: {status}")), "{said}");
}

#[track_caller]
fn check_query(query: &Value, field: &str, word: &str) {
    let fine = json!({"id": "fine", "metric": "up"});
    let body = json!({"queries": [fine, query]}).to_string();
    check(&body, 422, field, word);
    let error = read(body.as_bytes(), NOW_MS).unwrap_err().into_body();
    assert_eq!(serde_json::to_value(error).unwrap()["index"], 1);
}

#[test]
fn every_field_is_read() {
    let batch = good(&json!({
        "start": "2023-11-14T22:00:00Z",
        "end": 1_700_000_000.5,
        "points": 300,
        "queries": [
            {"id": "a", "metric": "m", "labels": ["x=1", "y!=", "z==2"], "rate": true, "sum": true},
            {"id": "b", "metric": "n", "labels": null, "rate": false, "sum": null},
        ],
    }));
    let window =
        Window::new(Some(1_699_999_200_000), Some(1_700_000_000_500), Some(300), 0).unwrap();
    assert_eq!(batch.window, window);
    let conditions =
        vec![Matcher::equal("x", "1"), Matcher::not_equal("y", ""), Matcher::equal("z", "=2")];
    let first = Question { metric: "m".into(), conditions, rate: true, sum: true };
    let second = Question { metric: "n".into(), conditions: vec![], rate: false, sum: false };
    assert_eq!(batch.questions, [("a".into(), first), ("b".into(), second)]);
}

#[test]
fn what_is_absent_has_its_default() {
    let batch = good(&json!({"queries": []}));
    assert_eq!(batch.window, Window::new(None, None, None, NOW_MS).unwrap());
    assert_eq!(batch.window.end_ms, NOW_MS);
    assert_eq!(batch.window.start_ms, NOW_MS - 900_000);
    assert!(batch.questions.is_empty());
}

#[test]
fn what_is_no_json() {
    check("", 400, "", "empty");
    check("{\"queries\":[}", 400, "", "line 1 column 13");
    check("{\"queries\":[]} x", 400, "", "trailing");
    check(b"\xff\xfe", 400, "", "not JSON");
    check(format!("{{\"queries\":{}", "[".repeat(1000)), 400, "", "recursion");
    check(" ".repeat((256 << 10) + 1), 413, "", "256 KiB");
}

#[test]
fn what_is_wrong_with_the_body() {
    for (body, field, word) in [
        (json!([]), "", "the body must be an object, got an array"),
        (json!({}), "queries", "missing"),
        (json!({"queries": {}}), "queries", "an array, got an object"),
        (json!({"queries": [], "query": []}), "query", "known are start, end, points, queries"),
        (json!({"queries": [], "x".repeat(5000): 1}), &"x".repeat(64), "unknown"),
        (json!({"queries": [], "points": 0}), "points", "1 to 2000"),
        (json!({"queries": [], "points": 2001}), "points", "1 to 2000"),
        (json!({"queries": [], "points": 1.5}), "points", "1 to 2000"),
        (json!({"queries": [], "points": "9"}), "points", "1 to 2000"),
        (json!({"queries": [], "start": "now"}), "start", "is not a time"),
        (json!({"queries": [], "start": "9".repeat(65)}), "start", "at most 64"),
        (json!({"queries": [], "end": 1e300}), "end", "is not a time"),
        (json!({"queries": [], "end": true}), "end", "Unix seconds or RFC 3339, got a boolean"),
        (json!({"queries": [], "start": 9, "end": 1}), "start", "after"),
        (json!({"queries": [7]}), "queries[0]", "an object, got a number"),
    ] {
        check(body.to_string(), 422, field, word);
    }
}

#[test]
fn what_is_wrong_with_a_question() {
    for (query, field, word) in [
        (json!({"metric": "m"}), "queries[1].id", "missing"),
        (json!({"id": 1, "metric": "m"}), "queries[1].id", "a string, got a number"),
        (json!({"id": "", "metric": "m"}), "queries[1].id", "empty"),
        (json!({"id": "x".repeat(129), "metric": "m"}), "queries[1].id", "at most 128"),
        (json!({"id": "fine", "metric": "m"}), "queries[1].id", "another question"),
        (json!({"id": "a"}), "queries[1].metric", "missing field \"queries[1].metric\""),
        (json!({"id": "a", "metric": null}), "queries[1].metric", "missing"),
        (json!({"id": "a", "metric": ["m"]}), "queries[1].metric", "a string, got an array"),
        (json!({"id": "a", "metric": "x".repeat(1025)}), "queries[1].metric", "at most 1024"),
        (json!({"id": "a", "metric": "m", "label": []}), "queries[1].label", "unknown"),
        (json!({"id": "a", "metric": "m", "labels": "x=1"}), "queries[1].labels", "an array"),
        (json!({"id": "a", "metric": "m", "labels": [1]}), "queries[1].labels[0]", "a string"),
        (
            json!({"id": "a", "metric": "m", "labels": ["x=1", "y"]}),
            "queries[1].labels[1]",
            "name=value",
        ),
        (
            json!({"id": "a", "metric": "m", "labels": ["!=1"]}),
            "queries[1].labels[0]",
            "name=value",
        ),
        (
            json!({"id": "a", "metric": "m", "labels": ["x".repeat(4000)]}),
            "queries[1].labels[0]",
            "name=value",
        ),
        (
            json!({"id": "a", "metric": "m", "labels": ["x".repeat(5000)]}),
            "queries[1].labels[0]",
            "at most",
        ),
        (
            json!({"id": "a", "metric": "m", "labels": vec!["x=1"; 65]}),
            "queries[1].labels",
            "at most 64",
        ),
        (json!({"id": "a", "metric": "m", "rate": "yes"}), "queries[1].rate", "true or false"),
        (json!({"id": "a", "metric": "m", "sum": 1}), "queries[1].sum", "true or false"),
    ] {
        check_query(&query, field, word);
    }
}

#[test]
fn a_batch_has_an_end() {
    let queries = |n: usize| {
        let query = |i: usize| json!({"id": i.to_string(), "metric": "m"});
        json!({"queries": (0..n).map(query).collect::<Vec<_>>()})
    };
    assert_eq!(good(&queries(QUERIES_MAX)).questions.len(), 64);
    check(queries(QUERIES_MAX + 1).to_string(), 422, "queries", "has 65 items, at most 64");
}
