//! Native histograms beside numbers: whatever is appended, flushed, merged, and cut off, the store
//! answers as the reference does.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use model::{
    BucketLayout, BucketSpan, Histogram, HistogramSample, Labels, Matcher, STALE_MARKER_BITS,
    Sample,
};
use proptest::collection::vec;
use proptest::prelude::*;
use stdx::Clock as _;
use storage::memory::MemoryStore;
use storage::{Appender as _, Querier, Select, Series, SeriesBatch};
use testkit::{SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver, Health};

fn manual() -> Config {
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    config.segment_bytes_max = 2_000;
    config
}

fn open(config: &Config, world: &SimWorld) -> Arc<Db> {
    open_warm(config.clone(), &world.env).unwrap()
}

fn labels(job: &str) -> Labels {
    Labels::of_metric("latency_seconds", [("job", job)]).unwrap()
}

/// A histogram of so many observations, in one of a few layouts; none is a stale marker.
fn histogram(n: u32) -> Histogram {
    if n == 0 {
        return Histogram::stale_marker();
    }
    let length = 1 + n % 3;
    let spans = vec![BucketSpan { offset: 2, length }];
    let layout =
        BucketLayout { schema: (n % 5) as i8, positive_spans: spans, ..Default::default() };
    let positive = (0..length).map(|bucket| f64::from(n * bucket)).collect();
    let (count, sum) = (f64::from(n), f64::from(n) / 3.0);
    Histogram { layout: Arc::new(layout), count, sum, positive, ..Default::default() }
}

fn sample(t_ms: i64, n: u32) -> HistogramSample {
    HistogramSample { t_ms: SIM_START_MS + t_ms, start_ms: 0, histogram: Arc::new(histogram(n)) }
}

fn of_histograms(job: &str, histograms: Vec<HistogramSample>) -> Series {
    Series { histograms, ..Series::of_floats(labels(job), Vec::new()) }
}

fn append(db: &Db, series: &[Series]) {
    let appended = db.append_batch(&SeriesBatch::new("test", series)).unwrap();
    assert!(appended.rejected.is_empty());
    assert_eq!(db.commit_once(), Health::Writable);
    appended.commit.wait().unwrap();
}

fn all() -> Select {
    Select::both(Vec::new(), i64::MIN, i64::MAX)
}

fn read(querier: &dyn Querier, select: &Select) -> Vec<Series> {
    querier.select(select).unwrap().map(Result::unwrap).collect()
}

fn assert_same(found: &[Series], expected: &[Series]) {
    assert_eq!(found.len(), expected.len(), "{found:?} instead of {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        let are_same = found.labels == expected.labels
            && found.samples.len() == expected.samples.len()
            && found.histograms.len() == expected.histograms.len()
            && found.samples.iter().zip(&expected.samples).all(|(a, b)| a.same_bits(b))
            && found.histograms.iter().zip(&expected.histograms).all(|(a, b)| a.same_bits(b));
        assert!(are_same, "{found:?} instead of {expected:?}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Series>),
    Flush,
    Compact,
    CutPower,
    Restart,
    Delete(i64, i64),
}

fn series() -> impl Strategy<Value = Series> {
    let job = prop::sample::select(vec!["a", "b", "c"]);
    let value = prop_oneof![
        4 => (0..50_u32).prop_map(f64::from),
        1 => Just(f64::from_bits(STALE_MARKER_BITS)),
    ];
    let floats = vec((0..30_i64, value), 0..6);
    let histograms = vec((0..30_i64, 0..9_u32), 0..6);
    (job, floats, histograms).prop_map(|(job, floats, histograms)| Series {
        labels: labels(job),
        samples: floats.into_iter().map(|(t, v)| Sample::new(SIM_START_MS + t, v)).collect(),
        histograms: histograms.into_iter().map(|(t_ms, n)| sample(t_ms, n)).collect(),
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(series(), 1..4).prop_map(Step::Append),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::CutPower),
        1 => Just(Step::Restart),
        1 => (0..30_i64, 0..30_i64).prop_map(|(a, b)| Step::Delete(a, b)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_store_of_both_kinds_is_the_reference(steps in vec(step(), 1..25), seed in any::<u64>()) {
        let world = sim_env(seed);
        let config = manual();
        let mut db = open(&config, &world);
        let mut reference = MemoryStore::default();
        for step in steps {
            match step {
                Step::Append(series) => {
                    append(&db, &series);
                    reference.append_batch(&SeriesBatch::new("test", &series)).unwrap();
                }
                Step::Flush => db.flush(world.clock.now_ms()).unwrap(),
                Step::Compact => {
                    // Long after, so that the window is over.
                    db.compact(world.clock.now_ms() + 100 * 3_600_000).unwrap();
                }
                Step::CutPower | Step::Restart => {
                    let is_cut = matches!(step, Step::CutPower);
                    if !is_cut {
                        db.close().unwrap();
                    }
                    drop(db);
                    if is_cut {
                        world.disk.crash();
                    }
                    db = open(&config, &world);
                }
                Step::Delete(start_ms, end_ms) => {
                    let (start_ms, end_ms) = (SIM_START_MS + start_ms, SIM_START_MS + end_ms);
                    let job = Matcher::equal("job", "a");
                    db.delete_series(std::slice::from_ref(&job), start_ms, end_ms).unwrap();
                    let before = read(&reference, &all());
                    reference = MemoryStore::default();
                    for mut series in before {
                        let gone = |t_ms: i64| {
                            job.matches(&series.labels) && (start_ms..=end_ms).contains(&t_ms)
                        };
                        series.samples.retain(|sample| !gone(sample.t_ms));
                        series.histograms.retain(|sample| !gone(sample.t_ms));
                        reference.append_batch(&SeriesBatch::new("test", &[series])).unwrap();
                    }
                }
            }
            assert_same(&read(db.as_ref(), &all()), &read(&reference, &all()));
            let part = Select::both(Vec::new(), SIM_START_MS + 5, SIM_START_MS + 20);
            assert_same(&read(db.as_ref(), &part), &read(&reference, &part));
            let recovery = &db.meter().recovery;
            prop_assert_eq!(recovery.orphan_samples.get(), 0);
            prop_assert_eq!(recovery.unknown_frames.get(), 0);
        }
    }
}

#[test]
fn a_series_of_histograms_alone_is_defined_in_the_log_and_flushed() {
    let world = sim_env(1);
    let db = open(&manual(), &world);
    let content = [of_histograms("a", vec![sample(1, 5), sample(2, 6)])];
    append(&db, &content);
    drop(db);
    world.disk.crash();
    let db = open(&manual(), &world);
    assert_eq!(db.meter().recovery.samples.get(), 2);
    assert_same(&read(db.as_ref(), &all()), &content);
    assert_eq!(db.label_values("job", &[]).unwrap(), ["a"]);
    db.flush(world.clock.now_ms()).unwrap();
    drop(db);
    world.disk.crash();
    let db = open(&manual(), &world);
    assert_eq!(db.meter().recovery.samples.get(), 0, "the log is free");
    assert_same(&read(db.as_ref(), &all()), &content);
    let floats = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    assert!(read(db.as_ref(), &floats).is_empty());
}

#[test]
fn histograms_older_than_retention_are_taken_and_forgotten() {
    let world = sim_env(1);
    let mut config = manual();
    config.retention = Some(std::time::Duration::from_secs(3600));
    let db = open(&config, &world);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    append(&db, &[of_histograms("a", vec![sample(-4_000_000, 5)])]);
    assert!(read(db.as_ref(), &all()).is_empty());
    assert_eq!((db.meter().appended_samples.get(), db.meter().expired_samples.get()), (1, 1));
    append(&db, &[of_histograms("a", vec![sample(-4_000_000, 5), sample(0, 6)])]);
    assert_eq!(read(db.as_ref(), &all())[0].histograms.len(), 1);
    // Nobody brings it back: retention knows the time of histograms too.
    world.clock.advance(std::time::Duration::from_secs(7200));
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert!(read(db.as_ref(), &all()).is_empty());
    assert!(db.label_values("job", &[]).unwrap().is_empty());
}

#[test]
fn the_newest_histogram_of_the_log_tells_a_wrong_clock() {
    let world = sim_env(1);
    let mut config = manual();
    config.retention = Some(std::time::Duration::from_secs(3600));
    let db = open(&config, &world);
    append(&db, &[of_histograms("a", vec![sample(0, 5)])]);
    drop(db);
    world.disk.crash();
    world.clock.advance(std::time::Duration::from_secs(500 * 3600));
    let db = open(&config, &world);
    assert_eq!(db.meter().clock_doubted.get(), 1);
    assert_eq!(read(db.as_ref(), &all()).len(), 1);
}

#[test]
fn histograms_take_memory_that_is_counted_and_given_back() {
    let world = sim_env(1);
    let db = open(&manual(), &world);
    append(&db, &[of_histograms("a", vec![sample(0, 5)])]);
    let before = db.meter().head_bytes.get();
    append(&db, &[of_histograms("a", (1..1000).map(|t_ms| sample(t_ms, 5)).collect())]);
    assert!(db.meter().head_bytes.get() - before > 50_000);
    db.flush(world.clock.now_ms()).unwrap();
    assert!(db.meter().head_bytes.get() < before + 10_000);
}
