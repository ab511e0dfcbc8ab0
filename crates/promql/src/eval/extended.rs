//! Extended ranges: `anchored` takes the last sample before the range as its beginning, `smoothed`
//! reads between the samples on both sides of each end. Nothing is extrapolated.

use model::Sample;

use super::answer::{Point, Value};
use super::window::Window;

/// The value at a moment on the line between two samples.
pub(super) fn interpolated(before: &Sample, after: &Sample, t_ms: i64) -> f64 {
    on_line(before, after, t_ms, before.value, after.value)
}

fn on_line(before: &Sample, after: &Sample, t_ms: i64, from: f64, to: f64) -> f64 {
    from + (to - from) * (t_ms - before.t_ms) as f64 / (after.t_ms - before.t_ms) as f64
}

/// How the ends of a range are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) is_smoothed: bool,
    pub(super) is_counter: bool,
}

/// The first and the last sample that count, and the values at both ends of the range.
struct Ends {
    first: usize,
    last: usize,
    left: f64,
    right: f64,
}

/// Where the range begins: the last sample that is not within it, else the first.
pub(super) fn first_of(samples: &[Sample], start_ms: i64) -> usize {
    first_of_times(samples, start_ms, |sample| sample.t_ms)
}

/// As [`first_of`], of samples of any kind.
pub(super) fn first_of_times<T>(samples: &[T], start_ms: i64, time: impl Fn(&T) -> i64) -> usize {
    let n_rest = samples.len().saturating_sub(1);
    let n_before = samples[..n_rest].partition_point(|sample| time(sample) <= start_ms);
    n_before.saturating_sub(1)
}

fn ends(window: &Window<'_>, reading: Reading) -> Option<Ends> {
    let samples = window.samples;
    let mut last = samples.len().checked_sub(1)?;
    let first = first_of(samples, window.start_ms);
    if reading.is_smoothed {
        last = samples[..last].partition_point(|sample| sample.t_ms < window.end_ms);
    }
    if samples[last].t_ms <= window.start_ms || samples[first].t_ms > window.end_ms {
        return None;
    }
    let left = left_of(samples, first, window.start_ms, reading);
    let right = right_of(samples, last, window.end_ms, reading);
    Some(Ends { first, last, left, right })
}

fn left_of(samples: &[Sample], first: usize, start_ms: i64, reading: Reading) -> f64 {
    let before = &samples[first];
    match samples.get(first + 1) {
        Some(after) if reading.is_smoothed && before.t_ms < start_ms => {
            // A counter that fell began again at 0.
            let fell = reading.is_counter && after.value < before.value;
            let from = if fell { 0.0 } else { before.value };
            on_line(before, after, start_ms, from, after.value)
        }
        _ => before.value,
    }
}

fn right_of(samples: &[Sample], last: usize, end_ms: i64, reading: Reading) -> f64 {
    let after = &samples[last];
    if !reading.is_smoothed || last == 0 || after.t_ms <= end_ms {
        return after.value;
    }
    let before = &samples[last - 1];
    let fell = reading.is_counter && after.value < before.value;
    let from = if fell { 0.0 } else { before.value };
    on_line(before, after, end_ms, from, after.value)
}

/// By how much the values changed over the range.
pub(super) fn change(window: &Window<'_>, reading: Reading) -> Option<f64> {
    let Ends { mut first, last, left, right } = ends(window, reading)?;
    let samples = window.samples;
    let mut change = right - left;
    if !reading.is_counter {
        return Some(change);
    }
    // The ends stand for themselves.
    if samples[first].t_ms <= window.start_ms {
        first += 1;
    }
    let n = if samples[last].t_ms >= window.end_ms { last } else { last + 1 };
    let mut before = left;
    for sample in samples.get(first..n).unwrap_or_default() {
        if sample.value < before {
            change += before;
        }
        before = sample.value;
    }
    if right < before {
        change += before;
    }
    Some(change)
}

/// The samples of an extended range, with one at each of its ends.
pub(super) fn points(window: &Window<'_>, is_smoothed: bool) -> Vec<Point> {
    let reading = Reading { is_smoothed, is_counter: false };
    let Some(ends) = ends(window, reading) else { return Vec::new() };
    let point = |t_ms, value| Point { t_ms, value: Value::Float(value) };
    let within = window.samples[ends.first..=ends.last].iter();
    let within =
        within.filter(|sample| sample.t_ms > window.start_ms && sample.t_ms < window.end_ms);
    let mut points = vec![point(window.start_ms, ends.left)];
    points.extend(within.map(|sample| point(sample.t_ms, sample.value)));
    points.push(point(window.end_ms, ends.right));
    points
}
