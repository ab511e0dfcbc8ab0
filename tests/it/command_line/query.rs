//! `pharos query` against a running server.

use e2e::{Server, Starting, free_port, pharos, pharos_reads};
use expect_test::expect;
use serde_json::Value;

use super::{keeping, told};
use crate::remote_write::{block, series};

/// A server with two series of five minutes that began at 1,700,000,000.
fn with_loads() -> Server {
    let server = keeping();
    let message: Vec<u8> = (0..=5)
        .flat_map(|i: u64| {
            let t_ms = 1_700_000_000_000 + i * 60_000;
            let load = |host, value| series(&[("__name__", "load"), ("host", host)], value, t_ms);
            [load("a", i as f64), load("b, \"c\"", 8.0 - i as f64)].concat()
        })
        .collect();
    let request = server.client().request("POST", "/api/v1/write");
    let request = request.header("Content-Encoding", "snappy");
    request
        .header("Content-Type", "application/x-protobuf")
        .body(block(&message))
        .send()
        .expect(204);
    server
}

fn asked(server: &Server, arguments: &[&str]) -> String {
    let url = server.client().url();
    let all: Vec<&str> = ["query"].iter().chain(arguments).copied().collect();
    told(&pharos(&all, &[("PHAROS_URL", &url)]))
}

const AT: &str = "--time=1700000120";
const SINCE: [&str; 4] = ["--start=1700000000", "--end=1700000300", "--step=60s", "-o"];

#[test]
fn an_answer_at_one_time_is_printed_in_every_way() {
    let server = with_loads();
    expect![[r#"
        load{host="a"}         2
        load{host="b, \"c\""}  6
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&asked(&server, &["load", AT, "-o", "table"]));
    expect![[r#"
        __name__,host,time,value␍
        load,a,2023-11-14T22:15:20.000Z,2␍
        load,"b, ""c""",2023-11-14T22:15:20.000Z,6␍
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&asked(&server, &["load", AT, "-o", "csv"]));
    expect![[r#"
        2
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&asked(&server, &["1 + 1", AT, "-o", "table"]));
    expect![[r#"
        time,value␍
        2023-11-14T22:15:20.000Z,text␍
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&asked(&server, &["\"text\"", AT, "-o", "csv"]));
    // Not on a terminal, the answer is what the server said.
    let url = server.client().url();
    let finished = pharos(&["query", "sum(load)", AT, "--url", &url], &[]);
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(answer["data"]["result"][0]["value"][1], "8", "{answer}");
}

#[test]
fn an_answer_over_time_is_printed_in_every_way() {
    let server = with_loads();
    let over = |query, output| asked(&server, &[&[query], &SINCE[..], &[output]].concat());
    expect![[r#"
        load{host="a"}
          2023-11-14T22:13:20.000Z  0
          2023-11-14T22:14:20.000Z  1
          2023-11-14T22:15:20.000Z  2
          2023-11-14T22:16:20.000Z  3
          2023-11-14T22:17:20.000Z  4
          2023-11-14T22:18:20.000Z  5
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&over("load{host=\"a\"}", "table"));
    expect![[r#"
        __name__,host,time,value␍
        load,"b, ""c""",2023-11-14T22:13:20.000Z,8␍
        load,"b, ""c""",2023-11-14T22:14:20.000Z,7␍
        load,"b, ""c""",2023-11-14T22:15:20.000Z,6␍
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&over("load > 5", "csv"));
    expect![[r#"
        load{host="a"}         ▁▂▄▅▇█  min 0  max 5  last 5
        load{host="b, \"c\""}  █▇▅▄▂▁  min 3  max 8  last 3
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&over("load", "sparkline"));
}

#[test]
fn an_expression_comes_from_standard_input_too() {
    let server = with_loads();
    let url = server.client().url();
    let arguments = ["query", "-", AT, "-o", "table", "--url", &url];
    let finished = pharos_reads(b"sum(load)\n", &arguments, &[]);
    assert_eq!(told(&finished), "{}  8\n--- stderr\n--- exit 0\n");
}

#[test]
fn warnings_go_to_standard_error() {
    let server = with_loads();
    expect![[r#"
        {host="a"}         0.006666666666666667
        {host="b, \"c\""}   0.05416666666666667
        --- stderr
        note: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "load" (1:6)
        --- exit 0
    "#]].assert_eq(&asked(&server, &["rate(load[5m])", AT, "-o", "table"]));
}

#[test]
fn a_mistake_is_shown_where_it_is_and_no_server_asked() {
    let finished = pharos(&["query", "sum(load"], &[("PHAROS_URL", "http://127.0.0.1:1")]);
    expect![[r#"
        --- stderr
        1:9: parse error: unclosed left parenthesis
          |
        1 | sum(load
          |         ^
        --- exit 3
    "#]]
    .assert_eq(&told(&finished));
}

#[test]
fn the_shell_is_told_what_is_wrong() {
    let code = |arguments: &[&str], variables: &[(&str, &str)]| {
        let all: Vec<&str> = ["query", "up"].iter().chain(arguments).copied().collect();
        let finished = pharos(&all, variables);
        (finished.code, finished.stderr)
    };
    let away = format!("http://127.0.0.1:{}", free_port());
    let (exit, said) = code(&["--url", &away], &[]);
    assert!(exit == Some(5) && said.contains(&away), "{exit:?} {said}");
    assert_eq!(code(&["-o", "sparkline"], &[]).0, Some(2));
    assert_eq!(code(&["--start", "now", "--end=-1h"], &[]).0, Some(2));
    assert_eq!(code(&["--url", "monitor"], &[]).0, Some(1));

    let keyed = Starting::default().config(&crate::shared::keys(&["ingest", "read"])).start();
    let url = keyed.client().url();
    let (exit, said) = code(&["--url", &url], &[]);
    assert!(exit == Some(4) && said.contains("PHAROS_API_KEY"), "{exit:?} {said}");
    assert_eq!(code(&["--url", &url], &[("PHAROS_API_KEY", "ingest-secret")]).0, Some(4));
    assert_eq!(code(&["--url", &url], &[("PHAROS_API_KEY", "read-secret")]).0, Some(0));
    let file = keyed.dir().join("key.txt");
    std::fs::write(&file, "read-secret\n").unwrap();
    assert_eq!(code(&["--url", &url, "--api-key-file", file.to_str().unwrap()], &[]).0, Some(0));
    let (_, said) = code(&["--url", &url], &[("PHAROS_API_KEY", "a-wrong-secret")]);
    assert!(!said.contains("a-wrong-secret"), "{said}");
}
