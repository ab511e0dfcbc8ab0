//! Sums and means of native histograms, one after the other, with what rounding loses kept aside.

use model::{Histogram, ResetHint};

use super::annotations::{Remarks, of_metric};
use super::native::{Meeting, Native};
use crate::Span;

/// A sum or a mean that grows.
#[derive(Debug)]
pub(super) struct NativeSum {
    is_mean: bool,
    /// The sum, or the mean itself once the sum would overflow, and what it lost.
    total: Option<(Native, Native)>,
    n: f64,
    is_incremental: bool,
    bounds_differed: bool,
    /// Whether one said that its counts began again, or that they went on.
    has_reset: bool,
    has_no_reset: bool,
    /// Whether histograms with and without custom bounds met, which have no sum.
    is_mixed: bool,
}

impl NativeSum {
    /// Of no histograms.
    pub(super) fn new(is_mean: bool) -> Self {
        Self {
            is_mean,
            total: None,
            n: 0.0,
            is_incremental: false,
            bounds_differed: false,
            has_reset: false,
            has_no_reset: false,
            is_mixed: false,
        }
    }

    /// With one more histogram.
    pub(super) fn add(&mut self, histogram: &Histogram) {
        if self.is_mixed {
            return;
        }
        self.n += 1.0;
        self.has_reset |= histogram.reset_hint == ResetHint::Reset;
        self.has_no_reset |= histogram.reset_hint == ResetHint::NotReset;
        let more = Native::from(histogram);
        let Some((total, lost)) = self.total.take() else {
            let lost = more.clone().mapped(|_| 0.0);
            self.total = Some((more, lost));
            return;
        };
        match self.grown((total, lost), more) {
            Some(total) => self.total = Some(total),
            None => self.is_mixed = true,
        }
    }

    /// The next sum or mean; `None` as of [`Native::plus`].
    fn grown(&mut self, last: (Native, Native), more: Native) -> Option<(Native, Native)> {
        if !self.is_incremental {
            // Few are that large: only of those the last sum may be needed again.
            let (kept, again) = match self.is_mean && (last.0.is_huge() || more.is_huge()) {
                true => (Some(last.clone()), Some(more.clone())),
                false => (None, None),
            };
            let sum = self.plus(last, more)?;
            let (Some(kept), Some(more)) = (kept, again) else { return Some(sum) };
            if !sum.0.is_infinite() {
                return Some(sum);
            }
            self.is_incremental = true;
            let n_before = self.n - 1.0;
            let mean = (kept.0.divided(n_before), kept.1.divided(n_before));
            return self.shifted(mean, more);
        }
        self.shifted(last, more)
    }

    /// A mean with one more histogram.
    fn shifted(&mut self, mean: (Native, Native), more: Native) -> Option<(Native, Native)> {
        let shrink = (self.n - 1.0) / self.n;
        let shrunk = (mean.0.times(shrink), mean.1.times(shrink));
        self.plus(shrunk, more.divided(self.n))
    }

    fn plus(&mut self, (total, lost): (Native, Native), more: Native) -> Option<(Native, Native)> {
        let (total, lost, differed) = total.plus_compensated(lost, more)?;
        self.bounds_differed |= differed;
        Some((total, lost))
    }

    /// The sum, or the mean, and what there is to say of it.
    pub(super) fn result(
        self,
        metric: &str,
        (remarks, span): (&mut Remarks, Span),
    ) -> Option<Native> {
        if self.is_mixed {
            let text = "vector contains a mix of histograms with exponential and custom buckets \
                        schemas";
            remarks.warn(span, format!("{text}{}", of_metric(metric)));
            return None;
        }
        let meeting = Meeting {
            bounds_differed: self.bounds_differed,
            hints_conflicted: self.has_reset && self.has_no_reset,
        };
        tell(meeting, "aggregation", (remarks, span));
        let (total, lost) = self.total?;
        let hint = total.hint;
        let (total, lost) = match self.is_mean && !self.is_incremental {
            true => (total.divided(self.n), lost.divided(self.n)),
            false => (total, lost),
        };
        let (mut result, _) = total.plus(lost)?;
        result.hint = hint;
        Some(result)
    }
}

/// Says what there is to say of histograms that met in an operation of this name.
pub(super) fn tell(meeting: Meeting, operation: &str, (remarks, span): (&mut Remarks, Span)) {
    if meeting.hints_conflicted {
        let text = format!("conflicting counter resets during histogram {operation}");
        remarks.warn(span, text);
    }
    if meeting.bounds_differed {
        let text = format!("mismatched custom buckets were reconciled during {operation}");
        remarks.info(span, text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{BucketLayout, BucketSpan, Histogram, ResetHint};

    use super::NativeSum;
    use crate::Span;
    use crate::eval::annotations::Remarks;

    /// Buckets of schema 0 from index 1 on.
    fn histogram(counts: &[f64], hint: ResetHint) -> Histogram {
        let span = BucketSpan { offset: 1, length: counts.len() as u32 };
        let layout = BucketLayout { positive_spans: vec![span], ..Default::default() };
        let count = counts.iter().sum();
        Histogram {
            reset_hint: hint,
            layout: Arc::new(layout),
            count,
            sum: count,
            positive: counts.to_vec(),
            ..Default::default()
        }
    }

    fn told(all: &[Histogram], is_mean: bool) -> (Arc<Histogram>, Vec<String>) {
        let mut sum = NativeSum::new(is_mean);
        all.iter().for_each(|histogram| sum.add(histogram));
        let mut remarks = Remarks::default();
        let result = sum.result("m", (&mut remarks, Span::new(0, 0))).expect("all are alike");
        let told = remarks.told("").warnings.into_iter().map(|warning| warning.text);
        (result.into_histogram(), told.collect())
    }

    fn plain(counts: &[f64]) -> Histogram {
        histogram(counts, ResetHint::Unknown)
    }

    #[test]
    fn sums_keep_what_rounding_loses() {
        let all = [plain(&[1.0, 2.0]), plain(&[1e100]), plain(&[1.0]), plain(&[-1e100, 3.0])];
        let (sum, _) = told(&all, false);
        assert_eq!(sum.positive, [2.0, 5.0]);
        let (mean, _) = told(&all, true);
        assert_eq!(mean.positive, [0.5, 1.25]);
    }

    #[test]
    fn means_do_not_overflow() {
        let all = [plain(&[f64::MAX]), plain(&[f64::MAX]), plain(&[f64::MAX, 3.0])];
        let (mean, _) = told(&all, true);
        assert!(mean.positive[0] > f64::MAX * 0.999 && mean.positive[0].is_finite());
        assert_eq!(mean.positive[1], 1.0);
        assert!(told(&all, false).0.positive[0].is_infinite());
    }

    #[test]
    fn a_conflict_of_hints_is_seen_across_others_between() {
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let of = |hints: &[ResetHint]| {
            let all: Vec<Histogram> = hints.iter().map(|hint| histogram(&[1.0], *hint)).collect();
            let (sum, told) = told(&all, false);
            (sum.reset_hint, told.len())
        };
        assert_eq!(of(&[NotReset, NotReset]), (NotReset, 0));
        assert_eq!(of(&[NotReset, Unknown]), (Unknown, 0));
        assert_eq!(of(&[NotReset, Unknown, Reset]), (Unknown, 1));
        assert_eq!(of(&[Reset, Gauge, NotReset]), (Gauge, 1));
        assert_eq!(of(&[Reset, Gauge, Unknown]), (Gauge, 0));
    }
}
