//! PromQL: what a query says. Text becomes a tree of checked types, and the tree text again.
//!
//! ```text
//! text --lexer--> tokens --parser--> tree --check--> typed tree --eval--> values
//!                                                     |
//!                                                     +--> print, pretty, json
//! ```
//!
//! The language is that of Prometheus 3 with every experimental function and modifier: durations
//! that are computed, `anchored` and `smoothed` selectors, `fill` of missing partners, histogram
//! trims, `info`, `limitk`. What is accepted, what is refused and in which words follows its parser,
//! so that clients, rules and editors written for it work unchanged.
//!
//! No input is trusted: a text is at most [`QUERY_BYTES_MAX`] bytes, nested [`NESTING_MAX`] levels
//! deep, its tree [`HEIGHT_MAX`] nodes high, and both reading and checking take time linear in the
//! text. What cannot be read is a [`ParseError`] with its place, never a panic.

pub mod ast;
mod check;
mod duration;
mod error;
mod eval;
mod functions;
mod json;
mod lanes;
mod lexer;
mod ops;
mod parser;
mod pretty;
mod print;
mod quote;
mod span;
mod token;

pub use ast::Expr;
pub use duration::{LengthError, QueryTimes};
pub use error::{ParseError, Place};
pub use eval::{
    Annotation, Annotations, Answer, Engine, Options, Point, QueryError, QueryValue, SampleStats,
    SeriesPoints, SeriesValue, StopCheck, Stopped, Value,
};
pub use functions::{FUNCTIONS, Function, ValueType, function};
pub use json::to_json;
pub use lanes::{Lane, LaneFull, LanePlace, LaneWidth, Lanes};
pub use ops::{AggregateOp, BinaryOp, DurationOp, Sign};
pub use parser::{HEIGHT_MAX, NESTING_MAX, QUERY_BYTES_MAX, REGEXES_MAX, parse, parse_selector};
pub use pretty::pretty;
pub use quote::Text;
pub use span::Span;
