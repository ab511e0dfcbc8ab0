//! Oversize: what retention drops beside what is too old: the oldest blocks when the disk holds
//! too much, and in old blocks the series that a rule keeps for a shorter time.

use std::sync::Arc;

use model::Labels;

use crate::CompactError;
use crate::block::Block;
use crate::db::{Core, Upkeep};
use crate::query::hidden::RuleFloor;
use crate::wal::segment_path;

impl Core {
    /// Takes the oldest blocks out until the rest and the log are as large as they may be. The
    /// newest block stays. Only if that is not enough, blocks of tiers go, which say the most of a
    /// time for their size. Returns the blocks of samples, and those of tiers.
    pub(crate) fn take_oversize(
        &self,
        blocks: &mut Vec<Arc<Block>>,
        tier_blocks: &mut Vec<Arc<Block>>,
    ) -> (Vec<Arc<Block>>, Vec<Arc<Block>>) {
        let Some(max) = self.config.retention_size_bytes else { return Default::default() };
        let mut taken = Vec::new();
        let sizes = blocks.iter().chain(&*tier_blocks).map(|block| block.info().file_bytes);
        let mut n_bytes = self.log_bytes() + sizes.sum::<u64>();
        while n_bytes > max
            && let Some(oldest) = oldest(blocks)
        {
            let block = blocks.remove(oldest);
            n_bytes -= block.info().file_bytes;
            taken.push(block);
        }
        let tiers = self.take_oversize_tiers(tier_blocks, blocks, n_bytes.saturating_sub(max));
        (taken, tiers)
    }

    /// What the log takes on disk. A segment that cannot be measured counts nothing.
    fn log_bytes(&self) -> u64 {
        let disk = self.env.disk.as_ref();
        let segments = self.dir.segments(disk).unwrap_or_default();
        let size = |id| disk.len(&segment_path(&self.dir.wal(), id)).unwrap_or(0);
        segments.into_iter().map(size).sum()
    }

    /// Rewrites one block that is older than a rule keeps its series and still has some of them,
    /// if there is one. Each block comes to it once per rule at most.
    pub(crate) fn apply_rules(&self, upkeep: &mut Upkeep) -> Result<(), CompactError> {
        let blocks = self.blocks.read().clone();
        let checked = &mut upkeep.ruled;
        checked.retain(|path, _| blocks.iter().any(|block| block.path() == path));
        let is_due = |block: &&Arc<Block>| {
            let n_rules = self.rules_past(block).count();
            if checked.get(block.path()) == Some(&n_rules) {
                return false;
            }
            let is_due = self.has_outdated_series(block);
            if !is_due {
                checked.insert(block.path().to_owned(), n_rules);
            }
            is_due
        };
        let due = blocks.iter().find(is_due).cloned();
        drop(blocks);
        let Some(block) = due else { return Ok(()) };
        self.rewrite(upkeep, vec![block])?;
        self.prune_tombstones(upkeep);
        Ok(())
    }

    /// The rules that keep nothing as old as a block.
    fn rules_past(&self, block: &Block) -> impl Iterator<Item = RuleFloor> {
        let max_ms = block.info().max_ms;
        let floors = self.hiding.floors().to_vec();
        floors.into_iter().filter(move |rule| rule.floor_ms > max_ms)
    }

    /// Whether a block has a series of which a rule keeps nothing that is in the block.
    fn has_outdated_series(&self, block: &Arc<Block>) -> bool {
        let max_ms = block.info().max_ms;
        let hidden = self.hiding.in_block(&block.info());
        let is_outdated = |labels: &Labels| hidden.gaps(labels).floor_ms > max_ms;
        self.rules_past(block).any(|rule| block.has_series(&rule.matchers, is_outdated))
    }
}

/// The block to drop first; none if only the newest is left, or what lies over it. The one that ends
/// first goes, but not before one of the same times that was written earlier: what was written over
/// in that one would be seen again.
fn oldest(blocks: &[Arc<Block>]) -> Option<usize> {
    let end_ms = |at: &usize| blocks[*at].info().max_ms;
    let newest = (0..blocks.len()).max_by_key(end_ms)?;
    let mut by_age: Vec<usize> = (0..blocks.len()).collect();
    by_age.sort_by_key(end_ms);
    by_age.into_iter().map(|at| lowest(blocks, at)).find(|at| *at != newest)
}

/// The earliest written block below this one.
fn lowest(blocks: &[Arc<Block>], mut at: usize) -> usize {
    let is_under = |over: &Block, block: &Block| {
        block.info().meta.epoch_to < over.info().meta.epoch_to
            && block.overlaps(over.info().min_ms, over.info().max_ms)
    };
    while let Some(under) = blocks.iter().position(|block| is_under(&blocks[at], block)) {
        at = under;
    }
    at
}
