use std::sync::Arc;

use axum::http::StatusCode;
use model::{Histogram, HistogramSample, Labels, Sample, parse_selector};
use storage::memory::MemoryStore;
use storage::{Appender as _, Querier, Row, SelectError, SeriesSet};
use tokio::sync::watch;
use wire::remote_read::{AnswerKind, Frames, Query, ReadRequest, decode_chunked, decode_sampled};

use super::{ANSWER_BYTES_MAX, ANSWERS, FREE, Reading};

fn filled() -> MemoryStore {
    let store = MemoryStore::default();
    let row = |job: &str, t_ms| Row {
        labels: Labels::of_metric("up", [("job", job)]).unwrap(),
        sample: Sample::new(t_ms, t_ms as f64),
    };
    let rows = (0..1000).flat_map(|t| [row("a", t), row("b", t)]).collect();
    let _done = store.append(rows).unwrap();
    let labels = Labels::of_metric("up", [("job", "h")]).unwrap();
    let histogram =
        HistogramSample { t_ms: 5, start_ms: 0, histogram: Arc::new(Histogram::default()) };
    store.append_histograms(&labels, &[histogram]);
    store
}

async fn reading(querier: impl Querier + 'static) -> (Reading, watch::Sender<bool>) {
    let (stopper, stop) = watch::channel(false);
    let permit = FREE.acquire().await.unwrap();
    (Reading { querier: Arc::new(querier), stop, _permit: permit }, stopper)
}

fn request(selector: &str, answer: AnswerKind) -> ReadRequest {
    let query =
        |start_ms, end_ms| Query { start_ms, end_ms, matchers: parse_selector(selector).unwrap() };
    ReadRequest { queries: vec![query(1, 9), query(990, 2000)], answer }
}

async fn body(response: axum::response::Response) -> Result<Vec<u8>, axum::Error> {
    axum::body::to_bytes(response.into_body(), usize::MAX).await.map(|bytes| bytes.to_vec())
}

#[tokio::test]
async fn an_answer_in_one_piece_has_a_result_for_each_query() {
    let (reading, _stop) = reading(filled()).await;
    let response = reading.answer(request("up", AnswerKind::Sampled)).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-protobuf");
    assert_eq!(response.headers()["content-encoding"], "snappy");
    let fetched = decode_sampled(&body(response).await.unwrap(), 1 << 20).unwrap();
    let told: Vec<_> = fetched
        .series
        .iter()
        .map(|(labels, samples)| (labels.get("job").unwrap(), samples.len()))
        .collect();
    assert_eq!(told, [("a", 9), ("b", 9), ("h", 0), ("a", 10), ("b", 10)]);
    assert_eq!(fetched.n_histograms, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_frames_says_the_same() {
    let (reading, _stop) = reading(filled()).await;
    let response = reading.answer(request("up", AnswerKind::Streamed)).await.unwrap();
    let media_type = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(media_type, "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
    let mut frames = Frames::default();
    frames.push(&body(response).await.unwrap());
    let mut told = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        let fetched = decode_chunked(frame, (i64::MIN, i64::MAX)).unwrap();
        let (labels, samples) = &fetched.series[0];
        told.push((labels.get("job").unwrap().to_owned(), samples.len(), fetched.n_histograms));
    }
    frames.finish().unwrap();
    let expected = [("a", 9, 0), ("b", 9, 0), ("h", 0, 1), ("a", 10, 0), ("b", 10, 0)];
    assert_eq!(told, expected.map(|(job, n, h)| (job.to_owned(), n, h)));
}

/// Series without end, or a store that fails after the first.
struct Endless {
    fails: bool,
}

impl Querier for Endless {
    fn select(&self, _: &storage::Select) -> Result<SeriesSet, SelectError> {
        let samples: Vec<Sample> = (0..10_000).map(|t| Sample::new(t, 0.1 * t as f64)).collect();
        let labels = Labels::of_metric("up", [("job", "x")]).unwrap();
        let fails = self.fails;
        Ok(Box::new((0..).map(move |n| match n {
            1 if fails => Err(SelectError::Unavailable { reason: "a bad disk".to_owned() }),
            _ => Ok(storage::Series::of_floats(labels.clone(), samples.clone())),
        })))
    }

    fn label_values(&self, _: &str, _: &[model::Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[model::Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_is_bounded() {
    use axum::response::IntoResponse as _;
    let (reading, _stop) = reading(Endless { fails: false }).await;
    let refused = reading.answer(request("up", AnswerKind::Sampled)).await.unwrap_err();
    assert!(format!("{refused:?}").contains(&format!("{} MiB", ANSWER_BYTES_MAX >> 20)));
    assert_eq!(refused.into_response().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_cannot_be_whole_is_cut_off() {
    let (reading, _stop) = reading(Endless { fails: true }).await;
    let response = reading.answer(request("up", AnswerKind::Streamed)).await.unwrap();
    assert!(body(response).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_end_ends_with_its_reader_or_the_server() {
    let (reading, stop) = reading(Endless { fails: false }).await;
    let response = reading.answer(request("up", AnswerKind::Streamed)).await.unwrap();
    stop.send_replace(true);
    assert!(body(response).await.is_err());
    let (reading, _stop) = self::reading(Endless { fails: false }).await;
    drop(reading.answer(request("up", AnswerKind::Streamed)).await.unwrap());
    // All permits come back only when the threads have ended.
    let _all = FREE.acquire_many(ANSWERS as u32).await.unwrap();
}
