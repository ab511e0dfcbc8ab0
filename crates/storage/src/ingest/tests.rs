use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Matcher, Sample};
use stdx::Clock;

use super::{Ingest, Rejected};
use crate::memory::MemoryStore;
use crate::{
    AppendError, Appender, Batch, BatchAppended, Commit, IngestError, LimitError, Limits, Querier,
    Row, RowsBatch, Select,
};

struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// An engine that takes nothing.
struct FullEngine;

impl Appender for FullEngine {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        Err(AppendError::Unavailable { reason: "full".to_owned() })
    }
}

fn ingest(appender: Arc<dyn Appender>) -> Ingest {
    Ingest::new(appender, Limits::default(), Arc::new(StoppedClock))
}

fn row(pairs: &[(&str, &str)], t_ms: i64) -> Row {
    let labels = Labels::new(pairs.iter().copied()).unwrap();
    Row { labels, sample: Sample::new(t_ms, 1.0) }
}

/// Two good rows between three bad ones.
fn mixed() -> Vec<Row> {
    vec![
        row(&[("job", "nameless")], 1),
        row(&[("__name__", "a")], 1),
        row(&[("__name__", "a")], i64::MAX),
        row(&[("__name__", "b")], 1),
        row(&[("job", "nameless")], 2),
    ]
}

#[test]
fn good_rows_are_kept_and_bad_ones_named_and_counted() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    let (commit, rejected) = ingest.append_good(mixed()).unwrap();
    commit.wait().unwrap();
    let ahead = LimitError::TooFarAhead { ahead_ms: i64::MAX };
    let expected = [(0, LimitError::NoMetricName), (2, ahead), (4, LimitError::NoMetricName)];
    let expected = expected.map(|(index, cause)| Rejected { index, cause });
    assert_eq!(rejected, expected);
    let every = Matcher::not_equal("__name__", "");
    let select = Select::floats(vec![every], i64::MIN, i64::MAX);
    let stored = store.select(&select).unwrap();
    let stored: Vec<String> = stored.map(|series| series.unwrap().labels.to_string()).collect();
    assert_eq!(stored, ["a{}", "b{}"]);
    let counted: Vec<u64> = ingest.meter().rejected.iter().map(|count| count.get()).collect();
    assert_eq!(counted, [2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], "in the order of REASONS");
    assert_eq!(ingest.meter().appended.get(), 2);
}

#[test]
fn the_strict_call_stores_nothing_of_the_same_rows() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    assert!(ingest.append(mixed()).is_err());
    assert_eq!(store.label_values("__name__", &[]).unwrap(), Vec::<String>::new());
}

#[test]
fn an_engine_that_takes_nothing_is_not_asked_for_nothing() {
    let ingest = ingest(Arc::new(FullEngine));
    let (commit, rejected) = ingest.append_good(vec![row(&[("job", "nameless")], 1)]).unwrap();
    commit.wait().unwrap();
    assert_eq!(rejected.len(), 1);
    assert!(ingest.append_good(mixed()).is_err());
    assert_eq!(ingest.meter().unavailable.get(), 1);
    // The sender comes back with the same rows: they are counted when they are answered.
    assert_eq!(ingest.meter().rejected[0].get(), 1);
}

/// An engine with room for one series.
#[derive(Default)]
struct SmallEngine(MemoryStore);

const FULL: LimitError = LimitError::SeriesTotal { max: 1 };

impl Appender for SmallEngine {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        match rows.len() {
            0 | 1 => self.0.append(rows),
            _ => Err(AppendError::Refused { index: 1, cause: FULL }),
        }
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        let mut appended = self.0.append_batch(batch)?;
        let rejected = (1..batch.n_series()).map(|index| Rejected { index, cause: FULL });
        appended.rejected.extend(rejected);
        appended.n_samples = 1;
        Ok(appended)
    }
}

fn count(ingest: &Ingest, cause: &LimitError) -> u64 {
    let at = LimitError::REASONS.iter().position(|reason| *reason == cause.reason()).unwrap();
    ingest.meter().rejected[at].get()
}

#[test]
fn what_the_engine_refuses_is_named_by_its_place_in_the_call() {
    let ingest = ingest(Arc::<SmallEngine>::default());
    let named = |name| row(&[("__name__", name)], 1);
    let rows = vec![row(&[], 1), named("a"), row(&[], 1), named("b"), named("c")];
    let (_, rejected) = ingest.append_good(rows).unwrap();
    let told: Vec<_> = rejected.iter().map(|one| (one.index, one.cause.reason())).collect();
    let (nameless, full) = ("no_metric_name", "series_limit");
    assert_eq!(told, [(0, nameless), (2, nameless), (3, full), (4, full)]);
    assert_eq!((count(&ingest, &FULL), ingest.meter().appended.get()), (2, 1));

    let error = ingest.append(vec![named("a"), named("b")]).unwrap_err();
    assert!(matches!(error, IngestError::Row { index: 1, cause: FULL }), "{error}");
    assert_eq!((count(&ingest, &FULL), ingest.meter().unavailable.get()), (3, 0));
}

#[test]
fn the_labels_of_a_batch_are_checked_when_they_are_read() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    let rows = [row(&[("job", "nameless")], 1), row(&[("__name__", "a")], 1)];
    let appended = ingest.append_batch(&RowsBatch::new("test", &rows)).unwrap();
    assert_eq!(appended.n_samples, 1);
    assert_eq!(appended.rejected, [Rejected { index: 0, cause: LimitError::NoMetricName }]);
    assert_eq!(count(&ingest, &LimitError::NoMetricName), 1);
    assert_eq!(ingest.meter().appended.get(), 1);
    assert_eq!(store.label_values("__name__", &[]).unwrap(), ["a"]);
}

#[test]
fn an_engine_that_takes_nothing_is_not_asked_for_an_empty_batch() {
    let ingest = ingest(Arc::new(FullEngine));
    assert_eq!(ingest.append_batch(&RowsBatch::new("test", &[])).unwrap().n_samples, 0);
    let rows = [row(&[("__name__", "a")], 1)];
    assert!(ingest.append_batch(&RowsBatch::new("test", &rows)).is_err());
    assert_eq!(ingest.meter().unavailable.get(), 1);
}

/// Keeps who sent.
#[derive(Default)]
struct Sources(parking_lot::Mutex<Vec<String>>);

impl Appender for Sources {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        Ok(Commit::done())
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        self.0.lock().push(batch.source().to_owned());
        Ok(BatchAppended { commit: Commit::done(), n_samples: 0, rejected: Vec::new() })
    }
}

#[test]
fn the_source_arrives_at_the_engine() {
    let sources = Arc::<Sources>::default();
    let ingest = ingest(Arc::clone(&sources) as _).with_source("scrape");
    let rows = vec![row(&[("__name__", "a")], 1)];
    ingest.append_batch(&RowsBatch::new("test", &rows)).unwrap();
    ingest.append_good(rows).unwrap();
    assert_eq!(*sources.0.lock(), ["test", "scrape"]);
}
