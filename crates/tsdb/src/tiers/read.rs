//! Read: the rollups of the series that match, joined over blocks of the tier and samples.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::rollup::{roll, widen};
use storage::{Kinds, ROLLUP_WIDTHS_MS, Rollup, RollupSeries, RollupSet, Select, SelectError};

use super::plan::{Known, Part, plan};
use crate::Meter;
use crate::block::{Block, BlockInfo, BlockRollups};
use crate::db::Core;
use crate::head::Wanted;
use crate::query::hidden::Hidden;
use crate::query::mixed::Mixed;
use crate::query::view::View;

/// Rollups of series in the order of their labels.
pub(super) struct RollupView {
    sources: Vec<Peekable<Source>>,
}

/// Series in the order of their labels. No two sources have the same time.
type Source = Box<dyn Iterator<Item = RollupSeries> + Send>;

impl Core {
    /// See [`storage::Querier::rollups`].
    pub(crate) fn rollups(
        &self,
        select: &Select,
        width_ms: i64,
    ) -> Result<Option<RollupSet>, SelectError> {
        let is_kept = |(width, keep): &(i64, Option<_>)| *width == width_ms && keep.is_some();
        let Some(range) =
            on_grid(select, width_ms).filter(|_| self.config.tiers().iter().any(is_kept))
        else {
            return Ok(None);
        };
        let range = (range.0.max(self.rollups_from_ms(width_ms)), range.1);
        if range.0 >= range.1 {
            return Ok(Some(Box::new(std::iter::empty())));
        }
        // While this is held, nothing moves from one place to another.
        let blocks = self.blocks.read();
        let raw: Vec<BlockInfo> = blocks.iter().map(|block| block.info()).collect();
        let tombstones = self.hiding.tombstones();
        let rules = self.hiding.floors();
        let of_tier = self.tiers.blocks_of(width_ms);
        let known = Known {
            raw: &raw,
            tombstones: &tombstones,
            rules: &rules,
            unflushed_ms: &self.unflushed_times(select, &of_tier),
            whole_from_ms: self.tiers.whole_from_ms(),
            tier_from_ms: self.tiers.tier_from_ms(width_ms),
        };
        let parts = plan(range, &of_tier, &known);
        let mut view = RollupView { sources: Vec::new() };
        for part in &parts {
            let select = part_of(select, part);
            view.add(match &part.from {
                Some(block) => self.tier_source(block, &select, Some(&self.meter)),
                None => from_samples(
                    View::of_blocks(self, &blocks, &select).with_heads(self, &select),
                    width_ms,
                ),
            });
        }
        drop(blocks);
        Ok(Some(Box::new(view.map(Ok))))
    }

    /// After this moment of the grid rollups are answered: those that the tier keeps, and those of
    /// samples that are seen themselves. Samples that wait on the disk for another tier are no
    /// reason to show more.
    pub(super) fn rollups_from_ms(&self, width_ms: i64) -> i64 {
        let seen_from_ms = super::grid_from(self.floor_ms.load(Ordering::Acquire), width_ms);
        self.tiers.tier_from_ms(width_ms).min(seen_from_ms)
    }

    /// When series that match have samples that are not in blocks, within what a tier has.
    fn unflushed_times(&self, select: &Select, of_tier: &[Arc<Block>]) -> Vec<i64> {
        let ends = of_tier.iter().map(|block| super::tier(block).end_ms);
        let end_ms = ends.max().unwrap_or(i64::MIN).min(select.end_ms);
        let recovered = self.recovered.read().clone();
        let mut times = Vec::new();
        // A histogram may take the place of a number.
        let wanted = Wanted { range: (select.start_ms, end_ms), kinds: Kinds::Both };
        for head in recovered.iter().chain([&self.head]) {
            for (_, captured) in head.capture(&select.matchers, wanted) {
                let Mixed { samples, histograms } = captured.samples();
                times.extend(samples.iter().map(|sample| sample.t_ms));
                times.extend(histograms.iter().map(|sample| sample.t_ms));
            }
        }
        times.sort_unstable();
        times
    }

    /// What a block of a tier has, but for what is deleted or outdated, even in part: what is left
    /// of such a span is not known.
    pub(super) fn tier_source(
        &self,
        block: &Arc<Block>,
        select: &Select,
        meter: Option<&Arc<Meter>>,
    ) -> Source {
        Box::new(FromTier {
            series: block.rollups(select),
            hidden: self.hiding.in_tier(&block.info()),
            width_ms: super::tier(block).width_ms,
            meter: meter.cloned(),
        })
    }
}

/// What samples make.
pub(super) fn from_samples(view: View, width_ms: i64) -> Source {
    let series = view.filter_map(move |series| {
        let series = series.ok()?;
        let rollups = rolled(&series.samples, width_ms);
        (!rollups.is_empty()).then_some(RollupSeries { labels: series.labels, rollups })
    });
    Box::new(series)
}

/// Rollups of a width are made of those of the finest, so that they are the same to the bit
/// whatever they are made from.
fn rolled(samples: &[model::Sample], width_ms: i64) -> Vec<Rollup> {
    let fine = roll(samples, ROLLUP_WIDTHS_MS[0]);
    if width_ms == ROLLUP_WIDTHS_MS[0] { fine } else { widen(&fine, width_ms) }
}

/// The selection within a part. Histograms are asked for, too, so that no number is seen that one
/// has replaced, whatever the files are that they stand in.
pub(super) fn part_of(select: &Select, part: &Part<Arc<Block>>) -> Select {
    let (start_ms, end_ms) = (part.start_ms.saturating_add(1), part.end_ms);
    // Without a first moment nothing is excluded on the left.
    let start_ms = if part.start_ms == i64::MIN { i64::MIN } else { start_ms };
    Select::both(select.matchers.clone(), start_ms, end_ms)
}

/// All series within a part.
pub(super) fn all_of(part: &Part<Arc<Block>>) -> Select {
    part_of(&Select::both(Vec::new(), 0, 0), part)
}

/// The range of a selection, open on the left, if its bounds lie on the grid. The ends of time do.
fn on_grid(select: &Select, width_ms: i64) -> Option<(i64, i64)> {
    let start_ms = select.start_ms.saturating_sub(1);
    let lies = |t_ms: i64| t_ms.rem_euclid(width_ms) == 0;
    let is_on_grid = width_ms > 0
        && (select.start_ms == i64::MIN || lies(start_ms))
        && (select.end_ms == i64::MAX || lies(select.end_ms));
    is_on_grid.then_some((start_ms, select.end_ms))
}

impl RollupView {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self { sources: Vec::new() }
    }

    /// Adds what one part has.
    pub(super) fn add(&mut self, source: Source) {
        self.sources.push(source.peekable());
    }
}

impl Iterator for RollupView {
    type Item = RollupSeries;

    fn next(&mut self) -> Option<RollupSeries> {
        let heads = self.sources.iter_mut().filter_map(Peekable::peek);
        let labels = heads.map(|series| &series.labels).min()?.clone();
        // The sources stand in the order of time.
        let mut rollups = Vec::new();
        for source in &mut self.sources {
            let same = source.next_if(|next| next.labels == labels);
            rollups.extend(same.into_iter().flat_map(|series| series.rollups));
        }
        Some(RollupSeries { labels, rollups })
    }
}

struct FromTier {
    series: BlockRollups,
    hidden: Hidden,
    width_ms: i64,
    /// Until the losses are counted.
    meter: Option<Arc<Meter>>,
}

impl Iterator for FromTier {
    type Item = RollupSeries;

    fn next(&mut self) -> Option<RollupSeries> {
        for mut series in self.series.by_ref() {
            if !self.hidden.is_nothing() {
                let gaps = self.hidden.gaps(&series.labels);
                series.rollups.retain(|rollup| {
                    let (start_ms, end_ms) = rollup.span(self.width_ms);
                    !gaps.touch(start_ms.saturating_add(1), end_ms)
                });
            }
            if !series.rollups.is_empty() {
                return Some(series);
            }
        }
        if let Some(meter) = self.meter.take() {
            let lost = self.series.lost();
            meter.lost_chunks.add(lost.n_chunks + lost.n_series + lost.n_matchers);
        }
        None
    }
}
