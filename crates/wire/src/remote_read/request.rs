//! Request: what to fetch, as it is asked and as it is heard.
//!
//! `ReadRequest{queries=1, accepted_response_types=2}`, `Query{start_timestamp_ms=1,
//! end_timestamp_ms=2, matchers=3, hints=4}`, `LabelMatcher{type=1, name=2, value=3}`. The hints are
//! not looked at.

use model::{MatchOp, Matcher, RegexError};

use super::MessageError;
use super::message::{Fields, Value, put_bytes, put_number, put_varint, take_varint};
use crate::remote_write::{BlockError, Opener};

/// Queries of one request. Prometheus asks one.
pub const QUERIES_MAX: usize = 64;
/// Matchers of one query.
pub const MATCHERS_MAX: usize = 256;

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

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// In one piece.
    Sampled,
    /// In frames, whose samples are sealed in chunks.
    Streamed,
}

/// What somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// Series to fetch; each query is answered by itself.
    pub queries: Vec<Query>,
    /// How to answer: what was asked for first and is known.
    pub answer: AnswerKind,
}

/// Why a request cannot be answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// It does not open.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// It is no message.
    #[error("the message is no protobuf of a ReadRequest: {0}")]
    Message(#[from] MessageError),
    /// It asks too much.
    #[error("more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A query without a matcher asks for everything, which nobody means.
    #[error("query {index} has no matcher")]
    NoMatcher {
        /// Which one, from 0.
        index: usize,
    },
    /// A matcher that compares in a way that nobody knows.
    #[error("a matcher has the unknown type {0}")]
    MatcherType(u64),
    /// An expression that is refused.
    #[error(transparent)]
    Regex(#[from] RegexError),
    /// No known kind of answer is taken.
    #[error("none of the accepted response types is known: SAMPLES and STREAMED_XOR_CHUNKS are")]
    NoAnswer,
}

/// Reads a request, a snappy block that holds at most `bytes_max`.
///
/// # Errors
/// See [`RequestError`].
pub fn decode_request(body: &[u8], bytes_max: usize) -> Result<ReadRequest, RequestError> {
    let mut opener = Opener::default();
    let mut fields = Fields(opener.open(body, bytes_max)?);
    let (mut queries, mut accepted) = (Vec::new(), Accepted::default());
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, value) => {
                if queries.len() == QUERIES_MAX {
                    return Err(RequestError::TooMany { what: "queries", max: QUERIES_MAX });
                }
                queries.push(decode_query(value.bytes()?, queries.len())?);
            }
            (2, Value::Bytes(mut row)) => {
                while !row.is_empty() {
                    accepted.take(take_varint(&mut row)?);
                }
            }
            (2, value) => accepted.take(value.number()?),
            _ => {}
        }
    }
    Ok(ReadRequest { queries, answer: accepted.answer()? })
}

/// The kinds of answers that are taken.
#[derive(Default)]
struct Accepted {
    is_any: bool,
    first_known: Option<AnswerKind>,
}

impl Accepted {
    fn take(&mut self, number: u64) {
        self.is_any = true;
        let known = match number {
            SAMPLES => Some(AnswerKind::Sampled),
            STREAMED_XOR_CHUNKS => Some(AnswerKind::Streamed),
            _ => None,
        };
        self.first_known = self.first_known.or(known);
    }

    /// Who says nothing is older than the choice.
    fn answer(&self) -> Result<AnswerKind, RequestError> {
        match self.is_any {
            true => self.first_known.ok_or(RequestError::NoAnswer),
            false => Ok(AnswerKind::Sampled),
        }
    }
}

fn decode_query(message: &[u8], index: usize) -> Result<Query, RequestError> {
    let mut query = Query { start_ms: 0, end_ms: 0, matchers: Vec::new() };
    let mut fields = Fields(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => query.start_ms = value.number()?.cast_signed(),
            2 => query.end_ms = value.number()?.cast_signed(),
            3 if query.matchers.len() == MATCHERS_MAX => {
                return Err(RequestError::TooMany { what: "matchers", max: MATCHERS_MAX });
            }
            3 => query.matchers.push(decode_matcher(value.bytes()?)?),
            _ => {}
        }
    }
    match query.matchers.is_empty() {
        true => Err(RequestError::NoMatcher { index }),
        false => Ok(query),
    }
}

fn decode_matcher(message: &[u8]) -> Result<Matcher, RequestError> {
    let (mut kind, mut name, mut text) = (0, "", "");
    let mut fields = Fields(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => kind = value.number()?,
            2 => name = value.text()?,
            3 => text = value.text()?,
            _ => {}
        }
    }
    let op = match kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Match,
        3 => MatchOp::NoMatch,
        other => return Err(RequestError::MatcherType(other)),
    };
    Ok(Matcher::new(name, op, text)?)
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
