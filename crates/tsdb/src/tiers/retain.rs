//! Retain: how long samples wait on the disk for their rollups, and rollups for their own end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::Select;

use super::{GRID_MS, span_begin, tier};
use crate::block::Block;
use crate::config::before;
use crate::db::{Core, Upkeep};
use crate::keep::tombstones::Tombstone;

impl Core {
    /// Lets samples go from the disk that are hidden at this moment (Unix milliseconds) and that no
    /// tier waits for, and raises the floors of the tiers.
    pub(crate) fn raise_tier_floors(&self, upkeep: &Upkeep, now_ms: i64) {
        let tiers = &self.tiers;
        for (floor, (_, keep)) in tiers.floors_ms.iter().zip(self.config.tiers()) {
            let floor_ms = keep.map_or(i64::MAX, |keep| before(now_ms, keep));
            floor.fetch_max(floor_ms, Ordering::AcqRel);
        }
        let hidden_ms = self.config.floor_ms(now_ms);
        if !self.config.has_tiers() {
            tiers.kept_ms.fetch_max(hidden_ms, Ordering::AcqRel);
            return;
        }
        #[cfg(feature = "planted-bugs")]
        if self.config.planted_bug == Some(crate::PlantedBug::DropUnrolled) {
            tiers.kept_ms.fetch_max(hidden_ms, Ordering::AcqRel);
        }
        // What is not in blocks is still to be rolled up, however old it is by now: what was frozen
        // or is in the old log, and the live epoch, which takes nothing older than what was seen
        // when it began. Whole spans stay: one of which a part is gone cannot be made again.
        if upkeep.old_log.is_none() && upkeep.frozen.is_none() {
            let epoch_from_ms = tiers.epoch_from_ms.load(Ordering::Acquire);
            let kept_ms = span_begin(hidden_ms.min(epoch_from_ms), GRID_MS);
            tiers.kept_ms.fetch_max(kept_ms.min(self.awaited_ms()), Ordering::AcqRel);
        }
    }

    /// Samples from here on wait to be rolled up, Unix milliseconds.
    fn awaited_ms(&self) -> i64 {
        let tiers = self.config.tiers();
        let kept = tiers.iter().filter(|(_, keep)| keep.is_some());
        let days = kept.filter_map(|(width_ms, _)| self.outdated_days(*width_ms).first().copied());
        days.map(|day| day.start_ms.saturating_add(1)).min().unwrap_or(i64::MAX)
    }

    /// Takes out the blocks of tiers whose time is over.
    pub(crate) fn take_outdated(&self, blocks: &mut Vec<Arc<Block>>) -> Vec<Arc<Block>> {
        let is_over = |block: &Arc<Block>| {
            let span = tier(block);
            span.end_ms <= self.tiers.tier_from_ms(span.width_ms)
        };
        blocks.extract_if(.., |block| is_over(block)).collect()
    }

    /// Takes the blocks of tiers out that go first when the store is too large: the finest tier
    /// first, as the coarser ones say something of the same time in fewer bytes, and of a tier the
    /// oldest. What overlaps the samples that are left stays: it would only be made again.
    pub(crate) fn take_oversize_tiers(
        &self,
        blocks: &mut Vec<Arc<Block>>,
        raw: &[Arc<Block>],
        n_bytes_over: u64,
    ) -> Vec<Arc<Block>> {
        let raw_from_ms = raw.iter().map(|block| block.info().min_ms).min().unwrap_or(i64::MAX);
        let mut n_freed = 0;
        // They stand in this order.
        let goes = |block: &mut Arc<Block>| {
            let goes = n_freed < n_bytes_over && tier(block).end_ms < raw_from_ms;
            n_freed += if goes { block.info().file_bytes } else { 0 };
            goes
        };
        blocks.extract_if(.., goes).collect()
    }

    /// Counts the blocks of tiers.
    pub(crate) fn measure_tiers(&self) {
        let blocks = self.tiers.blocks();
        self.meter.tier_blocks.set(blocks.len() as i64);
        for ((width_ms, _), gauge) in self.config.tiers().iter().zip(&self.meter.tier_bytes) {
            let of_tier = blocks.iter().filter(|block| tier(block).width_ms == *width_ms);
            let n_bytes = of_tier.map(|block| block.info().file_bytes).sum::<u64>();
            gauge.set(n_bytes as i64);
        }
    }

    /// A block of a tier that holds something that a deletion hides.
    pub(crate) fn touched_tier(&self, tombstone: &Tombstone) -> Option<Arc<Block>> {
        let touches = |block: &Arc<Block>| {
            let info = block.info();
            let (width_ms, all) = (tier(block).width_ms, (info.min_ms, tier(block).end_ms));
            let select = Select::floats(tombstone.matchers.clone(), all.0, all.1);
            let mut rollups = block.rollups(&select);
            let is_hidden = |rollup: &storage::Rollup| {
                let (start_ms, end_ms) = rollup.span(width_ms);
                tombstone.start_ms <= end_ms && tombstone.end_ms > start_ms
            };
            tombstone.reaches_tier(&info)
                && (rollups.any(|series| series.rollups.iter().any(is_hidden))
                    || !rollups.lost().is_nothing())
        };
        self.tiers.blocks().into_iter().find(touches)
    }

    /// Writes a block of a tier without what is hidden in it.
    pub(crate) fn clean_tier(
        &self,
        upkeep: &mut Upkeep,
        block: &Arc<Block>,
    ) -> Result<(), crate::CompactError> {
        let span = tier(block);
        let due = super::roll::Due {
            start_ms: span.start_ms,
            end_ms: span.end_ms,
            width_ms: span.width_ms,
        };
        self.roll(upkeep, due, self.env.clock.now_ms())
    }
}
