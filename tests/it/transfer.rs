//! Samples in and out of a data directory: imports, exports, snapshots, backups, and what other
//! programs make of them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{
    Client, Finished, Peer, Server, Starting, binary, eventually, free_port, moto, peer, pharos,
};
use serde_json::json;
use tempfile::TempDir;

use crate::remote_write::{block, field, series};

/// Other programs start more slowly than we do.
const PEER_DEADLINE: Duration = Duration::from_secs(60);

/// Lines that hold everything a sample can be, as an export writes them.
const LINES: &str = concat!(
    r#"{"metric":{"__name__":"a_total","job":"x"},"values":[1,-0,0.1,1e300,"Infinity","-Infinity",null,"StaleNaN","NaN(fff8000000000005)"],"timestamps":[-86400000,0,1,1000,2678400000,1549891472010,1549891472011,1549891487724,1549891487725]}"#,
    "\n",
    r#"{"metric":{"__name__":"b","ä.b":"q\"\\\n"},"values":[5,6],"timestamps":[1549891472010,1549891487724],"start_timestamps":[1549891000000,0]}"#,
    "\n",
);

/// A folder, and `pharos tsdb` in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("pharos-e2e-").tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).unwrap();
        self.text(name)
    }

    /// A directory with [`LINES`] in it.
    fn filled(&self, name: &str) -> String {
        let dir = self.text(name);
        let lines = self.write("lines.jsonl", LINES);
        done(&tsdb(&["import", "--data-dir", &dir, &lines]));
        dir
    }
}

fn tsdb(arguments: &[&str]) -> Finished {
    pharos(&[&["tsdb"], arguments].concat(), &[])
}

#[track_caller]
fn done(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
}

/// It failed, said these words, and nothing but words.
#[track_caller]
fn refused(finished: &Finished, words: &[&str]) {
    refused_with(1, finished, words);
}

#[track_caller]
fn refused_with(code: i32, finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(code), "{}{}", finished.stdout, finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "{word:?} in {}", finished.stderr);
    }
}

fn exported(dir: &str, more: &[&str]) -> String {
    let finished = tsdb(&[&["export", "--data-dir", dir], more].concat());
    done(&finished);
    finished.stdout
}

#[test]
fn what_was_imported_is_exported_to_the_byte() {
    let place = Place::new();
    let dir = place.filled("data");
    assert_eq!(exported(&dir, &[]), LINES);
    // Once more, and from its own export.
    done(&tsdb(&["import", "--data-dir", &dir, &place.text("lines.jsonl")]));
    assert_eq!(exported(&dir, &[]), LINES);
    done(&tsdb(&["export", "--data-dir", &dir, "-o", &place.text("out.jsonl")]));
    let second = place.text("second");
    let again =
        tsdb(&["import", "--data-dir", &second, "--memory-mib", "1", &place.text("out.jsonl")]);
    done(&again);
    let summary = "2 series, 11 samples, 0 skipped, 3 blocks, ";
    assert!(again.stderr.starts_with(summary), "{}", again.stderr);
    assert_eq!(exported(&second, &[]), LINES);
    let there = tsdb(&["export", "--data-dir", &dir, "-o", &place.text("out.jsonl")]);
    refused(&there, &["cannot write", "out.jsonl", "exists"]);
}

#[test]
fn an_export_takes_what_is_asked() {
    let place = Place::new();
    let dir = place.filled("data");
    let b = LINES.split_inclusive('\n').nth(1).unwrap();
    assert_eq!(exported(&dir, &["--match", "b"]), b);
    assert_eq!(exported(&dir, &["--match", "{job!=\"x\"}", "--match", "b"]), b);
    assert_eq!(exported(&dir, &["--match", "nothing"]), "");
    let range = ["--start", "1970-01-01T00:00:00.001Z", "--end", "1", "--match", "a_total"];
    assert_eq!(
        exported(&dir, &range),
        "{\"metric\":{\"__name__\":\"a_total\",\"job\":\"x\"},\"values\":[0.1,1e300],\"timestamps\":[1,1000]}\n"
    );
    assert!(exported(&dir, &["--plain-nan"]).contains("null,null,null]"));
    let bad = tsdb(&["export", "--data-dir", &dir, "--match", "{a=}"]);
    refused(&bad, &["--match {a=}", "character 4"]);
}

#[test]
fn openmetrics_comes_and_goes() {
    let place = Place::new();
    let text = "# TYPE a counter\n\
        a_total{x=\"1\"} 2.5 1700000000.123 # {trace_id=\"t\"} 1\n\
        a_created{x=\"1\"} 1699999999.5 1700000000.123\n\
        a_total{x=\"2\"} 3 1700000000\n\
        # TYPE b gauge\nb -0.0 1700000001\nb NaN 1700000002\nb +Inf 1700000003\nb 9\n# EOF\n";
    let dir = place.text("data");
    let imported = tsdb(&["import", "--data-dir", &dir, &place.write("in.om", text)]);
    done(&imported);
    let expected = "3 series, 5 samples, 2 skipped (1 exemplar, 1 no_timestamp), 1 blocks, ";
    assert!(imported.stderr.starts_with(expected), "{}", imported.stderr);
    let json = exported(&dir, &["--match", "{x=\"1\"}"]);
    assert!(json.contains("\"start_timestamps\":[1699999999500]"), "{json}");
    let out = tsdb(&["export", "--data-dir", &dir, "--format", "openmetrics"]);
    done(&out);
    assert_eq!(
        out.stdout,
        "a_total{x=\"1\"} 2.5 1700000000.123\na_total{x=\"2\"} 3.0 1700000000\n\
         b -0.0 1700000001\nb NaN 1700000002\nb +Inf 1700000003\n# EOF\n"
    );
    assert_eq!(out.stderr, "3 series, 5 samples, without 1 start times\n");
    // The older format counts in milliseconds.
    let old = place.write("old.txt", "c 1 1700000000123\r\n\n# a comment\nc 2 1700000000124");
    done(&tsdb(&["import", "--data-dir", &dir, &old]));
    assert!(exported(&dir, &["--match", "c"]).ends_with("[1700000000123,1700000000124]}\n"));
}

#[test]
fn a_bad_file_is_named_with_line_and_column_and_nothing_of_it_is_kept() {
    let place = Place::new();
    let dir = place.filled("data");
    let good = place.write("good.om", "c 1 1\n# EOF\n");
    for (name, text, words) in [
        ("bad.om", "c 1 1\nc{a=b} 2 2\n# EOF\n", "line 2, column 5: expected a value in quotes"),
        ("cut.jsonl", "{\"metric\":{},\"values\":[1", "line 1: column 24"),
        ("two.om", "c{a=\"1\",a=\"2\"} 1 1\n# EOF\n", "label \"a\" is given twice"),
    ] {
        let bad = place.write(name, text);
        let finished = tsdb(&["import", "--data-dir", &dir, &good, &bad]);
        refused(&finished, &["nothing was imported", name, words]);
    }
    let cut = place.write("cut.om", "c 1 1\n");
    let finished = tsdb(&["import", "--data-dir", &dir, "--format", "openmetrics", &cut]);
    refused(&finished, &["without \"# EOF\""]);
    refused(
        &tsdb(&["import", "--data-dir", &dir, "/nowhere.om"]),
        &["/nowhere.om", "No such file"],
    );
    assert_eq!(exported(&dir, &[]), LINES);
}

#[test]
fn standard_input_is_read_where_its_format_is_known() {
    let place = Place::new();
    let dir = place.text("data");
    let import = |format: &str, text: &str| {
        let mut process = Command::new(binary())
            .args(["tsdb", "import", "--data-dir", &dir, "--format", format, "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(import("auto", LINES).0, Some(0));
    assert_eq!(exported(&dir, &[]), LINES);
    assert_eq!(import("prometheus", "c 1 1\n").0, Some(0));
    let (code, said) = import("auto", "c 1 1\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("standard input: say --format openmetrics or"), "{said}");
}

#[test]
fn what_no_server_would_take_is_counted() {
    let place = Place::new();
    let lines = "{\"metric\":{\"job\":\"x\"},\"values\":[1,2],\"timestamps\":[1,2]}\n\
        {\"metric\":{\"__name__\":\"a\"},\"values\":[1,2],\"timestamps\":[1,9000000000000000]}\n";
    let lines = place.write("lines.jsonl", lines);
    let finished = tsdb(&["import", "--data-dir", &place.text("data"), &lines]);
    done(&finished);
    let expected = "1 series, 1 samples, 3 skipped (2 no_metric_name, 1 too_far_ahead), ";
    assert!(finished.stderr.starts_with(expected), "{}", finished.stderr);
}

#[test]
fn a_running_server_keeps_its_directory_and_a_stopped_one_shows_log_and_blocks() {
    let place = Place::new();
    let dir = place.filled("data");
    let start = Starting::default().data_dir(Path::new(&dir)).arg("--no-collect");
    let mut server = start.arg("--retention").arg("0").start();
    let metric = json!({"service": "trainer", "metric_type": "loss", "value": 1.5});
    server.client().post("/metrics", &metric).expect(200);
    let import = tsdb(&["import", "--data-dir", &dir, &place.text("lines.jsonl")]);
    refused(&import, &["is held by a running server: stop it"]);
    let export = tsdb(&["export", "--data-dir", &dir]);
    refused(&export, &["is held by a running server: take a snapshot"]);
    assert!(server.stop().success());
    let all = exported(&dir, &[]);
    assert!(all.contains("\"metric_type\":\"loss\"") && all.contains("\"a_total\""), "{all}");
    refused(&tsdb(&["export", "--data-dir", "/nowhere"]), &["/nowhere is no data directory"]);
}

#[test]
fn a_dump_shows_what_files_are_made_of() {
    let place = Place::new();
    let dir = place.filled("data");
    let parts = tsdb(&["dump", &dir]);
    done(&parts);
    for word in ["MANIFEST\n", "  live block 0-", "  label \"job\": 1 values, 1 series"] {
        assert!(parts.stdout.contains(word), "{word:?} in {}", parts.stdout);
    }
    let all = tsdb(&["dump", "--all", &dir]);
    assert!(all.stdout.contains("    chunk at "), "{}", all.stdout);
    refused(&tsdb(&["dump", "/nowhere"]), &["/nowhere is no block"]);
}

#[test]
fn a_copy_is_restored_whole_or_not_at_all() {
    let place = Place::new();
    let (from, to) = (place.filled("data"), place.text("deep/restored"));
    let restore = |to: &str| tsdb(&["restore", "--from", &from, "--data-dir", to]);
    let restored = restore(&to);
    done(&restored);
    assert!(restored.stderr.contains(" files, "), "{}", restored.stderr);
    assert_eq!(exported(&to, &[]), LINES);
    refused(&restore(&to), &["is not empty"]);
    fs::create_dir(place.path("empty")).unwrap();
    done(&restore(&place.text("empty")));

    // An attempt that was cut off is no obstacle, and leaves nothing in the next.
    fs::create_dir_all(place.path("again.restoring/blk")).unwrap();
    fs::write(place.path("again.restoring/blk/9-1-2-3-4.blk"), "half").unwrap();
    let not_ours = restore(&place.text("again"));
    refused(&not_ours, &["again.restoring is not empty"]);
    fs::write(place.path("again.restoring/RESTORING"), "").unwrap();
    done(&restore(&place.text("again")));
    assert!(!place.path("again.restoring").exists() && !place.path("again/RESTORING").exists());
    assert!(!place.path("again/blk/9-1-2-3-4.blk").exists());

    let block = fs::read_dir(place.path("data/blk")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&block).unwrap();
    bytes[100] ^= 1;
    fs::write(&block, bytes).unwrap();
    refused(&restore(&place.text("fresh")), &["is damaged in", "see pharos tsdb verify"]);
    assert!(!place.path("fresh").exists() && !place.path("fresh.restoring").exists());
    let anyway = place.text("anyway");
    let kept = tsdb(&["restore", "--keep-damaged", "--from", &from, "--data-dir", &anyway]);
    done(&kept);
    assert!(kept.stderr.contains("is damaged in"), "{}", kept.stderr);
}

/// Answers one request with these bytes and returns its head.
fn answer_once(answer: impl Into<Vec<u8>>) -> (String, std::thread::JoinHandle<String>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap() > 0 {}
        let length = head.len();
        stream.write_all(&[b"HTTP/1.1 ", &answer[..]].concat()).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0; 1024]);
        head.truncate(length);
        head
    });
    (url, asked)
}

#[test]
fn a_snapshot_is_asked_for_with_the_key_and_named() {
    let place = Place::new();
    let key = place.write("key", "some-secret\n");
    let (url, asked) = answer_once(
        "200 OK\r\nContent-Length: 48\r\n\r\n{\"status\":\"success\",\"data\":{\"name\":\"20260131T\"}}",
    );
    let finished = tsdb(&["snapshot", "--url", &url, "--api-key-file", &key]);
    done(&finished);
    assert_eq!(finished.stdout, "20260131T\n");
    let asked = asked.join().unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("post /api/v1/admin/tsdb/snapshot http/1.1"), "{asked}");
    assert!(asked.contains("authorization: bearer some-secret\r\n"), "{asked}");

    let (url, _asked) = answer_once("403 Forbidden\r\nContent-Length: 7\r\n\r\nno way\n");
    let finished = tsdb(&["snapshot", "--url", &url, "--api-key-file", &key]);
    refused_with(4, &finished, &["no snapshot", "403", "no way", "--api-key-file"]);
    assert!(!finished.stderr.contains("some-secret"), "{}", finished.stderr);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    // Also on a machine without certificates, which plain HTTP does not need.
    let none =
        [("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere"), ("PHAROS_URL", &nobody)];
    let finished = pharos(&["tsdb", "snapshot"], &none);
    refused_with(5, &finished, &["no snapshot", &nobody, "see --url"]);
}

/// An S3 of our own with one bucket, and the variables that lead to it.
fn bucket() -> Option<(Peer, Vec<(&'static str, String)>)> {
    let program = moto()?;
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let port = address.port().to_string();
    let mut command = Command::new(program);
    let peer = Peer::listening(address, command.args(["-H", "127.0.0.1", "-p", &port]));
    Client::new(address).request("PUT", "/bucket").body("").send().expect(200);
    let variables = [
        ("AWS_ACCESS_KEY_ID", "canary-id".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        // Plain HTTP needs no certificates.
        ("SSL_CERT_FILE", "/nowhere".to_owned()),
        ("SSL_CERT_DIR", "/nowhere".to_owned()),
    ];
    Some((peer, variables.into()))
}

#[test]
fn a_backup_goes_to_an_object_store_and_comes_back() {
    let Some((_peer, variables)) = bucket() else { return };
    let variables: Vec<(&str, &str)> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let place = Place::new();
    let dir = place.filled("data");
    let run = |arguments: &[&str]| pharos(&[&["tsdb"], arguments].concat(), &variables);
    let url = "s3://bucket/some/prefix";
    let backup = || run(&["backup", "--from", &dir, "--to", url, "--read-back"]);
    let first = backup();
    done(&first);
    // Three blocks and the manifest.
    assert!(first.stderr.contains(": 4 files sent ("), "{}", first.stderr);
    assert!(first.stderr.contains("), 0 were there"), "{}", first.stderr);
    // One more block, one more manifest.
    let more = place.write("more.om", "c 1 1\n# EOF\n");
    done(&run(&["import", "--data-dir", &dir, &more]));
    let second = backup();
    done(&second);
    assert!(second.stderr.contains(": 2 files sent ("), "{}", second.stderr);
    assert!(second.stderr.contains("), 3 were there"), "{}", second.stderr);

    let restored = place.text("restored");
    let restore = run(&["restore", "--from", url, "--data-dir", &restored]);
    done(&restore);
    assert_eq!(exported(&restored, &[]), exported(&dir, &[]));
    let unknown = ["restore", "--from", url, "--backup", "never", "--data-dir"];
    let missing = run(&[&unknown[..], &[&place.text("none")]].concat());
    refused(&missing, &["there is no backup never"]);
    assert!(!place.path("none").exists());
    let nowhere = run(&["backup", "--from", &dir, "--to", "s3://no-such-bucket/x"]);
    refused(&nowhere, &["no backup in s3://no-such-bucket/x"]);
    for finished in [first, second, restore, missing, nowhere] {
        let said = finished.stdout + &finished.stderr;
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn an_object_store_needs_an_address_that_is_one() {
    let place = Place::new();
    let dir = place.filled("data");
    let finished = tsdb(&["backup", "--from", &dir, "--to", "http://x/y"]);
    refused(&finished, &["http://x/y is not s3://BUCKET/PREFIX"]);
}

/// Blocks of Prometheus with these samples, and a server that has them.
fn prometheus(place: &Place, text: &str) -> Option<(Peer, String)> {
    let promtool = peer("prometheus/usr/bin/promtool")?;
    let program = peer("prometheus/usr/bin/prometheus")?;
    let blocks = place.text("prometheus");
    let input = place.write("prometheus.om", text);
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", &input, &blocks])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = place.write("prometheus.yml", "global: {}\n");
    let peer = Peer::listening(
        address,
        Command::new(program)
            .arg(format!("--config.file={config}"))
            .arg(format!("--storage.tsdb.path={blocks}"))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address={address}")),
    );
    let client = Client::new(address);
    eventually(PEER_DEADLINE, "Prometheus is ready", || client.get("/-/ready").status == 200);
    Some((peer, format!("http://{address}")))
}

#[test]
fn prometheus_reads_our_export_and_we_read_prometheus() {
    let place = Place::new();
    let mut text = String::new();
    for i in 0..3000 {
        let t = 1_700_000_000 + 15 * i;
        text.push_str(&format!("up{{job=\"a\"}} {}.5 {t}.001\n", i % 7));
    }
    for i in 0..500 {
        text.push_str(&format!("up{{job=\"b\"}} {} {}\n", i, 1_700_000_000 + 60 * i));
    }
    text.push_str("# EOF\n");
    let dir = place.text("data");
    done(&tsdb(&["import", "--data-dir", &dir, &place.write("in.om", &text)]));
    let export = tsdb(&["export", "--data-dir", &dir, "--format", "openmetrics"]);
    done(&export);
    let Some((_peer, url)) = prometheus(&place, &export.stdout) else { return };
    let fetched = place.text("fetched");
    let fetch = |more: &[&str]| {
        let range = ["--start", "1699999999", "--end", "1700050000"];
        let to = ["import", "--data-dir", &fetched, "--remote-read", &url];
        tsdb(&[&to[..], &range, more].concat())
    };
    let one = fetch(&["--match", "up{job=~\"b|nothing\"}"]);
    done(&one);
    assert!(one.stderr.starts_with("1 series, 500 samples, 0 skipped, "), "{}", one.stderr);
    done(&fetch(&["--window", "47m"]));
    assert_eq!(exported(&fetched, &[]), exported(&dir, &[]));
    let bad = fetch(&["--match", "{job=~\"(\"}"]);
    refused(
        &bad,
        &["nothing was imported", "--match {job=~\"(\"}", "character 7", "unclosed group"],
    );
}

#[test]
fn an_answer_in_one_piece_is_read_and_a_bad_one_refused() {
    let place = Place::new();
    let result = series(&[("__name__", "up"), ("job", "x")], 2.5, 1_700_000_000_000);
    let good = block(&field(1, &result));
    for (body, expected) in [(good.clone(), None), (good[..9].to_vec(), Some("no snappy block"))] {
        let head = format!(
            "200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (url, asked) = answer_once([head.into_bytes(), body].concat());
        let dir = place.text("data");
        let range = ["--start", "1699999999", "--end", "1700000000"];
        let finished =
            tsdb(&[&["import", "--data-dir", &dir, "--remote-read", &url], &range[..]].concat());
        let asked = asked.join().unwrap().to_ascii_lowercase();
        assert!(asked.starts_with("post /api/v1/read http/1.1"), "{asked}");
        assert!(asked.contains("\r\nx-prometheus-remote-read-version: 0.1.0\r\n"), "{asked}");
        match expected {
            None => done(&finished),
            Some(words) => refused(&finished, &["nothing was imported", words]),
        }
        let up = "{\"metric\":{\"__name__\":\"up\",\"job\":\"x\"},\"values\":[2.5],\"timestamps\":[1700000000000]}\n";
        assert_eq!(exported(&dir, &[]), up);
    }
}

#[test]
fn victoria_metrics_reads_our_export_and_we_read_its() {
    let Some(program) = peer("victoria-metrics/usr/bin/victoria-metrics") else { return };
    let place = Place::new();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let _peer = Peer::listening(
        address,
        Command::new(program)
            .arg(format!("-storageDataPath={}", place.text("vm")))
            .arg(format!("-httpListenAddr={address}"))
            .arg("-retentionPeriod=100y"),
    );
    let dir = place.text("data");
    let lines = "{\"metric\":{\"__name__\":\"up\",\"job\":\"x\"},\"values\":[1,0.25,-3.5],\"timestamps\":[1700000000010,1700000015010,1700000030011]}\n";
    done(&tsdb(&["import", "--data-dir", &dir, &place.write("lines.jsonl", lines)]));
    let client = Client::new(address);
    let body = exported(&dir, &["--plain-nan"]);
    client.request("POST", "/api/v1/import").body(body).send().expect(204);
    let mut theirs = String::new();
    eventually(PEER_DEADLINE, "VictoriaMetrics shows what it took", || {
        theirs = client.get("/api/v1/export?match[]=up").text();
        !theirs.is_empty()
    });
    let second = place.text("second");
    done(&tsdb(&["import", "--data-dir", &second, &place.write("theirs.jsonl", &theirs)]));
    assert_eq!(exported(&second, &[]), lines);
}

#[test]
fn a_server_shows_what_was_imported() {
    let place = Place::new();
    let dir = place.text("data");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let t_ms = now.as_millis() as i64 - 60_000;
    let line =
        format!("{{\"metric\":{{\"__name__\":\"up\"}},\"values\":[7],\"timestamps\":[{t_ms}]}}\n");
    done(&tsdb(&["import", "--data-dir", &dir, &place.write("lines.jsonl", &line)]));
    let server: Server = Starting::default().data_dir(Path::new(&dir)).arg("--no-collect").start();
    assert_eq!(crate::shared::stored(&server.client(), "metric=up"), [7.0]);
}
