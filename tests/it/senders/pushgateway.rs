//! The Pushgateway's API: groups are replaced, merged, deleted, and there after a restart.

use e2e::{Answer, Client, Starting, eventually};

use super::{SOON, client, last, now_ms, points, refused};
use crate::remote_write::field;
use crate::shared::keyed;

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                        encoding=delimited";

fn push(method: &str, path: &str, body: &str) -> Answer {
    push_to(&client(), method, path, body)
}

fn push_to(client: &Client, method: &str, path: &str, body: &str) -> Answer {
    client.request(method, &format!("/metrics/job{path}")).body(body).send()
}

/// When the newest sample of a metric is of. What a killed server stored last may be lost with it,
/// so how many there are tells nothing.
fn newest_s(client: &Client, metric: &str) -> Option<f64> {
    let body = client.json(&format!("/api/v1/query?query=timestamp({metric})"));
    body["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn a_group_is_named_by_its_path() {
    push("PUT", "/pg_a/instance/i%2F1/dir@base64/L3Zhcg", "pg_named{job=\"b\",x=\"1\"} 1\n")
        .expect(200);
    let labels = "label=job%3Dpg_a&label=instance%3Di%2F1&label=dir%3D%2Fvar&label=x%3D1";
    assert_eq!(last(&format!("pg_named&{labels}")), Some(1.0));
    push("PUT", "@base64/cGdfYg==/", "pg_other 2\n").expect(200);
    assert_eq!(last("pg_other&label=job%3Dpg_b"), Some(2.0));
    push("POST", "/pg_c/empty/", "pg_empty 3\n").expect(200);
    assert_eq!(last("pg_empty&label=job%3Dpg_c"), Some(3.0));
    for path in ["/", "/a/b", "/a/x@base64/!", "/a/__name__/x", "/%ff"] {
        let answer = push("PUT", path, "pg_never 1\n");
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
}

#[test]
fn put_replaces_and_post_merges() {
    push("PUT", "/pg_m", "pg_x 1\npg_y 1\n").expect(200);
    push("POST", "/pg_m", "pg_y 2\n").expect(200);
    assert_eq!((last("pg_x"), last("pg_y")), (Some(1.0), Some(2.0)));
    assert!(last("push_time_seconds&label=job%3Dpg_m").unwrap() > 1e9);
    assert_eq!(last("push_failure_time_seconds&label=job%3Dpg_m"), Some(0.0));
    push("PUT", "/pg_m", "pg_y 3\n").expect(200);
    assert_eq!(last("pg_y"), Some(3.0));
    assert_eq!(last("pg_x"), None, "what leaves a group ends at once");
    push("DELETE", "/pg_m", "").expect(202);
    push("DELETE", "/pg_m", "").expect(202);
    assert_eq!((last("pg_y"), last("push_time_seconds&label=job%3Dpg_m")), (None, None));
}

#[test]
fn pushes_that_no_group_can_take_are_refused_and_stamped() {
    refused(push("PUT", "/pg_bad", "pg_t 1 1700000000000\n"), &["line 1", "no timestamp"]);
    refused(push("PUT", "/pg_bad", "pg_t 1\npg_t 2\n"), &["line 2", "there before"]);
    refused(push("PUT", "/pg_bad", "pg_t{\n"), &["line 1"]);
    let long = format!("pg_t{{x=\"{}\"}} 1\n", "y".repeat(5000));
    refused(push("PUT", "/pg_bad", &long), &["metric \"pg_t\"", "label \"x\"", "5000 bytes"]);
    push("PUT", "/pg_good", "# TYPE pg_k counter\npg_k 1\n").expect(200);
    refused(push("PUT", "/pg_bad", "# TYPE pg_k gauge\npg_k 1\n"), &["pg_k", "counter", "gauge"]);
    assert!(last("push_failure_time_seconds&label=job%3Dpg_bad").unwrap() > 1e9);
    assert_eq!(last("pg_t"), None);
}

#[test]
fn groups_survive_a_restart_and_are_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Starting::default().arg("--no-collect").data_dir(dir.path()).start();
    let server = start();
    push_to(&server.client(), "PUT", "/kept", "pg_kept 5\n").expect(200);
    push_to(&server.client(), "PUT", "/gone", "pg_gone 6\n").expect(200);
    push_to(&server.client(), "DELETE", "/gone", "").expect(202);
    drop(server);
    let restarted_s = now_ms() as f64 / 1000.0;
    let server = start();
    let newest = || newest_s(&server.client(), "pg_kept") >= Some(restarted_s);
    // It is stored every 15 seconds, which is as long as `SOON`.
    eventually(SOON * 2, "the group is stored again", newest);
    let gone = points(&server.client(), "pg_gone");
    assert!(gone.len() <= 1, "a deleted group comes back: {gone:?}");
    // Types are known again.
    push_to(&server.client(), "PUT", "/other", "# TYPE pg_kept counter\npg_kept 1\n").refused(400);
}

/// A family of one histogram with 10, 20 and 70 observations up to 2, 4 and 8, after its length:
/// schema 0, whole numbers, and no classic buckets.
fn native_histogram(name: &str) -> Vec<u8> {
    let double = |number: u8, value: f64| [&[number << 3 | 1][..], &value.to_le_bytes()].concat();
    let zigzag = |value: u8| value << 1;
    let span = field(12, &[0x08, zigzag(1), 0x10, 3]);
    let deltas = field(13, &[zigzag(10), zigzag(10), zigzag(50)]);
    let parts = [vec![0x08, 100], double(2, 512.0), vec![0x28, zigzag(0)], span, deltas];
    let family = [
        field(1, name.as_bytes()),
        field(2, b"Took."),
        vec![0x18, 4],
        field(4, &field(7, &parts.concat())),
    ];
    let family = family.concat();
    [vec![family.len() as u8], family].concat()
}

#[test]
fn native_histograms_keep_their_buckets() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Starting::default().arg("--no-collect").data_dir(dir.path()).start();
    let server = start();
    let push = |client: &Client, method: &str, body: Vec<u8>| {
        let request = client.request(method, "/metrics/job/pg_native");
        request.header("Content-Type", PROTOBUF).body(body).send()
    };
    push(&server.client(), "PUT", native_histogram("pg_took")).expect(200);
    let ask = |client: &Client, query: &str| -> Option<f64> {
        let body = client.json(&format!("/api/v1/query?query={query}"));
        body["data"]["result"][0]["value"][1].as_str().map(|value| value.parse().unwrap())
    };
    let check = |client: &Client| {
        let quantile = |q| ask(client, &format!("histogram_quantile({q},pg_took)")).unwrap();
        assert!((quantile("0.3") - 4.0).abs() < 1e-9 && (quantile("1") - 8.0).abs() < 1e-9);
        assert_eq!(ask(client, "histogram_count(pg_took)"), Some(100.0));
        assert_eq!(ask(client, "histogram_sum(pg_took)"), Some(512.0));
    };
    check(&server.client());
    drop(server);
    let restarted_s = now_ms() as f64 / 1000.0;
    let server = start();
    let client = server.client();
    let newest = || newest_s(&client, "pg_took") >= Some(restarted_s);
    // It is stored every 15 seconds, which is as long as `SOON`.
    eventually(SOON * 2, "the group is stored again", newest);
    check(&client);
    push(&client, "PUT", Vec::new()).expect(200);
    assert_eq!(ask(&client, "histogram_count(pg_took)"), None, "what leaves a group ends");
    let mut wrong = native_histogram("pg_wrong");
    let at = wrong.len() - 1;
    wrong[at] = 0x7f;
    refused(push(&client, "PUT", wrong), &["family \"pg_wrong\"", "bucket"]);
}

#[test]
fn pushes_need_the_scope_ingest() {
    for method in ["PUT", "POST", "DELETE"] {
        for path in ["/a", "/a/b/c", "@base64/YQ", "@base64/YQ/b/c"] {
            assert_eq!(push_to(&keyed(), method, path, "").status, 401, "{method} {path}");
            let read = keyed().authorized("Bearer read-secret");
            assert_eq!(push_to(&read, method, path, "").status, 403, "{method} {path}");
            let ingest = keyed().authorized("Bearer ingest-secret");
            assert!(push_to(&ingest, method, path, "").status < 300, "{method} {path}");
        }
    }
}
