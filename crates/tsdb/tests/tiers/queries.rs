//! Queries: over a store whose samples are gone they give what they give over one that kept them,
//! wherever their windows lie on the grid of a tier; elsewhere they say that something is missing.

use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, HistogramSample, Labels};
use promql::{Answer, Engine, Options, QueryError, QueryValue, StopCheck, Stopped, Value};
use storage::memory::MemoryStore;
use storage::rollup::over_time::TierUse;
use storage::{Appender as _, Querier, Series, SeriesBatch};
use testkit::Rng;
use tsdb::{Db, Health};

use super::both::{Both, DAY, DAY_MS, HOUR_MS, MINUTE_MS, day, everything};

/// The functions that rollups answer to the bit.
const EXACT: [&str; 11] = [
    "count_over_time",
    "present_over_time",
    "min_over_time",
    "max_over_time",
    "first_over_time",
    "last_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "resets",
    "delta",
    "absent_over_time",
];
/// Those that they answer but for the order of additions.
const ROUNDED: [&str; 4] = ["sum_over_time", "avg_over_time", "increase", "rate"];
/// What is made of a function's value.
const AROUND: [&str; 10] = [
    "{}",
    "{}",
    "sum({})",
    "sum by (job) ({})",
    "max({}) - min({})",
    "-{} * 2",
    "{} / on (job) {}",
    "topk(1, {})",
    "{} > 100",
    "clamp_max({}, 50) or {}",
];

/// A store of which the beginning is gone, and one that has it all.
struct Stores {
    db: Arc<Db>,
    plain: Arc<MemoryStore>,
    both: Both,
}

/// The days of which there are samples.
const N_DAYS: i64 = 8;

/// Of eight days the first five are gone.
fn stores(seed: u64) -> Stores {
    let both = Both::new(seed, |_| {});
    let mut rng = Rng::new(seed);
    for nth in 0..N_DAYS {
        both.at(nth * DAY_MS + 26 * HOUR_MS);
        for job in ["counter", "gauge", "decimals", "gaps"] {
            both.append(job, samples(&mut rng, job, nth));
        }
        both.settle();
    }
    // Whether what is not rolled up yet is on the disk or in memory makes no difference.
    both.append("gauge", [(day(N_DAYS) + HOUR_MS, 3.0)]);
    let (db, plain) = (Arc::clone(&both.db), MemoryStore::default());
    for series in both.plain.select(&everything()).unwrap() {
        let Series { labels, samples, .. } = series.unwrap();
        let row = |sample| storage::Row { labels: labels.clone(), sample };
        plain.append(samples.into_iter().map(row).collect()).unwrap().wait().unwrap();
    }
    Stores { db, plain: Arc::new(plain), both }
}

fn samples(rng: &mut Rng, job: &str, nth: i64) -> Vec<(i64, f64)> {
    let (mut t_ms, mut value) = (day(nth), rng.below(50) as f64);
    let mut samples = Vec::new();
    while t_ms < day(nth + 1) {
        t_ms += 2 * MINUTE_MS + rng.below(MINUTE_MS as u64) as i64;
        value = match job {
            "counter" if rng.below(150) == 0 => 0.0,
            "counter" => value + rng.below(9) as f64,
            "decimals" => rng.below(100_000) as f64 / 100.0,
            _ => rng.below(1000) as f64,
        };
        let is_marker = rng.below(60) == 0;
        if job == "gaps" && rng.below(12) == 0 {
            t_ms += rng.below(3 * HOUR_MS as u64) as i64;
        }
        let marker = f64::from_bits(model::STALE_MARKER_BITS);
        samples.push((t_ms, if is_marker { marker } else { value }));
    }
    samples
}

/// The times of a question.
#[derive(Debug, Clone, Copy)]
struct Times {
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
}

impl Times {
    /// On the grid of so many milliseconds, somewhere in the days.
    fn random(rng: &mut Rng, grid_ms: i64) -> Self {
        let at = |rng: &mut Rng| rng.below((N_DAYS * DAY_MS / grid_ms) as u64) as i64 * grid_ms;
        let (one, other) = (at(rng), at(rng));
        let step_ms = (1 + rng.below(30) as i64) * grid_ms;
        Self { start_ms: day(0) + one.min(other), end_ms: day(0) + one.max(other), step_ms }
    }

    fn ask(self, querier: Arc<dyn Querier>, query: &str, options: Options) -> Answer {
        self.try_ask(querier, query, options).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    fn try_ask(
        self,
        querier: Arc<dyn Querier>,
        query: &str,
        options: Options,
    ) -> Result<Answer, QueryError> {
        let engine = Engine::new(querier, options);
        let Self { start_ms, end_ms, step_ms } = self;
        match start_ms == end_ms {
            true => engine.instant(query, start_ms),
            false => engine.range(query, start_ms, end_ms, step_ms),
        }
    }
}

fn raw() -> Options {
    Options { tier_use: TierUse::Raw, ..Options::default() }
}

fn plainly() -> Options {
    Options { is_plain: true, ..Options::default() }
}

/// All values, each with its labels and time.
fn values(answer: &Answer) -> Vec<(String, i64, Value)> {
    let mut all = Vec::new();
    match &answer.value {
        QueryValue::Matrix(series) => {
            for series in series {
                let labels = format!("{:?}", series.labels);
                let points = series.points.iter();
                all.extend(points.map(|point| (labels.clone(), point.t_ms, point.value.clone())));
            }
        }
        QueryValue::Vector(series) => {
            all.extend(series.iter().map(|series| {
                (format!("{:?}", series.labels), series.point.t_ms, series.point.value.clone())
            }));
            all.sort_by(|a, b| a.0.cmp(&b.0));
        }
        QueryValue::Scalar { t_ms, value } => {
            all.push((String::new(), *t_ms, Value::Float(*value)));
        }
        QueryValue::Text { .. } => {}
    }
    all
}

fn is_near(one: &Value, other: &Value, is_exact: bool) -> bool {
    match (one.float(), other.float()) {
        _ if one.same_bits(other) => true,
        (Some(one), Some(other)) if one.is_nan() => other.is_nan(),
        (Some(one), Some(other)) => !is_exact && (one - other).abs() <= one.abs() * 1e-12,
        _ => false,
    }
}

#[track_caller]
fn assert_same(what: &str, found: &Answer, expected: &Answer, is_exact: bool) {
    let (found, expected) = (values(found), values(expected));
    let places = |all: &[(String, i64, Value)]| {
        all.iter().map(|(labels, t_ms, _)| (labels.clone(), *t_ms)).collect::<Vec<_>>()
    };
    assert_eq!(places(&found), places(&expected), "{what}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(is_near(&expected.2, &found.2, is_exact), "{what}: {found:?}, not {expected:?}");
    }
}

/// What is told of samples that are gone, and what else.
fn told(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let all = answer.annotations.warnings.iter().chain(&answer.annotations.infos);
    all.map(ToString::to_string).partition(|text| text.contains(" are gone"))
}

/// A function of a random window on a grid, and whether its answer has the same bits.
fn windowed(rng: &mut Rng, grid_ms: i64) -> (String, bool) {
    let minutes = |n: i64| n * grid_ms / MINUTE_MS;
    let is_exact = rng.below(3) > 0;
    let name = if is_exact { *rng.pick(&EXACT) } else { *rng.pick(&ROUNDED) };
    let range = minutes(1 + rng.below(40) as i64);
    let job = ["", "{job=\"counter\"}", "{job=~\"g.*\"}"][rng.below(3) as usize];
    let offset = match rng.below(4) {
        0 => format!(" offset {}m", minutes(rng.below(60) as i64)),
        1 => format!(" offset -{}m", minutes(1 + rng.below(5) as i64)),
        _ => String::new(),
    };
    match rng.below(8) {
        0 => (format!("up{job}{offset}"), true),
        1 => (format!("timestamp(up{job}{offset})"), true),
        2 if grid_ms == 5 * MINUTE_MS => {
            (format!("{name}(up{job}[{range}m] @ {})", (day(1) + 2 * HOUR_MS) / 1000), is_exact)
        }
        _ => (format!("{name}(up{job}[{range}m]{offset})"), is_exact),
    }
}

#[test]
fn answers_are_those_of_a_store_that_kept_its_samples() {
    let (mut n_answered, mut n_whole) = (0, 0);
    for seed in 0..4 {
        let stores = stores(seed);
        let mut rng = Rng::new(seed + 1000);
        for _ in 0..150 {
            let grid_ms = *rng.pick(&[5 * MINUTE_MS, 5 * MINUTE_MS, HOUR_MS]);
            let times = Times::random(&mut rng, grid_ms);
            let (inner, is_exact) = windowed(&mut rng, grid_ms);
            let around = *rng.pick(&AROUND);
            let query = around.replace("{}", &inner);
            // A plain selector has windows of its lookback.
            let lookback_ms = 5 * MINUTE_MS;
            let expected = times.ask(stores.plain.clone(), &query, Options::default());
            let options = Options { lookback_ms, ..Options::default() };
            let found = times.ask(stores.db.clone(), &query, options);
            let what = format!("seed {seed}: {query} at {times:?}");
            let is_exact = is_exact && !around.contains("sum") && !around.contains('/');
            assert_same(&what, &found, &expected, is_exact);
            assert_same(&what, &times.ask(stores.db.clone(), &query, plainly()), &found, true);
            let (of_tiers, others) = told(&found);
            assert_eq!(others, told(&expected).1, "{what}");
            assert!(found.annotations.warnings.is_empty(), "{what}: {of_tiers:?}");
            assert!(of_tiers.len() <= 1, "{what}: {of_tiers:?}");
            n_answered += of_tiers.len();
            n_whole += 1 - of_tiers.len();
        }
    }
    assert!(n_answered > 200 && n_whole > 50, "{n_answered} {n_whole}");
}

#[test]
fn subqueries_are_answered_from_rollups_where_what_is_within_them_is() {
    let stores = stores(7);
    let times = Times { start_ms: day(4), end_ms: day(7), step_ms: 4 * HOUR_MS };
    for query in [
        "max_over_time(rate(up[1h])[1d:1h])",
        "quantile_over_time(0.9, max_over_time(up[5m])[6h:5m])",
        "sum(avg_over_time(sum by (job) (increase(up[15m]))[2h:15m]))",
    ] {
        let found = times.ask(stores.db.clone(), query, Options::default());
        assert_same(query, &found, &times.ask(stores.plain.clone(), query, raw()), false);
        assert_eq!(told(&found).0.len(), 1, "{query}: {:?}", told(&found));
    }
}

#[test]
fn off_the_grid_samples_answer_and_it_is_said_what_would_be_on_it() {
    let stores = stores(3);
    let on = Times { start_ms: day(1), end_ms: day(7), step_ms: HOUR_MS };
    let shifted = Times { start_ms: on.start_ms + 1000, ..on };
    let uneven = Times { step_ms: HOUR_MS + MINUTE_MS, ..on };
    let instant = Times { end_ms: on.start_ms + 1000, ..shifted };
    let gone = "samples before ";
    for (times, query, why) in [
        (shifted, "rate(up[1h])", "rollups of 5m and 1h remain, for windows whose start"),
        (uneven, "sum(rate(up[1h]))", "rollups of 5m and 1h remain, for windows whose start"),
        (instant, "max_over_time(up[3h])", "rollups of 5m and 1h remain, for windows"),
        (on, "rate(up[7m])", "multiples of 5m"),
        (on, "rate(up[1h] offset 1s)", "multiples of 5m"),
        (shifted, "up", "lookback (here 5m) are multiples of 5m"),
        (on, "stddev_over_time(up[1h])", "stddev_over_time needs each sample"),
        (on, "sum by (job) (irate(up[1h]))", "irate needs each sample"),
        (on, "rate(up[1h] anchored)", "rate needs each sample"),
        (on, "up smoothed", "have what is left of them"),
    ] {
        let found = times.ask(stores.db.clone(), query, Options::default());
        let without = times.ask(stores.db.clone(), query, raw());
        assert_same(query, &found, &without, true);
        let (warnings, _) = told(&found);
        assert_eq!(warnings.len(), 1, "{query}: {warnings:?}");
        assert!(warnings[0].starts_with(gone) && warnings[0].contains(why), "{warnings:?}");
        assert_eq!(found.annotations.warnings.len(), 1, "{query}");
        assert!(told(&without).0.is_empty(), "{query}");
        assert_same(query, &times.ask(stores.db.clone(), query, plainly()), &found, true);
    }
    // A range vector by itself.
    let found = instant.ask(stores.db, "up[2d]", Options::default());
    assert_eq!(told(&found).0.len(), 1);
}

#[test]
fn raw_means_raw_and_what_is_whole_is_answered_in_silence() {
    let stores = stores(5);
    let times = Times { start_ms: day(1), end_ms: day(2), step_ms: HOUR_MS };
    let without = times.ask(stores.db.clone(), "rate(up[1h])", raw());
    assert!(values(&without).is_empty());
    assert_eq!(told(&without).0, [""; 0]);
    let times = Times { start_ms: day(7), end_ms: day(8), step_ms: 77 * 1000 };
    for query in ["rate(up[7m])", "sum(up)", "stddev_over_time(up[1h])", "up offset 1h"] {
        let found = times.ask(stores.db.clone(), query, Options::default());
        assert_same(query, &found, &times.ask(stores.plain.clone(), query, raw()), true);
        assert!(told(&found).0.is_empty(), "{query}");
    }
}

#[test]
fn a_store_that_lost_nothing_says_nothing() {
    let both = Both::new(1, |_| {});
    both.at(DAY_MS);
    both.counter("a", 0..24);
    both.settle();
    assert_eq!(both.db.remains(), storage::Remains::default());
    let times = Times { start_ms: day(-20), end_ms: day(1), step_ms: 7 * HOUR_MS + 1 };
    let db: Arc<Db> = Arc::clone(&both.db);
    let found = times.ask(db, "stddev_over_time(up[1h])", Options::default());
    assert_eq!(found.annotations.warnings.len(), 0);
    assert_eq!(told(&found).0, [""; 0]);
}

#[test]
fn the_tier_that_reaches_back_answers_and_a_shorter_one_says_from_when_it_does() {
    let both = Both::new(1, |config| config.retention_5m = Some(DAY * 5));
    for nth in 0..N_DAYS {
        both.at(nth * DAY_MS + 26 * HOUR_MS);
        both.counter("a", nth * 24..nth * 24 + 24);
        both.settle();
    }
    let (db, plain) = (Arc::clone(&both.db), Arc::new(both.plain));
    let coarse = Times { start_ms: day(1), end_ms: day(8), step_ms: HOUR_MS };
    let query = "increase(up[2h])";
    let found = coarse.ask(db.clone(), query, Options::default());
    assert_same(query, &found, &coarse.ask(plain.clone(), query, raw()), false);
    assert!(told(&found).0[0].ends_with("rollups of 1h"), "{:?}", told(&found));
    assert!(found.annotations.warnings.is_empty());
    let fine = Times { step_ms: 5 * MINUTE_MS, ..coarse };
    let found = fine.ask(db, query, Options::default());
    let (texts, _) = told(&found);
    assert!(texts[0].starts_with("rollups of 5m before "), "{texts:?}");
    assert!(texts[0].contains("those of 1h remain"), "{texts:?}");
    let found = values(&found);
    assert!(found[0].1 > day(2), "{:?}", found[0]);
    let expected = values(&fine.ask(plain, query, raw()));
    let from = expected.iter().position(|(_, t_ms, _)| *t_ms == day(5)).unwrap();
    let at = found.iter().position(|(_, t_ms, _)| *t_ms == day(5)).unwrap();
    assert_eq!(found.len() - at, expected.len() - from);
    for (one, other) in found[at..].iter().zip(&expected[from..]) {
        assert!(one.1 == other.1 && is_near(&other.2, &one.2, false), "{one:?}, not {other:?}");
    }
}

/// A histogram each hour of the last days.
fn histograms(both: &Both, job: &str) -> Vec<HistogramSample> {
    let spans = vec![BucketSpan { offset: 0, length: 1 }];
    let layout = Arc::new(BucketLayout { positive_spans: spans, ..BucketLayout::default() });
    let sample = |hour: i64| {
        let count = (hour + 1) as f64;
        let layout = Arc::clone(&layout);
        let histogram =
            Histogram { layout, count, sum: count, positive: vec![count], ..Histogram::default() };
        let t_ms = day(6) + hour * HOUR_MS + 3;
        HistogramSample { t_ms, start_ms: 0, histogram: Arc::new(histogram) }
    };
    let histograms: Vec<HistogramSample> = (0..40).map(sample).collect();
    let labels = Labels::of_metric("up", [("job", job)]).unwrap();
    let series = Series { labels, samples: Vec::new(), histograms: histograms.clone() };
    let appended = both.db.append_batch(&SeriesBatch::new("test", &[series])).unwrap();
    assert!(appended.rejected.is_empty());
    assert_eq!(both.db.commit_once(), Health::Writable);
    appended.commit.wait().unwrap();
    histograms
}

#[test]
fn histograms_are_answered_where_their_windows_are_whole_and_left_out_before() {
    let stores = stores(9);
    for job in ["counter", "histogram"] {
        let histograms = histograms(&stores.both, job);
        let labels = Labels::of_metric("up", [("job", job)]).unwrap();
        stores.plain.append_histograms(&labels, &histograms);
    }
    let times = Times { start_ms: day(3), end_ms: day(8), step_ms: HOUR_MS };
    for query in ["last_over_time(up[2d])", "count_over_time(up[2d])", "up", "sum(rate(up[2d]))"] {
        let found = times.ask(stores.db.clone(), query, Options::default());
        let whole_from_ms = stores.db.remains().whole_from_ms;
        let range_ms = if query == "up" { 5 * MINUTE_MS } else { 2 * DAY_MS };
        // In windows that straddle and have histograms, a series has nothing.
        let straddles = |t_ms: i64| t_ms - range_ms + 1 < whole_from_ms && t_ms > day(6);
        let has = |labels: &str| labels.contains("\"counter\"") || labels.contains("\"histogram\"");
        let kept = |(labels, t_ms, _): &(String, i64, Value)| {
            !straddles(*t_ms) || (query != "sum(rate(up[2d]))" && !has(labels))
        };
        let mut found_kept = values(&found);
        found_kept.retain(kept);
        let mut expected = values(&times.ask(stores.plain.clone(), query, raw()));
        expected.retain(kept);
        assert_eq!(found_kept.len(), expected.len(), "{query}");
        for (one, other) in found_kept.iter().zip(&expected) {
            let is_same = (&one.0, one.1) == (&other.0, other.1);
            assert!(is_same && is_near(&other.2, &one.2, false), "{query}: {one:?}, not {other:?}");
        }
        if query != "up" && !query.starts_with("sum") {
            assert!(
                !values(&found).iter().any(|(labels, t_ms, _)| has(labels) && straddles(*t_ms))
            );
            let texts = told(&found).0;
            assert!(texts.iter().any(|text| text.contains("native histograms")), "{texts:?}");
        }
    }
    for query in ["absent_over_time(up{job=\"histogram\"}[2d])", "absent_over_time(up[2d])"] {
        let found = times.ask(stores.db.clone(), query, Options::default());
        let expected = times.ask(stores.plain.clone(), query, raw());
        assert_same(query, &found, &expected, true);
    }
}

#[test]
fn rollups_count_against_the_budget_and_a_query_over_them_ends_when_it_should() {
    let stores = stores(2);
    let times = Times { start_ms: day(3), end_ms: day(3), step_ms: 1 };
    let query = "max_over_time(up[2d])";
    let few = |n| Options { samples_max: n, ..Options::default() };
    let found = times.try_ask(stores.db.clone(), query, few(100));
    assert!(matches!(found, Err(QueryError::TooManySamples)), "{found:?}");
    times.ask(stores.db.clone(), query, few(1000));
    let stop = StopCheck::new(|| Some(Stopped::TimedOut));
    let stopped = Options { stop, ..Options::default() };
    let found = times.try_ask(stores.db, query, stopped);
    assert!(matches!(found, Err(QueryError::Stopped(Stopped::TimedOut))), "{found:?}");
}
