use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Matcher, Sample};
use stdx::Clock;

use super::{Ingest, Rejected};
use crate::memory::MemoryStore;
use crate::{AppendError, Appender, Commit, LimitError, Limits, Querier, Row, Select};

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
    let select = Select { matchers: vec![every], start_ms: i64::MIN, end_ms: i64::MAX };
    let stored = store.select(&select).unwrap();
    let stored: Vec<String> = stored.map(|series| series.unwrap().labels.to_string()).collect();
    assert_eq!(stored, ["a{}", "b{}"]);
    let counted: Vec<u64> = ingest.meter().rejected.iter().map(|count| count.get()).collect();
    assert_eq!(counted, [2, 0, 0, 0, 0, 0, 0, 0, 1, 0], "in the order of REASONS");
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
