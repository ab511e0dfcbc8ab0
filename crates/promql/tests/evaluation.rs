//! Evaluation, family by family: series in, what a query gives out.

mod series;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use promql::{
    Engine, NESTING_MAX, Options, QueryError, QueryValue, SeriesValue, StopCheck, Stopped,
};
use series::Loaded;

fn engine(series: &str, options: Options) -> Engine {
    Engine::new(Arc::new(Loaded::new(series)), options)
}

fn shown(value: &QueryValue) -> String {
    let lines: Vec<String> = match value {
        QueryValue::Scalar { value, .. } => vec![format!("scalar {value}")],
        QueryValue::Text { text, .. } => vec![text.to_string()],
        QueryValue::Vector(all) => all.iter().map(SeriesValue::to_string).collect(),
        QueryValue::Matrix(all) => all
            .iter()
            .map(|series| {
                let points: Vec<String> = series
                    .points
                    .iter()
                    .map(|point| format!("{point}@{}", point.t_ms / 1000))
                    .collect();
                format!("{} {}", series.labels, points.join(" "))
            })
            .collect(),
    };
    lines.join("\n")
}

/// What a query gives at 5 minutes, of series with a sample each minute.
#[track_caller]
fn check(query: &str, series: &str, wanted: &str) {
    let found = engine(series, Options::default()).instant(query, 300_000);
    let found = found.map_or_else(|error| format!("error: {error}"), |found| shown(&found.value));
    assert_eq!(found, wanted, "{query}");
}

/// What a query gives each minute from 0 to 3.
#[track_caller]
fn check_range(query: &str, series: &str, wanted: &str) {
    let found = engine(series, Options::default()).range(query, 0, 180_000, 60_000);
    let found = found.map_or_else(|error| format!("error: {error}"), |found| shown(&found.value));
    assert_eq!(found, wanted, "{query}");
}

/// The doubts about a query at 5 minutes.
#[track_caller]
fn doubts(query: &str, series: &str) -> Vec<String> {
    let found = engine(series, Options::default()).instant(query, 300_000);
    let found = found.expect("the query has a value").annotations;
    found.warnings.iter().chain(&found.infos).map(ToString::to_string).collect()
}

const TWO: &str = "c{a=\"x\"} 0 10 20 30 40 50\nc{a=\"y\"} 1 2 3 4 5 6";

#[test]
fn selectors_see_the_newest_sample_that_is_young_enough() {
    check("c", "c 1 _ _ _ _ 6", "{__name__=\"c\"} 6");
    check("c", "c _ 1", "{__name__=\"c\"} 1");
    // The range is open on the left.
    check("c", "c 1", "");
    check("c", "c 1 2 3 4 5 stale", "");
    check("c offset 1m", TWO, "{__name__=\"c\", a=\"x\"} 40\n{__name__=\"c\", a=\"y\"} 5");
    check("c{a=\"y\"} @ 60 offset -1m", TWO, "{__name__=\"c\", a=\"y\"} 3");
    check_range("c{a=\"x\"} @ end()", TWO, "c{a=\"x\"} 30@0 30@60 30@120 30@180");
    check_range("c", "c 1 stale 3", "c{} 1@0 3@120 3@180");
}

#[test]
fn ranges_are_open_on_the_left_and_know_no_stale_marker() {
    check("count_over_time(c[2m])", "c 1 2 3 4 5 6", "{} 2");
    check("count_over_time(c[6m])", "c 1 2 stale 4 5 6", "{} 5");
    check("c[2m]", "c 1 2 3 4 5 6", "c{} 5@240 6@300");
    check("sum_over_time(c[2m:30s])", "c 1 2 3 4 5 6", "{} 20");
    check("c[2m:1m]", "c 1 2 3 4 5 6", "c{} 5@240 6@300");
}

#[test]
fn rates_go_on_to_the_ends_of_the_range() {
    check("rate(c[5m])", TWO, "{a=\"x\"} 0.16666666666666666\n{a=\"y\"} 0.016666666666666666");
    check("increase(c[5m])", "c 0 30 60 5 35 65", "{} 118.75");
    check("delta(c[5m])", "c 0 30 60 5 35 65", "{} 43.75");
    check("irate(c[5m])", "c 0 0 0 0 60 30", "{} 0.5");
    check("idelta(c[5m])", "c 0 0 0 0 60 30", "{} -30");
    check("rate(c[5m])", "c _ _ _ _ _ 1", "");
    check("increase(c[2m30s] anchored)", "c 0 1 2 3 4 5", "{} 3");
    check("increase(c[2m30s] smoothed)", "c 0 1 2 3 4 5", "{} 2.5");
}

#[test]
fn resets_and_changes_count_neighbours() {
    check("resets(c[6m])", "c 0 30 60 5 35 5", "{} 2");
    check("changes(c[6m])", "c 0 30 30 NaN NaN 5", "{} 3");
}

#[test]
fn functions_over_time_see_each_sample() {
    let series = "c 4 6 2 NaN 9 1";
    check("min_over_time(c[6m])", series, "{} 1");
    check("max_over_time(c[6m])", series, "{} 9");
    check("ts_of_max_over_time(c[6m])", series, "{} 240");
    check("ts_of_first_over_time(c[6m])", series, "{} 0");
    check("last_over_time(c[6m])", series, "{__name__=\"c\"} 1");
    check("present_over_time(c[6m])", series, "{} 1");
    let series = "c 1 2 3 4 5 9";
    check("avg_over_time(c[6m])", series, "{} 4");
    check("stdvar_over_time(c[5m])", "c 0 2 4 4 4 6", "{} 1.6");
    check("quantile_over_time(0.5, c[6m])", series, "{} 3.5");
    check("mad_over_time(c[6m])", series, "{} 1.5");
    check("deriv(c[5m])", "c 0 1 2 3 4 5", "{} 0.016666666666666666");
    check("predict_linear(c[5m], 60)", "c 0 1 2 3 4 5", "{} 6");
    check("double_exponential_smoothing(c[6m], 0.5, 0.5)", "c 0 1 2 3 4 5", "{} 5");
    let error = "error: invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000";
    check("double_exponential_smoothing(c[6m], 1, 0.5)", series, error);
}

#[test]
fn names_are_dropped_at_the_very_end() {
    check("sum by (__name__) (rate(c[5m]))", TWO, "{} 0.18333333333333332");
    check("abs(c{a=\"y\"})", TWO, "{a=\"y\"} 6");
    check("-c{a=\"y\"}", TWO, "{a=\"y\"} -6");
    check("+c{a=\"y\"}", TWO, "{__name__=\"c\", a=\"y\"} 6");
    check("c{a=\"y\"} > bool 1", TWO, "{a=\"y\"} 1");
    check("c{a=\"y\"} > 1", TWO, "{__name__=\"c\", a=\"y\"} 6");
    let named = "label_replace(abs(c{a=\"y\"}), \"__name__\", \"d\", \"\", \"\")";
    check(named, TWO, "{__name__=\"d\", a=\"y\"} 6");
    let error = "error: vector cannot contain metrics with the same labelset";
    check("abs({__name__=~\"c|d\"})", "c 1 1 1 1 1 1\nd 1 1 1 1 1 1", error);
    // Series that are never there at once become one.
    check_range("abs({__name__=~\"c|d\"})", "c 1 stale\nd _ _ 2 2", "{} 1@0 2@120 2@180");
}

#[test]
fn vectors_meet_by_their_labels() {
    let series = "l{a=\"x\"} 1 1 1 1 1 1\nl{a=\"y\"} 2 2 2 2 2 2\nr{a=\"x\",b=\"z\"} 4 4 4 4 4 4";
    check("l + on (a) r", series, "{a=\"x\"} 5");
    check("l * ignoring (b) group_left (b) r", series, "{a=\"x\", b=\"z\"} 4");
    check("l < on (a) r", series, "{a=\"x\"} 1");
    check("l + on (a) fill (0) r", series, "{a=\"x\"} 5\n{a=\"y\"} 2");
    check("l and on (a) r", series, "{__name__=\"l\", a=\"x\"} 1");
    check("l unless on (a) r", series, "{__name__=\"l\", a=\"y\"} 2");
    check(
        "r or on (a) l{a=\"y\"}",
        series,
        "{__name__=\"r\", a=\"x\", b=\"z\"} 4\n{__name__=\"l\", a=\"y\"} 2",
    );
    let error = "error: found duplicate series for the match group {} on the right hand-side of \
                 the operation: [{__name__=\"l\", a=\"x\"}, {__name__=\"l\", a=\"y\"}];many-to-many \
                 matching not allowed: matching labels must be unique on one side";
    check("r + on () l", series, error);
    let error = "error: multiple matches for labels: many-to-one matching must be explicit \
                 (group_left/group_right)";
    check("l + on () r", series, error);
    check("1 + 2 * 3 ^ 2 % 5", "", "scalar 4");
    check("1 > bool 2", "", "scalar 0");
    check("2 - l{a=\"x\"}", series, "{a=\"x\"} 1");
}

#[test]
fn aggregations_make_one_of_many() {
    let series =
        "c{a=\"x\",b=\"1\"} 0 0 0 0 0 4\nc{a=\"x\",b=\"2\"} 0 0 0 0 0 2\nc{a=\"y\"} 0 0 0 0 0 3";
    check("sum by (a) (c)", series, "{a=\"x\"} 6\n{a=\"y\"} 3");
    check("avg without (b) (c)", series, "{a=\"x\"} 3\n{a=\"y\"} 3");
    check("max(c)", series, "{} 4");
    check("count by (a) (c)", series, "{a=\"x\"} 2\n{a=\"y\"} 1");
    check("group(c)", series, "{} 1");
    check("stdvar(c)", series, "{} 0.6666666666666666");
    check("quantile(0.5, c)", series, "{} 3");
    check(
        "topk(2, c)",
        series,
        "{__name__=\"c\", a=\"x\", b=\"1\"} 4\n{__name__=\"c\", a=\"y\"} 3",
    );
    // Of equal values the larger one takes the place of the first.
    let ties = "c{a=\"1\"} 4 4 4 4 4 4\nc{a=\"2\"} 4 4 4 4 4 4\nc{a=\"3\"} 9 9 9 9 9 9";
    check("topk(2, c)", ties, "{__name__=\"c\", a=\"3\"} 9\n{__name__=\"c\", a=\"2\"} 4");
    check("bottomk(2, -c)", ties, "{a=\"3\"} -9\n{a=\"2\"} -4");
    let picked = "c{a=\"2\"} 4@0 4@60 4@120 4@180\nc{a=\"3\"} 9@0 9@60 9@120 9@180";
    check_range("topk(2, c)", ties, picked);
    // Of the first ones, the least is told first.
    check("limitk(2, -c)", series, "{a=\"x\", b=\"1\"} -4\n{a=\"x\", b=\"2\"} -2");
    check(
        "limitk(2, c)",
        series,
        "{__name__=\"c\", a=\"x\", b=\"2\"} 2\n{__name__=\"c\", a=\"x\", b=\"1\"} 4",
    );
    check("bottomk(1, c)", series, "{__name__=\"c\", a=\"x\", b=\"2\"} 2");
    check("limitk(1, c)", series, "{__name__=\"c\", a=\"x\", b=\"1\"} 4");
    check("count_values(\"v\", c > bool 2)", series, "{v=\"1\"} 2\n{v=\"0\"} 1");
    check("count(limit_ratio(0.5, c) or limit_ratio(-0.5, c))", series, "{} 3");
    check("sum(none)", series, "");
}

#[test]
fn labels_are_replaced_joined_and_sorted_by() {
    let c = "c{a=\"x-7\"} 1 1 1 1 1 1";
    check(
        "label_replace(c, \"b\", \"$1$1\", \"a\", \"x-(.)\")",
        c,
        "{__name__=\"c\", a=\"x-7\", b=\"77\"} 1",
    );
    check("label_replace(c, \"b\", \"$1\", \"a\", \"(7)\")", c, "{__name__=\"c\", a=\"x-7\"} 1");
    check(
        "label_join(c, \"b\", \"/\", \"a\", \"z\", \"a\")",
        c,
        "{__name__=\"c\", a=\"x-7\", b=\"x-7//x-7\"} 1",
    );
    let error = "error: invalid regular expression in label_replace(): (";
    check("label_replace(c, \"b\", \"\", \"a\", \"(\")", c, error);
    let c = "c{a=\"2\"} 1 1 1 1 1 1\nc{a=\"10\"} 0 0 0 0 0 0";
    check(
        "sort_by_label(c, \"a\")",
        c,
        "{__name__=\"c\", a=\"2\"} 1\n{__name__=\"c\", a=\"10\"} 0",
    );
    check("sort(c)", c, "{__name__=\"c\", a=\"10\"} 0\n{__name__=\"c\", a=\"2\"} 1");
}

#[test]
fn absence_takes_the_labels_that_were_asked_for() {
    check("absent(none{a=\"x\", b=~\"y\", c=\"1\", c=\"2\"})", "", "{a=\"x\"} 1");
    check("absent_over_time(none{a=\"x\"}[5m])", "", "{a=\"x\"} 1");
    // The order counts.
    check("absent(none{a=~\"x|y\", a=\"x\"})", "", "{a=\"x\"} 1");
    check("absent(none{a=\"x\", a=~\"x|y\"})", "", "{} 1");
    check("absent(none{a=\"x\", a!=\"y\", a=\"x\"})", "", "{} 1");
    check("absent(sum(none{a=\"x\"}))", "", "{} 1");
    check_range("absent(c)", "c 1 stale", "{} 1@60 1@120 1@180");
}

#[test]
fn numbers_are_bounded_rounded_and_dated() {
    check("clamp(c, 2, 4)", "c 0 0 0 0 0 9", "{} 4");
    check("clamp(c, 4, 2)", "c 0 0 0 0 0 9", "");
    check("round(c, 5)", "c 0 0 0 0 0 7.5", "{} 10");
    check("sgn(c)", "c 0 0 0 0 0 -7.5", "{} -1");
    check("minute()", "", "{} 5");
    check("timestamp(c)", "c 0 0 0 0", "{} 180");
    check("timestamp(c + 0)", "c 0 0 0 0", "{} 300");
    check("timestamp(c smoothed)", "c 0 0 0 0 _ _ 9", "{} 180");
    check("scalar(c)", "c 0 0 0 0 0 7", "scalar 7");
    check("vector(time())", "", "{} 300");
    check("min_of(1, -Inf) + max_of(NaN, +Inf)", "", "scalar NaN");
    check_range("step() + start() + end() + range()", "", "{} 420@0 420@60 420@120 420@180");
}

#[test]
fn classic_buckets_have_quantiles() {
    let series = "b{le=\"1\"} 0 0 0 0 0 1\nb{le=\"2\"} 0 0 0 0 0 3\nb{le=\"+Inf\"} 0 0 0 0 0 4";
    check("histogram_quantile(0.5, b)", series, "{} 1.5");
    // A bound that is no number is one all the same; with a sign it is not.
    let of_nan = |le: &str| format!("b{{le=\"{le}\"}} 4 4 4 4 4 4");
    check("histogram_quantile(0.5, b)", &of_nan("NaN"), "{} NaN");
    check("histogram_quantile(0.5, b)", &of_nan("+NaN"), "");
    check("histogram_fraction(0, 2, b)", series, "{} 0.75");
    check("histogram_quantiles(b, \"q\", 0.25, 1)", series, "{q=\"0.25\"} 1\n{q=\"1.0\"} 2");
}

#[test]
fn info_adds_the_labels_of_the_target() {
    let series = "c{instance=\"i\",job=\"j\"} 1 1 1 1 1 1\n\
                  target_info{instance=\"i\",job=\"j\",v=\"2\"} 1 1 1 1 1 1";
    check("info(c)", series, "{__name__=\"c\", instance=\"i\", job=\"j\", v=\"2\"} 1");
    check("info(c, {v=\"3\"})", series, "");
}

#[test]
fn doubts_are_told_with_their_place() {
    let counter = "PromQL info: metric might not be a counter, name does not end in \
                   _total/_sum/_count/_bucket: \"c\" (1:6)";
    assert_eq!(doubts("rate(c[5m])", TWO), [counter]);
    let quantile = "PromQL warning: quantile value should be between 0 and 1, got 2 (2:10)";
    assert_eq!(doubts("\nquantile(2, c)", TWO), [quantile]);
    assert!(doubts("c", TWO).is_empty());
}

#[test]
fn what_cannot_be_evaluated_says_why() {
    check(
        "deriv(c[5m] anchored)",
        TWO,
        "error: anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv",
    );
    check("1 </ 2", "", "error: operator \"</\" not allowed for Scalar operations");
    check("c[5m:step()]", TWO, "error: 5:11: duration must be greater than 0");
    check_range(
        "c[5m]",
        TWO,
        "error: invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
    );
    let engine = engine("", Options::default());
    assert!(engine.range("1", 1, 0, 1).is_err() && engine.range("1", 0, 1, 0).is_err());
    assert!(matches!(engine.instant("1 +", 0), Err(QueryError::Parse(_))));
}

#[test]
fn queries_hold_no_more_than_they_may() {
    let error = |query: &str, options: Options| {
        engine(TWO, options).range(query, 0, 300_000, 60_000).unwrap_err()
    };
    let few = |n| Options { samples_max: n, ..Options::default() };
    assert!(matches!(error("c", few(10)), QueryError::TooManySamples));
    assert!(engine(TWO, few(50)).range("c", 0, 300_000, 60_000).is_ok());
    // What was needed on the way is given back.
    assert!(engine(TWO, few(50)).range("sum(c) + sum(c)", 0, 300_000, 60_000).is_ok());
    // A subquery is refused before its steps are counted out.
    for query in ["vector(1)[100y:1ms]", "time() + max_over_time(vector(1)[100y:1ms])"] {
        let query = format!("count_over_time(({query})[1h:])");
        let found = engine("", few(1000)).instant(&query, 0);
        assert!(found.is_err(), "{query}");
    }
    let max = i64::MAX;
    assert!(matches!(engine("", few(9)).range("1", -max, max, 1), Err(QueryError::TooManySamples)));
    let options = Options { series_max: 1, ..Options::default() };
    assert!(matches!(error("c", options), QueryError::TooManySeries));
    let options = Options { bytes_max: 100, ..Options::default() };
    assert!(matches!(error("c", options), QueryError::TooManyBytes));
}

#[test]
fn queries_stop_when_they_are_told_to() {
    let stop = StopCheck::flag(Arc::new(AtomicBool::new(true)));
    let canceled = engine(TWO, Options { stop, ..Options::default() }).instant("c", 0);
    assert!(matches!(canceled, Err(QueryError::Stopped(Stopped::Canceled))));
    let stop = StopCheck::new(|| Some(Stopped::TimedOut));
    let late = engine(TWO, Options { stop, ..Options::default() }).instant("c", 0).unwrap_err();
    assert_eq!(late.to_string(), "query timed out in expression evaluation");
}

/// One series with long windows takes as long as many series do.
#[test]
fn queries_stop_in_the_midst_of_a_series() {
    let n_asked = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&n_asked);
    let stop = StopCheck::new(move || {
        let n = asked.fetch_add(1, Ordering::Relaxed);
        (n > 20).then_some(Stopped::Canceled)
    });
    let engine = engine("", Options { stop, ..Options::default() });
    // 1,000 windows of 1,000 values: a check for each few of them.
    let stopped = engine.range("sum_over_time(vector(1)[1s:1ms])", 0, 1000, 1);
    assert!(matches!(stopped, Err(QueryError::Stopped(Stopped::Canceled))));
    assert_eq!(n_asked.load(Ordering::Relaxed), 22, "it ends with the first refusal");
}

#[test]
fn times_at_the_ends_of_all_time_are_no_danger() {
    let engine = engine(TWO, Options::default());
    for query in [
        "clamp(vector(1), 0, 2)",
        "absent(none)",
        "vector(1) + 1",
        "predict_linear(c[5m] @ 300, 1)",
    ] {
        let found = engine.range(query, -i64::MAX, i64::MAX, i64::MAX / 2).unwrap().value;
        let QueryValue::Matrix(series) = found else { panic!("{query} is no matrix") };
        assert_eq!(series[0].points.len(), 5, "{query}");
    }
    for t_ms in [i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX] {
        for query in [
            "c",
            "rate(c[100y])",
            "c offset 100y",
            "c smoothed",
            "year()",
            "c[5m:1s]",
            "rate(c[5m] smoothed)",
            "max_over_time(c[1h:1m] offset -100y)",
            "timestamp(c)",
        ] {
            let _ = engine.instant(query, t_ms);
        }
    }
}

#[test]
fn the_highest_trees_are_evaluated_on_a_thread_of_default_size() {
    let run = || {
        let engine = engine(TWO, Options::default());
        let n = NESTING_MAX - 2;
        for (before, after) in [("(", ")"), ("abs(", ")"), ("sum(", ")"), ("-", ""), ("1 + (", ")")]
        {
            let n = if before.len() > 4 { n / 2 } else { n };
            let query = format!("{}c{}", before.repeat(n), after.repeat(n));
            assert!(engine.range(&query, 0, 60_000, 60_000).is_ok(), "{before}");
        }
        let nested = format!("{}c{}", "max_over_time(".repeat(n / 2), "[2m:1m])".repeat(n / 2));
        assert!(engine.instant(&nested, 0).is_ok());
        let chain = format!("c{}", " or c".repeat(400));
        assert!(engine.instant(&chain, 0).is_ok());
    };
    thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn kinds_and_times_of_answers() {
    check("\"text\"", "", "\"text\"");
    check("(1)", "", "scalar 1");
    check_range("1", "", "{} 1@0 1@60 1@120 1@180");
}

/// The doubts about a query each minute from 0 to 3.
#[track_caller]
fn doubts_of_range(query: &str, series: &str) -> Vec<String> {
    let found = engine(series, Options::default()).range(query, 0, 180_000, 60_000);
    let found = found.expect("the query has a value").annotations;
    let all = found.warnings.iter().chain(&found.infos);
    all.map(|doubt| doubt.text.clone()).collect()
}

/// Where there is nothing to smooth, nobody looks at the factors.
#[test]
fn factors_are_refused_where_they_are_used() {
    let of = |smoothing: &str, trend: &str| {
        format!("double_exponential_smoothing(c[6m], {smoothing}, {trend})")
    };
    check(&of("1", "0.5"), "d 1 2 3", "");
    check(&of("1", "0.5"), "c _", "");
    let error = |factor: &str, short: &str, got: &str| {
        format!("error: invalid {factor} factor. Expected: 0 < {short} < 1, got: {got}")
    };
    check(&of("1", "0.5"), "c 1", &error("smoothing", "sf", "1.000000"));
    check(&of("0.5", "-Inf"), "c 1", &error("trend", "tf", "-Inf"));
    check(&of("0", "0"), "c 1", &error("smoothing", "sf", "0.000000"));
    check(&of("NaN", "0.5"), "c 1 2 3 4 5 6", "{} NaN");
    check(&of("0.5", "0.5"), "c _ _ _ _ _ 1", "");
    // At 1 minute the factor is wrong, and there is nothing yet.
    let of_time = "double_exponential_smoothing(c[1m], 0.5 + (time() == bool 60), 0.5)";
    check_range(of_time, "c 1 _ 1 2", "");
    let error = error("smoothing", "sf", "1.500000");
    check_range(of_time, "c 1 2", &error);
    // As the fast evaluation does, so does the plain one.
    let options = Options { is_plain: true, ..Options::default() };
    let found = engine("c 1 2", options).range(of_time, 0, 180_000, 60_000).unwrap_err();
    assert_eq!(format!("error: {found}"), error);
}

/// Of parameters that are none, functions of windows tell where they meet data, others always.
#[test]
fn parameters_are_doubted_where_they_are_used() {
    let none: [&str; 0] = [];
    let text = "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)";
    assert_eq!(doubts("quantile_over_time(2, c[6m])", "c 1"), [text]);
    assert_eq!(doubts("quantile_over_time(2, d[6m])", "c 1"), none);
    assert_eq!(doubts("histogram_quantile(2, d)", "c 1").len(), 1);
    assert_eq!(doubts("quantile(2, d)", "c 1").len(), 1);
    assert_eq!(doubts("limit_ratio(2, d)", "c 1").len(), 1);
    check("topk(NaN, d)", "c 1", "error: Parameter value is NaN");
    check("limit_ratio(NaN, d)", "c 1", "error: Ratio value is NaN");
    check("count_values(\"\", d)", "c 1", "error: invalid label name \"\"");
    let wrong = "error: invalid regular expression in label_replace(): (";
    check("label_replace(d, \"\", \"\", \"\", \"(\")", "c 1", wrong);
    let wrong = "error: invalid destination label name in label_replace(): ";
    check("label_replace(d, \"\", \"\", \"\", \"\")", "c 1", wrong);
    let wrong = "error: invalid source label name in label_join(): ";
    check("label_join(d, \"\", \"\", \"\")", "c 1", wrong);
    let wrong = "error: invalid source label name in label_join(): \u{fffd}";
    check("label_join(d, \"a\", \"\", \"\\xff\")", "c 1", wrong);
    check(
        "label_join(d, \"\", \"\")",
        "c 1",
        "error: invalid destination label name in label_join(): ",
    );
}

/// Of many that are wrong, the extremes are told.
#[test]
fn of_parameters_that_change_the_extremes_are_told() {
    let series = "c 1 2 3 4";
    let text = |what: &str| format!("quantile value should be between 0 and 1, got {what}");
    assert_eq!(doubts_of_range("quantile(time() / 60, c)", series), [text("3")]);
    assert_eq!(doubts_of_range("quantile(time() / 60 - 2, c)", series), [text("-2")]);
    let both = doubts_of_range("quantile(time() / 30 - 3, c)", series);
    assert_eq!(both, [text("-3"), text("3")]);
    let text = |got: &str, cap: &str| {
        format!("ratio value should be between -1 and 1, got {got}, capping to {cap}")
    };
    assert_eq!(doubts_of_range("limit_ratio(time() / 60, c)", series), [text("3", "1")]);
    assert_eq!(doubts_of_range("limit_ratio(-time() / 60, c)", series), [text("-3", "-1")]);
    let large = "error: Scalar value 9.223372036854775e+18 overflows int64";
    check_range("topk(9223372036854774784 * (time() >= bool 60), c)", series, large);
    let small = "error: Scalar value -2e+30 underflows int64";
    check_range("topk(1 - 1e30 * (time() / 60 - 1) * (time() >= bool 60), c)", series, small);
}

/// A quantile that changes is another one, and its label says so.
#[test]
fn quantiles_that_change_have_labels_of_their_own() {
    let buckets = "b{le=\"1\"} 1 1\nb{le=\"+Inf\"} 2 2";
    let query = "histogram_quantiles(b, \"q\", time() / 120)";
    check_range(
        query,
        buckets,
        "{q=\"0.0\"} 0@0\n{q=\"0.5\"} 1@60\n{q=\"1.0\"} 1@120\n{q=\"1.5\"} +Inf@180",
    );
}
