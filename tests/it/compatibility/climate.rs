//! The climate family: services, metrics, pipelines and alerts, pushed as JSON.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use e2e::{Client, Server, Starting, eventually};
use serde_json::{Value, json};

use crate::shared::{SOON, fields, keyed, list, open, stored};

const LISTS: [&str; 4] = ["/services", "/metrics?hours=24", "/pipelines", "/alerts"];

/// A body that each path takes.
fn examples() -> [(&'static str, Value); 4] {
    [
        ("/services/", json!({"name": "example", "status": "up"})),
        ("/metrics/", json!({"service": "example", "metric_type": "cpu", "value": 45.2})),
        ("/pipelines/", json!({"pipeline_type": "example", "status": "running"})),
        ("/alerts/", json!({"title": "t", "message": "m", "severity": 1, "service": "example"})),
    ]
}

fn service(client: &Client, name: &str) -> Value {
    let found = list(client, &format!("/services/?name={name}"));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn push_metric(client: &Client, service: &str, metric_type: &str, value: f64) {
    let body = json!({"service": service, "metric_type": metric_type, "value": value});
    let answer = client.post("/metrics/", &body).expect(200).json();
    assert_eq!(answer, json!({"status": "created"}));
}

fn push_pipeline(client: &Client, body: &Value) -> i64 {
    let answer = client.post("/pipelines/", body).expect(200).json();
    assert_eq!(fields(&answer), ["id"]);
    answer["id"].as_i64().unwrap()
}

fn push_alert(client: &Client, body: &Value) -> i64 {
    let answer = client.post("/alerts/", body).expect(200).json();
    assert_eq!(fields(&answer), ["id"]);
    answer["id"].as_i64().unwrap()
}

fn is_utc(time: &Value) -> bool {
    time.as_str().is_some_and(|text| text.len() >= 20 && text.ends_with('Z'))
}

#[test]
fn climate_a1_default_port_8000() {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, 8000));
    if TcpListener::bind(wanted).is_err() {
        println!("skipped: somebody listens on {wanted} already");
        return;
    }
    let server = Starting::default().without_listen().arg("--no-collect").start();
    assert_eq!(server.addresses(), [wanted]);
    server.client().get("/health").expect(200);
}

#[test]
fn climate_a2_bearer_key() {
    let [(path, body), ..] = examples();
    keyed().post(path, &body).refused(401);
    keyed().authorized("Bearer ingest-secret").post(path, &body).expect(200);
}

#[test]
fn climate_a3_key_is_optional() {
    for (path, body) in examples() {
        open().post(path, &body).expect(200);
        // A client that has a key all the same is served as well.
        open().authorized("Bearer your-api-key").post(path, &body).expect(200);
    }
}

#[test]
fn climate_a4_trailing_slash_without_redirect() {
    for (path, body) in examples() {
        open().post(path, &body).expect(200);
        open().post(path.trim_end_matches('/'), &body).expect(200);
    }
    for path in LISTS {
        open().get(path).expect(200);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        open().get(&format!("{path}/?{query}")).expect(200);
    }
}

#[test]
fn climate_a4_content_type_json() {
    for (path, body) in examples() {
        let answer = open().post(path, &body).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    }
}

#[test]
fn climate_b1_services_post() {
    let client = open();
    for status in ["up", "down", "unknown"] {
        let body = json!({"name": "b1", "status": status, "endpoint": "http://b1:9000"});
        let answer = client.post("/services/", &body).expect(200).json();
        assert_eq!(answer, json!({"status": "updated"}));
        assert_eq!(service(&client, "b1")["status"], status);
    }
    assert_eq!(service(&client, "b1")["endpoint"], "http://b1:9000");
}

#[test]
fn climate_b1_endpoint_is_optional() {
    let client = open();
    client.post("/services/", &json!({"name": "b1-bare", "status": "up"})).expect(200);
    assert_eq!(service(&client, "b1-bare")["endpoint"], Value::Null);
    // What was once said stays when it is left out later.
    let full = json!({"name": "b1-bare", "status": "up", "endpoint": "http://b:1"});
    client.post("/services/", &full).expect(200);
    client.post("/services/", &json!({"name": "b1-bare", "status": "down"})).expect(200);
    assert_eq!(service(&client, "b1-bare")["endpoint"], "http://b:1");
}

#[test]
fn climate_b2_metrics_post() {
    let client = open();
    for (metric_type, value) in [("cpu", 45.2), ("memory", 80.0), ("disk", 0.0), ("network", -1.5)]
    {
        push_metric(&client, "b2", metric_type, value);
        let found = list(&client, &format!("/metrics/?service=b2&metric_type={metric_type}"));
        assert_eq!(found[0]["value"], value);
    }
}

#[test]
fn climate_b2_any_metric_name() {
    let client = open();
    for name in ["requests_per_second", "response time (ms)", "größe", "up", "__x"] {
        push_metric(&client, "b2-names", name, 156.7);
    }
    let found = list(&client, "/metrics/?service=b2-names");
    assert_eq!(found.len(), 5);
    assert!(found.iter().any(|metric| metric["metric_type"] == "größe"), "{found:?}");
}

#[test]
fn climate_b3_pipelines_post() {
    let client = open();
    let metadata = json!({"step": "data_download", "progress": 45, "epoch": 5, "loss": 0.234,
        "accuracy": 0.945, "deep": {"list": [1, null, true]}});
    for pipeline_type in ["data_ingestion", "preprocessing", "training", "evaluation"] {
        for status in ["running", "completed", "failed"] {
            // A service of its own keeps these runs from those of other tests.
            let body = json!({"pipeline_type": pipeline_type, "status": status, "service": "b3",
                "metadata": metadata});
            let id = push_pipeline(&client, &body);
            let path = format!("/pipelines/?type={pipeline_type}&service=b3");
            let newest = list(&client, &path)[0].clone();
            assert_eq!((&newest["id"], &newest["status"]), (&json!(id), &json!(status)));
            assert_eq!(newest["metadata"], metadata);
        }
    }
}

#[test]
fn climate_b3_metadata_is_optional() {
    push_pipeline(&open(), &json!({"pipeline_type": "b3-bare", "status": "running"}));
    assert_eq!(list(&open(), "/pipelines/?type=b3-bare")[0]["metadata"], Value::Null);
}

#[test]
fn climate_b4_alerts_post() {
    let client = open();
    for severity in [1, 2, 3] {
        let body = json!({"title": "High CPU Usage", "message": "CPU usage above 90%",
            "severity": severity, "service": "b4"});
        let id = push_alert(&client, &body);
        let newest = list(&client, "/alerts/?service=b4")[0].clone();
        assert_eq!(newest["id"], id);
        for field in ["title", "message", "severity", "service"] {
            assert_eq!(newest[field], body[field], "{field}");
        }
    }
}

#[test]
fn climate_b5_comments_are_refused() {
    let commented = "{\n  \"name\": \"b5\",\n  \"status\": \"up\" // up, down, or unknown\n}";
    let body = open().post_text("/services/", commented).refused(400);
    assert!(body["detail"].as_str().unwrap().contains("comment"), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("line 3"), "{body}");
    assert_eq!(list(&open(), "/services/?name=b5").len(), 0);
}

#[test]
fn climate_up_lists_on_the_same_paths() {
    let client = open();
    for (path, body) in examples() {
        client.post(path, &body).expect(200);
    }
    for path in LISTS {
        assert!(!list(&client, path).is_empty(), "{path}");
    }
}

#[test]
fn climate_up_service_fields() {
    let client = open();
    client.post("/services", &json!({"name": "fields", "status": "up"})).expect(200);
    let service = service(&client, "fields");
    let wanted = ["endpoint", "id", "last_check", "last_status_change", "name", "status"];
    assert_eq!(fields(&service), wanted);
    assert!(is_utc(&service["last_check"]) && is_utc(&service["last_status_change"]), "{service}");
    assert!(service["id"].is_i64());
}

#[test]
fn climate_up_metric_fields() {
    push_metric(&open(), "metric-fields", "cpu", 1.0);
    let metric = list(&open(), "/metrics?service=metric-fields")[0].clone();
    let wanted = ["id", "metric_type", "service", "service_name", "timestamp", "value"];
    assert_eq!(fields(&metric), wanted);
    assert_eq!(metric["service_name"], "metric-fields");
    assert!(metric["id"].is_i64() && is_utc(&metric["timestamp"]), "{metric}");
}

#[test]
fn climate_up_pipeline_fields() {
    push_pipeline(&open(), &json!({"pipeline_type": "fields", "status": "running"}));
    let run = list(&open(), "/pipelines?type=fields")[0].clone();
    for field in
        ["id", "pipeline_type", "status", "start_time", "end_time", "error_message", "metadata"]
    {
        assert!(run.get(field).is_some(), "no {field} in {run}");
    }
    assert!(is_utc(&run["start_time"]) && run["end_time"].is_null(), "{run}");
    push_pipeline(&open(), &json!({"pipeline_type": "fields", "status": "completed"}));
    let run = list(&open(), "/pipelines?type=fields")[0].clone();
    assert!(is_utc(&run["end_time"]), "{run}");
}

#[test]
fn climate_up_alert_fields() {
    let body = json!({"title": "fields", "message": "", "severity": 2, "service": "alert-fields"});
    push_alert(&open(), &body);
    let alert = list(&open(), "/alerts?service=alert-fields")[0].clone();
    for field in [
        "id",
        "service",
        "pipeline_run",
        "title",
        "message",
        "severity",
        "timestamp",
        "acknowledged",
        "acknowledged_by",
        "acknowledged_at",
    ] {
        assert!(alert.get(field).is_some(), "no {field} in {alert}");
    }
    assert!(is_utc(&alert["timestamp"]));
    assert_eq!(alert["acknowledged"], false);
    assert!(alert["acknowledged_by"].is_null() && alert["acknowledged_at"].is_null());
}

/// What a list shows under a field, in its order.
fn column(client: &Client, path: &str, field: &str) -> Vec<Value> {
    list(client, path).into_iter().map(|row| row[field].clone()).collect()
}

#[test]
fn climate_up_lists_filter_and_order() {
    let server = Starting::default().arg("--no-collect").start();
    let client = server.client();
    for (name, status) in [("a", "up"), ("b", "down"), ("c", "up")] {
        client.post("/services", &json!({"name": name, "status": status})).expect(200);
    }
    assert_eq!(column(&client, "/services?status=up", "name"), ["c", "a"]);
    assert_eq!(column(&client, "/services", "name"), ["c", "b", "a"]);

    for (service, metric_type, value) in [("a", "cpu", 1.0), ("b", "cpu", 2.0), ("a", "disk", 3.0)]
    {
        push_metric(&client, service, metric_type, value);
    }
    assert_eq!(column(&client, "/metrics?service=a", "value"), [3.0, 1.0]);
    assert_eq!(column(&client, "/metrics?metric_type=cpu", "value"), [2.0, 1.0]);
    assert_eq!(column(&client, "/metrics?service=a&metric_type=cpu&hours=24", "value"), [1.0]);

    for (pipeline_type, status) in [("p", "failed"), ("q", "running"), ("p", "completed")] {
        push_pipeline(&client, &json!({"pipeline_type": pipeline_type, "status": status}));
    }
    assert_eq!(column(&client, "/pipelines?type=p", "status"), ["completed", "failed"]);
    assert_eq!(column(&client, "/pipelines?status=running", "pipeline_type"), ["q"]);

    let ids: Vec<i64> = [1, 2, 3, 2]
        .map(|severity| {
            push_alert(&client, &json!({"title": "t", "message": "m", "severity": severity}))
        })
        .to_vec();
    client.post(&format!("/alerts/{}/acknowledge", ids[1]), &json!({"user": "ada"})).expect(200);
    assert_eq!(column(&client, "/alerts", "severity"), [2, 3, 2, 1]);
    assert_eq!(column(&client, "/alerts?severity=2", "id"), [ids[3], ids[1]]);
    assert_eq!(column(&client, "/alerts?acknowledged=true", "id"), [ids[1]]);
    assert_eq!(column(&client, "/alerts?acknowledged=false&severity=2", "id"), [ids[3]]);
}

#[test]
fn climate_up_metrics_of_the_last_hours() {
    let client = open();
    let now_s = i64::try_from(
        std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970").as_secs(),
    )
    .unwrap();
    for hours in [30, 1] {
        let body = json!({"service": "hours", "metric_type": "cpu", "value": hours,
            "timestamp": now_s - hours * 3600 + 60});
        client.post("/metrics", &body).expect(200);
    }
    assert_eq!(column(&client, "/metrics?service=hours", "value"), [1.0], "24 hours by default");
    assert_eq!(column(&client, "/metrics?service=hours&hours=48", "value"), [1.0, 30.0]);
    assert_eq!(column(&client, "/metrics?service=hours&hours=0.5", "value"), Vec::<f64>::new());
}

#[test]
fn climate_up_lists_are_bounded() {
    let client = open();
    let item = |i: usize| json!({"service": "bounded", "metric_type": format!("m{i}"), "value": i});
    let items: Vec<Value> = (0..150).map(item).collect();
    client.post("/metrics/batch", &json!({ "metrics": items })).expect(200);
    assert_eq!(list(&client, "/metrics?service=bounded").len(), 100);
    assert_eq!(list(&client, "/metrics?service=bounded&limit=7").len(), 7);
    assert_eq!(list(&client, "/metrics?service=bounded&limit=100000").len(), 150);
    for path in ["/services", "/metrics", "/pipelines", "/alerts"] {
        client.get(&format!("{path}?limit=100000")).expect(200);
        for limit in ["100001", "0", "-1", "many"] {
            let body = client.get(&format!("{path}?limit={limit}")).refused(422);
            assert_eq!(body["field"], "limit", "{path}");
        }
    }
}

#[test]
fn climate_up_unknown_service_is_created() {
    let client = open();
    let report = |path: &str, body: Value| client.post(path, &body).expect(200);
    report("/metrics/", json!({"service": "by-metric", "metric_type": "cpu", "value": 1}));
    report("/metrics/batch", json!([{"service": "by-batch", "metric_type": "cpu", "value": 1}]));
    report(
        "/pipelines/",
        json!({"pipeline_type": "new", "status": "running", "service": "by-pipeline"}),
    );
    report("/alerts/", json!({"title": "t", "message": "m", "severity": 1, "service": "by-alert"}));
    for name in ["by-metric", "by-batch", "by-pipeline", "by-alert"] {
        assert_eq!(service(&client, name)["status"], "unknown", "{name}");
    }
}

#[test]
fn climate_up_last_status_change() {
    let client = open();
    let say = |status: &str| {
        client.post("/services", &json!({"name": "changes", "status": status})).expect(200);
        service(&client, "changes")["last_status_change"].as_str().unwrap().to_owned()
    };
    let (first, same) = (say("up"), say("up"));
    assert_eq!(first, same, "the word did not change");
    eventually(SOON, "the clock goes on, and a change is noted", || {
        say("down") > first && say("up") > first
    });
}

#[test]
fn climate_up_pipeline_reports_continue_a_run() {
    let client = open();
    let report = |status: &str, service: Option<&str>| {
        let mut body = json!({"pipeline_type": "continued", "status": status});
        if let Some(service) = service {
            body["service"] = json!(service);
        }
        push_pipeline(&client, &body)
    };
    let of_a = report("running", Some("a"));
    let of_b = report("running", Some("b"));
    assert_ne!(of_a, of_b, "services have runs of their own");
    assert_eq!(report("running", Some("a")), of_a);
    assert_eq!(report("running", None), of_b, "without a service: the newest of the type");
    assert_eq!(report("completed", Some("a")), of_a);
    let next = report("running", Some("a"));
    assert!(next > of_b, "what has ended is not continued");
    assert_eq!(report("failed", Some("b")), of_b);
}

#[test]
fn climate_up_failed_pipeline_raises_an_alert() {
    let client = open();
    let run = push_pipeline(
        &client,
        &json!({"pipeline_type": "fails", "status": "failed", "service": "failing",
            "error_message": "disk full"}),
    );
    let alerts = list(&client, "/alerts?service=failing");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["pipeline_run"], run);
    assert_eq!(alerts[0]["message"], "disk full");
    assert_eq!(alerts[0]["severity"], 3);
    assert_eq!(list(&client, "/pipelines?type=fails")[0]["error_message"], "disk full");
    // Without a message there is nothing to tell.
    let body = json!({"pipeline_type": "fails", "status": "failed", "service": "failing"});
    push_pipeline(&client, &body);
    assert_eq!(list(&client, "/alerts?service=failing").len(), 1);
}

#[test]
fn climate_up_alerts_are_acknowledged() {
    let client = open();
    let id = push_alert(&client, &json!({"title": "seen", "message": "m", "severity": 2}));
    let path = format!("/alerts/{id}/acknowledge");
    let answer = client.post(&path, &json!({"user": "ada"})).expect(200).json();
    assert_eq!(answer, json!({"status": "acknowledged", "id": id}));
    client.post(&format!("{path}/"), &json!({"user": "bob"})).expect(200);
    let alerts = list(&client, "/alerts?acknowledged=true&limit=100000");
    let alert = alerts.iter().find(|alert| alert["id"] == id).unwrap();
    assert_eq!(alert["acknowledged_by"], "ada", "the first one counts");
    assert_eq!(alert["acknowledged"], true);
    assert!(is_utc(&alert["acknowledged_at"]), "{alert}");
    let body = client.post("/alerts/999999999/acknowledge", &json!({"user": "ada"})).refused(404);
    assert!(body["detail"].as_str().unwrap().contains("999999999"));
    assert_eq!(client.post(&path, &json!({})).refused(422)["field"], "user");
}

#[test]
fn climate_up_posting_an_alert_raises_it() {
    // Fields that once meant an acknowledgement mean nothing here.
    let body = json!({"alert_id": 1, "user": "ada"});
    assert_eq!(open().post("/alerts/", &body).refused(422)["field"], "title");
}

#[test]
fn climate_e_calls_of_the_documented_client() {
    let client = open();
    let call = |path: &str, body: Value| client.post(path, &body).expect(200);
    let name = "example-service";
    call(
        "/services/",
        json!({"name": name, "status": "up", "endpoint": "http://example-service:3000"}),
    );
    call("/services/", json!({"name": name, "status": "up", "endpoint": null}));
    for (metric_type, value) in [("cpu", 0.52), ("memory", 61.5), ("disk", 0.0)] {
        push_metric(&client, name, metric_type, value);
    }
    call(
        "/pipelines/",
        json!({"pipeline_type": "e-training", "status": "running", "metadata": null}),
    );
    call(
        "/alerts/",
        json!({"title": "Metrics Collection Failed", "message": "timeout", "severity": 2,
            "service": name}),
    );
    assert_eq!(service(&client, name)["endpoint"], "http://example-service:3000");
}

#[test]
fn climate_f1_silent_service_becomes_unknown() {
    let server = Server::with_config("silent_after = \"2s\"\n[collect]\nenabled = false\n");
    let client = server.client();
    client.post("/services", &json!({"name": "quiet", "status": "up"})).expect(200);
    client.post("/services", &json!({"name": "stays", "status": "up"})).expect(200);
    assert_eq!(service(&client, "quiet")["status"], "up");
    eventually(SOON, "silence makes a service unknown", || {
        // A metric is a sign of life too.
        push_metric(&client, "stays", "cpu", 1.0);
        service(&client, "quiet")["status"] == "unknown"
    });
    assert_eq!(service(&client, "stays")["status"], "up");
    client.post("/services", &json!({"name": "quiet", "status": "up"})).expect(200);
    assert_eq!(service(&client, "quiet")["status"], "up");
}

#[test]
fn climate_f1_health_check_endpoints() {
    for path in ["/health", "/healthz", "/-/healthy", "/-/ready"] {
        open().get(path).expect(200);
    }
}

#[test]
fn climate_f2_metrics_show_as_a_trend() {
    let client = open();
    let now_s = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let at = |back_s: u64| (now_s - Duration::from_secs(back_s)).as_secs();
    for (back_s, value) in [(60, 1.0), (40, 2.0), (20, 4.0)] {
        let body = json!({"service": "trend", "metric_type": "trend_metric", "value": value,
            "timestamp": at(back_s)});
        client.post("/metrics", &body).expect(200);
    }
    let values = stored(&client, &format!("metric=trend_metric&start={}&points=2000", at(70)));
    let first = |wanted: f64| values.iter().position(|value| *value == wanted);
    assert!(
        first(1.0).is_some() && first(1.0) < first(2.0) && first(2.0) < first(4.0),
        "{values:?}"
    );
}

#[test]
fn climate_f5_batch() {
    let client = open();
    let items = json!([
        {"service": "f5", "metric_type": "cpu", "value": 1},
        {"service": "f5", "metric_type": "memory", "value": 2},
        {"service": "f5-other", "metric_type": "cpu", "value": 3},
    ]);
    for path in ["/metrics/batch", "/metrics/batch/"] {
        let answer = client.post(path, &json!({ "metrics": items })).expect(200).json();
        assert_eq!(answer, json!({"status": "created", "count": 3}));
        assert_eq!(client.post(path, &items).expect(200).json()["count"], 3, "a plain array too");
    }
    assert_eq!(list(&client, "/metrics?service=f5&metric_type=memory")[0]["value"], 2.0);
}

#[test]
fn climate_f7_dashboard() {
    for path in ["/monitoring", "/monitoring/alerts"] {
        let answer = open().get(path).expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
    }
    let answer = open().get("/dashboard/");
    assert!((302..=308).contains(&answer.status));
    assert_eq!(answer.header("location"), Some("/monitoring"));
}
