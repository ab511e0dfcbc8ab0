//! Lines: a body of text on its way into storage, piece by piece as it arrives, so that neither a
//! large page nor a slow sender takes memory or a thread for long.
//!
//! Each piece is decompressed, split into lines, read by the format's [`LineReader`] and appended in
//! batches. A line that is refused is left out and named, all others are stored. The answer comes
//! when everything is durable.

mod decoder;
mod sink;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};
use wire::lines::{LineEnds, Splitter};

use super::memory::Room;
use crate::error::ApiError;
pub(super) use decoder::{Decoder, Encoding};
#[cfg(test)]
use sink::BATCH_SAMPLES as BATCH_TESTED;
pub(super) use sink::{Sink, Told};

/// What the pieces of one body take: a frame, what it is decompressed into, a batch and its labels.
const ROOM_BYTES: usize = 2 << 20;
/// Pieces of plain text up to this size are read where they arrive: a batch of lines takes less time
/// than to wake another thread.
const INLINE_BYTES_MAX: usize = 16 << 10;
/// A sender has this long, and a second more for each [`BYTES_PER_S_MIN`] that it has sent.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
const BYTES_PER_S_MIN: u64 = 16 << 10;

/// Reads the lines of one format.
pub(super) trait LineReader: Send + 'static {
    /// Which line feeds end a line.
    type Ends: LineEnds + Default + Send + 'static;
    /// Bytes of a line.
    const LINE_BYTES_MAX: usize;

    /// Takes a line, given with its number from 1 and without its end.
    ///
    /// # Errors
    /// Nothing can be taken now: what is wrong with a line is told to the sink.
    fn line(&mut self, number: u64, line: &[u8], sink: &mut Sink) -> Result<(), ApiError>;

    /// Learns that there was no line after this one.
    fn finish(&mut self, _n_lines: u64, _sink: &mut Sink) {}
}

/// A body under way. See the head of this file.
pub(super) struct Intake<R: LineReader> {
    decoder: Decoder,
    splitter: Splitter<R::Ends>,
    reader: R,
    sink: Sink,
    _room: Room,
}

impl<R: LineReader> Intake<R> {
    /// For one body.
    ///
    /// # Errors
    /// Others have all the memory that there is for bodies.
    pub(super) fn new(encoding: Encoding, reader: R, sink: Sink) -> Result<Self, ApiError> {
        let room = Room::reserve(ROOM_BYTES + 2 * R::LINE_BYTES_MAX)?;
        let splitter = Splitter::new(R::Ends::default(), R::LINE_BYTES_MAX);
        Ok(Self { decoder: Decoder::new(encoding)?, splitter, reader, sink, _room: room })
    }

    /// Takes the whole body and waits until what was taken of it is durable.
    ///
    /// # Errors
    /// Nothing can be taken now, or the body cannot be read on. What was taken before stays.
    pub(super) async fn run(mut self, body: Body) -> Result<Told, ApiError> {
        let mut frames = body.into_data_stream();
        let mut deadline = Instant::now() + BODY_TIMEOUT;
        loop {
            let frame = match timeout_at(deadline, frames.next()).await {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(self.broken_off(unreadable(&error))),
                Err(_) => return Err(self.broken_off(too_slow())),
            };
            deadline += Duration::from_millis(frame.len() as u64 * 1000 / BYTES_PER_S_MIN);
            self = self.fed(Some(frame)).await?;
            self.sink.settle().await?;
        }
        self.fed(None).await?.sink.durable().await
    }

    /// Takes a piece, or the end, on a thread that may take its time if it takes any.
    async fn fed(self, piece: Option<Bytes>) -> Result<Self, ApiError> {
        let n_bytes = piece.as_ref().map_or(0, Bytes::len);
        let is_short = n_bytes <= INLINE_BYTES_MAX && self.decoder.is_plain();
        let mut intake = self;
        let work = move || intake.feed(piece.as_deref()).map(|()| intake);
        if is_short {
            return work();
        }
        let task = tokio::task::spawn_blocking(work);
        task.await.map_err(|_| ApiError::internal("storing the samples failed"))?
    }

    fn feed(&mut self, piece: Option<&[u8]>) -> Result<(), ApiError> {
        let Self { decoder, splitter, reader, sink, .. } = self;
        let mut each = |number: u64, line: Result<&[u8], _>| match line {
            Ok(line) => reader.line(number, line, sink),
            Err(_) => {
                let reason = format!("longer than {} bytes", R::LINE_BYTES_MAX);
                sink.refuse(number, &reason);
                Ok(())
            }
        };
        let decoded = decoder.decode(piece, &mut |plain| splitter.feed(plain, &mut each));
        let read = match piece {
            Some(_) => decoded,
            None => decoded.and_then(|()| splitter.finish(&mut each)),
        };
        if piece.is_none() && read.is_ok() {
            reader.finish(splitter.number(), sink);
        }
        match (read, piece) {
            (Ok(()), Some(_)) => Ok(()),
            (Ok(()), None) => sink.flush(),
            (Err(error), _) => Err(self.broken_off(error)),
        }
    }

    /// Stores what was read before a fault, and tells the sender where it stands.
    fn broken_off(&mut self, error: ApiError) -> ApiError {
        if let Err(worse) = self.sink.flush() {
            return worse;
        }
        let (n_lines, n_samples) = (self.splitter.number(), self.sink.n_stored());
        error.with_more(&format!("; of {n_lines} lines before, {n_samples} samples were stored"))
    }
}

fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
}

fn unreadable(error: &axum::Error) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))
}

#[cfg(test)]
mod tests;
