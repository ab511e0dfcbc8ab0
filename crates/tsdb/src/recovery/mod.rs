//! Recovery: from the files of a data directory to a store that can be written to.
//!
//! It learns what the manifest and the blocks say and how far the log reaches, and leaves the log's
//! content to the `replay`: an epoch's log needs no other's, so new samples need not wait for it.

pub(crate) mod replay;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stdx::Env;

use crate::block::{
    BLOCK_VERSION, Block, BlockError, PageCache, is_block_name, is_unfinished_name,
};
use crate::dir::DataDir;
use crate::dir::manifest::{self, MANIFEST_VERSION_MAX, Manifest, ManifestError};
use crate::meter::RecoveryMeter;
use crate::tiers::{tier, without_overlaps};
use crate::wal::exemplar_record::decode_exemplars;
use crate::wal::histogram_record::Histograms;
use crate::wal::{
    Definitions, Frame, FrameKind, SEGMENT_VERSION, Samples, SegmentError, SegmentId,
    SegmentReader, SeriesRef, segment_path,
};
use crate::{Meter, OpenError};

/// How much of the blocks is kept in memory after it was read.
const PAGE_CACHE_BYTES: usize = 16 << 20;

/// Why epochs never run out.
const EPOCHS_LAST: &str = "four billion epochs outlast every data directory";

/// What the files say.
pub(crate) struct Recovered {
    /// The segments of the log, rising.
    pub(crate) segments: Vec<SegmentId>,
    /// The number for the epoch that they are. No reference in them is of a later one.
    pub(crate) epoch: u32,
    /// The segments that the manifest does not name. They may go once a new manifest is durable:
    /// the one that was read may not be.
    pub(crate) dead_segments: Vec<SegmentId>,
    /// The blocks, in the order of their epochs.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// The blocks of tiers, not overlapping within one width.
    pub(crate) tier_blocks: Vec<Arc<Block>>,
    /// Samples before this may be gone, Unix milliseconds.
    pub(crate) raw_from_ms: Option<i64>,
    /// Files beside them that no manifest names: unfinished, or replaced.
    pub(crate) dead_block_files: Vec<PathBuf>,
    /// The cache that the blocks read through.
    pub(crate) pages: Arc<PageCache>,
    /// Every epoch up to this one is in blocks.
    pub(crate) flushed_epoch: u32,
    /// The number of the next segment; no file ever had it.
    pub(crate) next_segment: SegmentId,
    /// Every frame up to here is durable. Later ones were read, perhaps from memory that the
    /// kernel has not written.
    pub(crate) durable_lsn: u64,
    /// The newest frame's place.
    pub(crate) last_lsn: u64,
    /// The newest sample at the end of the log, Unix milliseconds.
    pub(crate) log_newest_ms: Option<i64>,
}

impl Recovered {
    /// The time of the newest sample on disk, whether it is kept or not, Unix milliseconds.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.blocks.iter().map(|block| block.info().max_ms).chain(self.log_newest_ms).max()
    }

    /// Makes the log durable that the process before may have handed to the kernel alone; the names
    /// of its files become so with the first manifest. A sync that fails is counted and not
    /// repeated: what was read of the file is in blocks with the first flush.
    pub(crate) fn sync_log(&self, dir: &DataDir, env: &Env, meter: &Meter) {
        for id in &self.segments {
            let synced = env.disk.sync_file(&segment_path(&dir.wal(), *id));
            meter.sync_failures.add(u64::from(synced.is_err()));
        }
    }

    /// What is in the log and what comes are of later epochs than this one.
    pub(crate) fn begin_after(&mut self, epoch: u64) {
        let epoch = u32::try_from(epoch).expect(EPOCHS_LAST);
        self.flushed_epoch = self.flushed_epoch.max(epoch);
        self.epoch = self.epoch.max(self.flushed_epoch.checked_add(1).expect(EPOCHS_LAST));
    }
}

/// One data directory on its way into memory.
struct Recovery<'a> {
    dir: &'a DataDir,
    env: &'a Env,
    meter: &'a Meter,
    #[cfg(feature = "planted-bugs")]
    planted_bug: Option<crate::PlantedBug>,
}

/// How far the log reaches.
#[derive(Default)]
struct Reach {
    last_lsn: u64,
    durable_lsn: u64,
    /// The newest epoch that a reference in it is of.
    epoch: u32,
    /// The newest sample in its last segment, Unix milliseconds.
    newest_ms: Option<i64>,
}

/// Learns what there is.
pub(crate) fn recover(
    dir: &DataDir,
    env: &Env,
    meter: &Meter,
    #[cfg(feature = "planted-bugs")] planted_bug: Option<crate::PlantedBug>,
) -> Result<Recovered, OpenError> {
    let recovery = Recovery {
        dir,
        env,
        meter,
        #[cfg(feature = "planted-bugs")]
        planted_bug,
    };
    recovery.run()
}

impl Recovery<'_> {
    fn run(&self) -> Result<Recovered, OpenError> {
        let manifest = self.read_manifest()?;
        let (live, dead_segments) = self.segments(manifest.as_ref())?;
        let pages = Arc::new(PageCache::new(PAGE_CACHE_BYTES));
        #[cfg(feature = "planted-bugs")]
        pages.plant(self.planted_bug);
        let (blocks, mut dead_block_files) = self.blocks(manifest.as_ref(), &pages)?;
        let flushed = blocks.iter().map(|block| block.info().meta.epoch_to).max().unwrap_or(0);
        let flushed = manifest.as_ref().map_or(0, |manifest| manifest.epoch).max(flushed);
        let flushed_epoch = u32::try_from(flushed).expect(EPOCHS_LAST);
        let (tier_blocks, blocks) = blocks.into_iter().partition(|b| b.info().tier.is_some());
        let (tier_blocks, surplus) = without_overlaps(tier_blocks);
        dead_block_files.extend(surplus);
        // Without a manifest it is not known which samples were dropped: what was rolled up stays
        // as it is.
        let rolled_ms = tier_blocks.iter().map(|block| tier(block).end_ms).max();
        let raw_from_ms = match &manifest {
            Some(manifest) => Some(manifest.raw_from_ms),
            None => rolled_ms.map(|end_ms| end_ms.saturating_add(1)),
        };
        let reach = self.reach(&live)?;
        let known = manifest.as_ref().map_or(0, |manifest| manifest.live_epoch);
        let spent = reach.epoch.max(known).max(flushed_epoch);
        let newest_file = live.last().map_or(0, |id| id + 1);
        Ok(Recovered {
            segments: live,
            epoch: spent.checked_add(1).expect(EPOCHS_LAST),
            dead_segments,
            blocks,
            tier_blocks,
            raw_from_ms,
            dead_block_files,
            pages,
            flushed_epoch,
            next_segment: manifest.map_or(1, |m| m.next_segment).max(newest_file),
            durable_lsn: reach.durable_lsn,
            last_lsn: reach.last_lsn.max(reach.durable_lsn),
            log_newest_ms: reach.newest_ms,
        })
    }

    fn counts(&self) -> &RecoveryMeter {
        &self.meter.recovery
    }

    /// The manifest, if there is one to rely on.
    fn read_manifest(&self) -> Result<Option<Manifest>, OpenError> {
        let path = manifest::path(self.dir);
        match Manifest::read(self.dir, self.env.disk.as_ref()) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(ManifestError::Absent) => Ok(None),
            Err(ManifestError::Damaged) => {
                self.counts().manifests_rebuilt.inc();
                Ok(None)
            }
            Err(ManifestError::Newer { version, features }) => Err(OpenError::NewerFormat {
                path,
                version,
                features,
                supported: MANIFEST_VERSION_MAX,
            }),
            Err(ManifestError::Disk(cause)) => Err(OpenError::Disk { action: "read", path, cause }),
        }
    }

    /// The segments to read, and those that retention meant to remove.
    fn segments(
        &self,
        manifest: Option<&Manifest>,
    ) -> Result<(Vec<SegmentId>, Vec<SegmentId>), OpenError> {
        let found = self.dir.segments(self.env.disk.as_ref())?;
        let Some(manifest) = manifest else {
            if !found.is_empty() && self.counts().manifests_rebuilt.get() == 0 {
                self.counts().manifests_rebuilt.inc();
            }
            return Ok((found, Vec::new()));
        };
        let present: HashSet<SegmentId> = found.iter().copied().collect();
        let missing = manifest.segments.iter().filter(|id| !present.contains(id));
        self.counts().missing_segments.add(missing.count() as u64);
        Ok(found.into_iter().partition(|id| manifest.is_live(*id)))
    }

    /// The blocks to read, and the files beside them that may go.
    fn blocks(
        &self,
        manifest: Option<&Manifest>,
        pages: &Arc<PageCache>,
    ) -> Result<(Vec<Arc<Block>>, Vec<PathBuf>), OpenError> {
        let folder = self.dir.blocks();
        let found = self.env.disk.list(&folder).map_err(|cause| OpenError::Disk {
            action: "list",
            path: folder,
            cause,
        })?;
        let is_live = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let listed = manifest.is_none_or(|m| m.blocks.iter().any(|block| block == name));
            is_block_name(path) && listed
        };
        let (live, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_live);
        let n_listed = manifest.map_or(live.len(), |manifest| manifest.blocks.len());
        self.counts().missing_blocks.add((n_listed - live.len()) as u64);
        let mut blocks = Vec::new();
        for path in live {
            blocks.extend(self.open_block(&path, pages)?.map(Arc::new));
        }
        blocks.sort_by_key(|block: &Arc<Block>| (block.info().meta.epoch_to, block.info().min_ms));
        // Others are not ours to remove; what was moved aside is for a person to look at.
        let is_ours = |path: &PathBuf| is_block_name(path) || is_unfinished_name(path);
        let dead = others.into_iter().filter(is_ours);
        Ok((blocks, dead.collect()))
    }

    /// Opens a block; one that is damaged beyond use is moved aside.
    fn open_block(&self, path: &Path, pages: &Arc<PageCache>) -> Result<Option<Block>, OpenError> {
        match Block::open(Arc::clone(&self.env.disk), path, Arc::clone(pages)) {
            Ok(block) => Ok(Some(block)),
            Err(BlockError::Damaged { .. }) => {
                self.counts().quarantined_blocks.inc();
                let mut aside = path.as_os_str().to_owned();
                aside.push(".corrupt");
                // If that fails the file stays where it is, and is not read either.
                let _stays = self.env.disk.rename(path, Path::new(&aside));
                Ok(None)
            }
            Err(BlockError::Newer { path, version, features }) => {
                let supported = BLOCK_VERSION;
                Err(OpenError::NewerFormat { path, version, features, supported })
            }
            Err(BlockError::Disk { action, path, cause }) => {
                Err(OpenError::Disk { action, path, cause })
            }
            Err(error @ BlockError::TooLarge { .. }) => {
                unreachable!("only a writer makes a block too large: {error}")
            }
        }
    }

    /// How far the log reaches, read from its end. Its begin is looked at too: a later program's
    /// segment must not be found when it is too late to say so.
    fn reach(&self, live: &[SegmentId]) -> Result<Reach, OpenError> {
        let mut reach = Reach::default();
        let mut is_reached = false;
        for id in live.iter().rev() {
            let mut reader = open_segment(self.dir, self.env, *id)?;
            let durable_lsn = reader.durable_lsn();
            reach.durable_lsn = reach.durable_lsn.max(durable_lsn);
            if is_reached {
                continue;
            }
            let failed = |cause| unreadable(self.dir, *id, cause);
            while let Some(frame) = reader.next_frame().map_err(failed)? {
                reach.last_lsn = reach.last_lsn.max(frame.lsn);
                reach.look_at(&frame);
            }
            // A segment that could not be made durable is repeated in the next one, perhaps not to
            // its end: all that were begun at one place are looked at, and the one before.
            is_reached = durable_lsn < reach.durable_lsn && reach.last_lsn > 0;
        }
        Ok(reach)
    }
}

impl Reach {
    fn look_at(&mut self, frame: &Frame<'_>) {
        match FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0) {
            Some(FrameKind::Series) => {
                let first = Definitions::new(frame.payload).next_into(&mut Vec::new());
                let epoch = first.and_then(Result::ok).map_or(0, SeriesRef::epoch);
                self.epoch = self.epoch.max(epoch);
            }
            Some(FrameKind::Samples) => {
                for (reference, sample) in Samples::new(frame.payload).map_while(Result::ok) {
                    self.epoch = self.epoch.max(reference.epoch());
                    self.newest_ms = self.newest_ms.max(Some(sample.t_ms));
                }
            }
            Some(FrameKind::Histograms) => {
                for (reference, sample) in Histograms::new(frame.payload).map_while(Result::ok) {
                    self.epoch = self.epoch.max(reference.epoch());
                    self.newest_ms = self.newest_ms.max(Some(sample.t_ms));
                }
            }
            Some(FrameKind::Exemplars) => {
                for (reference, _) in decode_exemplars(frame.payload).unwrap_or_default() {
                    self.epoch = self.epoch.max(reference.epoch());
                }
            }
            Some(FrameKind::Metadata) | None => {}
        }
    }
}

/// Opens a segment of this version or an earlier one.
pub(crate) fn open_segment<'e>(
    dir: &DataDir,
    env: &'e Env,
    id: SegmentId,
) -> Result<SegmentReader<'e>, OpenError> {
    SegmentReader::open(env.disk.as_ref(), &dir.wal(), id).map_err(|error| match error {
        SegmentError::Io(cause) => unreadable(dir, id, cause),
        SegmentError::Newer { version, features } => OpenError::NewerFormat {
            path: segment_path(&dir.wal(), id),
            version,
            features,
            supported: SEGMENT_VERSION,
        },
    })
}

/// The disk does not give a segment.
pub(crate) fn unreadable(dir: &DataDir, id: SegmentId, cause: std::io::Error) -> OpenError {
    OpenError::Disk { action: "read", path: segment_path(&dir.wal(), id), cause }
}
