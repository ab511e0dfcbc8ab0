//! Extended ranges of native histograms: as of floats, with all counts at once.

use model::{HistogramSample, ResetHint};

use super::annotations::{Remarks, of_metric};
use super::answer::Point;
use super::answer::Value;
use super::extended::{Reading, first_of_times};
use super::native::{Meeting, Native, met_hints};
use super::native_rate::{doubt_hints, minus, plus};
use super::native_sum::tell;
use super::over_time::RangeCall;
use crate::Span;

fn native(sample: &HistogramSample) -> Native {
    Native::from(&*sample.histogram)
}

/// A value between two samples.
struct Between {
    value: Native,
    /// Whether custom bounds did, in the subtraction and in the addition that made it.
    bounds_differed: [bool; 2],
}

/// `from` and a part of the way to `to`.
fn between(from: &Native, to: Native, part: f64) -> Option<Between> {
    let hint = met_hints(from.hint, to.hint).0;
    let (way, subtraction) = to.minus(from.clone())?;
    let (mut value, addition) = from.clone().plus(way.times(part))?;
    value.hint = hint;
    Some(Between { value, bounds_differed: [subtraction, addition].map(|met| met.bounds_differed) })
}

fn part(before: &HistogramSample, after: &HistogramSample, t_ms: i64) -> f64 {
    (t_ms - before.t_ms) as f64 / (after.t_ms - before.t_ms) as f64
}

/// The value at a moment between two samples; `None` if the two have nothing in common.
fn end(
    before: &HistogramSample,
    after: &HistogramSample,
    t_ms: i64,
    is_counter: bool,
) -> Option<Between> {
    let (mut from, to) = (native(before), native(after));
    if from.is_custom() != to.is_custom() {
        return None;
    }
    if is_counter && to.is_reset_after(&from) {
        // A counter that fell began again at 0.
        from = to.clone().times(0.0);
    }
    between(&from, to, part(before, after, t_ms))
}

/// As [`end`] of a range, with what there is to say of it.
fn told_end(
    call: &mut RangeCall<'_>,
    (before, after): (&HistogramSample, &HistogramSample),
    t_ms: i64,
    is_counter: bool,
) -> Option<Native> {
    let Between { value, bounds_differed } = end(before, after, t_ms, is_counter)?;
    for (operation, bounds_differed) in ["subtraction", "addition"].iter().zip(bounds_differed) {
        let meeting = Meeting { bounds_differed, hints_conflicted: false };
        tell(meeting, operation, (call.remarks, call.span));
    }
    Some(value)
}

/// Says what is wrong with the histograms of a range; false if they have no change.
fn are_alike(call: &mut RangeCall<'_>, among: &[HistogramSample], is_counter: bool) -> bool {
    let is_custom = |sample: &HistogramSample| sample.histogram.has_custom_bounds();
    let is_like_first = |sample: &&HistogramSample| is_custom(sample) == is_custom(&among[0]);
    let n_alike = among.iter().take_while(is_like_first).count();
    if is_counter {
        let alike = among[..n_alike].iter();
        doubt_hints(call, alike.map(|sample| sample.histogram.reset_hint), true);
    }
    if n_alike < among.len() {
        warn_of_schemas(call.remarks, call.span, call.metric);
    }
    n_alike == among.len()
}

/// By how much the histograms changed over the range.
pub(super) fn change(call: &mut RangeCall<'_>, reading: Reading) -> Option<Native> {
    let all = call.window.histograms;
    let (start_ms, end_ms) = (call.window.start_ms, call.window.end_ms);
    let mut last = all.len().checked_sub(1)?;
    let first = first_of_times(all, start_ms, |sample| sample.t_ms);
    if reading.is_smoothed {
        last = all[..last].partition_point(|sample| sample.t_ms < end_ms);
    }
    if all[last].t_ms <= start_ms || all[first].t_ms > end_ms {
        return None;
    }
    if !are_alike(call, &all[first..=last], reading.is_counter) {
        return None;
    }
    let is_left_between = reading.is_smoothed && all[first].t_ms < start_ms && first < last;
    let left = match is_left_between {
        true => told_end(call, (&all[first], &all[first + 1]), start_ms, reading.is_counter)?,
        false => native(&all[first]),
    };
    let right = match reading.is_smoothed && last > 0 && all[last].t_ms > end_ms {
        true => told_end(call, (&all[last - 1], &all[last]), end_ms, reading.is_counter)?,
        false => native(&all[last]),
    };
    if !reading.is_counter {
        doubt_hints(call, [left.hint, right.hint], false);
    }
    let mut change = minus(call, right, left)?;
    // The left end between two samples is behind any reset that lies there.
    let next = first + 1 + usize::from(is_left_between);
    for i in next..=last {
        if reading.is_counter && native(&all[i]).is_reset_after(&native(&all[i - 1])) {
            change = plus(call, change, native(&all[i - 1]))?;
        }
    }
    change.hint = ResetHint::Gauge;
    Some(change)
}

/// Says that histograms with and without custom bounds stand side by side.
pub(super) fn warn_of_schemas(remarks: &mut Remarks, span: Span, metric: &str) {
    let text = "vector contains a mix of histograms with exponential and custom buckets schemas";
    remarks.warn(span, format!("{text}{}", of_metric(metric)));
}

/// The histogram between those on both sides of a moment; the one before alone will do. `Err` if
/// the two have nothing in common.
pub(super) fn interpolated(
    before: &HistogramSample,
    after: Option<&HistogramSample>,
    (read_ms, t_ms): (i64, i64),
) -> Result<Point, ()> {
    let value = match after {
        None => before.histogram.clone(),
        Some(after) => {
            let is_gauge = |s: &HistogramSample| s.histogram.reset_hint == ResetHint::Gauge;
            let is_counter = !is_gauge(before) && !is_gauge(after);
            let value = end(before, after, read_ms, is_counter);
            let mut value = value.ok_or(())?.value;
            value.hint = ResetHint::Gauge;
            value.into_histogram()
        }
    };
    Ok(Point { t_ms, value: Value::Histogram(value) })
}
