//! Bounds: which samples the window of each step has.
//!
//! Samples come at an even pace, so where a window ends is guessed from where the one before did;
//! and where the range is a multiple of the step, a window begins where an earlier one ended.
//! Series that are scraped together have the same times: theirs are found once.

use std::collections::HashMap;

use super::super::steps::Steps;
use super::super::window::RangeVector;

/// What is read at each step, Unix milliseconds. All rows rise or stay.
#[derive(Debug)]
pub(super) struct Grid {
    /// The steps.
    pub(super) t_ms: Vec<i64>,
    /// A window has what is after this moment.
    pub(super) opens: Vec<i64>,
    /// And not after this one.
    pub(super) untils: Vec<i64>,
    /// So many steps before each one, if there are so many, a window ends where its own begins.
    shift: Option<usize>,
}

impl Grid {
    /// Of windows that are read so.
    pub(super) fn new(range: &RangeVector, steps: &Steps) -> Self {
        let t_ms: Vec<i64> = steps.times().collect();
        let read = t_ms.iter().map(|t_ms| range.read_ms(*t_ms));
        let (opens, untils): (Vec<i64>, Vec<i64>) = read.unzip();
        let shift = usize::try_from(range.range_ms / steps.step_ms).unwrap_or(usize::MAX);
        let is_shifted = || opens.iter().skip(shift).zip(&untils).all(|(open, end)| open == end);
        let shift = (shift > 0 && is_shifted()).then_some(shift);
        Self { t_ms, opens, untils, shift }
    }

    /// The steps whose windows may have samples of these times: the first, and how many follow.
    fn steps_of(&self, times: &[i64]) -> std::ops::Range<usize> {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return 0..0 };
        let start = self.untils.partition_point(|until| until < first);
        let end = self.opens.partition_point(|open| open < last);
        start..end.max(start)
    }
}

/// So many rows of times are remembered: those of as many targets.
const KNOWN_MAX: usize = 256;

/// The windows of series that were found before.
#[derive(Debug, Default)]
pub(super) struct Known {
    all: Vec<Bounds>,
    /// By the first time, the last one, and how many there are.
    by_ends: HashMap<(i64, i64, usize), usize>,
}

impl Known {
    /// The number of the windows of samples of these times, and whether they had to be found.
    pub(super) fn find(&mut self, times: &[i64], grid: &Grid) -> (usize, bool) {
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            return self.add((0, 0, 0), times, grid);
        };
        let ends = (*first, *last, times.len());
        match self.by_ends.get(&ends) {
            Some(nth) if self.all[*nth].times == times => (*nth, false),
            Some(nth) => {
                self.all[*nth].find(times, grid);
                (*nth, true)
            }
            None => self.add(ends, times, grid),
        }
    }

    fn add(&mut self, ends: (i64, i64, usize), times: &[i64], grid: &Grid) -> (usize, bool) {
        if self.all.len() == KNOWN_MAX {
            self.all.clear();
            self.by_ends.clear();
        }
        let mut bounds = Bounds::default();
        bounds.find(times, grid);
        self.all.push(bounds);
        self.by_ends.insert(ends, self.all.len() - 1);
        (self.all.len() - 1, true)
    }

    /// The windows with this number.
    pub(super) fn get(&self, nth: usize) -> &Bounds {
        &self.all[nth]
    }
}

/// The windows of a series.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// Of these times.
    times: Vec<i64>,
    /// The first step that may have samples.
    pub(super) first: usize,
    /// From there on, how many samples come before the window of each step.
    pub(super) starts: Vec<u32>,
    /// And how many before its end.
    pub(super) ends: Vec<u32>,
    /// What all steps see together.
    pub(super) n_seen: u64,
}

impl Bounds {
    /// Finds the windows of samples of these times.
    fn find(&mut self, times: &[i64], grid: &Grid) {
        self.times.clear();
        self.times.extend_from_slice(times);
        let steps = grid.steps_of(times);
        self.first = steps.start;
        self.ends.clear();
        count_until(times, &grid.untils[steps.clone()], &mut self.ends);
        self.starts.clear();
        let n = self.ends.len();
        // Steps before which there is none with such an end.
        let n_counted = grid.shift.map_or(n, |shift| shift.saturating_sub(self.first).min(n));
        count_until(times, &grid.opens[steps.start..steps.start + n_counted], &mut self.starts);
        if let Some(shift) = grid.shift {
            // Windows that ended before the first of these steps had no sample.
            self.starts.resize(shift.min(n).max(n_counted), 0);
            self.starts.extend_from_slice(&self.ends[..n - self.starts.len()]);
        }
        let seen = self.windows().map(|(start, end)| (end - start) as u64);
        self.n_seen = seen.sum();
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The window of each step, as indexes of samples.
    pub(super) fn windows(&self) -> impl Iterator<Item = (usize, usize)> {
        let ends = self.starts.iter().zip(&self.ends);
        ends.map(|(start, end)| (*start as usize, *end as usize))
    }
}

/// For each of the moments, which rise or stay, how many of the times are not after it.
fn count_until(times: &[i64], moments: &[i64], out: &mut Vec<u32>) {
    let Some(first) = moments.first() else { return };
    let mut n = times.partition_point(|t_ms| t_ms <= first);
    let mut stride = 0;
    out.push(n as u32);
    for moment in &moments[1..] {
        let before = n;
        if let Some(last) = (n + stride).checked_sub(1)
            && times.get(last).is_some_and(|t_ms| t_ms <= moment)
        {
            n += stride;
        }
        while times.get(n).is_some_and(|t_ms| t_ms <= moment) {
            n += 1;
        }
        stride = n - before;
        out.push(n as u32);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::select::Reference;
    use super::super::super::steps::Steps;
    use super::super::super::window::RangeVector;
    use super::{Grid, Known};

    proptest! {
        /// Against counting from scratch.
        #[test]
        fn windows_have_what_lies_between_their_ends(
            gaps in prop::collection::vec(1_i64..40, 0..60),
            start_ms in -50_i64..400,
            n_steps in 1_i64..40,
            step_ms in 1_i64..50,
            range_ms in 1_i64..200,
            at_ms in prop::option::weighted(0.1, 0_i64..600),
        ) {
            let mut t_ms = 0;
            let times: Vec<i64> = gaps.iter().map(|gap| { t_ms += gap; t_ms }).collect();
            let steps = Steps { start_ms, end_ms: start_ms + (n_steps - 1) * step_ms, step_ms };
            let reference = Reference { at_ms, offset_ms: 7 };
            let (series, extension, lookback_ms) = (Vec::new(), None, 0);
            let range = RangeVector { series, reference, range_ms, extension, lookback_ms };
            let grid = Grid::new(&range, &steps);
            let mut known = Known::default();
            let (nth, is_new) = known.find(&times, &grid);
            prop_assert!(is_new && (times.is_empty() || known.find(&times, &grid) == (nth, false)));
            let bounds = known.get(nth);
            for (at, t_ms) in steps.times().enumerate() {
                let (open_ms, until_ms) = range.read_ms(t_ms);
                let wanted: Vec<i64> =
                    times.iter().copied().filter(|t| *t > open_ms && *t <= until_ms).collect();
                let found = at.checked_sub(bounds.first).and_then(|at| bounds.windows().nth(at));
                let (start, end) = found.unwrap_or((0, 0));
                prop_assert_eq!(&times[start.min(end)..end], &wanted[..]);
            }
        }
    }
}
