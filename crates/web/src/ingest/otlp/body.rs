//! Body: a message as it was sent, with what its headers say of it, and how it is unpacked.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use wire::otlp::{Encoding, from_json};

use super::BYTES_MAX;
use crate::error::ApiError;
use crate::ingest::lines::{Decoder, Encoding as Compression};
use crate::ingest::memory::{HeldBody, Room};

/// A message that has arrived.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) encoding: Encoding,
    pub(super) bytes: Bytes,
    compression: Compression,
    room: Room,
    /// What the bytes take, as long as they are there.
    _held: Option<HeldBody>,
}

/// Reads a request whose headers say that it can be taken.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Sent, ApiError> {
    let encoding = Encoding::from_media_type(text(headers, &header::CONTENT_TYPE)?);
    let encoding = encoding.ok_or_else(|| {
        unsupported("Content-Type must be application/x-protobuf or application/json")
    })?;
    let compression = Compression::of(headers)?;
    let held = HeldBody::read(body, BYTES_MAX).await?;
    let bytes = held.bytes.clone();
    Ok(Sent { encoding, bytes, compression, room: Room::reserve(0)?, _held: Some(held) })
}

impl Sent {
    /// A message of protobuf as it is, of which the room is taken elsewhere.
    pub(super) fn plain(bytes: Bytes) -> Result<Self, ApiError> {
        let room = Room::reserve(bytes.len())?;
        let (encoding, compression) = (Encoding::Protobuf, Compression::Identity);
        Ok(Self { encoding, bytes, compression, room, _held: None })
    }

    /// Whether to unpack it takes so little that a thread that serves others may do it.
    pub(super) fn is_small(&self, bytes_max: usize) -> bool {
        // Usual messages become five to ten times as large.
        let is_plain = self.compression == Compression::Identity;
        self.bytes.len() <= if is_plain { bytes_max } else { bytes_max / 8 }
    }

    /// The message as protobuf.
    pub(super) fn unpack(&mut self) -> Result<Cow<'_, [u8]>, ApiError> {
        let plain = match self.compression {
            Compression::Identity => Cow::Borrowed(&*self.bytes),
            other => Cow::Owned(decompressed(other, &self.bytes, &mut self.room)?),
        };
        match self.encoding {
            Encoding::Protobuf => Ok(plain),
            Encoding::Json => {
                self.room.grow(plain.len())?;
                Ok(Cow::Owned(from_json(&plain)?))
            }
        }
    }
}

/// A header's value; empty if it is absent.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, ApiError> {
    let Some(value) = headers.get(name) else { return Ok("") };
    let value = value.to_str().map_err(|_| unsupported(&format!("{name} is not readable")))?;
    Ok(value.trim())
}

fn unsupported(detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

/// Decompresses a body. Room is taken part by part: its end tells how large it is.
fn decompressed(
    compression: Compression,
    bytes: &[u8],
    room: &mut Room,
) -> Result<Vec<u8>, ApiError> {
    let mut plain = Vec::new();
    let mut take = |part: &[u8]| {
        if plain.len() + part.len() > BYTES_MAX {
            let detail = format!("the body is larger than {} MiB, decompressed", BYTES_MAX >> 20);
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        room.grow(part.len())?;
        plain.extend_from_slice(part);
        Ok(())
    };
    let mut decoder = Decoder::new(compression)?;
    decoder.decode(Some(bytes), &mut take)?;
    decoder.decode(None, &mut take)?;
    Ok(plain)
}
