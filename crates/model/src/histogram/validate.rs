//! Validation: what a histogram must be before anything is done with it. The rules and their words
//! are those of Prometheus, so that a sender reads the same reason from both.

use std::fmt;

use super::{
    BucketLayout, BucketSpan, HISTOGRAM_BUCKETS_MAX, HISTOGRAM_SPANS_MAX, Histogram, SCHEMA_CUSTOM,
    SCHEMA_MAX, SCHEMA_MIN,
};

/// What is wrong with a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HistogramError {
    /// A schema that nobody has defined.
    Schema(i32),
    /// A span after the first goes back, or one of custom buckets begins below the first bound.
    NegativeOffset {
        /// Which span, from 1.
        n_span: usize,
        /// Its offset.
        offset: i32,
    },
    /// Spans and counts do not belong together.
    SpansMismatch {
        /// Buckets of the spans.
        n_spanned: u64,
        /// Counts that there are.
        n_counts: u64,
    },
    /// More buckets than are taken.
    TooManyBuckets,
    /// More spans than are taken.
    TooManySpans,
    /// An index that exceeds 32 bits.
    IndexOverflow,
    /// A bucket counts less than nothing.
    NegativeBucket {
        /// Which one, from 1.
        n_bucket: usize,
        /// Its count.
        count: f64,
    },
    /// The zero bucket counts less than nothing.
    NegativeZeroCount(f64),
    /// There were fewer observations than none.
    NegativeCount(f64),
    /// The zero bucket is as wide as no number says.
    ZeroThreshold(f64),
    /// Buckets count more than the histogram does.
    CountTooSmall {
        /// Observations in buckets.
        in_buckets: u128,
        /// Observations in all.
        count: u64,
    },
    /// Buckets count something else than the histogram does, and no observation was NaN.
    CountMismatch {
        /// Observations in buckets.
        in_buckets: u128,
        /// Observations in all.
        count: u64,
    },
    /// Custom bounds do not rise.
    BoundsNotRising {
        /// A bound.
        before: f64,
        /// The one after it.
        after: f64,
    },
    /// A custom bound is infinite.
    BoundInfinite,
    /// A custom bound is no number.
    BoundNan,
    /// Spans reach beyond the last custom bound.
    BoundsTooFew {
        /// Custom bounds that there are.
        n_bounds: usize,
        /// Buckets that they would have to end.
        n_spanned: u64,
    },
    /// More custom bounds than there may be buckets.
    TooManyBounds,
    /// Custom buckets with a zero bucket.
    CustomZero,
    /// Custom buckets with a negative side.
    CustomNegative,
    /// Custom bounds beside an exponential schema.
    BoundsUnused,
}

impl fmt::Display for HistogramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(schema) => write!(
                f,
                "histogram has an invalid schema, which must be between {SCHEMA_MIN} and \
                 {SCHEMA_MAX} for exponential buckets, or {SCHEMA_CUSTOM} for custom buckets, \
                 got schema {schema}"
            ),
            Self::NegativeOffset { n_span, offset } => write!(
                f,
                "span number {n_span} with offset {offset}: \
                 histogram has a span whose offset is negative"
            ),
            Self::SpansMismatch { n_spanned, n_counts } => write!(
                f,
                "spans need {n_spanned} buckets, have {n_counts} buckets: \
                 histogram spans specify different number of buckets than provided"
            ),
            Self::TooManyBuckets => {
                write!(f, "histogram has more than {HISTOGRAM_BUCKETS_MAX} buckets")
            }
            Self::TooManySpans => write!(f, "histogram has more than {HISTOGRAM_SPANS_MAX} spans"),
            Self::IndexOverflow => f.write_str("histogram has a bucket index of more than 32 bits"),
            Self::NegativeBucket { n_bucket, count } => write!(
                f,
                "bucket number {n_bucket} has observation count of {count}: \
                 histogram has a bucket whose observation count is negative"
            ),
            Self::NegativeZeroCount(count) => write!(
                f,
                "zero bucket has observation count of {count}: \
                 histogram has a bucket whose observation count is negative"
            ),
            Self::NegativeCount(count) => {
                write!(f, "observation count is {count}: histogram's observation count is negative")
            }
            Self::ZeroThreshold(width) => write!(f, "histogram has a zero threshold of {width}"),
            Self::CountTooSmall { in_buckets, count } => write!(
                f,
                "{in_buckets} observations found in buckets, but the Count field is {count}: \
                 histogram's observation count should be at least the number of observations \
                 found in the buckets"
            ),
            Self::CountMismatch { in_buckets, count } => write!(
                f,
                "{in_buckets} observations found in buckets, but the Count field is {count}: \
                 histogram's observation count should equal the number of observations found in \
                 the buckets (in absence of NaN)"
            ),
            Self::BoundsNotRising { before, after } => write!(
                f,
                "custom buckets: previous bound is {before} and current is {after}: \
                 histogram custom bounds must be in strictly increasing order"
            ),
            Self::BoundInfinite => {
                f.write_str("custom buckets: histogram custom bounds must be finite")
            }
            Self::BoundNan => {
                f.write_str("custom buckets: histogram custom bounds must not be NaN")
            }
            Self::BoundsTooFew { n_bounds, n_spanned } => write!(
                f,
                "custom buckets: only {n_bounds} custom bounds defined which is insufficient to \
                 cover total span length of {n_spanned}: histogram custom bounds are too few"
            ),
            Self::TooManyBounds => {
                write!(f, "custom buckets: more than {HISTOGRAM_BUCKETS_MAX} bounds")
            }
            Self::CustomZero => {
                f.write_str("custom buckets: must have zero count and zero threshold of 0")
            }
            Self::CustomNegative => {
                f.write_str("custom buckets: must not have negative spans or buckets")
            }
            Self::BoundsUnused => {
                f.write_str("histogram with exponential schema must not have custom bounds")
            }
        }
    }
}

impl std::error::Error for HistogramError {}

impl BucketLayout {
    /// Whether these spans and bounds describe buckets that can be taken.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.positive_spans.len() + self.negative_spans.len() > HISTOGRAM_SPANS_MAX {
            return Err(HistogramError::TooManySpans);
        }
        let (n_positive, n_negative) = self.n_buckets();
        if n_positive.saturating_add(n_negative) > HISTOGRAM_BUCKETS_MAX as u64 {
            return Err(HistogramError::TooManyBuckets);
        }
        check_spans(&self.positive_spans)?;
        match self.schema {
            SCHEMA_CUSTOM => self.validate_custom(),
            SCHEMA_MIN..=SCHEMA_MAX => {
                check_spans(&self.negative_spans)?;
                if self.zero_threshold.is_nan() || self.zero_threshold < 0.0 {
                    return Err(HistogramError::ZeroThreshold(self.zero_threshold));
                }
                if self.custom_bounds.is_empty() {
                    Ok(())
                } else {
                    Err(HistogramError::BoundsUnused)
                }
            }
            schema => Err(HistogramError::Schema(schema.into())),
        }
    }

    fn validate_custom(&self) -> Result<(), HistogramError> {
        if !self.negative_spans.is_empty() {
            return Err(HistogramError::CustomNegative);
        }
        if self.zero_threshold != 0.0 {
            return Err(HistogramError::CustomZero);
        }
        check_bounds(&self.custom_bounds)?;
        if let Some(BucketSpan { offset: offset @ ..0, .. }) = self.positive_spans.first() {
            return Err(HistogramError::NegativeOffset { n_span: 1, offset: *offset });
        }
        // No overflow: there are few spans, of 32 bits each.
        let reach = |span: &BucketSpan| u64::from(span.length) + span.offset as u64;
        let n_spanned = self.positive_spans.iter().map(reach).sum();
        let n_bounds = self.custom_bounds.len();
        if n_spanned > n_bounds as u64 + 1 {
            return Err(HistogramError::BoundsTooFew { n_bounds, n_spanned });
        }
        Ok(())
    }
}

impl Histogram {
    /// Whether it is one. That count and buckets agree is not asked: sums of doubles round, so only
    /// whole numbers can be compared, see [`check_whole_counts`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    ///
    /// [`check_whole_counts`]: Self::check_whole_counts
    pub fn validate(&self) -> Result<(), HistogramError> {
        self.layout.validate()?;
        let (n_positive, n_negative) = self.layout.n_buckets();
        for (n_spanned, counts) in [(n_positive, &self.positive), (n_negative, &self.negative)] {
            let n_counts = counts.len() as u64;
            if n_spanned != n_counts {
                return Err(HistogramError::SpansMismatch { n_spanned, n_counts });
            }
            // NaN is not below 0: Prometheus takes it, and what is computed from it is NaN.
            if let Some(at) = counts.iter().position(|count| *count < 0.0) {
                return Err(HistogramError::NegativeBucket { n_bucket: at + 1, count: counts[at] });
            }
        }
        if self.has_custom_bounds() && self.zero_count != 0.0 {
            return Err(HistogramError::CustomZero);
        }
        if self.zero_count < 0.0 {
            return Err(HistogramError::NegativeZeroCount(self.zero_count));
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount(self.count));
        }
        Ok(())
    }

    /// Whether whole counts add up: to `count`, or to no more if an observation was NaN, which no
    /// bucket counts. They are asked for as whole numbers because doubles may have rounded them.
    ///
    /// # Errors
    /// They do not.
    pub fn check_whole_counts(
        sum: f64,
        count: u64,
        in_buckets: u128,
    ) -> Result<(), HistogramError> {
        match in_buckets.cmp(&u128::from(count)) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less if sum.is_nan() => Ok(()),
            _ if sum.is_nan() => Err(HistogramError::CountTooSmall { in_buckets, count }),
            _ => Err(HistogramError::CountMismatch { in_buckets, count }),
        }
    }
}

fn check_spans(spans: &[BucketSpan]) -> Result<(), HistogramError> {
    let mut index = 0_i64;
    for (at, span) in spans.iter().enumerate() {
        let offset = span.offset;
        if at > 0 && offset < 0 {
            return Err(HistogramError::NegativeOffset { n_span: at + 1, offset });
        }
        index += i64::from(offset) + i64::from(span.length);
        if index > i64::from(i32::MAX) {
            return Err(HistogramError::IndexOverflow);
        }
    }
    Ok(())
}

fn check_bounds(bounds: &[f64]) -> Result<(), HistogramError> {
    if bounds.len() > HISTOGRAM_BUCKETS_MAX {
        return Err(HistogramError::TooManyBounds);
    }
    if bounds.iter().any(|bound| bound.is_nan()) {
        return Err(HistogramError::BoundNan);
    }
    if bounds.iter().any(|bound| bound.is_infinite()) {
        return Err(HistogramError::BoundInfinite);
    }
    match bounds.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(HistogramError::BoundsNotRising { before: pair[0], after: pair[1] }),
        None => Ok(()),
    }
}
