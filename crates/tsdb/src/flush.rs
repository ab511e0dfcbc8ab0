//! Flush: from the head into blocks.
//!
//! A freeze ends the live epoch: with the gate held, so that every row is in the log and in the
//! head or in neither, what is pending becomes durable, the log begins a new segment, and each
//! series puts its samples aside. The frozen samples are written as blocks, one per window. One
//! manifest then names the blocks and forgets the segments that hold the same samples; readers
//! change over at one moment; the files of the segments go last.
//!
//! Whatever fails, the frozen samples stay in memory and in the log, and the next flush writes
//! them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::FlushError;
use crate::block::{Block, BlockMeta, BlockWriter, Columns, block_path};
use crate::db::Core;
use crate::head::Series;
use crate::manifest::{self, Manifest};
use crate::wal::SegmentId;
use crate::windows::Window;

/// A series that had no sample for so long leaves the head once it is in a block.
const IDLE_MS: i64 = 3_600_000;

/// An epoch that nobody appends to any more and that is not in blocks yet.
#[derive(Debug)]
pub(crate) struct Frozen {
    epoch: u64,
    /// Its last place in the log.
    last_lsn: u64,
    /// The series it has samples of, in the order of their labels.
    series: Vec<Arc<Series>>,
}

impl Core {
    /// See [`crate::Db::flush`].
    pub(crate) fn flush(&self, now_ms: i64) -> Result<(), FlushError> {
        let mut upkeep = self.upkeep.lock();
        let frozen = match upkeep.frozen.take() {
            Some(frozen) => frozen,
            None => self.freeze()?,
        };
        if frozen.series.is_empty() {
            return Ok(());
        }
        let published = self.write_blocks(&frozen, now_ms).and_then(|blocks| {
            self.publish(&frozen, blocks)?;
            self.forget_idle_series(now_ms);
            Ok(())
        });
        if published.is_err() {
            self.meter.flush_failures.inc();
            upkeep.frozen = Some(frozen);
        }
        published
    }

    /// Ends the live epoch.
    fn freeze(&self) -> Result<Frozen, FlushError> {
        let _gate = self.gate.write();
        self.commit().map_err(FlushError::Log)?;
        let last_lsn = self.writer.lock().end_segment();
        let mut series = self.head.all();
        series.retain(|series| series.freeze());
        series.sort_unstable_by(|a, b| a.labels().cmp(b.labels()));
        Ok(Frozen { epoch: self.epoch.fetch_add(1, Ordering::AcqRel), last_lsn, series })
    }

    fn write_blocks(&self, frozen: &Frozen, now_ms: i64) -> Result<Vec<Arc<Block>>, FlushError> {
        let times = frozen.series.iter().flat_map(|series| series.frozen());
        let windows: BTreeSet<Window> =
            times.map(|sample| Window::of(sample.t_ms, now_ms)).collect();
        windows.into_iter().map(|window| self.write_block(frozen, window, now_ms)).collect()
    }

    fn write_block(
        &self,
        frozen: &Frozen,
        window: Window,
        now_ms: i64,
    ) -> Result<Arc<Block>, FlushError> {
        let disk = &self.env.disk;
        let meta = BlockMeta {
            id: self.env.randomness.next_u64(),
            level: 0,
            epoch_from: frozen.epoch,
            epoch_to: frozen.epoch,
            parents: Vec::new(),
        };
        let folder = self.dir.blocks();
        let mut writer = BlockWriter::create(Arc::clone(disk), &folder, meta)?;
        for series in &frozen.series {
            let mut samples = series.frozen();
            samples.retain(|sample| Window::of(sample.t_ms, now_ms) == window);
            writer.add_series(series.labels(), &[Columns::of(&samples).borrow()])?;
        }
        let info = writer.finish()?.expect("a window is made of the samples in it");
        let path = block_path(&folder, &info);
        Ok(Arc::new(Block::open(Arc::clone(disk), &path, Arc::clone(&self.pages))?))
    }

    fn publish(&self, frozen: &Frozen, written: Vec<Arc<Block>>) -> Result<(), FlushError> {
        self.carry_definitions(frozen.last_lsn).map_err(FlushError::Log)?;
        let dead = self.writer.lock().segments_up_to(frozen.last_lsn);
        let mut blocks = self.blocks.read().clone();
        blocks.extend(written);
        self.write_manifest(&blocks, frozen.epoch, &dead)
            .map_err(|cause| FlushError::Manifest { path: manifest::path(&self.dir), cause })?;
        let mut published = self.blocks.write();
        *published = blocks;
        for series in &frozen.series {
            series.forget_frozen();
        }
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
        epoch: u64,
        dead: &[SegmentId],
    ) -> std::io::Result<()> {
        let (mut segments, next_segment) = self.writer.lock().live();
        segments.retain(|id| !dead.contains(id));
        segments.sort_unstable();
        let manifest = Manifest {
            generation: self.head.index().read().generation(),
            next_segment,
            segments,
            epoch,
            blocks: blocks.iter().map(|block| manifest::block_name(block)).collect(),
        };
        manifest.write(&self.dir, self.env.disk.as_ref())
    }

    /// Lets series go whose samples are all in blocks and that have been silent for long.
    fn forget_idle_series(&self, now_ms: i64) {
        let idle_before_ms = now_ms.saturating_sub(IDLE_MS);
        let all = self.head.all();
        let gate = self.gate.write();
        let dead: Vec<_> = all.into_iter().filter(|s| s.is_idle(idle_before_ms)).collect();
        self.head.index().write().remove(&dead);
        self.measure_head();
        drop(gate);
    }
}
