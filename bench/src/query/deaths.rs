//! Deaths: queries that fit into every budget but that of time. Each would run for a minute or for
//! hours, and is told to end after two seconds.
//!
//! A query has ended when the server says that none runs any more, which may be later than its
//! answer. While it runs, another client asks something small again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use stdx::Clock;

use crate::Bench;
use crate::http;
use crate::report::{Report, Row, complain};
use crate::store::compare::outcome;
use crate::store::contender::{Contender, Kind, percent_encoded};

/// What each asks for, and how much later it may end.
const TIMEOUT: Duration = Duration::from_secs(2);
const AFTER_TIMEOUT_MAX: Duration = Duration::from_secs(1);
/// How long the small query may take meanwhile.
const SMALL_MAX: Duration = Duration::from_secs(1);
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(20);
/// How often the server is asked whether a query still runs.
const POLL: Duration = Duration::from_millis(5);
/// A query that runs for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far back each looks.
const LENGTH_S: i64 = 7_200;

/// A query over a range of steps.
struct Death {
    what: &'static str,
    query: String,
    step_s: i64,
}

/// How one ended.
struct Died {
    /// From the question until nothing runs any more.
    took: Duration,
    /// The longest time that the small query took meanwhile.
    small: Duration,
}

/// Adds the worst of all as rows.
pub(super) fn measure(
    bench: &Bench,
    report: &mut Report,
    contender: &Contender<'_>,
    end_ms: i64,
) -> anyhow::Result<()> {
    let deaths = deaths();
    let n = deaths.len();
    let (mut last, mut slowest) = (Ok((Duration::ZERO, "")), Ok((Duration::ZERO, "")));
    for death in deaths {
        complain(&format!("hostile: {}", death.what));
        let died = die(&*bench.env.clock, contender, &death, end_ms);
        let died = outcome(report, death.what, Kind::Pharos, died);
        worsen(&mut last, death.what, died.as_ref().map(|died| died.took).map_err(|why| *why));
        worsen(&mut slowest, death.what, died.map(|died| died.small));
    }
    let max = TIMEOUT + AFTER_TIMEOUT_MAX;
    add(report, format!("a query of death that may take 2 s, the last of {n}"), last, max);
    add(report, "a small query beside them, the slowest".to_owned(), slowest, SMALL_MAX);
    http::fetch(contender.address, "/api/v1/query?query=1")?;
    Ok(())
}

/// The longest time, and of which query; or why there is none.
type Worst = Result<(Duration, &'static str), &'static str>;

fn worsen(worst: &mut Worst, what: &'static str, took: Result<Duration, &'static str>) {
    *worst = match (*worst, took) {
        (Err(reason), _) | (_, Err(reason)) => Err(reason),
        (Ok(known), Ok(took)) if known.0 >= took => Ok(known),
        (Ok(_), Ok(took)) => Ok((took, what)),
    };
}

fn add(report: &mut Report, what: String, worst: Worst, max: Duration) {
    let seconds = |duration: Duration| format!("{:.2} s", duration.as_secs_f64());
    let row = match worst {
        Ok((took, of)) => Row::new(what, seconds(took)).limit(seconds(max), took <= max).beside(of),
        Err(reason) => Row::new(what, reason).limit(seconds(max), false),
    };
    report.add(row);
}

/// Each walks through another part of the engine.
fn deaths() -> Vec<Death> {
    const C: &str = "http_requests_total";
    const BUCKETS: &str = "http_request_duration_seconds_bucket";
    let death = |what, query, step_s| Death { what, query, step_s };
    let chain = |link: &str, n: usize| vec![link; n].join(" + ");
    let rates = format!("sum by (handler, code) (rate({C}[1h]))");
    let nested = ["max", "stddev", "sum"]
        .iter()
        .fold(rates.clone(), |inner, function| format!("{function}_over_time({inner}[2h:1s])"));
    let renamed = (0..100).fold(C.to_owned(), |inner, nth| {
        let pattern = "(.)(.*)".repeat(12);
        format!("label_replace({inner}, \"l{nth}\", \"$1-{nth}\", \"handler\", \"{pattern}\")")
    });
    let quantile = format!("histogram_quantile(0.9, rate({BUCKETS}[30m]))");
    let counted = format!("count(count_values without () (\"value\", {C}))");
    let matched = format!("sum({C} * on (handler, code) group_left max by (handler, code) ({C}))");
    vec![
        death("nested subqueries", nested, 1),
        death("quantiles of a subquery", format!("quantile_over_time(0.9, {rates}[2h:1s])"), 1),
        death("quantiles of long windows", format!("quantile_over_time(0.9, {C}[2h])"), 1),
        death("deviations of long windows", format!("stddev_over_time({C}[2h])"), 1),
        death("matching of vectors", chain(&matched, 100), 5),
        death("labels by regular expressions", chain(&format!("count({renamed})"), 2), 5),
        death("counts of values", chain(&counted, 20), 1),
        death("the largest of many", chain(&format!("sum(topk(1000, {C}))"), 100), 5),
        death("quantiles of histograms", chain(&format!("sum({quantile})"), 100), 1),
        death("many sets", chain(&format!("count({C} and {C} unless {C} > 1e12)"), 100), 5),
    ]
}

/// Asks, and waits for the end.
fn die(
    clock: &dyn Clock,
    contender: &Contender<'_>,
    death: &Death,
    end_ms: i64,
) -> anyhow::Result<Died> {
    let (end_s, step_s) = (end_ms / 1000, death.step_s);
    let form = format!(
        "query={}&start={}&end={end_s}&step={step_s}&timeout={}s",
        percent_encoded(&death.query),
        end_s - LENGTH_S,
        TIMEOUT.as_secs()
    );
    let is_over = AtomicBool::new(false);
    let began = clock.monotonic();
    let (answer, small) = thread::scope(|scope| {
        let beside = scope.spawn(|| ask_small(clock, contender, end_s, &is_over));
        let answer = http::post_form(contender.address, "/api/v1/query_range", &form);
        is_over.store(true, Ordering::Relaxed);
        (answer, beside.join())
    });
    let (status, body) = answer?;
    let start: String = body.chars().take(200).collect();
    let is_timeout = status == 503 && body.contains("\"errorType\":\"timeout\"");
    ensure!(is_timeout, "answered {status}: {start}");
    while n_running(contender)? > 0.0 {
        ensure!(clock.monotonic() < began + PATIENCE, "it still runs");
        thread::sleep(POLL);
    }
    let took = clock.monotonic().saturating_sub(began);
    let small = small.map_err(|_| anyhow::anyhow!("the other client failed"))??;
    Ok(Died { took, small })
}

/// The longest time that a small query takes, until the other one is over.
fn ask_small(
    clock: &dyn Clock,
    contender: &Contender<'_>,
    end_s: i64,
    is_over: &AtomicBool,
) -> anyhow::Result<Duration> {
    let query = "sum by (code) (rate(http_requests_total{instance=\"10.0.0.0:8080\"}[5m]))";
    let path = format!("/api/v1/query?time={end_s}&query={}", percent_encoded(query));
    let mut longest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        let began = clock.monotonic();
        http::fetch(contender.address, &path)?;
        longest = longest.max(clock.monotonic().saturating_sub(began));
        thread::sleep(PAUSE);
    }
    Ok(longest)
}

/// How many queries the server says are running.
fn n_running(contender: &Contender<'_>) -> anyhow::Result<f64> {
    let page = http::fetch(contender.address, "/metrics")?;
    let value = page.lines().find_map(|line| line.strip_prefix("pharos_queries_running "));
    let value = value.context("the server does not say how many queries run")?;
    value.trim().parse().context("how many queries run is no number")
}
