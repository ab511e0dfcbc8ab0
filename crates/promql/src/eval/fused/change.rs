//! Change: `rate`, `increase` and `delta` of one series at all steps.
//!
//! What depends on times alone is computed once for all series that have the same times. The
//! operations on each number, and their order, are those of the plain functions.

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
    /// By the number of windows.
    extents: Vec<Vec<Extent>>,
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
            self.measure(numbers.times, at);
        }
        if self.is_counter {
            mark(numbers.values, &mut self.resets, |before, value| value < before);
        }
        let windows = at.bounds.windows().zip(&self.extents[at.nth]).zip(out);
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
    fn measure(&mut self, times: &[i64], At { bounds, grid, nth, .. }: At<'_>) {
        if self.extents.len() <= nth {
            self.extents.resize_with(nth + 1, Vec::new);
        }
        let extents = &mut self.extents[nth];
        extents.clear();
        let opens = &grid.opens[bounds.first..];
        let untils = &grid.untils[bounds.first..];
        // Where samples come at an even pace, windows are mostly like the one before.
        let mut like = Place::default();
        let mut extent = Extent { sampled_s: 0.0, to_start_s: 0.0, to_end_s: 0.0, factor: 0.0 };
        for ((start, end), (open, until)) in bounds.windows().zip(opens.iter().zip(untils)) {
            if end >= start + 2 {
                let (first_ms, last_ms) = (times[start], times[end - 1]);
                let place = Place {
                    n: end - start,
                    sampled_ms: last_ms - first_ms,
                    to_start_ms: first_ms - open,
                    to_end_ms: until - last_ms,
                };
                if place != like {
                    like = place;
                    extent = Extent::of(&place, self.range_s);
                }
            }
            extents.push(extent);
        }
    }
}

/// Where samples, at least two, lie in a window, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    n: usize,
    sampled_ms: i64,
    to_start_ms: i64,
    to_end_ms: i64,
}

impl Extent {
    /// Of a place, and of a rate if it has the length of its range.
    fn of(place: &Place, range_s: Option<f64>) -> Self {
        let sampled_s = place.sampled_ms as f64 / 1000.0;
        let between_s = sampled_s / (place.n - 1) as f64;
        let mut to_start_s = place.to_start_ms as f64 / 1000.0;
        let mut to_end_s = place.to_end_ms as f64 / 1000.0;
        let far_s = between_s * 1.1;
        if to_start_s >= far_s {
            to_start_s = between_s / 2.0;
        }
        if to_end_s >= far_s {
            to_end_s = between_s / 2.0;
        }
        let factor = (sampled_s + to_start_s + to_end_s) / sampled_s;
        let factor = range_s.map_or(factor, |range_s| factor / range_s);
        Self { sampled_s, to_start_s, to_end_s, factor }
    }
}
