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
//! them. Blocks keep to `windows` of time; those of one window `compact` merges.

mod compact;
pub(crate) mod windows;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{HistogramSample, Matcher};

use crate::FlushError;
use crate::block::{Block, BlockError, BlockMeta, BlockWriter, ChunkColumns, block_path};
use crate::db::{Core, Upkeep};
use crate::dir::manifest::{self, Manifest};
use crate::flush::windows::Window;
use crate::head::{FrozenEpoch, Head};
use crate::notes;
use crate::wal::{Reach, SegmentId};

/// A series that had no sample for so long leaves the head once it is in a block.
const IDLE_MS: i64 = 3_600_000;

/// So many series are let go while appends wait: some tens of milliseconds.
const FORGOTTEN_AT_ONCE: usize = 16_384;
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

/// One pass over the series of an epoch, which writes the blocks of some windows side by side.
struct Pass<'a> {
    core: &'a Core,
    now_ms: i64,
    /// Windows that earlier passes have written.
    done: &'a BTreeSet<Window>,
    writers: Vec<(Window, BlockWriter)>,
    /// Whether there are windows for another pass.
    more: bool,
}

impl Pass<'_> {
    /// Adds samples of a series, each to the block of its window.
    fn add(
        &mut self,
        frozen: &Frozen,
        slot: u32,
        (mut floats, mut histograms): (ChunkColumns<'_>, &[HistogramSample]),
    ) -> Result<(), BlockError> {
        let first_of = |floats: &ChunkColumns<'_>, histograms: &[HistogramSample]| {
            let of_histograms = histograms.first().map(|sample| sample.t_ms);
            floats.times.first().copied().into_iter().chain(of_histograms).min()
        };
        while let Some(t_ms) = first_of(&floats, histograms) {
            let window = Window::of(t_ms, self.now_ms);
            let n_floats = floats.times.partition_point(|t_ms| *t_ms <= window.end_ms);
            let n_histograms = histograms.partition_point(|s| s.t_ms <= window.end_ms);
            if let Some(writer) = self.writer(window, frozen.epoch)? {
                let identities = frozen.head.identities().read();
                writer
                    .begin_series_tagged(identities.tags(slot), &|tag| identities.tag_text(tag))?;
                drop(identities);
                writer.push_mixed(floats.slice(0..n_floats), &histograms[..n_histograms])?;
                writer.end_series()?;
            }
            floats = floats.slice(n_floats..floats.times.len());
            histograms = &histograms[n_histograms..];
        }
        Ok(())
    }

    /// The writer of a window; `None` if it is not written in this pass.
    fn writer(
        &mut self,
        window: Window,
        epoch: u32,
    ) -> Result<Option<&mut BlockWriter>, BlockError> {
        let known = self.writers.iter().position(|(known, _)| *known == window);
        let at = match known {
            Some(at) => at,
            None if self.done.contains(&window) => return Ok(None),
            None if self.writers.len() == WINDOWS_AT_ONCE => {
                self.more = true;
                return Ok(None);
            }
            None => {
                self.writers.push((window, self.core.create_block(epoch)?));
                self.writers.len() - 1
            }
        };
        Ok(Some(&mut self.writers[at].1))
    }
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
        self.tiers.note_epoch(self.floor_ms.load(Ordering::Acquire));
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
        let (mut done, mut blocks) = (BTreeSet::new(), Vec::new());
        loop {
            let floor_ms = self.tiers.kept_ms();
            let mut pass =
                Pass { core: self, now_ms, done: &done, writers: Vec::new(), more: false };
            frozen.series.visit(|slot, columns, histograms| {
                let first = columns.times.partition_point(|t_ms| *t_ms < floor_ms);
                let floats = columns.borrow().slice(first..columns.len());
                let first = histograms.partition_point(|sample| sample.t_ms < floor_ms);
                pass.add(frozen, slot, (floats, &histograms[first..]))
            })?;
            let Pass { writers, more, .. } = pass;
            for (window, writer) in writers {
                blocks.push(self.finish_block(writer)?);
                done.insert(window);
            }
            if !more {
                return Ok(blocks);
            }
        }
    }

    fn create_block(&self, epoch: u32) -> Result<BlockWriter, BlockError> {
        let meta = BlockMeta {
            id: self.env.randomness.next_u64(),
            level: 0,
            epoch_from: u64::from(epoch),
            epoch_to: u64::from(epoch),
            parents: Vec::new(),
        };
        BlockWriter::create(Arc::clone(&self.env.disk), &self.dir.blocks(), meta)
    }

    fn finish_block(&self, writer: BlockWriter) -> Result<Arc<Block>, FlushError> {
        let info = writer.finish()?.expect("a window is made of the samples in it");
        let path = block_path(&self.dir.blocks(), &info);
        Ok(Arc::new(Block::open(Arc::clone(&self.env.disk), &path, Arc::clone(&self.pages))?))
    }

    fn publish(&self, frozen: &Frozen, written: Vec<Arc<Block>>) -> Result<(), FlushError> {
        let dead = self.writer.lock().segments_up_to(frozen.last_lsn);
        // What came beside samples is in these segments too.
        self.save_notes()
            .map_err(|cause| FlushError::Notes { path: notes::path(&self.dir), cause })?;
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

    /// Writes what came beside samples into its file, if something did.
    fn save_notes(&self) -> std::io::Result<()> {
        // Appends wait for the lock, so it is not held while the disk works.
        let Some(payloads) = self.notes.lock().changed() else { return Ok(()) };
        let written = notes::write(&payloads, &self.dir, self.env.disk.as_ref());
        if written.is_err() {
            self.notes.lock().was_not_saved();
        }
        written
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
            live_epoch: self.live_epoch(),
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
        self.forget_idle(&[], now_ms.saturating_sub(IDLE_MS));
    }

    /// Lets series go that match, have no sample in memory and none newer than a moment anywhere.
    /// In parts, because appends wait meanwhile.
    pub(crate) fn forget_idle(&self, matchers: &[Matcher], before_ms: i64) {
        for part in self.head.idle(matchers, before_ms).chunks(FORGOTTEN_AT_ONCE) {
            let gate = self.gate.write();
            self.head.forget_idle(part, before_ms);
            drop(gate);
        }
        self.measure_head();
    }
}
