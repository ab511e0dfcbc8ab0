//! Contender: a server that takes remote write, ours or a peer, started alone on a free port over
//! a data folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use stdx::Clock;

use crate::http::{self, Connection};
use crate::process::{self, Process};
use crate::store::remote_write;
use crate::{Bench, peers};

/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(180);
const STOP_MAX: Duration = Duration::from_secs(120);
/// A server has settled when it used less than this share of a core for so long.
const QUIET: Duration = Duration::from_secs(3);
const QUIET_SHARE: f64 = 0.02;
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// How often a server that starts is asked whether it has come so far.
const POLL: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Pharos,
    VictoriaMetrics,
    Prometheus,
}

impl Kind {
    /// In the order in which they take turns.
    pub(crate) const ALL: [Self; 3] = [Self::Pharos, Self::VictoriaMetrics, Self::Prometheus];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pharos => "pharos",
            Self::VictoriaMetrics => "VictoriaMetrics",
            Self::Prometheus => "Prometheus",
        }
    }
}

/// A running server.
pub(crate) struct Contender<'a> {
    bench: &'a Bench,
    kind: Kind,
    process: Process,
    pub(crate) address: SocketAddr,
    dir: PathBuf,
}

/// A server that does not take remote write.
#[derive(Debug, thiserror::Error)]
#[error("it does not take remote write (answered {status})")]
pub(crate) struct NotAvailable {
    status: u16,
}

impl<'a> Contender<'a> {
    /// Starts it over the folder `name` and waits until it takes writes.
    ///
    /// # Errors
    /// [`NotAvailable`] among others.
    pub(crate) fn start(bench: &'a Bench, kind: Kind, name: &str) -> anyhow::Result<Self> {
        let contender = Self::spawn(bench, kind, name)?;
        let nothing = remote_write::Renderer::new().request()?;
        contender.wait_until_it_takes(&nothing)?;
        Ok(contender)
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(bench: &'a Bench, kind: Kind, name: &str) -> anyhow::Result<Self> {
        let dir = bench.dir.join(name).join(kind.name());
        bench.env.disk.create_dir_all(&dir)?;
        let [address, ..] = peers::free_addresses()?;
        let mut command = command(bench, kind, &dir, address)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(&mut command)?;
        Ok(Self { bench, kind, process, address, dir })
    }

    /// Sends a request until it is answered with success.
    pub(crate) fn wait_until_it_takes(&self, request: &[u8]) -> anyhow::Result<()> {
        let clock = &self.bench.env.clock;
        let deadline = clock.monotonic() + START_MAX;
        let status = || Connection::open(self.address)?.status(request);
        loop {
            match status() {
                Ok(200 | 204) => return Ok(()),
                Ok(status @ (404 | 405)) => return Err(NotAvailable { status }.into()),
                // Starting: it does not listen, or says that it is not ready.
                answer if clock.monotonic() > deadline => {
                    bail!("{} does not take writes: {answer:?}", self.kind.name());
                }
                _ => std::thread::sleep(POLL),
            }
        }
    }

    /// Waits until a server that takes writes answers with everything it has. Ours takes them
    /// before it has read its log, and says so; the peers do not.
    pub(crate) fn wait_until_whole(&self) -> anyhow::Result<()> {
        if self.kind != Kind::Pharos {
            return Ok(());
        }
        let clock = &self.bench.env.clock;
        let deadline = clock.monotonic() + START_MAX;
        loop {
            let ready = http::fetch(self.address, "/-/ready");
            match ready {
                Ok(text) if !is_warming(&text) => return Ok(()),
                ready if clock.monotonic() > deadline => bail!("it is never whole: {ready:?}"),
                _ => std::thread::sleep(POLL),
            }
        }
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu_time(&[self.process.pid()])
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.bench.env.clock
    }

    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        process::resident_bytes(&[self.process.pid()])
    }

    /// Lets the peak begin anew at what is resident now.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        process::forget_resident_peak(self.process.pid())
    }

    pub(crate) fn resident_bytes_peak(&self) -> anyhow::Result<u64> {
        process::resident_bytes_peak(self.process.pid())
    }

    /// Asks for something that is answered when it is done.
    fn ask(&self, line: &str) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.address)?;
        let request = format!("{line}\r\nHost: bench\r\nContent-Length: 0\r\n\r\n");
        connection.exchange(request.as_bytes())
    }

    /// Waits until what was sent is worked off: flushed where there is a way to ask for it, and no
    /// processor used any more.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        self.flush()?;
        self.wait_until_quiet()
    }

    fn flush(&self) -> anyhow::Result<()> {
        match self.kind {
            Kind::Pharos => {
                self.ask("POST /api/v1/admin/tsdb/flush HTTP/1.1")?;
                self.ask("POST /api/v1/admin/tsdb/compact HTTP/1.1")?;
            }
            Kind::VictoriaMetrics => {
                http::fetch(self.address, "/internal/force_flush")?;
            }
            Kind::Prometheus => {}
        }
        Ok(())
    }

    /// Waits until it uses no processor any more; nothing is flushed that it would not flush itself.
    pub(crate) fn wait_until_quiet(&self) -> anyhow::Result<()> {
        let clock = &self.bench.env.clock;
        let began = clock.monotonic();
        while clock.monotonic().saturating_sub(began) < SETTLE_MAX {
            let before = self.cpu()?;
            std::thread::sleep(QUIET);
            let used = self.cpu()?.saturating_sub(before);
            if used.as_secs_f64() < QUIET.as_secs_f64() * QUIET_SHARE {
                return Ok(());
            }
        }
        // A server that is never idle is compared with what it used until here.
        crate::report::complain(&format!("{} does not settle", self.kind.name()));
        Ok(())
    }

    /// The only value of an instant query.
    pub(crate) fn query(&self, expression: &str, t_ms: i64) -> anyhow::Result<f64> {
        let body = self.answer_to(expression, t_ms)?;
        let value = body.pointer("/data/result/0/value/1").and_then(Value::as_str);
        let value = value.with_context(|| format!("{expression} gave {body}"))?;
        Ok(value.parse()?)
    }

    /// The values of the only series that `expression`, a selector with a range, selects.
    pub(crate) fn query_values(&self, expression: &str, t_ms: i64) -> anyhow::Result<Vec<f64>> {
        let body = self.answer_to(expression, t_ms)?;
        let pairs = body.pointer("/data/result/0/values").and_then(Value::as_array);
        let pairs = pairs.with_context(|| format!("{expression} gave no series"))?;
        let value = |pair: &Value| pair.get(1)?.as_str()?.parse().ok();
        let values: Option<Vec<f64>> = pairs.iter().map(value).collect();
        values.context("a value is no number")
    }

    fn answer_to(&self, expression: &str, t_ms: i64) -> anyhow::Result<Value> {
        let path = format!(
            "/api/v1/query?nocache=1&time={}&query={}",
            t_ms as f64 / 1000.0,
            percent_encoded(expression)
        );
        let body = http::fetch(self.address, &path)?;
        serde_json::from_str(&body).context("the answer is odd")
    }

    /// Where its data lies.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stops it cleanly; gives the processor time of its whole life.
    pub(crate) fn stop(self) -> anyhow::Result<Duration> {
        self.process.end(&*self.bench.env.clock, STOP_MAX)
    }

    /// Kills it, so that it can finish nothing.
    pub(crate) fn kill(self) {
        drop(self.process);
    }

    /// Stops it cleanly and counts the bytes that its samples take: all of them, and those that
    /// hold no index where the two are apart. VictoriaMetrics merges first, and of Prometheus the
    /// block counts that its head would become, which is the best that either can do.
    pub(crate) fn bytes_on_disk(self) -> anyhow::Result<Bytes> {
        let dir = self.dir.clone();
        match self.kind {
            Kind::Pharos => {
                self.settle()?;
                self.stop()?;
                // The rest of the folder belongs to the records.
                let samples = bytes_below(&dir.join("blk"))? + bytes_below(&dir.join("wal"))?;
                Ok(Bytes { all: samples, without_index: None })
            }
            Kind::VictoriaMetrics => {
                http::fetch(self.address, "/internal/force_merge")?;
                self.settle()?;
                self.stop()?;
                let data = bytes_below(&dir.join("data"))?;
                let index = bytes_below(&dir.join("indexdb"))?;
                Ok(Bytes { all: data + index, without_index: Some(data) })
            }
            Kind::Prometheus => {
                self.ask("POST /api/v1/admin/tsdb/snapshot HTTP/1.1")?;
                self.stop()?;
                let blocks = dir.join("snapshots");
                let all = bytes_below(&blocks)?;
                let index = bytes_of_files(&blocks, &|path| path.ends_with("index"))?;
                Ok(Bytes { all, without_index: Some(all - index) })
            }
        }
    }
}

/// What samples take on disk.
pub(crate) struct Bytes {
    pub(crate) all: u64,
    pub(crate) without_index: Option<u64>,
}

fn command(bench: &Bench, kind: Kind, dir: &Path, address: SocketAddr) -> anyhow::Result<Command> {
    let flag = peers::flag;
    Ok(match kind {
        Kind::Pharos => {
            let mut command = Command::new(&bench.pharos);
            command.args(["--listen", &address.to_string(), "--no-collect", "--retention", "0"]);
            command.args(["--log-level", "error", "--data-dir"]).arg(dir);
            command
        }
        Kind::VictoriaMetrics => {
            let mut command =
                Command::new(bench.peers.join("victoria-metrics/usr/bin/victoria-metrics"));
            command.arg(flag("-storageDataPath=", dir)).arg(format!("-httpListenAddr={address}"));
            // The last two are for the query that counts what has arrived.
            command.args([
                "-retentionPeriod=100y",
                "-loggerLevel=ERROR",
                "-search.maxUniqueTimeseries=5000000",
                "-search.maxQueryDuration=5m",
            ]);
            command
        }
        Kind::Prometheus => {
            let settings = dir.with_extension("yml");
            if !settings.exists() {
                peers::write(bench, &settings, "global: {}\n")?;
            }
            let mut command = Command::new(bench.peers.join("prometheus/usr/bin/prometheus"));
            command.arg(flag("--storage.tsdb.path=", dir)).arg(flag("--config.file=", &settings));
            command.arg(format!("--web.listen-address={address}")).args([
                "--web.enable-remote-write-receiver",
                "--web.enable-admin-api",
                "--storage.tsdb.retention.time=100y",
                "--log.level=error",
            ]);
            command
        }
    })
}

/// Reads `/-/ready`: a second line says that not everything is there yet.
fn is_warming(ready: &str) -> bool {
    ready.lines().any(|line| line.starts_with("warming:"))
}

fn bytes_below(dir: &Path) -> anyhow::Result<u64> {
    bytes_of_files(dir, &|_| true)
}

fn bytes_of_files(dir: &Path, counts: &dyn Fn(&Path) -> bool) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).with_context(|| format!("no {}", dir.display()))? {
        let path = entry?.path();
        let metadata = std::fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            bytes += bytes_of_files(&path, counts)?;
        } else if counts(&path) {
            bytes += metadata.len();
        }
    }
    Ok(bytes)
}

/// As a part of an address or a form.
pub(crate) fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// Complains when a number that a server answered is not the one that was sent.
pub(crate) fn ensure_equal(what: &str, got: f64, sent: f64) -> anyhow::Result<()> {
    ensure!(got == sent, "{what}: {sent} were sent, {got} are there");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{is_warming, percent_encoded};

    #[test]
    fn a_second_line_says_that_answers_are_not_whole() {
        assert!(is_warming("Pharos is Ready.\nwarming: 12 of 80 MB of the old log are read\n"));
        assert!(!is_warming("Pharos is Ready.\n"));
    }

    #[test]
    fn a_selector_fits_into_an_address() {
        assert_eq!(percent_encoded("a{b=\"c\"}"), "a%7Bb%3D%22c%22%7D");
    }
}
