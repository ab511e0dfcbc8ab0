//! The behaviours that all clients share: every case of `../cases`, played against its server.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends by a panic and prints")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pharos_client::{Builder, Client, PipelineState, ServiceState, Severity, Value, json};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cases");

/// The lines that the client said since the case began.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "pharos_client" && metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// One test at a time: some cases give a request less than a second.
static TURN: Mutex<()> = Mutex::new(());

struct Server {
    _turn: MutexGuard<'static, ()>,
    process: Child,
    _lines: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(flags: &[&str]) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut process = Command::new("python3")
            .arg(format!("{CASES}/server.py"))
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It complains about clients that do not wait, as some cases want.
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
        Self { _turn: turn, process, _lines: lines, url }
    }

    fn play(&self, script: &Value) {
        ureq::post(format!("{}/_case", self.url)).send(script.to_string()).unwrap();
    }

    fn seen(&self) -> Vec<Value> {
        let mut response = ureq::get(format!("{}/_seen", self.url)).call().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let mut seen: Value = serde_json::from_str(&text).unwrap();
        match seen["requests"].take() {
            Value::Array(requests) => requests,
            other => panic!("{other}"),
        }
    }
}

impl Server {
    /// Waits until it saw so many requests of this path.
    fn until(&self, path: &Value, n_requests: u64) {
        let end = Instant::now() + Duration::from_secs(60);
        while (self.seen().iter().filter(|request| request["path"] == *path).count() as u64)
            < n_requests
        {
            assert!(Instant::now() < end, "{n_requests} requests of {path} do not come");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_f64().unwrap())
}

fn settings(case: &Value, url: &str) -> Builder {
    let mut made = Client::builder().url(url).service("case");
    for (key, value) in case["config"].as_object().into_iter().flatten() {
        let number = value.as_u64().unwrap_or_default();
        made = match key.as_str() {
            "batch_interval_s" => made.batch_interval(seconds(value)),
            "batch_items_max" => made.batch_items_max(number as usize),
            "queue_items_max" => made.queue_items_max(number as usize),
            "retries_max" => made.retries_max(number as u32),
            "backoff_s" => made.backoff(seconds(value)),
            "timeout_s" => made.timeout(seconds(value)),
            "flush_timeout_s" => made.flush_timeout(seconds(value)),
            "api_key" => made.api_key(value.as_str().unwrap()),
            "heartbeat_s" => made.heartbeat(seconds(value)),
            "alert_after_errors" => made.alert_after_errors(Some(number as u32)),
            other => panic!("unknown setting {other}"),
        };
    }
    made
}

/// A client as the case says. Variables would be seen by all threads of this process: a case
/// with an environment is read by a builder in a process of its own, see `from_environment`.
fn client(case: &Value, url: &str) -> Client {
    settings(case, url).build().expect("the case's settings are good")
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap(),
    }
}

fn step(client: &Client, step: &Value, round: Option<u64>) {
    let text = |at: usize| step[at].as_str().unwrap_or_default();
    match text(0) {
        "repeat" => {
            (0..step[1].as_u64().unwrap())
                .for_each(|round| self::step(client, &step[2], Some(round)));
        }
        "metric" => {
            let labels = step[3].as_object().into_iter().flatten();
            let labels: Vec<(&str, &str)> =
                labels.map(|(name, text)| (&**name, text.as_str().unwrap())).collect();
            let value = round.map_or_else(|| number(&step[2]), |round| round as f64);
            client.metric_with(text(1), value, &labels);
        }
        // A word that is no state does not compile here; the error says what the case wants.
        "status" => match text(1).parse::<ServiceState>() {
            Ok(state) if step[2].is_string() => client.status_at(state, text(2)),
            Ok(state) => client.status(state),
            Err(cause) => LINES.lock().unwrap().push(cause.to_string()),
        },
        "pipeline" => {
            let state: PipelineState = text(2).parse().unwrap();
            client.pipeline(text(1), state, step[3].clone());
        }
        "alert" => {
            let severity = step[3].as_str().map_or_else(|| step[3].to_string(), str::to_owned);
            client.alert(text(1), text(2), Severity::of(&severity));
        }
        "flush" => drop(client.flush()),
        "until" => unreachable!("a server is asked for it"),
        "close" => drop(client.close()),
        other => panic!("unknown step {other}"),
    }
}

fn within(expected: &Value, got: u64) -> bool {
    match expected {
        Value::Array(range) => {
            (range[0].as_u64().unwrap()..=range[1].as_u64().unwrap()).contains(&got)
        }
        expected => expected.as_u64() == Some(got),
    }
}

/// What came of a case.
struct Outcome {
    seen: Vec<Value>,
    stats: pharos_client::Stats,
    said: Vec<String>,
    duration: Duration,
}

impl Outcome {
    fn answered(&self, path: &str) -> impl Iterator<Item = &Value> {
        self.seen.iter().filter(move |request| {
            request["path"] == path && (200..300).contains(&request["status"].as_i64().unwrap())
        })
    }

    fn metrics(&self) -> Vec<(String, f64)> {
        self.answered("/metrics/batch")
            .flat_map(|request| request["body"]["metrics"].as_array().unwrap())
            .map(|item| (item["metric_type"].as_str().unwrap().into(), number(&item["value"])))
            .collect()
    }

    fn stat(&self, name: &str) -> u64 {
        match name {
            "sent" => self.stats.sent,
            "dropped" => self.stats.dropped,
            "retries" => self.stats.retries,
            "failed" => self.stats.failed,
            other => panic!("unknown counter {other}"),
        }
    }

    /// What differs from what the case expects.
    fn wrong(&self, expect: &Value) -> Vec<String> {
        let path = expect["path"].as_str().unwrap_or("/metrics/batch");
        let mut wrong = Vec::new();
        for (key, expected) in expect.as_object().unwrap() {
            let (is_right, got) = self.holds(key, expected, path);
            if !is_right {
                wrong.push(format!("{key}: expected {expected}, got {got}"));
            }
        }
        wrong
    }

    fn holds(&self, key: &str, expected: &Value, path: &str) -> (bool, String) {
        let metrics = self.metrics();
        let count = |n: usize| (within(expected, n as u64), n.to_string());
        match key {
            "path" => (true, String::new()),
            "requests" => count(self.seen.iter().filter(|request| request["path"] == path).count()),
            "metrics_count" => count(metrics.len()),
            "alerts" => count(self.answered("/alerts").count()),
            "metrics" => {
                let same = |(item, metric): (&Value, &(String, f64))| {
                    item[0] == metric.0 && number(&item[1]) == metric.1
                };
                let expected = expected.as_array().unwrap();
                let is_right = expected.len() == metrics.len();
                (is_right && expected.iter().zip(&metrics).all(same), format!("{metrics:?}"))
            }
            "newest" => {
                let newest = metrics.last().map(|metric| metric.1);
                (newest == expected.as_f64(), format!("{newest:?}"))
            }
            "authorization" | "encoding" => {
                let is_right =
                    |request: &Value| request["path"] != path || request[key] == *expected;
                (self.seen.iter().all(is_right), format!("{:?}", self.seen))
            }
            "severity" => {
                let severities: Vec<Severity> = self
                    .answered("/alerts")
                    .map(|request| match &request["body"]["severity"] {
                        Value::String(word) => Severity::of(word),
                        number => Severity::of(&number.to_string()),
                    })
                    .collect();
                let is_right =
                    severities.iter().all(|found| Some(found.as_str()) == expected.as_str());
                (is_right, format!("{severities:?}"))
            }
            "last_status" => {
                let last = self.seen.iter().rfind(|request| request["path"] == "/services");
                let last = last.map_or(&Value::Null, |request| &request["body"]["status"]);
                (last == expected, last.to_string())
            }
            "stats" => {
                let is_right = |(name, n): (&String, &Value)| within(n, self.stat(name));
                (expected.as_object().unwrap().iter().all(is_right), format!("{:?}", self.stats))
            }
            "said" => {
                let times = |text: &String| {
                    self.said.iter().filter(|line| line.contains(&**text)).count() as u64
                };
                let is_right = |(text, n): (&String, &Value)| within(n, times(text));
                (expected.as_object().unwrap().iter().all(is_right), format!("{:?}", self.said))
            }
            "duration_s" => (self.duration <= seconds(expected), format!("{:?}", self.duration)),
            other => panic!("unknown expectation {other}"),
        }
    }
}

fn play(case: &Value, server: &Server) -> Outcome {
    server.play(&case["server"]);
    LINES.lock().unwrap().clear();
    let has_server = !case["server"].is_null();
    // Port 1 is nobody's.
    let url = if has_server { server.url.as_str() } else { "http://127.0.0.1:1" };
    let begin = Instant::now();
    let client = client(case, url);
    for todo in case["do"].as_array().unwrap() {
        if todo[0] == "until" {
            server.until(&todo[1], todo[2].as_u64().unwrap());
        } else {
            step(&client, todo, None);
        }
    }
    client.close();
    let said = std::mem::take(&mut *LINES.lock().unwrap());
    Outcome { seen: server.seen(), stats: client.stats(), said, duration: begin.elapsed() }
}

/// Plays a case that says its environment in a process of its own: the example of three lines,
/// which is made without arguments.
fn play_environment(case: &Value, server: &Server) -> Outcome {
    server.play(&case["server"]);
    let begin = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["from_environment", "--exact"]).env("PHAROS_CASE", case["do"].to_string());
    for (name, value) in case["environment"].as_object().unwrap() {
        child.env(name, value.as_str().unwrap().replace("{url}", &server.url));
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (seen, stats) = (server.seen(), pharos_client::Stats::default());
    Outcome { seen, stats, said: Vec::new(), duration: begin.elapsed() }
}

#[test]
fn from_environment() {
    let Ok(todo) = std::env::var("PHAROS_CASE") else { return };
    let client = Client::from_env();
    let todo: Value = serde_json::from_str(&todo).unwrap();
    todo.as_array().unwrap().iter().for_each(|todo| step(&client, todo, None));
}

/// A wrong address must not keep a program from starting, or make it panic.
#[test]
fn an_environment_of_no_use_keeps_no_program_from_running() {
    let todo = json!([["metric", "a", 1], ["status", "up"], ["flush"], ["close"]]);
    for url in ["ftp://pharos", "http://", "pharos", "\u{1f600}"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["from_environment", "--exact"]).env("PHAROS_CASE", todo.to_string());
        let output = child.env("PHAROS_URL", url).output().unwrap();
        assert!(output.status.success(), "{url} {output:?}");
    }
}

/// What a client in a process of its own says of an https server, with this file of certificates.
fn sent_by_https(url: &str, certificates: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["by_https", "--exact", "--nocapture"]).env("PHAROS_URL", url);
    let output =
        child.env("PHAROS_HTTPS", "1").env("SSL_CERT_FILE", certificates).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn by_https() {
    if std::env::var_os("PHAROS_HTTPS").is_none() {
        return;
    }
    let client = Client::builder().environment().retries_max(0).build().unwrap();
    client.metric("a", 1);
    client.close();
    println!("sent {} failed {}", client.stats().sent, client.stats().failed);
}

#[cfg(feature = "tls")]
#[test]
fn https_with_a_certificate_that_is_trusted_and_one_that_is_not() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: no openssl to make a certificate with");
        return;
    }
    let name = format!("pharos-client-tls-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let server = Server::start_with(&["--tls", folder.to_str().unwrap()]);
    assert!(server.url.starts_with("https://"));
    let trusted = sent_by_https(&server.url, folder.join("cert.pem").to_str().unwrap());
    // Certificates of others alone.
    std::fs::write(folder.join("none.pem"), "").unwrap();
    let strange = sent_by_https(&server.url, folder.join("none.pem").to_str().unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(trusted.contains("sent 1 failed 0"), "{trusted}");
    assert!(strange.contains("sent 0 failed 1"), "{strange}");
}

/// A million calls to nobody: none is lost from the count, and the queue stays within its bound.
#[test]
fn a_million_calls_to_nobody_are_bounded_and_accounted_for() {
    const N: u64 = 1_000_000;
    let made = Client::builder().url("http://127.0.0.1:1").retries_max(0).queue_items_max(1000);
    let client = made.flush_timeout(Duration::from_millis(200)).build().unwrap();
    for step in 0..N {
        client.metric_with("loss", step, &[("gpu", "0")]);
        if step % 10_000 == 0 {
            assert!(client.stats().queued <= 1000);
        }
    }
    client.close();
    let stats = client.stats();
    assert_eq!((stats.sent, stats.dropped + stats.failed + stats.queued), (0, N), "{stats:?}");
}

/// Whatever many threads do to a small queue: each metric is sent, dropped or failed.
#[test]
fn every_call_is_accounted_for() {
    const N_THREADS: u64 = 8;
    const N_CALLS: u64 = 2000;
    let server = Server::start();
    let made = Client::builder().url(&server.url).service("case").batch_items_max(50);
    let client = made.queue_items_max(200).build().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..N_THREADS {
            let client = &client;
            scope.spawn(move || {
                for step in 0..N_CALLS {
                    client.metric(&format!("thread_{thread}"), step);
                    if step % 500 == thread {
                        client.flush();
                    }
                }
            });
        }
    });
    assert!(client.close());
    let stats = client.stats();
    assert_eq!(stats.sent + stats.dropped + stats.failed, N_THREADS * N_CALLS, "{stats:?}");
    let outcome = Outcome { seen: server.seen(), stats, said: vec![], duration: Duration::ZERO };
    assert_eq!(outcome.metrics().len() as u64, stats.sent);
    for thread in 0..N_THREADS {
        let name = format!("thread_{thread}");
        let steps = outcome.metrics().into_iter().filter(|metric| metric.0 == name);
        let steps: Vec<f64> = steps.map(|metric| metric.1).collect();
        assert!(steps.is_sorted(), "{steps:?}");
    }
}

/// How many alerts about itself a client raises, if batches are answered like this and the third
/// failure in a row raises one.
fn alerts_about_self(answers: &[u16]) -> usize {
    let server = Server::start();
    let script: Vec<Value> = answers.iter().map(|status| json!({ "status": status })).collect();
    server.play(&json!({ "answers": script, "only": "/metrics/batch" }));
    let made = Client::builder().url(&server.url).retries_max(0).alert_after_errors(Some(3));
    let client = made.build().unwrap();
    for _ in answers {
        client.metric("a", 1);
        client.flush();
    }
    client.close();
    server.seen().iter().filter(|request| request["path"] == "/alerts").count()
}

#[test]
fn an_outage_raises_one_alert_and_a_success_ends_it() {
    assert_eq!(alerts_about_self(&[500; 8]), 1);
    assert_eq!(alerts_about_self(&[500, 500, 200, 500, 500, 200]), 0);
    assert_eq!(alerts_about_self(&[500, 500, 500, 200, 500, 500, 500, 200]), 2);
}

#[test]
fn all_shared_cases_hold() {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let mut text = String::new();
    std::fs::File::open(format!("{CASES}/cases.json")).unwrap().read_to_string(&mut text).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let server = Server::start();
    let mut wrong = Vec::new();
    for case in &cases {
        let is_plain = case["environment"] == json!(null);
        let outcome = if is_plain { play(case, &server) } else { play_environment(case, &server) };
        let found = outcome.wrong(&case["expect"]);
        println!("{} {}", if found.is_empty() { "ok    " } else { "FAILED" }, case["name"]);
        wrong.extend(found.iter().map(|text| format!("{}: {text}", case["name"])));
    }
    assert!(cases.len() >= 35, "the cases are not all here");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
