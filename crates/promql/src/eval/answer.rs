//! Answer: what a query evaluates to, or why it does not.

use std::sync::Arc;

use model::{Histogram, Labels};
use storage::SelectError;

use super::annotations::Annotations;
use super::budget::{LABELS_WORK, Stopped};
use crate::{LengthError, ParseError, Text, ValueType};

/// A value of a series.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number.
    Float(f64),
    /// Observations in buckets.
    Histogram(Arc<Histogram>),
}

impl Value {
    /// The number, if it is one.
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }

    /// What it takes to compute with it, see [`Budget::work`](super::budget::Budget::work).
    pub(super) fn work(&self) -> usize {
        match self {
            Self::Float(_) => 1,
            Self::Histogram(_) => LABELS_WORK,
        }
    }

    /// Whether two are the same to the bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Histogram(a), Self::Histogram(b)) => a.same_bits(b),
            _ => false,
        }
    }
}

/// A value at a time.
#[derive(Debug, Clone)]
pub struct Point {
    /// Unix milliseconds.
    pub t_ms: i64,
    /// The value.
    pub value: Value,
}

/// A series with one value.
#[derive(Debug, Clone)]
pub struct SeriesValue {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Its value and when it has it.
    pub point: Point,
}

/// A series with the values of a range.
#[derive(Debug, Clone)]
pub struct SeriesPoints {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// In the order of time; never empty.
    pub points: Vec<Point>,
}

/// What a query evaluates to.
#[derive(Debug, Clone)]
pub enum QueryValue {
    /// A number.
    Scalar {
        /// Unix milliseconds.
        t_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text.
    Text {
        /// Unix milliseconds.
        t_ms: i64,
        /// The text.
        text: Text,
    },
    /// Series with one value each, in the order of evaluation: sorted, if the query sorts.
    Vector(Vec<SeriesValue>),
    /// Series with many values, in the order of their labels.
    Matrix(Vec<SeriesPoints>),
}

impl QueryValue {
    /// How many series it has; a number or a text is none.
    pub fn n_series(&self) -> usize {
        match self {
            Self::Scalar { .. } | Self::Text { .. } => 0,
            Self::Vector(series) => series.len(),
            Self::Matrix(series) => series.len(),
        }
    }
}

/// What a query evaluates to, and what there is to say about it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The value.
    pub value: QueryValue,
    /// Doubts about the query or its data.
    pub annotations: Annotations,
    /// How many samples it took.
    pub samples: SampleStats,
}

/// How many samples a query took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SampleStats {
    /// What all steps looked at together: a sample counts once for each step that it is seen from.
    pub n_queryable: u64,
    /// What was read of the store.
    pub n_read: u64,
    /// The most that were held at once.
    pub n_peak: u64,
}

/// Why a query has no answer. Reads as Prometheus writes it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The text is no query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A length of time cannot be computed.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The query evaluates to what a range query cannot return.
    #[error(
        "invalid expression type \"{found}\" for range query, must be Scalar or instant Vector"
    )]
    RangeOf {
        /// What it evaluates to.
        found: ValueType,
    },
    /// The times of a range query do not make one.
    #[error("{reason}")]
    Times {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The data do not fit the query.
    #[error("{reason}")]
    Execution {
        /// What does not fit.
        reason: String,
    },
    /// More samples at once than a query may hold.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// More series at once than a query may hold.
    #[error("query processing would load too many series into memory in query execution")]
    TooManySeries,
    /// More bytes at once than a query may hold.
    #[error("query processing would take too many bytes of memory in query execution")]
    TooManyBytes,
    /// It was told to stop.
    #[error("{0}")]
    Stopped(Stopped),
    /// The store could not be read.
    #[error(transparent)]
    Select(#[from] SelectError),
}

/// The data do not fit the query.
pub(super) fn unfit<T>(reason: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Execution { reason: reason.into() })
}

/// Two elements of one vector cannot be told apart.
pub(super) fn same_labels<T>() -> Result<T, QueryError> {
    unfit("vector cannot contain metrics with the same labelset")
}
