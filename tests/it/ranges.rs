//! Series in batches: what a screen of charts asks in one request, told in the same words as one
//! question in an address.

use std::sync::OnceLock;

use e2e::{Client, Server};
use serde_json::{Value, json};

use crate::shared::{fields, keyed};

const PATH: &str = "/api/v1/monitoring/ranges";

/// A server that holds what the tests pushed, and nothing of its host.
fn client() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start = || {
        let server = Server::with_config("[collect]\nenabled = false\n");
        let push = |kind: &str, core: &str, values: Value| {
            let stamps: Vec<i64> = (0..4).map(|i| times()[0] + i * 60).collect();
            let metric = json!({"service": "ranges", "metric_type": kind, "value": values,
                "timestamp": stamps, "labels": {"core": core}});
            server.client().post("/metrics", &metric).expect(200);
        };
        push("work_total", "0", json!([0, 60, 120, 180]));
        push("work_total", "1", json!([0, 120, 240, 360]));
        push("heat", "0", json!([40, 41, 42, 43]));
        server
    };
    SERVER.get_or_init(start).client()
}

/// Start and end of what was pushed, in seconds: four whole minutes, some minutes ago.
fn times() -> [i64; 2] {
    static START: OnceLock<i64> = OnceLock::new();
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        (since.as_secs() as i64 / 60 - 10) * 60
    };
    let start = *START.get_or_init(now);
    [start, start + 180]
}

fn body(queries: &Value) -> Value {
    let [start, end] = times();
    json!({"start": start, "end": end, "points": 4, "queries": queries})
}

fn results(queries: &Value) -> Vec<Value> {
    let answer = client().post(PATH, &body(queries)).expect(200).json();
    answer["results"].as_array().unwrap().clone()
}

#[test]
fn a_batch_answers_as_its_questions_do_alone() {
    let [start, end] = times();
    let window = format!("start={start}&end={end}&points=4");
    let asked = [
        (json!({"id": "heat", "metric": "heat"}), "metric=heat"),
        (
            json!({"id": "one", "metric": "work_total", "labels": ["core!=0"], "rate": true}),
            "metric=work_total&label=core!%3D0&rate=true",
        ),
        (
            json!({"id": "all", "metric": "work_total", "rate": true, "sum": true}),
            "metric=work_total&rate=true&sum=true",
        ),
        (json!({"id": "none", "metric": "cold"}), "metric=cold"),
    ];
    let queries: Vec<&Value> = asked.iter().map(|(query, _)| query).collect();
    let batch = client().post(PATH, &body(&json!(queries))).expect(200).json();
    assert_eq!(fields(&batch), ["end_ms", "results", "start_ms", "step_ms"]);
    assert_eq!(batch["start_ms"], start * 1000);
    assert_eq!(batch["end_ms"], end * 1000);
    for (i, (query, address)) in asked.iter().enumerate() {
        let alone = client().json(&format!("/api/v1/monitoring/range?{address}&{window}"));
        let result = &batch["results"][i];
        assert_eq!(fields(result), ["id", "metric", "series"]);
        assert_eq!(result["id"], query["id"]);
        assert_eq!(result["metric"], alone["metric"]);
        assert_eq!(result["series"], alone["series"], "{query}");
        assert_eq!(batch["step_ms"], alone["step_ms"]);
    }
    // Not alike for being empty: sixty a minute and twice as many are three per second.
    let summed = &batch["results"][2]["series"][0]["points"];
    assert_eq!(summed[3], json!([end * 1000, 3.0]), "{summed}");
}

#[test]
fn times_may_be_left_out_or_written_out() {
    let answer = client().post(PATH, &json!({"queries": []})).expect(200).json();
    let span_ms = answer["end_ms"].as_i64().unwrap() - answer["start_ms"].as_i64().unwrap();
    assert_eq!(span_ms, 15 * 60 * 1000);
    let written = json!({"start": "2026-01-01T00:00:00Z", "end": 1_767_225_660.5, "queries": []});
    let answer = client().post(PATH, &written).expect(200).json();
    assert_eq!(answer["start_ms"], 1_767_225_600_000_i64);
    assert_eq!(answer["end_ms"], 1_767_225_660_500_i64);
}

#[test]
fn one_question_that_fails_leaves_the_others_their_answers() {
    let item = |i: usize| {
        json!({"service": format!("s{i}"), "metric_type": "crowd", "value": i,
            "timestamp": times()[1]})
    };
    let items: Vec<Value> = (0..1001).map(item).collect();
    client().post("/metrics/batch", &items.into()).expect(200);
    let said = results(&json!([
        {"id": "crowd", "metric": "crowd"},
        {"id": "summed", "metric": "crowd", "labels": ["service!=s0"], "sum": true},
        {"id": "heat", "metric": "heat"},
    ]));
    assert_eq!(fields(&said[0]), ["error", "id", "metric"]);
    let error = &said[0]["error"];
    assert_eq!(fields(error), ["detail", "error", "field", "index"]);
    assert_eq!(error["field"], "queries[0].labels");
    assert!(error["detail"].as_str().unwrap().contains("more than 1000 series"), "{error}");
    assert_eq!(said[1]["series"][0]["points"][3][1], 500_500.0);
    assert_eq!(said[2]["series"][0]["points"][3][1], 43.0);
}

/// Refused as a whole, with the place of the mistake.
#[track_caller]
fn refused(body: &str, status: u16, field: &str, word: &str) {
    let refusal = client().post_text(PATH, body).refused(status);
    assert_eq!(refusal["field"].as_str().unwrap_or_default(), field, "{refusal}");
    assert!(refusal["detail"].as_str().unwrap().contains(word), "no {word:?} in {refusal}");
}

#[test]
fn mistakes_are_named_by_their_place() {
    refused("", 400, "", "empty");
    refused("{\"queries\": [}", 400, "", "line 1");
    refused("[]", 422, "", "an object");
    refused("{}", 422, "queries", "missing");
    refused(r#"{"queries": [], "points": 2001}"#, 422, "points", "2000");
    refused(r#"{"queries": [], "start": 9, "end": 1}"#, 422, "start", "after");
    refused(r#"{"queries": [{"id": "a"}]}"#, 422, "queries[0].metric", "missing");
    let second = |rest: &str| {
        format!(r#"{{"queries": [{{"id": "a", "metric": "m"}}, {{"id": "b", {rest}}}]}}"#)
    };
    refused(&second(r#""metric": 1"#), 422, "queries[1].metric", "a string");
    let labels = second(r#""metric": "m", "labels": ["x"]"#);
    refused(&labels, 422, "queries[1].labels[0]", "name=value");
    refused(&second(r#""metric": "m", "rat": true"#), 422, "queries[1].rat", "unknown");
}

#[test]
fn a_batch_is_bounded() {
    let queries = |n: usize| -> Value {
        (0..n).map(|i| json!({"id": i.to_string(), "metric": "heat"})).collect()
    };
    assert_eq!(results(&queries(64)).len(), 64);
    refused(&body(&queries(65)).to_string(), 422, "queries", "at most 64");
    refused(&" ".repeat(300 << 10), 413, "", "256 KiB");
    refused(&" ".repeat(11 << 20), 413, "", "10 MiB");
}

/// It needs no more than reading does, although it is sent with `POST`; and pages of strangers, to
/// whom a `POST` is closed, may not ask.
#[test]
fn asking_is_reading() {
    let ask = |key: &str| keyed().authorized(key).post(PATH, &json!({"queries": []}));
    ask("read-secret").expect(200);
    ask("ingest-secret").refused(403);
    ask("nonsense").refused(401);
    let foreign = client().request("POST", PATH).header("Origin", "https://evil.example");
    foreign.body(r#"{"queries": []}"#).send().refused(403);
}
