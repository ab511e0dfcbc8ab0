//! Two values of one time: who asks for it hears of the second, and it is in neither log nor memory.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use model::{Histogram, HistogramSample, Matcher, STALE_MARKER_BITS, Sample};
use storage::{Appender as _, Batch, LimitError, Querier as _, Select, Speller};
use testkit::{SIM_START_MS, SimWorld, sim_env};
use tsdb::{Config, Db, Driver, Health};

/// Entries of one series.
struct Sent {
    keeps_first: bool,
    entries: Vec<(Vec<Sample>, Vec<HistogramSample>)>,
}

impl Batch for Sent {
    fn speller(&self) -> Speller {
        Speller::RemoteWrite
    }

    fn source(&self) -> &str {
        "test"
    }

    fn n_series(&self) -> usize {
        self.entries.len()
    }

    fn spelling(&self, _series: usize) -> &[u8] {
        b"the one"
    }

    fn samples(&self, series: usize) -> &[Sample] {
        &self.entries[series].0
    }

    fn has_histograms(&self) -> bool {
        self.entries.iter().any(|entry| !entry.1.is_empty())
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        &self.entries[series].1
    }

    fn keeps_first(&self) -> bool {
        self.keeps_first
    }

    fn labels<'b>(
        &'b self,
        _series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        labels.push(("__name__", "one"));
        Ok(())
    }
}

fn open(world: &SimWorld) -> Arc<Db> {
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    let db = Db::open(config, &world.env).unwrap();
    db.warm().unwrap();
    db
}

fn at(t: i64, value: f64) -> Sample {
    Sample::new(SIM_START_MS + t, value)
}

fn histogram_at(t: i64, sum: f64) -> HistogramSample {
    let histogram = Arc::new(Histogram { sum, ..Histogram::default() });
    HistogramSample { t_ms: SIM_START_MS + t, start_ms: 0, histogram }
}

fn numbers(samples: &[Sample]) -> Sent {
    let entries = samples.iter().map(|sample| (vec![*sample], Vec::new())).collect();
    Sent { keeps_first: true, entries }
}

/// How many samples were taken, how many of these histograms, and which entries conflict at which
/// times.
fn append(db: &Db, sent: &Sent) -> (u64, u64, Vec<(usize, i64)>) {
    let appended = db.append_batch(sent).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    appended.commit.wait().unwrap();
    let conflicts = appended.rejected.into_iter().map(|one| match one.cause {
        LimitError::Conflict { t_ms } => (one.index, t_ms - SIM_START_MS),
        other => panic!("{other}"),
    });
    (appended.n_samples, appended.n_histograms, conflicts.collect())
}

/// Times and values, a histogram by its sum.
fn stored(db: &Db) -> Vec<(i64, f64)> {
    let select = Select::both(vec![Matcher::equal("__name__", "one")], i64::MIN, i64::MAX);
    let series = db.select(&select).unwrap().next().unwrap().unwrap();
    let samples = series.samples.iter().map(|s| (s.t_ms - SIM_START_MS, s.value));
    let sums = series.histograms.iter().map(|s| (s.t_ms - SIM_START_MS, s.histogram.sum));
    let mut all: Vec<(i64, f64)> = samples.chain(sums).collect();
    all.sort_by_key(|(t, _)| *t);
    all
}

#[test]
fn the_first_of_two_values_stays_in_memory_and_in_the_log() {
    let world = sim_env(1);
    let db = open(&world);
    assert_eq!(append(&db, &numbers(&[at(1, 1.0), at(5, 1.5)])), (2, 0, vec![]));
    let again = numbers(&[at(5, 1.5), at(5, 2.5), at(9, f64::NAN), at(9, f64::NAN), at(9, 3.0)]);
    assert_eq!(append(&db, &again), (3, 0, vec![(1, 5), (4, 9)]));
    assert_eq!(append(&db, &numbers(&[at(9, 4.0)])), (0, 0, vec![(0, 9)]), "nothing to log");
    drop(db);
    let db = open(&world);
    let [first, second, third] = stored(&db)[..] else { panic!("{:?}", stored(&db)) };
    assert_eq!((first, second, third.0), ((1, 1.0), (5, 1.5), 9));
    assert!(third.1.is_nan());
}

#[test]
fn late_samples_conflict_with_late_ones() {
    let world = sim_env(2);
    let db = open(&world);
    append(&db, &numbers(&[at(100, 1.0), at(50, 2.0)]));
    assert_eq!(append(&db, &numbers(&[at(50, 2.0), at(50, 3.0)])), (1, 0, vec![(1, 50)]));
    assert_eq!(stored(&db), [(50, 2.0), (100, 1.0)]);
}

#[test]
fn who_does_not_ask_for_it_writes_over_what_is_there() {
    let world = sim_env(3);
    let db = open(&world);
    let sent = |value| Sent { keeps_first: false, ..numbers(&[at(5, value)]) };
    append(&db, &sent(1.0));
    assert_eq!(append(&db, &sent(2.0)), (1, 0, vec![]));
    assert_eq!(stored(&db), [(5, 2.0)]);
    // And what is there then is what counts.
    assert_eq!(append(&db, &numbers(&[at(5, 1.0)])), (0, 0, vec![(0, 5)]));
    assert_eq!(append(&db, &numbers(&[at(5, 2.0)])), (1, 0, vec![]));
}

#[test]
fn stale_markers_conflict_with_nothing() {
    let world = sim_env(4);
    let db = open(&world);
    let stale = f64::from_bits(STALE_MARKER_BITS);
    append(&db, &numbers(&[at(5, stale)]));
    assert_eq!(append(&db, &numbers(&[at(5, 1.0), at(5, stale)])), (2, 0, vec![]));
    assert_eq!(stored(&db), [(5, 1.0)]);
}

#[test]
fn histograms_conflict_with_others_and_with_numbers() {
    let world = sim_env(5);
    let db = open(&world);
    let both = |samples: &[Sample], histograms: &[HistogramSample]| Sent {
        keeps_first: true,
        entries: vec![(samples.to_vec(), histograms.to_vec())],
    };
    let first = both(&[at(1, 1.0)], &[histogram_at(2, 7.0)]);
    assert_eq!(append(&db, &first), (2, 1, vec![]));
    assert_eq!(append(&db, &first), (2, 1, vec![]), "sent again");
    let other = both(&[at(2, 1.0), at(3, 1.0)], &[histogram_at(2, 8.0), histogram_at(4, 9.0)]);
    assert_eq!(append(&db, &other), (2, 1, vec![(0, 2), (0, 2)]));
    let over_a_number = both(&[], &[histogram_at(3, 8.0)]);
    assert_eq!(append(&db, &over_a_number), (0, 0, vec![(0, 3)]));
    let expected = [(1, 1.0), (2, 7.0), (3, 1.0), (4, 9.0)];
    assert_eq!(stored(&db), expected);
    drop(db);
    assert_eq!(stored(&open(&world)), expected);
}
