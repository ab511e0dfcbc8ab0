//! Remote read: another Pharos takes over what is stored here, and Prometheus asks for it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Client, Peer, Server, Starting, eventually, free_port, peer, pharos};

use crate::remote_write::{block, field, series};
use crate::shared::keys;

const PATH: &str = "/api/v1/read";
/// Other programs start more slowly than we do.
const PEER_DEADLINE: Duration = Duration::from_secs(60);
const N_SAMPLES: u64 = 500;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A server with two series of [`N_SAMPLES`] samples, one each second up to now.
fn filled() -> (Server, u64) {
    let config = format!("[collect]\nenabled = false\n{}", keys(&["ingest", "read"]));
    let server = Starting::default().config(&config).start();
    let now = now_ms();
    let one = |job: &str, n: u64| {
        let labels = [("__name__", "read_me"), ("job", job)];
        series(&labels, n as f64 / 8.0, now - 1000 * (N_SAMPLES - n))
    };
    let message: Vec<u8> =
        (1..=N_SAMPLES).flat_map(|n| [one("a", n), one("ä \"b\"", n)].concat()).collect();
    let ingest = server.client().authorized("Bearer ingest-secret");
    ingest.request("POST", "/api/v1/write").body(block(&message)).send().expect(204);
    (server, now)
}

#[test]
fn one_pharos_takes_over_what_another_has() {
    let (server, now) = filled();
    let dir = server.dir().join("taken");
    let (dir, key) = (dir.to_str().unwrap(), server.dir().join("key"));
    std::fs::write(&key, "read-secret").unwrap();
    let second = |ms: u64| (ms / 1000).to_string();
    let import = |from: u64, matcher: &str| {
        let (start, end) = (second(from), second(now + 2000));
        pharos(
            &[
                "tsdb",
                "import",
                "--data-dir",
                dir,
                "--remote-read",
                &server.client().url(),
                "--api-key-file",
                key.to_str().unwrap(),
                "--match",
                matcher,
                "--start",
                &start,
                "--end",
                &end,
            ],
            &[],
        )
    };
    let done = import(now - 2_000_000, "read_me");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.starts_with("2 series, 1000 samples, 0 skipped, "), "{}", done.stderr);
    let theirs = pharos(&["tsdb", "export", "--data-dir", dir], &[]).stdout;
    assert_eq!(theirs.lines().count(), 2);
    assert!(theirs.contains(r#""job":"ä \"b\"""#) && theirs.contains("62.5"), "{theirs}");
    let none = import(now - 2_000_000, "read_me{job=~\"x.*\"}");
    assert!(none.stderr.starts_with("0 series, 0 samples"), "{}", none.stderr);
}

#[test]
fn what_is_no_request_is_refused() {
    let (server, _) = filled();
    let reader = server.client().authorized("Bearer read-secret");
    let post = |body: Vec<u8>| reader.request("POST", PATH).body(body).send();
    assert_eq!(reader.get(PATH).status, 405);
    server.client().request("POST", PATH).send().refused(401);
    post(b"\x7f".to_vec()).refused(400);
    post(block(b"\xff\xff")).refused(400);
    post(block(&field(1, b""))).refused(400);
    let encoded = reader.request("POST", PATH).header("Content-Encoding", "gzip");
    encoded.body(block(b"")).send().refused(415);
    // Nothing asked, nothing answered.
    post(block(b"")).expect(200);
}

#[test]
fn prometheus_reads_from_us() {
    let Some(program) = peer("prometheus/usr/bin/prometheus") else { return };
    let (server, now) = filled();
    let own = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = server.dir().join("prometheus.yml");
    let text = format!(
        "remote_read:\n  - url: {}{PATH}\n    read_recent: true\n    authorization:\n      \
         credentials: read-secret\n",
        server.client().url()
    );
    std::fs::write(&config, text).unwrap();
    let _peer = Peer::listening(
        own,
        Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", server.dir().join("prometheus").display()))
            .arg(format!("--web.listen-address={own}"))
            .current_dir(server.dir()),
    );
    let prometheus = Client::new(own);
    let at = now / 1000 + 1;
    let ask = |query: &str| prometheus.get(&format!("/api/v1/query?time={at}&query={query}"));
    eventually(PEER_DEADLINE, "Prometheus answers", || ask("1").status == 200);
    let value = |query: &str| {
        let answer: serde_json::Value =
            serde_json::from_str(&ask(query).expect(200).text()).unwrap();
        let result = answer["data"]["result"].as_array().unwrap().clone();
        result.iter().map(|one| one["value"][1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(value("read_me{job=%22a%22}"), ["62.5"]);
    assert_eq!(value("sum(count_over_time(read_me[1h]))"), ["1000"]);
    assert_eq!(value("count(read_me{job!~%22a%7Cb%22})"), ["1"]);
    assert_eq!(value("max(max_over_time(read_me[1h]))"), ["62.5"]);
}
