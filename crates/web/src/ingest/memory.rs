//! Memory: what the bodies of all pushes under way may take together. One body is bounded by its
//! handler; here many large ones at one time are, and a slow sender holds only what it has sent.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::ApiError;

/// Bytes of all bodies together, as sent and decompressed.
const BYTES_MAX: usize = 256 << 20;
/// A sender that has not sent its whole body by then is let go. Longer than the 30 seconds after
/// which Prometheus gives up by itself: that it repeats, while it takes an answer for final.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The memory is the process', however many servers it has.
static BYTES: Semaphore = Semaphore::const_new(BYTES_MAX);

/// Room for some bytes. Dropping it makes room for others.
#[derive(Debug)]
pub(super) struct Room(SemaphorePermit<'static>);

impl Room {
    /// Room for `n_bytes`, or 429 while others have it.
    pub(super) fn reserve(n_bytes: usize) -> Result<Self, ApiError> {
        Self::reserve_of(&BYTES, n_bytes)
    }

    /// More room, or 429 while others have it.
    pub(super) fn grow(&mut self, n_bytes: usize) -> Result<(), ApiError> {
        self.0.merge(Self::reserve(n_bytes)?.0);
        Ok(())
    }

    fn reserve_of(all: &'static Semaphore, n_bytes: usize) -> Result<Self, ApiError> {
        let permit = u32::try_from(n_bytes).ok().and_then(|n| all.try_acquire_many(n).ok());
        permit.map(Self).ok_or_else(|| {
            let detail = format!("bodies under way take all of the {BYTES_MAX} bytes they may");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(1)
        })
    }
}

/// What a body of several frames is given at once if it says that it has as much. What it says
/// beyond is believed when it arrives.
const CLAIM_BYTES_MAX: usize = 256 << 10;

/// A body and the room it takes.
#[derive(Debug)]
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    _room: Room,
}

impl HeldBody {
    /// Reads a whole body of at most `bytes_max`.
    pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Self, ApiError> {
        Self::read_of(&BYTES, body, bytes_max).await
    }

    async fn read_of(
        all: &'static Semaphore,
        body: Body,
        bytes_max: usize,
    ) -> Result<Self, ApiError> {
        if body.size_hint().lower() > bytes_max as u64 {
            return Err(too_large(bytes_max));
        }
        let reading = Self::read_frames(all, body, bytes_max);
        tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or_else(|_| {
            let detail = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, detail))
        })
    }

    async fn read_frames(
        all: &'static Semaphore,
        body: Body,
        bytes_max: usize,
    ) -> Result<Self, ApiError> {
        let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(bytes_max);
        let mut room = Room::reserve_of(all, 0)?;
        // A body that comes in one frame is used where it lies.
        let mut only = Bytes::new();
        let mut joined = Vec::new();
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(|error| {
                ApiError::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))
            })?;
            if only.len() + joined.len() + frame.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            room.0.merge(Room::reserve_of(all, frame.len())?.0);
            if only.is_empty() && joined.is_empty() {
                only = frame;
                continue;
            }
            if joined.is_empty() {
                joined.reserve(claimed.min(CLAIM_BYTES_MAX));
                joined.extend_from_slice(&std::mem::take(&mut only));
            }
            joined.extend_from_slice(&frame);
        }
        let bytes = if joined.is_empty() { only } else { joined.into() };
        Ok(Self { bytes, _room: room })
    }
}

fn too_large(bytes_max: usize) -> ApiError {
    let detail = format!("the body is larger than {} MiB", bytes_max >> 20);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use futures_util::stream;
    use tokio::sync::Semaphore;

    use super::{BYTES_MAX, HeldBody, Room};
    use crate::error::ApiError;

    fn status<T: std::fmt::Debug>(result: Result<T, ApiError>) -> StatusCode {
        result.unwrap_err().into_response().status()
    }

    /// A body that does not say how long it is.
    fn endless(frames: usize) -> Body {
        let frame = || Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1000]));
        Body::from_stream(stream::iter(std::iter::repeat_with(frame).take(frames)))
    }

    #[tokio::test]
    async fn frames_are_put_together_and_one_frame_stays_where_it_is() {
        let read = async |frames: &[&'static [u8]]| {
            let frames = frames.iter().map(|frame| Ok::<_, std::io::Error>(Bytes::from(*frame)));
            let frames: Vec<_> = frames.collect();
            HeldBody::read(Body::from_stream(stream::iter(frames)), 100).await.unwrap().bytes
        };
        assert_eq!(read(&[]).await, b""[..]);
        assert_eq!(read(&[b"a", b"", b"bc", b"d"]).await, b"abcd"[..]);
        let alone = b"alone";
        assert_eq!(read(&[b"", alone]).await.as_ptr(), alone.as_ptr());
    }

    /// In memory of its own: other tests use the process'.
    #[tokio::test]
    async fn bodies_are_bounded_alone_and_together() {
        let all: &'static Semaphore = Box::leak(Box::new(Semaphore::new(BYTES_MAX)));
        let read = |body, bytes_max| HeldBody::read_of(all, body, bytes_max);
        let held = read(endless(10), 10_000).await.unwrap();
        assert_eq!(held.bytes.len(), 10_000);
        assert_eq!(status(read(endless(11), 10_000).await), 413);
        assert_eq!(status(read(Body::from(vec![0; 10_001]), 10_000).await), 413);

        assert_eq!(status(Room::reserve_of(all, BYTES_MAX)), 429, "the first body is still there");
        let rest = Room::reserve_of(all, BYTES_MAX - 10_000).unwrap();
        assert_eq!(status(read(endless(1), 10_000).await), 429);
        drop(held);
        read(endless(10), 10_000).await.unwrap();
        drop(rest);
        drop(Room::reserve_of(all, BYTES_MAX).unwrap());
        assert_eq!(status(Room::reserve_of(all, usize::MAX)), 429);
        assert_eq!(status(Room::reserve(usize::MAX)), 429);
    }
}
