//! From samples to the points of a chart: per-second rates, a common grid, and sums over series.
//!
//! A grid point at `t` speaks for the span `(t - step, t]`: the mean of what was sampled there, or,
//! where sampling is sparser than the grid, the last value before it as long as the series has not
//! gone silent.

use model::{Sample, is_stale_marker};

/// How many sampling intervals a series may be silent before its line breaks.
const SILENCE_INTERVALS: i64 = 3;

/// The values of a series, one for each point of a grid.
pub(super) type Line = Vec<Option<f64>>;

/// The times at which a chart has points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) start_ms: i64,
    pub(super) step_ms: i64,
    pub(super) n_points: usize,
}

impl Grid {
    /// At most `points_max` points that cover the range, on whole multiples of the step so that a
    /// moving range keeps its points.
    pub(super) fn covering(start_ms: i64, end_ms: i64, points_max: usize) -> Self {
        let span_ms = (end_ms - start_ms).max(1);
        let step_ms = round_up_step(span_ms.div_euclid(points_max.max(1) as i64) + 1);
        let first_ms = start_ms.div_euclid(step_ms) * step_ms;
        // The last point lies at or after the end, so that the newest samples are in its span.
        let n_points = (end_ms - first_ms + step_ms - 1).div_euclid(step_ms) + 1;
        Self { start_ms: first_ms, step_ms, n_points: n_points as usize }
    }

    fn time(&self, i: usize) -> i64 {
        self.start_ms + i as i64 * self.step_ms
    }

    /// How many of the points lie at or before a moment.
    pub(super) fn n_until(&self, until_ms: i64) -> usize {
        let n = until_ms.saturating_sub(self.start_ms).div_euclid(self.step_ms) + 1;
        n.clamp(0, self.n_points as i64) as usize
    }

    /// Each grid time with its value.
    pub(super) fn points(&self, values: &[Option<f64>]) -> Vec<(i64, Option<f64>)> {
        values.iter().enumerate().map(|(i, value)| (self.time(i), *value)).collect()
    }
}

/// The next step that people can read: 1, 2, 5, 10, 15, 30 seconds, minutes, hours; then days.
fn round_up_step(step_ms: i64) -> i64 {
    const STEPS_S: [i64; 17] =
        [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
    let found = STEPS_S.into_iter().map(|s| s * 1000).find(|ms| *ms >= step_ms);
    found.unwrap_or_else(|| (step_ms + 86_399_999) / 86_400_000 * 86_400_000)
}

/// Per-second increase from each sample to the next. A counter that falls has restarted from zero.
pub(super) fn rate(samples: &[Sample]) -> Vec<Sample> {
    let numbers: Vec<&Sample> = samples.iter().filter(|s| !is_stale_marker(s.value)).collect();
    let increase = |pair: &[&Sample]| {
        let (before, after) = (pair[0].value, pair[1].value);
        let grown = if after >= before { after - before } else { after };
        let seconds = (pair[1].t_ms - pair[0].t_ms) as f64 / 1000.0;
        Sample::new(pair[1].t_ms, grown / seconds)
    };
    numbers.windows(2).map(increase).collect()
}

/// One value per grid point.
pub(super) fn onto_grid(samples: &[Sample], grid: Grid) -> Line {
    let reach_ms = grid.step_ms.max(SILENCE_INTERVALS * median_gap_ms(samples));
    onto_grid_within(samples, grid, reach_ms)
}

/// The same, where a value holds for less than so many milliseconds.
pub(super) fn onto_grid_within(samples: &[Sample], grid: Grid, reach_ms: i64) -> Line {
    let mut values = Vec::with_capacity(grid.n_points);
    let (mut next, mut last) = (0, None::<&Sample>);
    for i in 0..grid.n_points {
        let end_ms = grid.time(i);
        let (mut sum, mut n) = (0.0, 0u32);
        while let Some(sample) = samples.get(next).filter(|sample| sample.t_ms <= end_ms) {
            let in_span = sample.t_ms > end_ms - grid.step_ms;
            if in_span && !is_stale_marker(sample.value) {
                sum += sample.value;
                n += 1;
            }
            last = Some(sample);
            next += 1;
        }
        let held = last.filter(|s| !is_stale_marker(s.value) && end_ms - s.t_ms < reach_ms);
        let mean = (n > 0).then(|| sum / f64::from(n));
        values.push(mean.or(held.map(|s| s.value)).filter(|value| value.is_finite()));
    }
    values
}

/// How far apart samples usually are; 0 for fewer than two.
fn median_gap_ms(samples: &[Sample]) -> i64 {
    let mut gaps: Vec<i64> = samples.windows(2).map(|pair| pair[1].t_ms - pair[0].t_ms).collect();
    let middle = gaps.len() / 2;
    if gaps.is_empty() { 0 } else { *gaps.select_nth_unstable(middle).1 }
}

/// The sum over series; a point is absent only where all are.
pub(super) fn sum(all: &[Line]) -> Line {
    let n_points = all.first().map_or(0, Vec::len);
    let at = |i: usize| all.iter().filter_map(|values| values[i]).reduce(|a, b| a + b);
    (0..n_points).map(at).collect()
}

#[cfg(test)]
mod tests;
