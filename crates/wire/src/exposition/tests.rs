//! Every `check` writes a few families and compares the whole page.

use expect_test::{Expect, expect};
use model::{Family, Labels, MetricKind, Point};

use super::{Escaping, Format, LeftOut, Syntax, write};

const TEXT: Format = Format::DEFAULT;
const OPENMETRICS: Format = format(Syntax::OpenMetrics, Escaping::Underscores);

const fn format(syntax: Syntax, escaping: Escaping) -> Format {
    Format { syntax, escaping }
}

fn page(families: &[Family], format: Format) -> (String, LeftOut) {
    let mut out = Vec::new();
    let left_out = write(families, format, &mut out);
    (String::from_utf8(out).unwrap(), left_out)
}

#[track_caller]
fn check(families: &[Family], format: Format, want: &Expect) -> LeftOut {
    let (page, left_out) = page(families, format);
    want.assert_eq(&page);
    left_out
}

fn gauge(name: &'static str) -> Family {
    Family::gauge(name, "").with_value(1.0)
}

fn counter(name: &'static str) -> Family {
    Family::counter(name, "").with_value(1.0)
}

/// A histogram or summary of points `suffix label=value,.. number`.
fn family(name: &'static str, kind: MetricKind, points: &[(&'static str, &str, f64)]) -> Family {
    let mut family = Family::new(name, "", kind);
    for (suffix, labels, value) in points {
        let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        let labels = Labels::new(pairs).unwrap();
        family.points.push(Point { suffix, labels, value: *value });
    }
    family
}

fn families(n: usize) -> LeftOut {
    LeftOut { families: n, points: 0 }
}

fn points(n: usize) -> LeftOut {
    LeftOut { families: 0, points: n }
}

#[test]
fn texts_are_escaped_where_they_stand() {
    let mut family = Family::gauge("a", "one \"line\"\nand a \\");
    family.push_with([("path", "C:\\dir\n\"x\"")], 1.0);
    let families = [family];
    let text = expect![[r#"
        # HELP a one "line"\nand a \\
        # TYPE a gauge
        a{path="C:\\dir\n\"x\""} 1
    "#]];
    check(&families, TEXT, &text);
    let openmetrics = expect![[r#"
        # HELP a one \"line\"\nand a \\
        # TYPE a gauge
        a{path="C:\\dir\n\"x\""} 1.0
        # EOF
    "#]];
    check(&families, OPENMETRICS, &openmetrics);
}

#[test]
fn openmetrics_names_counters_without_their_suffix() {
    let families = [counter("reads_total"), counter("writes"), gauge("cpu_percent_total")];
    let openmetrics = expect![[r#"
        # TYPE reads counter
        reads_total 1.0
        # TYPE writes unknown
        writes 1.0
        # TYPE cpu_percent_total gauge
        cpu_percent_total 1.0
        # EOF
    "#]];
    assert_eq!(check(&families, OPENMETRICS, &openmetrics), LeftOut::default());
    let text = expect![[r#"
        # TYPE reads_total counter
        reads_total 1
        # TYPE writes counter
        writes 1
        # TYPE cpu_percent_total gauge
        cpu_percent_total 1
    "#]];
    assert_eq!(check(&families, TEXT, &text), LeftOut::default());
}

#[test]
fn a_counter_gives_way_to_a_family_with_its_short_name() {
    for other in ["reads", "reads_created"] {
        for families in
            [[counter("reads_total"), gauge(other)], [gauge(other), counter("reads_total")]]
        {
            let (page, left_out) = page(&families, OPENMETRICS);
            assert!(page.contains("# TYPE reads_total unknown\nreads_total 1.0\n"), "{page}");
            assert!(page.contains(&format!("# TYPE {other} gauge\n")), "{page}");
            assert_eq!(left_out, LeftOut::default());
        }
    }
    let histogram = family("h", MetricKind::Histogram, &[("_bucket", "le=1", 1.0)]);
    let (page, _) = page(&[histogram, counter("h_count_total")], OPENMETRICS);
    assert!(page.contains("# TYPE h_count_total unknown\n"), "{page}");
}

#[test]
fn a_counter_that_cannot_be_one_is_unknown_to_openmetrics() {
    for value in [-1.0, f64::NAN] {
        let families = [Family::counter("odd_total", "").with_value(value)];
        let (page, _) = page(&families, OPENMETRICS);
        assert!(page.starts_with("# TYPE odd_total unknown\nodd_total "), "{page}");
    }
    let (page, left_out) = page(&[counter("_total")], OPENMETRICS);
    assert_eq!(page, "# TYPE _total unknown\n_total 1.0\n# EOF\n");
    assert_eq!(left_out, LeftOut::default());
}

#[test]
fn a_name_is_written_once() {
    let twice = [gauge("a"), counter("a"), gauge("b")];
    let want = expect![[r#"
        # TYPE a gauge
        a 1
        # TYPE b gauge
        b 1
    "#]];
    assert_eq!(check(&twice, TEXT, &want), families(1));
    let escaped = [gauge("a.b"), gauge("a_b"), gauge("")];
    let want = expect![[r#"
        # TYPE a_b gauge
        a_b 1
    "#]];
    assert_eq!(check(&escaped, TEXT, &want), families(2));
}

#[test]
fn a_family_named_like_a_sample_of_another_is_left_out() {
    let histogram = || family("h", MetricKind::Histogram, &[("_bucket", "le=1", 1.0)]);
    let summary = || family("h", MetricKind::Summary, &[("", "quantile=1", 1.0)]);
    for (owner, clashing) in [
        (histogram as fn() -> Family, &["h_bucket", "h_sum", "h_count"][..]),
        (summary, &["h_sum", "h_count"]),
    ] {
        for name in clashing {
            for families_in_order in [[owner(), gauge(name)], [gauge(name), owner()]] {
                assert_eq!(page(&families_in_order, TEXT).1, families(1), "{name}");
            }
        }
    }
    assert_eq!(page(&[summary(), gauge("h_bucket")], TEXT).1, families(0));
    assert_eq!(page(&[histogram(), gauge("h_created")], TEXT).1, families(0));
    assert_eq!(page(&[histogram(), gauge("h_created")], OPENMETRICS).1, families(1));
    assert_eq!(page(&[gauge("h"), gauge("h_sum")], OPENMETRICS).1, families(0));
}

#[test]
fn families_without_points_are_not_shown() {
    assert_eq!(page(&[Family::gauge("a", "help")], TEXT), (String::new(), families(0)));
    assert_eq!(page(&[], OPENMETRICS), ("# EOF\n".to_owned(), families(0)));
    // They take no name from others either.
    assert_eq!(page(&[Family::gauge("a", "help"), gauge("a")], TEXT).1, families(0));
}

#[test]
fn a_histogram_is_put_in_order_and_completed() {
    let histogram = family(
        "h",
        MetricKind::Histogram,
        &[
            ("_sum", "", 7.5),
            ("_bucket", "le=10", 3.0),
            ("_bucket", "le=0.5", 1.0),
            ("_bucket", "path=/x,le=1", 2.0),
            ("_bucket", "le=10", 9.0),
            ("_count", "", 4.0),
        ],
    );
    let families = [histogram];
    let openmetrics = expect![[r#"
        # TYPE h histogram
        h_bucket{le="0.5"} 1
        h_bucket{le="10.0"} 3
        h_bucket{le="+Inf"} 4
        h_sum 7.5
        h_count 4
        h_bucket{path="/x",le="1.0"} 2
        h_bucket{path="/x",le="+Inf"} 2
        # EOF
    "#]];
    assert_eq!(check(&families, OPENMETRICS, &openmetrics), points(0));
    let text = expect![[r#"
        # TYPE h histogram
        h_bucket{le="0.5"} 1
        h_bucket{le="10"} 3
        h_bucket{le="+Inf"} 4
        h_sum 7.5
        h_count 4
        h_bucket{path="/x",le="1"} 2
        h_bucket{path="/x",le="+Inf"} 2
        h_count{path="/x"} 2
    "#]];
    assert_eq!(check(&families, TEXT, &text), points(0));
}

#[test]
fn the_infinite_bucket_is_the_count() {
    let points = [("_bucket", "le=+Inf", 5.0), ("_count", "", 4.0), ("_sum", "", 1.0)];
    let want = expect![[r#"
        # TYPE h histogram
        h_bucket{le="+Inf"} 5
        h_sum 1
        h_count 5
    "#]];
    check(&[family("h", MetricKind::Histogram, &points)], TEXT, &want);
}

#[test]
fn a_histogram_stays_cumulative_when_its_count_lags_behind() {
    let points = [("_bucket", "le=1", 5.0), ("_count", "", 4.0)];
    let want = expect![[r#"
        # TYPE h histogram
        h_bucket{le="1"} 5
        h_bucket{le="+Inf"} 5
        h_count 5
    "#]];
    check(&[family("h", MetricKind::Histogram, &points)], TEXT, &want);
}

#[test]
fn a_summary_has_what_its_sender_gave() {
    let summary = family(
        "s",
        MetricKind::Summary,
        &[("", "a=1,quantile=0.99", 2.5), ("", "a=1,quantile=0.5", f64::NAN), ("_sum", "a=1", 3.0)],
    );
    let want = expect![[r#"
        # TYPE s summary
        s{a="1",quantile="0.5"} NaN
        s{a="1",quantile="0.99"} 2.5
        s_sum{a="1"} 3.0
        # EOF
    "#]];
    assert_eq!(check(&[summary], OPENMETRICS, &want), points(0));
}

#[test]
fn points_that_do_not_belong_are_left_out_and_counted() {
    let histogram = [
        ("_bucket", "le=1", 1.0),
        ("_bucket", "le=x", 1.0),
        ("_bucket", "le=NaN", 1.0),
        ("_bucket", "", 1.0),
        ("", "le=1", 1.0),
    ];
    let all = [
        family("h", MetricKind::Histogram, &histogram),
        family("s", MetricKind::Summary, &[("", "", 1.0), ("_bucket", "le=1", 1.0)]),
        family("g", MetricKind::Gauge, &[("_sum", "", 1.0), ("", "", 2.0)]),
    ];
    for format in [TEXT, OPENMETRICS, format(Syntax::Protobuf, Escaping::Underscores)] {
        let mut out = Vec::new();
        assert_eq!(write(&all, format, &mut out), points(7), "{format:?}");
    }
}

#[test]
fn labels_that_escaping_makes_one_lose_their_point() {
    let mut family = Family::gauge("a", "");
    family.push_with([("l.x", "1"), ("l_x", "2")], 1.0);
    family.push_with([("l.x", "1"), ("l_y", "2")], 2.0);
    let families = [family];
    let want = expect![[r#"
        # TYPE a gauge
        a{l_x="1",l_y="2"} 2
    "#]];
    assert_eq!(check(&families, TEXT, &want), points(1));
    let mut lost = Family::gauge("lost", "Not even a header.");
    lost.push_with([("l.x", "1"), ("l_x", "2")], 1.0);
    assert_eq!(page(&[lost], TEXT), (String::new(), points(1)));
    let mut merged = Family::gauge("a", "");
    merged.push_with([("l.x", "1")], 1.0);
    merged.push_with([("l_x", "1")], 2.0);
    assert_eq!(page(&[merged], TEXT).1, points(1));
    let mut out = Vec::new();
    let protobuf = format(Syntax::Protobuf, Escaping::Underscores);
    assert_eq!(write(&families, protobuf, &mut out), points(1));
    assert_eq!(page(&families, format(Syntax::Text, Escaping::AllowUtf8)).1, points(0));
    assert_eq!(page(&families, format(Syntax::Text, Escaping::Values)).1, points(0));
    let mut dots = Family::gauge("a", "");
    dots.push_with([("l-x", "1"), ("l_x", "2")], 1.0);
    assert_eq!(page(&[dots], format(Syntax::Text, Escaping::Dots)).1, points(1));
}

#[test]
fn unusual_names_are_written_in_the_scheme_that_was_asked_for() {
    let mut family = Family::counter("http.re\"q_total", "how many");
    family.push_with([("l.x", "v"), ("l_y", "w")], 3.0);
    let families = [family, Family::gauge("plain.", "").with_value(1.0)];
    let want = expect![[r#"
        # HELP "http.re\"q" how many
        # TYPE "http.re\"q" counter
        {"http.re\"q_total","l.x"="v",l_y="w"} 3.0
        # TYPE "plain." gauge
        {"plain."} 1.0
        # EOF
    "#]];
    check(&families, format(Syntax::OpenMetrics, Escaping::AllowUtf8), &want);
    let want = expect![[r##"
        # HELP http_dot_re__q__total how many
        # TYPE http_dot_re__q__total counter
        http_dot_re__q__total{l__y="w",l_dot_x="v"} 3
        # TYPE plain_dot_ gauge
        plain_dot_ 1
    "##]];
    check(&families, format(Syntax::Text, Escaping::Dots), &want);
    let want = expect![[r#"
        # HELP U__http_2e_re_22_q__total how many
        # TYPE U__http_2e_re_22_q__total counter
        U__http_2e_re_22_q__total{U__l_2e_x="v",l_y="w"} 3
        # TYPE U__plain_2e_ gauge
        U__plain_2e_ 1
    "#]];
    check(&families, format(Syntax::Text, Escaping::Values), &want);
}

#[test]
fn dots_double_the_underscores_of_plain_labels_too() {
    let mut family = Family::gauge("a", "");
    family.push_with([("l_y", "1")], 1.0);
    let (page, _) = page(&[family], format(Syntax::Text, Escaping::Dots));
    assert_eq!(page, "# TYPE a gauge\na{l__y=\"1\"} 1\n");
}

#[test]
fn a_page_is_appended_to_what_the_buffer_holds() {
    let mut out = b"before\n".to_vec();
    assert_eq!(write(&[gauge("a")], TEXT, &mut out), LeftOut::default());
    assert_eq!(out, b"before\n# TYPE a gauge\na 1\n");
}
