//! `pharos push` against a running server.

use e2e::{Server, Starting, free_port, pharos, pharos_reads};

use super::{keeping, told};

/// What the sum of a metric's samples is, at a time in Unix seconds.
fn sum(server: &Server, metric: &str, t_s: u64) -> f64 {
    let query = format!("sum(sum_over_time({metric}[10m]))");
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/api/v1/query?time={t_s}&query={query}");
    let answer = server.client().json(&path);
    let value = answer["data"]["result"][0]["value"][1].as_str();
    value.map_or(f64::NAN, |value| value.parse().unwrap())
}

fn pushed(server: &Server, input: &str, arguments: &[&str]) -> String {
    let url = server.client().url();
    let all: Vec<&str> = ["push"].iter().chain(arguments).copied().collect();
    let said = told(&pharos_reads(input.as_bytes(), &all, &[("PHAROS_URL", &url)]));
    said.replace(&url, "URL")
}

const T_S: u64 = 1_700_000_000;
const TAKEN_1: &str = "--- stderr\n1 of 1 lines taken by URL\n--- exit 0\n";
const TAKEN_2: &str = "--- stderr\n2 of 2 lines taken by URL\n--- exit 0\n";

#[test]
fn one_sample_is_pushed_by_words() {
    let server = keeping();
    let words =
        ["--timestamp", "1700000000", "room_celsius", "-4.5", "room=a \"b\"", "host.name=x"];
    assert_eq!(pushed(&server, "", &words), TAKEN_1);
    assert_eq!(sum(&server, "room_celsius{room='a \"b\"'}", T_S), -4.5);
    for words in [&["up"][..], &["up", "one"], &["up", "1", "x"]] {
        let said = pushed(&server, "", words);
        assert!(said.ends_with("--- exit 2\n"), "{said}");
    }
}

#[test]
fn every_layout_of_lines_is_known_by_its_first() {
    let server = keeping();
    for (metric, input) in [
        ("text", "# HELP text x\ntext{a=\"1\"} 1 1700000000000\ntext{a=\"2\"} 2 1700000000000\n"),
        ("open", "open{a=\"1\"} 1 1700000000\nopen{a=\"2\"} 2 1700000000\n# EOF\n"),
        (
            "lines",
            "{\"metric\":{\"__name__\":\"lines\",\"a\":\"1\"},\"values\":[1],\"timestamps\":[1700000000000]}
{\"metric\":{\"__name__\":\"lines\",\"a\":\"2\"},\"values\":[2],\"timestamps\":[1700000000000]}\n",
        ),
        ("influx", "influx,a=1 value=1 1700000000000000000\ninflux,a=2 value=2 1700000000000000000\n"),
    ] {
        assert_eq!(pushed(&server, input, &[]), TAKEN_2, "{metric}");
        assert_eq!(sum(&server, metric, T_S), 3.0, "{metric}");
    }
}

#[test]
fn lines_that_are_refused_are_named_and_the_others_taken() {
    let server = keeping();
    let said = pushed(&server, "good 1 1700000000000\nbad one\ngood 2 1700000001000\n", &[]);
    assert!(said.contains("\n2 of 3 lines taken"), "{said}");
    assert!(said.contains("refused: ") && said.ends_with("--- exit 1\n"), "{said}");
    assert_eq!(sum(&server, "good", T_S + 1), 3.0);
}

#[test]
fn a_server_that_is_away_is_asked_again() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let arguments = ["push", "waited", "1", "--retries", "9", "--url", &url];
    let away = pharos(&["push", "waited", "1", "--retries", "0", "--url", &url], &[]);
    assert_eq!(away.code, Some(5), "{}", away.stderr);
    std::thread::scope(|scope| {
        let push = scope.spawn(|| pharos(&arguments, &[]));
        let listen = format!("127.0.0.1:{port}");
        let _server = Starting::default()
            .without_listen()
            .arg("--listen")
            .arg(listen)
            .arg("--no-collect")
            .start();
        let finished = push.join().unwrap();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stderr.contains("1 of 1 lines taken"), "{}", finished.stderr);
    });
}

#[test]
fn a_key_that_may_not_push_is_told_apart() {
    let server = Starting::default().config(&crate::shared::keys(&["ingest", "read"])).start();
    let url = server.client().url();
    let code = |key| pharos(&["push", "a", "1", "--url", &url], &[("PHAROS_API_KEY", key)]).code;
    assert_eq!(code("read-secret"), Some(4));
    assert_eq!(code("ingest-secret"), Some(0));
}
