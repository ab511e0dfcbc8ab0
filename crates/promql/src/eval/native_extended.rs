//! Extended ranges of native histograms: as of floats, with all counts at once.

use model::{HistogramSample, ResetHint};

use super::annotations::{Remarks, of_metric};
use super::answer::Point;
use super::answer::Value;
use super::extended::{Reading, first_of_times};
use super::native::Native;
use super::native_rate::{doubt_hints, minus, plus};
use super::over_time::RangeCall;
use crate::Span;

fn native(sample: &HistogramSample) -> Native {
    Native::from(&*sample.histogram)
}

/// `from` and a part of the way to `to`.
fn between(from: &Native, to: Native, part: f64) -> Option<Native> {
    let hint = from.hint;
    let (way, _) = to.minus(from.clone())?;
    let (mut result, _) = from.clone().plus(way.times(part))?;
    result.hint = hint;
    Some(result)
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
) -> Option<Native> {
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
    doubt_hints(call, &all[first..=last], reading.is_counter);
    let is_left_between = reading.is_smoothed && all[first].t_ms < start_ms && first < last;
    let left = match is_left_between {
        true => end(&all[first], &all[first + 1], start_ms, reading.is_counter),
        false => Some(native(&all[first])),
    };
    let right = match reading.is_smoothed && last > 0 && all[last].t_ms > end_ms {
        true => end(&all[last - 1], &all[last], end_ms, reading.is_counter),
        false => Some(native(&all[last])),
    };
    let (Some(left), Some(right)) = (left, right) else {
        warn_of_schemas(call.remarks, call.span, call.metric);
        return None;
    };
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
            let mut value = value.ok_or(())?;
            value.hint = ResetHint::Gauge;
            value.into_histogram()
        }
    };
    Ok(Point { t_ms, value: Value::Histogram(value) })
}
