//! Pages that keep the rules, pages that break one each, and what is unwise.

use expect_test::{Expect, expect};

use super::super::Dialect::{self, OpenMetrics, Prometheus};
use super::{Checked, PROBLEMS_MAX, Strictness, check};

fn strict(page: &str, dialect: Dialect) -> Checked {
    check(page.as_bytes(), dialect, Strictness::Strict)
}

/// What is wrong with each page.
#[track_caller]
fn faults(pages: &[&str], dialect: Dialect, expected: &Expect) {
    let mut told = String::new();
    for page in pages {
        let page = match dialect {
            OpenMetrics => format!("{page}\n# EOF\n"),
            Prometheus => format!("{page}\n"),
        };
        let checked = strict(&page, dialect);
        let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
        told.push_str(&if problems.is_empty() { "fine".to_owned() } else { problems.join(" | ") });
        told.push('\n');
    }
    expected.assert_eq(&told);
}

#[test]
fn pages_of_openmetrics_that_keep_the_rules() {
    let pages = [
        "a 1",
        "# TYPE a counter\n# HELP a x\na_total 1\na_created 17",
        "# TYPE a counter\na_total{x=\"1\"} 1 # {t=\"1\"} 0.5\na_total{x=\"\"} 1",
        "# TYPE a gauge\na NaN\na{x=\"1\"} -1",
        "# TYPE a gauge\na 1 0.0000000001\na 1 0.0000000002\na 1 0.0000000002",
        "# TYPE a histogram\na_bucket{le=\"0.5\"} 1\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum 3",
        "# TYPE a histogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 2",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1 1\na_bucket{le=\"+Inf\"} 0 2",
        "# TYPE a gaugehistogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 2\na_gcount 2\na_gsum -3",
        "# TYPE a summary\na{quantile=\"0.9\"} 2\na{quantile=\"0.5\"} 1\na_count 2\na_sum 3",
        "# TYPE a info\na_info{x=\"1\"} 1",
        "# TYPE a stateset\na{a=\"on\"} 1\na{a=\"off\"} 0",
        "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\nb 2",
        "# UNIT a ",
    ];
    for page in pages {
        let checked = strict(&format!("{page}\n# EOF"), OpenMetrics);
        assert_eq!(checked.problems, [], "{page}");
    }
}

#[test]
fn what_breaks_a_rule_of_openmetrics_is_named() {
    faults(
        &[
            "a{x=\"1\",x=\"2\"} 1",
            "# TYPE a counter\na 1",
            "# TYPE a counter\na_total -1",
            "# TYPE a counter\n# TYPE a counter",
            "# HELP a x\n# HELP a x",
            "# UNIT a_s s\n# UNIT a_s s",
            "# TYPE a gauge\na 1\n# HELP a x",
            "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na 2",
            "# TYPE a_created gauge\n# TYPE a counter",
            "# TYPE a gauge\na 1 # {x=\"1\"} 1",
            "# TYPE a gauge\na{x=\"1\"} 1 1\na{x=\"2\"} 1\na{x=\"1\"} 1 2",
            "# TYPE a gauge\na 1 2\na 1 1",
            "# TYPE a gauge\na 1 2\na 1",
            "a 1\na 2",
            "# TYPE a info\na_info 2",
            "# TYPE a_s info\n# UNIT a_s s\na_s_info 1",
            "# TYPE a stateset\na{a=\"on\"} 2",
            "# TYPE a stateset\na{b=\"on\"} 1",
        ],
        OpenMetrics,
        &expect![[r#"
            1:9: the label "x" stands here twice
            2:1: the samples of a end in _total, _created
            2:9: what is counted or summed up is not negative
            2:1: a second # TYPE of a
            2:1: a second # HELP of a
            2:1: a second # UNIT of a_s
            3:1: a is described behind its samples
            5:1: a was before: another family has it, or its lines stand apart
            2:1: a_created was before: another family has it, or its lines stand apart
            2:1: only buckets and totals of counters have exemplars
            4:1: the samples with these labels stand apart
            3:1: the time is before that of the last sample with these labels
            3:1: samples with the same labels all have a time, or none has
            2:1: the same sample was before
            2:8: the value of an info is 1
            1:1: an info or a set of states has no unit
            2:11: the value of a state is 0 or 1
            2:1: a state needs the label "a", its family's name
        "#]],
    );
}

#[test]
fn what_does_not_add_up_in_a_distribution_is_named() {
    faults(
        &[
            "# TYPE a histogram\na_bucket 1",
            "# TYPE a histogram\na_bucket{le=\"x\"} 1",
            "# TYPE a histogram\na_bucket{le=\"+INF\"} 1",
            "# TYPE a histogram\na_bucket{le=\"1\"} 1",
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1.5",
            "# TYPE a histogram\na_bucket{le=\"2\"} 0\na_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\"} 0",
            "# TYPE a histogram\na_bucket{le=\"2\"} 1\na_bucket{le=\"+Inf\"} 0",
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\na_sum 1",
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1",
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1",
            "# TYPE a histogram\na_bucket{le=\"-1\"} 0\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum 1",
            "# TYPE a histogram\na_bucket{le=\"1\"} 1 1\na_bucket{le=\"+Inf\"} 1 2",
            "# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gcount 1\na_gsum -1",
            "# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gcount 1\na_gsum NaN",
            "# TYPE a summary\na 1",
            "# TYPE a summary\na{quantile=\"1.5\"} 1",
            "# TYPE a summary\na{quantile=\"0.5\"} -1",
            "# TYPE a summary\na_count NaN",
        ],
        OpenMetrics,
        &expect![[r#"
            2:1: a bucket needs the label le
            2:14: the bound "x" is no number
            2:14: the bound that holds everything is written +Inf
            2:1: the bucket le="+Inf" is missing, or not the last one
            2:21: a count is a whole number
            3:1: the bounds of buckets rise from line to line
            3:1: a bucket counts at least what the one before it does
            2:1: the count is not that of the bucket le="+Inf"
            2:1: a sum stands without its count
            2:1: a count stands without its sum
            2:1: with negative bounds there is no sum: it may fall
            3:1: the bucket le="+Inf" is missing, or not the last one
            2:1: the sum is negative, the bounds are not
            4:8: what is counted or summed is a number, not NaN
            2:1: a sample of a summary needs the label quantile, or the suffix _sum or _count
            2:13: the quantile "1.5" is no number from 0 to 1
            2:19: the value of a quantile is not negative
            2:9: what is counted or summed is a number, not NaN
        "#]],
    );
}

#[test]
fn what_breaks_a_rule_of_the_older_format_is_named() {
    faults(
        &[
            "# TYPE a_total counter\n# HELP a_total x\na_total 1 5",
            "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum -1\na_count 1",
            "# HELP a x\na 1\n# HELP b x\nb 1",
            "a{x=\"1\" y=\"2\"} 1",
            "a{x=\"1\",} 1\na{ x = \"1\" } 2",
            "a 1\n# TYPE a gauge",
            "# TYPE a gauge\n# TYPE a gauge\na 1",
            "a{x=\"1\"} 1\nb 1\na{x=\"2\"} 1",
            "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_count 1",
            "# TYPE a summary\na{quantile=\"0.9\"} 1\na{quantile=\"0.5\"} 1",
            "# TYPE a histogram\na 1",
        ],
        Prometheus,
        &expect![[r#"
            fine
            fine
            fine
            1:9: expected "," or "}", found "y=\"2\"} 1"
            2:1: the same sample was before
            2:1: # TYPE of a stands behind its samples
            2:1: a second # TYPE of a
            3:1: a was before: another family has it, or its lines stand apart
            2:1: the bucket le="+Inf" is missing, or not the last one
            3:1: quantiles rise from line to line
            2:1: the samples of a end in _bucket, _count, _sum
        "#]],
    );
}

#[test]
fn a_place_is_a_line_and_a_character() {
    faults(
        &[
            "a 1\nb{x=\"ä\"} one",
            "# TYPE a counter\na_total{x=\"ä\"} NaN",
            "a 1\n\nb 1",
            "a 1\u{7}",
            "a 1\n# EOF\nb 1",
        ],
        OpenMetrics,
        &expect![[r##"
            2:10: expected a value, found "one"
            2:16: what is counted or summed is a number, not NaN
            2:1: a blank line
            1:3: expected a value, found "1\u{7}"
            3:1: nothing may follow "# EOF" | 4:1: nothing may follow "# EOF"
        "##]],
    );
    let checked = check(b"a 1\nb{x=\"\xff\"} 1\n".as_slice(), Prometheus, Strictness::Strict);
    assert_eq!(checked.problems[0].to_string(), "2:6: bytes that are not UTF-8");
    let cut = strict("a 1\n", OpenMetrics);
    assert!(cut.problems[0].to_string().starts_with("2:1: the page ends without"));
}

#[test]
fn a_line_that_cannot_be_read_does_not_break_what_it_belongs_to() {
    let page = "# TYPE a histogram\na_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\" 1\n# EOF\n";
    assert_eq!(strict(page, OpenMetrics).n_problems, 1);
}

#[test]
fn a_scrape_takes_what_only_breaks_rules_over_lines() {
    let page = "a{x=\"1\" y=\"2\"} 1\nb 1\na 2\n# TYPE a histogram\na_bucket{le=\"2\"} 1\n";
    let checked = check(page.as_bytes(), Prometheus, Strictness::Lenient);
    assert_eq!((checked.problems.len(), checked.n_samples), (0, 4));
    assert!(strict(page, Prometheus).n_problems > 2);
    let checked = check("a one\n".as_bytes(), Prometheus, Strictness::Lenient);
    assert_eq!(checked.n_problems, 1);
}

#[test]
fn of_a_page_full_of_faults_some_are_listed_and_all_counted() {
    let page = "a\n".repeat(PROBLEMS_MAX + 7);
    let checked = strict(&page, Prometheus);
    assert_eq!(checked.problems.len(), PROBLEMS_MAX);
    assert_eq!(checked.n_problems, PROBLEMS_MAX as u64 + 7);
}

#[track_caller]
fn hints(page: &str, dialect: Dialect, expected: &Expect) {
    let checked = strict(page, dialect);
    assert_eq!(checked.problems, []);
    let told: Vec<String> = checked.hints.iter().map(ToString::to_string).collect();
    expected.assert_eq(&told.join("\n"));
}

#[test]
fn what_is_unwise_is_said_as_promtool_says_it() {
    let page = "plain 1
# TYPE requests counter
requests{le=\"1\",quantile=\"1\",camelCase=\"x\"} 1
# TYPE free_total gauge
free_total 1
# TYPE a_bucket gauge
a_bucket 1
# TYPE b_count gauge
b_count 1
# TYPE c_sum gauge
c_sum 1
# TYPE d_gauge gauge
d_gauge 1
# TYPE e:f gauge
e:f 1
# TYPE isCamel gauge
isCamel 1
# TYPE wait_ms gauge
wait_ms 1
# TYPE wait_milliseconds gauge
wait_milliseconds 1
# TYPE rest_hours gauge
rest_hours 1
# HELP good_seconds Fine.
# TYPE good_seconds histogram
good_seconds_bucket{le=\"+Inf\"} 1
";
    hints(
        page,
        Prometheus,
        &expect![[r#"
        a_bucket no help text
        a_bucket non-histogram metrics should not have "_bucket" suffix
        b_count no help text
        b_count non-histogram and non-summary metrics should not have "_count" suffix
        c_sum no help text
        c_sum non-histogram and non-summary metrics should not have "_sum" suffix
        d_gauge metric name should not include type 'gauge'
        d_gauge no help text
        e:f metric names should not contain ':'
        e:f no help text
        free_total no help text
        free_total non-counter metrics should not have "_total" suffix
        isCamel metric names should be written in 'snake_case' not 'camelCase'
        isCamel no help text
        plain no help text
        requests counter metrics should have "_total" suffix
        requests label names should be written in 'snake_case' not 'camelCase'
        requests no help text
        requests non-histogram metrics should not have "le" label
        requests non-summary metrics should not have "quantile" label
        rest_hours no help text
        rest_hours use base unit "seconds" instead of "hours"
        wait_milliseconds no help text
        wait_milliseconds use base unit "seconds" instead of "milliseconds"
        wait_ms metric names should not contain abbreviated units
        wait_ms no help text"#]],
    );
}

#[test]
fn in_openmetrics_a_counter_needs_no_suffix_in_its_familys_name() {
    let page = "# HELP a Fine.\n# TYPE a counter\na_total 1\n# HELP b_total No.\n# TYPE b_total gauge\nb_total 1\n# EOF\n";
    hints(page, OpenMetrics, &expect![[""]]);
}
