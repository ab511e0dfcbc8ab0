//! Kernels: functions of windows over the numbers of one series, at all steps.

use fearless_simd::{Level, dispatch};

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
    /// How many steps were filled before: more than none of [`Kernel::is_of_whole_windows`] alone.
    pub(super) n_before: usize,
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

    /// Whether it looks at all numbers of each window, however many steps see them.
    pub(super) fn is_of_whole_windows(&self) -> bool {
        use Kernel::{Avg, Max, Min, Stddev, Stdvar, Sum};
        matches!(self, Avg | Max | Min | Stddev | Stdvar | Sum)
    }

    /// Puts the value of each step that has one into `out`, which has a place for each.
    pub(super) fn fill(&mut self, numbers: Numbers<'_>, at: At<'_>, out: &mut [f64]) {
        let Numbers { times, values, .. } = numbers;
        match self {
            Self::Avg => dispatch!(Level::new(), _ => each_sum(values, at, out, &MEAN)),
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
            Self::Sum => dispatch!(Level::new(), _ => each_sum(values, at, out, &SUM)),
        }
        debug_assert_eq!(times.len(), values.len(), "a time for each number");
    }
}

/// A function of the numbers in each window that has some.
#[inline]
fn each(values: &[f64], at: At<'_>, out: &mut [f64], function: impl Fn(&[f64]) -> f64) {
    for (out, (start, end)) in out.iter_mut().zip(at.bounds.windows().skip(at.n_before)) {
        if start < end {
            *out = function(&values[start..end]);
        }
    }
}

/// A function that is made of the sum of a window.
struct OfSum {
    /// Whether the sum begins with the first number, rather than with zero.
    is_of_first: bool,
    /// Of a sum that is finite, and of how many numbers it is.
    value: fn(KahanSum, f64) -> f64,
    /// Of any numbers.
    plain: fn(&[f64]) -> f64,
}

const MEAN: OfSum = OfSum {
    is_of_first: true,
    value: |sum, n| sum.sum / n + sum.lost / n,
    plain: |window| {
        let mut mean = Mean::NONE;
        window.iter().for_each(|value| mean.add(*value));
        mean.value()
    },
};

const SUM: OfSum = OfSum {
    is_of_first: false,
    value: |sum, _| sum.total(),
    plain: |window| kahan::sum(window.iter().copied()),
};

/// So many windows are summed at once: additions of one wait for each other, those of several do not.
const LANES: usize = 4;

/// A function of the sum of each window that has some.
#[inline(always)]
fn each_sum(values: &[f64], at: At<'_>, out: &mut [f64], function: &OfSum) {
    let windows = at.bounds.windows().skip(at.n_before).take(out.len());
    let mut windows = windows.enumerate().filter(|(_, (start, end))| start < end);
    loop {
        let mut lanes: [(usize, &[f64]); LANES] = [(0, &[]); LANES];
        let mut n_lanes = 0;
        for (lane, (step, (start, end))) in lanes.iter_mut().zip(&mut windows) {
            *lane = (step, &values[start..end]);
            n_lanes += 1;
        }
        if n_lanes == 0 {
            return;
        }
        let sums = sums(lanes.map(|(_, window)| window), function.is_of_first);
        for ((step, window), sum) in lanes.into_iter().zip(sums).take(n_lanes) {
            // A sum that is finite at the end was so all the time.
            out[step] = match sum.sum.is_finite() {
                true => (function.value)(sum, window.len() as f64),
                false => (function.plain)(window),
            };
        }
        if n_lanes < LANES {
            return;
        }
    }
}

/// The sums of some windows, if they stay finite.
#[inline(always)]
fn sums(windows: [&[f64]; LANES], is_of_first: bool) -> [KahanSum; LANES] {
    let mut sums = [KahanSum::default(); LANES];
    let mut rests = windows;
    if is_of_first {
        for (sum, rest) in sums.iter_mut().zip(&mut rests) {
            if let Some((first, others)) = rest.split_first() {
                (*sum, *rest) = (KahanSum::new(*first), others);
            }
        }
    }
    let n_shared = rests.iter().map(|rest| rest.len()).min().unwrap_or(0);
    let shared = rests.map(|rest| &rest[..n_shared]);
    for at in 0..n_shared {
        for (sum, rest) in sums.iter_mut().zip(shared) {
            *sum = sum.plus_finite(rest[at]);
        }
    }
    for (sum, rest) in sums.iter_mut().zip(rests) {
        *sum = rest[n_shared..].iter().fold(*sum, |sum, value| sum.plus_finite(*value));
    }
    sums
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
