//! Decoder: a body's bytes as its sender meant them, piece by piece, bounded as sent, in what they
//! become, and in the memory that a format may ask for.

use std::io::{self, Write as _};

use axum::http::{HeaderMap, StatusCode, header};
use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Operation as _};

use crate::error::ApiError;

/// Bytes of a body, as sent.
const SENT_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a body, decompressed.
const PLAIN_BYTES_MAX: u64 = 1 << 30;
/// What is decompressed at once.
const PIECE_BYTES: usize = 64 << 10;
/// What a zstd frame may ask to be kept: 8 MiB, as its specification recommends.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// What a request says of its body.
    ///
    /// # Errors
    /// 415 for another compression.
    pub(in crate::ingest) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let given = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
        match given.unwrap_or_default().to_ascii_lowercase().trim_ascii() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Encoding must be gzip, zstd or absent",
            )),
        }
    }
}

/// See the head of this file.
pub(in crate::ingest) struct Decoder {
    kind: Kind,
    n_sent: u64,
    n_plain: u64,
}

enum Kind {
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd {
        decoder: zstd::stream::raw::Decoder<'static>,
        out: Vec<u8>,
        /// The frame at hand has not ended.
        is_within: bool,
    },
}

/// Takes pieces of plain text.
type Each<'e> = &'e mut dyn FnMut(&[u8]) -> Result<(), ApiError>;

impl Decoder {
    pub(in crate::ingest) fn new(encoding: Encoding) -> Result<Self, ApiError> {
        let kind = match encoding {
            Encoding::Identity => Kind::Identity,
            Encoding::Gzip => Kind::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Encoding::Zstd => {
                let decoder = zstd::stream::raw::Decoder::new().and_then(|mut decoder| {
                    let window = DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX);
                    decoder.set_parameter(window).map(|()| decoder)
                });
                let decoder = decoder.map_err(|error| ApiError::internal(error.to_string()))?;
                Kind::Zstd { decoder, out: vec![0; PIECE_BYTES], is_within: false }
            }
        };
        Ok(Self { kind, n_sent: 0, n_plain: 0 })
    }

    /// Whether it gives back no more than it is given.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::Identity)
    }

    /// Takes a piece, or learns that there is none left, and hands out what it becomes.
    ///
    /// # Errors
    /// Those of `each`; bytes that are not what the sender says; a bound.
    pub(in crate::ingest) fn decode(
        &mut self,
        piece: Option<&[u8]>,
        each: Each<'_>,
    ) -> Result<(), ApiError> {
        let Self { kind, n_sent, n_plain } = self;
        *n_sent += piece.map_or(0, <[u8]>::len) as u64;
        if *n_sent > SENT_BYTES_MAX {
            return Err(too_large("as sent", SENT_BYTES_MAX));
        }
        let mut each = |plain: &[u8]| {
            *n_plain += plain.len() as u64;
            match *n_plain > PLAIN_BYTES_MAX {
                true => Err(too_large("decompressed", PLAIN_BYTES_MAX)),
                false => each(plain),
            }
        };
        match (kind, piece) {
            (Kind::Identity, Some(piece)) => each(piece),
            (Kind::Identity, None) => Ok(()),
            (Kind::Gzip(decoder), Some(piece)) => gunzip(decoder, piece, &mut each),
            (Kind::Gzip(decoder), None) => {
                decoder.try_finish().map_err(|error| corrupt("gzip", &error))?;
                hand_out(decoder.get_mut(), &mut each)
            }
            (Kind::Zstd { decoder, out, is_within }, Some(piece)) => {
                unzstd(decoder, out, is_within, piece, &mut each)
            }
            (Kind::Zstd { is_within: true, .. }, None) => {
                Err(corrupt("zstd", &io::ErrorKind::UnexpectedEof.into()))
            }
            (Kind::Zstd { .. }, None) => Ok(()),
        }
    }
}

/// Each write takes what makes about 32 KiB of text, which is handed out before the next.
fn gunzip(
    decoder: &mut MultiGzDecoder<Vec<u8>>,
    mut piece: &[u8],
    each: Each<'_>,
) -> Result<(), ApiError> {
    while !piece.is_empty() {
        let n_taken = decoder.write(piece).map_err(|error| corrupt("gzip", &error))?;
        hand_out(decoder.get_mut(), each)?;
        piece = &piece[n_taken..];
    }
    Ok(())
}

fn hand_out(plain: &mut Vec<u8>, each: Each<'_>) -> Result<(), ApiError> {
    let handed = each(plain);
    plain.clear();
    handed
}

fn unzstd(
    decoder: &mut zstd::stream::raw::Decoder<'static>,
    out: &mut [u8],
    is_within: &mut bool,
    mut piece: &[u8],
    each: Each<'_>,
) -> Result<(), ApiError> {
    loop {
        let status = decoder.run_on_buffers(piece, out).map_err(|error| corrupt("zstd", &error))?;
        each(&out[..status.bytes_written])?;
        piece = &piece[status.bytes_read..];
        // A hint of nothing more says that a frame has ended, and all of it was handed out.
        let is_idle = status.bytes_read == 0 && status.bytes_written == 0;
        *is_within = status.remaining != 0 && (*is_within || !is_idle);
        if piece.is_empty() && status.bytes_written < out.len() {
            return Ok(());
        }
        if is_idle {
            return Err(corrupt("zstd", &io::ErrorKind::InvalidData.into()));
        }
    }
}

fn corrupt(format: &str, error: &io::Error) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, format!("the body is not {format}: {error}"))
}

fn too_large(what: &str, bytes_max: u64) -> ApiError {
    let detail = format!("the body is larger than {} MiB, {what}", bytes_max >> 20);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use axum::response::IntoResponse as _;
    use flate2::{Compression, write::GzEncoder};

    use super::{Decoder, Encoding};

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(plain: &[u8]) -> Vec<u8> {
        zstd::encode_all(plain, 3).unwrap()
    }

    /// What comes out, or the status.
    fn decode(encoding: Encoding, body: &[u8], piece_bytes: usize) -> Result<Vec<u8>, u16> {
        let mut decoder = Decoder::new(encoding).unwrap();
        let mut plain = Vec::new();
        let pieces = body.chunks(piece_bytes).map(Some).chain([None]);
        for piece in pieces {
            let mut each = |bytes: &[u8]| {
                plain.extend_from_slice(bytes);
                Ok(())
            };
            let decoded = decoder.decode(piece, &mut each);
            decoded.map_err(|error| error.into_response().status().as_u16())?;
        }
        Ok(plain)
    }

    #[test]
    fn bodies_come_out_as_they_were_whatever_the_pieces() {
        let plain: Vec<u8> = (0..300_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for piece_bytes in [1000, 65_536, usize::MAX] {
            let read = |encoding, body: &[u8]| decode(encoding, body, piece_bytes).unwrap();
            assert!(read(Encoding::Identity, &plain) == plain);
            assert!(read(Encoding::Gzip, &gzip(&plain)) == plain);
            assert!(read(Encoding::Zstd, &zstd(&plain)) == plain);
            let twice = [&plain[..9], &plain[..5]].concat();
            let both = |zip: fn(&[u8]) -> Vec<u8>| [zip(&plain[..9]), zip(&plain[..5])].concat();
            assert_eq!(read(Encoding::Gzip, &both(gzip)), twice, "several members");
            assert_eq!(read(Encoding::Zstd, &both(zstd)), twice, "several frames");
        }
        assert_eq!(decode(Encoding::Zstd, &zstd(b"one by one"), 1).unwrap(), b"one by one");
        assert_eq!(decode(Encoding::Gzip, &gzip(b"one by one"), 1).unwrap(), b"one by one");
    }

    #[test]
    fn what_is_cut_off_or_no_such_thing_is_refused() {
        for (encoding, body) in
            [(Encoding::Gzip, gzip(&[7; 5000])), (Encoding::Zstd, zstd(&[7; 5000]))]
        {
            assert_eq!(decode(encoding, b"plain text, not compressed", 1000), Err(400));
            for n in [1, body.len() / 2, body.len() - 1] {
                assert_eq!(decode(encoding, &body[..n], 1000), Err(400), "{encoding:?} {n}");
            }
        }
    }

    #[test]
    fn a_window_larger_than_a_receiver_must_have_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        // Only a frame that does not say how long it is keeps its window.
        encoder.include_contentsize(false).unwrap();
        for _ in 0..100 {
            encoder.write_all(&[1; 100_000]).unwrap();
        }
        assert_eq!(decode(Encoding::Zstd, &encoder.finish().unwrap(), 1000), Err(400));
    }

    /// A gibibyte of zeros is 32 KiB of zstd.
    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..1025 {
            encoder.write_all(&zeros).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 1 << 20);
        let mut decoder = Decoder::new(Encoding::Zstd).unwrap();
        let error = decoder.decode(Some(&bomb), &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.into_response().status(), 413);
    }
}
