//! OpenAPI: the document is the truth about the routes, and a program that believes it finds no
//! server error.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::Command;

use e2e::{Answer, Client, Server, schemathesis};

use crate::shared::{SCOPES, keyed, open};

/// Never ends, so it is looked at apart.
const STREAM: &str = "/api/v1/monitoring/live";

/// Who may ask what: every documented route, and the pages that are no API.
pub(crate) const ACCESS: &[(&str, &str, &str)] = &[
    ("POST", "/api/v1/admin/tsdb/flush", "admin"),
    ("POST", "/api/v1/admin/tsdb/compact", "admin"),
    ("POST", "/api/v1/admin/tsdb/snapshot", "admin"),
    ("POST", "/api/v1/admin/tsdb/delete_series", "admin"),
    ("POST", "/api/v1/admin/tsdb/clean_tombstones", "admin"),
    ("PUT", "/api/v1/admin/tsdb/snapshot", "admin"),
    ("PUT", "/api/v1/admin/tsdb/delete_series", "admin"),
    ("PUT", "/api/v1/admin/tsdb/clean_tombstones", "admin"),
    ("GET", "/", "public"),
    ("GET", "/health", "public"),
    ("GET", "/healthz", "public"),
    ("GET", "/-/healthy", "public"),
    ("GET", "/-/ready", "public"),
    ("GET", "/api/docs", "public"),
    ("GET", "/api/redoc", "public"),
    ("GET", "/api/openapi.json", "read"),
    ("GET", "/metrics", "scrape"),
    ("GET", "/metrics/json", "scrape"),
    ("GET", "/metrics/json/{collector}", "scrape"),
    ("POST", "/metrics", "ingest"),
    ("POST", "/metrics/batch", "ingest"),
    ("POST", "/api/v1/write", "ingest"),
    ("POST", "/api/v1/import", "ingest"),
    ("POST", "/api/v1/import/prometheus", "ingest"),
    ("POST", "/api/v1/import/csv", "ingest"),
    ("POST", "/write", "ingest"),
    ("POST", "/api/v2/write", "ingest"),
    ("POST", "/query", "ingest"),
    ("GET", "/ping", "public"),
    ("POST", "/metrics/job/{job}", "ingest"),
    ("PUT", "/metrics/job/{job}", "ingest"),
    ("DELETE", "/metrics/job/{job}", "ingest"),
    ("POST", "/api/v1/read", "read"),
    ("POST", "/v1/metrics", "ingest"),
    ("POST", "/api/v1/otlp/v1/metrics", "ingest"),
    ("GET", "/services", "read"),
    ("POST", "/services", "ingest"),
    ("GET", "/pipelines", "read"),
    ("POST", "/pipelines", "ingest"),
    ("GET", "/alerts", "read"),
    ("POST", "/alerts", "ingest"),
    ("POST", "/alerts/{id}/acknowledge", "admin"),
    ("GET", "/api/v1/status/tsdb", "read"),
    ("GET", "/api/v1/query", "read"),
    ("POST", "/api/v1/query", "read"),
    ("GET", "/api/v1/query_range", "read"),
    ("POST", "/api/v1/query_range", "read"),
    ("GET", "/api/v1/query_exemplars", "read"),
    ("POST", "/api/v1/query_exemplars", "read"),
    ("GET", "/api/v1/series", "read"),
    ("POST", "/api/v1/series", "read"),
    ("GET", "/api/v1/labels", "read"),
    ("POST", "/api/v1/labels", "read"),
    ("GET", "/api/v1/format_query", "read"),
    ("POST", "/api/v1/format_query", "read"),
    ("GET", "/api/v1/parse_query", "read"),
    ("POST", "/api/v1/parse_query", "read"),
    ("GET", "/api/v1/label/{name}/values", "read"),
    ("GET", "/api/v1/metadata", "read"),
    ("GET", "/api/v1/targets", "read"),
    ("GET", "/api/v1/targets/metadata", "read"),
    ("GET", "/api/v1/scrape_pools", "read"),
    ("GET", "/api/v1/rules", "read"),
    ("GET", "/api/v1/alerts", "read"),
    ("GET", "/api/v1/alertmanagers", "read"),
    ("GET", "/api/v1/features", "read"),
    ("GET", "/api/v1/notifications", "read"),
    ("GET", "/api/v1/status/config", "read"),
    ("GET", "/api/v1/status/flags", "read"),
    ("GET", "/api/v1/status/runtimeinfo", "read"),
    ("GET", "/api/v1/status/buildinfo", "read"),
    ("GET", "/api/v1/status/walreplay", "read"),
    ("GET", "/federate", "read"),
    ("GET", "/api/v1/monitoring/names", "read"),
    ("GET", "/api/v1/monitoring/range", "read"),
    ("POST", "/api/v1/monitoring/ranges", "read"),
    ("GET", STREAM, "read"),
    // Not in the document.
    ("POST", "/v1/logs", "ingest"),
    ("POST", "/api/v1/otlp/v1/traces", "ingest"),
    ("POST", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "ingest"),
    ("GET", "/v1/metrics", "admin"),
    ("GET", "/metrics?service=a", "read"),
    ("GET", "/monitoring", "public"),
    ("GET", "/monitoring/alerts", "public"),
    ("GET", "/dashboard", "public"),
    ("GET", "/nothing/here", "admin"),
    ("DELETE", "/services", "admin"),
];

/// Method and path template of every documented operation.
pub(crate) fn documented() -> BTreeSet<(String, String)> {
    let document = open().json("/api/openapi.json");
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations.insert((method.to_uppercase(), path.clone()));
        }
    }
    assert!(operations.len() > 15, "{operations:?}");
    operations
}

/// Asks for a path template with a value in each place. Of the stream, the head alone is read.
fn ask(client: &Client, method: &str, template: &str) -> Answer {
    let path = template.replace("{id}", "1").replace("{collector}", "cpu").replace("{job}", "a");
    let path = path.replace("{name}", "job");
    client.request(method, &path).send()
}

/// The status of an answer that may never end.
fn status_of(client: &Client, method: &str, template: &str) -> u16 {
    if template != STREAM {
        return ask(client, method, template).status;
    }
    let mut head = [0; 12];
    client.request(method, template).open().read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head[9..]).parse().unwrap()
}

#[test]
fn every_documented_operation_is_served() {
    for (method, path) in documented() {
        let status = status_of(&open(), &method, &path);
        let served = status != 404 || path.contains("{id}");
        assert!(served && status != 405 && status < 500, "{method} {path}: {status}");
    }
}

#[test]
fn every_documented_operation_is_in_the_table_of_access() {
    let in_table: BTreeSet<(String, String)> =
        ACCESS.iter().map(|(method, path, _)| ((*method).into(), (*path).into())).collect();
    assert_eq!(in_table.len(), ACCESS.len(), "a route stands in the table twice");
    let missing: Vec<_> = documented().difference(&in_table).cloned().collect();
    assert!(missing.is_empty(), "say who may ask: {missing:?}");
}

#[test]
fn operations_describe_themselves() {
    let document = open().json("/api/openapi.json");
    let mut silent = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let described =
                operation["summary"].is_string() || operation["description"].is_string();
            if !described || operation["tags"].as_array().is_none_or(Vec::is_empty) {
                silent.push(format!("{method} {path}"));
            }
            let responses = operation["responses"].as_object().unwrap();
            assert!(!responses.is_empty(), "{method} {path} has no responses");
        }
    }
    assert!(silent.is_empty(), "no summary or tag: {silent:?}");
}

#[test]
fn without_a_key_only_public_routes_answer() {
    for &(method, path, access) in ACCESS {
        let status = status_of(&keyed(), method, path);
        assert_eq!(status != 401, access == "public", "{method} {path}: {status}");
        if access != "public" && path != STREAM {
            ask(&keyed(), method, path).refused(401);
        }
    }
}

#[test]
fn a_key_opens_what_its_scope_says() {
    for scope in SCOPES {
        let client = keyed().authorized(&format!("Bearer {scope}-secret"));
        for &(method, path, access) in ACCESS {
            let may = access == "public" || access == scope || scope == "admin";
            let status = status_of(&client, method, path);
            assert_ne!(status, 401, "{scope}: {method} {path}");
            assert_eq!(status != 403, may, "{scope}: {method} {path}: {status}");
        }
    }
}

#[test]
fn scopes_are_not_lost_by_slashes_or_head() {
    for path in ["/services/", "/services//", "/metrics/?hours=1", "/api/openapi.json/"] {
        keyed().get(path).refused(401);
    }
    for path in ["/services", "/metrics", "/api/v1/monitoring/names"] {
        let status = keyed().request("HEAD", path).send().status;
        assert_eq!(status, 401, "HEAD {path}");
    }
    let trick = keyed().get("//services");
    assert!(trick.status == 401 || trick.status == 404, "{}", trick.status);
}

fn has_security_headers(answer: &Answer) {
    for (name, word) in [
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        let value = answer.header(name).unwrap_or_default();
        assert!(value.contains(word), "{name}: {value:?} in {answer:?}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).unwrap();
    assert_eq!(scripts.trim(), "script-src 'self'", "no inline code");
}

#[test]
fn security_headers_stand_on_every_answer() {
    for &(method, path, _) in ACCESS {
        if path != STREAM {
            has_security_headers(&ask(&open(), method, path));
            has_security_headers(&ask(&keyed(), method, path));
        }
    }
    for path in ["/services?limit=0", "/monitoring/any/view", "/assets/none.js"] {
        has_security_headers(&open().get(path));
    }
    has_security_headers(&keyed().authorized("scrape-secret").get("/services").expect(403));
    let large = vec![b' '; 11 << 20];
    has_security_headers(&open().request("POST", "/alerts").body(large).send().expect(413));
    let foreign = open().request("POST", "/alerts").header("Origin", "https://evil.example");
    has_security_headers(&foreign.send().expect(403));
}

#[test]
fn schemathesis_finds_no_server_error() {
    let Some(program) = schemathesis() else { return };
    let server = Server::with_config("[collect]\ninterval = \"1s\"\n");
    e2e::eventually(crate::shared::SOON, "the host was read", || {
        server.client().get("/metrics/json").status == 200
    });
    let output = Command::new(program)
        .args(["run", &format!("{}/api/openapi.json", server.client().url())])
        .args(["--checks", "not_a_server_error", "--max-examples", "50", "--workers", "2"])
        .args(["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"])
        .args(["--exclude-path", STREAM, "--request-timeout", "10"])
        .current_dir(server.dir())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Tested: "), "it tested nothing: {said}");
    let page = crate::shared::page(&server.client());
    assert_eq!(page.only("pharos_http_panics_total"), 0.0);
    server.client().get("/health").expect(200);
}
