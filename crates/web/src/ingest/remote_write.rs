//! `POST /api/v1/write`: remote write 1.0 and 2.0, the way in for Prometheus and every agent that
//! speaks its protocol.
//!
//! The answers are the sender's orders: after 2xx and 4xx it goes on, after 429 and 5xx it sends
//! the same again. So what can never be stored must not be answered with 5xx, and what may be lost
//! must not be answered with 2xx: 204 comes after the disk has it. A sender of 2.0 also reads from
//! headers how much was stored; without them it takes any success for none.

mod beside;
mod desk;
mod headers;
mod store;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use storage::Ingest;
use wire::remote_write::{BlockError, decompressed_len};

use super::memory::{HeldBody, Room};
use crate::auth::KeyName;
use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;
use desk::Desk;
use headers::Version;
use store::{Stored, Written};

/// The most bytes of a body, and of the message in it. Prometheus takes as many.
const BYTES_MAX: usize = 32 << 20;

/// Messages above this many bytes are read and appended on a thread that may take its time. To go
/// there and back takes 9 µs and wakes a second processor, a tenth of what a usual request of 2000
/// samples, about 400 KiB, takes in all.
const INLINE_BYTES_MAX: usize = 512 << 10;
/// The same for 2.0, which says the same in a fraction of the bytes.
const INLINE_V2_BYTES_MAX: usize = 128 << 10;

/// Who sends, where no key says it.
const SOURCE_DEFAULT: &str = "remote_write";

/// Stores samples sent by remote write: a snappy block around a protobuf `prometheus.WriteRequest`
/// (1.0) or `io.prometheus.write.v2.Request` (2.0), which the `Content-Type` tells apart.
///
/// Series that break a rule or a limit are left out and named in a 400; the others are stored.
/// A native histogram that makes no sense is treated as a sample that breaks a rule; of exemplars and
/// metadata, bad ones are left out and do no harm. Answers to 2.0 say in the headers
/// `X-Prometheus-Remote-Write-{Samples,Histograms,Exemplars}-Written` how much was stored.
// The body is told in words: programs that make requests from the document cannot make this one.
#[utoipa::path(
    post, path = "/api/v1/write", tag = "push",
    responses(
        (status = 204, description = "Stored and durable"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn write(
    State(shared): State<Shared>,
    key: Option<Extension<KeyName>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let version = match headers::check(&headers) {
        Ok(version) => version,
        Err(error) => return error.into_response(),
    };
    let mut written = Written::default();
    let answer = take(&shared.ingest, key, (version, body), &mut written).await;
    let mut response =
        answer.map_or_else(ApiError::into_response, |()| StatusCode::NO_CONTENT.into_response());
    if version == Version::Two {
        headers::tell(written, response.headers_mut());
    }
    response
}

/// Stores a message, and notes how much of it is durable.
async fn take(
    ingest: &Ingest,
    key: Option<Extension<KeyName>>,
    (version, body): (Version, Body),
    written: &mut Written,
) -> Result<(), ApiError> {
    let block = HeldBody::read(body, BYTES_MAX).await?;
    let n_bytes = decompressed_len(&block.bytes, BYTES_MAX)?;
    let room = Room::reserve(n_bytes)?;
    let source = key.map_or_else(|| SOURCE_DEFAULT.into(), |Extension(KeyName(name))| name);
    let sent = Sent { ingest: ingest.clone(), version, source, block, _room: room };
    let desk = Desk::free().await;
    let inline_bytes_max = match version {
        Version::One => INLINE_BYTES_MAX,
        Version::Two => INLINE_V2_BYTES_MAX,
    };
    let stored = if n_bytes <= inline_bytes_max {
        sent.store(desk)?
    } else {
        // The thread goes on when the sender leaves, so it takes what it needs along.
        let task = tokio::task::spawn_blocking(move || sent.store(desk));
        task.await.map_err(|_| ApiError::internal("storing the samples failed"))??
    };
    stored.durable(written).await
}

/// A message that has arrived.
struct Sent {
    ingest: Ingest,
    version: Version,
    source: Arc<str>,
    block: HeldBody,
    _room: Room,
}

impl Sent {
    fn store(self, mut desk: Desk) -> Result<Stored, ApiError> {
        let (opener, reader) = desk.parts();
        let message = opener.open(&self.block.bytes, BYTES_MAX)?;
        let request = match self.version {
            Version::One => reader.read(message)?,
            Version::Two => reader.read_v2(message)?,
        };
        store::store(&self.ingest, &self.source, request)
    }
}

impl From<BlockError> for ApiError {
    fn from(error: BlockError) -> Self {
        let status = match error {
            BlockError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BlockError::Implausible { .. } | BlockError::Stream | BlockError::Corrupt { .. } => {
                StatusCode::BAD_REQUEST
            }
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(test)]
mod speed;
