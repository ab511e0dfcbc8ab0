//! Where the families contradict each other: one test (or some) per decision.

use std::net::{Ipv4Addr, TcpListener};

use base64::Engine as _;
use e2e::{Client, Server, Starting, eventually, free_port, pharos};
use serde_json::{Value, json};

use crate::shared::{SCOPES, SOON, fields, keyed, keys, list, open, page, stored};

#[test]
fn r1_severities_of_every_dialect() {
    let client = open();
    for (given, number, name) in [
        (json!(1), 1, "info"),
        (json!("LOW"), 1, "info"),
        (json!("Info"), 1, "info"),
        (json!(2), 2, "warning"),
        (json!("MEDIUM"), 2, "warning"),
        (json!("warning"), 2, "warning"),
        (json!("HIGH"), 3, "error"),
        (json!("error"), 3, "error"),
        (json!(3), 3, "critical"),
        (json!(4), 3, "critical"),
        (json!("CRITICAL"), 3, "critical"),
    ] {
        let body = json!({"title": "t", "message": "m", "severity": given, "service": "r1"});
        client.post("/alerts", &body).expect(200);
        let alert = list(&client, "/alerts?service=r1&limit=1")[0].clone();
        assert_eq!(alert["severity"], number, "{given}");
        assert_eq!(alert["severity_name"], name, "{given}");
    }
    let number_three = list(&client, "/alerts?service=r1&severity=3");
    assert_eq!(number_three.len(), 5, "3 is shown for error and critical, and finds both");
}

#[test]
fn r1_unknown_severity_is_refused() {
    for given in [json!(0), json!(5), json!(-1), json!(2.5), json!("fatal"), json!("")] {
        let body = json!({"title": "t", "message": "m", "severity": given});
        assert_eq!(open().post("/alerts", &body).refused(422)["field"], "severity", "{given}");
    }
}

#[test]
fn r2_metrics_path_by_method_and_query() {
    let client = open();
    let body = json!({"service": "r2", "metric_type": "cpu", "value": 7});
    for path in ["/metrics", "/metrics/"] {
        client.post(path, &body).expect(200);
        let text = client.get(path).expect(200);
        assert!(text.header("content-type").unwrap().starts_with("text/plain"), "{path}");
        for query in ["service=r2", "metric_type=cpu", "hours=1"] {
            let path = format!("{path}?{query}");
            assert!(!list(&client, &path).is_empty(), "{path}");
        }
        // A scraper may add parameters of its own.
        let text = client.get(&format!("{path}?format=prometheus")).expect(200);
        assert!(text.header("content-type").unwrap().starts_with("text/plain"), "{path}");
    }
    client.get("/metrics/json").expect(200);
    client.request("HEAD", "/metrics").send().expect(200);
}

#[test]
fn r2_page_as_open_metrics_and_protobuf() {
    let asked = |accept: &str| open().request("GET", "/metrics").header("Accept", accept).send();
    let answer = asked("application/openmetrics-text;version=1.0.0").expect(200);
    let content_type = answer.header("content-type").unwrap();
    assert!(
        content_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{content_type}"
    );
    assert!(answer.text().ends_with("# EOF\n"));
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
        encoding=delimited";
    let answer = asked(protobuf).expect(200);
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("application/vnd.google.protobuf"), "{content_type}");
}

#[test]
fn r3_every_form_of_a_key() {
    let basic =
        |pair: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    for value in [
        "Bearer read-secret".to_owned(),
        "bearer read-secret".to_owned(),
        "read-secret".to_owned(),
        basic("anyone:read-secret"),
        basic(":read-secret"),
    ] {
        keyed().authorized(&value).get("/services").expect(200);
    }
    for value in [
        "Bearer wrong".to_owned(),
        "Bearer ".to_owned(),
        "Bearer read-secret2".to_owned(),
        "Bearer READ-SECRET".to_owned(),
        "Digest read-secret".to_owned(),
        basic("read-secret:"),
        basic("read-secret"),
        "Basic !!!".to_owned(),
        String::new(),
    ] {
        keyed().authorized(&value).get("/services").refused(401);
    }
    keyed().get("/services").refused(401);
}

#[test]
fn r3_body_of_a_401() {
    let answer = keyed().get("/metrics");
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    let body = answer.refused(401);
    assert_eq!(body["error"], "Unauthorized");
    assert_eq!(fields(&body), ["detail", "error"]);
}

#[test]
fn r3_scopes() {
    let metric = json!({"service": "r3", "metric_type": "cpu", "value": 1});
    let post = |client: &Client| client.post("/metrics", &metric).status;
    let get = |path: &'static str| move |client: &Client| client.get(path).status;
    let user = json!({"user": "ada"});
    let acknowledge = |client: &Client| client.post("/alerts/99999/acknowledge", &user).status;
    let outcome = |ask: &dyn Fn(&Client) -> u16| {
        SCOPES.map(|scope| ask(&keyed().authorized(&format!("Bearer {scope}-secret"))))
    };
    // In the order of SCOPES: ingest, scrape, read, admin.
    assert_eq!(outcome(&post), [200, 403, 403, 200]);
    assert_eq!(outcome(&get("/metrics")), [403, 200, 403, 200]);
    assert_eq!(outcome(&get("/metrics?hours=1")), [403, 403, 200, 200]);
    assert_eq!(outcome(&get("/alerts")), [403, 403, 200, 200]);
    assert_eq!(outcome(&get("/api/v1/monitoring/names")), [403, 403, 200, 200]);
    assert_eq!(outcome(&acknowledge), [403, 403, 403, 404]);
}

#[test]
fn r3_a_key_without_the_scope_is_told_so() {
    let body = keyed().authorized("Bearer scrape-secret").get("/services").refused(403);
    assert!(body["detail"].as_str().unwrap().contains("read"), "{body}");
    assert!(!body.to_string().contains("scrape-secret"), "{body}");
}

#[test]
fn r3_open_to_others_only_on_purpose() {
    let refused = pharos(&["--listen", "0.0.0.0:0", "--no-collect"], &[]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for word in ["0.0.0.0:0", "key", "--insecure-open"] {
        assert!(refused.stderr.contains(word), "no {word:?} in {:?}", refused.stderr);
    }
    let refused = pharos(&["--listen", "[::]:0", "--no-collect"], &[]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);

    let on_purpose = ["--listen", "0.0.0.0:0", "--no-collect", "--insecure-open"];
    let start = |starting: Starting, flags: &[&str]| {
        flags.iter().fold(starting.without_listen(), |starting, flag| starting.arg(flag)).start()
    };
    start(Starting::default(), &on_purpose).client().get("/services").expect(200);
    let with_key = start(Starting::default().config(&keys(&["read"])), &on_purpose[..3]);
    with_key.client().get("/services").refused(401);
    let by_variable = Starting::default().env("PHAROS_API_KEY", "from-outside");
    let by_variable = start(by_variable, &on_purpose[..3]);
    by_variable.client().get("/services").refused(401);
    by_variable.client().authorized("Bearer from-outside").get("/services").expect(200);
}

#[test]
fn r4_health_has_every_familys_keys() {
    let health = open().json("/health");
    assert_eq!(
        fields(&health),
        [
            "checks",
            "dependencies",
            "error",
            "last_update",
            "metrics_collected",
            "service",
            "status",
            "system",
            "timestamp",
            "uptime",
            "version",
        ]
    );
    assert_eq!(health["service"], "monitoring");
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(health["uptime"].is_u64() && health["metrics_collected"].is_u64(), "{health}");
    assert_eq!(health["dependencies"]["prometheus"], "healthy");
    for (name, check) in health["checks"].as_object().unwrap() {
        assert_eq!(fields(check), ["description", "message", "status", "timestamp"], "{name}");
    }
    assert_eq!(fields(&health["system"]), ["api", "collectors"]);
}

#[test]
fn r4_health_tells_the_configured_name() {
    let server = Server::with_config("service_name = \"lab\"\n[collect]\nenabled = false\n");
    let health = server.client().json("/health");
    assert_eq!(health["service"], "lab");
    assert_eq!(health["system"]["collectors"], "off");
    assert_eq!(health["last_update"], Value::Null);
}

#[test]
fn r4_health_counts_what_was_collected() {
    let collected = |client: &Client| client.json("/health")["metrics_collected"].as_u64().unwrap();
    let server = Starting::default().arg("--no-collect").start();
    let client = server.client();
    assert_eq!(collected(&client), 0);
    let body = json!({"service": "s", "metric_type": "m", "value": 1});
    client.post("/metrics", &body).expect(200);
    assert_eq!(collected(&client), 1);
}

#[test]
fn r4_probes() {
    for path in ["/healthz", "/-/healthy", "/-/ready"] {
        let answer = open().get(path).expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{path}");
        open().request("HEAD", path).send().expect(200);
    }
    keyed().get("/health").expect(200);
}

/// What we serve of Prometheus' own API, under Prometheus' names.
const PROMETHEUS_API: [&str; 29] = [
    "/api/v1/alertmanagers",
    "/api/v1/alerts",
    "/api/v1/features",
    "/api/v1/format_query",
    "/api/v1/label/{name}/values",
    "/api/v1/labels",
    "/api/v1/metadata",
    "/api/v1/notifications",
    "/api/v1/parse_query",
    "/api/v1/query",
    "/api/v1/query_exemplars",
    "/api/v1/query_range",
    "/api/v1/rules",
    "/api/v1/scrape_pools",
    "/api/v1/series",
    "/api/v1/status/buildinfo",
    "/api/v1/status/config",
    "/api/v1/status/flags",
    "/api/v1/status/runtimeinfo",
    "/api/v1/status/walreplay",
    "/api/v1/targets",
    "/api/v1/targets/metadata",
    "/api/v1/status/tsdb",
    "/api/v1/write",
    "/api/v1/read",
    "/api/v1/otlp/v1/metrics",
    "/api/v1/admin/tsdb/snapshot",
    "/api/v1/admin/tsdb/delete_series",
    "/api/v1/admin/tsdb/clean_tombstones",
];
/// What we add to it, two names of our own and those under which senders know imports: the only names.
const ADDITIONS: [&str; 6] = [
    "/api/v1/admin/tsdb/flush",
    "/api/v1/admin/tsdb/compact",
    "/api/v1/import",
    "/api/v1/import/csv",
    "/api/v1/import/prometheus",
    "/api/v2/write",
];

/// `/api/v1/` belongs to Prometheus' names; ours stand below `/api/v1/monitoring/`.
#[test]
fn r6_names_of_prometheus_are_left_free() {
    let document = open().json("/api/openapi.json");
    let paths = document["paths"].as_object().unwrap().keys();
    let foreign: Vec<&String> = paths
        .filter(|path| path.starts_with("/api/v1/") || path.starts_with("/api/v2/"))
        .filter(|path| !path.starts_with("/api/v1/monitoring/"))
        .filter(|path| !PROMETHEUS_API.contains(&path.as_str()))
        .filter(|path| !ADDITIONS.contains(&path.as_str()))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn r7_port_variable() {
    let port = free_port();
    let server = Starting::default()
        .without_listen()
        .env("PORT", &port.to_string())
        .arg("--no-collect")
        .start();
    assert_eq!(server.addresses(), [(Ipv4Addr::LOCALHOST, port).into()]);
}

#[test]
fn r7_several_listeners_serve_the_same() {
    let server = Starting::default().arg("--listen").arg("127.0.0.1:0").arg("--no-collect").start();
    assert_eq!(server.addresses().len(), 2);
    for address in server.addresses() {
        Client::new(*address).get("/services").expect(200);
    }
}

#[test]
fn r7_prometheus_port_serves_metrics_alone() {
    let port = free_port();
    let server = Starting::default().env("PROMETHEUS_PORT", &port.to_string()).start();
    assert_eq!(server.metrics_only(), [(Ipv4Addr::LOCALHOST, port).into()]);
    let client = Client::new(server.metrics_only()[0]);
    assert!(page(&client).value("pharos_build_info").is_some());
    client.get("/metrics/").expect(200);
    for path in ["/", "/services", "/health", "/monitoring", "/api/docs", "/metrics/json"] {
        client.get(path).refused(404);
    }
    client.post("/metrics", &json!({"service": "s", "metric_type": "m", "value": 1})).refused(405);
}

#[test]
fn r7_prometheus_port_asks_for_the_key_too() {
    let port = free_port();
    let server = Starting::default()
        .config(&keys(&["scrape"]))
        .env("PROMETHEUS_PORT", &port.to_string())
        .arg("--no-collect")
        .start();
    let client = Client::new(server.metrics_only()[0]);
    client.get("/metrics").refused(401);
    client.authorized("scrape-secret").get("/metrics").expect(200);
}

#[test]
fn r7_equal_ports_need_one_listener() {
    let port = free_port().to_string();
    let server = Starting::default()
        .without_listen()
        .env("PORT", &port)
        .env("PROMETHEUS_PORT", &port)
        .arg("--no-collect")
        .start();
    assert_eq!((server.addresses().len(), server.metrics_only().len()), (1, 0));
}

#[test]
fn r7_compat_profile_opens_the_documented_ports() {
    let ports = [3000, 5000, 8082];
    for port in ports {
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
            println!("skipped: somebody listens on port {port} already");
            return;
        }
    }
    let server = Starting::default().config("profile = \"compat\"\n").arg("--no-collect").start();
    let opened: Vec<u16> = server.addresses().iter().map(|address| address.port()).collect();
    assert_eq!(opened[1..], ports);
    for address in server.addresses() {
        Client::new(*address).get("/services").expect(200);
    }
}

#[test]
fn r8_root_by_kind_of_client_and_setting() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let leads_to = |client: &Client, accept: &str| {
        let answer = client.request("GET", "/").header("Accept", accept).send().expect(302);
        answer.header("location").unwrap().to_owned()
    };
    assert_eq!(leads_to(&open(), browser), "/monitoring");
    assert_eq!(leads_to(&open(), "*/*"), "/api/docs");
    let server = Server::with_config("root = \"docs\"\n[collect]\nenabled = false\n");
    assert_eq!(leads_to(&server.client(), browser), "/api/docs");
    server.write_config("root = \"ui\"\n[collect]\nenabled = false\n");
    server.reload();
    eventually(SOON, "the new setting is taken", || {
        leads_to(&server.client(), "*/*") == "/monitoring"
    });
}

/// How often a server has stored its host's readings.
fn readings(server: &Server) -> f64 {
    page(&server.client()).only("pharos_collect_stored_total")
}

#[test]
fn r10_update_interval_wins() {
    let start = |update: &str, collection: &str| {
        Starting::default()
            .env("UPDATE_INTERVAL", update)
            .env("METRICS_COLLECTION_INTERVAL", collection)
            .start()
    };
    let slow = start("1h", "1");
    let fast = start("1", "1h");
    // Two early readings are for the first rates; the fast one was started last.
    eventually(SOON, "one reading per second", || readings(&fast) >= 4.0);
    assert!(readings(&slow) <= 2.0, "an hour has not passed");
}

#[test]
fn r10_metrics_collection_interval_counts_when_alone() {
    let server = Starting::default().env("METRICS_COLLECTION_INTERVAL", "1").start();
    eventually(SOON, "one reading per second", || readings(&server) >= 4.0);
}

#[test]
fn r11_durations_with_and_without_unit() {
    let kept = |given: &str| {
        let starting = Starting::default().env("METRICS_RETENTION", given).arg("--no-collect");
        let banner = starting.start().banner().to_owned();
        banner.rsplit_once(", ").unwrap().1.trim().to_owned()
    };
    for day in ["86400", "86400s", "24h", "1d"] {
        assert_eq!(kept(day), "kept for 1d", "{day}");
    }
    assert_eq!(kept("90000ms"), "kept for 1m30s");
    let refused = pharos(&["--no-collect"], &[("METRICS_RETENTION", "5 apples")]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("METRICS_RETENTION"), "{}", refused.stderr);
}

#[test]
fn r14_names_that_say_something_else() {
    let page = page(&open());
    assert_eq!(page.kind("cpu_percent_total"), Some("gauge"));
    assert_eq!(page.only("cpu_syscalls_total"), 0.0);
    assert!(page.help("cpu_syscalls_total").unwrap().contains('0'), "the help says why");
    let vmstat = std::fs::read_to_string("/proc/vmstat").unwrap();
    for (name, field) in [("sin", "pswpin"), ("sout", "pswpout")] {
        let pages = page.only(&format!("memory_swap_{name}_total"));
        let now = vmstat.lines().find_map(|l| l.strip_prefix(field)?.trim().parse::<f64>().ok());
        assert!(pages <= now.unwrap(), "{name} counts pages: {pages}, the kernel {now:?}");
        let bytes = page.only(&format!("memory_swap_{name}_bytes_total"));
        assert_eq!(bytes, pages * 4096.0);
    }
}

#[test]
fn r19_pushed_metrics_are_found_by_both_names() {
    let client = open();
    let body = json!({"service": "r19", "metric_type": "r19_loss", "value": 0.25});
    client.post("/metrics", &body).expect(200);
    let plain = stored(&client, "metric=r19_loss&label=service%3Dr19");
    assert_eq!(plain.last(), Some(&0.25));
    let full = "metric=service_metric&label=service%3Dr19&label=metric_type%3Dr19_loss";
    assert_eq!(stored(&client, full).last(), Some(&0.25));
    let names = client.json("/api/v1/monitoring/names");
    let names = names["names"].as_array().unwrap();
    assert!(names.contains(&json!("r19_loss")) && names.contains(&json!("service_metric")));
}

#[test]
fn r19_timestamp_labels_and_arrays() {
    let client = open();
    let now_s = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let body = json!({"service": "r19", "metric_type": "r19_gpu", "labels": {"gpu": "0"},
        "value": [1, 2, 3], "timestamp": [now_s - 3, now_s - 2, now_s - 1]});
    client.post("/metrics", &body).expect(200);
    let listed = list(&client, "/metrics?metric_type=r19_gpu");
    let values: Vec<f64> = listed.iter().filter_map(|metric| metric["value"].as_f64()).collect();
    assert_eq!(values, [3.0, 2.0, 1.0]);
    let range = "/api/v1/monitoring/range?metric=r19_gpu&label=gpu%3D0";
    assert_eq!(client.json(range)["series"][0]["labels"], json!({"gpu": "0", "service": "r19"}));
    let uneven = json!({"service": "r19", "metric_type": "x", "value": [1, 2], "timestamp": [1]});
    assert_eq!(client.post("/metrics", &uneven).refused(422)["field"], "timestamp");
}

#[test]
fn r23_words_in_any_case() {
    let client = open();
    client.post("/services", &json!({"name": "r23", "status": "UP"})).expect(200);
    assert_eq!(list(&client, "/services?name=r23&status=Up")[0]["status"], "up");
    let run = json!({"pipeline_type": "r23", "status": "Completed"});
    client.post("/pipelines", &run).expect(200);
    assert_eq!(list(&client, "/pipelines?type=r23&status=COMPLETED")[0]["status"], "completed");
    for (path, body) in [
        ("/services", json!({"name": "r23", "status": "healthy"})),
        ("/pipelines", json!({"pipeline_type": "r23", "status": "up"})),
    ] {
        assert_eq!(client.post(path, &body).refused(422)["field"], "status", "{path}");
    }
}

#[test]
fn r25_every_form_of_time() {
    let client = open();
    // The day before, so that it lies within a day whatever the zone.
    let now_s = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let written = |at_s: u64| {
        let body =
            json!({"service": "r25", "metric_type": "reference", "value": 0, "timestamp": at_s});
        client.post("/metrics", &body).expect(200);
        let newest = list(&client, "/metrics?service=r25&metric_type=reference")[0].clone();
        newest["timestamp"].as_str().unwrap().to_owned()
    };
    let utc = written(now_s);
    let naive = utc.trim_end_matches('Z');
    for (i, given) in [
        json!(now_s),
        json!(now_s as f64),
        json!(utc),
        json!(naive),
        json!(naive.replace('T', " ")),
        json!(format!("{naive}+00:00")),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"service": "r25", "metric_type": format!("form{i}"), "value": 1,
            "timestamp": given});
        client.post("/metrics", &body).expect(200);
        let shown = list(&client, &format!("/metrics?service=r25&metric_type=form{i}"));
        assert_eq!(shown[0]["timestamp"], utc, "{given}");
    }
    for given in [json!("yesterday"), json!(1e300), json!("2026-13-01")] {
        let body = json!({"service": "r25", "metric_type": "x", "value": 1, "timestamp": given});
        assert_eq!(client.post("/metrics", &body).refused(422)["field"], "timestamp", "{given}");
    }
}

const FOREIGN: &str = "https://grafana.example";

#[test]
fn r34_other_origins_are_kept_out_by_default() {
    let asked = |method: &str, path: &str| {
        let request = open().request(method, path).header("Origin", FOREIGN);
        request.body(r#"{"name":"r34","status":"up"}"#).send()
    };
    let answer = asked("GET", "/services").expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    asked("POST", "/services").refused(403);
    assert_eq!(list(&open(), "/services?name=r34").len(), 0);
    let preflight = open()
        .request("OPTIONS", "/services")
        .header("Origin", FOREIGN)
        .header("Access-Control-Request-Method", "POST")
        .send();
    assert!(preflight.status >= 400);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
    // Our own pages, and programs that are no pages.
    let own = open().url();
    let body = r#"{"name":"r34-own","status":"up"}"#;
    open().request("POST", "/services").header("Origin", &own).body(body).send().expect(200);
    open().post_text("/services", body).expect(200);
}

#[test]
fn r34_other_origins_by_one_line() {
    for line in [format!("cors_origins = [{FOREIGN:?}]"), "cors_origins = [\"*\"]".to_owned()] {
        let server = Server::with_config(&format!("{line}\n[collect]\nenabled = false\n"));
        let client = server.client();
        let preflight = client
            .request("OPTIONS", "/services")
            .header("Origin", FOREIGN)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type,authorization")
            .send()
            .expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), Some(FOREIGN), "{line}");
        let allowed = preflight.header("access-control-allow-headers").unwrap();
        assert!(allowed.contains("authorization") && allowed.contains("content-type"));
        let methods = preflight.header("access-control-allow-methods").unwrap();
        assert!(methods.contains("POST") && methods.contains("PUT"), "{methods}");
        assert_eq!(preflight.header("access-control-expose-headers"), Some("date"));
        let body = r#"{"name":"r34","status":"up"}"#;
        let post = client.request("POST", "/services").header("Origin", FOREIGN).body(body).send();
        assert_eq!(post.expect(200).header("access-control-allow-origin"), Some(FOREIGN));
        let other = client.request("GET", "/services").header("Origin", "https://evil.example");
        let other = other.send().expect(200);
        let wanted = line.contains('*').then_some("https://evil.example");
        assert_eq!(other.header("access-control-allow-origin"), wanted, "{line}");
    }
}
