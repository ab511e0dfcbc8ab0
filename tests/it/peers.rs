//! Peers: what the original tools say about us, and what they show of the same machine.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Client, Page, Peer, Server, eventually, free_port, peer};

use crate::remote_write::{block, field, series, varint};
use crate::shared::{open, page};

/// Other programs start more slowly than we do.
const PEER_DEADLINE: Duration = Duration::from_secs(30);

/// Names that others prescribe and Prometheus' style guide does not like; names that Debian's
/// node_exporter shows itself need not be here.
const PRESCRIBED: [(&str, &str); 6] = [
    ("cpu_logical_count", "the guardian family"),
    ("cpu_percent_total", "the guardian family"),
    ("cpu_physical_count", "the guardian family"),
    ("gpu_device_count", "the guardian family"),
    ("node_netstat_TcpExt_TCPOFOQueue", "later versions of node_exporter"),
    ("node_netstat_TcpExt_TCPRcvQDrop", "later versions of node_exporter"),
];

/// Families of node_exporter that we do not show, or not alike.
const EXCEPTIONS: [(&str, &str); 1] =
    [("node_exporter_build_info", "says which node_exporter runs; none does")];

/// Collectors of node_exporter that we lack; `node_scrape_collector_*` names them.
const COLLECTORS_LEFT_OUT: [(&str, &str); 9] = [
    ("bcache", "a cache in front of disks that hardly anyone runs any more"),
    ("btrfs", "needs ioctls on each mounted file system"),
    ("ipvs", "a load balancer's tables, of no use on the machines we watch"),
    ("nfs", "to come: client operations per procedure"),
    ("nfsd", "to come: server operations per procedure"),
    ("systemd", "needs D-Bus, and upstream leaves it off"),
    ("tapestats", "tape drives"),
    ("xfs", "internals of the file system; its room is shown by filesystem"),
    ("zfs", "to come: the cache's statistics"),
];

/// A client of Debian's node_exporter.
fn node_exporter() -> Option<(Peer, Client)> {
    let program = peer("prometheus-node-exporter/usr/bin/prometheus-node-exporter")?;
    let address = ([127, 0, 0, 1], free_port()).into();
    let mut command = Command::new(program);
    let peer = Peer::listening(address, command.arg(format!("--web.listen-address={address}")));
    Some((peer, Client::new(address)))
}

/// What promtool says about a page: one line per name it does not like.
fn lint(promtool: &Path, page: &str) -> Vec<String> {
    let mut process = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(page.as_bytes()).unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // 0: nothing to say, 3: names; anything else: the page cannot be read.
    assert!(matches!(output.status.code(), Some(0 | 3)), "promtool cannot read the page: {said}");
    said.lines().map(str::to_owned).collect()
}

#[test]
fn promtool_reads_our_page() {
    let Some(promtool) = peer("prometheus/usr/bin/promtool") else { return };
    let Some((_peer, original)) = node_exporter() else { return };
    let prescribed: BTreeSet<String> =
        lint(&promtool, &original.get("/metrics").expect(200).text()).into_iter().collect();
    let ours = lint(&promtool, &open().get("/metrics").expect(200).text());
    let name = |line: &'_ str| line.split(' ').next().unwrap_or_default().to_owned();
    let of_ours: Vec<String> = ours
        .into_iter()
        .filter(|line| !prescribed.contains(line))
        .filter(|line| !PRESCRIBED.iter().any(|(prescribed, _)| *prescribed == name(line)))
        .collect();
    assert!(of_ours.is_empty(), "{of_ours:#?}");
}

/// Scrapes a server with Debian's Prometheus, with more in its configuration and on its command line,
/// and returns what Prometheus then knows of it.
fn scraped_by_prometheus(server: &Server, extra: &str, flags: &[&str]) -> Option<(Peer, Client)> {
    let program = peer("prometheus/usr/bin/prometheus")?;
    let address: std::net::SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let config = server.dir().join("prometheus.yml");
    let target = server.client().address();
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: pharos\n{extra}    \
         static_configs:\n      - targets: ['{target}']\n"
    );
    fs::write(&config, text).unwrap();
    let peer = Peer::listening(
        address,
        Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", server.dir().join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .current_dir(server.dir()),
    );
    Some((peer, Client::new(address)))
}

/// The value that Prometheus has for a query with one result.
fn known(prometheus: &Client, query: &str) -> Option<f64> {
    let answer = prometheus.get(&format!("/api/v1/query?query={query}"));
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    body["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn prometheus_scrapes_us() {
    let server = Server::start();
    let Some((_peer, prometheus)) = scraped_by_prometheus(&server, "", &[]) else { return };
    eventually(PEER_DEADLINE, "Prometheus sees us up", || known(&prometheus, "up") == Some(1.0));
    let samples = known(&prometheus, "scrape_samples_scraped").unwrap();
    assert!(samples > 100.0, "{samples}");
    let on_page = page(&server.client()).only("cpu_logical_count");
    assert_eq!(known(&prometheus, "cpu_logical_count"), Some(on_page));
    assert_eq!(known(&prometheus, "pharos_build_info"), Some(1.0));
    let metadata = prometheus.json("/api/v1/metadata?metric=cpu_percent_total");
    assert_eq!(metadata["data"]["cpu_percent_total"][0]["type"], "gauge", "{metadata}");
}

#[test]
fn prometheus_scrapes_us_with_a_key() {
    let config = crate::shared::keys(&["scrape"]);
    let server = Server::with_config(&config);
    let key = "    authorization:\n      credentials: scrape-secret\n";
    let Some((_peer, prometheus)) = scraped_by_prometheus(&server, key, &[]) else { return };
    eventually(PEER_DEADLINE, "Prometheus sees us up", || known(&prometheus, "up") == Some(1.0));
}

/// Text has no form for native histograms; a Prometheus that wants them asks for protobuf.
#[test]
fn prometheus_federates_native_histograms_from_us() {
    let server = Server::with_config("[collect]\nenabled = false\n");
    let federate = "    metrics_path: /federate\n    honor_labels: true\n    \
                    params:\n      'match[]': ['{kept!=\"\"}']\n";
    let flags = ["--enable-feature=native-histograms"];
    let Some((_peer, prometheus)) = scraped_by_prometheus(&server, federate, &flags) else {
        return;
    };
    let now_ms = std::time::SystemTime::now();
    let now_ms = now_ms.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let labels = |name: &str| {
        let pairs = [("__name__", name), ("kept", "yes")];
        pairs.map(|(name, value)| {
            field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
        })
    };
    // Three observations between 0.5 and 2, of which the sum is 4.5, now.
    let mut histogram = b"\x08\x03\x19\x00\x00\x00\x00\x00\x00\x12\x40".to_vec();
    // What is no farther from 0 than 0.001 is 0: by that Debian's Prometheus knows a native one.
    histogram.extend(b"\x29\xfc\xa9\xf1\xd2\x4d\x62\x50\x3f");
    histogram.extend(b"\x5a\x04\x08\x00\x10\x02\x62\x02\x02\x02\x78");
    histogram.extend(varint(now_ms));
    let native = field(1, &[labels("native").concat(), field(4, &histogram)].concat());
    let message = [native, series(&[("__name__", "plain"), ("kept", "yes")], 7.0, now_ms)].concat();
    let written = server.client().request("POST", "/api/v1/write").body(block(&message));
    written.send().expect(204);
    eventually(PEER_DEADLINE, "Prometheus has the number", || {
        known(&prometheus, "plain") == Some(7.0)
    });
    for (query, value) in [
        ("histogram_count(native)", 3.0),
        ("histogram_sum(native)", 4.5),
        ("histogram_quantile(1,native)", 2.0),
        ("count(native{kept=%22yes%22,instance=%22%22})", 1.0),
    ] {
        assert_eq!(known(&prometheus, query), Some(value), "{query}");
    }
}

/// The formats that Prometheus 2 and 3 ask for, in their own words.
#[test]
fn scrapers_get_the_format_they_ask_for() {
    for (accept, wanted) in [
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
             q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0",
        ),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=\
             delimited;q=0.7,text/plain;version=0.0.4;q=0.3",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily",
        ),
    ] {
        let answer = open().request("GET", "/metrics").header("Accept", accept).send().expect(200);
        let given = answer.header("content-type").unwrap();
        assert!(given.starts_with(wanted), "{accept}: {given}");
    }
}

#[test]
fn the_classic_page_and_open_metrics_tell_the_same() {
    let request = open().request("GET", "/metrics");
    let accept = "application/openmetrics-text;version=1.0.0";
    let text = request.header("Accept", accept).send().expect(200).text();
    let open_metrics = Page::parse(text.trim_end_matches("# EOF\n"));
    let classic = page(&open());
    let steady = ["cpu_logical_count", "memory_virtual_total_bytes", "node_boot_time_seconds"];
    for name in steady {
        assert_eq!(open_metrics.only(name), classic.only(name), "{name}");
    }
    // OpenMetrics names a counter's family without `_total`.
    assert_eq!(open_metrics.kind("cpu_ctx_switches"), Some("counter"));
    assert_eq!(classic.kind("cpu_ctx_switches_total"), Some("counter"));
}

#[test]
fn we_show_over_http_what_node_exporter_shows() {
    let Some((_peer, original)) = node_exporter() else { return };
    let theirs = page(&original);
    let ours = page(&open());
    let wanted: Vec<&str> = theirs.families().filter(|name| name.starts_with("node_")).collect();
    assert!(wanted.len() > 200, "only {} families: not the page we know", wanted.len());
    let mut wrong = Vec::new();
    for name in wanted {
        if EXCEPTIONS.iter().any(|(exception, _)| *exception == name) {
            continue;
        }
        if theirs.kind(name) != ours.kind(name) {
            wrong.push(format!("{name}: {:?}, ours {:?}", theirs.kind(name), ours.kind(name)));
        } else if theirs.label_names(name) != ours.label_names(name) {
            let (theirs, ours) = (theirs.label_names(name), ours.label_names(name));
            wrong.push(format!("{name}: labels {theirs:?}, ours {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn collectors_succeed_or_are_left_out_for_a_reason() {
    let Some((_peer, original)) = node_exporter() else { return };
    let collectors = |page: &Page| -> BTreeSet<String> {
        let name = "node_scrape_collector_success";
        page.all(name).filter_map(|series| series.labels.get("collector").cloned()).collect()
    };
    let ours = collectors(&page(&open()));
    assert!(ours.len() > 20, "{ours:?}");
    let missing: Vec<String> = collectors(&page(&original))
        .difference(&ours)
        .filter(|name| !COLLECTORS_LEFT_OUT.iter().any(|(left_out, _)| left_out == name))
        .cloned()
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
