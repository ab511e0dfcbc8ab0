//! Sketch: observations as a native histogram that grows with them, in bounded memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram};

/// Eight buckets from one power of two to the next: a value is known to 9 %.
const SCHEMA_FIRST: i8 = 3;
/// Buckets of one side. Beyond, two become one, and a value is known half as well.
const BUCKETS_MAX: usize = 160;
/// What is no farther from 0 is 0.
const ZERO_THRESHOLD: f64 = 1e-128;

/// See the head of this file.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    schema: i8,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
    zero_count: f64,
    sum: f64,
}

impl Default for Sketch {
    fn default() -> Self {
        let (positive, negative) = (BTreeMap::new(), BTreeMap::new());
        Self { schema: SCHEMA_FIRST, positive, negative, zero_count: 0.0, sum: 0.0 }
    }
}

impl Sketch {
    /// Takes a finite value that stands for `weight` of them.
    pub(super) fn observe(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        if value.abs() <= ZERO_THRESHOLD {
            self.zero_count += weight;
            return;
        }
        let index = self.index(value.abs());
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        *side.entry(index).or_default() += weight;
        while self.positive.len() > BUCKETS_MAX || self.negative.len() > BUCKETS_MAX {
            self.coarsen();
        }
    }

    /// The bucket whose upper bound is the first not below the value.
    fn index(&self, value: f64) -> i32 {
        (value.log2() * f64::from(self.schema).exp2()).ceil() as i32
    }

    /// Each two buckets become one.
    fn coarsen(&mut self) {
        self.schema -= 1;
        for side in [&mut self.positive, &mut self.negative] {
            let mut merged = BTreeMap::new();
            for (index, count) in std::mem::take(side) {
                // The bound of an even bucket stays; that of an odd one is within the next.
                *merged.entry((index + 1).div_euclid(2)).or_default() += count;
            }
            *side = merged;
        }
    }

    /// All that was observed.
    pub(super) fn histogram(&self) -> Histogram {
        let positive: Vec<f64> = self.positive.values().copied().collect();
        let negative: Vec<f64> = self.negative.values().copied().collect();
        let count = self.zero_count + positive.iter().sum::<f64>() + negative.iter().sum::<f64>();
        let layout = BucketLayout {
            schema: self.schema,
            zero_threshold: ZERO_THRESHOLD,
            positive_spans: spans(self.positive.keys().copied()),
            negative_spans: spans(self.negative.keys().copied()),
            custom_bounds: Vec::new(),
        };
        Histogram {
            layout: Arc::new(layout),
            count,
            sum: self.sum,
            zero_count: self.zero_count,
            positive,
            negative,
            ..Histogram::default()
        }
    }
}

/// Which buckets there are, rising.
fn spans(indexes: impl Iterator<Item = i32>) -> Vec<BucketSpan> {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    for index in indexes {
        match spans.last_mut() {
            Some(last) if index == next => last.length += 1,
            _ => spans.push(BucketSpan { offset: index - next, length: 1 }),
        }
        next = index + 1;
    }
    spans
}

#[cfg(test)]
mod tests {
    use model::Histogram;
    use proptest::prelude::*;

    use super::{BUCKETS_MAX, Sketch};

    fn sketch(values: &[f64]) -> Histogram {
        let mut sketch = Sketch::default();
        for value in values {
            sketch.observe(*value, 1.0);
        }
        sketch.histogram()
    }

    #[test]
    fn values_lie_in_their_buckets() {
        let histogram = sketch(&[1.0, 1.0625, 2.0, 0.0, -4.0, 1.0]);
        assert_eq!((histogram.count, histogram.sum), (6.0, 1.0625));
        assert_eq!(histogram.zero_count, 1.0);
        let found: Vec<(f64, f64)> =
            histogram.positive_buckets().map(|bucket| (bucket.upper, bucket.count)).collect();
        assert_eq!(found, [(1.0, 2.0), (2_f64.powf(0.125), 1.0), (2.0, 1.0)]);
        assert_eq!(histogram.negative, [1.0]);
    }

    #[test]
    fn a_weight_counts_as_often() {
        let mut sketch = Sketch::default();
        sketch.observe(3.0, 10.0);
        let histogram = sketch.histogram();
        assert_eq!((histogram.count, histogram.sum, histogram.positive), (10.0, 30.0, vec![10.0]));
    }

    proptest! {
        #[test]
        fn any_values_are_a_valid_histogram_of_bounded_size(
            values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 0..600),
        ) {
            // Sums of the largest doubles are none any more; nobody measures such.
            let values: Vec<f64> = values.into_iter().filter(|value| value.abs() < 1e300).collect();
            let histogram = sketch(&values);
            histogram.validate().unwrap();
            prop_assert_eq!(histogram.count, values.len() as f64);
            prop_assert!(histogram.positive.len() <= BUCKETS_MAX);
            let in_bucket = |value: f64, bucket: model::Bucket| {
                // A bound that is no power of two is known to its last bits.
                bucket.lower * (1.0 - 1e-9) <= value && value <= bucket.upper * (1.0 + 1e-9)
            };
            for value in values.iter().filter(|value| **value > 1e-128) {
                prop_assert!(histogram.positive_buckets().any(|bucket| in_bucket(*value, bucket)), "{value}");
            }
        }
    }
}
