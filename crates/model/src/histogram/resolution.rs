//! Resolution: a coarser schema for the same observations. Each bucket of a coarser schema holds
//! whole buckets of the finer one, so nothing but detail is lost.

use std::sync::Arc;

use super::{BucketSpan, Histogram, SCHEMA_CUSTOM};

impl Histogram {
    /// The same observations in the buckets of a coarser schema; itself if it is no finer than that
    /// or has custom bounds. Also for schemas above [`SCHEMA_MAX`](super::SCHEMA_MAX), which are
    /// reserved: they follow the same rule.
    #[must_use]
    pub fn coarser(mut self, schema: i8) -> Self {
        let layout = &self.layout;
        if layout.schema == SCHEMA_CUSTOM || layout.schema <= schema {
            return self;
        }
        let shift = (i32::from(layout.schema) - i32::from(schema)).min(63) as u32;
        let mut coarse = (**layout).clone();
        coarse.schema = schema;
        (coarse.positive_spans, self.positive) =
            merge(&layout.positive_spans, &self.positive, shift);
        (coarse.negative_spans, self.negative) =
            merge(&layout.negative_spans, &self.negative, shift);
        self.layout = Arc::new(coarse);
        self
    }
}

/// Spans and counts of buckets 2^`shift` times as wide.
fn merge(spans: &[BucketSpan], counts: &[f64], shift: u32) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut coarse: Vec<BucketSpan> = Vec::new();
    let mut sums: Vec<f64> = Vec::with_capacity(counts.len());
    let mut counts = counts.iter();
    let mut index = 0_i64;
    let mut last: Option<i64> = None;
    for span in spans {
        index += i64::from(span.offset);
        // Fewer counts than the spans ask for are as many buckets fewer.
        for count in counts.by_ref().take(span.length as usize) {
            let target = ((index - 1) >> shift) + 1;
            index += 1;
            match (last, coarse.last_mut(), sums.last_mut()) {
                (Some(last), _, Some(sum)) if last == target => *sum += count,
                (Some(last), Some(span), _) if last + 1 == target => {
                    span.length += 1;
                    sums.push(*count);
                }
                (last, ..) => {
                    // Closer to 0 or to each other than the fine indexes, which have 32 bits.
                    let offset = last.map_or(target, |last| target - last - 1) as i32;
                    coarse.push(BucketSpan { offset, length: 1 });
                    sums.push(*count);
                }
            }
            last = Some(target);
        }
    }
    (coarse, sums)
}
