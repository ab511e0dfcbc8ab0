//! OTLP: what OpenTelemetry's SDK sends over HTTP and gRPC is found again, and a sender is told in
//! its own encoding what was refused and whether to come back.

mod listen;

use std::io::Write as _;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Answer, Client, Server, opentelemetry};
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::shared::{keyed, keys, newest as last, page};

const PATH: &str = "/v1/metrics";
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let config = "[collect]\nenabled = false\n[otlp]\ngrpc_listen = [\"127.0.0.1:0\"]\n";
    SERVER.get_or_init(|| Server::with_config(config))
}

fn client() -> Client {
    server().client()
}

/// Where a server listens for gRPC alone.
fn grpc_url(server: &Server) -> String {
    let line = server.banner().lines().find(|line| line.trim().starts_with("OTLP gRPC")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

fn now_ns() -> u64 {
    let since: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_nanos() as u64
}

/// A message of one metric.
fn message(metric: &Value) -> Value {
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
}

fn gauge(name: &str, points: &Value) -> Value {
    message(&json!({"name": name, "gauge": {"dataPoints": points}}))
}

fn point(value: f64, time_ns: u64) -> Value {
    json!({"asDouble": value, "timeUnixNano": time_ns.to_string()})
}

fn send(client: &Client, message: &Value) -> Answer {
    client.post(PATH, message)
}

fn send_as(client: &Client, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    client.request("POST", PATH).header("Content-Type", content_type).body(body).send()
}

/// Sends with OpenTelemetry's SDK; how its exports ended.
fn sdk(arguments: &[&str]) -> Option<String> {
    let script = e2e::root().join("tests/it/otlp/send.py");
    let output = Command::new(opentelemetry()?).arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{}", String::from_utf8_lossy(&output.stderr));
    Some(said.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What the script sends, whichever way it comes and however it counts.
#[track_caller]
fn check_sdk(protocol: &str, temporality: &str) {
    let url = match protocol {
        "grpc" => grpc_url(server()),
        _ => format!("{}{PATH}", client().url()),
    };
    let Some(said) = sdk(&[protocol, &url, temporality]) else { return };
    assert_eq!(said, "SUCCESS SUCCESS");
    let job = format!("job=\"{protocol}.{}\"", temporality.to_lowercase());
    let last = |metric: &str, label: &str| last(&client(), &format!("{metric}{{{label}{job}}}"));
    assert_eq!(last("sdk_requests_total", "http_method=\"GET\","), Some(7.0));
    assert_eq!(last("sdk_memory_bytes", ""), Some(1024.5));
    assert_eq!(last("sdk_queue", ""), Some(-7.0));
    for (le, count) in [("0.1", 0.0), ("1", 2.0), ("+Inf", 4.0)] {
        let found = last("sdk_duration_seconds_bucket", &format!("le=\"{le}\","));
        assert_eq!(found, Some(count), "le {le}");
    }
    assert_eq!(last("sdk_duration_seconds_count", ""), Some(4.0));
    assert_eq!(last("sdk_duration_seconds_sum", ""), Some(7.0));
    assert_eq!(last("target_info", "deployment_environment=\"test\","), Some(1.0));
}

#[test]
fn the_sdk_sends_over_http() {
    check_sdk("http", "CUMULATIVE");
}

#[test]
fn the_sdk_sends_deltas_over_http() {
    check_sdk("http", "DELTA");
}

#[test]
fn the_sdk_sends_over_grpc() {
    check_sdk("grpc", "CUMULATIVE");
}

#[test]
fn the_sdk_sends_deltas_over_grpc() {
    check_sdk("grpc", "DELTA");
}

/// The keys of HTTP are those of gRPC, on the port of everything else too.
#[test]
fn grpc_asks_for_a_key() {
    let off = "[collect]\nenabled = false\n[otlp]\ngrpc_listen = [\"127.0.0.1:0\"]\n";
    let server = Server::with_config(&format!("{off}{}", keys(&["ingest", "read"])));
    let client = server.client();
    let Some(said) = sdk(&["grpc", &grpc_url(&server), "CUMULATIVE"]) else { return };
    assert_eq!(said, "FAILURE FAILURE");
    let denied = sdk(&["grpc", &client.url(), "CUMULATIVE", "read-secret"]).unwrap();
    assert_eq!(denied, "FAILURE FAILURE");
    let found = |client: &Client| last(client, "sdk_requests_total");
    let reader = client.authorized("Bearer read-secret");
    assert_eq!(found(&reader), None);
    let taken = sdk(&["grpc", &client.url(), "CUMULATIVE", "ingest-secret"]).unwrap();
    assert_eq!(taken, "SUCCESS SUCCESS");
    assert_eq!(found(&reader), Some(7.0));
}

#[test]
fn both_paths_take_json_and_protobuf() {
    let message = gauge("otlp.json", &json!([point(1.5, now_ns())]));
    let answer = send(&client(), &message).expect(200);
    assert_eq!(answer.header("content-type"), Some(JSON));
    assert_eq!(answer.json(), json!({}));
    assert_eq!(last(&client(), "otlp_json"), Some(1.5));
    let prometheus = "/api/v1/otlp/v1/metrics";
    client().post(prometheus, &gauge("otlp.there", &json!([point(2.5, now_ns())]))).expect(200);
    assert_eq!(last(&client(), "otlp_there"), Some(2.5));
    for path in [PATH, prometheus, "/v1/metrics/"] {
        let request = client().request("POST", path).header("Content-Type", PROTOBUF);
        let answer = request.send().expect(200);
        assert_eq!(answer.header("content-type"), Some(PROTOBUF));
        assert!(answer.body.is_empty(), "the empty message answers the empty message");
    }
}

#[test]
fn bodies_may_be_gzip() {
    let message = gauge("otlp.packed", &json!([point(3.5, now_ns())])).to_string();
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(message.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let send = |encoding: &str, body: &[u8]| {
        let request = client().request("POST", PATH).header("Content-Type", JSON);
        request.header("Content-Encoding", encoding).body(body).send()
    };
    send("gzip", &packed).expect(200);
    assert_eq!(last(&client(), "otlp_packed"), Some(3.5));
    send("gzip", message.as_bytes()).expect(400);
    send("gzip", &packed[..packed.len() / 2]).expect(400);
    send("br", &packed).expect(415);
}

/// A frame of zstd that holds a text as it is.
fn zstd(text: &[u8]) -> Vec<u8> {
    assert!((256..65_536 + 256).contains(&text.len()), "two bytes say its length");
    let length = (text.len() as u16).wrapping_sub(256).to_le_bytes();
    let block = (text.len() as u32) << 3 | 1;
    let head = [0x28, 0xb5, 0x2f, 0xfd, 0x60];
    [&head[..], &length, &block.to_le_bytes()[..3], text].concat()
}

#[test]
fn bodies_may_be_zstd() {
    let mut message = gauge("otlp.zstd", &json!([point(4.5, now_ns())])).to_string();
    message.push_str(&" ".repeat(256));
    let send = |body: &[u8]| {
        let request = client().request("POST", PATH).header("Content-Type", JSON);
        request.header("Content-Encoding", "zstd").body(body).send()
    };
    send(&zstd(message.as_bytes())).expect(200);
    assert_eq!(last(&client(), "otlp_zstd"), Some(4.5));
    let cut = &zstd(message.as_bytes())[..100];
    for body in [cut, message.as_bytes()] {
        let status = send(body).expect(400).json();
        assert!(status["message"].as_str().unwrap().contains("not zstd"), "{status}");
    }
}

/// An answer of success to what is not stored would be believed.
#[test]
fn what_is_sent_to_the_wrong_place_is_refused() {
    for (key, words) in [
        ("resourceSpans", "\"resourceSpans\" holds traces"),
        ("resourceLogs", "\"resourceLogs\" holds logs"),
        ("resource_metrics", "is \"resourceMetrics\" in OTLP's JSON"),
    ] {
        let status = client().post(PATH, &json!({key: [{}]})).expect(400).json();
        let said = status["message"].as_str().unwrap();
        assert!(said.contains(key) && said.contains(words), "{status}");
    }
}

#[test]
fn a_time_in_another_unit_is_told() {
    let now = now_ns();
    for (time, words) in [
        (now / 1_000_000, "times 1000000 it would be of now: check its unit"),
        (now / 1000, "times 1000 it would be of now: check its unit"),
    ] {
        let answer = send(&client(), &gauge("otlp.unit", &json!([point(1.0, time)])));
        let partial = &answer.expect(200).json()["partialSuccess"];
        assert_eq!(partial["rejectedDataPoints"], "1", "{partial}");
        assert!(partial["errorMessage"].as_str().unwrap().contains(words), "{partial}");
    }
}

/// A gzip of a thousandth of what is in it, and a body that is too large as it is.
#[test]
fn large_bodies_are_refused() {
    let mut bomb = GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..40 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let request = client().request("POST", PATH).header("Content-Type", PROTOBUF);
    let refused = request.header("Content-Encoding", "gzip").body(bomb.finish().unwrap()).send();
    refused.expect(413);
    send_as(&client(), PROTOBUF, vec![0; 33 << 20]).expect(413);
    assert_eq!(page(&client()).only("pharos_http_panics_total"), 0.0);
}

#[test]
fn refused_points_are_counted_and_named() {
    let ahead = now_ns() + 48 * 3_600_000_000_000;
    let points = json!([point(1.0, now_ns()), point(2.0, ahead), point(3.0, 0)]);
    let answer = send(&client(), &gauge("otlp.partial", &points)).expect(200).json();
    let partial = &answer["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "2", "{answer}");
    let reasons = partial["errorMessage"].as_str().unwrap();
    for words in ["otlp_partial", "ahead of this server's clock", "a point without a time"] {
        assert!(reasons.contains(words), "no {words:?} in {reasons}");
    }
    assert_eq!(last(&client(), "otlp_partial"), Some(1.0));
    let page = page(&client());
    let rejected = |reason: &str| {
        let mut all = page.all("pharos_ingest_rejected_total");
        all.find(|one| one.labels["reason"] == reason).map(|one| one.value)
    };
    assert!(rejected("too_far_ahead") >= Some(1.0));
    assert!(rejected("bad_point") >= Some(1.0));
}

/// Storage refuses a series of the point; the others of the message are there.
#[test]
fn points_beyond_a_bound_are_refused() {
    let labels: Vec<Value> =
        (0..50).map(|n| json!({"key": format!("k{n}"), "value": {"stringValue": "v"}})).collect();
    let mut wide = point(1.0, now_ns());
    wide["attributes"] = labels.into();
    let points = json!([wide, point(2.0, now_ns())]);
    let answer = send(&client(), &gauge("otlp.wide", &points)).expect(200).json();
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], "1", "{answer}");
    let reasons = answer["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(reasons.contains("51 labels, at most 40 are taken"), "{reasons}");
    assert_eq!(last(&client(), "otlp_wide"), Some(2.0));
}

#[test]
fn a_refusal_is_a_status_in_the_encoding_of_the_request() {
    let refused = send_as(&client(), JSON, "{\"resourceMetrics\": 5}").expect(400);
    assert_eq!(refused.header("content-type"), Some(JSON));
    let status = refused.json();
    assert_eq!(status["code"], 3);
    let words = status["message"].as_str().unwrap();
    assert!(words.contains("\"resourceMetrics\" is not a list"), "{words}");
    let refused = send_as(&client(), PROTOBUF, vec![0xff; 4]).expect(400);
    assert_eq!(refused.header("content-type"), Some(PROTOBUF));
    assert!(refused.body.starts_with(&[0x08, 3, 0x12]), "{:?}", refused.body);
    send_as(&client(), "text/plain", "x").refused(415);
    send_as(&client(), "application/grpc", "x").expect(200);
    let keyless = send_as(&keyed(), JSON, "{}").expect(401).json();
    assert_eq!(keyless["code"], 16);
    let wrong = keyed().authorized("Bearer read-secret");
    assert_eq!(send_as(&wrong, JSON, "{}").expect(403).json()["code"], 7);
}

#[test]
fn what_is_not_stored_is_never_taken() {
    for (path, words) in [
        ("/v1/logs", "logs are not stored"),
        ("/v1/traces", "traces are not stored"),
        ("/api/v1/otlp/v1/logs", "logs are not stored"),
        ("/api/v1/otlp/v1/traces/", "traces are not stored"),
    ] {
        let status = client().post(path, &json!({})).expect(404).json();
        assert_eq!(status["code"], 5);
        assert!(status["message"].as_str().unwrap().contains(words), "{status}");
        let request = keyed().request("POST", path).header("Content-Type", PROTOBUF);
        request.send().expect(401);
    }
}

/// A delta that was sent twice counts once; one that a sender held back too long is refused.
#[test]
fn deltas_add_up() {
    let now = now_ns();
    let send_delta = |value: f64, after_ns: u64| {
        let mut point = point(value, now + after_ns);
        point["startTimeUnixNano"] = (now - 1_000_000_000).to_string().into();
        let sum = json!({"dataPoints": [point], "aggregationTemporality": 1, "isMonotonic": true});
        send(&client(), &message(&json!({"name": "otlp.delta", "sum": sum}))).expect(200).json()
    };
    assert_eq!(send_delta(5.0, 0), json!({}));
    assert_eq!(send_delta(2.0, 20_000_000), json!({}));
    assert_eq!(send_delta(2.0, 20_000_000), json!({}));
    assert_eq!(last(&client(), "otlp_delta_total"), Some(7.0));
    let late = send_delta(1.0, 10_000_000);
    assert_eq!(late["partialSuccess"]["rejectedDataPoints"], "1", "{late}");
    assert!(page(&client()).only("pharos_otlp_delta_series") >= 1.0);
}

/// What was answered is there after the process was taken away.
#[test]
fn an_answer_means_durable() {
    let mut first = Server::with_config("[collect]\nenabled = false\n");
    let message = gauge("otlp.kept", &json!([point(4.5, now_ns())]));
    send(&first.client(), &message).expect(200);
    first.kill();
    let again = e2e::Starting::default().config("[collect]\nenabled = false\n");
    let again = again.data_dir(first.data_dir()).start();
    assert_eq!(last(&again.client(), "otlp_kept"), Some(4.5));
}

#[test]
fn settings_decide_what_names_become() {
    let config = "[collect]\nenabled = false\n[otlp]\n\
                  translation_strategy = \"UnderscoreEscapingWithoutSuffixes\"\n\
                  promote_resource_attributes = [\"host.name\"]\npromote_scope_metadata = true\n";
    let server = Server::with_config(config);
    let metric =
        json!({"name": "a.b", "unit": "s", "gauge": {"dataPoints": [point(1.0, now_ns())]}});
    let message = json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "h"}}]},
        "scopeMetrics": [{"scope": {"name": "lib"}, "metrics": [metric]}],
    }]});
    send(&server.client(), &message).expect(200);
    let selector = "a_b{host_name=\"h\",otel_scope_name=\"lib\"}";
    assert_eq!(last(&server.client(), selector), Some(1.0));
    server.write_config("[collect]\nenabled = false\n");
    server.reload();
    e2e::eventually(crate::shared::SOON, "the new strategy is in force", || {
        send(&server.client(), &message).expect(200);
        last(&server.client(), "a_b_seconds").is_some()
    });
}
