//! Rollups: what stays of samples when they are gone, one row of statistics for each span of time.
//!
//! Spans of a width lie on a grid that begins at 0: `(k * width, (k + 1) * width]`, open on the left
//! like the ranges of PromQL. The rollup of a longer span on the grid is that of the spans in it,
//! joined in the order of time; [`over_time`] says which functions of PromQL need no more.
//!
//! A stale marker is no value: it counts for nothing but [`Rollup::is_stale`]. Any other NaN is a
//! value like all others. Only floats are rolled up.

use model::{Labels, Sample, is_stale_marker};

pub mod over_time;
mod remains;

pub use remains::{KeptTier, Remains};

/// The widths of the tiers that a store may keep, milliseconds, the finest first. Each divides the
/// next one.
pub const ROLLUP_WIDTHS_MS: [i64; 2] = [300_000, 3_600_000];

/// The statistics of the samples of one series in a span of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rollup {
    /// The time of the first value, Unix milliseconds. Without any value that of the last stale
    /// marker, and all numbers below are 0.
    pub first_ms: i64,
    /// The time of the last value, Unix milliseconds; without any value as `first_ms`.
    pub last_ms: i64,
    /// How many values there are, NaN included.
    pub count: u64,
    /// The first value.
    pub first: f64,
    /// The last value.
    pub last: f64,
    /// The smallest value, the first of equal ones; NaN only if all are.
    pub min: f64,
    /// The greatest value, likewise.
    pub max: f64,
    /// The sum, to within rounding; exact if all partial sums are whole and within 2^53.
    pub sum: f64,
    /// How often a value was less than the one before.
    pub n_resets: u64,
    /// The sum of the values before those resets: what a counter lost. It increased by
    /// `last - first + drops`.
    pub drops: f64,
    /// Whether a stale marker is later than every value.
    pub is_stale: bool,
}

/// The rollups of one series.
#[derive(Debug, Clone)]
pub struct RollupSeries {
    /// Its labels.
    pub labels: Labels,
    /// One for each span of the grid that has a sample, in the order of time; never empty.
    pub rollups: Vec<Rollup>,
}

/// The span of the grid that a moment lies in: after the first, up to and with the second. At the
/// ends of time it is cut short.
pub fn span_of(t_ms: i64, width_ms: i64) -> (i64, i64) {
    let nth = t_ms.saturating_sub(1).div_euclid(width_ms);
    let start_ms = nth.saturating_mul(width_ms);
    (start_ms, start_ms.saturating_add(width_ms))
}

impl Rollup {
    /// The span of the grid that it is of.
    pub fn span(&self, width_ms: i64) -> (i64, i64) {
        span_of(self.first_ms, width_ms)
    }

    /// Whether all of it is the same, bit by bit: `==` would find NaN different from itself.
    pub fn same_bits(&self, other: &Self) -> bool {
        let whole = |r: &Self| (r.first_ms, r.last_ms, r.count, r.n_resets, r.is_stale);
        let bits = |r: &Self| [r.first, r.last, r.min, r.max, r.sum, r.drops].map(f64::to_bits);
        whole(self) == whole(other) && bits(self) == bits(other)
    }
}

/// A sum whose rounding errors are carried along (Neumaier's).
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    sum: f64,
    carried: f64,
}

impl Sum {
    fn add(&mut self, more: f64) {
        let sum = self.sum + more;
        if sum.is_infinite() {
            self.carried = 0.0;
        } else if self.sum.abs() >= more.abs() {
            self.carried += (self.sum - sum) + more;
        } else {
            self.carried += (more - sum) + self.sum;
        }
        self.sum = sum;
    }

    fn value(self) -> f64 {
        let value = if self.sum.is_infinite() { self.sum } else { self.sum + self.carried };
        // Which of several NaN comes out of a sum is up to the processor.
        if value.is_nan() { f64::NAN } else { value }
    }
}

/// A rollup that grows: with samples, or with rollups of spans, in the order of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rolling {
    rollup: Rollup,
    sum: Sum,
    drops: Sum,
    has_any: bool,
}

impl Rolling {
    /// Adds a sample, later than all before.
    pub fn push(&mut self, sample: &Sample) {
        let (t_ms, value) = (sample.t_ms, sample.value);
        let alone = Rollup { first_ms: t_ms, last_ms: t_ms, ..Rollup::default() };
        if is_stale_marker(value) {
            return self.join(&Rollup { is_stale: true, ..alone });
        }
        let (first, last, min, max) = (value, value, value, value);
        self.join(&Rollup { count: 1, first, last, min, max, sum: value, ..alone });
    }

    /// Adds what comes after all before.
    pub fn join(&mut self, later: &Rollup) {
        self.has_any = true;
        let rollup = &mut self.rollup;
        rollup.is_stale = later.is_stale;
        if later.count == 0 {
            if rollup.count == 0 {
                (rollup.first_ms, rollup.last_ms) = (later.first_ms, later.last_ms);
            }
            return;
        }
        if rollup.count == 0 {
            *rollup = *later;
        } else {
            if later.first < rollup.last {
                rollup.n_resets += 1;
                self.drops.add(rollup.last);
            }
            if later.min < rollup.min || rollup.min.is_nan() {
                rollup.min = later.min;
            }
            if later.max > rollup.max || rollup.max.is_nan() {
                rollup.max = later.max;
            }
            (rollup.last_ms, rollup.last) = (later.last_ms, later.last);
            rollup.count += later.count;
            rollup.n_resets += later.n_resets;
        }
        self.sum.add(later.sum);
        self.drops.add(later.drops);
    }

    /// What was added, and nothing is left; `None` if nothing was.
    pub fn take(&mut self) -> Option<Rollup> {
        let Self { rollup, sum, drops, has_any } = std::mem::take(self);
        has_any.then(|| Rollup { sum: sum.value(), drops: drops.value(), ..rollup })
    }
}

/// The rollups of samples in rising time.
pub fn roll(samples: &[Sample], width_ms: i64) -> Vec<Rollup> {
    gather(samples, |sample| sample.t_ms, width_ms, Rolling::push)
}

/// The rollups of a greater width, which is a multiple of theirs, from rollups in rising time.
pub fn widen(rollups: &[Rollup], width_ms: i64) -> Vec<Rollup> {
    gather(rollups, |rollup| rollup.first_ms, width_ms, Rolling::join)
}

fn gather<T>(
    items: &[T],
    time: impl Fn(&T) -> i64,
    width_ms: i64,
    add: impl Fn(&mut Rolling, &T),
) -> Vec<Rollup> {
    let (mut rollups, mut rolling) = (Vec::new(), Rolling::default());
    let mut end_ms = i64::MIN;
    for item in items {
        let t_ms = time(item);
        if t_ms > end_ms {
            rollups.extend(rolling.take());
            (_, end_ms) = span_of(t_ms, width_ms);
        }
        add(&mut rolling, item);
    }
    rollups.extend(rolling.take());
    rollups
}

#[cfg(test)]
mod tests;
