//! Kernels: functions of windows over the numbers of one series, at all steps.

use super::super::kahan::{self, KahanSum, Mean};
use super::super::over_time::variance;
use super::bounds::{Bounds, Grid};
use super::change::Extrapolation;
use super::columns::Numbers;

/// What a function of windows computes.
#[derive(Debug)]
pub(super) enum Kernel {
    Avg,
    /// How often neighbours differ.
    Changes(Vec<u32>),
    Count,
    /// `delta`, `increase` and `rate`
    Extrapolated(Extrapolation),
    First,
    /// `idelta`, and `irate` if it is one.
    LastChange {
        is_rate: bool,
    },
    /// The newest, which is what a selector by itself gives, too.
    Last,
    Max,
    Min,
    Present,
    /// How often a counter began again.
    Resets(Vec<u32>),
    Stddev,
    Stdvar,
    Sum,
}

/// The windows of a series and what is read at each step.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// The windows.
    pub(super) bounds: &'a Bounds,
    /// What is read.
    pub(super) grid: &'a Grid,
    /// The number of the windows.
    pub(super) nth: usize,
    /// Whether it stood for other windows before.
    pub(super) is_new: bool,
}

impl Kernel {
    /// The kernel of a function of ranges that are so long; `None` if it has none.
    pub(super) fn of(name: &str, range_ms: i64) -> Option<Self> {
        Some(match name {
            "avg_over_time" => Self::Avg,
            "changes" => Self::Changes(Vec::new()),
            "count_over_time" => Self::Count,
            "delta" => Self::Extrapolated(Extrapolation::new(false, None)),
            "first_over_time" => Self::First,
            "idelta" => Self::LastChange { is_rate: false },
            "increase" => Self::Extrapolated(Extrapolation::new(true, None)),
            "irate" => Self::LastChange { is_rate: true },
            "last_over_time" => Self::Last,
            "max_over_time" => Self::Max,
            "min_over_time" => Self::Min,
            "present_over_time" => Self::Present,
            "rate" => Self::Extrapolated(Extrapolation::new(true, Some(range_ms))),
            "resets" => Self::Resets(Vec::new()),
            "stddev_over_time" => Self::Stddev,
            "stdvar_over_time" => Self::Stdvar,
            "sum_over_time" => Self::Sum,
            _ => return None,
        })
    }

    /// Whether it would have to know since when the numbers count.
    pub(super) fn is_of_starts(&self) -> bool {
        match self {
            Self::Extrapolated(extrapolation) => extrapolation.is_counter,
            Self::LastChange { is_rate } => *is_rate,
            Self::Resets(_) => true,
            _ => false,
        }
    }

    /// Puts the value of each step that has one into `out`, which has a place for each.
    pub(super) fn fill(&mut self, numbers: Numbers<'_>, at: At<'_>, out: &mut [f64]) {
        let Numbers { times, values, .. } = numbers;
        match self {
            Self::Avg => each(values, at, out, mean),
            Self::Changes(marks) => {
                mark(values, marks, |before, value| {
                    value != before && !(value.is_nan() && before.is_nan())
                });
                count_marks(marks, at, out);
            }
            Self::Count => each(values, at, out, |window| window.len() as f64),
            Self::Extrapolated(extrapolation) => extrapolation.fill(numbers, at, out),
            Self::First => each(values, at, out, |window| window[0]),
            Self::LastChange { is_rate } => last_change(numbers, at, *is_rate, out),
            Self::Last => {
                for (out, (start, end)) in out.iter_mut().zip(at.bounds.windows()) {
                    if start < end {
                        *out = values[end - 1];
                    }
                }
            }
            Self::Max => each(values, at, out, |w| extreme(w, |value, best| value > best)),
            Self::Min => each(values, at, out, |w| extreme(w, |value, best| value < best)),
            Self::Present => each(values, at, out, |_| 1.0),
            Self::Resets(marks) => {
                mark(values, marks, |before, value| value < before);
                count_marks(marks, at, out);
            }
            Self::Stddev => each(values, at, out, |w| variance(w.iter().copied()).sqrt()),
            Self::Stdvar => each(values, at, out, |w| variance(w.iter().copied())),
            Self::Sum => each(values, at, out, |w| kahan::sum(w.iter().copied())),
        }
        debug_assert_eq!(times.len(), values.len(), "a time for each number");
    }
}

/// A function of the numbers in each window that has some.
#[inline]
fn each(values: &[f64], at: At<'_>, out: &mut [f64], function: impl Fn(&[f64]) -> f64) {
    for (out, (start, end)) in out.iter_mut().zip(at.bounds.windows()) {
        if start < end {
            *out = function(&values[start..end]);
        }
    }
}

/// The mean of some numbers.
fn mean(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let sum = rest.iter().fold(KahanSum::new(*first), |sum, value| sum.plus(*value));
    // A sum that is finite at the end was so all the time.
    if sum.sum.is_finite() {
        let n = values.len() as f64;
        return sum.sum / n + sum.lost / n;
    }
    let mut mean = Mean::NONE;
    values.iter().for_each(|value| mean.add(*value));
    mean.value()
}

/// The number that beats all before it; anything beats a NaN.
fn extreme(values: &[f64], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let better = |best: f64, value: &f64| {
        if beats(*value, best) || best.is_nan() { *value } else { best }
    };
    rest.iter().fold(*first, better)
}

fn last_change(numbers: Numbers<'_>, at: At<'_>, is_rate: bool, out: &mut [f64]) {
    let Numbers { times, values, .. } = numbers;
    for (out, (start, end)) in out.iter_mut().zip(at.bounds.windows()) {
        if end < start + 2 {
            continue;
        }
        let (before, value) = (values[end - 2], values[end - 1]);
        let fell = is_rate && value < before;
        let change = if fell { value } else { value - before };
        let between_ms = times[end - 1] - times[end - 2];
        *out = if is_rate { change / (between_ms as f64 / 1000.0) } else { change };
    }
}

/// Notes the indexes of numbers that a test tells from the ones before them.
pub(super) fn mark(values: &[f64], marks: &mut Vec<u32>, differs: impl Fn(f64, f64) -> bool) {
    marks.clear();
    // Most series have none: all are looked at, which is faster than to stop at the first.
    let pairs = || values.iter().zip(values.get(1..).unwrap_or_default());
    if pairs().fold(false, |found, (before, value)| found | differs(*before, *value)) {
        let marked = pairs().zip(1..).filter(|((before, value), _)| differs(**before, **value));
        marks.extend(marked.map(|(_, index): (_, u32)| index));
    }
}

/// How many marked numbers of each window follow another one in it.
fn count_marks(marks: &[u32], at: At<'_>, out: &mut [f64]) {
    let (mut n_start, mut n_end) = (0, 0);
    for (out, (start, end)) in out.iter_mut().zip(at.bounds.windows()) {
        if start == end {
            continue;
        }
        n_start += marks[n_start..].iter().take_while(|mark| **mark as usize <= start).count();
        n_end = n_end.max(n_start);
        n_end += marks[n_end..].iter().take_while(|mark| (**mark as usize) < end).count();
        *out = (n_end - n_start) as f64;
    }
}
