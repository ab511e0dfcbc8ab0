//! Totals: native histograms of which counts and sums alone are asked for.
//!
//! Below `histogram_count`, `histogram_sum` and `histogram_avg` histograms are read without their
//! buckets, so that also those add up that have nothing else in common. Buckets are where it shows
//! whether counts began again, so that is found out while they are read, and each histogram says so
//! of the one read before.

use std::sync::Arc;

use model::{Histogram, HistogramSample, ResetHint};

use super::native::Native;
use crate::ast::{Call, Expr};

/// What the nodes around a selector ask its histograms for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Need {
    totals: bool,
    buckets: bool,
}

impl Need {
    /// The same within a call's arguments.
    pub(super) fn within(mut self, call: &Call) -> Self {
        match call.function.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => {
                // What a selector gives by itself does not depend on what was read before.
                self.totals |=
                    !matches!(super::evaluator::args_alone(&call.args[0]), Expr::Vector(_));
            }
            "histogram_fraction" | "histogram_quantile" | "histogram_quantiles" => {
                self.buckets = true;
            }
            _ => {}
        }
        self
    }

    /// The same where buckets are asked for, too.
    pub(super) fn with_buckets(self) -> Self {
        Self { buckets: true, ..self }
    }

    /// From when on to read, if windows begin here: totals need the histogram before, too.
    pub(super) fn start_ms(self, start_ms: i64, lookback_ms: i64) -> i64 {
        if self.is_totals_alone() { start_ms.saturating_sub(lookback_ms) } else { start_ms }
    }

    /// Whether buckets are of no use.
    pub(super) fn is_totals_alone(self) -> bool {
        self.totals && !self.buckets
    }
}

/// Histograms without their buckets, each with what it says of the one before. Windows are what the
/// steps see: after the one moment, until the other. What lies in a gap between windows is not read:
/// of that it is known that the counts went on, as stores keep together what goes on, but not that
/// they began again.
pub(super) fn totals(
    all: &[HistogramSample],
    mut windows: impl Iterator<Item = (i64, i64)>,
) -> Vec<HistogramSample> {
    let mut out = Vec::with_capacity(all.len());
    let mut before: Option<&HistogramSample> = None;
    let (mut gap_ms, mut window) = (i64::MIN, windows.next());
    for sample in all {
        while let Some((_, end_ms)) = window
            && end_ms < sample.t_ms
        {
            (gap_ms, window) = (end_ms, windows.next());
        }
        let open_ms = window.map_or(i64::MAX, |(open_ms, _)| open_ms);
        let is_read = before.is_some_and(|before| !(gap_ms..=open_ms).contains(&before.t_ms));
        out.push(total(sample, before.map(|before| &*before.histogram), is_read));
        if !sample.histogram.is_stale_marker() {
            before = Some(sample);
        }
    }
    out
}

fn total(sample: &HistogramSample, before: Option<&Histogram>, is_read: bool) -> HistogramSample {
    let histogram = &sample.histogram;
    let reset_hint = match (histogram.reset_hint, before) {
        (ResetHint::Unknown, Some(before)) if !histogram.is_stale_marker() => {
            match Native::from(&**histogram).is_reset_after(&Native::from(before)) {
                true if is_read => ResetHint::Reset,
                true => ResetHint::Unknown,
                false => ResetHint::NotReset,
            }
        }
        (hint, _) => hint,
    };
    let Histogram { count, sum, .. } = **histogram;
    let histogram = Arc::new(Histogram { reset_hint, count, sum, ..Histogram::default() });
    HistogramSample { histogram, ..*sample }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{BucketLayout, BucketSpan, Histogram, HistogramSample, ResetHint};

    use super::totals;

    fn sample(t_ms: i64, counts: [f64; 2], reset_hint: ResetHint) -> HistogramSample {
        let positive_spans = vec![BucketSpan { offset: 0, length: 2 }];
        let layout = Arc::new(BucketLayout { positive_spans, ..Default::default() });
        let (count, positive) = (counts[0] + counts[1], counts.to_vec());
        let histogram = Histogram { reset_hint, layout, count, positive, ..Default::default() };
        HistogramSample { t_ms, start_ms: 0, histogram: Arc::new(histogram) }
    }

    fn hints(all: &[HistogramSample], windows: &[(i64, i64)]) -> Vec<ResetHint> {
        let totals = totals(all, windows.iter().copied());
        assert!(totals.iter().all(|sample| sample.histogram.positive.is_empty()));
        assert!(totals.iter().zip(all).all(|(a, b)| a.histogram.count == b.histogram.count));
        totals.iter().map(|sample| sample.histogram.reset_hint).collect()
    }

    #[test]
    fn each_says_of_the_one_before_what_the_buckets_show() {
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let all = [
            sample(1, [3.0, 1.0], Unknown),
            sample(2, [3.0, 2.0], Unknown),
            sample(3, [2.0, 9.0], Unknown),
            sample(4, [2.0, 8.0], Gauge),
            sample(5, [2.0, 9.0], Reset),
        ];
        assert_eq!(hints(&all, &[(0, 9)]), [Unknown, NotReset, Reset, Gauge, Reset]);
    }

    #[test]
    fn a_stale_marker_is_none_to_compare_with() {
        let mut all = [1, 2, 3].map(|t_ms| sample(t_ms, [1.0, 1.0], ResetHint::Unknown));
        all[1].histogram = Arc::new(Histogram::stale_marker());
        let totals = totals(&all, std::iter::once((0, 9)));
        assert!(totals[1].histogram.is_stale_marker());
        assert_eq!(totals[2].histogram.reset_hint, ResetHint::NotReset);
    }

    #[test]
    fn a_reset_is_not_seen_of_what_lies_before_or_between_windows() {
        use ResetHint::{NotReset, Reset, Unknown};
        let falling = [9.0, 8.0, 7.0, 6.0, 5.0];
        let falling = [1, 2, 4, 6, 7].into_iter().zip(falling);
        let all: Vec<HistogramSample> =
            falling.map(|(t_ms, count)| sample(t_ms, [count, 1.0], Unknown)).collect();
        assert_eq!(hints(&all, &[(1, 3), (5, 8)])[1..], [Unknown, Reset, Unknown, Reset]);
        assert_eq!(hints(&all, &[(1, 4), (3, 8)])[1..], [Unknown, Reset, Reset, Reset]);
        // Nothing was skipped here.
        let near = [all[1].clone(), all[3].clone()];
        assert_eq!(hints(&near, &[(0, 3), (5, 8)]), [Unknown, Reset]);
        // That counts went on is known of any.
        let same = [1, 4, 6].map(|t_ms| sample(t_ms, [1.0, 1.0], Unknown));
        assert_eq!(hints(&same, &[(1, 3), (5, 8)]), [Unknown, NotReset, NotReset]);
    }
}
