use std::sync::Arc;
use std::time::Duration;

use model::{
    Labels, METRIC_NAME, Matcher, RelabelAction, RelabelRule, RelabelSettings, Relabeling, Sample,
};
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
    assert_eq!(
        counted,
        [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        "in the order of REASONS"
    );
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
        Ok(BatchAppended {
            commit: Commit::done(),
            n_samples: 0,
            n_histograms: 0,
            n_exemplars: 0,
            rejected: Vec::new(),
        })
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

fn rule(settings: RelabelSettings) -> RelabelRule {
    RelabelRule::new(settings).unwrap()
}

/// Drops `gone`, calls `a` `b`, and gives everything an environment.
fn rules() -> Relabeling {
    let name = || vec![METRIC_NAME.to_owned()];
    let text = |text: &str| Some(text.to_owned());
    Relabeling::new(vec![
        rule(RelabelSettings {
            source_labels: name(),
            regex: text("gone.*"),
            action: RelabelAction::Drop,
            ..RelabelSettings::default()
        }),
        rule(RelabelSettings {
            source_labels: name(),
            regex: text("a"),
            target_label: text(METRIC_NAME),
            replacement: text("b"),
            ..RelabelSettings::default()
        }),
        rule(RelabelSettings {
            target_label: text("env"),
            replacement: text("test"),
            ..RelabelSettings::default()
        }),
    ])
}

fn stored(store: &MemoryStore) -> Vec<String> {
    let every = Matcher::not_equal("", "x");
    let select = Select::floats(vec![every], i64::MIN, i64::MAX);
    let all = store.select(&select).unwrap().map(Result::unwrap);
    all.map(|series| format!("{} {}", series.labels, series.samples.len())).collect()
}

fn sent() -> Vec<Row> {
    let named = |name, t_ms| row(&[("__name__", name)], t_ms);
    vec![
        named("gone", 1),
        named("a", 1),
        row(&[("job", "x")], 1),
        named("gone_too", 1),
        named("c", 1),
    ]
}

#[test]
fn rules_rewrite_rows_before_limits_see_them() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    ingest.set_relabeling(rules());
    let (_, rejected) = ingest.append_good(sent()).unwrap();
    // What a rule drops is no fault of its sender.
    assert_eq!(rejected, [Rejected { index: 2, cause: LimitError::NoMetricName }]);
    assert_eq!(stored(&store), ["b{env=\"test\"} 1", "c{env=\"test\"} 1"]);
    assert_eq!(count(&ingest, &LimitError::Relabel), 2);
    assert_eq!(count(&ingest, &LimitError::NoMetricName), 1);
    assert_eq!(ingest.meter().appended.get(), 2);
}

#[test]
fn rules_rewrite_batches() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    ingest.set_relabeling(rules());
    let rows = sent();
    let appended = ingest.append_batch(&RowsBatch::new("test", &rows)).unwrap();
    assert_eq!(appended.rejected, [Rejected { index: 2, cause: LimitError::NoMetricName }]);
    assert_eq!(appended.n_samples, 2);
    assert_eq!(stored(&store), ["b{env=\"test\"} 1", "c{env=\"test\"} 1"]);
    assert_eq!(count(&ingest, &LimitError::Relabel), 2);
}

#[test]
fn the_strict_call_names_the_row_as_it_was_given() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    ingest.set_relabeling(rules());
    let error = ingest.append(sent()).unwrap_err();
    assert!(
        matches!(error, IngestError::Row { index: 2, cause: LimitError::NoMetricName }),
        "{error}"
    );
    assert!(stored(&store).is_empty());
    let good = sent().into_iter().filter(|row| row.labels.get("job").is_none()).collect();
    ingest.append(good).unwrap().wait().unwrap();
    assert_eq!(stored(&store), ["b{env=\"test\"} 1", "c{env=\"test\"} 1"]);
    ingest.append(vec![row(&[("__name__", "gone")], 1)]).unwrap().wait().unwrap();
}

/// Notes when spellings are forgotten, and who spells.
#[derive(Default)]
struct Spelling(parking_lot::Mutex<Vec<String>>);

impl Appender for Spelling {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        self.0.lock().push(format!("{} rows", rows.len()));
        Ok(Commit::done())
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        self.0.lock().push(format!("{:?}", batch.speller()));
        let rejected = Vec::new();
        let commit = Commit::done();
        Ok(BatchAppended { commit, n_samples: 1, n_histograms: 0, n_exemplars: 0, rejected })
    }

    fn forget_spellings(&self) {
        self.0.lock().push("forget".to_owned());
    }
}

/// The bytes that a row is spelled by name another series once there are rules, and the strict call
/// spells what the rules have made.
#[test]
fn spellings_are_forgotten_when_rules_change() {
    let engine = Arc::<Spelling>::default();
    let ingest = ingest(Arc::clone(&engine) as _);
    let one = || vec![row(&[("__name__", "a")], 1)];
    ingest.set_relabeling(Relabeling::default());
    ingest.append_good(one()).unwrap();
    ingest.set_relabeling(rules());
    ingest.set_relabeling(rules());
    ingest.append_good(one()).unwrap();
    ingest.append(one()).unwrap();
    ingest.set_relabeling(Relabeling::default());
    assert_eq!(*engine.0.lock(), ["Labels", "forget", "SentLabels", "1 rows", "forget"]);
}
