//! Change: `rate`, `increase` and `delta` of one series at all steps.
//!
//! What depends on times alone is computed once for all series that have the same times. The
//! operations on each number, and their order, are those of the plain functions.

use super::bounds::{Bounds, Grid};
use super::columns::Numbers;
use super::kernel::{At, mark};

/// Below this a product of two numbers may be too small to be compared.
const SMALL: f64 = 1e-200;

/// What the times of a window say of how its change grows to that over the whole range, seconds.
#[derive(Debug, Clone, Copy)]
struct Extent {
    sampled_s: f64,
    to_start_s: f64,
    to_end_s: f64,
    /// By what the change is multiplied.
    factor: f64,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Extrapolation {
    pub(super) is_counter: bool,
    /// The range's length, seconds, of a rate.
    range_s: Option<f64>,
    extents: Vec<Extent>,
    resets: Vec<u32>,
}

impl Extrapolation {
    /// Of a counter or not; a rate has the length of its range.
    pub(super) fn new(is_counter: bool, range_ms: Option<i64>) -> Self {
        let range_s = range_ms.map(|ms| ms as f64 / 1000.0);
        Self { is_counter, range_s, extents: Vec::new(), resets: Vec::new() }
    }

    /// Puts the value of each step that has one into `out`.
    pub(super) fn fill(&mut self, numbers: Numbers<'_>, at: At<'_>, out: &mut [f64]) {
        if at.is_new {
            self.measure(numbers.times, at.bounds, at.grid);
        }
        if self.is_counter {
            mark(numbers.values, &mut self.resets, |before, value| value < before);
        }
        let windows = at.bounds.windows().zip(&self.extents).zip(out);
        if self.is_counter {
            let mut n_before = 0;
            for (((start, end), extent), out) in windows.filter(|(((s, e), _), _)| *e >= s + 2) {
                let (first, last) = (numbers.values[start], numbers.values[end - 1]);
                let mut change = last - first;
                if !self.resets.is_empty() {
                    let resets = &self.resets[n_before..];
                    let n_passed = resets.iter().take_while(|at| **at as usize <= start).count();
                    n_before += n_passed;
                    for reset in &resets[n_passed..] {
                        if *reset as usize >= end {
                            break;
                        }
                        change += numbers.values[*reset as usize - 1];
                    }
                }
                *out = change * self.factor(extent, first, change);
            }
        } else {
            for (((start, end), extent), out) in windows.filter(|(((s, e), _), _)| *e >= s + 2) {
                let change = numbers.values[end - 1] - numbers.values[start];
                *out = change * extent.factor;
            }
        }
    }

    /// By what the change of a counter is multiplied: it never goes on to below 0.
    #[inline]
    fn factor(&self, extent: &Extent, first: f64, change: f64) -> f64 {
        let Extent { sampled_s, to_start_s, to_end_s, factor } = *extent;
        if !(change > 0.0 && first >= 0.0) {
            return factor;
        }
        // Zero is certainly far away: spares a division.
        if first > SMALL && first * sampled_s > 2.0 * to_start_s * change {
            return factor;
        }
        let to_zero_s = sampled_s * (first / change);
        if to_zero_s < to_start_s {
            let factor = (sampled_s + to_zero_s + to_end_s) / sampled_s;
            return self.range_s.map_or(factor, |range_s| factor / range_s);
        }
        factor
    }

    /// Computes what depends on times alone.
    fn measure(&mut self, times: &[i64], bounds: &Bounds, grid: &Grid) {
        self.extents.clear();
        let opens = &grid.opens[bounds.first..];
        let untils = &grid.untils[bounds.first..];
        for ((start, end), (open, until)) in bounds.windows().zip(opens.iter().zip(untils)) {
            let mut extent = Extent { sampled_s: 0.0, to_start_s: 0.0, to_end_s: 0.0, factor: 0.0 };
            if end >= start + 2 {
                extent.measure(&times[start..end], *open, *until);
                if let Some(range_s) = self.range_s {
                    extent.factor /= range_s;
                }
            }
            self.extents.push(extent);
        }
    }
}

impl Extent {
    /// Of at least two times after one moment and not after another.
    fn measure(&mut self, times: &[i64], open_ms: i64, until_ms: i64) {
        let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
        self.sampled_s = (last_ms - first_ms) as f64 / 1000.0;
        let between_s = self.sampled_s / (times.len() - 1) as f64;
        self.to_start_s = (first_ms - open_ms) as f64 / 1000.0;
        self.to_end_s = (until_ms - last_ms) as f64 / 1000.0;
        let far_s = between_s * 1.1;
        if self.to_start_s >= far_s {
            self.to_start_s = between_s / 2.0;
        }
        if self.to_end_s >= far_s {
            self.to_end_s = between_s / 2.0;
        }
        self.factor = (self.sampled_s + self.to_start_s + self.to_end_s) / self.sampled_s;
    }
}
