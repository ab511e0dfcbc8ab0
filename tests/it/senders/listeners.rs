//! StatsD and Graphite: counted and stored by the whole binary, off unless configured, and refused where
//! everyone could send.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;

use e2e::{Client, Server, eventually, pharos, senders};

use super::{SOON, last_of};
use crate::shared::{page, stored};

struct World {
    server: Server,
    statsd: SocketAddr,
    graphite: SocketAddr,
}

impl World {
    fn start() -> Self {
        let server = Server::with_config(
            "[collect]\nenabled = false\n[statsd]\nlisten = \"127.0.0.1:0\"\n\
             flush_interval = \"50ms\"\n[graphite]\nlisten = \"127.0.0.1:0\"\n",
        );
        let (statsd, graphite) = (address(&server, "statsd"), address(&server, "graphite"));
        Self { server, statsd, graphite }
    }

    fn client(&self) -> Client {
        self.server.client()
    }

    fn waits_for(&self, metric: &str, value: f64) {
        eventually(SOON, metric, || last_of(&self.client(), metric) == Some(value));
    }

    /// What a listener counted.
    fn counted(&self, family: &str, protocol: &str) -> f64 {
        let page = page(&self.client());
        let mut all = page.all(family);
        all.find(|one| one.labels["protocol"] == protocol).unwrap().value
    }
}

/// Where a protocol is listened for, as the server logged it before it said that it runs.
fn address(server: &Server, protocol: &str) -> SocketAddr {
    let log = server.log();
    let line = log.lines().find(|line| line.contains(&format!("listening for {protocol},")));
    let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
    line["address"].as_str().unwrap().parse().unwrap()
}

#[test]
fn both_protocols_are_stored_and_counted() {
    let world = World::start();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let lines = b"sd.hits:1|c|@0.5|#env:live\nsd.load:3|g\nbad\n_e{1,1}:a|b";
    udp.send_to(lines, world.statsd).unwrap();
    let mut tcp = TcpStream::connect(world.graphite).unwrap();
    tcp.write_all(b"gr.load;site=a 5 -1\nworse\n").unwrap();
    world.waits_for("sd_hits&label=env%3Dlive", 2.0);
    world.waits_for("sd_load", 3.0);
    world.waits_for("gr_load&label=site%3Da", 5.0);
    assert_eq!(world.counted("pharos_listen_lines_total", "statsd"), 4.0);
    assert_eq!(world.counted("pharos_listen_bad_lines_total", "statsd"), 1.0);
    assert_eq!(world.counted("pharos_listen_skipped_lines_total", "statsd"), 1.0);
    assert_eq!(world.counted("pharos_listen_bad_lines_total", "graphite"), 1.0);
    assert_eq!(world.counted("pharos_listen_series", "statsd"), 2.0);
    // The senders hear no answer; the log says what was wrong.
    let log = world.server.log();
    for line in ["\\\"bad\\\"", "\\\"worse\\\""] {
        let line = format!("line {line} was not taken: column ");
        assert_eq!(log.matches(&line).count(), 1, "no {line:?} in {log}");
    }
}

#[test]
fn client_libraries_of_statsd_are_understood() {
    let Some(python) = senders() else { return };
    let world = World::start();
    let script = r#"
import os
import statsd
from datadog.dogstatsd import DogStatsd
host, port = "127.0.0.1", int(os.environ["PORT"])
plain = statsd.StatsClient(host, port, prefix="app")
plain.incr("runs", 3)
plain.gauge("queue", 7)
plain.gauge("queue", -2, delta=True)
plain.timing("took", 320)
with plain.pipeline() as pipe:
    pipe.incr("piped")
    pipe.set("users", "a")
stream = statsd.TCPStatsClient(host, port)
stream.incr("streamed", 2)
stream.close()
dog = DogStatsd(host=host, port=port, disable_telemetry=True)
dog.increment("dog.runs", 2, tags=["env:live", "flag"])
dog.distribution("dog.size", 4)
dog.event("title", "text")
dog.service_check("check", 0)
dog.flush()
"#;
    let output = Command::new(python)
        .args(["-c", script])
        .env_clear()
        .env("PORT", world.statsd.port().to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world.waits_for("app_runs", 3.0);
    world.waits_for("app_queue", 5.0);
    world.waits_for("app_piped", 1.0);
    world.waits_for("streamed", 2.0);
    world.waits_for("dog_runs&label=env%3Dlive&label=flag%3Dtrue", 2.0);
    let count = world.client().json("/api/v1/query?query=histogram_sum(app_took)");
    assert_eq!(count["data"]["result"][0]["value"][1], "0.32", "{count}");
    assert_eq!(world.counted("pharos_listen_bad_lines_total", "statsd"), 0.0);
}

#[test]
fn what_was_counted_is_stored_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[statsd]\nlisten = \"127.0.0.1:0\"\nflush_interval = \"1h\"\n";
    let start = || {
        let starting = e2e::Starting::default().config(config).data_dir(dir.path());
        starting.arg("--no-collect").start()
    };
    let mut server = start();
    let address = address(&server, "statsd");
    TcpStream::connect(address).unwrap().write_all(b"sd_last:4|c\n").unwrap();
    eventually(SOON, "the line has come", || {
        let page = page(&server.client());
        page.all("pharos_listen_lines_total").any(|one| one.value == 1.0)
    });
    server.stop();
    let server = start();
    assert_eq!(stored(&server.client(), "metric=sd_last"), [4.0]);
}

#[test]
fn nobody_listens_unless_it_is_configured() {
    let server = Server::start();
    assert_eq!(page(&server.client()).kind("pharos_listen_lines_total"), None);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("open.toml");
    std::fs::write(&file, "[statsd]\nlisten = \"0.0.0.0:8125\"\ninsecure_open = true\n").unwrap();
    assert_eq!(pharos(&["check", "config", file.to_str().unwrap()], &[]).code, Some(0));
}
