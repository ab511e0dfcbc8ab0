//! `POST /api/v1/read`: remote read, by which Prometheus and other servers fetch what is stored here.
//!
//! Who asks says how to answer: in one piece, whose size has a bound, or in frames, of which a few
//! are in memory at a time, however much there is. A thread reads the store and encodes; it waits
//! for its reader, and is let go when that one leaves or takes nothing for a minute.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use storage::{Querier, Select, SelectError, SeriesSet};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use wire::remote_read::{
    AnswerKind, Query, ReadRequest, RequestError, SampledAnswer, StreamedAnswer, decode_request,
};

use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

/// Bytes of a request, decompressed. One asks for a few matchers.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Bytes of an answer in one piece, before it is compressed: several million samples.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Answers at one time, as many as Prometheus gives. Others wait for their turn.
const ANSWERS: usize = 10;
/// Frames, of 1 MiB each, that wait for a reader.
const FRAMES_WAITING: usize = 2;
/// A reader that takes no frame for so long is let go.
const READER_TIMEOUT: Duration = Duration::from_secs(60);

const STREAMED: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

static FREE: Semaphore = Semaphore::const_new(ANSWERS);

/// Gives stored series to another server: a snappy block around a protobuf `ReadRequest` in, and out
/// what the request accepts first: `SAMPLES`, or `STREAMED_XOR_CHUNKS`, which has no bound.
// The bodies are told in words: programs that make requests from the document cannot make these.
#[utoipa::path(
    post, path = "/api/v1/read", tag = "metrics",
    responses(
        (status = 200, description = "A snappy block around a `ReadResponse`, or frames of `ChunkedReadResponse`"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn read(
    State(shared): State<Shared>,
    headers: axum::http::HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|given| !given.is_empty() && !given.eq_ignore_ascii_case(b"snappy")) {
        let detail = "Content-Encoding must be snappy";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let BoundedBody(block) = BoundedBody::plain(body).await?;
    let request = decode_request(&block, REQUEST_BYTES_MAX)?;
    let permit = FREE.acquire().await.expect("the answers are never closed");
    let reading = Reading {
        querier: Arc::clone(&shared.querier),
        stop: shared.stop.clone(),
        _permit: permit,
    };
    reading.answer(request).await
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

/// An answer being given.
struct Reading {
    querier: Arc<dyn Querier>,
    stop: watch::Receiver<bool>,
    _permit: SemaphorePermit<'static>,
}

impl Reading {
    async fn answer(self, request: ReadRequest) -> Result<Response, ApiError> {
        match request.answer {
            AnswerKind::Sampled => {
                let task = tokio::task::spawn_blocking(move || self.sampled(&request.queries));
                task.await.map_err(|_| ApiError::internal("reading the series failed"))?
            }
            AnswerKind::Streamed => self.streamed(request.queries).await,
        }
    }

    fn select(&self, query: &Query) -> Result<SeriesSet, SelectError> {
        let Query { start_ms, end_ms, matchers } = query;
        self.querier.select(&Select::both(matchers.clone(), *start_ms, *end_ms))
    }

    fn sampled(&self, queries: &[Query]) -> Result<Response, ApiError> {
        let mut answer = SampledAnswer::default();
        for query in queries {
            for series in self.select(query)? {
                let series = series?;
                answer.push(&series.labels, &series.samples, &series.histograms);
                if answer.n_bytes() > ANSWER_BYTES_MAX {
                    return Err(too_much());
                }
            }
            answer.end_query();
        }
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf")),
            (header::CONTENT_ENCODING, HeaderValue::from_static("snappy")),
        ];
        let body = answer.into_body().ok_or_else(too_much)?;
        Ok((headers, body).into_response())
    }

    async fn streamed(self, queries: Vec<Query>) -> Result<Response, ApiError> {
        let (frames, waiting) = mpsc::channel(FRAMES_WAITING);
        let runtime = tokio::runtime::Handle::current();
        let reader = Reader { frames, runtime };
        tokio::task::spawn_blocking(move || {
            let ended = self.stream(&queries, &reader);
            if let Err(End::Failed(error)) = ended {
                // The answer is cut off, which tells its reader that it is not whole.
                tracing::warn!(%error, "an answer to a remote read ended early");
                let _gone = reader.send(Err(std::io::Error::other(error)));
            }
        });
        let body =
            stream::unfold(
                waiting,
                |mut waiting| async move { Some((waiting.recv().await?, waiting)) },
            );
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(STREAMED))];
        Ok((headers, Body::from_stream(body)).into_response())
    }

    fn stream(&self, queries: &[Query], reader: &Reader) -> Result<(), End> {
        let mut answer = StreamedAnswer::default();
        for (n_query, query) in queries.iter().enumerate() {
            for series in self.select(query)? {
                let series = series?;
                if *self.stop.borrow() {
                    return Err(End::Failed("the server stops".to_owned()));
                }
                let of_series = (&series.labels, &series.samples[..], &series.histograms[..]);
                answer.push(n_query as u64, of_series, |frame| reader.send(Ok(frame.into())))?;
            }
        }
        Ok(())
    }
}

fn too_much() -> ApiError {
    let mib = ANSWER_BYTES_MAX >> 20;
    let detail =
        format!("the answer has more than {mib} MiB: ask for STREAMED_XOR_CHUNKS, or less");
    ApiError::new(StatusCode::BAD_REQUEST, detail)
}

/// Why a stream ends before its time.
enum End {
    /// Nobody reads any more.
    Gone,
    /// There is more, but it cannot be read.
    Failed(String),
}

impl From<SelectError> for End {
    fn from(error: SelectError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Who takes the frames.
struct Reader {
    frames: mpsc::Sender<std::io::Result<Bytes>>,
    runtime: tokio::runtime::Handle,
}

impl Reader {
    /// Waits until there is room for a frame.
    fn send(&self, frame: std::io::Result<Bytes>) -> Result<(), End> {
        let sending = self.frames.send_timeout(frame, READER_TIMEOUT);
        self.runtime.block_on(sending).map_err(|_| End::Gone)
    }
}

#[cfg(test)]
mod tests;
