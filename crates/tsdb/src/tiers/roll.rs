//! Roll: days of samples become blocks of rollups, and blocks of days those of months.
//!
//! A block of a tier is never changed. A new one takes the place of all that overlap it in one
//! change of the manifest, so each span is rolled up once at any moment, whatever happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::rollup::span_of;

use super::plan::{Known, Part, day_of, plan};
use super::read::{RollupView, all_of, from_samples};
use super::{MONTH_MS, tier};
use crate::CompactError;
use crate::block::{Block, BlockInfo, BlockMeta, TierSpan, TierWriter, block_path};
use crate::db::{Core, Upkeep};
use crate::dir::manifest;
use crate::query::view::View;

/// Months whose samples are never dropped are made when they ended so long ago.
const OLD_AFTER_MS: i64 = 30 * super::DAY_MS;

/// A span of a tier that should be written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) width_ms: i64,
}

impl Core {
    /// Rolls up what is due at a moment (Unix milliseconds), one span of a tier; says whether there
    /// was one.
    ///
    /// # Errors
    /// Some span could not be rolled up, and there was no other. The next call tries again.
    pub(crate) fn roll_up(&self, upkeep: &mut Upkeep, now_ms: i64) -> Result<bool, CompactError> {
        let mut failed = None;
        for due in self.due_spans(now_ms) {
            match self.roll(upkeep, due, now_ms) {
                Ok(()) => {
                    self.prune_tombstones(upkeep);
                    return Ok(true);
                }
                Err(error) => {
                    self.meter.rollup_failures.inc();
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(false), Err)
    }

    /// What should be rolled up, the oldest first.
    fn due_spans(&self, now_ms: i64) -> BTreeSet<Due> {
        let mut due = BTreeSet::new();
        for (width_ms, _) in self.config.tiers().iter().filter(|(_, keep)| keep.is_some()) {
            if let Some(after_ms) = self.config.roll_up_after_ms() {
                let is_over = |day: &Due| now_ms.saturating_sub(day.end_ms) >= after_ms;
                due.extend(self.outdated_days(*width_ms).into_iter().filter(is_over));
            }
            due.extend(self.full_months(*width_ms, now_ms));
        }
        due
    }

    /// The days of which samples are there that a tier should know and does not.
    pub(super) fn outdated_days(&self, width_ms: i64) -> BTreeSet<Due> {
        let raw: Vec<BlockInfo> = self.blocks.read().iter().map(|block| block.info()).collect();
        let tombstones = self.hiding.tombstones();
        let known = self.known_to_roll(width_ms, &raw, &tombstones);
        let from_ms = known.whole_from_ms.max(known.tier_from_ms);
        let blocks = self.tiers.blocks_of(width_ms);
        let mut days = BTreeSet::new();
        for block in raw.iter().filter(|block| block.max_ms > from_ms) {
            let mut t_ms = block.min_ms.max(from_ms.saturating_add(1));
            while t_ms <= block.max_ms {
                let (start_ms, end_ms) = day_of(t_ms);
                days.insert(Due { start_ms, end_ms, width_ms });
                if end_ms == i64::MAX {
                    break;
                }
                t_ms = end_ms + 1;
            }
        }
        days.retain(|day| {
            let covers = |block: &&Arc<Block>| {
                let span = tier(block);
                span.start_ms <= day.start_ms && span.end_ms >= day.end_ms
            };
            let covered = blocks.iter().find(covers).map(|block| block.info().meta.epoch_to);
            let barren = self.tiers.barren.lock().get(&(width_ms, day.start_ms)).copied();
            let epoch = covered.max(barren);
            epoch.is_none_or(|epoch| {
                !known.is_up_to_date(epoch, day.start_ms.max(from_ms), day.end_ms)
            })
        });
        days
    }

    /// Months whose days stand in blocks of their own though their samples are gone or old.
    fn full_months(&self, width_ms: i64, now_ms: i64) -> BTreeSet<Due> {
        let whole_from_ms = self.tiers.whole_from_ms();
        let blocks = self.tiers.blocks_of(width_ms);
        let month = |block: &Arc<Block>| span_of(tier(block).end_ms, MONTH_MS);
        let with_next = blocks.iter().zip(blocks.iter().skip(1));
        let of_two = with_next.filter(|(one, next)| month(one) == month(next)).map(|(one, _)| one);
        let is_old = |month: &(i64, i64)| {
            month.1 <= whole_from_ms || now_ms.saturating_sub(month.1) >= OLD_AFTER_MS
        };
        let months = of_two.map(month).filter(is_old);
        months.map(|(start_ms, end_ms)| Due { start_ms, end_ms, width_ms }).collect()
    }

    /// What decides where the rollups of a new block come from. Rules hide what they have outdated
    /// wherever it comes from, and what is not in blocks will be of a later epoch.
    fn known_to_roll<'k>(
        &self,
        width_ms: i64,
        raw: &'k [BlockInfo],
        tombstones: &'k [Arc<crate::keep::tombstones::Tombstone>],
    ) -> Known<'k> {
        Known {
            raw,
            tombstones,
            rules: &[],
            unflushed_ms: &[],
            whole_from_ms: self.tiers.whole_from_ms(),
            tier_from_ms: self.tiers.tier_from_ms(width_ms),
        }
    }

    /// Writes a span of a tier anew, together with what its blocks have beyond it.
    pub(super) fn roll(
        &self,
        upkeep: &mut Upkeep,
        due: Due,
        now_ms: i64,
    ) -> Result<(), CompactError> {
        let overlaps = |block: &Arc<Block>| {
            let span = tier(block);
            span.start_ms < due.end_ms && span.end_ms > due.start_ms
        };
        let (old, mut live): (Vec<_>, Vec<_>) = self
            .tiers
            .blocks()
            .into_iter()
            .partition(|block| tier(block).width_ms == due.width_ms && overlaps(block));
        let spans = || old.iter().map(|block| tier(block));
        let span = TierSpan {
            width_ms: due.width_ms,
            start_ms: spans().map(|span| span.start_ms).fold(due.start_ms, i64::min),
            end_ms: spans().map(|span| span.end_ms).fold(due.end_ms, i64::max),
        };
        let epoch = self.flushed_epoch.load(Ordering::Acquire);
        let written = self.write_span(span, &old, now_ms)?;
        if written.is_none() {
            let days = (span.start_ms..span.end_ms).step_by(super::DAY_MS as usize);
            let mut barren = self.tiers.barren.lock();
            barren.extend(days.map(|day_ms| ((due.width_ms, day_ms), u64::from(epoch))));
        }
        if written.is_none() && old.is_empty() {
            return Ok(());
        }
        live.extend(written);
        let blocks = self.blocks.read().clone();
        self.write_manifest_of(&blocks, &live, epoch, &[])
            .map_err(|cause| CompactError::Manifest { path: manifest::path(&self.dir), cause })?;
        drop(blocks);
        self.tiers.publish(live);
        upkeep.replaced.extend(old);
        self.bury(upkeep);
        self.measure_blocks();
        Ok(())
    }

    /// Writes the block; `None` if there is nothing to write.
    fn write_span(
        &self,
        span: TierSpan,
        old: &[Arc<Block>],
        now_ms: i64,
    ) -> Result<Option<Arc<Block>>, CompactError> {
        let blocks = self.blocks.read().clone();
        let raw: Vec<BlockInfo> = blocks.iter().map(|block| block.info()).collect();
        let tombstones = self.hiding.tombstones();
        let known = self.known_to_roll(span.width_ms, &raw, &tombstones);
        let from_ms = span.start_ms.max(known.tier_from_ms);
        let parts = plan((from_ms, span.end_ms), old, &known);
        let n_skipped = || -> u64 { blocks.iter().chain(old).map(|block| block.n_skipped()).sum() };
        let n_skipped_before = n_skipped();
        let meta = self.tier_meta(old);
        let disk = &self.env.disk;
        let folder = self.dir.blocks();
        let mut writer = TierWriter::create(Arc::clone(disk), &folder, meta, span)?;
        for series in self.parts_view(&parts, &blocks, span.width_ms) {
            #[cfg(feature = "planted-bugs")]
            let series = self.without_last_if_planted(series);
            writer.add_series(&series.labels, &series.rollups)?;
        }
        if n_skipped() > n_skipped_before && !self.is_urgent(span, &parts, now_ms) {
            // What cannot be read now may be read later, as long as it is there.
            return Err(CompactError::Unreadable);
        }
        let n_rollups = writer.n_rollups();
        let Some(info) = writer.finish()? else { return Ok(None) };
        self.meter.rollups.add(n_rollups);
        let path = block_path(&folder, &info);
        Ok(Some(Arc::new(Block::open(Arc::clone(disk), &path, Arc::clone(&self.pages))?)))
    }

    #[cfg(feature = "planted-bugs")]
    fn without_last_if_planted(&self, mut series: storage::RollupSeries) -> storage::RollupSeries {
        let is_planted = self.config.planted_bug == Some(crate::PlantedBug::RollWithoutLastSpan);
        if is_planted && series.rollups.len() > 1 {
            series.rollups.pop();
        }
        series
    }

    fn parts_view(
        &self,
        parts: &[Part<Arc<Block>>],
        blocks: &[Arc<Block>],
        width_ms: i64,
    ) -> RollupView {
        let mut view = RollupView::new();
        for part in parts {
            let select = all_of(part);
            view.add(match &part.from {
                Some(block) => self.tier_source(block, &select, None),
                None => from_samples(View::of_blocks(self, blocks, &select), width_ms),
            });
        }
        view
    }

    /// Whether samples in a span, of which some cannot be read, would leave the disk with the rest.
    fn is_urgent(&self, span: TierSpan, parts: &[Part<Arc<Block>>], now_ms: i64) -> bool {
        let has_samples = parts.iter().any(|part| part.from.is_none());
        has_samples && self.config.floor_ms(self.believed_ms(now_ms)) > span.start_ms
    }

    fn tier_meta(&self, old: &[Arc<Block>]) -> BlockMeta {
        let infos: Vec<BlockInfo> = old.iter().map(|block| block.info()).collect();
        let epoch = u64::from(self.flushed_epoch.load(Ordering::Acquire));
        BlockMeta {
            id: self.env.randomness.next_u64(),
            level: infos.iter().map(|info| info.meta.level + 1).max().unwrap_or(0),
            epoch_from: infos.iter().map(|info| info.meta.epoch_from).min().unwrap_or(epoch),
            epoch_to: epoch,
            parents: infos.iter().map(|info| info.meta.id).collect(),
        }
    }
}
