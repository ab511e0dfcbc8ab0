//! Parse error: where a query stops being one, what stands there and what was expected.

use std::fmt;

use crate::Span;

/// A place in a query, as an editor shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// Bytes from the line's beginning, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text is no query. Reading stops at the first mistake, so there is one.
///
/// It reads as Prometheus writes it: `1:5: parse error: unexpected <op:*> in aggregation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The bytes that are wrong; of a mistake within a word or text, all from there on.
    pub span: Span,
    /// Where these begin; none in an empty text.
    pub place: Option<Place>,
    /// What was found, where, and what was expected instead.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: ")?,
            None => write!(f, "unknown position: ")?,
        }
        write!(f, "parse error: {}", self.message)
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    /// A mistake at these bytes of this query.
    pub(crate) fn new(query: &str, fault: Fault) -> Self {
        let Fault { span, message } = fault;
        let before = &query.as_bytes()[..span.start.min(query.len())];
        let line_began = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let place = Place {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + before.len() - line_began,
        };
        Self { span, place: (!query.is_empty()).then_some(place), message }
    }
}

/// A mistake before its place is counted in lines.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Boxed, so that what passes through every level of the parser stays small.
pub(crate) type Parsed<T> = Result<T, Box<Fault>>;

/// A mistake.
pub(crate) fn fault<T>(span: Span, message: impl Into<String>) -> Parsed<T> {
    Err(Box::new(Fault { span, message: message.into() }))
}
