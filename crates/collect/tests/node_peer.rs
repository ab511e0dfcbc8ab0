//! Beside the original: node_exporter and our host collectors, looking at the same machine.
//!
//! Runs when `PHAROS_PEERS` names a folder that holds Debian's package unpacked:
//! `apt-get download prometheus-node-exporter && dpkg -x prometheus-node-exporter_*.deb
//! prometheus-node-exporter`.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use collect::{Config, Host};
use model::{Family, MetricKind};
use stdx::Env;

/// What the original shows and we do not, or not alike.
const EXCEPTIONS: [(&str, &str); 1] =
    [("node_exporter_build_info", "says which node_exporter runs; none does")];

/// Collectors of the original that we lack.
const COLLECTORS_LEFT_OUT: [(&str, &str); 8] = [
    ("bcache", "a cache in front of disks that is hardly in use any more"),
    ("btrfs", "needs an ioctl on each mounted file system"),
    ("ipvs", "the tables of a load balancer, which is watched by its own means"),
    ("nfsd", "the NFS server's counters; the client's are shown"),
    ("systemd", "needs D-Bus; upstream leaves it off"),
    ("tapestats", "tape drives"),
    ("xfs", "the file system's inner counters; its room is shown by filesystem"),
    ("zfs", "its module's inner counters; its room is shown by filesystem"),
];

/// Gauges that do not move between two looks, so that ours must be equal.
const STEADY: [&str; 12] = [
    "node_boot_time_seconds",
    "node_disk_info",
    "node_entropy_pool_size_bits",
    "node_filefd_maximum",
    "node_filesystem_size_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_DirectMap4k_bytes",
    "node_network_flags",
    "node_network_mtu_bytes",
    "node_network_speed_bytes",
    "node_os_version",
    "node_timex_tick_seconds",
];

type Series = BTreeMap<String, String>;

/// A family as a page shows it; labels with an empty value count as absent.
#[derive(Default)]
struct Shown {
    kind: String,
    series: BTreeMap<Series, f64>,
}

type Page = BTreeMap<String, Shown>;

struct Peer {
    process: Child,
    port: u16,
    /// It writes to its log with each page, which fails once nobody could read it.
    _log: BufReader<ChildStderr>,
}

fn is_ready(line: &str) -> bool {
    line.contains("Listening on")
}

impl Peer {
    fn start(program: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut process = Command::new(program)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let ready = log.by_ref().lines().map_while(Result::ok).any(|line| is_ready(&line));
        let peer = Self { process, port, _log: log };
        assert!(ready, "node_exporter ended before it listened");
        peer
    }

    fn page(&self) -> Page {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{head}");
        parse(body)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn parse(text: &str) -> Page {
    let mut page = Page::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            page.entry(name.into()).or_default().kind = kind.into();
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = parse_labels(labels);
            let family = page.entry(name.into()).or_default();
            family.series.insert(labels, value.parse().unwrap());
        }
    }
    page.retain(|name, _| name.starts_with("node_"));
    page
}

/// `a="b",c="d"}` with `\\`, `\"` and `\n` in the values.
fn parse_labels(text: &str) -> Series {
    let mut labels = Series::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => match chars.next().unwrap() {
                    (_, 'n') => value.push('\n'),
                    (_, c) => value.push(c),
                },
                (_, c) => value.push(c),
            }
        };
        if !value.is_empty() {
            labels.insert(name.trim_start_matches(',').into(), value);
        }
        rest = &after[end + 1..];
    }
    labels
}

fn shown(families: &[Family]) -> Page {
    let page = families.iter().map(|family| {
        let kind = match family.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::Summary => "summary",
            MetricKind::Untyped => "untyped",
        };
        let series = family.points.iter().map(|point| {
            let pairs = point.labels.iter();
            let labels = pairs.map(|label| (label.name.clone(), label.value.clone()));
            (labels.collect(), point.value)
        });
        (family.name.to_string(), Shown { kind: kind.into(), series: series.collect() })
    });
    page.collect()
}

fn label_names(family: &Shown) -> BTreeSet<&str> {
    let labels = family.series.keys().flat_map(|series| series.keys());
    labels.map(String::as_str).collect()
}

fn is_left_out(series: &Series) -> bool {
    let collector = series.get("collector");
    collector.is_some_and(|name| COLLECTORS_LEFT_OUT.iter().any(|(left_out, _)| left_out == name))
}

/// Every way in which our family falls short of the original's.
fn differences(name: &str, theirs: [&Shown; 2], ours: &Shown) -> Vec<String> {
    let [before, after] = theirs;
    let mut found = Vec::new();
    if before.kind != ours.kind {
        found.push(format!("{name} is a {}, ours a {}", before.kind, ours.kind));
    }
    if label_names(before) != label_names(ours) {
        let (theirs, ours) = (label_names(before), label_names(ours));
        found.push(format!("{name} has labels {theirs:?}, ours {ours:?}"));
    }
    for (series, low) in before.series.iter().filter(|(series, _)| !is_left_out(series)) {
        let Some(value) = ours.series.get(series) else {
            found.push(format!("{name}{series:?} is not shown"));
            continue;
        };
        let high = after.series.get(series).unwrap_or(low);
        // Idle time is an estimate that steps back at times, hence some room.
        let room = 1.0 + high.abs() / 1000.0;
        let counts = before.kind == "counter" || before.kind == "untyped";
        let between = (low - room..=high + room).contains(value);
        // `node_netstat_Tcp_CurrEstab` and others are untyped and do move back.
        let moves_back = low > high || name.contains("CurrEstab");
        if counts && !between && !moves_back {
            found.push(format!("{name}{series:?} is {value}, not {low} to {high}"));
        }
        if STEADY.contains(&name) && value != low {
            found.push(format!("{name}{series:?} is {value}, not {low}"));
        }
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a test is told where its peers are")]
fn peers() -> Option<PathBuf> {
    std::env::var_os("PHAROS_PEERS").map(PathBuf::from)
}

#[test]
fn we_show_what_node_exporter_shows() {
    let Some(peers) = peers() else {
        println!("skipped: PHAROS_PEERS does not name a folder with node_exporter in it");
        return;
    };
    let program = peers.join("prometheus-node-exporter/usr/bin/prometheus-node-exporter");
    let peer = Peer::start(&program);
    let before = peer.page();
    let mut host = Host::new(&Config::default(), &Env::system());
    let ours = shown(&host.collect().families);
    let after = peer.page();

    assert!(before.len() > 200, "only {} families: not the page we know", before.len());
    let mut found = Vec::new();
    for (name, theirs) in &before {
        if EXCEPTIONS.iter().any(|(exception, _)| exception == name) {
            continue;
        }
        let Some(ours) = ours.get(name) else {
            found.push(format!("{name} is not shown"));
            continue;
        };
        let later = after.get(name).unwrap_or(theirs);
        found.extend(differences(name, [theirs, later], ours));
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    println!("{} families compared", before.len());
}
