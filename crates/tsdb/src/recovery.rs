//! Recovery: from the files of a data directory to a head as it was.
//!
//! Two passes over the log. The first collects every definition, because a definition that was
//! carried forward stands behind samples that use it; it also learns where each segment begins
//! and ends. The second puts the samples into the head in the order of the log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stdx::Disk;

use crate::block::{
    BLOCK_VERSION, Block, BlockError, PageCache, is_block_name, is_unfinished_name,
};
use crate::dir::DataDir;
use crate::head::{Index, Series};
use crate::manifest::{self, MANIFEST_VERSION_MAX, Manifest, ManifestError};
use crate::meter::RecoveryMeter;
use crate::wal::{
    Damage, Definition, FrameKind, RefMap, SEGMENT_VERSION, Samples, SegmentError, SegmentId,
    SegmentInfo, SegmentReader, decode_series, segment_path,
};
use crate::{Meter, OpenError};

/// How much of the blocks is kept in memory after it was read.
const PAGE_CACHE_BYTES: usize = 16 << 20;

/// What the files say.
pub(crate) struct Recovered {
    /// Every series that has a sample.
    pub(crate) index: Index,
    /// The segments that were read.
    pub(crate) closed: Vec<SegmentInfo>,
    /// The segments that no manifest names. They may go once a new manifest is durable: the one
    /// that was read may not be.
    pub(crate) dead_segments: Vec<SegmentId>,
    /// The blocks, in the order of their epochs.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Files beside them that no manifest names: unfinished, or replaced.
    pub(crate) dead_block_files: Vec<PathBuf>,
    /// The cache that the blocks read through.
    pub(crate) pages: Arc<PageCache>,
    /// Every epoch up to this one is in blocks.
    pub(crate) epoch: u64,
    /// The number of the next segment; no file ever had it.
    pub(crate) next_segment: SegmentId,
    /// Every definition up to here is durable. Later ones were read, perhaps from memory that the
    /// kernel has not written: they must be said again before they are relied on.
    pub(crate) durable_lsn: u64,
    /// The newest frame's place.
    pub(crate) last_lsn: u64,
}

/// One data directory on its way into memory.
struct Recovery<'a> {
    dir: &'a DataDir,
    disk: &'a Arc<dyn Disk>,
    floor_ms: i64,
    meter: &'a Meter,
}

/// What the first pass learns of a segment.
struct Scanned {
    id: SegmentId,
    first_lsn: Option<u64>,
    last_lsn: u64,
    durable_lsn: u64,
}

/// What the first pass collects.
#[derive(Default)]
struct Scan {
    segments: Vec<Scanned>,
    definitions: Vec<(u64, Definition)>,
}

/// What the second pass learns.
#[derive(Default)]
struct Replayed {
    segments: Vec<SegmentInfo>,
    /// A definition may be lost and its samples not: their references are spent all the same.
    newest_generation: u32,
}

/// Reads everything; samples older than `floor_ms` are left out.
pub(crate) fn recover(
    dir: &DataDir,
    disk: &Arc<dyn Disk>,
    floor_ms: i64,
    meter: &Meter,
) -> Result<Recovered, OpenError> {
    let recovery = Recovery { dir, disk, floor_ms, meter };
    recovery.run()
}

impl Recovery<'_> {
    fn run(&self) -> Result<Recovered, OpenError> {
        let manifest = self.read_manifest()?;
        let (live, dead_segments) = self.segments(manifest.as_ref())?;
        let pages = Arc::new(PageCache::new(PAGE_CACHE_BYTES));
        let (blocks, dead_block_files) = self.blocks(manifest.as_ref(), &pages)?;
        let flushed = blocks.iter().map(|block| block.info().meta.epoch_to).max().unwrap_or(0);
        let epoch = manifest.as_ref().map_or(0, |manifest| manifest.epoch).max(flushed);
        let scan = self.scan(&live)?;
        self.count_missing_frames(&scan.segments);
        let mut index = Index::default();
        let by_ref = restore_series(&mut index, scan.definitions);
        let replayed = self.replay(&scan.segments, &by_ref)?;
        let known = manifest.as_ref().map_or(0, |manifest| manifest.generation);
        let spent = by_ref.keys().map(|reference| reference.generation()).max();
        index.begin_generation_after(known.max(spent.unwrap_or(0)).max(replayed.newest_generation));
        drop(by_ref);
        let dead: Vec<_> = index.iter().filter(|s| s.is_empty()).cloned().collect();
        index.remove(&dead);
        self.meter.recovery.series.add(index.len() as u64);
        let newest_file = live.last().map_or(0, |id| id + 1);
        let last_lsn = scan.segments.iter().map(|s| s.last_lsn.max(s.durable_lsn));
        let durable_lsn = scan.segments.iter().map(|s| s.durable_lsn);
        Ok(Recovered {
            index,
            closed: replayed.segments,
            dead_segments,
            blocks,
            dead_block_files,
            pages,
            epoch,
            next_segment: manifest.map_or(1, |m| m.next_segment).max(newest_file),
            durable_lsn: durable_lsn.max().unwrap_or(0),
            last_lsn: last_lsn.max().unwrap_or(0),
        })
    }

    fn counts(&self) -> &RecoveryMeter {
        &self.meter.recovery
    }

    /// The manifest, if there is one to rely on.
    fn read_manifest(&self) -> Result<Option<Manifest>, OpenError> {
        let path = manifest::path(self.dir);
        match Manifest::read(self.dir, self.disk.as_ref()) {
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
        let found = self.dir.segments(self.disk.as_ref())?;
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
        let found = self.disk.list(&folder).map_err(|cause| OpenError::Disk {
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
        match Block::open(Arc::clone(self.disk), path, Arc::clone(pages)) {
            Ok(block) => Ok(Some(block)),
            Err(BlockError::Damaged { .. }) => {
                self.counts().quarantined_blocks.inc();
                let mut aside = path.as_os_str().to_owned();
                aside.push(".corrupt");
                // If that fails the file stays where it is, and is not read either.
                let _stays = self.disk.rename(path, Path::new(&aside));
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

    fn scan(&self, live: &[SegmentId]) -> Result<Scan, OpenError> {
        let mut scan = Scan::default();
        for id in live {
            let mut reader = self.open_segment(*id)?;
            let mut scanned = Scanned {
                id: *id,
                first_lsn: None,
                last_lsn: 0,
                durable_lsn: reader.durable_lsn(),
            };
            while let Some(frame) = reader.next_frame().map_err(|e| self.unreadable(*id, e))? {
                scanned.first_lsn.get_or_insert(frame.lsn);
                scanned.last_lsn = frame.lsn;
                let kind = FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0);
                match kind {
                    Some(FrameKind::Series) => self.collect(&mut scan, frame.lsn, frame.payload),
                    Some(_) => {}
                    None => self.counts().unknown_frames.inc(),
                }
            }
            self.count_damage(reader.damage());
            scan.segments.push(scanned);
        }
        Ok(scan)
    }

    fn open_segment(&self, id: SegmentId) -> Result<SegmentReader<'_>, OpenError> {
        SegmentReader::open(self.disk.as_ref(), &self.dir.wal(), id).map_err(|error| match error {
            SegmentError::Io(cause) => self.unreadable(id, cause),
            SegmentError::Newer { version, features } => OpenError::NewerFormat {
                path: segment_path(&self.dir.wal(), id),
                version,
                features,
                supported: SEGMENT_VERSION,
            },
        })
    }

    fn unreadable(&self, id: SegmentId, cause: std::io::Error) -> OpenError {
        OpenError::Disk { action: "read", path: segment_path(&self.dir.wal(), id), cause }
    }

    fn collect(&self, scan: &mut Scan, lsn: u64, payload: &[u8]) {
        let Ok(definitions) = decode_series(payload) else {
            self.counts().corrupt_frames.inc();
            return;
        };
        let placed = definitions.into_iter().map(|definition| (lsn, definition));
        scan.definitions.extend(placed);
    }

    fn count_damage(&self, damage: Damage) {
        let counts = self.counts();
        counts.damaged_headers.add(u64::from(damage.header));
        counts.corrupt_frames.add(damage.corrupt_places);
        counts.torn_tails.add(u64::from(damage.torn_tail));
    }

    /// A segment says what was durable when it was begun: those before it must reach as far. That
    /// can be told only where none of them was removed.
    fn count_missing_frames(&self, segments: &[Scanned]) {
        let mut reach = None;
        let mut next_id = None;
        for segment in segments {
            if next_id != Some(segment.id) {
                reach = None;
            }
            if let Some(reach) = reach {
                self.counts().missing_frames.add(segment.durable_lsn.saturating_sub(reach));
            }
            // Zero: nothing in the file can be read.
            let own = segment.last_lsn.max(segment.durable_lsn);
            reach = reach.max((own > 0).then_some(own));
            next_id = Some(segment.id + 1);
        }
    }

    fn replay(
        &self,
        segments: &[Scanned],
        by_ref: &RefMap<Arc<Series>>,
    ) -> Result<Replayed, OpenError> {
        let mut replayed = Replayed::default();
        for (at, scanned) in segments.iter().enumerate() {
            // A failed write is repeated in a later segment. Taking the frames from there keeps
            // the order of the log even where the failed attempt has holes.
            let later = segments[at + 1..].iter().filter_map(|s| s.first_lsn);
            let end_lsn = later.min().unwrap_or(u64::MAX);
            let mut info =
                SegmentInfo { id: scanned.id, last_lsn: scanned.last_lsn, newest_ms: i64::MIN };
            let mut reader = self.open_segment(scanned.id)?;
            while let Some(frame) = reader.next_frame().map_err(|e| self.unreadable(info.id, e))? {
                let kind = FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0);
                if frame.lsn >= end_lsn {
                    self.counts().superseded_frames.inc();
                } else if kind == Some(FrameKind::Samples) {
                    let newest = self.replay_samples(frame.payload, by_ref);
                    info.newest_ms = info.newest_ms.max(newest.ms);
                    replayed.newest_generation = replayed.newest_generation.max(newest.generation);
                }
            }
            replayed.segments.push(info);
        }
        Ok(replayed)
    }

    fn replay_samples(&self, payload: &[u8], by_ref: &RefMap<Arc<Series>>) -> Newest {
        let counts = self.counts();
        let (mut ms, mut generation) = (i64::MIN, 0);
        let (mut n_taken, mut n_expired, mut n_late) = (0, 0, 0);
        for record in Samples::new(payload) {
            let Ok((reference, sample)) = record else {
                counts.corrupt_frames.inc();
                break;
            };
            ms = ms.max(sample.t_ms);
            generation = generation.max(reference.generation());
            if sample.t_ms < self.floor_ms {
                n_expired += 1;
            } else if let Some(series) = by_ref.get(&reference) {
                n_late += u64::from(series.append(sample).out_of_order);
                n_taken += 1;
            } else {
                counts.orphan_samples.inc();
            }
        }
        counts.samples.add(n_taken);
        counts.expired_samples.add(n_expired);
        self.meter.out_of_order_samples.add(n_late);
        Newest { ms, generation }
    }
}

/// The extremes of one frame.
struct Newest {
    ms: i64,
    generation: u32,
}

/// Series by every reference that the log ever gave them. Each goes on under its newest one.
fn restore_series(
    index: &mut Index,
    mut definitions: Vec<(u64, Definition)>,
) -> RefMap<Arc<Series>> {
    let mut by_ref = RefMap::default();
    definitions.sort_by_key(|(lsn, _)| std::cmp::Reverse(*lsn));
    for (lsn, Definition { reference, labels }) in definitions {
        if by_ref.contains_key(&reference) {
            continue;
        }
        let series = index.get(&labels).cloned().unwrap_or_else(|| {
            let series = index.restore(reference, labels);
            series.set_defined_at(lsn);
            series
        });
        by_ref.insert(reference, series);
    }
    by_ref
}
