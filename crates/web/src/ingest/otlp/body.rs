//! Body: a message as it was sent, with what its headers say of it, and how it is unpacked.

use std::borrow::Cow;
use std::io::Read as _;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use wire::otlp::{Encoding, from_json};

use super::BYTES_MAX;
use crate::error::ApiError;
use crate::ingest::memory::{HeldBody, Room};

/// Room is taken in parts of this size while a body is decompressed: its end tells how large it is.
const PART_BYTES: usize = 256 << 10;

/// A message that has arrived.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) encoding: Encoding,
    pub(super) bytes: Bytes,
    is_gzip: bool,
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
    let is_gzip = match text(headers, &header::CONTENT_ENCODING)? {
        "" => false,
        word if word.eq_ignore_ascii_case("identity") => false,
        word if word.eq_ignore_ascii_case("gzip") => true,
        _ => return Err(unsupported("Content-Encoding must be gzip or absent")),
    };
    let held = HeldBody::read(body, BYTES_MAX).await?;
    let bytes = held.bytes.clone();
    Ok(Sent { encoding, bytes, is_gzip, room: Room::reserve(0)?, _held: Some(held) })
}

impl Sent {
    /// A message of protobuf as it is, of which the room is taken elsewhere.
    pub(super) fn plain(bytes: Bytes) -> Result<Self, ApiError> {
        let room = Room::reserve(bytes.len())?;
        Ok(Self { encoding: Encoding::Protobuf, bytes, is_gzip: false, room, _held: None })
    }

    /// Whether to unpack it takes so little that a thread that serves others may do it.
    pub(super) fn is_small(&self, bytes_max: usize) -> bool {
        // Usual messages become five to ten times as large.
        self.bytes.len() <= if self.is_gzip { bytes_max / 8 } else { bytes_max }
    }

    /// The message as protobuf.
    pub(super) fn unpack(&mut self) -> Result<Cow<'_, [u8]>, ApiError> {
        let plain = match self.is_gzip {
            true => Cow::Owned(gunzip(&self.bytes, &mut self.room)?),
            false => Cow::Borrowed(&*self.bytes),
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

/// Decompresses a body, whose size is bounded before each part is written.
fn gunzip(bytes: &[u8], room: &mut Room) -> Result<Vec<u8>, ApiError> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes);
    loop {
        let before = plain.len();
        room.grow(PART_BYTES)?;
        let part = (&mut decoder).take(PART_BYTES as u64).read_to_end(&mut plain);
        part.map_err(|error| {
            ApiError::new(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}"))
        })?;
        if plain.len() > BYTES_MAX {
            let detail = format!("the body is larger than {} MiB, decompressed", BYTES_MAX >> 20);
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        if plain.len() - before < PART_BYTES {
            return Ok(plain);
        }
    }
}
