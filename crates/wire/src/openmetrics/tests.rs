//! Lines and pages: what each says, and where each is wrong.

use std::borrow::Cow;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::Dialect::{OpenMetrics, Prometheus};
use super::{Dialect, Exemplar, Kind, Line, LineParser, Page, SampleLine};

fn told(sample: &SampleLine<'_>) -> String {
    let SampleLine { name, labels, value, t_ms, exemplar, .. } = sample;
    let mut out = format!("{name} {labels:?} {value:?}");
    if let Some(t_ms) = t_ms {
        write!(out, " @{t_ms}").unwrap();
    }
    if let Some(Exemplar { labels, value, t_ms }) = exemplar {
        write!(out, " # {labels:?} {value:?} {t_ms:?}").unwrap();
    }
    out
}

fn line(text: &str, dialect: Dialect) -> String {
    let mut parser = LineParser::default();
    match parser.parse(text, dialect) {
        Ok(Line::Sample(sample)) => told(&sample),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(lines: &[&str], dialect: Dialect, expected: &Expect) {
    let told: Vec<String> = lines.iter().map(|text| line(text, dialect)).collect();
    expected.assert_eq(&told.join("\n"));
}

#[test]
fn samples_of_openmetrics() {
    check(
        &[
            "up 1",
            "up 1 1700000000.5",
            "up{} 1",
            "a:b_total{x=\"1\",y=\"\"} 2.5e3 1700000000",
            "a{x=\"q\\\"b\\\\n\\nä\\d\",y=\"z\"} NaN",
            "{\"a.b\",\"l.x\"=\"v\"} -Inf",
            "{\"up\"} 0",
            "a_bucket{le=\"0.5\"} 4 # {trace_id=\"x\\\"y\"} 0.25 1700000000.001",
            "a_bucket{le=\"0.5\"} 4 17 # {} 0.25",
        ],
        OpenMetrics,
        &expect![[r#"
            up {} 1.0
            up {} 1.0 @1700000000500
            up {} 1.0
            a:b_total {"x": "1", "y": ""} 2500.0 @1700000000000
            a {"x": "q\"b\\n\nä\\d", "y": "z"} NaN
            a.b {"l.x": "v"} -inf
            up {} 0.0
            a_bucket {"le": "0.5"} 4.0 # {"trace_id": "x\"y"} 0.25 Some(1700000000001)
            a_bucket {"le": "0.5"} 4.0 @17000 # {} 0.25 None"#]],
    );
}

#[test]
fn samples_of_the_older_format() {
    check(
        &[
            "up 1",
            "  up\t1   1700000000500  ",
            "up { a = \"b\" , } 1 -5",
            "up{a=\"b\",} 1",
            "up{ } 1",
            "{ \"a.b\" , c=\"d\" } 1",
            "up{a=\"b\" c=\"d\"} 1",
            "",
            "   ",
            "# anything at all",
            "#TYPE up gauge",
            "# TYPE\tup  gauge ",
            "# TYPE up untyped",
            "# HELP up What\\n it\\\\ \\\"says ",
            "# HELP up",
            "# EOF",
        ],
        Prometheus,
        &expect![[r#"
            up {} 1.0
            up {} 1.0 @1700000000500
            up {"a": "b"} 1.0 @-5
            up {"a": "b"} 1.0
            up {} 1.0
            a.b {"c": "d"} 1.0
            up {"a": "b", "c": "d"} 1.0
            Nothing
            Nothing
            Nothing
            Nothing
            Type { family: "up", kind: Gauge }
            Type { family: "up", kind: Unknown }
            Help { family: "up", text: "What\n it\\ \\\"says" }
            Help { family: "up", text: "" }
            Nothing"#]],
    );
}

#[test]
fn descriptions_of_openmetrics() {
    check(
        &[
            "# TYPE a counter",
            "# TYPE \"a.b\" unknown",
            "# HELP a Two\\nlines and \\\"quotes\\\"",
            "# HELP a ",
            "# UNIT a_seconds seconds",
            "# EOF",
        ],
        OpenMetrics,
        &expect![[r##"
            Type { family: "a", kind: Counter }
            Type { family: "a.b", kind: Unknown }
            Help { family: "a", text: "Two\nlines and \"quotes\"" }
            Help { family: "a", text: "" }
            Unit { family: "a_seconds", unit: "seconds" }
            Eof"##]],
    );
}

#[test]
fn what_is_wrong_in_openmetrics_is_told_with_its_column() {
    check(
        &[
            "",
            " up 1",
            "up  1",
            "up\t1",
            "up 1 ",
            "up 1\r",
            "up",
            "up{,} 1",
            "up{a=\"b\",,} 1",
            "up{a=b} 1",
            "up{a='b'} 1",
            "up{ä=\"b\"} 1",
            "up{a=\"ä\"x} 1",
            "up{a=\"b} 1",
            "up{a=\"b\\",
            "up 1,5",
            "up 1 NaN",
            "up 1 17 18",
            "{a=\"b\"} 1",
            "{\"\"} 1",
            "up{\"a\",\"b\"} 1",
            "9up 1",
            "# TYPE a untyped",
            "# UNIT a_bytes seconds",
            "# comment",
            "#TYPE a counter",
            "# EOF ",
            "a_total 1 # {\"x\"} 1",
            "a_total 1 # {x=\"1\"}",
        ],
        OpenMetrics,
        &expect![[r##"
            column 1: expected the name of a metric or "{", found the end of the line
            column 1: expected the name of a metric or "{", found " up 1"
            column 4: expected a value, found " 1"
            column 3: expected a blank, found "\t1"
            column 6: expected a timestamp or an exemplar, found the end of the line
            column 4: expected a value, found "1\r"
            column 3: expected a blank, found the end of the line
            column 4: expected the name of a label, found ",} 1"
            column 10: expected the name of a label, found ",} 1"
            column 6: expected a value in quotes, found "b} 1"
            column 6: expected a value in quotes, found "'b'} 1"
            column 4: expected the name of a label, found "ä=\"b\"} 1"
            column 9: expected "," or "}", found "x} 1"
            column 11: expected a closing quote, found the end of the line
            column 9: expected a closing quote, found the end of the line
            column 4: expected a value, found "1,5"
            column 6: expected a timestamp in seconds, found "NaN"
            column 8: expected the end of the line, found " 18"
            column 1: expected the name of a metric in quotes, found "{a=\"b\"} 1"
            column 2: expected the name of a metric, found "\"\"} 1"
            column 7: expected "=", found ",\"b\"} 1"
            column 1: expected the name of a metric or "{", found "9up 1"
            column 10: expected the type of a metric, such as "counter", found "untyped"
            column 16: expected the metric's last word as its unit, found "seconds"
            column 3: expected "# TYPE", "# HELP", "# UNIT" or "# EOF", found "comment"
            column 2: expected "# TYPE", "# HELP", "# UNIT" or "# EOF", found "TYPE a counter"
            column 3: expected "# TYPE", "# HELP", "# UNIT" or "# EOF", found "EOF "
            column 13: expected labels with values, found "{\"x\"} 1"
            column 20: expected a blank, found the end of the line"##]],
    );
}

#[test]
fn what_is_wrong_in_the_older_format_is_told_with_its_column() {
    check(
        &["up 1 1.5", "up", "up 1 2 3", "up 1 # {} 1", "# TYPE a stateset", "up{a=\"b\",,} 1"],
        Prometheus,
        &expect![[r##"
            column 6: expected a timestamp in whole milliseconds, found "1.5"
            column 3: expected a blank, found the end of the line
            column 8: expected the end of the line, found "3"
            column 6: expected the end of the line, found "# {} 1"
            column 10: expected the type of a metric, such as "counter", found "stateset"
            column 10: expected the name of a label, found ",} 1""##]],
    );
}

/// What a scrape lets pass, a sample must not be lost for.
#[test]
fn the_letter_is_held_to_on_request() {
    let letter = |text: &str| match LineParser::strict().parse(text, OpenMetrics) {
        Ok(_) => "right".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(line("up{a=\"b\",} 1", OpenMetrics), "up {\"a\": \"b\"} 1.0");
    assert!(letter("up{a=\"b\",} 1").starts_with("column 10: expected the name of a label"));
    let with = |n: usize| format!("a_total 1 # {{x=\"{}\"}} 1", "ä".repeat(n));
    assert_eq!(letter(&with(127)), "right");
    assert!(letter(&with(128)).starts_with("column 13: expected at most 128"));
    assert!(line(&with(128), OpenMetrics).starts_with("a_total {} 1.0 # "));
}

fn page(text: &str, dialect: Dialect) -> Result<Vec<String>, String> {
    let mut page = Page::new(text.as_bytes(), dialect);
    let mut all = Vec::new();
    loop {
        match page.next() {
            Ok(Some(Line::Created(sample))) => all.push(format!("created {}", told(&sample))),
            Ok(Some(Line::Sample(sample))) => all.push(told(&sample)),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(all),
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[test]
fn a_page_tells_created_lines_from_samples() {
    let text = "# TYPE a counter\na_total 1\na_created 17.5\n# TYPE b gauge\nb_created 3\n# EOF\n";
    let expected = ["a_total {} 1.0", "created a_created {} 17.5", "b_created {} 3.0"];
    assert_eq!(page(text, OpenMetrics).unwrap(), expected);
    // The older format has no such lines: it is a sample like others.
    assert_eq!(page(text, Prometheus).unwrap()[1], "a_created {} 17.5");
}

#[test]
fn bounds_have_one_form_however_they_are_written() {
    let text = concat!(
        "# TYPE h histogram\n",
        "h_bucket{a=\"1\",le=\"1\"} 1\n",
        "h_bucket{le=\"1e-1\",a=\"x\\\"\"} 1\n",
        "h_bucket{le=\"1.0\"} 1\n",
        "h_bucket{le=\"Inf\"} 1\n",
        "h_bucket{le=\"all\"} 1\n",
        "h_sum{le=\"1\"} 1\n",
        "other_bucket{le=\"1\"} 1\n",
        "# TYPE s summary\n",
        "s{quantile=\"0\"} 1\n",
        "s{le=\"1\"} 1\n",
        "s_count{quantile=\"0\"} 1\n",
        "# TYPE c counter\n",
        "c_bucket{le=\"1\"} 1\n",
        "# TYPE \"d.e\" histogram\n",
        "{\"d.e_bucket\",le=\"2\"} 1\n",
    );
    expect![[r#"
        h_bucket {"a": "1", "le": "1.0"} 1.0
        h_bucket {"le": "0.1", "a": "x\""} 1.0
        h_bucket {"le": "1.0"} 1.0
        h_bucket {"le": "+Inf"} 1.0
        h_bucket {"le": "all"} 1.0
        h_sum {"le": "1"} 1.0
        other_bucket {"le": "1"} 1.0
        s {"quantile": "0.0"} 1.0
        s {"le": "1"} 1.0
        s_count {"quantile": "0"} 1.0
        c_bucket {"le": "1"} 1.0
        d.e_bucket {"le": "2.0"} 1.0"#]]
    .assert_eq(&page(text, Prometheus).unwrap().join("\n"));
    let gauge = "# TYPE g gaugehistogram\ng_bucket{le=\"5\"} 1\n# EOF\n";
    assert_eq!(page(gauge, OpenMetrics).unwrap(), ["g_bucket {\"le\": \"5.0\"} 1.0"]);
}

#[test]
fn a_page_ends_with_its_mark() {
    for (text, expected) in [
        ("", "the page ends after line 0 without"),
        ("up 1\n", "the page ends after line 1 without"),
        ("up 1\n# EOF\nup 1\n", "line 3 stands behind"),
        ("# EOF\n\n", "line 2 stands behind"),
        ("up 1\n\n# EOF\n", "line 2, column 1: expected the name"),
    ] {
        let error = page(text, OpenMetrics).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(page("up 1\n# EOF", OpenMetrics).unwrap().len(), 1);
    assert_eq!(page("up 1\r\n\r\nup 2", Prometheus).unwrap().len(), 2);
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut page = Page::new(b"up 1\nup{a=\"\xff\"} 1\n".as_slice(), Prometheus);
    assert!(page.next().is_ok());
    assert_eq!(page.next().unwrap_err().to_string(), "line 2 is not UTF-8 from byte 7 on");
}

#[test]
fn a_page_knows_the_family_at_hand() {
    let mut page = Page::new(b"# TYPE a.b counter\n".as_slice(), Prometheus);
    assert!(page.next().is_err());
    let mut page = Page::new(b"# TYPE a histogram\na_sum 1\n".as_slice(), Prometheus);
    while page.next().unwrap().is_some() {}
    assert_eq!((page.family(), page.kind(), page.line_number()), ("a", Kind::Histogram, 2));
}

#[test]
fn a_text_without_escapes_is_not_copied() {
    let text = "up{a=\"b\"} 1".to_owned();
    let mut parser = LineParser::default();
    let Ok(Line::Sample(sample)) = parser.parse(&text, OpenMetrics) else { panic!("a sample") };
    let (_, value) = sample.labels.iter().next().unwrap();
    assert!(text.as_bytes().as_ptr_range().contains(&value.as_ptr()));
    let help = parser.parse("# HELP a b", OpenMetrics);
    assert!(matches!(help, Ok(Line::Help { text: Cow::Borrowed(_), .. })));
}
