//! Bad input: whatever is sent, the answer says what is wrong with it, nothing of it is stored, and
//! the server goes on.

use std::io::Write as _;
use std::sync::OnceLock;

use e2e::{Answer, Client, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::shared::{list, page};

/// A server of our own, so that its counters tell of these tests alone.
fn client() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::with_config("[collect]\nenabled = false\n")).client()
}

/// Sends a body and checks its refusal: status, field, a word of the detail; and then that the
/// server lives and never panicked.
#[track_caller]
fn check(path: &str, body: impl Into<Vec<u8>>, status: u16, field: &str, word: &str) -> Value {
    let answer = client().request("POST", path).body(body).send();
    check_answer(answer, status, field, word)
}

#[track_caller]
fn check_answer(answer: Answer, status: u16, field: &str, word: &str) -> Value {
    let refusal = answer.refused(status);
    let said = refusal["detail"].as_str().unwrap();
    assert!(said.contains(word), "no {word:?} in {refusal}");
    assert!(said.len() < 1000, "an answer of {} bytes", said.len());
    assert_eq!(refusal["field"].as_str().unwrap_or_default(), field, "{refusal}");
    client().get("/health").expect(200);
    assert_eq!(page(&client()).only("pharos_http_panics_total"), 0.0);
    refusal
}

fn metric(rest: &str) -> String {
    format!(r#"{{"service":"bad","metric_type":"m",{rest}}}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const PATHS: [&str; 5] = ["/services", "/metrics", "/metrics/batch", "/pipelines", "/alerts"];

#[test]
fn broken_json() {
    for path in PATHS {
        for body in ["{", "{\"name\":}", "{'name':'x'}", "{} {}", "nonsense", "{\"a\":1,}"] {
            check(path, body, 400, "", "line 1");
        }
    }
}

#[test]
fn empty_body() {
    for path in PATHS {
        check(path, "", 400, "", "empty");
    }
}

#[test]
fn comments_in_json() {
    for comment in ["// up, down", "/* up */", "# up"] {
        let body = format!("{{\"name\": \"a\", {comment}\n\"status\": \"up\"}}");
        check("/services", body, 400, "", "comments are not JSON");
    }
}

#[test]
fn byte_order_mark() {
    check("/services", "\u{feff}{\"name\":\"a\",\"status\":\"up\"}", 400, "", "byte order mark");
}

#[test]
fn bad_utf8() {
    check("/services", b"{\"name\":\"a\xff\",\"status\":\"up\"}".to_vec(), 400, "", "UTF-8");
}

#[test]
fn not_an_object() {
    for path in ["/services", "/metrics", "/pipelines", "/alerts"] {
        for (body, got) in
            [("[]", "an array"), ("null", "null"), ("1", "a number"), ("\"x\"", "a string")]
        {
            check(path, body, 422, "", got);
        }
    }
}

#[test]
fn wrong_types() {
    for (path, body, field) in [
        ("/services", r#"{"name":1,"status":"up"}"#, "name"),
        ("/services", r#"{"name":"a","status":true}"#, "status"),
        ("/services", r#"{"name":"a","status":"up","endpoint":{}}"#, "endpoint"),
        ("/metrics", r#"{"service":[],"metric_type":"m","value":1}"#, "service"),
        ("/metrics", r#"{"service":"a","metric_type":null,"value":1}"#, "metric_type"),
        ("/metrics", r#"{"service":"a","metric_type":"m","value":"1"}"#, "value"),
        ("/metrics", r#"{"service":"a","metric_type":"m","value":null}"#, "value"),
        ("/metrics", r#"{"service":"a","metric_type":"m","value":1,"labels":[]}"#, "labels"),
        (
            "/metrics",
            r#"{"service":"a","metric_type":"m","value":1,"labels":{"x":{}}}"#,
            "labels.x",
        ),
        (
            "/metrics",
            r#"{"service":"a","metric_type":"m","value":1,"timestamp":true}"#,
            "timestamp",
        ),
        ("/pipelines", r#"{"pipeline_type":1,"status":"running"}"#, "pipeline_type"),
        ("/pipelines", r#"{"pipeline_type":"p","status":"running","metadata":[]}"#, "metadata"),
        ("/alerts", r#"{"title":"t","message":1,"severity":1}"#, "message"),
        ("/alerts", r#"{"title":"t","message":"m","severity":[]}"#, "severity"),
    ] {
        check(path, body, 422, field, &format!("{field:?}"));
    }
}

#[test]
fn missing_fields() {
    for (path, body, field) in [
        ("/services", r#"{"status":"up"}"#, "name"),
        ("/services", r#"{"name":"a"}"#, "status"),
        ("/metrics", r#"{"metric_type":"m","value":1}"#, "service"),
        ("/metrics", r#"{"service":"a","value":1}"#, "metric_type"),
        ("/metrics", r#"{"service":"a","metric_type":"m"}"#, "value"),
        ("/pipelines", r#"{"status":"running"}"#, "pipeline_type"),
        ("/pipelines", r#"{"pipeline_type":"p"}"#, "status"),
        ("/alerts", r#"{"message":"m","severity":1}"#, "title"),
        ("/alerts", r#"{"title":"t","severity":1}"#, "message"),
        ("/alerts", r#"{"title":"t","message":"m"}"#, "severity"),
        ("/metrics/batch", "{}", "metrics"),
    ] {
        check(path, body, 422, field, field);
    }
}

#[test]
fn empty_texts() {
    check("/services", r#"{"name":"","status":"up"}"#, 422, "name", "empty");
    check("/metrics", r#"{"service":"a","metric_type":"","value":1}"#, 422, "metric_type", "empty");
}

#[test]
fn numbers_that_are_none() {
    for value in ["NaN", "Infinity", "-Infinity"] {
        check("/metrics", metric(&format!("\"value\":{value}")), 400, "", "NaN");
    }
    check("/metrics", metric("\"value\":1e999"), 422, "", "too large");
    check("/metrics", metric("\"value\":[1,1e999]"), 422, "", "too large");
    assert_eq!(list(&client(), "/metrics?service=bad&limit=100000").len(), 0);
}

#[test]
fn unknown_severity() {
    let body = r#"{"title":"t","message":"m","severity":"fatal"}"#;
    check("/alerts", body, 422, "severity", "unknown severity \"fatal\"");
}

#[test]
fn unknown_status() {
    check("/services", r#"{"name":"a","status":"fine"}"#, 422, "status", "up, down or unknown");
    let body = r#"{"pipeline_type":"p","status":"paused"}"#;
    check("/pipelines", body, 422, "status", "running, completed or failed");
}

#[test]
fn body_of_eleven_mib() {
    let body = format!(r#"{{"name":"{}","status":"up"}}"#, "x".repeat(11 << 20));
    for path in PATHS {
        check(path, body.clone(), 413, "", "10 MiB");
    }
}

#[test]
fn body_of_eleven_mib_in_chunks() {
    let body = "x".repeat(11 << 20);
    let answer = client().request("POST", "/metrics/batch").body(body).chunked().send();
    check_answer(answer, 413, "", "10 MiB");
}

#[test]
fn gzip_bomb() {
    let bomb = gzip(&vec![b' '; 200 << 20]);
    assert!(bomb.len() < 1 << 20);
    let before = page(&client()).only("process_resident_memory_bytes");
    let request = client().request("POST", "/metrics/batch").header("Content-Encoding", "gzip");
    check_answer(request.body(bomb).send(), 413, "", "10 MiB");
    let grown = page(&client()).only("process_resident_memory_bytes") - before;
    assert!(grown < 100e6, "{grown} bytes more in memory");
}

#[test]
fn gzip_that_is_none() {
    let post = |encoding: &str, body: &[u8]| {
        client().request("POST", "/services").header("Content-Encoding", encoding).body(body).send()
    };
    let good = gzip(br#"{"name":"gzip","status":"up"}"#);
    post("gzip", &good).expect(200);
    check_answer(post("gzip", b"{}"), 400, "", "gzip");
    check_answer(post("gzip", &good[..good.len() - 9]), 400, "", "gzip");
    check_answer(post("br", &good), 415, "", "gzip");
}

#[test]
fn deep_nesting() {
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    for body in [deep(100), deep(100_000), "[".repeat(1_000_000), "{\"a\":".repeat(100_000)] {
        check("/metrics/batch", body, 400, "", "64 levels");
    }
    let body =
        format!(r#"{{"pipeline_type":"p","status":"running","metadata":{{"a":{}}}}}"#, deep(70));
    check("/pipelines", body, 400, "", "64 levels");
}

#[test]
fn long_label_name() {
    let with_name =
        |bytes: usize| metric(&format!(r#""value":1,"labels":{{"{}":"x"}}"#, "n".repeat(bytes)));
    check("/metrics", with_name(129), 422, "labels", "128");
    check("/metrics", with_name(1000), 422, "labels", "at most");
    client().post_text("/metrics", &with_name(128).replace("bad", "good")).expect(200);
}

#[test]
fn long_label_value() {
    let with_value =
        |bytes: usize| metric(&format!(r#""value":1,"labels":{{"v":"{}"}}"#, "v".repeat(bytes)));
    check("/metrics", with_value(4097), 422, "labels.v", "4096");
    client().post_text("/metrics", &with_value(4096).replace("bad", "good")).expect(200);
}

#[test]
fn too_many_labels() {
    let with_labels = |n: usize| {
        let labels: Vec<String> = (0..n).map(|i| format!("\"l{i}\":\"x\"")).collect();
        metric(&format!(r#""value":1,"labels":{{{}}}"#, labels.join(",")))
    };
    check("/metrics", with_labels(41), 422, "labels", "at most 40");
    check("/metrics", with_labels(1000), 422, "labels", "more than 64");
}

#[test]
fn reserved_labels() {
    for name in ["service", "metric_type", "__name__"] {
        let body = metric(&format!(r#""value":1,"labels":{{"{name}":"x"}}"#));
        check("/metrics", body, 422, &format!("labels.{name}"), "reserved");
    }
}

#[test]
fn nul_in_a_label() {
    check("/metrics", metric(r#""value":1,"labels":{"a":"b\u0000"}"#), 422, "labels", "NUL");
}

#[test]
fn long_names() {
    let name = "n".repeat(257);
    check("/services", format!(r#"{{"name":"{name}","status":"up"}}"#), 422, "name", "256");
    let title = format!(r#"{{"title":"{}","message":"m","severity":1}}"#, "t".repeat(1025));
    check("/alerts", title, 422, "title", "1024");
}

#[test]
fn times_far_away() {
    check("/metrics", metric("\"value\":1,\"timestamp\":4102444800"), 422, "timestamp", "ahead");
    check(
        "/metrics",
        metric("\"value\":1,\"timestamp\":1000000000"),
        422,
        "timestamp",
        "retention",
    );
    check("/metrics", metric("\"value\":1,\"timestamp\":-1e300"), 422, "timestamp", "not a time");
}

fn batch(n: usize, service: &str) -> Vec<Value> {
    let item = |i: usize| json!({"service": service, "metric_type": format!("m{i}"), "value": i});
    (0..n).map(item).collect()
}

#[test]
fn batch_of_10_001_items() {
    let items = Value::from(batch(10_001, "too-many"));
    check("/metrics/batch", items.to_string(), 422, "", "more than 10000 items");
    let items = json!({ "metrics": items });
    check("/metrics/batch", items.to_string(), 422, "metrics", "more than 10000 items");
    assert_eq!(list(&client(), "/metrics?service=too-many").len(), 0);
    let answer = client().post("/metrics/batch", &batch(10_000, "just-enough").into());
    assert_eq!(answer.expect(200).json()["count"], 10_000);
}

#[test]
fn one_bad_item_in_a_batch() {
    let mut items = batch(1000, "all-or-none");
    items[567]["value"] = json!("many");
    let body = json!({ "metrics": items }).to_string();
    let refusal = check("/metrics/batch", body, 422, "metrics[567].value", "item 567");
    assert_eq!(refusal["index"], 567);
    assert_eq!(list(&client(), "/metrics?service=all-or-none").len(), 0, "nothing is stored");
    assert_eq!(list(&client(), "/services?name=all-or-none").len(), 0, "nobody is made known");
}

/// What only storing can refuse is refused as a whole too.
#[test]
fn one_item_of_a_batch_out_of_bounds() {
    let mut items = batch(1000, "bounds");
    items[999]["labels"] = json!({"n".repeat(200): "x"});
    let refusal = check("/metrics/batch", Value::from(items).to_string(), 422, "labels", "128");
    assert_eq!(refusal["index"], 999);
    assert_eq!(list(&client(), "/metrics?service=bounds").len(), 0, "nothing is stored");
    assert_eq!(list(&client(), "/services?name=bounds").len(), 0, "nobody is made known");
}

#[test]
fn bad_parameters() {
    for (path, field) in [
        ("/services?status=fine", "status"),
        ("/services?nam=x", "nam"),
        ("/metrics?hours=soon", "hours"),
        ("/metrics?hours=-1", "hours"),
        ("/metrics?hours=NaN", "hours"),
        ("/metrics?service=a&nonsense=1", "nonsense"),
        ("/pipelines?status=up", "status"),
        ("/alerts?acknowledged=perhaps", "acknowledged"),
        ("/alerts?severity=9", "severity"),
        ("/api/v1/monitoring/range", "metric"),
        ("/api/v1/monitoring/range?metric=up&points=0", "points"),
        ("/api/v1/monitoring/range?metric=up&points=2001", "points"),
        ("/api/v1/monitoring/range?metric=up&start=now", "start"),
        ("/api/v1/monitoring/range?metric=up&start=9&end=1", "start"),
        ("/api/v1/monitoring/range?metric=up&label=x", "label"),
        ("/api/v1/monitoring/range?metric=up&rate=2", "rate"),
    ] {
        check_answer(client().get(path), 422, field, "");
    }
}

#[test]
fn ranges_of_all_time() {
    for (start, end) in
        [("0001-01-01", "9799-12-31T23:59:59Z"), ("0", "1e11"), ("-6.2e10", "2.5e11")]
    {
        let path = format!("/api/v1/monitoring/range?metric=up&start={start}&end={end}");
        client().get(&path).expect(200);
    }
    client().get("/metrics?hours=876000").expect(200);
}

#[test]
fn undecodable_paths_and_queries() {
    for path in [
        "/services?name=%FF%FE",
        "/services?name=%zz",
        "/metrics/json/%FF",
        "/%00",
        "/../etc/passwd",
        "/assets/..%2f..%2fetc/passwd",
        "/monitoring/%2e%2e/x",
    ] {
        let answer = client().get(path);
        assert!(answer.status < 500, "{path}: {}", answer.status);
        assert!(!answer.text().contains("root:"), "{path}");
    }
    client().get("/health").expect(200);
}

#[test]
fn alerts_that_are_not_there() {
    for id in ["0", "-1", "x", "99999999999999999999", "%20"] {
        let path = format!("/alerts/{id}/acknowledge");
        let answer = client().post(&path, &json!({"user": "ada"}));
        check_answer(answer, 404, "", "no alert");
    }
}

#[test]
fn methods_that_are_not_served() {
    for (method, path) in [
        ("PUT", "/services"),
        ("DELETE", "/alerts"),
        ("POST", "/health"),
        ("PATCH", "/metrics"),
        ("BREW", "/metrics"),
    ] {
        let answer = client().request(method, path).send();
        assert!(answer.header("allow").is_some(), "{method} {path} names no methods");
        check_answer(answer, 405, "", method);
    }
}

/// Bytes that are no HTTP end their connection and nothing else.
#[test]
fn no_http_at_all() {
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = std::net::TcpStream::connect(client().address()).unwrap();
        stream.write_all(bytes).unwrap();
        drop(stream);
        client().get("/health").expect(200);
    }
}

#[test]
fn headers_without_measure() {
    let long = "x".repeat(1 << 20);
    let answer = client().request("GET", "/health").header("X-Long", &long).send();
    assert_eq!(answer.status, 431);
    client().get("/health").expect(200);
}
