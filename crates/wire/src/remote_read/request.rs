//! Request: what to fetch.

use model::{MatchOp, Matcher};

use super::message::{put_bytes, put_number, put_varint};

/// Answers that we take: in frames, else in one piece.
const STREAMED_XOR_CHUNKS: u64 = 1;
const SAMPLES: u64 = 0;

/// Series within a time range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The first moment, Unix milliseconds.
    pub start_ms: i64,
    /// The last moment, inclusive, Unix milliseconds.
    pub end_ms: i64,
    /// What the series meet, all of it.
    pub matchers: Vec<Matcher>,
}

/// The body of a request, a snappy block.
pub fn encode_request(query: &Query) -> Vec<u8> {
    let mut inner = Vec::new();
    put_number(&mut inner, 1, query.start_ms.cast_unsigned());
    put_number(&mut inner, 2, query.end_ms.cast_unsigned());
    for matcher in &query.matchers {
        put_bytes(&mut inner, 3, &encode_matcher(matcher));
    }
    let mut message = Vec::new();
    put_bytes(&mut message, 1, &inner);
    for accepted in [STREAMED_XOR_CHUNKS, SAMPLES] {
        put_varint(&mut message, 2 << 3);
        put_varint(&mut message, accepted);
    }
    let compressed = snap::raw::Encoder::new().compress_vec(&message);
    compressed.expect("a request is far below 4 GiB")
}

fn encode_matcher(matcher: &Matcher) -> Vec<u8> {
    let kind = match matcher.op() {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Match => 2,
        MatchOp::NoMatch => 3,
    };
    let mut out = Vec::new();
    put_number(&mut out, 1, kind);
    put_bytes(&mut out, 2, matcher.name.as_bytes());
    put_bytes(&mut out, 3, matcher.value().as_bytes());
    out
}
