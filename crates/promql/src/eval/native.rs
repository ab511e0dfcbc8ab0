//! Native histograms as values to compute with: sums, differences, factors, resets.
//!
//! Buckets lie in maps by their index here, so that two histograms of different layout are brought
//! to one resolution, one zero bucket and one set of bounds before their counts meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, ResetHint, SCHEMA_CUSTOM, exponential_bound};

use super::kahan::KahanSum;

/// A histogram with its buckets by index.
#[derive(Debug, Clone)]
pub(super) struct Native {
    pub(super) hint: ResetHint,
    schema: i8,
    zero_threshold: f64,
    custom_bounds: Vec<f64>,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) zero_count: f64,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
}

/// What there is to say of two histograms that met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meeting {
    /// Their custom bounds differed.
    pub(super) bounds_differed: bool,
    /// One says that its counts began again, the other that they did not.
    pub(super) hints_conflicted: bool,
}

impl From<&Histogram> for Native {
    fn from(histogram: &Histogram) -> Self {
        let layout = &histogram.layout;
        Self {
            hint: histogram.reset_hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            custom_bounds: layout.custom_bounds.clone(),
            count: histogram.count,
            sum: histogram.sum,
            zero_count: histogram.zero_count,
            positive: histogram.positive_buckets().map(|b| (b.index, b.count)).collect(),
            negative: histogram.negative_buckets().map(|b| (b.index, b.count)).collect(),
        }
    }
}

/// Spans and counts of the buckets that are not empty.
fn spans(buckets: &BTreeMap<i32, f64>) -> (Vec<BucketSpan>, Vec<f64>) {
    let (mut spans, mut counts): (Vec<BucketSpan>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut next = 0_i64;
    for (index, count) in buckets.iter().filter(|(_, count)| **count != 0.0) {
        let gap = i64::from(*index) - next;
        match spans.last_mut() {
            Some(span) if gap == 0 => span.length += 1,
            _ => spans.push(BucketSpan { offset: gap as i32, length: 1 }),
        }
        counts.push(*count);
        next = i64::from(*index) + 1;
    }
    (spans, counts)
}

impl Native {
    /// As a value, without empty buckets.
    pub(super) fn into_histogram(self) -> Arc<Histogram> {
        let (positive_spans, positive) = spans(&self.positive);
        let (negative_spans, negative) = spans(&self.negative);
        let layout = BucketLayout {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive_spans,
            negative_spans,
            custom_bounds: self.custom_bounds,
        };
        Arc::new(Histogram {
            reset_hint: self.hint,
            layout: Arc::new(layout),
            count: self.count,
            sum: self.sum,
            zero_count: self.zero_count,
            positive,
            negative,
        })
    }

    pub(super) fn is_custom(&self) -> bool {
        self.schema == SCHEMA_CUSTOM
    }

    pub(super) fn schema(&self) -> i8 {
        self.schema
    }

    /// Before any observation, with buckets as wide as these.
    #[must_use]
    pub(super) fn emptied(&self) -> Self {
        Self {
            schema: self.schema,
            custom_bounds: self.custom_bounds.clone(),
            ..Self::from(&Histogram::default())
        }
    }

    /// Each count and the sum changed in the same way.
    #[must_use]
    pub(super) fn mapped(mut self, change: impl Fn(f64) -> f64) -> Self {
        for value in [&mut self.count, &mut self.sum, &mut self.zero_count] {
            *value = change(*value);
        }
        for count in self.positive.values_mut().chain(self.negative.values_mut()) {
            *count = change(*count);
        }
        self
    }

    /// Times a number. What is turned around is no counter any more.
    #[must_use]
    pub(super) fn times(self, factor: f64) -> Self {
        let mut product = self.mapped(|value| value * factor);
        if factor < 0.0 {
            product.hint = ResetHint::Gauge;
        }
        product
    }

    /// Divided by a number. By 0 no bucket is left, as none would be a number.
    #[must_use]
    pub(super) fn divided(self, by: f64) -> Self {
        let mut quotient = self.mapped(|value| value / by);
        if by < 0.0 {
            quotient.hint = ResetHint::Gauge;
        }
        if by == 0.0 {
            quotient.positive.clear();
            quotient.negative.clear();
        }
        quotient
    }

    /// Both together; `None` if one has custom bounds and the other has not.
    pub(super) fn plus(self, other: Self) -> Option<(Self, Meeting)> {
        let (hint, hints_conflicted) = met_hints(self.hint, other.hint);
        let (mut sum, bounds_differed) = self.combined(other, |a, b| a + b)?;
        sum.hint = hint;
        Some((sum, Meeting { bounds_differed, hints_conflicted }))
    }

    /// This without the other; `None` as of [`Self::plus`]. A difference is no counter.
    pub(super) fn minus(self, other: Self) -> Option<(Self, Meeting)> {
        let (_, hints_conflicted) = met_hints(self.hint, other.hint);
        let (mut difference, bounds_differed) = self.combined(other, |a, b| a - b)?;
        difference.hint = ResetHint::Gauge;
        Some((difference, Meeting { bounds_differed, hints_conflicted }))
    }

    fn combined(mut self, mut other: Self, of: fn(f64, f64) -> f64) -> Option<(Self, bool)> {
        let differed = reconcile(&mut self, &mut other)?;
        self.count = of(self.count, other.count);
        self.sum = of(self.sum, other.sum);
        self.zero_count = of(self.zero_count, other.zero_count);
        let sides = [(&mut self.positive, other.positive), (&mut self.negative, other.negative)];
        for (ours, theirs) in sides {
            for (index, count) in theirs {
                let ours = ours.entry(index).or_insert(0.0);
                *ours = of(*ours, count);
            }
        }
        Some((self, differed))
    }

    /// As [`Self::plus`], with what earlier sums lost, which is told apart again.
    pub(super) fn plus_compensated(
        mut self,
        mut lost: Self,
        mut more: Self,
    ) -> Option<(Self, Self, bool)> {
        let differed = reconcile(&mut self, &mut more)?;
        lost.take_layout(&self);
        self.hint = met_hints(self.hint, more.hint).0;
        let add = |sum: &mut f64, lost: &mut f64, more: f64| {
            let next = KahanSum { sum: *sum, lost: *lost }.plus(more);
            (*sum, *lost) = (next.sum, next.lost);
        };
        add(&mut self.count, &mut lost.count, more.count);
        add(&mut self.sum, &mut lost.sum, more.sum);
        add(&mut self.zero_count, &mut lost.zero_count, more.zero_count);
        let sides = [
            (&mut self.positive, &mut lost.positive, more.positive),
            (&mut self.negative, &mut lost.negative, more.negative),
        ];
        for (ours, lost, theirs) in sides {
            for (index, count) in theirs {
                let ours = ours.entry(index).or_insert(0.0);
                add(ours, lost.entry(index).or_insert(0.0), count);
            }
        }
        Some((self, lost, differed))
    }

    /// Brings it to the layout of another one, which is no finer.
    fn take_layout(&mut self, other: &Self) {
        if self.is_custom() {
            if self.custom_bounds != other.custom_bounds {
                self.keep_bounds(&other.custom_bounds);
            }
            return;
        }
        if self.zero_threshold != other.zero_threshold {
            self.widen_zero(other.zero_threshold);
        }
        self.coarsen(other.schema);
    }

    /// Whether any number holds this.
    fn any(&self, holds: impl Fn(f64) -> bool) -> bool {
        let buckets = self.positive.values().chain(self.negative.values());
        [self.count, self.sum, self.zero_count].iter().chain(buckets).any(|value| holds(*value))
    }

    /// Whether two such may add up to more than a number can be.
    pub(super) fn is_huge(&self) -> bool {
        self.any(|value| value.abs() > f64::MAX / 4.0)
    }

    /// Whether any number is infinite.
    pub(super) fn is_infinite(&self) -> bool {
        self.any(f64::is_infinite)
    }

    /// Whether the counts began again after the histogram before.
    pub(super) fn is_reset_after(&self, before: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < before.count || self.is_custom() != before.is_custom() {
            return true;
        }
        if self.schema > before.schema || self.zero_threshold < before.zero_threshold {
            return true;
        }
        let (mut now, mut before) = (self.clone(), before.clone());
        if reconcile(&mut now, &mut before).is_none() || now.zero_threshold > self.zero_threshold {
            return true;
        }
        let fell = |now: &BTreeMap<i32, f64>, before: &BTreeMap<i32, f64>| {
            before.iter().any(|(index, count)| now.get(index).copied().unwrap_or(0.0) < *count)
        };
        now.zero_count < before.zero_count
            || fell(&now.positive, &before.positive)
            || fell(&now.negative, &before.negative)
    }

    /// Visits each bucket but the zero bucket, from 0 upwards and then from 0 downwards: its bounds,
    /// which may reach into the zero bucket, and its count.
    pub(super) fn for_each_bucket(&mut self, mut visit: impl FnMut(f64, f64, &mut f64)) {
        if self.is_custom() {
            let bounds = &self.custom_bounds;
            for (index, count) in &mut self.positive {
                let place = usize::try_from(*index).unwrap_or(0);
                let bound = |place: usize| bounds.get(place).copied();
                let lower = place
                    .checked_sub(1)
                    .map_or(f64::NEG_INFINITY, |before| bound(before).unwrap_or(f64::INFINITY));
                visit(lower, bound(place).unwrap_or(f64::INFINITY), count);
            }
            return;
        }
        let schema = self.schema;
        let bounds = |index: i32| {
            (exponential_bound(index.saturating_sub(1), schema), exponential_bound(index, schema))
        };
        for (index, count) in &mut self.positive {
            let (lower, upper) = bounds(*index);
            visit(lower, upper, count);
        }
        for (index, count) in &mut self.negative {
            let (inner, outer) = bounds(*index);
            visit(-outer, -inner, count);
        }
    }

    /// Between which values the zero bucket's observations are taken to be: on one side of 0 alone,
    /// if all others are on that side.
    pub(super) fn zero_bounds(&self) -> (f64, f64) {
        let is_there = |side: &BTreeMap<i32, f64>| side.values().any(|count| *count != 0.0);
        let threshold = self.zero_threshold;
        match (is_there(&self.negative), is_there(&self.positive)) {
            (true, false) => (-threshold, 0.0),
            (false, true) => (0.0, threshold),
            _ => (-threshold, threshold),
        }
    }

    /// Coarser, if it is finer than this schema.
    pub(super) fn coarsen(&mut self, schema: i8) {
        let shift = (i32::from(self.schema) - i32::from(schema)).clamp(0, 31);
        if shift == 0 {
            return;
        }
        self.schema = schema;
        for side in [&mut self.positive, &mut self.negative] {
            for (index, count) in std::mem::take(side) {
                let target = ((i64::from(index) - 1) >> shift) + 1;
                *side.entry(target as i32).or_insert(0.0) += count;
            }
        }
    }

    /// Widens the zero bucket to this threshold, or to the end of the last bucket that it would cut.
    fn widen_zero(&mut self, threshold: f64) {
        // A bucket may reach into the zero bucket as it is.
        if threshold <= self.zero_threshold {
            return;
        }
        let (mut threshold, schema) = (threshold, self.schema);
        for side in [&self.positive, &self.negative] {
            for (index, _) in side.iter().filter(|(_, count)| **count != 0.0) {
                let lower = exponential_bound(index.saturating_sub(1), schema);
                let upper = exponential_bound(*index, schema);
                if lower < threshold && upper > threshold {
                    threshold = upper;
                }
            }
        }
        self.zero_threshold = threshold;
        let mut swallowed = 0.0;
        for side in [&mut self.positive, &mut self.negative] {
            side.retain(|index, count| {
                let is_within = exponential_bound(*index, schema) <= threshold;
                if is_within {
                    swallowed += *count;
                }
                !is_within
            });
        }
        self.zero_count += swallowed;
    }

    /// Keeps these of its custom bounds; counts go to the next one that is kept.
    fn keep_bounds(&mut self, kept: &[f64]) {
        let bounds = std::mem::replace(&mut self.custom_bounds, kept.to_vec());
        for (index, count) in std::mem::take(&mut self.positive) {
            let place = usize::try_from(index).unwrap_or(0);
            let target = match bounds.get(place) {
                Some(bound) => kept.partition_point(|kept| kept < bound),
                None => kept.len(),
            };
            *self.positive.entry(target as i32).or_insert(0.0) += count;
        }
    }
}

/// Brings two histograms to the same layout; whether their custom bounds differed, or `None` if
/// only one has custom bounds.
fn reconcile(a: &mut Native, b: &mut Native) -> Option<bool> {
    if a.is_custom() != b.is_custom() {
        return None;
    }
    if a.is_custom() {
        if a.custom_bounds == b.custom_bounds {
            return Some(false);
        }
        let common: Vec<f64> = a
            .custom_bounds
            .iter()
            .copied()
            .filter(|bound| b.custom_bounds.contains(bound))
            .collect();
        a.keep_bounds(&common);
        b.keep_bounds(&common);
        return Some(true);
    }
    // Zero buckets first: in the finer buckets less is cut.
    while a.zero_threshold != b.zero_threshold {
        let threshold = a.zero_threshold.max(b.zero_threshold);
        if threshold.is_nan() {
            break;
        }
        a.widen_zero(threshold);
        b.widen_zero(threshold);
    }
    let schema = a.schema.min(b.schema);
    a.coarsen(schema);
    b.coarsen(schema);
    Some(false)
}

/// What is known of a sum's counts, and whether the two contradict each other.
pub(super) fn met_hints(a: ResetHint, b: ResetHint) -> (ResetHint, bool) {
    use ResetHint::{Gauge, Unknown};
    if a == b {
        return (a, false);
    }
    if a == Gauge || b == Gauge {
        return (Gauge, false);
    }
    (Unknown, a != Unknown && b != Unknown)
}

/// Whether two are equal, whatever they know of the ones before.
pub(super) fn are_equal(a: &Histogram, b: &Histogram) -> bool {
    let plain = |histogram: &Histogram| {
        let mut native = Native::from(histogram);
        native.hint = ResetHint::Unknown;
        native.into_histogram()
    };
    plain(a).same_bits(&plain(b))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{BucketLayout, BucketSpan, Histogram, ResetHint, SCHEMA_CUSTOM};

    use super::{Native, are_equal};

    /// Of a schema, with buckets above 0 from index 1 on.
    fn histogram(schema: i8, zero_threshold: f64, counts: &[f64]) -> Histogram {
        let span = BucketSpan { offset: 1, length: counts.len() as u32 };
        let layout = BucketLayout {
            schema,
            zero_threshold,
            positive_spans: vec![span],
            ..Default::default()
        };
        let count = counts.iter().sum();
        let positive = counts.to_vec();
        Histogram { layout: Arc::new(layout), count, sum: count, positive, ..Default::default() }
    }

    fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
        let span = BucketSpan { offset: 0, length: counts.len() as u32 };
        let layout = BucketLayout {
            schema: SCHEMA_CUSTOM,
            positive_spans: vec![span],
            custom_bounds: bounds.to_vec(),
            ..Default::default()
        };
        let positive = counts.to_vec();
        let count = counts.iter().sum();
        Histogram { layout: Arc::new(layout), count, positive, ..Default::default() }
    }

    fn plus(a: &Histogram, b: &Histogram) -> Arc<Histogram> {
        Native::from(a).plus(Native::from(b)).expect("both are of one kind").0.into_histogram()
    }

    #[test]
    fn sums_have_the_coarser_resolution() {
        let sum = plus(&histogram(0, 0.0, &[1.0, 2.0]), &histogram(1, 0.0, &[1.0, 1.0, 5.0]));
        assert_eq!(sum.layout.schema, 0);
        assert_eq!(sum.positive, [3.0, 7.0]);
        assert_eq!(sum.count, 10.0);
    }

    #[test]
    fn the_wider_zero_bucket_swallows_what_it_cuts() {
        // Buckets (1,2] and (2,4]: a zero bucket up to 1.5 grows to 2.
        let sum = plus(&histogram(0, 0.0, &[1.0, 2.0]), &histogram(0, 1.5, &[]));
        assert_eq!((sum.layout.zero_threshold, sum.zero_count), (2.0, 1.0));
        assert_eq!(sum.positive, [2.0]);
    }

    #[test]
    fn custom_bounds_meet_at_those_in_common() {
        let a = Native::from(&custom(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0]));
        let b = Native::from(&custom(&[2.0, 3.0, 4.0], &[1.0, 1.0, 1.0, 1.0]));
        let (sum, meeting) = a.plus(b).unwrap();
        let sum = sum.into_histogram();
        assert!(meeting.bounds_differed);
        assert_eq!(sum.layout.custom_bounds, [2.0, 4.0]);
        assert_eq!(sum.positive, [4.0, 5.0, 5.0]);
        let exponential = Native::from(&histogram(0, 0.0, &[1.0]));
        assert!(exponential.plus(Native::from(&custom(&[1.0], &[1.0]))).is_none());
    }

    #[test]
    fn a_difference_with_itself_is_empty() {
        let one = histogram(3, 0.1, &[1.0, 0.0, 2.0]);
        let (difference, _) = Native::from(&one).minus(Native::from(&one)).unwrap();
        let difference = difference.into_histogram();
        assert!(difference.positive.is_empty() && difference.count == 0.0);
        assert_eq!(difference.reset_hint, ResetHint::Gauge);
    }

    #[test]
    fn a_reset_is_any_count_that_fell() {
        let is_reset = |before: &Histogram, now: &Histogram| {
            Native::from(now).is_reset_after(&Native::from(before))
        };
        let before = histogram(0, 0.0, &[1.0, 2.0]);
        assert!(!is_reset(&before, &before));
        assert!(!is_reset(&before, &histogram(0, 0.0, &[1.0, 3.0])));
        assert!(is_reset(&before, &histogram(0, 0.0, &[2.0, 1.0])));
        assert!(is_reset(&before, &histogram(1, 0.0, &[1.0, 2.0, 3.0, 4.0])));
        assert!(!is_reset(&histogram(1, 0.0, &[1.0, 1.0]), &histogram(0, 0.0, &[2.0])));
        let told = Histogram { reset_hint: ResetHint::NotReset, ..histogram(0, 0.0, &[0.0]) };
        assert!(!is_reset(&before, &told));
    }

    #[test]
    fn empty_buckets_make_no_difference() {
        let a = histogram(0, 0.0, &[1.0, 0.0, 2.0, 0.0]);
        let b = histogram(0, 0.0, &[1.0, 0.0, 2.0]);
        assert!(are_equal(&a, &b) && !are_equal(&a, &histogram(0, 0.0, &[1.0, 2.0])));
    }
}
