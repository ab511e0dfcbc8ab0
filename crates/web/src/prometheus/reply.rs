//! Reply: an answer on its way out, compressed as its reader asked, a piece at a time.
//!
//! A short answer is one piece. A longer one is written by a task of its own that stays at most two
//! pieces ahead of the reader. A reader who takes nothing for a minute is let go, because what was
//! evaluated is held in memory until all of it is written.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use tokio::sync::mpsc;

use super::pieces::Pieces;

/// A piece has about so many bytes before it is compressed.
const PIECE_BYTES: usize = 64 << 10;
/// Shorter answers are not compressed: they fit into a packet.
const COMPRESSED_BYTES_MIN: usize = 1 << 10;
/// A reader who takes no piece for so long is let go.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Pieces that wait for the reader.
const PIECES_WAITING_MAX: usize = 1;
/// Digits and names repeat so much that more effort costs time and saves little.
const GZIP_LEVEL: u32 = 2;
/// As [`GZIP_LEVEL`].
const ZSTD_LEVEL: i32 = 1;

/// How an answer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The best that a request accepts.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
        let clauses = accepted.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        let mut best = (0.0, Self::Plain);
        for clause in clauses {
            let (word, parameters) = clause.split_once(';').unwrap_or((clause, ""));
            let encoding = match word.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => Self::Gzip,
                "zstd" => Self::Zstd,
                _ => continue,
            };
            let weight = weight(parameters);
            // Of two that are as welcome, zstd is smaller and faster.
            if weight > best.0 || weight == best.0 && weight > 0.0 && encoding == Self::Zstd {
                best = (weight, encoding);
            }
        }
        best.1
    }

    fn word(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// How welcome a clause is; 0 is not at all.
fn weight(parameters: &str) -> f32 {
    let weight = parameters.split(';').find_map(|one| one.trim().strip_prefix("q="));
    weight.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0))
}

/// What is written, and as what.
pub(super) struct Reply {
    pub(super) content_type: &'static str,
    pub(super) pieces: Box<dyn Pieces>,
}

impl Reply {
    /// An answer in JSON.
    pub(super) fn json(pieces: impl Pieces + 'static) -> Self {
        Self { content_type: "application/json", pieces: Box::new(pieces) }
    }

    /// The answer, of which the first piece is written now.
    pub(super) fn send(mut self, encoding: Encoding) -> Response {
        let mut plain = Vec::new();
        let has_more = fill(&mut *self.pieces, &mut plain);
        let is_short = !has_more && plain.len() < COMPRESSED_BYTES_MIN;
        let encoding = if is_short { Encoding::Plain } else { encoding };
        let mut press = Press::new(encoding);
        let first = press.press(&plain, !has_more);
        let body = match has_more {
            false => Body::from(first),
            true => streamed(first, self.pieces, press),
        };
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Some(word) = encoding.word() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
        }
        response
    }
}

/// Appends a piece, and says whether more is to come.
fn fill(pieces: &mut dyn Pieces, out: &mut Vec<u8>) -> bool {
    while out.len() < PIECE_BYTES {
        if !pieces.write(out) {
            return false;
        }
    }
    true
}

/// A piece on its way, and whether it is the last.
type Sent = (Vec<u8>, bool);

fn streamed(first: Vec<u8>, pieces: Box<dyn Pieces>, press: Press) -> Body {
    let (sender, mut receiver) = mpsc::channel::<Sent>(PIECES_WAITING_MAX);
    // It ends with the answer, or when nobody reads it any more.
    tokio::spawn(write_out(sender, pieces, press));
    let mut first = Some(first);
    let mut is_whole = false;
    let pieces = stream::poll_fn(move |context| {
        use std::task::Poll::Ready;
        if let Some(first) = first.take() {
            return Ready(Some(Ok(Bytes::from(first))));
        }
        match std::task::ready!(receiver.poll_recv(context)) {
            Some((piece, is_last)) => {
                is_whole |= is_last;
                Ready(Some(Ok(Bytes::from(piece))))
            }
            None if is_whole => Ready(None),
            // Without an error half an answer would look like a whole one.
            None => {
                is_whole = true;
                Ready(Some(Err(std::io::Error::other("the answer was not written to its end"))))
            }
        }
    });
    Body::from_stream(pieces)
}

async fn write_out(sender: mpsc::Sender<Sent>, mut pieces: Box<dyn Pieces>, mut press: Press) {
    loop {
        let mut plain = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
        let is_last = !fill(&mut *pieces, &mut plain);
        let piece = press.press(&plain, is_last);
        if piece.is_empty() && !is_last {
            tokio::task::yield_now().await;
            continue;
        }
        let sent = tokio::time::timeout(STALL_MAX, sender.send((piece, is_last))).await;
        if is_last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// Compresses one piece after the other.
enum Press {
    Plain,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Press {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Plain => Self::Plain,
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Encoding::Zstd => match zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL) {
                Ok(encoder) => Self::Zstd(encoder),
                Err(error) => unreachable!("the level is one that zstd has: {error}"),
            },
        }
    }

    /// What is ready to leave once this has been added; everything, after the last piece.
    fn press(&mut self, plain: &[u8], is_last: bool) -> Vec<u8> {
        const TAKES_ALL: &str = "a Vec takes any bytes";
        match self {
            Self::Plain => plain.to_vec(),
            Self::Gzip(encoder) => {
                encoder.write_all(plain).expect(TAKES_ALL);
                if is_last {
                    encoder.try_finish().expect(TAKES_ALL);
                }
                std::mem::take(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.write_all(plain).expect(TAKES_ALL);
                if is_last {
                    encoder.do_finish().expect(TAKES_ALL);
                }
                std::mem::take(encoder.get_mut())
            }
        }
    }
}

#[cfg(test)]
mod tests;
