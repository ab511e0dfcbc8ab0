//! Scans: whatever is appended, late or twice, flushed, merged, deleted and forgotten, a scan shows
//! what the reference shows, for any labels that are wanted, and the same newest samples.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, Matcher, STALE_MARKER_BITS, Sample};
use proptest::collection::vec;
use proptest::prelude::*;
use stdx::Clock as _;
use storage::memory::MemoryStore;
use storage::{
    Appender as _, Querier, Scan, Select, Series, SeriesBatch, SeriesColumns, SeriesVisitor,
    WantedLabels,
};
use testkit::{SIM_START_MS, SimWorld, manual, sim_env};
use tsdb::{Db, Health};

fn open(world: &SimWorld) -> Arc<Db> {
    let db = Db::open(manual(), &world.env).unwrap();
    db.warm().unwrap();
    db
}

fn labels(name: &str, instance: &str) -> Labels {
    // Some lack a label.
    let pairs = [("instance", instance), ("job", if instance == "2" { "" } else { "x" })];
    Labels::of_metric(name, pairs).unwrap()
}

fn append(db: &Db, series: &[Series]) {
    let appended = db.append_batch(&SeriesBatch::new("test", series)).unwrap();
    assert!(appended.rejected.is_empty());
    assert_eq!(db.commit_once(), Health::Writable);
    appended.commit.wait().unwrap();
}

/// Writes down all that it is shown, bit for bit.
#[derive(Default)]
struct Notes(Vec<String>);

impl SeriesVisitor for Notes {
    fn key(&mut self, labels: Labels) -> ControlFlow<()> {
        self.0.push(format!("key {labels}"));
        ControlFlow::Continue(())
    }

    fn series(&mut self, series: SeriesColumns<'_>) -> ControlFlow<()> {
        let SeriesColumns { key, times, values, starts, histograms, .. } = series;
        let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        let histogram = |h: &HistogramSample| (h.t_ms, h.start_ms, h.histogram.count);
        let histograms: Vec<_> = histograms.iter().map(histogram).collect();
        self.0.push(format!("{key} {times:?} {bits:x?} {starts:?} {histograms:?}"));
        ControlFlow::Continue(())
    }
}

fn shown(querier: &dyn Querier, scan: &Scan) -> Vec<String> {
    let mut notes = Notes::default();
    querier.scan(scan, &mut notes).unwrap();
    notes.0
}

fn scans(start_ms: i64, end_ms: i64) -> Vec<Scan> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let wanted = [
        WantedLabels::All,
        WantedLabels::Only(Vec::new()),
        WantedLabels::Only(names(&["instance"])),
        WantedLabels::Only(names(&["__name__", "none"])),
        WantedLabels::Without(names(&["instance", "__name__"])),
    ];
    let matchers = [
        vec![Matcher::regex("__name__", ".+").unwrap()],
        vec![Matcher::equal("__name__", "up"), Matcher::not_equal("instance", "1")],
    ];
    let mut scans = Vec::new();
    for labels in &wanted {
        for matchers in &matchers {
            for newest_only in [false, true] {
                let select = Select::both(matchers.clone(), start_ms, end_ms);
                let labels = labels.clone();
                scans.push(Scan { select, labels, newest_only, any_order: false });
            }
        }
    }
    scans
}

fn assert_same(db: &dyn Querier, reference: &dyn Querier) {
    let of_start = |t_ms| SIM_START_MS + t_ms;
    for range in [(i64::MIN, i64::MAX), (of_start(5), of_start(20)), (of_start(20), i64::MAX)] {
        for scan in scans(range.0, range.1) {
            let wanted = shown(reference, &scan);
            assert_eq!(shown(db, &scan), wanted, "{scan:?}");
            let of_series = |lines: Vec<String>| {
                let mut lines: Vec<String> =
                    lines.into_iter().filter(|line| !line.starts_with("key")).collect();
                lines.sort_unstable();
                lines
            };
            if scan.labels == WantedLabels::Only(Vec::new()) {
                let found = shown(db, &Scan { any_order: true, ..scan.clone() });
                assert_eq!(of_series(found), of_series(wanted), "{scan:?}");
            }
        }
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
    let name = prop::sample::select(vec!["up", "up", "down"]);
    let instance = prop::sample::select(vec!["1", "2", "3", "4"]);
    let value = prop_oneof![
        4 => (0..50_u32).prop_map(f64::from),
        1 => Just(f64::from_bits(STALE_MARKER_BITS)),
    ];
    let start = prop_oneof![6 => Just(0), 1 => 1..3_i64];
    let floats = vec((0..30_i64, value, start), 0..6);
    let histograms = prop_oneof![5 => Just(Vec::new()), 1 => vec((0..30_i64, 0..9_u32), 0..4)];
    (name, instance, floats, histograms).prop_map(|(name, instance, floats, histograms)| Series {
        labels: labels(name, instance),
        samples: floats
            .into_iter()
            .map(|(t, value, start_ms)| Sample { t_ms: SIM_START_MS + t, value, start_ms })
            .collect(),
        histograms: histograms.into_iter().map(|(t_ms, n)| histogram(t_ms, n)).collect(),
    })
}

fn histogram(t_ms: i64, n: u32) -> HistogramSample {
    let histogram = match n {
        0 => Histogram::stale_marker(),
        n => Histogram { count: f64::from(n), zero_count: f64::from(n), ..Histogram::default() },
    };
    HistogramSample { t_ms: SIM_START_MS + t_ms, start_ms: 0, histogram: Arc::new(histogram) }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(series(), 1..5).prop_map(Step::Append),
        3 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::CutPower),
        1 => Just(Step::Restart),
        1 => (0..30_i64, 0..30_i64).prop_map(|(a, b)| Step::Delete(a, b)),
    ]
}

fn take(step: Step, db: &mut Arc<Db>, world: &SimWorld, reference: &MemoryStore) {
    match step {
        Step::Append(series) => {
            append(db, &series);
            reference.append_batch(&SeriesBatch::new("test", &series)).unwrap();
        }
        Step::Flush => db.flush(world.clock.now_ms()).unwrap(),
        // Long after, so that the window is over.
        Step::Compact => {
            db.compact(world.clock.now_ms() + 100 * 3_600_000).unwrap();
        }
        Step::CutPower | Step::Restart => {
            if matches!(step, Step::Restart) {
                db.close().unwrap();
            } else {
                world.disk.crash();
            }
            // The new one comes when the old one is gone.
            let other = sim_env(0);
            *db = open(&other);
            *db = open(world);
        }
        Step::Delete(start_ms, end_ms) => {
            let (start_ms, end_ms) = (SIM_START_MS + start_ms, SIM_START_MS + end_ms);
            let instance = [Matcher::equal("instance", "1")];
            db.delete_series(&instance, start_ms, end_ms).unwrap();
            reference.delete_series(&instance, start_ms, end_ms);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_scan_shows_what_the_reference_shows(steps in vec(step(), 1..20), seed in any::<u64>()) {
        let world = sim_env(seed);
        let mut db = open(&world);
        let reference = MemoryStore::default();
        for step in steps {
            take(step, &mut db, &world, &reference);
            assert_same(db.as_ref(), &reference);
        }
    }
}

fn newest(db: &Db, start_ms: i64) -> Vec<String> {
    let select = Select::both(vec![Matcher::equal("__name__", "up")], start_ms, i64::MAX);
    let labels = WantedLabels::Only(Vec::new());
    shown(db, &Scan { select, labels, newest_only: true, any_order: false })
}

/// A series that was forgotten and comes back with an old sample is not mistaken for its own past.
#[test]
fn what_came_before_a_series_was_forgotten_is_still_newest() {
    let world = sim_env(1);
    let db = open(&world);
    let at = |t_ms: i64, value: f64| {
        let sample = Sample::new(SIM_START_MS + t_ms, value);
        [Series::of_floats(labels("up", "1"), vec![sample])]
    };
    append(&db, &at(1000, 1.0));
    db.flush(world.clock.now_ms()).unwrap();
    // Idle for longer than the head keeps a series.
    world.clock.advance(std::time::Duration::from_secs(3 * 3600));
    db.flush(world.clock.now_ms()).unwrap();
    append(&db, &at(500, 2.0));
    let wanted = format!("0 [{}] [3ff0000000000000] [] []", SIM_START_MS + 1000);
    assert_eq!(newest(&db, SIM_START_MS), ["key {}", &wanted]);
    assert!(newest(&db, SIM_START_MS + 1001).is_empty());
}

/// Two samples of one time are one, whichever of them the head saw first.
#[test]
fn a_newest_time_that_came_twice_is_looked_up() {
    let world = sim_env(1);
    let db = open(&world);
    for (value, start_ms) in [(1.0, 0), (1.0, 1), (2.0, 0)] {
        let sample = Sample { t_ms: SIM_START_MS, value, start_ms };
        append(&db, &[Series::of_floats(labels("up", "1"), vec![sample])]);
        let starts = if start_ms == 0 { "" } else { "1" };
        let wanted = format!("0 [{SIM_START_MS}] [{:x}] [{starts}] []", value.to_bits());
        assert_eq!(newest(&db, 0), ["key {}", &wanted]);
    }
}
