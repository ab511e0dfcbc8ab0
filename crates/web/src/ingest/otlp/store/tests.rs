use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use model::{Metadata, Sample};
use parking_lot::Mutex;
use serde_json::{Value, json};
use storage::{
    AppendError, Appender, Batch, BatchAppended, Commit, CommitError, Ingest, LimitError, Limits,
    Rejected, Row, Speller,
};
use wire::otlp::{Deltas, Refusals, Settings, from_json};

use super::Door;
use crate::error::ApiError;

struct StoppedClock;

impl stdx::Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// What an engine of tests does with the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mood {
    #[default]
    Taking,
    Overloaded,
    LosingIt,
}

/// Remembers what it was given.
#[derive(Debug, Default)]
struct Engine {
    mood: Mutex<Mood>,
    stored: Mutex<Vec<String>>,
    metadata: Mutex<Vec<String>>,
}

impl Appender for Engine {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        panic!("points come as batches")
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        let mood = *self.mood.lock();
        if mood == Mood::Overloaded {
            let retry_after = Duration::from_secs(7);
            return Err(AppendError::Overloaded { reason: "too much".to_owned(), retry_after });
        }
        assert_eq!((batch.speller(), batch.source()), (Speller::Labels, "test"));
        let (mut rejected, mut n_samples) = (Vec::new(), 0);
        for index in 0..batch.n_series() {
            let mut labels = Vec::new();
            match batch.labels(index, &mut labels) {
                Ok(()) => {
                    let labels = model::Labels::new(labels).unwrap();
                    let values = batch.samples(index).iter().map(|sample: &Sample| sample.value);
                    let values: Vec<f64> = values.collect();
                    n_samples += values.len() as u64;
                    self.stored.lock().push(format!("{labels} {values:?}"));
                }
                Err(cause) => rejected.push(Rejected { index, cause }),
            }
        }
        let (sender, commit) = Commit::pending();
        let result = match mood {
            Mood::LosingIt => Err(CommitError { reason: "the disk is gone".to_owned() }),
            _ => Ok(()),
        };
        sender.send(result).unwrap();
        Ok(BatchAppended { commit, n_samples, n_histograms: 0, n_exemplars: 0, rejected })
    }

    fn append_metadata(&self, metrics: &[(&str, Metadata)]) -> Result<Commit, AppendError> {
        let told = metrics.iter().map(|(name, metadata)| format!("{name} {}", metadata.help));
        self.metadata.lock().extend(told);
        Ok(Commit::done())
    }
}

/// A server's worth of state over such an engine.
struct World {
    engine: Arc<Engine>,
    ingest: Ingest,
    deltas: Mutex<Deltas>,
}

impl World {
    fn new() -> Self {
        let engine = Arc::new(Engine::default());
        let limits = Limits { labels_max: 4, ..Limits::default() };
        let ingest = Ingest::new(Arc::clone(&engine) as _, limits, Arc::new(StoppedClock));
        Self { engine, ingest, deltas: Mutex::default() }
    }

    async fn send(&self, metrics: Value) -> Result<Refusals, ApiError> {
        let message = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
        let door = Door {
            ingest: &self.ingest,
            deltas: &self.deltas,
            settings: &Settings::default(),
            now_ms: 0,
            source: "test",
        };
        door.append(&from_json(message.to_string().as_bytes())?)?.durable().await
    }

    fn stored(&self) -> Vec<String> {
        std::mem::take(&mut self.engine.stored.lock())
    }

    fn rejected(&self, reason: &str) -> u64 {
        let at = LimitError::REASONS.iter().position(|word| *word == reason).unwrap();
        self.ingest.meter().rejected[at].get()
    }
}

/// A point so many milliseconds after 1970, with so many attributes.
fn point(value: f64, t_ms: u64, n_attributes: usize) -> Value {
    let attribute = |n: usize| json!({"key": format!("k{n}"), "value": {"intValue": n}});
    json!({
        "asDouble": value,
        "timeUnixNano": (t_ms * 1_000_000).to_string(),
        "attributes": (0..n_attributes).map(attribute).collect::<Vec<_>>(),
    })
}

fn gauge(points: &Value) -> Value {
    json!([{"name": "g", "description": "About g.", "gauge": {"dataPoints": points}}])
}

fn delta(value: f64, t_ms: u64) -> Value {
    let points = [point(value, t_ms, 0)];
    let sum = json!({"dataPoints": points, "aggregationTemporality": 1, "isMonotonic": true});
    json!([{"name": "c", "sum": sum}])
}

fn status(answer: Result<Refusals, ApiError>) -> StatusCode {
    answer.unwrap_err().into_response().status()
}

#[tokio::test]
async fn points_and_what_they_are_arrive() {
    let world = World::new();
    let refusals = world.send(gauge(&json!([point(1.0, 5, 1), point(2.0, 6, 0)]))).await.unwrap();
    assert_eq!(refusals, Refusals::default());
    assert_eq!(world.stored(), ["g{k0=\"0\"} [1.0]", "g{} [2.0]"]);
    assert_eq!(*world.engine.metadata.lock(), ["g About g."]);
}

#[tokio::test]
async fn each_refused_point_is_counted_once() {
    let world = World::new();
    let ahead = 100 * 86_400_000;
    let points =
        json!([point(1.0, 5, 0), point(2.0, 5, 9), point(3.0, ahead, 0), point(4.0, 0, 0)]);
    let refusals = world.send(gauge(&points)).await.unwrap();
    assert_eq!(refusals.n_points, 3);
    let reasons = refusals.reasons.join("; ");
    for words in ["without a time", "ahead of this server's clock", "10 labels, at most 4"] {
        assert!(reasons.contains(words), "no {words:?} in {reasons}");
    }
    assert_eq!(world.stored(), ["g{} [1.0]"]);
    for (reason, n_points) in [("too_far_ahead", 1), ("bad_point", 1), ("label_count", 1)] {
        assert_eq!(world.rejected(reason), n_points, "{reason}");
    }
}

/// All five series of the point break the same bound.
#[tokio::test]
async fn a_histogram_is_one_point() {
    let world = World::new();
    let mut point = point(0.0, 5, 4);
    point["count"] = 1.into();
    point["bucketCounts"] = json!([1, 0]);
    point["explicitBounds"] = json!([1.0]);
    let histogram = json!({"dataPoints": [point.clone(), point], "aggregationTemporality": 2});
    let refusals = world.send(json!([{"name": "h", "histogram": histogram}])).await.unwrap();
    assert_eq!(refusals.n_points, 2);
}

/// A sender that is told to come back brings the same points again.
#[tokio::test]
async fn what_was_not_stored_is_not_in_the_total() {
    let world = World::new();
    world.send(delta(5.0, 1)).await.unwrap();
    assert_eq!(world.stored(), ["c_total{} [5.0]"]);
    *world.engine.mood.lock() = Mood::Overloaded;
    for _ in 0..3 {
        assert_eq!(status(world.send(delta(2.0, 2)).await), 429);
    }
    *world.engine.mood.lock() = Mood::Taking;
    world.send(delta(2.0, 2)).await.unwrap();
    assert_eq!(world.stored(), ["c_total{} [7.0]"]);
}

/// Whether the disk has it is not known then, so the point may come again and is the same.
#[tokio::test]
async fn an_answer_waits_for_the_disk() {
    let world = World::new();
    *world.engine.mood.lock() = Mood::LosingIt;
    assert_eq!(status(world.send(delta(5.0, 1)).await), 503);
    *world.engine.mood.lock() = Mood::Taking;
    world.send(delta(5.0, 1)).await.unwrap();
    assert_eq!(world.stored(), ["c_total{} [5.0]", "c_total{} [5.0]"]);
    assert_eq!(world.rejected("bad_point"), 0);
}

/// Who is told to come back is not counted as refused each time.
#[tokio::test]
async fn refused_points_are_counted_when_they_are_answered() {
    let world = World::new();
    *world.engine.mood.lock() = Mood::Overloaded;
    let points = json!([point(1.0, 5, 0), point(4.0, 0, 0)]);
    assert_eq!(status(world.send(gauge(&points)).await), 429);
    assert_eq!(world.rejected("bad_point"), 0);
}
