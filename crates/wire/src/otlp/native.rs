//! Native: histograms of OpenTelemetry as native histograms of Prometheus.
//!
//! Both kinds of exponential buckets lie at the same bounds. OpenTelemetry counts them one lower,
//! sends them densely from an offset on, and has finer ones, which are put together in twos, fours
//! and so on.

use std::sync::Arc;

use model::{
    BucketLayout, BucketSpan, HISTOGRAM_BUCKETS_MAX, Histogram, HistogramError, SCHEMA_CUSTOM,
    SCHEMA_MAX, SCHEMA_MIN,
};

use super::points::COUNTS_MAX;

/// How far from 0 the zero bucket reaches where the sender does not say: as in Prometheus' own
/// libraries.
const ZERO_THRESHOLD_DEFAULT: f64 = 1e-128;

/// Empty buckets that are written rather than skipped, because a span takes more than they do.
const GAP_MAX: i64 = 2;

/// Why a histogram is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum BadHistogram {
    #[error("an exponential histogram of scale {scale}, which is below {SCHEMA_MIN}")]
    Scale { scale: i32 },
    #[error("a histogram with more than {HISTOGRAM_BUCKETS_MAX} buckets")]
    TooManyBuckets,
    #[error("{n_counts} bucket counts for {n_bounds} bounds")]
    Counts { n_counts: usize, n_bounds: usize },
    #[error("bounds that do not rise")]
    Bounds,
    #[error(transparent)]
    Invalid(#[from] HistogramError),
}

/// The buckets of one side, as sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) offset: i32,
    pub(super) counts: Vec<u64>,
}

/// The point of an exponential histogram, as sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Exponential {
    pub(super) count: u64,
    pub(super) sum: Option<f64>,
    pub(super) scale: i32,
    pub(super) zero_count: u64,
    pub(super) zero_threshold: f64,
    pub(super) positive: Side,
    pub(super) negative: Side,
}

impl Exponential {
    /// As a native histogram.
    pub(super) fn native(&self) -> Result<Histogram, BadHistogram> {
        if self.scale < SCHEMA_MIN.into() {
            return Err(BadHistogram::Scale { scale: self.scale });
        }
        if [&self.positive, &self.negative].iter().any(|side| side.counts.len() > COUNTS_MAX) {
            return Err(BadHistogram::TooManyBuckets);
        }
        let schema = self.scale.min(SCHEMA_MAX.into());
        let shift = self.scale.abs_diff(schema).min(i64::BITS - 1);
        let (positive_spans, positive) = self.positive.buckets(shift)?;
        let (negative_spans, negative) = self.negative.buckets(shift)?;
        let zero_threshold = match self.zero_threshold {
            0.0 => ZERO_THRESHOLD_DEFAULT,
            threshold => threshold,
        };
        let layout = BucketLayout {
            schema: schema as i8,
            zero_threshold,
            positive_spans,
            negative_spans,
            custom_bounds: Vec::new(),
        };
        let sides = [&self.positive.counts, &self.negative.counts];
        let in_buckets = u128::from(self.zero_count)
            + sides.into_iter().flatten().map(|count| u128::from(*count)).sum::<u128>();
        let histogram = Histogram {
            layout: Arc::new(layout),
            count: self.count as f64,
            sum: or_unknown(self.sum),
            zero_count: self.zero_count as f64,
            positive,
            negative,
            ..Histogram::default()
        };
        checked(histogram, self.count, in_buckets)
    }
}

impl Side {
    /// Spans and counts of buckets 2^`shift` times as wide.
    fn buckets(&self, shift: u32) -> Result<(Vec<BucketSpan>, Vec<f64>), BadHistogram> {
        let mut wide: Vec<(i64, u64)> = Vec::new();
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            // Ours counts a bucket by its upper bound, theirs by its lower one.
            let index = ((i64::from(self.offset) + at as i64) >> shift) + 1;
            match wide.last_mut() {
                Some((last, sum)) if *last == index => *sum = sum.saturating_add(*count),
                _ => wide.push((index, *count)),
            }
        }
        spans(wide.into_iter().map(|(index, count)| (index, count as f64)))
    }
}

/// The point of a histogram with bounds, as sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Explicit {
    pub(super) count: u64,
    pub(super) sum: Option<f64>,
    pub(super) counts: Vec<u64>,
    pub(super) bounds: Vec<f64>,
}

impl Explicit {
    /// Whether there is a count for each bucket, and bounds rise.
    pub(super) fn check(&self) -> Result<(), BadHistogram> {
        let (n_counts, n_bounds) = (self.counts.len(), self.bounds.len());
        if n_counts.max(n_bounds) > COUNTS_MAX {
            return Err(BadHistogram::TooManyBuckets);
        }
        if n_counts != n_bounds + 1 && (n_counts, n_bounds) != (0, 0) {
            return Err(BadHistogram::Counts { n_counts, n_bounds });
        }
        match self.bounds.is_sorted_by(|a, b| a < b) && !self.bounds.iter().any(|b| b.is_nan()) {
            true => Ok(()),
            false => Err(BadHistogram::Bounds),
        }
    }

    /// The upper bound of each bucket with how many observations are at or below it, but for the
    /// last, which are all of them.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut total = 0_u64;
        let bounds = self.bounds.iter().zip(&self.counts);
        let sums = bounds.map(move |(bound, count)| {
            total = total.saturating_add(*count);
            (*bound, total)
        });
        sums.filter(|(bound, _)| *bound < f64::INFINITY)
    }

    /// As a native histogram with custom buckets. It has been checked.
    pub(super) fn native(&self) -> Result<Histogram, BadHistogram> {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let counts = counts.map(|(index, count)| (index as i64, *count as f64));
        let (positive_spans, positive) = match self.counts.is_empty() {
            // One bucket for all: it says how many there were.
            true if self.count > 0 => spans([(0, self.count as f64)].into_iter())?,
            _ => spans(counts)?,
        };
        let in_buckets = match self.counts.is_empty() {
            true => self.count.into(),
            false => self.counts.iter().map(|count| u128::from(*count)).sum(),
        };
        let layout = BucketLayout {
            schema: SCHEMA_CUSTOM,
            positive_spans,
            custom_bounds: self.bounds.clone(),
            ..BucketLayout::default()
        };
        let histogram = Histogram {
            layout: Arc::new(layout),
            count: self.count as f64,
            sum: or_unknown(self.sum),
            positive,
            ..Histogram::default()
        };
        checked(histogram, self.count, in_buckets)
    }
}

/// A sum that was not sent is no number: 0 would be a claim.
fn or_unknown(sum: Option<f64>) -> f64 {
    sum.unwrap_or(f64::NAN)
}

fn checked(histogram: Histogram, count: u64, in_buckets: u128) -> Result<Histogram, BadHistogram> {
    histogram.validate()?;
    Histogram::check_whole_counts(histogram.sum, count, in_buckets)?;
    Ok(histogram)
}

/// Spans and counts of buckets that are given with rising indexes.
pub(super) fn spans(
    buckets: impl Iterator<Item = (i64, f64)>,
) -> Result<(Vec<BucketSpan>, Vec<f64>), BadHistogram> {
    let (mut spans, mut counts): (Vec<BucketSpan>, Vec<f64>) = Default::default();
    let mut next = 0_i64;
    for (index, count) in buckets {
        let gap = index - next;
        match spans.last_mut() {
            Some(span) if gap <= GAP_MAX => {
                span.length += gap as u32 + 1;
                counts.extend(std::iter::repeat_n(0.0, gap as usize));
            }
            _ => {
                let offset = i32::try_from(gap).map_err(|_| HistogramError::IndexOverflow)?;
                spans.push(BucketSpan { offset, length: 1 });
            }
        }
        counts.push(count);
        if counts.len() > HISTOGRAM_BUCKETS_MAX {
            return Err(BadHistogram::TooManyBuckets);
        }
        next = index + 1;
    }
    Ok((spans, counts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exponential(scale: i32, offset: i32, counts: &[u64]) -> Exponential {
        Exponential {
            count: counts.iter().sum(),
            sum: Some(1.0),
            scale,
            positive: Side { offset, counts: counts.to_vec() },
            ..Exponential::default()
        }
    }

    /// The buckets that have observations: bounds and counts.
    fn filled(histogram: &Histogram) -> Vec<(f64, f64, f64)> {
        let all = histogram.buckets().filter(|bucket| bucket.count > 0.0);
        all.map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect()
    }

    #[test]
    fn buckets_keep_their_bounds() {
        let native = exponential(0, 1, &[0, 2]).native().unwrap();
        assert_eq!(filled(&native), [(4.0, 8.0, 2.0)]);
        let native = exponential(0, 0, &[3]).native().unwrap();
        assert_eq!(filled(&native), [(1.0, 2.0, 3.0)]);
        let native = exponential(-4, -1, &[1, 1]).native().unwrap();
        assert_eq!(filled(&native), [(1.0 / 65536.0, 1.0, 1.0), (1.0, 65536.0, 1.0)]);
        let both = Exponential {
            count: 6,
            zero_count: 1,
            negative: Side { offset: 1, counts: vec![2] },
            ..exponential(0, 0, &[3])
        };
        let native = both.native().unwrap();
        assert_eq!(native.zero_count, 1.0);
        assert_eq!(native.layout.zero_threshold, ZERO_THRESHOLD_DEFAULT);
        assert_eq!(filled(&native)[0], (-4.0, -2.0, 2.0));
        let wide = Exponential { zero_threshold: 0.5, ..both };
        assert_eq!(wide.native().unwrap().layout.zero_threshold, 0.5);
    }

    #[test]
    fn empty_buckets_take_no_room() {
        let mut counts = vec![0; 1000];
        (counts[10], counts[13], counts[17], counts[900]) = (1, 2, 3, 4);
        let native = exponential(5, -20, &counts).native().unwrap();
        let span = |offset, length| BucketSpan { offset, length };
        assert_eq!(native.layout.positive_spans, [span(-9, 4), span(3, 1), span(882, 1)]);
        assert_eq!(native.positive, [1.0, 0.0, 0.0, 2.0, 3.0, 4.0]);
        let nothing = exponential(5, 7, &[]).native().unwrap();
        assert!(nothing.layout.positive_spans.is_empty() && nothing.count == 0.0);
    }

    #[test]
    fn finer_scales_are_made_coarser_and_coarser_ones_refused() {
        let fine = exponential(20, -1, &[1, 1]).native().unwrap();
        assert_eq!(fine.layout.schema, SCHEMA_MAX);
        assert_eq!(fine.positive, [1.0, 1.0]);
        assert_eq!(fine.layout.positive_spans, [BucketSpan { offset: 0, length: 2 }]);
        let finest = exponential(i32::MAX, i32::MIN, &[1; 100]).native().unwrap();
        assert_eq!((finest.count, &finest.positive[..]), (100.0, &[100.0][..]));
        let error = exponential(-5, 0, &[1]).native().unwrap_err().to_string();
        assert_eq!(error, "an exponential histogram of scale -5, which is below -4");
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let wrong = Exponential { count: 5, ..exponential(0, 0, &[1]) };
        assert!(wrong.native().unwrap_err().to_string().contains("Count field is 5"));
        let far = exponential(0, i32::MAX, &[1, 1]);
        assert!(far.native().is_err());
        let many = exponential(8, 0, &[1; HISTOGRAM_BUCKETS_MAX + 1]);
        assert_eq!(many.native().unwrap_err(), BadHistogram::TooManyBuckets);
        let below_zero = Exponential { zero_threshold: -1.0, ..exponential(0, 0, &[1]) };
        assert!(below_zero.native().is_err());
    }

    #[test]
    fn a_sum_that_was_not_sent_is_no_number() {
        let unknown = Exponential { sum: None, ..exponential(0, 0, &[1]) };
        assert!(unknown.native().unwrap().sum.is_nan());
    }

    #[test]
    fn bounds_become_custom_buckets() {
        let explicit = |counts: &[u64], bounds: &[f64]| Explicit {
            count: counts.iter().sum(),
            sum: Some(2.0),
            counts: counts.to_vec(),
            bounds: bounds.to_vec(),
        };
        let native = explicit(&[1, 0, 2], &[0.5, 1.0]).native().unwrap();
        assert_eq!(filled(&native), [(f64::NEG_INFINITY, 0.5, 1.0), (1.0, f64::INFINITY, 2.0)]);
        let all_in_one = Explicit { count: 3, ..Explicit::default() };
        let native = all_in_one.native().unwrap();
        assert_eq!(filled(&native), [(f64::NEG_INFINITY, f64::INFINITY, 3.0)]);
        assert_eq!(
            explicit(&[1, 2, 3], &[1.0, 2.0]).cumulative().collect::<Vec<_>>(),
            [(1.0, 1), (2.0, 3)]
        );
        assert_eq!(explicit(&[1, 2], &[f64::INFINITY]).cumulative().count(), 0);
        for (counts, bounds) in [
            (&[1][..], &[1.0][..]),
            (&[], &[1.0]),
            (&[1, 2, 3], &[1.0, 1.0]),
            (&[1, 2], &[f64::NAN]),
        ] {
            assert!(explicit(counts, bounds).check().is_err(), "{counts:?} {bounds:?}");
        }
        assert!(explicit(&[], &[]).check().is_ok() && explicit(&[4], &[]).check().is_ok());
    }

    proptest! {
        /// However fine, each observation stays between the same bounds of our finest schema.
        #[test]
        fn no_observation_moves(
            scale in -4_i32..21,
            offset in -5000_i32..5000,
            counts in prop::collection::vec(0_u64..4, 0..200),
        ) {
            let native = exponential(scale, offset, &counts).native().unwrap();
            let schema = i32::from(native.layout.schema);
            let total: f64 = native.positive.iter().sum();
            prop_assert_eq!(total, native.count);
            let mut found = native.positive_buckets().filter(|bucket| bucket.count > 0.0);
            let mut expected = std::collections::BTreeMap::<i32, u64>::new();
            for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let lower = f64::from(offset + at as i32) * (-f64::from(scale)).exp2();
                let index = (lower * f64::from(schema).exp2()).floor() as i32 + 1;
                *expected.entry(index).or_default() += count;
            }
            for (index, count) in expected {
                let bucket = found.next().unwrap();
                prop_assert_eq!((bucket.index, bucket.count), (index, count as f64));
            }
            prop_assert!(found.next().is_none());
        }
    }
}
