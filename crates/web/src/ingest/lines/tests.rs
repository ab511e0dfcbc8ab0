use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::IntoResponse as _;
use futures_util::stream;
use model::{METRIC_NAME, Matcher, Sample};
use stdx::Clock;
use storage::memory::MemoryStore;
use storage::{Ingest, Limits, Querier as _, Select};
use wire::lines::EveryLf;

use super::{BATCH_TESTED, Encoding, Intake, LineReader, Sink, Told};
use crate::error::ApiError;
use crate::meter::ImportMeter;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        1000
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Each line is the name of a metric, or several with a blank between them.
struct Names;

impl LineReader for Names {
    type Ends = EveryLf;
    const LINE_BYTES_MAX: usize = 16;

    fn line(&mut self, number: u64, line: &[u8], sink: &mut Sink) -> Result<(), ApiError> {
        for name in str::from_utf8(line).unwrap().split(' ') {
            if name == "bad" {
                sink.refuse(number, &"no name");
                continue;
            }
            let t_ms = if name == "late" { i64::MAX } else { 1000 };
            let sample = Sample::new(t_ms, number as f64);
            sink.series(number, vec![(METRIC_NAME, name), ("set", "by the line")], &[sample])?;
        }
        Ok(())
    }
}

struct World {
    store: Arc<MemoryStore>,
    ingest: Ingest,
    meter: Arc<ImportMeter>,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let ingest = Ingest::new(store.clone(), Limits::default(), Arc::new(StoppedClock));
        Self { store, ingest, meter: Arc::default() }
    }

    async fn take(&self, pieces: Vec<Bytes>) -> Result<Told, ApiError> {
        let extra = vec![("set".to_owned(), "by the request".to_owned())];
        let sink = Sink::new(self.ingest.clone(), "test".into(), self.meter.clone());
        let frames = pieces.into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(stream::iter(frames));
        let sink = sink.with_extra(extra);
        Intake::new(Encoding::Identity, Names, sink, &body)?.run(body).await
    }

    fn stored(&self) -> Vec<(String, f64)> {
        let every = Matcher::not_equal(METRIC_NAME, "");
        let found = self.store.select(&Select::floats(vec![every], i64::MIN, i64::MAX)).unwrap();
        let series = found.map(|series| series.unwrap());
        series.map(|one| (one.labels.to_string(), one.samples[0].value)).collect()
    }
}

async fn detail(error: ApiError) -> (u16, String) {
    let response = error.into_response();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (status, body["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn lines_over_pieces_are_stored_and_bad_ones_named() {
    let world = World::new();
    let pieces = [&b"a\nb"[..], b"c\nbad\n", b"", b"late\nan_endless_line_of_a_fool\nlast"];
    let told = world.take(pieces.map(Bytes::from_static).into()).await.unwrap();
    let (status, said) = detail(told.into_result().unwrap_err()).await;
    assert_eq!(status, 400);
    for part in [
        "3 lines refused in whole or part, all of the rest stored (3 samples)",
        "line 3: no name",
        "line 4: timestamp is",
        "line 5: longer than 16 bytes",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let named = |name: &str| format!("{name}{{set=\"by the request\"}}");
    assert_eq!(world.stored(), [(named("a"), 1.0), (named("bc"), 2.0), (named("last"), 6.0)]);
    assert_eq!(world.meter.refused.get(), 3);
}

/// The reasons are those of the right lines also when they come from a later batch.
#[tokio::test]
async fn a_body_of_many_batches_is_one_answer() {
    let world = World::new();
    let mut text: String = (0..3 * BATCH_TESTED).map(|i| format!("m{i}\n")).collect();
    text.push_str("\nend\n");
    let pieces = text.as_bytes().chunks(40_000).map(Bytes::copy_from_slice).collect();
    let told = world.take(pieces).await.unwrap();
    let (_, said) = detail(told.into_result().unwrap_err()).await;
    let n = 3 * BATCH_TESTED + 1;
    let start =
        format!("partial write: 1 line refused in whole or part, the rest stored ({n} samples)");
    assert!(said.starts_with(&start), "{said}");
    assert!(said.ends_with(&format!("line {n}: the metric name is empty")), "{said}");
    assert_eq!(world.stored().len(), n);
}

/// Each line has samples that are refused as they come, and others that are when the batch is stored.
#[tokio::test]
async fn a_line_is_counted_once_however_much_of_it_is_refused() {
    let world = World::new();
    let text = "late late\n  \nbad ok  late\nbad\n";
    let told = world.take(vec![Bytes::from_static(text.as_bytes())]).await.unwrap();
    let (_, said) = detail(told.into_result().unwrap_err()).await;
    let start =
        "partial write: 4 lines refused in whole or part, all of the rest stored (1 sample)";
    assert!(said.starts_with(start), "{said}");
    for part in ["line 1: timestamp is", "line 2: the metric", "line 3: no name", "line 4: no name"]
    {
        assert_eq!(said.matches(part).count(), 1, "{part}: {said}");
    }
    assert_eq!(world.meter.refused.get(), 4);
}

/// What is remembered of refused lines is bounded, and still tells a line that reaches over batches.
#[tokio::test]
async fn a_line_that_fills_a_batch_is_counted_once_too() {
    let world = World::new();
    let mut text: String = (0..BATCH_TESTED - 2).map(|i| format!("m{i}\n")).collect();
    text.push_str("    bad\n");
    text.push_str(&"bad\n".repeat(3 * BATCH_TESTED));
    let told = world.take(vec![text.into()]).await.unwrap();
    let n_refused = 3 * BATCH_TESTED + 1;
    let (_, said) = detail(told.into_result().unwrap_err()).await;
    assert!(said.starts_with(&format!("partial write: {n_refused} lines refused")), "{said}");
    assert_eq!(world.meter.refused.get(), n_refused as u64);
}

#[tokio::test]
async fn a_body_that_breaks_off_says_what_is_stored() {
    let world = World::new();
    let frames = [Ok(Bytes::from_static(b"a\nb\n")), Err(std::io::Error::other("gone"))];
    let sink = Sink::new(world.ingest.clone(), "test".into(), world.meter.clone());
    let body = Body::from_stream(stream::iter(frames));
    let intake = Intake::new(Encoding::Identity, Names, sink, &body).unwrap();
    let error = intake.run(body).await.unwrap_err();
    let (status, said) = detail(error).await;
    assert_eq!(status, 400);
    assert!(said.contains("cannot read the body"), "{said}");
    assert!(said.ends_with("of 2 lines before, 2 samples were stored"), "{said}");
    assert_eq!(world.stored().len(), 2);
}
