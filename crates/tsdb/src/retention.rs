//! Retention: what is older than its time leaves queries at once, memory by chunk, and the disk by
//! segment and block. Size, rules per series and a doubtful clock: see [`crate::oversize`],
//! [`crate::hidden`] and [`crate::clock`].
//!
//! A segment may hold the only definition of a series that lives on in later segments. So the
//! definition is logged again and made durable before the manifest forgets the segment, and the
//! manifest is durable before the file goes. Segments go in the order in which they were written.

use std::sync::atomic::Ordering;

use storage::CommitError;

use crate::RetentionError;
#[cfg(feature = "planted-bugs")]
use crate::config::PlantedBug;
use crate::db::{Core, Upkeep};
use crate::head::Series;
use crate::manifest;
use crate::wal::{SegmentId, SegmentInfo};

/// So many definitions are logged and made durable at a time; some hundred bytes each.
const DEFINITIONS_AT_ONCE: usize = 4096;

impl Core {
    /// See [`crate::Db::enforce_retention`].
    pub(crate) fn enforce_retention(&self, now_ms: i64) -> Result<(), RetentionError> {
        if self.config.longest_kept().is_none() && self.config.retention_size_bytes.is_none() {
            return Ok(());
        }
        let mut upkeep = self.upkeep.lock();
        let now_ms = self.believed_ms(now_ms);
        self.hiding.raise_floors(&self.config.retention_rules, now_ms);
        let floor_ms = self.config.floor_ms(now_ms);
        let before = self.floor_ms.fetch_max(floor_ms, Ordering::AcqRel);
        self.drop_from_head(before.max(floor_ms));
        let freed = self.drop_files(before.max(floor_ms), &mut upkeep);
        // Counted; the next pass tries again. What should go is hidden meanwhile.
        let _counted = self.apply_rules(&mut upkeep);
        freed.inspect_err(|_| self.meter.retention_failures.inc())
    }

    fn drop_from_head(&self, floor_ms: i64) {
        let all = self.head.all();
        let hidden = self.hiding.in_head();
        let floor_of = |series: &Series| hidden.gaps(series.labels()).floor_ms.max(floor_ms);
        for series in &all {
            series.drop_before(floor_of(series));
        }
        // Exclusively: no append has found a series that is about to go, or it has filled it.
        let gate = self.gate.write();
        let dead: Vec<_> =
            all.into_iter().filter(|series| series.is_expired(floor_of(series))).collect();
        self.head.index().write().remove(&dead);
        self.measure_head();
        drop(gate);
    }

    fn drop_files(&self, floor_ms: i64, upkeep: &mut Upkeep) -> Result<(), RetentionError> {
        let blocks = self.blocks.read().clone();
        let (mut dead_blocks, mut blocks): (Vec<_>, Vec<_>) =
            blocks.into_iter().partition(|block| block.info().max_ms < floor_ms);
        let oversize = self.take_oversize(&mut blocks);
        let n_oversize = oversize.len() as u64;
        dead_blocks.extend(oversize);
        let closed = self.writer.lock().closed().to_vec();
        // Only from the oldest on: what a later segment supersedes in an earlier one would come
        // back if the later one went first.
        let is_dead = |info: &&SegmentInfo| info.newest_ms < floor_ms;
        let dead: Vec<SegmentInfo> = closed.iter().take_while(is_dead).copied().collect();
        match dead.iter().map(|info| info.last_lsn).max() {
            Some(last_lsn) => self.carry_definitions(last_lsn).map_err(RetentionError::Carry)?,
            None if dead_blocks.is_empty() => return Ok(()),
            None => {}
        }
        let dead: Vec<SegmentId> = dead.iter().map(|info| info.id).collect();
        let epoch = self.flushed_epoch.load(Ordering::Acquire);
        self.write_manifest(&blocks, epoch, &dead)
            .map_err(|cause| RetentionError::Manifest { path: manifest::path(&self.dir), cause })?;
        *self.blocks.write() = blocks;
        self.writer.lock().forget(&dead);
        self.dir.remove_segments(&dead, self.env.disk.as_ref());
        self.meter.oversize_blocks.add(n_oversize);
        upkeep.replaced.extend(dead_blocks);
        self.bury(upkeep);
        self.prune_tombstones(upkeep);
        self.measure_blocks();
        Ok(())
    }

    /// Makes every definition up to this place durable once more, behind it.
    pub(crate) fn carry_definitions(&self, last_lsn: u64) -> Result<(), CommitError> {
        #[cfg(feature = "planted-bugs")]
        if self.config.planted_bug == Some(PlantedBug::ForgetDefinitions) {
            return Ok(());
        }
        let mut series = self.head.all();
        series.retain(|series| series.defined_at() <= last_lsn);
        // In parts, so that appends do not find the log full of definitions.
        for part in series.chunks(DEFINITIONS_AT_ONCE) {
            self.define_again(part);
            self.commit()?;
        }
        // Even if there was nothing to say: an earlier pass may have said it and failed here.
        self.commit()
    }
}
