//! Import: samples of any age, in any order, straight into blocks.
//!
//! A backfill would burst the head and fill the log for nothing: its source can be read again. So
//! samples are collected up to a bound of memory, sorted, and written as one block of level 0 per
//! window of time: a *run*. One manifest makes all runs live at the end; until then a crash leaves
//! only files that no manifest names, which the next start removes. Runs overlap in time, and the
//! usual compaction merges them; after so many of them that its work would get out of hand, the
//! import does that itself.
//!
//! The same import once more changes nothing that a query sees: of two samples at one time one
//! stays.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Labels, Sample, is_stale_marker};
use stdx::Env;

use crate::block::{Block, BlockError, BlockMeta, BlockWriter, Columns, block_path};
use crate::dir::manifest;
use crate::flush::windows::Window;
use crate::{CompactError, Config, Db, Driver, FlushError, Health, OpenError};

/// After so many runs they become live and are merged, so that no window has too many blocks.
const RUNS_MAX: usize = 64;
/// What a series takes beside its labels' texts and its samples: maps, vectors, spare room.
const SERIES_BYTES: usize = 256;

/// Why an import cannot go on. Nothing of what is not live yet stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The directory cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk takes no writes.
    #[error("the data directory takes no writes: {reason}")]
    Stalled {
        /// What the disk said.
        reason: String,
    },
    /// What the log holds could not be moved into blocks first.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// A block could not be written.
    #[error("{reason}")]
    Block {
        /// Which one, and what the disk said.
        reason: String,
    },
    /// Blocks could not be merged.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// The list of live files could not be replaced.
    #[error("cannot write {}: {cause}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: std::io::Error,
    },
}

impl From<BlockError> for ImportError {
    fn from(error: BlockError) -> Self {
        Self::Block { reason: error.to_string() }
    }
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Different series.
    pub n_series: u64,
    /// Samples that were written.
    pub n_samples: u64,
    /// Samples that were not, because another of the same series and time was given later.
    pub n_superseded: u64,
    /// Blocks that were written.
    pub n_blocks: u64,
    /// Bytes of them.
    pub n_bytes: u64,
}

/// Takes samples into a data directory that no server has open. Dropped before
/// [`Importer::finish`], it takes away what it wrote.
pub struct Importer {
    db: Arc<Db>,
    /// Windows are as wide as the age of samples asks for at this moment.
    now_ms: i64,
    memory_bytes_max: usize,
    memory_bytes: usize,
    collected: HashMap<Labels, Vec<Sample>>,
    /// Blocks that no manifest names yet.
    written: Vec<Arc<Block>>,
    n_runs: usize,
    /// Hashes of the series so far: two that collide are counted once.
    seen: HashSet<u64>,
    imported: Imported,
}

impl Importer {
    /// Opens a data directory, makes it if absent, and moves what its log holds into blocks.
    /// About so much memory is used for samples.
    ///
    /// # Errors
    /// A server has it open, or the disk cannot be read or written.
    pub fn open(dir: &Path, env: &Env, memory_bytes_max: usize) -> Result<Self, ImportError> {
        let db = Db::open(Config { driver: Driver::Manual, ..Config::new(dir) }, env)?;
        if let Health::Stalled { reason } = db.health() {
            return Err(ImportError::Stalled { reason });
        }
        let now_ms = env.clock.now_ms();
        db.flush(now_ms)?;
        Ok(Self {
            db,
            now_ms,
            memory_bytes_max,
            memory_bytes: 0,
            collected: HashMap::new(),
            written: Vec::new(),
            n_runs: 0,
            seen: HashSet::new(),
            imported: Imported::default(),
        })
    }

    /// Takes samples of a series, in any order. Of two at one time a value beats the marker of an
    /// ended series, otherwise the one that was given later stays.
    ///
    /// # Errors
    /// A block had to be written and could not be.
    pub fn add(&mut self, labels: &Labels, samples: &[Sample]) -> Result<(), ImportError> {
        if samples.is_empty() {
            return Ok(());
        }
        match self.collected.get_mut(labels) {
            Some(collected) => collected.extend_from_slice(samples),
            None => {
                let texts = labels.iter().map(|label| label.name.len() + label.value.len() + 48);
                self.memory_bytes += SERIES_BYTES + texts.sum::<usize>();
                self.collected.insert(labels.clone(), samples.to_vec());
            }
        }
        self.memory_bytes += size_of_val(samples);
        if self.memory_bytes >= self.memory_bytes_max {
            self.write_run()?;
        }
        Ok(())
    }

    /// Makes everything live, durably, and gives the directory free.
    ///
    /// # Errors
    /// Something could not be written; then only what was live before is.
    pub fn finish(mut self) -> Result<Imported, ImportError> {
        self.write_run()?;
        self.publish()?;
        // Nothing was appended, so there is nothing that closing could lose.
        let _nothing = self.db.close();
        Ok(self.imported)
    }

    /// Writes what is collected.
    fn write_run(&mut self) -> Result<(), ImportError> {
        let mut series: Vec<(Labels, Vec<Sample>)> = self.collected.drain().collect();
        self.memory_bytes = 0;
        if series.is_empty() {
            return Ok(());
        }
        series.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (labels, samples) in &mut series {
            let n_given = samples.len();
            sort(samples);
            self.imported.n_superseded += (n_given - samples.len()) as u64;
            let mut hasher = DefaultHasher::new();
            labels.hash(&mut hasher);
            self.seen.insert(hasher.finish());
        }
        self.imported.n_series = self.seen.len() as u64;
        self.write_windows(&series)?;
        self.n_runs += 1;
        if self.n_runs == RUNS_MAX {
            self.publish()?;
            while self.db.compact(self.now_ms)? {}
            self.n_runs = 0;
        }
        Ok(())
    }

    fn write_windows(&mut self, series: &[(Labels, Vec<Sample>)]) -> Result<(), ImportError> {
        let windows = windows(series, self.now_ms);
        let epoch = self.db.core.epoch.fetch_add(1, Ordering::AcqRel);
        let mut starts = vec![0; series.len()];
        for window in windows {
            // At the ends of time windows are cut short and reach into their neighbours.
            let Some(block) = self.write_block(series, &mut starts, window, epoch)? else {
                continue;
            };
            let info = block.info();
            self.imported.n_blocks += 1;
            self.imported.n_bytes += info.file_bytes;
            self.imported.n_samples += info.n_samples;
            self.written.push(block);
        }
        Ok(())
    }

    /// Writes one window of a run: the samples of each series from its start on that lie in it.
    fn write_block(
        &self,
        series: &[(Labels, Vec<Sample>)],
        starts: &mut [usize],
        window: Window,
        epoch: u32,
    ) -> Result<Option<Arc<Block>>, ImportError> {
        let core = &self.db.core;
        let (disk, folder) = (&core.env.disk, core.dir.blocks());
        let id = core.env.randomness.next_u64();
        let (level, parents) = (0, Vec::new());
        let epoch = u64::from(epoch);
        let meta = BlockMeta { id, level, epoch_from: epoch, epoch_to: epoch, parents };
        let mut writer = BlockWriter::create(Arc::clone(disk), &folder, meta)?;
        for ((labels, samples), start) in series.iter().zip(starts) {
            let left = &samples[*start..];
            let n = left.partition_point(|sample| sample.t_ms <= window.end_ms);
            if n > 0 {
                writer.add_series(labels, &[Columns::of(&left[..n]).borrow()])?;
                *start += n;
            }
        }
        let Some(info) = writer.finish()? else { return Ok(None) };
        let path = block_path(&folder, &info);
        Ok(Some(Arc::new(Block::open(Arc::clone(disk), &path, Arc::clone(&core.pages))?)))
    }

    /// Makes the blocks live that were written.
    fn publish(&mut self) -> Result<(), ImportError> {
        if self.written.is_empty() {
            return Ok(());
        }
        let core = &self.db.core;
        let mut live = core.blocks.read().clone();
        // Whatever comes of it, they are no longer ours to remove: a manifest that failed late may
        // be the one that the next start reads.
        live.append(&mut self.written);
        live.sort_by_key(|block| (block.info().meta.epoch_to, block.info().min_ms));
        // Its runs have the numbers before the live one.
        let epoch = core.live_epoch() - 1;
        core.write_manifest(&live, epoch, &[])
            .map_err(|cause| ImportError::Manifest { path: manifest::path(&core.dir), cause })?;
        *core.blocks.write() = live;
        core.flushed_epoch.store(epoch, Ordering::Release);
        core.measure_blocks();
        Ok(())
    }
}

impl Drop for Importer {
    fn drop(&mut self) {
        let files: Vec<PathBuf> = self.written.iter().map(|b| b.path().to_owned()).collect();
        // What stays, the next start removes: no manifest names it.
        self.db.core.dir.remove_files(&files, self.db.core.env.disk.as_ref());
        let _nothing = self.db.close();
    }
}

/// Sorts samples by time and leaves one at each.
fn sort(samples: &mut Vec<Sample>) {
    if samples.windows(2).all(|pair| pair[0].t_ms < pair[1].t_ms) {
        return;
    }
    // Stable: of those at one time, the one that was given last comes last.
    samples.sort_by_key(|sample| sample.t_ms);
    samples.dedup_by(|later, kept| {
        let is_same = later.t_ms == kept.t_ms;
        let loses = is_stale_marker(later.value) && !is_stale_marker(kept.value);
        if is_same && !loses {
            *kept = *later;
        }
        is_same
    });
}

/// The windows that sorted samples lie in.
fn windows(series: &[(Labels, Vec<Sample>)], now_ms: i64) -> BTreeSet<Window> {
    let mut windows = BTreeSet::new();
    for (_, samples) in series {
        let mut left = samples.as_slice();
        while let Some(first) = left.first() {
            let window = Window::of(first.t_ms, now_ms);
            let n = left.partition_point(|sample| sample.t_ms <= window.end_ms);
            left = &left[n.max(1)..];
            windows.insert(window);
        }
    }
    windows
}
