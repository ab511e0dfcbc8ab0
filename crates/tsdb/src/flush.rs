//! Flush: from the head into blocks.
//!
//! A freeze ends the live epoch: with the gate held, so that every sample is in the log and in the
//! head or in neither, what is pending becomes durable, the log begins a new segment, and the head
//! puts its samples aside. The frozen samples are written as blocks, one per window. One manifest
//! then names the blocks and forgets the segments that hold the same samples; readers change over
//! at one moment; the files of the segments go last. What was in the log when the store was opened
//! is a frozen epoch too.
//!
//! Whatever fails, the frozen samples stay in memory and in the log, and the next flush writes
//! them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::FlushError;
use crate::block::{Block, BlockMeta, BlockWriter, Columns, block_path};
use crate::db::{Core, Upkeep};
use crate::head::{FrozenEpoch, Head};
use crate::manifest::{self, Manifest};
use crate::wal::{Reach, SegmentId};
use crate::windows::Window;

/// A series that had no sample for so long leaves the head once it is in a block.
const IDLE_MS: i64 = 3_600_000;

/// So many blocks are written side by side; a backfill may need hundreds, which takes more passes.
const WINDOWS_AT_ONCE: usize = 16;

/// An epoch that nobody appends to any more and that is not in blocks yet.
pub(crate) struct Frozen {
    epoch: u32,
    /// Its last place in the log.
    last_lsn: u64,
    head: Arc<Head>,
    series: FrozenEpoch,
}

impl Frozen {
    /// The frozen epoch of a head.
    pub(crate) fn of(head: &Arc<Head>, epoch: u32, last_lsn: u64) -> Self {
        Self { epoch, last_lsn, head: Arc::clone(head), series: head.frozen() }
    }

    /// Whether it has no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

impl Core {
    /// See [`crate::Db::flush`].
    pub(crate) fn flush(&self, now_ms: i64) -> Result<(), FlushError> {
        self.flush_all_into_blocks(&mut self.upkeep.lock(), now_ms)
    }

    /// The same, for who keeps the files in order already. Every time a later epoch is in blocks.
    pub(crate) fn flush_all_into_blocks(
        &self,
        upkeep: &mut Upkeep,
        now_ms: i64,
    ) -> Result<(), FlushError> {
        self.flush_old(upkeep, now_ms)?;
        let frozen = self.freeze()?;
        self.flush_frozen(upkeep, frozen, now_ms)
    }

    /// Flushes what was recovered, or what could not be flushed before.
    pub(crate) fn flush_old(&self, upkeep: &mut Upkeep, now_ms: i64) -> Result<(), FlushError> {
        self.warm(upkeep).map_err(FlushError::Replay)?;
        match upkeep.frozen.take() {
            Some(frozen) => self.flush_frozen(upkeep, frozen, now_ms),
            None => Ok(()),
        }
    }

    fn flush_frozen(
        &self,
        upkeep: &mut Upkeep,
        frozen: Frozen,
        now_ms: i64,
    ) -> Result<(), FlushError> {
        if frozen.is_empty() && self.writer.lock().segments_up_to(frozen.last_lsn).is_empty() {
            frozen.head.forget_frozen();
            self.flushed_epoch.fetch_max(frozen.epoch, Ordering::AcqRel);
            return Ok(());
        }
        let blocks = self.write_blocks(&frozen, now_ms);
        let published = blocks.and_then(|blocks| self.publish(&frozen, blocks));
        if published.is_err() {
            self.meter.flush_failures.inc();
            upkeep.frozen = Some(frozen);
            return published;
        }
        self.forget_idle_series(now_ms);
        Ok(())
    }

    /// Ends the live epoch.
    fn freeze(&self) -> Result<Frozen, FlushError> {
        let gate = self.gate.write();
        let frozen = self.end_epoch()?;
        drop(gate);
        Ok(Frozen::of(&self.head, frozen.0, frozen.1))
    }

    /// The epoch that ended and its last place in the log. The gate is held exclusively.
    fn end_epoch(&self) -> Result<(u32, u64), FlushError> {
        self.commit_as_far_as(Reach::Durable).map_err(FlushError::Log)?;
        let last_lsn = self.writer.lock().end_segment();
        self.head.freeze();
        Ok((self.epoch.fetch_add(1, Ordering::AcqRel), last_lsn))
    }

    #[cfg(feature = "planted-bugs")]
    pub(crate) fn freeze_now_if_planted(&self) {
        if self.config.planted_bug != Some(crate::PlantedBug::FreezeOutsideGate) {
            return;
        }
        let mut upkeep = self.upkeep.lock();
        if upkeep.frozen.is_none()
            && let Ok((epoch, last_lsn)) = self.end_epoch()
        {
            upkeep.frozen = Some(Frozen::of(&self.head, epoch, last_lsn));
        }
    }

    fn write_blocks(&self, frozen: &Frozen, now_ms: i64) -> Result<Vec<Arc<Block>>, FlushError> {
        let floor_ms = self.tiers.kept_ms();
        let mut windows: BTreeSet<Window> = BTreeSet::new();
        let mut last = None;
        for (_, samples) in frozen.series.series() {
            for sample in samples.iter().filter(|sample| sample.t_ms >= floor_ms) {
                if !last.is_some_and(|window: Window| window.contains(sample.t_ms)) {
                    let window = Window::of(sample.t_ms, now_ms);
                    windows.insert(window);
                    last = Some(window);
                }
            }
        }
        let windows: Vec<Window> = windows.into_iter().collect();
        let mut blocks = Vec::new();
        for part in windows.chunks(WINDOWS_AT_ONCE) {
            blocks.extend(self.write_windows(frozen, part, floor_ms)?);
        }
        Ok(blocks)
    }

    /// Writes the blocks of these windows, rising in time, in one pass over the series.
    fn write_windows(
        &self,
        frozen: &Frozen,
        windows: &[Window],
        floor_ms: i64,
    ) -> Result<Vec<Arc<Block>>, FlushError> {
        let folder = self.dir.blocks();
        let create = |_: &Window| {
            let meta = BlockMeta {
                id: self.env.randomness.next_u64(),
                level: 0,
                epoch_from: u64::from(frozen.epoch),
                epoch_to: u64::from(frozen.epoch),
                parents: Vec::new(),
            };
            BlockWriter::create(Arc::clone(&self.env.disk), &folder, meta)
        };
        let mut writers: Vec<BlockWriter> = windows.iter().map(create).collect::<Result<_, _>>()?;
        for (slot, samples) in frozen.series.series() {
            let labels = frozen.head.identities().read().labels(slot);
            for (window, writer) in windows.iter().zip(&mut writers) {
                let start =
                    samples.partition_point(|s| s.t_ms < floor_ms || s.t_ms <= window.start_ms);
                let end = samples.partition_point(|s| s.t_ms <= window.end_ms);
                if start < end {
                    writer.add_series(&labels, &[Columns::of(&samples[start..end]).borrow()])?;
                }
            }
        }
        let finish = |writer: BlockWriter| {
            let info = writer.finish()?.expect("a window is made of the samples in it");
            let path = block_path(&folder, &info);
            Ok(Arc::new(Block::open(Arc::clone(&self.env.disk), &path, Arc::clone(&self.pages))?))
        };
        writers.into_iter().map(finish).collect()
    }

    fn publish(&self, frozen: &Frozen, written: Vec<Arc<Block>>) -> Result<(), FlushError> {
        let dead = self.writer.lock().segments_up_to(frozen.last_lsn);
        let mut blocks = self.blocks.read().clone();
        blocks.extend(written);
        self.write_manifest(&blocks, frozen.epoch, &dead)
            .map_err(|cause| FlushError::Manifest { path: manifest::path(&self.dir), cause })?;
        let mut published = self.blocks.write();
        *published = blocks;
        frozen.head.forget_frozen();
        self.recovered.write().take_if(|recovered| Arc::ptr_eq(recovered, &frozen.head));
        drop(published);
        self.flushed_epoch.store(frozen.epoch, Ordering::Release);
        self.writer.lock().forget(&dead);
        self.dir.remove_segments(&dead, self.env.disk.as_ref());
        self.meter.flushes.inc();
        self.measure_blocks();
        Ok(())
    }

    /// Replaces the list of live files: these blocks, and all segments but the dead ones.
    pub(crate) fn write_manifest(
        &self,
        blocks: &[Arc<Block>],
        epoch: u32,
        dead: &[SegmentId],
    ) -> std::io::Result<()> {
        self.write_manifest_of(blocks, &self.tiers.blocks(), epoch, dead)
    }

    /// The same with these blocks of tiers.
    pub(crate) fn write_manifest_of(
        &self,
        blocks: &[Arc<Block>],
        tier_blocks: &[Arc<Block>],
        epoch: u32,
        dead: &[SegmentId],
    ) -> std::io::Result<()> {
        let (mut segments, next_segment) = self.writer.lock().live();
        segments.retain(|id| !dead.contains(id));
        segments.sort_unstable();
        let manifest = Manifest {
            generation: self.live_epoch(),
            next_segment,
            segments,
            epoch: u64::from(epoch),
            blocks: blocks.iter().chain(tier_blocks).map(|b| manifest::block_name(b)).collect(),
            raw_from_ms: self.tiers.raw_from_ms(),
        };
        manifest.write(&self.dir, self.env.disk.as_ref())
    }

    /// Lets series go whose samples are all in blocks and that have been silent for long.
    fn forget_idle_series(&self, now_ms: i64) {
        let gate = self.gate.write();
        self.head.forget_idle(&[], now_ms.saturating_sub(IDLE_MS));
        drop(gate);
        self.measure_head();
    }
}
