//! Selectors: which series, and of which time. Offsets, ranges and steps are lengths of time, which
//! a query may compute.

use model::Matcher;

use super::{Expr, Number};
use crate::ops::{DurationOp, Sign};
use crate::span::Span;

/// Series at one time: `x{job="a"} @ end() offset 5m`.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric's name, if it stands before the brace. Its matcher is the last one.
    pub name: Option<String>,
    /// In the order of writing. The name may be given by several, in braces.
    pub matchers: Vec<Matcher>,
    /// The time that takes the place of the evaluation time.
    pub at: Option<At>,
    /// How far back; zero if nothing is said.
    pub offset: Length,
    /// Whether samples outside of the range are read.
    pub extension: Option<Extension>,
    /// With modifiers.
    pub span: Span,
}

/// Series over a range of time: `x[5m]`. Time modifiers stand behind the range and belong to the
/// selector within.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// Which series, and when the range ends.
    pub selector: VectorSelector,
    /// How long the range is.
    pub range: Length,
    /// With modifiers.
    pub span: Span,
}

/// An expression evaluated at many times: `rate(x[1m])[1h:5m]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// An instant vector.
    pub expr: Expr,
    /// How long the range is.
    pub range: Length,
    /// The time between evaluations; none stands for the default.
    pub step: Option<Length>,
    /// The time that takes the place of the evaluation time.
    pub at: Option<At>,
    /// How far back; zero if nothing is said.
    pub offset: Length,
    /// With modifiers.
    pub span: Span,
}

/// The time behind `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since 1970.
    Time {
        /// Milliseconds since 1970.
        ms: i64,
    },
    /// `start()`: where the whole query begins.
    Start,
    /// `end()`: where the whole query ends.
    End,
}

/// Which samples outside of the range are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `anchored`: the last one before the range.
    Anchored,
    /// `smoothed`: those next to both ends, interpolated.
    Smoothed,
}

impl Extension {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

/// A length of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// Written as one number or duration.
    Fixed {
        /// Nanoseconds, below zero for an offset into the future.
        ns: i64,
    },
    /// To be computed when the times of the query are known: see [`Length::ms`].
    Computed(Box<DurationExpr>),
}

impl Length {
    /// None at all.
    pub const ZERO: Self = Self::Fixed { ns: 0 };

    /// Whether it was written, as far as a fixed zero tells.
    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// A duration that is computed: `step() * 2`.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationKind,
    /// Whether it stands in parentheses, and prints so.
    pub is_wrapped: bool,
    /// Without the parentheses.
    pub span: Span,
}

/// What a computed duration is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationKind {
    /// Seconds.
    Number(Number),
    /// `step()`: of the whole query, 0 of an instant one.
    Step,
    /// `range()`: from the start of the whole query to its end.
    Range,
    /// A sign. `+` is kept around a number in parentheses alone, so that they print.
    Sign(Sign, Box<DurationExpr>),
    /// An operator, or the smaller or larger one of two.
    Binary(DurationOp, Box<DurationExpr>, Box<DurationExpr>),
}
