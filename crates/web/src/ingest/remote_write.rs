//! `POST /api/v1/write`: remote write 1.0, the way in for Prometheus and every agent that speaks
//! its protocol.
//!
//! The answers are the sender's orders: after 2xx and 4xx it goes on, after 429 and 5xx it sends
//! the same again. So what can never be stored must not be answered with 5xx, and what may be lost
//! must not be answered with 2xx: 204 comes after the disk has it.

mod headers;
mod store;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use storage::Ingest;
use wire::remote_write::{BlockError, decompress, decompressed_len};

use super::memory::{HeldBody, Room};
use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;
use store::Stored;

/// The most bytes of a body, and of the message in it. Prometheus takes as many.
const BYTES_MAX: usize = 32 << 20;

/// Messages above this many bytes are read and appended on a thread that may take its time.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// Stores samples sent by remote write 1.0: a snappy block around a protobuf `WriteRequest`.
///
/// Series that break a rule or a limit are left out and named in a 400; the others are stored.
/// Native histograms, exemplars and metadata are not stored and do no harm.
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
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    headers::check(&headers)?;
    let block = HeldBody::read(body, BYTES_MAX).await?;
    let n_bytes = decompressed_len(&block.bytes, BYTES_MAX)?;
    let room = Room::reserve(n_bytes)?;
    let stored = if n_bytes <= INLINE_BYTES_MAX {
        open_and_store(&shared.ingest, &block.bytes)?
    } else {
        let ingest = shared.ingest.clone();
        // The thread goes on when the sender leaves, so it takes what it needs along.
        let task = tokio::task::spawn_blocking(move || {
            let _room = room;
            open_and_store(&ingest, &block.bytes)
        });
        task.await.map_err(|_| ApiError::internal("storing the samples failed"))??
    };
    stored.durable().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn open_and_store(ingest: &Ingest, block: &[u8]) -> Result<Stored, ApiError> {
    store::store(ingest, &decompress(block, BYTES_MAX)?)
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
