//! Disks that fail: full ones, ones whose power is cut, and ones that cannot sync. Whatever was
//! acknowledged is kept, who writes is told why it is refused, and all else goes on.
//!
//! The disks are files with ext4 in them, mounted for a test; where that is not allowed the tests
//! are skipped and say so.

mod failing_sync;
mod full;
mod loop_disk;
mod power_cut;

use std::time::Duration;

use e2e::{Answer, Client, eventually};
use serde_json::json;

/// How soon after a disk takes writes again the server must do so, too.
const RESUME_MAX: Duration = Duration::from_secs(10);
/// What a disk without room says, and what SQLite makes of it.
const NO_ROOM: [&str; 2] = ["No space left on device", "database or disk is full"];

/// Metrics in the batch of [`push_each_kind`]: soon more than any leftover block can take.
const N_BATCHED: usize = 100;

/// Pushes one of each kind, under names that no load uses.
fn push_each_kind(client: &Client) -> Vec<Answer> {
    let metric = json!({ "service": "probe", "metric_type": "probe", "value": 1 });
    let batch = json!({ "metrics": vec![&metric; N_BATCHED] });
    let alert = json!({ "title": "probe", "message": "probe", "severity": 1 });
    let run = json!({ "pipeline_type": "probe", "status": "completed", "service": "probe" });
    vec![
        client.post("/metrics/", &metric),
        client.post("/metrics/batch", &batch),
        client.post("/services/", &json!({ "name": "probe", "status": "up" })),
        client.post("/pipelines/", &run),
        client.post("/alerts/", &alert),
    ]
}

/// Waits until neither store takes anything, and so no kind of push is taken any more; each refusal
/// says why in one of these ways.
#[track_caller]
fn expect_all_refused(client: &Client, reasons: &[&str]) {
    let mut last = Vec::new();
    eventually(Duration::from_secs(20), "every kind of push is refused", || {
        last = push_each_kind(client);
        let checks = client.get("/health").json()["checks"].take();
        let is_unhealthy = |name: &&str| checks[*name]["status"] == "unhealthy";
        last.iter().all(|answer| answer.status != 200)
            && ["storage", "records"].iter().all(is_unhealthy)
    });
    for answer in last {
        assert!(answer.header("retry-after").is_some(), "when to come back: {answer:?}");
        expect_reason(answer.refused(503)["detail"].as_str().unwrap(), reasons);
    }
}

/// What everybody is told while the disk takes nothing, and that reading goes on.
#[track_caller]
fn expect_readable_and_not_ready(client: &Client, reasons: &[&str]) {
    expect_reason(&client.get("/-/ready").expect(503).text(), reasons);
    let health = client.get("/health").expect(503).json();
    assert_eq!(health["status"], "unhealthy", "{health}");
    expect_reason(health["error"].as_str().unwrap(), reasons);
    for path in ["/healthz", "/-/healthy", "/metrics", "/monitoring"] {
        client.get(path).expect(200);
    }
    for path in ["/services/", "/pipelines/", "/alerts/", "/metrics/?hours=1"] {
        let listed = client.json(path);
        assert!(listed.as_array().is_some_and(|rows| !rows.is_empty()), "{path}: {listed}");
    }
}

/// Waits until the server takes every kind of push and calls itself ready.
#[track_caller]
fn expect_writable(client: &Client) {
    eventually(RESUME_MAX, "the server takes writes again", || {
        let pushed = push_each_kind(client);
        pushed.iter().all(|answer| answer.status == 200) && client.get("/-/ready").status == 200
    });
    assert_eq!(client.json("/health")["error"], json!(null));
}

#[track_caller]
fn expect_reason(text: &str, reasons: &[&str]) {
    assert!(reasons.iter().any(|reason| text.contains(reason)), "none of {reasons:?} in {text:?}");
}
