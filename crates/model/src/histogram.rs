//! Histogram: how many observations fell between which bounds, as one value of a series.
//!
//! A native histogram of Prometheus carries all its buckets in one sample. The *layout* says where
//! the buckets lie; it changes seldom, so many histograms share one. Counts are doubles, whether
//! they were sent as whole numbers or not: that is exact up to 2^53 and one form less everywhere.
//!
//! Source: <https://prometheus.io/docs/specs/native_histograms/>.

use std::sync::Arc;

pub use buckets::{Bucket, Buckets};
pub use validate::HistogramError;

use crate::STALE_MARKER_BITS;

mod bounds;
mod buckets;
mod resolution;
mod validate;

/// The coarsest exponential schema: each bound is 2^16 times the one before.
pub const SCHEMA_MIN: i8 = -4;
/// The finest exponential schema: 256 buckets from one power of two to the next.
pub const SCHEMA_MAX: i8 = 8;
/// The schema of bounds that the sender chose.
pub const SCHEMA_CUSTOM: i8 = -53;
/// Buckets of both sides together that a histogram may have: 64 KiB of counts.
pub const HISTOGRAM_BUCKETS_MAX: usize = 8192;
/// Spans of both sides together that a histogram may have, empty ones among them.
pub const HISTOGRAM_SPANS_MAX: usize = 8192;

/// What the sender knows of the histogram before this one in the same series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing: who needs to know compares the two.
    #[default]
    Unknown,
    /// The counts began again between the two.
    Reset,
    /// The counts went on between the two.
    NotReset,
    /// The counts may fall: they are no counter's.
    Gauge,
}

/// Buckets without a gap between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct BucketSpan {
    /// In the first span the index of its first bucket; in others, how many indexes lie between it
    /// and the end of the span before, never negative.
    pub offset: i32,
    /// How many buckets there are; may be 0.
    pub length: u32,
}

/// Where the buckets of a histogram lie.
#[derive(Debug, Clone, Default)]
pub struct BucketLayout {
    /// How wide buckets are: [`SCHEMA_MIN`] to [`SCHEMA_MAX`], or [`SCHEMA_CUSTOM`].
    pub schema: i8,
    /// The zero bucket counts what is no farther from 0 than this.
    pub zero_threshold: f64,
    /// Which buckets above 0 there are.
    pub positive_spans: Vec<BucketSpan>,
    /// Which buckets below 0 there are, from 0 downwards.
    pub negative_spans: Vec<BucketSpan>,
    /// The upper bounds of custom buckets, rising; that of the last, infinity, is left out.
    pub custom_bounds: Vec<f64>,
}

impl BucketLayout {
    /// How many counts the spans above and below 0 ask for.
    pub fn n_buckets(&self) -> (u64, u64) {
        let total = |spans: &[BucketSpan]| spans.iter().map(|span| u64::from(span.length)).sum();
        (total(&self.positive_spans), total(&self.negative_spans))
    }

    /// Whether two are the same to the bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && self.positive_spans == other.positive_spans
            && self.negative_spans == other.negative_spans
            && all_same_bits(&self.custom_bounds, &other.custom_bounds)
    }
}

/// Observations of one series up to one moment.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// What the sender knows of the histogram before.
    pub reset_hint: ResetHint,
    /// Where the buckets lie. Neighbours in a series share it as long as it stays.
    pub layout: Arc<BucketLayout>,
    /// How many observations there were, those that are no number among them.
    pub count: f64,
    /// What the observations add up to; the stale marker if the series has ended.
    pub sum: f64,
    /// How many observations fell into the zero bucket.
    pub zero_count: f64,
    /// How many observations fell into each bucket above 0, from 0 upwards.
    pub positive: Vec<f64>,
    /// How many observations fell into each bucket below 0, from 0 downwards.
    pub negative: Vec<f64>,
}

impl Histogram {
    /// What marks a series of histograms as ended.
    pub fn stale_marker() -> Self {
        Self { sum: f64::from_bits(STALE_MARKER_BITS), ..Self::default() }
    }

    /// Whether it is the stale marker rather than observations.
    pub fn is_stale_marker(&self) -> bool {
        self.sum.to_bits() == STALE_MARKER_BITS
    }

    /// Whether its bounds are the sender's own choice.
    pub fn has_custom_bounds(&self) -> bool {
        self.layout.schema == SCHEMA_CUSTOM
    }

    /// Whether the buckets of two lie at the same places.
    pub fn same_layout(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layout, &other.layout) || self.layout.same_bits(&other.layout)
    }

    /// Whether two are the same to the bit, reset hints among it.
    pub fn same_bits(&self, other: &Self) -> bool {
        self.reset_hint == other.reset_hint
            && all_same_bits(&self.heads(), &other.heads())
            && all_same_bits(&self.positive, &other.positive)
            && all_same_bits(&self.negative, &other.negative)
            && self.same_layout(other)
    }

    fn heads(&self) -> [f64; 3] {
        [self.count, self.sum, self.zero_count]
    }
}

impl AsRef<Histogram> for Histogram {
    fn as_ref(&self) -> &Histogram {
        self
    }
}

/// One histogram at one moment.
#[derive(Debug, Clone)]
pub struct HistogramSample {
    /// Unix milliseconds.
    pub t_ms: i64,
    /// Since when the counts count, Unix milliseconds; 0 when the sender did not say.
    pub start_ms: i64,
    /// What was observed until then.
    pub histogram: Arc<Histogram>,
}

impl AsRef<Histogram> for HistogramSample {
    fn as_ref(&self) -> &Histogram {
        &self.histogram
    }
}

impl HistogramSample {
    /// Whether two are the same to the bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        self.t_ms == other.t_ms
            && self.start_ms == other.start_ms
            && self.histogram.same_bits(&other.histogram)
    }
}

/// The bound above bucket `index` of an exponential schema; NaN if there is no such schema.
pub fn exponential_bound(index: i32, schema: i8) -> f64 {
    bounds::exponential(index, schema)
}

fn all_same_bits(some: &[f64], others: &[f64]) -> bool {
    some.iter().map(|value| value.to_bits()).eq(others.iter().map(|value| value.to_bits()))
}

#[cfg(test)]
mod tests;
