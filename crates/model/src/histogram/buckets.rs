//! Buckets: a histogram's counts with their bounds, one after the other.

use super::{BucketLayout, BucketSpan, Histogram, SCHEMA_CUSTOM, bounds};

/// How many observations fell between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
    /// Whether an observation at the lower bound counts.
    pub lower_inclusive: bool,
    /// Whether an observation at the upper bound counts.
    pub upper_inclusive: bool,
    /// How many observations there were.
    pub count: f64,
    /// Its place in the schema; 0 for the zero bucket.
    pub index: i32,
}

/// The buckets of one side of a histogram, from 0 outwards.
#[derive(Debug, Clone)]
pub struct Buckets<'h> {
    layout: &'h BucketLayout,
    is_positive: bool,
    spans: &'h [BucketSpan],
    counts: &'h [f64],
    /// The index of the next bucket.
    index: i64,
    /// Buckets that are left of the span before `spans`.
    n_left: u32,
}

impl Buckets<'_> {
    fn bucket(&self, index: i64, count: f64) -> Bucket {
        // Wider only where nothing was checked: the bounds there are infinite or 0 anyway.
        let index = i32::try_from(index).unwrap_or(if index < 0 { i32::MIN } else { i32::MAX });
        let inner = bound(self.layout, index.saturating_sub(1));
        let outer = bound(self.layout, index);
        let (lower, upper) = if self.is_positive { (inner, outer) } else { (-outer, -inner) };
        let is_custom = self.layout.schema == SCHEMA_CUSTOM;
        Bucket {
            lower,
            upper,
            lower_inclusive: if is_custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: is_custom || upper > 0.0,
            count,
            index,
        }
    }
}

impl Iterator for Buckets<'_> {
    type Item = Bucket;

    fn next(&mut self) -> Option<Bucket> {
        let (count, counts) = self.counts.split_first()?;
        while self.n_left == 0 {
            let (span, spans) = self.spans.split_first()?;
            self.spans = spans;
            self.index += i64::from(span.offset);
            self.n_left = span.length;
        }
        let bucket = self.bucket(self.index, *count);
        self.counts = counts;
        self.index += 1;
        self.n_left -= 1;
        Some(bucket)
    }
}

impl Histogram {
    /// The buckets above 0, or all custom ones, rising.
    pub fn positive_buckets(&self) -> Buckets<'_> {
        self.side(true, &self.layout.positive_spans, &self.positive)
    }

    /// The buckets below 0, from 0 downwards.
    pub fn negative_buckets(&self) -> Buckets<'_> {
        self.side(false, &self.layout.negative_spans, &self.negative)
    }

    fn side<'h>(
        &'h self,
        is_positive: bool,
        spans: &'h [BucketSpan],
        counts: &'h [f64],
    ) -> Buckets<'h> {
        Buckets { layout: &self.layout, is_positive, spans, counts, index: 0, n_left: 0 }
    }

    /// The bucket around 0.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.layout.zero_threshold,
            upper: self.layout.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// All buckets, rising; the zero bucket only if it counted something. A bucket that reaches
    /// into the zero bucket ends where that begins.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let threshold = self.layout.zero_threshold;
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let clip = move |mut bucket: Bucket| {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            } else if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            bucket
        };
        let below: Vec<Bucket> = self.negative_buckets().map(clip).collect();
        below.into_iter().rev().chain(zero).chain(self.positive_buckets().map(clip))
    }
}

/// The bound above a bucket.
fn bound(layout: &BucketLayout, index: i32) -> f64 {
    if layout.schema != SCHEMA_CUSTOM {
        return bounds::exponential(index, layout.schema);
    }
    match usize::try_from(index) {
        Ok(index) => layout.custom_bounds.get(index).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}
