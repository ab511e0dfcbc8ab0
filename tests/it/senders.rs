//! Senders: what programs of other systems send as text is taken, kept and found again, and a sender
//! is told which of its lines are wrong. Their own client libraries are the judges.

mod clients;
mod listeners;
mod pushgateway;

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Answer, Client, Server};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::shared::{keyed, page, stored};

fn client() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::with_config("[collect]\nenabled = false\n")).client()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

fn send(path: &str, body: impl Into<Vec<u8>>) -> Answer {
    client().request("POST", path).body(body).send()
}

/// The value that a metric has now, if it has one; conditions may follow its name as
/// `&label=name%3Dvalue`, as they stand in an address.
#[track_caller]
fn last(metric: &str) -> Option<f64> {
    last_of(&client(), metric)
}

/// The same of another server.
#[track_caller]
fn last_of(client: &Client, metric: &str) -> Option<f64> {
    let mut parts = metric.split("&label=");
    let mut query = format!("{}%7B", parts.next().unwrap());
    for (name, value) in parts.map(|part| part.split_once("%3D").unwrap()) {
        query.push_str(&format!("{name}%3D%22{}%22%2C", value.replace("%22", "%5C%22")));
    }
    let body = client.json(&format!("/api/v1/query?query={query}%7D"));
    let series = body["data"]["result"].as_array().unwrap();
    assert!(series.len() <= 1, "more than one series: {body}");
    let value = series.first()?["value"][1].as_str()?;
    Some(value.parse().unwrap())
}

#[track_caller]
fn refused(answer: Answer, words: &[&str]) {
    let refusal = answer.refused(400);
    let detail = refusal["detail"].as_str().unwrap();
    for word in words {
        assert!(detail.contains(word), "no {word:?} in {detail}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

const EXPOSITION: &str = "/api/v1/import/prometheus";

#[test]
fn a_page_is_stored_with_its_times_or_now() {
    let early = now_ms() - 60_000;
    let text = format!("# TYPE ex_a counter\nex_a{{x=\"1\"}} 3\r\nex_b 4 {early}\n\n# a comment\n");
    let path = format!("{EXPOSITION}?extra_label=site=north&extra_label=x=9");
    send(&path, text).expect(204);
    assert_eq!(last("ex_a&label=site%3Dnorth&label=x%3D9"), Some(3.0));
    let start = (early - 5000) / 1000;
    let question = format!("metric=ex_b&start={start}&end={}", start + 10);
    assert_eq!(stored(&client(), &question), [4.0]);
    let path = format!("{EXPOSITION}/?timestamp={early}");
    send(&path, "ex_c 5\n").expect(204);
    assert_eq!(stored(&client(), &question.replace("ex_b", "ex_c")), [5.0]);
}

#[test]
fn a_page_may_be_openmetrics_and_compressed() {
    // Half a second later is not later than now.
    let seconds = now_ms() / 1000 - 1;
    let text = format!("# TYPE om_a counter\nom_a_total 7 {seconds}.5\n# EOF\n");
    let typed = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let request = || client().request("POST", EXPOSITION);
    request().header("Content-Type", typed).body(text.as_bytes()).send().expect(204);
    assert_eq!(last("om_a_total"), Some(7.0));
    send(EXPOSITION, text.replace("om_a", "om_b")).expect(204);
    assert_eq!(last("om_b_total"), Some(7.0), "told by its last line");
    let body = gzip("om_c 8\n");
    request().header("Content-Encoding", "gzip").body(body).send().expect(204);
    assert_eq!(last("om_c"), Some(8.0));
    let cut = text.replace("# EOF\n", "");
    refused(request().header("Content-Type", typed).body(cut).send(), &["# EOF"]);
    request().header("Content-Encoding", "br").body("om_d 1\n").send().refused(415);
    let broken = request().header("Content-Encoding", "zstd").body("om_e 1\n").send();
    broken.refused(400);
}

#[test]
fn a_page_says_what_its_metrics_are() {
    let family = |i: u32| format!("# TYPE ex_m{i} counter\n# HELP ex_m{i} The {i}.\nex_m{i} 1\n");
    let text: String = (0..600).map(family).collect();
    send(EXPOSITION, text).expect(204);
    for i in [0, 255, 256, 599] {
        let body = client().json(&format!("/api/v1/metadata?metric=ex_m{i}"));
        let said = &body["data"][format!("ex_m{i}")][0];
        assert_eq!(
            (&said["type"], &said["help"]),
            (&"counter".into(), &format!("The {i}.").into())
        );
    }
}

#[test]
fn bad_lines_of_a_page_are_named_and_the_others_kept() {
    let body =
        b"ex_good 1\nex_bad{ 2\nex_nan_time 1 NaN\nex_\xff 1\nex_late 1 99999999999999\nex_end 2";
    refused(
        send(EXPOSITION, &body[..]),
        &[
            "4 lines refused",
            "(2 samples)",
            "line 2: column 9",
            "line 3: column",
            "line 4: not UTF-8",
            "line 5: timestamp",
        ],
    );
    assert_eq!((last("ex_good"), last("ex_end"), last("ex_late")), (Some(1.0), Some(2.0), None));
    let page = page(&client());
    let mut all = page.all("pharos_import_refused_total");
    assert!(all.any(|one| one.labels["format"] == "exposition" && one.value >= 4.0));
}

#[test]
fn a_large_page_comes_in_pieces_and_is_one_answer() {
    let text: String = (0..50_000).map(|i| format!("ex_large{{i=\"{i}\"}} {i}\n")).collect();
    let request = client().request("POST", EXPOSITION).body(text).chunked();
    request.send().expect(204);
    assert_eq!(last("ex_large&label=i%3D0"), Some(0.0));
    assert_eq!(last("ex_large&label=i%3D49999"), Some(49_999.0));
}

#[test]
fn parameters_of_imports_are_checked() {
    for query in
        ["extra_label=a", "extra_label==1", "extra_label=__name__=x", "timestamp=x", "extra=1"]
    {
        send(&format!("{EXPOSITION}?{query}"), "ex_never 1\n").refused(422);
    }
    send("/api/v1/import/csv", "1\n").refused(422);
    send("/api/v1/import/csv?format=1:metric", "1\n").refused(422);
    send("/write?precision=d", "m f=1").refused(422);
    assert_eq!(last("ex_never"), None);
}

#[test]
fn influx_points_are_stored_by_both_versions() {
    let now_ms = now_ms();
    let text = format!(
        "ifx,host=a\\ b,db-x=1 user=1.5,n=8i,ok=t,value=3,note=\"two\nlines\" {now_ms}000000\n"
    );
    send("/write?db=mine&rp=autogen&consistency=one", text).expect(204);
    let labels = "label=host%3Da%20b&label=db_x%3D1&label=db%3Dmine";
    for (metric, value) in [("ifx_user", 1.5), ("ifx_n", 8.0), ("ifx_ok", 1.0), ("ifx", 3.0)] {
        assert_eq!(last(&format!("{metric}&{labels}")), Some(value), "{metric}");
    }
    assert_eq!(last("ifx_note"), None);
    let seconds = now_ms / 1000;
    let path = "/api/v2/write?org=o&bucket=b&precision=s";
    let body = gzip(&format!("ifx2 value=4 {seconds}"));
    client().request("POST", path).header("Content-Encoding", "gzip").body(body).send().expect(204);
    assert_eq!(last("ifx2&label=db%3Db"), Some(4.0));
    send("/write", "ifx3 f=1").expect(204);
    assert_eq!(last("ifx3_f"), Some(1.0), "without a time it is of now");
    let page = page(&client());
    let mut all = page.all("pharos_import_skipped_total");
    assert!(all.any(|one| one.labels["format"] == "influx" && one.value >= 1.0));
}

#[test]
fn bad_points_are_named_and_the_others_kept() {
    let body = "ifx_good f=1\nifx_bad f=x\n# a comment\n\nifx_open f=\"text\nifx_lost f=1\n";
    refused(send("/write?db=d", body), &["partial write", "line 2: column 11: expected a number"]);
    assert_eq!(last("ifx_good_f"), Some(1.0));
    refused(send("/write?precision=h", "ifx_far f=1 9223372036854775807"), &["beyond all times"]);
    refused(send("/write", b"ifx_utf,t=\xff f=1"), &["line 1: not UTF-8 from byte 11 on"]);
}

/// The commonest mistake of all who write a sender.
#[test]
fn a_time_in_another_unit_is_told() {
    let now = now_ms();
    let seconds = "times 1000 it would be of now: check its unit";
    let nanoseconds = "divided by 1000000 it would be of now: check its unit";
    refused(send(EXPOSITION, format!("unit_a 1 {}\n", now / 1000)), &["line 1", seconds]);
    refused(send(EXPOSITION, format!("unit_a 1 {}\n", now * 1_000_000)), &["line 1", nanoseconds]);
    let millis = "times 1000000 it would be of now: check its unit";
    refused(send("/write?precision=ns", format!("unit_b f=1 {now}")), &["line 1", millis]);
    let csv = "/api/v1/import/csv?format=1:time:unix_s,2:metric:unit_c";
    refused(send(csv, format!("{now},1\n")), &["line 1", "divided by 1000 it would be of now"]);
}

#[test]
fn a_page_in_protobuf_is_sent_elsewhere() {
    let typed = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily";
    let request = client().request("POST", EXPOSITION).header("Content-Type", typed);
    let refused = request.body("\x05\x0a\x01a\x18\x01").send().refused(415);
    assert!(refused["detail"].as_str().unwrap().contains("/metrics/job/"), "{refused}");
}

#[test]
fn agents_that_look_for_an_influxdb_find_one() {
    for method in ["GET", "HEAD"] {
        let answer = client().request(method, "/ping").send().expect(204);
        assert!(answer.header("x-influxdb-version").unwrap().starts_with("pharos-"));
    }
    keyed().get("/ping").expect(204);
    let created = send("/query?q=CREATE+DATABASE+%22telegraf%22", "").expect(200).json();
    assert_eq!(created["results"][0]["statement_id"], 0);
    send("/query", "q=create%20database%20x").expect(200);
    send("/query?q=SELECT+1", "").refused(400);
    assert!(client().json("/health")["status"].is_string(), "ours");
}

#[test]
fn influx_clients_bring_their_key_in_their_own_ways() {
    let write = |client: &Client, path: &str| {
        client.request("POST", path).body("ifx_key f=1").send().status
    };
    assert_eq!(write(&keyed(), "/write?db=d&u=me&p=ingest-secret"), 204);
    assert_eq!(write(&keyed(), "/write?db=d&u=me&p=wrong"), 401);
    assert_eq!(write(&keyed(), "/write?db=d&u=me&p=read-secret"), 403);
    assert_eq!(write(&keyed(), "/api/v2/write?p=ingest-secret"), 401, "version 1 alone");
    assert_eq!(write(&keyed().authorized("Token ingest-secret"), "/api/v2/write?bucket=b"), 204);
    assert_eq!(write(&keyed().authorized("Token me:ingest-secret"), "/write"), 204);
}

#[test]
fn json_lines_are_stored() {
    let now_ms = now_ms();
    let line = |name: &str| {
        format!(
            "{{\"metric\":{{\"__name__\":\"{name}\",\"x\":\"1\"}},\"values\":[1,2.5],\
             \"timestamps\":[{},{now_ms}]}}\n",
            now_ms - 1000
        )
    };
    let body = format!("{}\n{{\"metric\":{{}}\n{}", line("jl_a"), line("jl_b"));
    refused(
        send("/api/v1/import?extra_label=x=2", body),
        &["1 line refused", "(4 samples)", "line 3: column"],
    );
    assert_eq!(last("jl_a&label=x%3D2"), Some(2.5));
    assert_eq!(last("jl_b&label=x%3D2"), Some(2.5));
}

#[test]
fn csv_is_stored_by_its_format() {
    let seconds = now_ms() / 1000;
    let body = format!("{seconds},\"a,b\",1.5,2\nx,a,1,1\n{seconds},c,,4\r\n");
    let path = "/api/v1/import/csv?format=1:time:unix_s,2:label:host,3:metric:csv_a,4:metric:csv_b";
    refused(send(path, body), &["1 line refused", "line 2: column 1: expected a time"]);
    assert_eq!(last("csv_a&label=host%3Da%2Cb"), Some(1.5));
    assert_eq!(last("csv_b&label=host%3Dc"), Some(4.0));
}

/// A body that never ends in a line takes no more memory than a line may have.
#[test]
fn an_endless_line_is_passed_over() {
    let long = "x".repeat(3 << 20);
    let body = format!("ex_before 1\n{long}\nex_after 2\n");
    refused(send(EXPOSITION, body), &["line 2: longer than 1048576 bytes"]);
    assert_eq!((last("ex_before"), last("ex_after")), (Some(1.0), Some(2.0)));
}

/// Times and values of the one series of a metric.
fn points(client: &Client, metric: &str) -> Vec<(f64, f64)> {
    let body: Value = client.json(&format!("/api/v1/monitoring/range?metric={metric}"));
    let series = body["series"].as_array().unwrap();
    let points = series.iter().flat_map(|series| series["points"].as_array().unwrap().clone());
    points.filter_map(|point| Some((point[0].as_f64()?, point[1].as_f64()?))).collect()
}

const SOON: Duration = crate::shared::SOON;
