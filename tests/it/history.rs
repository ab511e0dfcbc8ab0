//! History: what is answered of samples that are gone, over the API and by the command.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use e2e::{Client, Server, Starting, pharos};
use serde_json::Value;
use tempfile::TempDir;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A server that keeps samples for three days, and has eight days of a counter, a sample a minute,
/// that rises by 60 each. The start of an hour is told, Unix seconds, which is now or just was.
fn server() -> (Server, TempDir, i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let (place, hour) = (TempDir::new().unwrap(), now / HOUR * HOUR);
    let (mut values, mut timestamps) = (String::new(), String::new());
    for (nth, t) in (hour - 8 * DAY..now).step_by(60).enumerate() {
        let comma = if nth == 0 { "" } else { "," };
        write!(values, "{comma}{}", nth * 60).unwrap();
        write!(timestamps, "{comma}{}", t * 1000 + 7).unwrap();
    }
    let metric = r#"{"__name__":"sent_total","job":"x"}"#;
    let line =
        format!("{{\"metric\":{metric},\"values\":[{values}],\"timestamps\":[{timestamps}]}}\n");
    let (dir, file) = (place.path().join("data"), place.path().join("lines.jsonl"));
    std::fs::write(&file, line).unwrap();
    let (dir_text, file) = (dir.to_str().unwrap(), file.to_str().unwrap());
    let done = pharos(&["tsdb", "import", "--data-dir", dir_text, file], &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let config = "retention = \"3d\"\n[collect]\nenabled = false\n";
    let server = Starting::default().config(config).data_dir(&dir).start();
    for what in ["flush", "compact"] {
        let path = format!("/api/v1/admin/tsdb/{what}");
        let status = server.client().request("POST", &path).send().status;
        assert!((200..300).contains(&status), "{status}");
    }
    (server, place, hour)
}

/// What `rate(sent_total[1h])` is each hour of some days.
fn rates(client: &Client, (start, end): (i64, i64), more: &str) -> Value {
    let path = format!(
        "/api/v1/query_range?query=rate(sent_total[1h])&start={start}&end={end}&step=3600{more}"
    );
    client.json(&path)
}

#[test]
fn what_is_older_than_the_samples_is_answered_from_rollups() {
    let (server, _place, hour) = server();
    let client = server.client();
    let days = (hour - 7 * DAY, hour - HOUR);
    let found = rates(&client, days, "");
    let values = found["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 7 * 24);
    // In the first hour that samples have, too.
    for value in values {
        let rate: f64 = value[1].as_str().unwrap().parse().unwrap();
        assert!((rate - 1.0).abs() < 1e-9, "{value}");
    }
    let infos = found["infos"].as_array().unwrap();
    let told = infos[0].as_str().unwrap();
    assert!(told.contains("are gone") && told.ends_with("rollups of 1h"), "{told}");
    assert!(found.get("warnings").is_none(), "{found}");
    // A trace has the same answer, and counts what was read.
    let traced = rates(&client, days, "&trace=1");
    assert_eq!(traced["data"]["result"], found["data"]["result"]);
    let text = traced["data"].to_string();
    assert!(text.contains("\"selects\":") && !text.contains("\"selects\":0"), "{text}");
    // Samples alone, if that is asked for.
    let raw = rates(&client, days, "&tier=raw");
    let n = raw["data"]["result"][0]["values"].as_array().unwrap().len();
    // Nearly an hour less at the end of an hour, of which the windows are.
    assert!((3 * 24 - 2..=3 * 24 + 1).contains(&n), "{n}");
    assert!(raw.get("infos").is_none() && raw.get("warnings").is_none());
    client.get("/api/v1/query?query=up&tier=5m").expect(400);
    // Off the grid, too, and then it is said why.
    let (start, end) = (days.0 + 1, days.1 + 1);
    let off = rates(&client, (start, end), "");
    let off_raw = rates(&client, (start, end), "&tier=raw");
    assert_eq!(off["data"], off_raw["data"]);
    let told = off["warnings"][0].as_str().unwrap();
    assert!(told.contains("multiples of 5m"), "{told}");
    // What samples answer has nothing to say.
    let new = rates(&client, (hour - DAY + 1, hour - HOUR), "");
    assert!(new.get("warnings").is_none() && new.get("infos").is_none(), "{new}");
}

#[test]
fn the_charts_of_the_pages_go_on_where_samples_are_gone() {
    let (server, _place, hour) = server();
    let (start, end) = (hour - 7 * DAY, hour - HOUR);
    let path = format!(
        "/api/v1/monitoring/range?metric=sent_total&rate=true&start={start}&end={end}&points=200"
    );
    let found = server.client().json(&path);
    assert_eq!(found["step_ms"], 3_600_000);
    let points = found["series"][0]["points"].as_array().unwrap();
    // Of the first point, only its last moment is in the range.
    assert_eq!(points.len(), 7 * 24);
    for point in &points[1..] {
        assert!((point[1].as_f64().unwrap() - 1.0).abs() < 1e-9, "{point}");
    }
}

#[test]
fn the_command_asks_for_samples_alone() {
    let (server, _place, hour) = server();
    let url = server.client().url();
    let time = (hour - 6 * DAY).to_string();
    let asked = |more: &[&str]| {
        let all = ["query", "sent_total", "--url", &url, "--time", &time, "-o", "csv"];
        let done = pharos(&[&all, more].concat(), &[]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done
    };
    let auto = asked(&[]);
    assert!(auto.stdout.contains("sent_total,x"), "{}", auto.stdout);
    assert!(auto.stderr.contains("note: samples before "), "{}", auto.stderr);
    let raw = asked(&["--tier", "raw"]);
    assert!(!raw.stdout.contains("sent_total"), "{}", raw.stdout);
    assert_eq!(raw.stderr, "");
}
