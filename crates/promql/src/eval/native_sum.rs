//! Sums of native histograms, one after the other.

use model::Histogram;

use super::annotations::{Remarks, of_metric};
use super::native::{Meeting, Native};
use crate::Span;

/// A sum that grows.
#[derive(Debug, Default)]
pub(super) struct NativeSum {
    total: Option<Native>,
    n: f64,
    meeting: Meeting,
    /// Whether histograms with and without custom bounds met, which have no sum.
    is_mixed: bool,
}

impl NativeSum {
    /// With one more histogram.
    pub(super) fn add(&mut self, histogram: &Histogram) {
        self.n += 1.0;
        let more = Native::from(histogram);
        let Some(total) = self.total.take() else {
            self.total = (!self.is_mixed).then_some(more);
            return;
        };
        match total.plus(more) {
            Some((sum, meeting)) => {
                self.total = Some(sum);
                self.meeting = self.meeting.or(meeting);
            }
            None => self.is_mixed = true,
        }
    }

    /// The sum, or the mean, and what there is to say of it.
    pub(super) fn result(
        self,
        is_mean: bool,
        metric: &str,
        (remarks, span): (&mut Remarks, Span),
    ) -> Option<Native> {
        if self.is_mixed {
            let text = "vector contains a mix of histograms with exponential and custom buckets \
                        schemas";
            remarks.warn(span, format!("{text}{}", of_metric(metric)));
            return None;
        }
        tell(self.meeting, "aggregation", (remarks, span));
        let n = self.n;
        self.total.map(|total| if is_mean { total.divided(n) } else { total })
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
