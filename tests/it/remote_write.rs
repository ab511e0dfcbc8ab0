//! Remote write: what Prometheus and its kin push is taken, kept and found again, and a sender is
//! told what it must know to go on, to drop, or to come back.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Answer, Client, Peer, Server, Starting, eventually, free_port, peer};

use crate::shared::{keyed, keys, newest, page, stored};

const PATH: &str = "/api/v1/write";

fn client() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::with_config("[collect]\nenabled = false\n")).client()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

/// A whole number.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A protobuf field with bytes in it.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A series with one sample, as a field of a message.
pub(crate) fn series(labels: &[(&str, &str)], value: f64, t_ms: u64) -> Vec<u8> {
    let label = |(name, value): &(&str, &str)| {
        field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
    };
    let mut fields: Vec<u8> = labels.iter().flat_map(label).collect();
    let sample = [&[0x09][..], &value.to_le_bytes(), &[0x10], &varint(t_ms)].concat();
    fields.extend(field(2, &sample));
    field(1, &fields)
}

/// A snappy block that repeats nothing.
pub(crate) fn block(message: &[u8]) -> Vec<u8> {
    let mut out = varint(message.len() as u64);
    for chunk in message.chunks(1 << 16) {
        // A literal whose length stands in two bytes.
        out.push(61 << 2);
        out.extend(((chunk.len() - 1) as u16).to_le_bytes());
        out.extend(chunk);
    }
    out
}

fn send_block(client: &Client, body: Vec<u8>) -> Answer {
    client
        .request("POST", PATH)
        .header("Content-Type", "application/x-protobuf")
        .header("Content-Encoding", "snappy")
        .header("X-Prometheus-Remote-Write-Version", "0.1.0")
        .body(body)
        .send()
}

fn send(client: &Client, message: &[u8]) -> Answer {
    send_block(client, block(message))
}

/// The last value that a metric has now.
#[track_caller]
fn last(client: &Client, metric: &str) -> Option<f64> {
    stored(client, &format!("metric={metric}")).last().copied()
}

#[test]
fn what_is_written_is_found() {
    let message = series(&[("__name__", "rw_found"), ("job", "a")], 1.5, now_ms());
    let answer = send(&client(), &message).expect(204);
    assert!(answer.body.is_empty());
    assert_eq!(last(&client(), "rw_found"), Some(1.5));
    // A sender that heard no answer sends the same again.
    send(&client(), &message).expect(204);
    assert_eq!(last(&client(), "rw_found&label=job%3Da"), Some(1.5));
    let slash = client().request("POST", "/api/v1/write/").body(block(&message));
    slash.send().expect(204);
}

#[test]
fn thousands_of_series_come_in_one_message() {
    let t_ms = now_ms();
    let one =
        |i: u32| series(&[("__name__", "rw_many"), ("i", &i.to_string())], f64::from(i), t_ms);
    let message: Vec<u8> = (0..10_000).flat_map(one).collect();
    send(&client(), &message).expect(204);
    assert_eq!(last(&client(), "rw_many&sum=true&label=i%3D9999"), Some(9999.0));
    assert_eq!(last(&client(), "rw_many&label=i%3D0"), Some(0.0));
}

#[test]
fn bad_series_are_refused_and_the_others_kept() {
    let t_ms = now_ms();
    let message = [
        series(&[("__name__", "rw_kept"), ("i", "0")], 7.0, t_ms),
        series(&[("__name__", "rw_twice"), ("a", "1"), ("a", "2")], 1.0, t_ms),
        series(&[("job", "rw_nameless")], 1.0, t_ms),
        series(&[("__name__", "rw_early")], 1.0, t_ms + 48 * 3_600_000),
        series(&[("a", "unsorted"), ("__name__", "rw_sorted")], 8.0, t_ms),
    ];
    let refused = send(&client(), &message.concat()).refused(400);
    let detail = refused["detail"].as_str().unwrap();
    for word in ["3 series", "series 1", "given twice", "series 2", "rw_early", "ahead"] {
        assert!(detail.contains(word), "no {word:?} in {detail}");
    }
    assert_eq!(last(&client(), "rw_kept"), Some(7.0));
    assert_eq!(last(&client(), "rw_sorted"), Some(8.0));
    assert_eq!(last(&client(), "rw_twice"), None);
    assert_eq!(last(&client(), "rw_early"), None);
    let page = page(&client());
    let rejected = |reason: &str| {
        let mut all = page.all("pharos_ingest_rejected_total");
        all.find(|one| one.labels["reason"] == reason).map(|one| one.value)
    };
    assert!(rejected("bad_labels") >= Some(1.0));
    assert!(rejected("no_metric_name") >= Some(1.0));
}

#[test]
fn what_is_beside_samples_is_taken_and_does_no_harm() {
    send(&client(), b"").expect(204);
    send(&client(), &field(3, b"metadata")).expect(204);
    send(&client(), &field(3, b"\x08\x01\x12\x02rw\x22\x05Help.")).expect(204);
    let labels = field(1, &[field(1, b"__name__"), field(2, b"rw_histogram")].concat());
    let of_series = |fields: &[u8]| field(1, &[&labels, fields].concat());
    // Three observations in two buckets, now.
    let buckets = b"\x08\x03\x5a\x04\x08\x00\x10\x02\x62\x02\x02\x02\x78";
    let histogram = field(4, &[&buckets[..], &varint(now_ms())].concat());
    send(&client(), &of_series(&[histogram.clone(), field(3, b"")].concat())).expect(204);
    let bad = of_series(&[field(4, b"histogram"), histogram].concat());
    let refused = send(&client(), &bad).refused(400);
    assert!(refused["detail"].as_str().unwrap().contains("rw_histogram"), "{refused}");
}

/// What is there already goes on, and so does what another source may still send.
#[test]
fn series_beyond_a_bound_are_refused_and_counted() {
    let limits = "[limits]\nseries = 5\nseries_per_metric = 3\nseries_per_source = 4\n";
    let off = "[collect]\nenabled = false\n";
    let server = Server::with_config(&format!("{off}{limits}{}", keys(&["ingest", "admin"])));
    let one = server.client().authorized("Bearer ingest-secret");
    let other = server.client().authorized("Bearer admin-secret");
    let message = |metric: &str, hosts: std::ops::Range<usize>| -> Vec<u8> {
        let series_of = |host: usize| {
            series(&[("__name__", metric), ("host", &host.to_string())], 1.0, now_ms())
        };
        hosts.flat_map(series_of).collect()
    };
    let refused = |client: &Client, message: &[u8], words: &str| {
        let answer = send(client, message).refused(400);
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.starts_with("1 series") && detail.contains(words), "{detail}");
    };
    refused(&one, &message("a", 0..4), "series 3: \"a\": a new series, but metric \"a\" has all");
    send(&one, &message("a", 0..3)).expect(204);
    refused(&one, &message("b", 0..2), "source \"ingest\" has all of the 4 series");
    send(&other, &message("b", 1..2)).expect(204);
    refused(&other, &message("c", 0..1), "the store has all of the 5 series");
    send(&one, &message("b", 0..2)).expect(204);
    let page = page(&other);
    for reason in ["series_limit", "metric_series_limit", "source_series_limit"] {
        let mut all = page.all("pharos_ingest_rejected_total");
        let counted = all.find(|one| one.labels["reason"] == reason).map(|one| one.value);
        assert_eq!(counted, Some(1.0), "{reason}");
    }
}

#[test]
fn other_bytes_are_refused_for_good() {
    let claim = |bytes: u64| [varint(bytes), vec![0; 3 << 20]].concat();
    for (body, status, word) in [
        (Vec::new(), 400, "snappy"),
        (b"\x10this is not snappy".to_vec(), 400, "snappy"),
        (b"\xff\x06\x00\x00sNaPpY".to_vec(), 400, "stream"),
        (block(b"\xff\xff\xff\xff\xff"), 400, "WriteRequest"),
        // Seven bytes claim 4 GiB; and 33 MiB that could be true.
        (b"\xff\xff\xff\xff\x0f\x00a".to_vec(), 400, "cannot hold"),
        (claim(33 << 20), 413, "at most"),
        (vec![0; 33 << 20], 413, "32 MiB"),
    ] {
        let refused = send_block(&client(), body).refused(status);
        assert!(refused["detail"].as_str().unwrap().contains(word), "no {word:?} in {refused}");
    }
    let endless = client().request("POST", PATH).body(vec![0; 33 << 20]).chunked();
    endless.send().refused(413);
    assert_eq!(page(&client()).only("pharos_http_panics_total"), 0.0);
}

#[test]
fn other_formats_are_told_apart() {
    for (name, value) in [
        ("Content-Type", "application/json"),
        ("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v3.Request"),
        ("Content-Encoding", "gzip"),
        ("X-Prometheus-Remote-Write-Version", "9.0"),
    ] {
        client().request("POST", PATH).header(name, value).body(block(b"")).send().refused(415);
    }
}

/// A message of version 2: one series of one sample that counts since a start.
fn message_v2(metric: &str, value: f64, [t_ms, start_ms]: [u64; 2]) -> Vec<u8> {
    let symbols = ["", "__name__", metric, "What it is."];
    let symbols = symbols.iter().flat_map(|symbol| field(4, symbol.as_bytes()));
    let times = [&[0x10][..], &varint(t_ms), &[0x18], &varint(start_ms)].concat();
    let sample = [&[0x09][..], &value.to_le_bytes(), &times].concat();
    // With metadata: a counter, and symbol 3 says what it is.
    let series = [field(1, &[1, 2]), field(2, &sample), field(5, &[8, 1, 24, 3])].concat();
    symbols.chain(field(5, &series)).collect()
}

fn send_v2(client: &Client, message: &[u8]) -> Answer {
    client
        .request("POST", PATH)
        .header("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
        .header("Content-Encoding", "snappy")
        .header("X-Prometheus-Remote-Write-Version", "2.0.0")
        .body(block(message))
        .send()
}

/// How many samples, histograms and exemplars an answer says are stored.
#[track_caller]
fn written(answer: &Answer) -> [u64; 3] {
    ["samples", "histograms", "exemplars"].map(|kind| {
        let name = format!("x-prometheus-remote-write-{kind}-written");
        answer.header(&name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    })
}

#[test]
fn version_2_is_taken_and_counted() {
    let t_ms = now_ms();
    let message = message_v2("rw2_found", 1.5, [t_ms, t_ms - 60_000]);
    let answer = send_v2(&client(), &message).expect(204);
    assert_eq!(written(&answer), [1, 0, 0]);
    assert_eq!(last(&client(), "rw2_found"), Some(1.5));
    let again = send_v2(&client(), &message).expect(204);
    assert_eq!(written(&again), [1, 0, 0]);
    let other = send_v2(&client(), &message_v2("rw2_found", 2.5, [t_ms, 0])).expect(400);
    assert_eq!(written(&other), [0, 0, 0]);
    assert!(other.text().contains("another value"), "{}", other.text());
    assert_eq!(last(&client(), "rw2_found"), Some(1.5));
    // The same series, named by version 1.
    send(&client(), &series(&[("__name__", "rw2_found")], 3.5, t_ms + 1)).expect(204);
    assert_eq!(newest(&client(), "rw2_found"), Some(3.5));
    let broken = send_v2(&client(), b"\xff").expect(400);
    assert_eq!(written(&broken), [0, 0, 0]);
}

/// Nothing of it would be stored, and nobody would know.
#[test]
fn a_message_of_the_other_version_is_refused() {
    let t_ms = now_ms();
    let v1 = series(&[("__name__", "rw_other")], 1.0, t_ms);
    let refused = send_v2(&client(), &v1);
    assert_eq!(written(&refused), [0, 0, 0]);
    let detail = refused.refused(400)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("series of version 1.0"), "{detail}");
    let detail = send(&client(), &message_v2("rw_other", 1.0, [t_ms, 0])).refused(400)["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(detail.contains("proto=io.prometheus.write.v2.Request"), "{detail}");
    assert_eq!(last(&client(), "rw_other"), None);
}

#[test]
fn a_time_in_another_unit_is_told() {
    for (t_ms, words) in [
        (now_ms() / 1000, "times 1000 it would be of now: check its unit"),
        (now_ms() * 1_000_000, "divided by 1000000 it would be of now: check its unit"),
    ] {
        let refused = send(&client(), &series(&[("__name__", "rw_unit")], 1.0, t_ms)).refused(400);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("\"rw_unit\"") && detail.contains(words), "{detail}");
    }
}

#[test]
fn writing_needs_a_key_that_may_push() {
    send(&keyed(), b"").refused(401);
    send(&keyed().authorized("Bearer read-secret"), b"").refused(403);
    send(&keyed().authorized("Bearer ingest-secret"), b"").expect(204);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Starting::default().arg("--no-collect").data_dir(dir.path()).start();
    let mut server = start();
    let t_ms = now_ms();
    for i in 0..20 {
        let i = i.to_string();
        let message = series(&[("__name__", "rw_kill"), ("i", &i)], 1.0, t_ms);
        send(&server.client(), &message).expect(204);
    }
    server.kill();
    let server = start();
    assert_eq!(last(&server.client(), "rw_kill&sum=true"), Some(20.0));
}

#[test]
fn prometheus_writes_to_us() {
    let Some(program) = peer("prometheus/usr/bin/prometheus") else { return };
    let server = Starting::default().config(&crate::shared::keys(&["ingest", "read"])).start();
    let own = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = server.dir().join("prometheus.yml");
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: itself\n    \
         static_configs:\n      - targets: ['{own}']\nremote_write:\n  - url: {}{PATH}\n    \
         authorization:\n      credentials: ingest-secret\n    queue_config:\n      \
         batch_send_deadline: 1s\n    metadata_config:\n      send_interval: 1s\n",
        server.client().url()
    );
    fs::write(&config, text).unwrap();
    let _peer = Peer::start(
        Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", server.dir().join("prometheus").display()))
            .arg(format!("--web.listen-address={own}"))
            .current_dir(server.dir()),
    );
    let reader = server.client().authorized("Bearer read-secret");
    let found = |question: &str| stored(&reader, question).last().copied();
    eventually(Duration::from_secs(40), "Prometheus' own samples are here", || {
        found("metric=up&label=job%3Ditself") == Some(1.0)
    });
    let names = reader.get("/api/v1/monitoring/names").expect(200).text();
    for name in ["prometheus_build_info", "prometheus_tsdb_head_series", "go_goroutines"] {
        assert!(names.contains(name), "no {name} in {names}");
    }
    // To the same question at the same time, both give the same; a second later, because the first
    // sample may be of this one.
    let prometheus = Client::new(own);
    let t_s = now_ms() / 1000 + 1;
    for query in ["up", "go_goroutines[1m]", "sum by (job) (count_over_time(up[30s]))"] {
        let path = format!("/api/v1/query?time={t_s}&query={}", query.replace(' ', "%20"));
        eventually(Duration::from_secs(20), "what Prometheus has is here", || {
            let ours = reader.json(&path);
            let has_any = !ours["data"]["result"].as_array().unwrap().is_empty();
            has_any && ours["data"]["result"] == prometheus.json(&path)["data"]["result"]
        });
    }
    // Its own account: everything was taken, metadata among it, and nothing was refused.
    eventually(Duration::from_secs(20), "metadata was sent and nothing failed", || {
        let page = page(&prometheus);
        page.only("prometheus_remote_storage_metadata_total") > 0.0
    });
    let page = page(&prometheus);
    for kind in ["samples_failed", "samples_retried", "metadata_failed", "metadata_retried"] {
        let name = format!("prometheus_remote_storage_{kind}_total");
        assert_eq!(page.only(&name), 0.0, "{name}");
    }
}
