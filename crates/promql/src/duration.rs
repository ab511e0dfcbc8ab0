//! Computing lengths of time, when the times of the query are known.

use std::fmt;

use crate::ast::{DurationExpr, DurationKind, Length};
use crate::ops::{DurationOp, Sign};
use crate::span::Span;

/// What `step()` and `range()` stand for: the times of the whole query, also within subqueries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryTimes {
    /// Milliseconds between evaluations; 0 of an instant query.
    pub step_ms: i64,
    /// Milliseconds from the first evaluation to the last; 0 of an instant query.
    pub range_ms: i64,
}

/// Why a length cannot be computed: found before evaluation, but not when the query is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LengthError {
    /// The bytes of the query that are wrong.
    pub span: Span,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.span.start, self.span.end, self.reason)
    }
}

impl std::error::Error for LengthError {}

/// One more than the longest duration: 2^63 nanoseconds, in seconds.
pub(crate) const SECONDS_END: f64 = (1u64 << 63) as f64 / 1e9;

impl Length {
    /// In whole milliseconds, rounded towards zero.
    ///
    /// # Errors
    /// A computed length that divides by zero, is no number, or is too long to be counted in
    /// nanoseconds.
    pub fn ms(&self, times: QueryTimes) -> Result<i64, LengthError> {
        match self {
            Self::Fixed { ns } => Ok(ns / 1_000_000),
            Self::Computed(duration) => duration.ms(times),
        }
    }

    /// As [`Self::ms`], of a range or a step.
    ///
    /// # Errors
    /// As [`Self::ms`], and a computed length that is not longer than nothing.
    pub fn positive_ms(&self, times: QueryTimes) -> Result<i64, LengthError> {
        match self {
            Self::Computed(duration) if duration.seconds(times)? <= 0.0 => {
                duration.wrong("duration must be greater than 0")
            }
            _ => self.ms(times),
        }
    }
}

impl DurationExpr {
    fn ms(&self, times: QueryTimes) -> Result<i64, LengthError> {
        let seconds = self.seconds(times)?;
        if !seconds.is_finite() {
            return self.wrong("duration is NaN or infinite");
        }
        match seconds.abs() >= SECONDS_END {
            true => self.wrong("duration is out of range"),
            false => Ok((seconds * 1000.0) as i64),
        }
    }

    fn seconds(&self, times: QueryTimes) -> Result<f64, LengthError> {
        match &self.kind {
            DurationKind::Number(number) => Ok(number.value),
            DurationKind::Step => Ok(times.step_ms as f64 / 1000.0),
            DurationKind::Range => Ok(times.range_ms as f64 / 1000.0),
            DurationKind::Sign(Sign::Plus, of) => of.seconds(times),
            DurationKind::Sign(Sign::Minus, of) => Ok(-of.seconds(times)?),
            DurationKind::Binary(op, lhs, rhs) => {
                self.combined(*op, lhs.seconds(times)?, rhs.seconds(times)?)
            }
        }
    }

    fn combined(&self, op: DurationOp, lhs: f64, rhs: f64) -> Result<f64, LengthError> {
        match op {
            DurationOp::Add => Ok(lhs + rhs),
            DurationOp::Sub => Ok(lhs - rhs),
            DurationOp::Mul => Ok(lhs * rhs),
            DurationOp::Div if rhs == 0.0 => self.wrong("division by zero"),
            DurationOp::Div => Ok(lhs / rhs),
            DurationOp::Mod if rhs == 0.0 => self.wrong("modulo by zero"),
            DurationOp::Mod => Ok(lhs % rhs),
            DurationOp::Pow => Ok(lhs.powf(rhs)),
            // Unlike `f64::min` and `f64::max`, no number stays no number.
            _ if lhs.is_nan() || rhs.is_nan() => Ok(f64::NAN),
            DurationOp::MinOf => Ok(lhs.min(rhs)),
            DurationOp::MaxOf => Ok(lhs.max(rhs)),
        }
    }

    fn wrong<T>(&self, reason: &'static str) -> Result<T, LengthError> {
        Err(LengthError { span: self.span, reason })
    }
}
