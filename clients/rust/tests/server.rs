//! Effects on a real Pharos: what the client sends can be asked for there.
//!
//! The binary is named by the variable `PHAROS_BIN`; without it these tests say that they are
//! skipped.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends by a panic and prints")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use pharos_client::{Client, PipelineState, ServiceState, Severity, Value, json};

struct Pharos {
    process: Child,
    url: String,
    data_dir: PathBuf,
}

impl Pharos {
    /// `None` where no binary is named.
    fn start(test: &str) -> Option<Self> {
        let Some(binary) = std::env::var_os("PHAROS_BIN") else {
            println!("skipped: PHAROS_BIN names no Pharos");
            return None;
        };
        let name = format!("pharos-client-{test}-{}", std::process::id());
        let data_dir = std::env::temp_dir().join(name);
        let mut process = Command::new(binary)
            .args(["--listen", "127.0.0.1:0", "--no-collect", "--data-dir"])
            .arg(&data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("PHAROS_BIN starts");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.map_while(Result::ok).find_map(|line| {
            let url = line.trim().strip_prefix("dashboard")?.trim().to_owned();
            Some(url.trim_end_matches("/monitoring").to_owned())
        });
        Some(Self { process, url: url.expect("Pharos says where it listens"), data_dir })
    }

    fn client(&self) -> Client {
        Client::builder().url(&self.url).service("trainer").build().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// The newest value that PromQL finds, as it is written.
    fn query(&self, promql: &str) -> String {
        let answer = self.get(&format!("/api/v1/query?query={promql}"));
        let value = &answer["data"]["result"][0]["value"][1];
        value.as_str().unwrap_or_else(|| panic!("nothing for {promql}: {answer}")).to_owned()
    }
}

impl Drop for Pharos {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}

#[test]
fn metrics_are_found_by_their_names_and_labels() {
    let Some(pharos) = Pharos::start("metrics") else { return };
    let client = pharos.client();
    client.metric("queue_size", 3);
    client.metric_with("loss", 0.25, &[("gpu", "0")]);
    assert!(client.flush());
    assert_eq!(client.stats().sent, 2, "{client:?}");
    assert_eq!(pharos.query("queue_size"), "3");
    assert_eq!(pharos.query("loss%7Bgpu=%220%22,service=%22trainer%22%7D"), "0.25");
    let listed = pharos.get("/metrics/?service=trainer&metric_type=queue_size");
    assert_eq!(listed[0]["value"], json!(3.0));
}

#[test]
fn instruments_are_sent_and_histograms_have_quantiles() {
    let Some(pharos) = Pharos::start("instruments") else { return };
    let client = pharos.client();
    client.counter("jobs_total", &[]).add(7);
    client.gauge("depth", &[]).set(2.5);
    let seconds = client.histogram("step_seconds", &[]);
    (0..100).for_each(|_| seconds.record(0.2));
    assert!(client.flush());
    assert_eq!(pharos.query("jobs_total"), "7");
    assert_eq!(pharos.query("depth"), "2.5");
    let median: f64 = pharos.query("histogram_quantile(0.5,step_seconds_bucket)").parse().unwrap();
    assert!((0.1..=0.25).contains(&median), "{median}");
}

#[test]
fn a_service_is_up_and_down_at_its_end() {
    let Some(pharos) = Pharos::start("status") else { return };
    let client = pharos.client();
    client.status_at(ServiceState::Up, "http://trainer:8080");
    assert!(client.flush());
    let service = || pharos.get("/services/?name=trainer")[0].clone();
    assert_eq!(
        (&service()["status"], &service()["endpoint"]),
        (&json!("up"), &json!("http://trainer:8080"))
    );
    drop(client);
    assert_eq!(service()["status"], "down");
}

#[test]
fn alerts_keep_their_severity() {
    let Some(pharos) = Pharos::start("alerts") else { return };
    let client = pharos.client();
    for severity in [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical] {
        client.alert(severity.as_str(), "text", severity);
    }
    assert!(client.close());
    let alerts = pharos.get("/alerts/?service=trainer");
    let alerts = alerts.as_array().unwrap();
    assert_eq!(alerts.len(), 4);
    assert!(alerts.iter().all(|alert| alert["title"] == alert["severity_name"]), "{alerts:?}");
}

#[test]
fn jobs_end_as_they_ended() {
    let Some(pharos) = Pharos::start("jobs") else { return };
    let client = pharos.client();
    let run = |pipeline: &str| pharos.get(&format!("/pipelines/?type={pipeline}"))[0].clone();
    let mut job = client.job("training");
    job.step("download");
    job.progress(45.0);
    job.complete();
    let failed: Result<(), &str> = client.job("evaluation").run(|_| Err("no data"));
    assert_eq!(failed, Err("no data"));
    drop(client.job("preprocessing"));
    client.pipeline("ingestion", PipelineState::Running, json!({ "epoch": 5 }));
    assert!(client.flush());
    let training = run("training");
    assert_eq!(training["status"], "completed");
    assert_eq!(training["metadata"], json!({ "step": "download", "progress": 45.0 }));
    assert_eq!(run("evaluation")["error_message"], "no data");
    assert_eq!(run("preprocessing")["status"], "failed");
    assert_eq!(run("ingestion")["metadata"]["epoch"], 5);
}

#[cfg(feature = "collect")]
#[test]
fn the_host_is_watched() {
    let Some(pharos) = Pharos::start("host") else { return };
    let client = pharos.client();
    pharos_client::Host::new().report(&client);
    assert!(client.flush());
    assert_eq!((client.stats().failed, client.stats().dropped), (0, 0));
    let memory: f64 = pharos.query("memory").parse().unwrap();
    assert!((0.0..=100.0).contains(&memory), "{memory}");
}

#[test]
fn a_webhook_has_the_alert_as_json() {
    let Some(pharos) = Pharos::start("webhook") else { return };
    let alerts = pharos_client::Alerts::new("trainer");
    // Pharos takes what the webhook sends, and says no where it is no alert.
    let url = format!("{}/alerts/", pharos.url);
    alerts.add_notifier(Severity::Error, pharos_client::Webhook::new(url));
    let nowhere = format!("{}/no/such/path", pharos.url);
    alerts.add_notifier(Severity::Critical, pharos_client::Webhook::slack(nowhere));
    alerts.warning("too small", "text", "disk", Value::Null);
    alerts.critical("disk is full", "99%", "disk", json!({ "mount": "/" }));
    assert!(alerts.flush(std::time::Duration::from_secs(60)));
    assert_eq!(alerts.n_failed(), 1);
    let kept = pharos.get("/alerts/?service=trainer");
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert_eq!(
        (&kept[0]["title"], &kept[0]["severity_name"]),
        (&json!("disk is full"), &json!("critical"))
    );
}
