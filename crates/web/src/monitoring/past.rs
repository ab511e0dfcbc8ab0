//! The past of a chart: what rollups remain of samples that are gone, as lines.
//!
//! A chart shows means and rates of spans, and rollups know both, so where samples are gone the line
//! goes on with the widest rollups that the chart's step is a multiple of; where it is finer than all
//! of them, with the finest.

use std::collections::BTreeMap;

use model::{Labels, STALE_MARKER_BITS, Sample};
use storage::rollup::span_of;
use storage::{KeptTier, Querier, Rollup, RollupSeries, Select, SelectError};

use super::resample::{Grid, Line, onto_grid_within};

/// Lines by the labels of their series, up to a moment.
#[derive(Default)]
pub(super) struct Past {
    lines: BTreeMap<Labels, Line>,
    /// Of this moment and before (Unix milliseconds) the lines are; none if there is no past.
    until_ms: Option<i64>,
}

impl Past {
    /// Reads what remains of a selection, as long as that are not more than so many series; see
    /// [`Self::len`].
    pub(super) fn read(
        querier: &dyn Querier,
        select: &Select,
        grid: Grid,
        n_series_max: usize,
        to_samples: fn(&[Rollup]) -> Vec<Sample>,
    ) -> Result<Self, SelectError> {
        let remains = querier.remains();
        if !remains.lacks(select.start_ms.saturating_sub(1)) || select.end_ms < select.start_ms {
            return Ok(Self::default());
        }
        let Some(tier) = tier_for(&remains.tiers, grid.step_ms, select.start_ms) else {
            return Ok(Self::default());
        };
        let last_ms = remains.whole_from_ms.saturating_sub(1).min(select.end_ms);
        let until_ms = span_of(last_ms, tier.width_ms).1;
        let first_ms = span_of(select.start_ms, tier.width_ms).0.saturating_add(1);
        let gone = Select::both(select.matchers.clone(), first_ms, until_ms);
        let Some(rollups) = querier.rollups(&gone, tier.width_ms)? else {
            return Ok(Self::default());
        };
        // From one span to the next it is less than two widths; a step that has spans of its own
        // wants no other's.
        let reach_ms = match grid.step_ms < tier.width_ms {
            true => 2 * tier.width_ms,
            false => grid.step_ms,
        };
        let mut lines = BTreeMap::new();
        for series in rollups.take(n_series_max.saturating_add(1)) {
            let RollupSeries { labels, rollups } = series?;
            lines.insert(labels, onto_grid_within(&to_samples(&rollups), grid, reach_ms));
        }
        Ok(Self { lines, until_ms: Some(until_ms) })
    }

    /// How many series have a past that was not taken yet.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// What to read samples for.
    pub(super) fn after(&self, select: Select) -> Select {
        match self.until_ms {
            Some(until_ms) => Select { start_ms: until_ms.saturating_add(1), ..select },
            None => select,
        }
    }

    /// Puts the past of a series before the line of its samples.
    pub(super) fn continued(&mut self, labels: &Labels, grid: Grid, line: Line) -> Line {
        let (Some(until_ms), Some(mut past)) = (self.until_ms, self.lines.remove(labels)) else {
            return line;
        };
        let n_past = grid.n_until(until_ms);
        past.truncate(n_past);
        past.extend(line.into_iter().skip(n_past));
        past
    }

    /// The lines of series that have nothing but a past.
    pub(super) fn into_rest(self) -> BTreeMap<Labels, Line> {
        self.lines
    }
}

fn tier_for(tiers: &[KeptTier], step_ms: i64, start_ms: i64) -> Option<KeptTier> {
    let reaching: Vec<&KeptTier> = tiers.iter().filter(|tier| tier.from_ms < start_ms).collect();
    let fitting = reaching.iter().filter(|tier| step_ms % tier.width_ms == 0);
    let chosen = fitting
        .max_by_key(|tier| tier.width_ms)
        .or_else(|| reaching.iter().min_by_key(|tier| tier.width_ms))
        .copied()
        .or_else(|| tiers.iter().min_by_key(|tier| tier.from_ms));
    chosen.copied()
}

/// The mean of each rollup, at its last value.
pub(super) fn means(rollups: &[Rollup]) -> Vec<Sample> {
    let mean = |rollup: &Rollup| Sample::new(rollup.last_ms, rollup.sum / rollup.count as f64);
    rollups
        .iter()
        .flat_map(|rollup| with_end(rollup, (rollup.count > 0).then(|| mean(rollup))))
        .collect()
}

/// A counter's increase per second, from the last value of each rollup to that of the next, resets
/// within included.
pub(super) fn rates(rollups: &[Rollup]) -> Vec<Sample> {
    let mut before: Option<(i64, f64)> = None;
    let mut rates = Vec::with_capacity(rollups.len());
    for rollup in rollups {
        if rollup.count > 0 {
            let (since_ms, value) = before.unwrap_or((rollup.first_ms, rollup.first));
            let to_first = match rollup.first >= value {
                true => rollup.first - value,
                false => rollup.first,
            };
            let grown = to_first + (rollup.last - rollup.first) + rollup.drops;
            let seconds = (rollup.last_ms - since_ms) as f64 / 1000.0;
            let rate = (seconds > 0.0).then(|| Sample::new(rollup.last_ms, grown / seconds));
            rates.extend(with_end(rollup, rate));
            before = Some((rollup.last_ms, rollup.last));
        }
    }
    rates
}

/// A sample, and the stale marker that ends its series, if one does.
fn with_end(rollup: &Rollup, sample: Option<Sample>) -> impl Iterator<Item = Sample> {
    let marker = Sample::new(rollup.last_ms.saturating_add(1), f64::from_bits(STALE_MARKER_BITS));
    sample.into_iter().chain(rollup.is_stale.then_some(marker))
}

#[cfg(test)]
mod tests;
