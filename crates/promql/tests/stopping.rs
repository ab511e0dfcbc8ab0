//! Stopping: whatever a query does, it is asked all the time whether it should go on.
//!
//! No clock is read here. A query is asked so often that the work between two questions is bounded:
//! what it does with so many series, or at so many steps, is seen in how often it was asked.

mod series;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use promql::{Engine, Options, QueryError, StopCheck, Stopped};
use series::Loaded;

/// So many series there are: more than are ever treated in one go.
const N_SERIES: usize = 2_000;
/// So many are treated in one go at most, by what is done for each series.
const UNCHECKED_SERIES_MAX: usize = 250;

/// Buckets, too, each with an instance of its own.
fn many() -> Arc<Loaded> {
    let mut lines = String::new();
    for nth in 0..N_SERIES {
        // Values in no order.
        let value = nth * 7_919 % N_SERIES;
        let le = [1, 2][nth % 2];
        writeln!(lines, "x{{a=\"{nth}\",g=\"{}\",le=\"{le}\"}} {value}", nth / 2)
            .expect("a text takes whatever is written");
        writeln!(lines, "target_info{{instance=\"{nth}\",job=\"j\",v=\"{value}\"}} 1")
            .expect("a text takes whatever is written");
        writeln!(lines, "y{{instance=\"{nth}\",job=\"j\"}} {value}")
            .expect("a text takes whatever is written");
    }
    Arc::new(Loaded::new(lines.trim_end()))
}

/// What a query comes to that is told to stop after it was asked so often, and how often it was.
fn asked(
    store: &Arc<Loaded>,
    n_asks: usize,
    run: impl Fn(&Engine) -> Result<(), QueryError>,
    is_plain: bool,
) -> (Result<(), QueryError>, usize) {
    let counted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&counted);
    let stop = StopCheck::new(move || {
        (count.fetch_add(1, Ordering::Relaxed) >= n_asks).then_some(Stopped::TimedOut)
    });
    let options = Options { stop, is_plain, ..Options::default() };
    let result = run(&Engine::new(Arc::clone(store) as _, options));
    (result, counted.load(Ordering::Relaxed))
}

fn instant(query: &str) -> impl Fn(&Engine) -> Result<(), QueryError> {
    move |engine| engine.instant(query, 0).map(drop)
}

/// How often a query is asked until its end.
fn n_asked(store: &Arc<Loaded>, run: impl Fn(&Engine) -> Result<(), QueryError>) -> usize {
    let (result, n) = asked(store, usize::MAX, run, false);
    result.expect("the query has a value");
    n
}

#[track_caller]
fn is_timed_out(result: &Result<(), QueryError>, query: &str, n: usize) {
    let is_so = matches!(result, Err(QueryError::Stopped(Stopped::TimedOut)));
    assert!(is_so, "{query} was told to stop after {n} asks: {result:?}");
}

/// What is done for each series takes part in the questions.
#[test]
fn every_operation_over_many_series_is_asked_while_it_runs() {
    let store = many();
    for (query, inner) in [
        ("sort(x)", &["x"][..]),
        ("sort_desc(x)", &["x"]),
        ("sort_by_label(x, \"a\")", &["x"]),
        ("topk(3, x)", &["x"]),
        ("topk(1e6, x)", &["x"]),
        ("bottomk by (g) (1, x)", &["x"]),
        ("limitk by (a) (1, x)", &["x"]),
        ("limit_ratio(0.5, x)", &["x"]),
        ("count_values(\"v\", x)", &["x"]),
        ("sum by (a) (-label_replace(x, \"b\", \"$1\", \"a\", \"(.*)\"))", &["x"]),
        ("label_replace(x, \"b\", \"$1\", \"a\", \"(.*)\")", &["x"]),
        ("label_join(x, \"b\", \"-\", \"a\", \"g\")", &["x"]),
        ("x + x", &["x", "x"]),
        ("x * ignoring (le, a) group_left max by (g) (x)", &["x", "x"]),
        ("x + fill(0) x", &["x", "x"]),
        ("x and x", &["x", "x"]),
        ("x unless on (a) x", &["x", "x"]),
        ("x or y", &["x", "y"]),
        ("histogram_quantile(0.5, x)", &["x"]),
        ("histogram_fraction(0, 1, x)", &["x"]),
    ] {
        check_asked(&store, query, inner, 0);
    }
    // Which asks once for each series that it reads.
    check_asked(&store, "info(y)", &["y"], N_SERIES);
}

/// Checks that a query is asked often enough beside what is in it, and beside so many more times.
#[track_caller]
fn check_asked(store: &Arc<Loaded>, query: &str, inner: &[&str], n_more: usize) {
    let run = instant(query);
    let n = n_asked(store, &run);
    // Little is done with what is in it, and nothing with a result.
    let alone = inner.iter().map(|inner| n_asked(store, instant(&format!("absent({inner})"))));
    let within = alone.sum::<usize>() + n_more;
    let wanted = within + N_SERIES / UNCHECKED_SERIES_MAX;
    assert!(n >= wanted, "{query} was asked {n} times, what is in it {within} times");
    for part in 0..4 {
        let n_asks = n * part / 4;
        let (result, _) = asked(store, n_asks, &run, false);
        is_timed_out(&result, query, n_asks);
    }
}

/// So many steps are evaluated in one go at most, by what is cheap for each.
const UNCHECKED_STEPS_MAX: usize = 10_000;

/// One series and many steps: what is done for each value takes part in the questions.
#[test]
fn every_operation_at_many_steps_is_asked_while_it_runs() {
    let store = Arc::new(Loaded::new("c 1 2 3 4\nd 1"));
    let n_steps = 100_000;
    for inner in [
        "vector(1)",
        "-vector(time())",
        "abs(vector(time()))",
        "clamp(vector(time()), 0, 1)",
        "round(vector(time()), 7)",
        "vector(time()) * 2",
        "vector(time()) > bool 2",
        "vector(scalar(vector(time())))",
        "timestamp(vector(1))",
        "hour(vector(time()))",
        "absent(vector(time()) < 0)",
        "c @ 0",
        "c @ 60 smoothed",
        "absent_over_time(c[5m])",
    ] {
        for function in ["max_over_time", "quantile_over_time", "double_exponential_smoothing"] {
            let args = match function {
                "quantile_over_time" => ("0.5, ", ""),
                "double_exponential_smoothing" => ("", ", 0.5, 0.5"),
                _ => ("", ""),
            };
            let query = format!("{function}({}({inner})[{n_steps}s:1s]{})", args.0, args.1);
            let run = instant(&query);
            for is_plain in [false, true] {
                let (result, n) = asked(&store, usize::MAX, &run, is_plain);
                result.expect("the query has a value");
                assert!(n >= n_steps / UNCHECKED_STEPS_MAX, "{query} was asked {n} times");
                let (result, _) = asked(&store, n / 2, &run, is_plain);
                is_timed_out(&result, &query, n / 2);
            }
        }
    }
}

/// Of one stored series, steps whose windows all see the same long stretch of samples.
#[test]
fn long_windows_of_one_series_are_asked_while_they_are_evaluated() {
    let values: Vec<String> = (0..4_000).map(|nth| (nth * 7_919 % 4_001).to_string()).collect();
    let store = Arc::new(Loaded::new(&format!("c {}", values.join(" "))));
    for name in ["avg", "max", "min", "stddev", "stdvar", "sum", "mad"] {
        let query = format!("{name}_over_time(c[4000m])");
        let run = |engine: &Engine| engine.range(&query, 0, 239_940_000, 60_000).map(drop);
        let n = n_asked(&store, run);
        // Together they see 8 million samples, of which it is asked once for each 4 million.
        assert!(n >= 3, "{query} was asked {n} times");
        let plain = asked(&store, usize::MAX, run, true).0;
        plain.expect("the query has a value");
        is_timed_out(&asked(&store, n - 1, run, false).0, &query, n - 1);
    }
}

/// A text may be made of many, and that one is again: it would take more memory than there is.
#[test]
fn labels_that_grow_beyond_all_bounds_are_refused_before_they_are_made() {
    let store = Arc::new(Loaded::new("c{a=\"0123456789012345678901234567890123456789\"} 1"));
    let sources = ", \"a\"".repeat(1_000);
    let joined = (0..4)
        .fold("c".to_owned(), |inner, _| format!("label_join({inner}, \"a\", \",\"{sources})"));
    let replacement = "$1".repeat(1_000);
    let replaced = (0..4).fold("c".to_owned(), |inner, _| {
        format!("label_replace({inner}, \"a\", \"{replacement}\", \"a\", \"(.*)\")")
    });
    for query in [joined, replaced] {
        let options = Options { bytes_max: 1 << 20, ..Options::default() };
        let engine = Engine::new(Arc::clone(&store) as _, options);
        let error = engine.instant(&query, 0).expect_err("it is too large");
        assert!(matches!(error, QueryError::TooManyBytes), "{error}");
    }
}

/// A number at each step is no small thing once it is a vector.
#[test]
fn a_vector_of_a_scalar_takes_its_bytes_before_it_is_made() {
    let store = Arc::new(Loaded::new("c 1"));
    let options = Options { bytes_max: 100 << 10, ..Options::default() };
    let engine = Engine::new(store, options);
    engine.instant("sum_over_time(vector(1)[1000s:1s])", 0).expect("it is small");
    let error = engine.instant("sum_over_time(vector(1)[10000s:1s])", 0).expect_err("it is large");
    assert!(matches!(error, QueryError::TooManyBytes), "{error}");
}
