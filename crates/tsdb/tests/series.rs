//! Series: which there are in a range, found without reading samples, are those that reading finds,
//! whatever was appended, late or twice, flushed, merged, deleted and outdated.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;
use std::time::Duration;

use model::{Histogram, HistogramSample, Labels, Matcher, STALE_MARKER_BITS, Sample};
use proptest::collection::vec;
use proptest::prelude::*;
use stdx::Clock as _;
use storage::{Appender as _, Kinds, Querier as _, Select, Series, SeriesBatch};
use testkit::{SIM_START_MS, SimWorld, manual, open_warm, sim_env};
use tsdb::{Config, Db, Health, RetentionRule};

/// Samples of jobs of this name are kept for so many milliseconds.
const SHORT_JOB: &str = "short";
const SHORT_MS: u64 = 20;

fn config() -> Config {
    let matchers = vec![Matcher::equal("job", SHORT_JOB)];
    let rule = RetentionRule { matchers, keep: Duration::from_millis(SHORT_MS) };
    Config { retention_rules: vec![rule], ..manual() }
}

fn open(world: &SimWorld) -> Arc<Db> {
    open_warm(config(), &world.env).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Series>),
    Flush,
    Compact,
    Retain,
    CutPower,
    Restart,
    Delete(&'static str, i64, i64),
}

fn any_series() -> impl Strategy<Value = Series> {
    let instance = prop::sample::select(vec!["1", "2", "3", "4"]);
    let job = prop::sample::select(vec!["", "x", SHORT_JOB]);
    let value = prop_oneof![
        4 => (0..50_u32).prop_map(f64::from),
        1 => Just(f64::from_bits(STALE_MARKER_BITS)),
    ];
    let floats = vec((0..60_i64, value), 0..4);
    let histograms = prop_oneof![4 => Just(Vec::new()), 1 => vec(0..60_i64, 0..3)];
    (instance, job, floats, histograms).prop_map(|(instance, job, floats, histograms)| Series {
        labels: Labels::of_metric("up", [("instance", instance), ("job", job)]).unwrap(),
        samples: floats.into_iter().map(|(t, v)| Sample::new(SIM_START_MS + t, v)).collect(),
        histograms: histograms.into_iter().map(histogram).collect(),
    })
}

fn histogram(t_ms: i64) -> HistogramSample {
    let histogram = Histogram { count: 1.0, zero_count: 1.0, ..Histogram::default() };
    HistogramSample { t_ms: SIM_START_MS + t_ms, start_ms: 0, histogram: Arc::new(histogram) }
}

fn any_step() -> impl Strategy<Value = Step> {
    let instance = prop::sample::select(vec!["1", "2", "[34]"]);
    prop_oneof![
        8 => vec(any_series(), 1..6).prop_map(Step::Append),
        3 => Just(Step::Flush),
        1 => Just(Step::Compact),
        2 => Just(Step::Retain),
        1 => Just(Step::CutPower),
        1 => Just(Step::Restart),
        3 => (instance, 0..60_i64, 0..60_i64).prop_map(|(of, a, b)| Step::Delete(of, a, b)),
    ]
}

fn take(step: Step, db: &mut Arc<Db>, world: &SimWorld) {
    match step {
        Step::Append(series) => {
            let appended = db.append_batch(&SeriesBatch::new("test", &series)).unwrap();
            assert_eq!(db.commit_once(), Health::Writable);
            appended.commit.wait().unwrap();
        }
        Step::Flush => db.flush(world.clock.now_ms()).unwrap(),
        // Long after, so that the window is over.
        Step::Compact => {
            db.compact(world.clock.now_ms() + 100 * 3_600_000).unwrap();
        }
        Step::Retain => db.enforce_retention(SIM_START_MS + 50).unwrap(),
        Step::CutPower | Step::Restart => {
            match step {
                Step::Restart => db.close().unwrap(),
                _ => world.disk.crash(),
            }
            // The new one comes when the old one is gone.
            *db = open(&sim_env(0));
            *db = open(world);
        }
        Step::Delete(instance, start_ms, end_ms) => {
            let (start_ms, end_ms) = (SIM_START_MS + start_ms, SIM_START_MS + end_ms);
            let instance = [Matcher::regex("instance", instance).unwrap()];
            db.delete_series(&instance, start_ms, end_ms).unwrap();
        }
    }
}

fn assert_same(db: &Db) {
    let at = |t_ms: i64| SIM_START_MS + t_ms;
    let ranges = [
        (i64::MIN, i64::MAX),
        (i64::MIN, at(10)),
        (at(0), at(0)),
        (at(15), at(17)),
        (at(29), at(31)),
        (at(30), at(59)),
        (at(45), i64::MAX),
        (at(40), at(20)),
    ];
    let matchers = [
        vec![],
        vec![Matcher::equal("job", SHORT_JOB)],
        vec![Matcher::regex("instance", "1|2|9").unwrap(), Matcher::not_equal("job", "x")],
    ];
    for (start_ms, end_ms) in ranges {
        for matchers in &matchers {
            for kinds in [Kinds::Both, Kinds::Floats] {
                let select = Select { matchers: matchers.clone(), start_ms, end_ms, kinds };
                let read = db.select(&select).unwrap().map(|series| series.unwrap().labels);
                let known = db.series(&select).unwrap().map(Result::unwrap);
                let (read, known): (Vec<Labels>, Vec<Labels>) = (read.collect(), known.collect());
                assert_eq!(known, read, "{select:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_series_that_are_known_are_those_that_are_read(
        steps in vec(any_step(), 1..24),
        seed in any::<u64>(),
    ) {
        let world = sim_env(seed);
        let mut db = open(&world);
        for step in steps {
            take(step, &mut db, &world);
            assert_same(&db);
        }
    }
}
