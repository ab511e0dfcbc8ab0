//! Compaction: several blocks of one window become one.
//!
//! Blocks of a window are merged when there are many, or when the window is over; as windows grow
//! with age, so do the blocks in them. The manifest changes from the old blocks to the new one in
//! one step, readers after it; a file goes when nobody reads it any more. A merge that is
//! interrupted leaves nothing behind but a file that no manifest names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::CompactError;
use crate::block::{Block, BlockMeta, BlockWriter, block_path, merge_visible};
use crate::db::{Core, Upkeep};
use crate::dir::manifest;
use crate::flush::windows::Window;
use crate::keep::tombstones;

/// So many blocks of a window that still grows are merged.
const BLOCKS_MAX: usize = 4;
/// A window is over when it ended so long ago; what comes later is rare.
const OVER_AFTER_MS: i64 = 3_600_000;

impl Core {
    /// See [`crate::Db::compact`].
    pub(crate) fn compact(&self, now_ms: i64) -> Result<bool, CompactError> {
        let mut upkeep = self.upkeep.lock();
        self.bury(&mut upkeep);
        let blocks = self.blocks.read().clone();
        let Some(group) = due(&blocks, now_ms) else {
            drop(blocks);
            return self.roll_up(&mut upkeep, now_ms);
        };
        drop(blocks);
        if let Err(error) = self.rewrite(&mut upkeep, group) {
            // What cannot be merged can be rolled up all the same, as far as it can be read.
            let has_rolled = matches!(self.roll_up(&mut upkeep, now_ms), Ok(true));
            return if has_rolled { Ok(true) } else { Err(error) };
        }
        self.prune_tombstones(&upkeep);
        Ok(true)
    }

    /// Puts one block in the place of these, which stand in the order of their epochs, without what
    /// is hidden in them.
    pub(crate) fn rewrite(
        &self,
        upkeep: &mut Upkeep,
        group: Vec<Arc<Block>>,
    ) -> Result<(), CompactError> {
        let settled = self.settle_tombstones().map_err(|cause| {
            let path = tombstones::path(&self.dir);
            CompactError::Manifest { path, cause }
        });
        let merged = settled.and_then(|()| self.merge(&group));
        let replaced = merged.and_then(|merged| self.replace(&group, merged));
        if let Err(error) = replaced {
            self.meter.compaction_failures.inc();
            return Err(error);
        }
        upkeep.replaced.extend(group);
        self.meter.compactions.inc();
        self.bury(upkeep);
        self.measure_blocks();
        Ok(())
    }

    fn replace(
        &self,
        group: &[Arc<Block>],
        merged: Option<Arc<Block>>,
    ) -> Result<(), CompactError> {
        let is_parent = |block: &Arc<Block>| group.iter().any(|old| Arc::ptr_eq(old, block));
        let mut live = self.blocks.read().clone();
        live.retain(|block| !is_parent(block));
        live.extend(merged);
        live.sort_by_key(|block| (block.info().meta.epoch_to, block.info().min_ms));
        let epoch = self.flushed_epoch.load(Ordering::Acquire);
        self.write_manifest(&live, epoch, &[])
            .map_err(|cause| CompactError::Manifest { path: manifest::path(&self.dir), cause })?;
        *self.blocks.write() = live;
        Ok(())
    }

    /// One block of all these; none if retention and deletions have left nothing of them.
    fn merge(&self, group: &[Arc<Block>]) -> Result<Option<Arc<Block>>, CompactError> {
        let disk = &self.env.disk;
        let metas = || group.iter().map(|block| block.info().meta);
        let meta = BlockMeta {
            id: self.env.randomness.next_u64(),
            level: metas().map(|meta| meta.level).max().unwrap_or(0) + 1,
            epoch_from: metas().map(|meta| meta.epoch_from).min().unwrap_or(0),
            epoch_to: metas().map(|meta| meta.epoch_to).max().unwrap_or(0),
            parents: metas().map(|meta| meta.id).collect(),
        };
        let folder = self.dir.blocks();
        let mut writer = BlockWriter::create(Arc::clone(disk), &folder, meta)?;
        let floor_ms = self.tiers.kept_ms();
        let hidden = |block: &Arc<Block>| self.hiding.in_block(&block.info());
        let sources: Vec<_> =
            group.iter().map(|block| (Arc::clone(block), hidden(block))).collect();
        let lost = merge_visible(&sources, (floor_ms, i64::MAX), &mut writer)?;
        if !lost.is_nothing() {
            // What cannot be read now may be read by a person later: the old blocks stay.
            return Err(CompactError::Unreadable);
        }
        let Some(info) = writer.finish()? else { return Ok(None) };
        let path = block_path(&folder, &info);
        Ok(Some(Arc::new(Block::open(Arc::clone(disk), &path, Arc::clone(&self.pages))?)))
    }

    /// Removes the files of replaced blocks that nobody reads any more.
    pub(crate) fn bury(&self, upkeep: &mut Upkeep) {
        let is_read = |block: &Arc<Block>| Arc::strong_count(block) > 1;
        let (read, dead): (Vec<_>, Vec<_>) =
            std::mem::take(&mut upkeep.replaced).into_iter().partition(is_read);
        upkeep.replaced = read;
        let files: Vec<_> = dead.iter().map(|block| block.path().to_owned()).collect();
        self.dir.remove_files(&files, self.env.disk.as_ref());
    }
}

/// The blocks of the oldest window in which some should be merged, in the order of their epochs.
fn due(blocks: &[Arc<Block>], now_ms: i64) -> Option<Vec<Arc<Block>>> {
    let mut windows: BTreeMap<Window, Vec<Arc<Block>>> = BTreeMap::new();
    for block in blocks {
        let info = block.info();
        let window = Window::of(info.max_ms, now_ms);
        // A clock that was set back may have left a block wider than its window.
        if Window::of(info.min_ms, now_ms) == window {
            windows.entry(window).or_default().push(Arc::clone(block));
        }
    }
    let is_due = |(window, group): &(Window, Vec<Arc<Block>>)| {
        let is_over = now_ms.saturating_sub(window.end_ms) >= OVER_AFTER_MS;
        let many = if is_over { 2 } else { BLOCKS_MAX };
        group.len() >= many && are_neighbours(group, blocks)
    };
    windows.into_iter().find(is_due).map(|(_, group)| group)
}

/// Whether no block outside of the group has, at the same times, an epoch between theirs: merging
/// around it would change which of two samples is the later one.
fn are_neighbours(group: &[Arc<Block>], all: &[Arc<Block>]) -> bool {
    let infos = || group.iter().map(|block| block.info());
    let (Some(epoch_from), Some(epoch_to)) =
        (infos().map(|i| i.meta.epoch_from).min(), infos().map(|i| i.meta.epoch_to).max())
    else {
        return false;
    };
    let (min_ms, max_ms) = infos().fold((i64::MAX, i64::MIN), |(min_ms, max_ms), info| {
        (min_ms.min(info.min_ms), max_ms.max(info.max_ms))
    });
    let is_between = |block: &&Arc<Block>| {
        let meta = block.info().meta;
        block.overlaps(min_ms, max_ms) && meta.epoch_to >= epoch_from && meta.epoch_from <= epoch_to
    };
    let outside = |block: &&Arc<Block>| !group.iter().any(|member| Arc::ptr_eq(member, block));
    !all.iter().filter(outside).any(|block| is_between(&block))
}
