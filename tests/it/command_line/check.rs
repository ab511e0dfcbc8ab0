//! `pharos check metrics` and `pharos check query`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use e2e::{peer, pharos, pharos_reads};
use expect_test::expect;

use super::told;

const PAGE: &str = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{kind=\"x\"} 1\n";

fn metrics(page: &str, flags: &[&str]) -> String {
    let arguments: Vec<&str> = ["check", "metrics"].iter().chain(flags).copied().collect();
    told(&pharos_reads(page.as_bytes(), &arguments, &[]))
}

#[test]
fn a_page_is_valid_unwise_or_wrong() {
    expect![[r#"
        stdin: valid Prometheus text 0.0.4, 1 families, 1 samples
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&metrics(PAGE, &[]));
    expect![[r#"
        stdin: valid Prometheus text 0.0.4, 1 families, 1 samples
        --- stderr
        jobs label names should be written in 'snake_case' not 'camelCase'
        jobs no help text
        --- exit 3
    "#]]
    .assert_eq(&metrics("jobs{camelCase=\"x\"} 1\n", &[]));
    expect![[r#"
        --- stderr
        stdin:2:1: the same sample was before
        stdin:3:11: expected a closing quote, found the end of the line
        --- exit 1
    "#]]
    .assert_eq(&metrics("jobs 1\njobs 2\nup{a=\"b} 1\n", &["--lint", "none"]));
}

#[test]
fn a_page_is_read_as_what_it_is() {
    let page = "# TYPE jobs counter\n# HELP jobs Jobs.\njobs_total 1\n# EOF\n";
    expect![[r#"
        stdin: valid OpenMetrics 1.0, 1 families, 1 samples
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&metrics(page, &[]));
    expect![[r#"
        stdin: valid Prometheus text 0.0.4, 2 families, 1 samples
        --- stderr
        jobs_total no help text
        --- exit 3
    "#]]
    .assert_eq(&metrics(page, &["--text"]));
    expect![[r##"
        --- stderr
        stdin:3:1: the samples of jobs_total end in _total, _created
        stdin:4:1: the page ends without "# EOF": it was cut off, or is not OpenMetrics
        --- exit 1
    "##]]
    .assert_eq(&metrics(PAGE, &["--openmetrics"]));
}

#[test]
fn a_scrape_takes_more_than_the_rules_allow() {
    let page = "jobs 1\njobs 2\n";
    assert!(metrics(page, &["--lint", "none"]).ends_with("--- exit 1\n"));
    assert!(metrics(page, &["--lint", "none", "--lenient"]).ends_with("--- exit 0\n"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let finished = pharos(&["check", "metrics", "/nowhere/page.txt"], &[]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("cannot open /nowhere/page.txt"), "{}", finished.stderr);
}

/// What promtool says of a page, and with which exit.
fn promtool(page: &str) -> Option<(BTreeSet<String>, Option<i32>)> {
    let mut process = Command::new(peer("prometheus/usr/bin/promtool")?)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    Some((said.lines().map(str::to_owned).collect(), output.status.code()))
}

#[test]
fn hints_and_exits_are_promtools() {
    let own = crate::shared::open().get("/metrics").expect(200).text();
    let unwise = "plain 1\n# TYPE requests counter\nrequests{le=\"1\",quantile=\"1\",camelCase=\"x\"} 1
# TYPE free_total gauge\nfree_total 1\n# TYPE b_count gauge\nb_count 1\n# TYPE d_gauge gauge\nd_gauge 1
# TYPE e:f gauge\ne:f 1\n# TYPE isCamel gauge\nisCamel 1\n# TYPE wait_ms gauge\nwait_ms 1
# TYPE wait_milliseconds gauge\nwait_milliseconds 1\n# TYPE rest_hours gauge\nrest_hours 1\n";
    for page in [&own, PAGE, unwise, "jobs one\n"] {
        let Some((theirs, their_code)) = promtool(page) else { return };
        let finished = pharos_reads(page.as_bytes(), &["check", "metrics"], &[]);
        assert_eq!(finished.code, their_code, "{}", finished.stderr);
        if their_code != Some(1) {
            let ours: BTreeSet<String> = finished.stderr.lines().map(str::to_owned).collect();
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn an_expression_is_checked_formatted_and_taken_apart() {
    let query = |flags: &[&str], input: &str| {
        let arguments: Vec<&str> = ["check", "query"].iter().chain(flags).copied().collect();
        told(&pharos_reads(input.as_bytes(), &arguments, &[]))
    };
    expect![[r#"
        valid, of type instant vector
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&query(&["sum(rate(x[5m]))"], ""));
    expect![[r#"
        sum by (job) (rate(x[5m])) / 2
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&query(&["--format"], "sum by(job)(rate(x[5m]))/  2\n"));
    expect![[r#"
        {"type":"numberLiteral","val":"-1"}
        --- stderr
        --- exit 0
    "#]]
    .assert_eq(&query(&["--json", "-1"], ""));
    expect![[r#"
        --- stderr
        1:16: parse error: unclosed left parenthesis
          |
        1 | sum(rate(x[5m])
          |                ^
        --- exit 3
    "#]]
    .assert_eq(&query(&["sum(rate(x[5m])"], ""));
    expect![[r#"
        --- stderr
        1:6: parse error: expected type range vector in call to function "rate", got instant vector
          |
        1 | rate(x)
          |      ^
        --- exit 3
    "#]]
    .assert_eq(&query(&["rate(x)"], ""));
    expect![[r#"
        --- stderr
        2:3: parse error: unexpected character: 'é'
          |
        2 |   é * )
          |   ^^^^^
        --- exit 3
    "#]]
    .assert_eq(&query(&["-"], "up +\n  é * )"));
}
