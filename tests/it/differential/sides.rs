//! Sides: the two servers with the same samples, and what each answers to a question.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use e2e::{Client, Peer, Server, Starting, eventually, free_port, peer};
use tempfile::TempDir;

use crate::differential::answer::Answer;
use crate::differential::data::Line;
use crate::differential::query::Expr;
use crate::remote_write::{block, series};

const PEER_DEADLINE: Duration = Duration::from_secs(30);
/// What a sender puts into one request.
const N_REQUEST_SAMPLES: usize = 2000;

/// When a question is asked, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Times {
    At(i64),
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// What to ask.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) expr: Expr,
    pub(crate) times: Times,
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.times {
            Times::At(t_ms) => write!(f, "{}  at {}", self.expr, seconds(t_ms)),
            Times::Range { start_ms, end_ms, step_ms } => {
                let (start, end) = (seconds(start_ms), seconds(end_ms));
                write!(f, "{}  from {start} to {end} step {}", self.expr, seconds(step_ms))
            }
        }
    }
}

/// What both answer.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) ours: Answer,
    pub(crate) theirs: Answer,
}

pub(crate) struct Sides {
    ours: Client,
    theirs: Client,
    /// They end with this.
    _server: Server,
    _peer: Peer,
    _dir: TempDir,
}

impl Sides {
    /// Both with these samples; `None` without a Prometheus.
    pub(crate) fn start(lines: &[Line]) -> Option<Self> {
        let program = peer("prometheus/usr/bin/prometheus")?;
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("prometheus.yml");
        // Subqueries without a step take this one; ours takes a minute.
        fs::write(&settings, "global: {evaluation_interval: 1m}\n").unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let peer = Peer::start(
            Command::new(program)
                .arg(format!("--config.file={}", settings.display()))
                .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .arg("--storage.tsdb.retention.time=100y")
                .arg("--web.enable-remote-write-receiver"),
        );
        let server = Starting::default().arg("--no-collect").arg("--retention").arg("0").start();
        let (ours, theirs) = (server.client(), Client::new(address));
        eventually(PEER_DEADLINE, "Prometheus is ready", || {
            std::net::TcpStream::connect(address).is_ok() && theirs.get("/-/ready").status == 200
        });
        for request in requests(lines) {
            for client in [&ours, &theirs] {
                write(client, &request);
            }
        }
        Some(Self { ours, theirs, _server: server, _peer: peer, _dir: dir })
    }

    /// Asks both.
    pub(crate) fn ask(&self, question: &Question) -> Pair {
        let text = question.expr.to_string();
        // Renamed in Prometheus 3.
        let renamed = text.replace("holt_winters(", "double_exponential_smoothing(");
        let ours = ask(&self.ours, &renamed, question.times);
        Pair { ours, theirs: ask(&self.theirs, &text, question.times) }
    }
}

/// All samples in the order of their times, as they would have arrived, in requests of remote
/// write 1.0.
fn requests(lines: &[Line]) -> Vec<Vec<u8>> {
    let samples = |line: &'_ Line| -> Vec<(i64, Vec<u8>)> {
        let pairs = line.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels: Vec<(&str, &str)> = pairs.collect();
        let sample = |(t_ms, value): &(i64, f64)| {
            (*t_ms, series(&labels, *value, u64::try_from(*t_ms).unwrap()))
        };
        line.samples.iter().map(sample).collect()
    };
    let mut all: Vec<(i64, Vec<u8>)> = lines.iter().flat_map(samples).collect();
    all.sort_by_key(|(t_ms, _)| *t_ms);
    let request = |samples: &[(i64, Vec<u8>)]| {
        block(&samples.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect::<Vec<u8>>())
    };
    all.chunks(N_REQUEST_SAMPLES).map(request).collect()
}

fn write(client: &Client, body: &[u8]) {
    let request = client.request("POST", "/api/v1/write");
    let request = request.header("Content-Type", "application/x-protobuf");
    let request = request.header("Content-Encoding", "snappy");
    let request = request.header("X-Prometheus-Remote-Write-Version", "0.1.0");
    request.body(body).send().expect(204);
}

fn ask(client: &Client, query: &str, times: Times) -> Answer {
    let query = percent_encoded(query);
    let (path, form) = match times {
        Times::At(t_ms) => ("query", format!("query={query}&time={}", seconds(t_ms))),
        Times::Range { start_ms, end_ms, step_ms } => {
            let (start, end, step) = (seconds(start_ms), seconds(end_ms), seconds(step_ms));
            ("query_range", format!("query={query}&start={start}&end={end}&step={step}"))
        }
    };
    let request = client.request("POST", &format!("/api/v1/{path}"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    Answer::read(&request.body(form).send())
}

/// Milliseconds as seconds, exactly.
pub(crate) fn seconds(ms: i64) -> String {
    format!("{}{}.{:03}", if ms < 0 { "-" } else { "" }, ms.abs() / 1000, ms.abs() % 1000)
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}
