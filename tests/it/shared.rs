//! Servers that many tests look at, so that few are started, and small things that all tests say.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Client, Page, Server, eventually};
use serde_json::Value;

/// Longer than anything takes on a busy machine, shorter than anyone's patience.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// A client of a server with every default, which reads its host each second and has read it.
pub(crate) fn open() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start = || {
        let server = Server::with_config("[collect]\ninterval = \"1s\"\n");
        eventually(SOON, "the host is read", || server.client().get("/metrics/json").status == 200);
        server
    };
    SERVER.get_or_init(start).client()
}

/// The secrets of [`keyed`], each named after its scope.
pub(crate) const SCOPES: [&str; 4] = ["ingest", "scrape", "read", "admin"];

/// A client without a key, of a server that asks for one. Keys are `ingest-secret` and so on, one
/// for each of [`SCOPES`].
pub(crate) fn keyed() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::with_config(&keys(&SCOPES))).client()
}

/// The configuration of keys named `<scope>-secret` with one scope each.
pub(crate) fn keys(scopes: &[&str]) -> String {
    let key = |scope: &&str| {
        format!("[[keys]]\nname = \"{scope}\"\nkey = \"{scope}-secret\"\nscopes = [\"{scope}\"]\n")
    };
    scopes.iter().map(key).collect()
}

/// The exposition page.
#[track_caller]
pub(crate) fn page(client: &Client) -> Page {
    Page::parse(&client.get("/metrics").expect(200).text())
}

/// The elements of a list.
#[track_caller]
pub(crate) fn list(client: &Client, path: &str) -> Vec<Value> {
    let body = client.json(path);
    body.as_array().unwrap_or_else(|| panic!("{path} is no plain array: {body}")).clone()
}

/// The names of an object's fields, sorted.
#[track_caller]
pub(crate) fn fields(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The values of all points of the one series that a range question finds.
#[track_caller]
pub(crate) fn stored(client: &Client, question: &str) -> Vec<f64> {
    let body = client.json(&format!("/api/v1/monitoring/range?{question}"));
    let series = body["series"].as_array().unwrap();
    assert!(series.len() <= 1, "more than one series: {body}");
    let points = series.iter().flat_map(|series| series["points"].as_array().unwrap());
    points.filter_map(|point| point[1].as_f64()).collect()
}

/// Percent signs for all that is not plain.
pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    let text = |text: &str| -> String {
        let byte = |b: u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => char::from(b).into(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", text(name), text(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The newest value of the one series that a selector finds; it may be stamped a little ahead.
#[track_caller]
pub(crate) fn newest(client: &Client, selector: &str) -> Option<f64> {
    let query = format!("last_over_time({selector}[1h])");
    let soon_s = (SystemTime::now() + Duration::from_secs(60)).duration_since(UNIX_EPOCH);
    let time = soon_s.expect("a time after 1970").as_secs().to_string();
    let question = encoded(&[("query", &query), ("time", &time)]);
    let body = client.json(&format!("/api/v1/query?{question}"));
    let found = body["data"]["result"].as_array().unwrap();
    assert!(found.len() <= 1, "more than one series: {body}");
    found.first().map(|series| series["value"][1].as_str().unwrap().parse().unwrap())
}
