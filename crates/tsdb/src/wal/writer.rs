//! Writer: makes pending frames durable, and knows every segment there is.
//!
//! A write or a sync that fails is never repeated on the same file: after a failed sync the kernel
//! may have dropped the pages and report success the next time. The bytes are still here, so they
//! go, under the same places in the log, into a new segment; recovery takes the later copy.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stdx::Env;
use storage::CommitError;

use super::pending::{Batch, Pending};
use super::segment::{OpenSegment, SegmentId, SegmentInfo, segment_path};
use crate::Meter;
#[cfg(feature = "planted-bugs")]
use crate::config::PlantedBug;

/// What is only written becomes durable after this time or when it is so much.
const UNSYNCED_MAX: Duration = Duration::from_secs(1);
const UNSYNCED_BYTES_MAX: usize = 4 << 20;

/// Why frames are not durable. They are kept for the next step.
#[derive(Debug, thiserror::Error)]
#[error("cannot write log segment {}: {cause}", path.display())]
pub(crate) struct StepError {
    path: PathBuf,
    #[source]
    cause: io::Error,
}

/// Where the log stands when a writer begins.
pub(crate) struct WriterStart {
    /// The folder of the segments.
    pub(crate) wal_dir: PathBuf,
    /// See [`crate::Config::segment_bytes_max`].
    pub(crate) segment_bytes_max: u64,
    /// The segments that are there.
    pub(crate) closed: Vec<SegmentInfo>,
    /// The number of the next one.
    pub(crate) next_segment: SegmentId,
    /// Definitions up to here are durable; what is not is the first that will be pending.
    pub(crate) durable_lsn: u64,
    /// The place of the newest frame that was recovered.
    pub(crate) last_lsn: u64,
    /// The defect to run with.
    #[cfg(feature = "planted-bugs")]
    pub(crate) planted_bug: Option<PlantedBug>,
}

/// See the head of this file. One step at a time, under one mutex.
pub(crate) struct Writer {
    env: Env,
    meter: Arc<Meter>,
    start: WriterStart,
    current: Option<OpenSegment>,
    /// Taken from pending and not durable yet.
    kept: Batch,
    /// So many bytes of it are in the current segment.
    n_written: usize,
    /// When the oldest of them came there, on the monotonic clock.
    written_at: Option<Duration>,
}

/// How far a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The kernel has it: it survives the process.
    Written,
    /// The disk has it: it survives everything.
    Durable,
}

impl Writer {
    /// A writer that begins its first segment with its first batch.
    pub(crate) fn new(start: WriterStart, env: &Env, meter: Arc<Meter>) -> Self {
        let kept = Batch::empty(start.last_lsn);
        let env = env.clone();
        Self { env, meter, start, current: None, kept, n_written: 0, written_at: None }
    }

    /// Takes over everything that is pending and says whether there is anything to make durable.
    pub(crate) fn take(&mut self, pending: &Mutex<Pending>) -> bool {
        self.kept.absorb(pending.lock().take());
        !self.kept.frames.is_empty()
    }

    /// Whether what was only written should become durable now.
    pub(crate) fn should_sync(&self) -> bool {
        let now = self.env.clock.monotonic();
        self.written_at.is_some_and(|at| now.saturating_sub(at) >= UNSYNCED_MAX)
            || self.n_written >= UNSYNCED_BYTES_MAX
    }

    /// Whether something is written and not durable.
    pub(crate) fn has_unsynced(&self) -> bool {
        self.written_at.is_some()
    }

    /// Writes what was taken, and syncs it if it is to be durable: in the current segment, else in
    /// a new one. With nothing taken it proves that the disk takes writes.
    pub(crate) fn step(&mut self, reach: Reach) -> Result<(), StepError> {
        self.close_full_segment();
        if let Some(mut segment) = self.current.take() {
            let has_promised = self.n_written > 0;
            let written = self.write(&mut segment, reach);
            if written.is_ok() {
                self.current = Some(segment);
                return written;
            }
            // What was durable in it before stays; the new segment repeats the rest. Until it does,
            // what was only written here is all that survives the process: it counts as held.
            let mut info = segment.info();
            if has_promised {
                info.last_lsn = info.last_lsn.max(self.kept.last_lsn);
            }
            self.start.closed.push(info);
        }
        self.write_new_segment(reach)
    }

    /// Tells who waits.
    pub(crate) fn settle(&mut self, result: &Result<(), CommitError>, pending: &Mutex<Pending>) {
        if self.kept.frames.is_empty() {
            pending.lock().settled();
        }
        self.kept.resolve(result);
    }

    /// Every segment that must be kept, and the number of the next one.
    pub(crate) fn live(&self) -> (Vec<SegmentId>, SegmentId) {
        let current = self.current.as_ref().map(OpenSegment::info);
        let live = self.start.closed.iter().chain(&current);
        (live.map(|info| info.id).collect(), self.start.next_segment)
    }

    /// Ends the current segment, so that what comes goes into another one. Says how far what is
    /// durable reaches.
    pub(crate) fn end_segment(&mut self) -> u64 {
        self.start.closed.extend(self.current.take().map(|ended| ended.info()));
        self.start.durable_lsn
    }

    /// The ended segments that hold nothing after this place in the log.
    pub(crate) fn segments_up_to(&self, last_lsn: u64) -> Vec<SegmentId> {
        let before = self.start.closed.iter().filter(|info| info.last_lsn <= last_lsn);
        before.map(|info| info.id).collect()
    }

    /// Forgets segments whose files are about to be removed.
    pub(crate) fn forget(&mut self, dead: &[SegmentId]) {
        self.start.closed.retain(|info| !dead.contains(&info.id));
        self.count_segments();
    }

    fn close_full_segment(&mut self) {
        let max = self.start.segment_bytes_max;
        // One that has something that is not durable goes on until it is.
        if self.n_written == 0
            && let Some(full) = self.current.take_if(|segment| segment.bytes() >= max)
        {
            self.start.closed.push(full.info());
        }
    }

    fn write_new_segment(&mut self, reach: Reach) -> Result<(), StepError> {
        (self.n_written, self.written_at) = (0, None);
        let id = self.start.next_segment;
        // The number is spent even if this fails: a file of that name may be there now.
        self.start.next_segment += 1;
        let path = segment_path(&self.start.wal_dir, id);
        let disk = Arc::clone(&self.env.disk);
        let created =
            OpenSegment::create(disk.as_ref(), &self.start.wal_dir, id, self.start.durable_lsn);
        let written = created
            .map_err(|cause| self.failed(id, cause))
            .and_then(|mut segment| self.write(&mut segment, reach).map(|()| segment));
        match written {
            Ok(segment) => {
                self.current = Some(segment);
                self.count_segments();
                Ok(())
            }
            Err(error) => {
                (self.n_written, self.written_at) = (0, None);
                // A full disk must not also run out of names. If the file stays, recovery
                // finds nothing in it that the segment after it does not say again.
                let _stays = disk.remove(&path);
                Err(error)
            }
        }
    }

    fn write(&mut self, segment: &mut OpenSegment, reach: Reach) -> Result<(), StepError> {
        let frames = &mut self.kept.frames;
        let n_bytes = frames.len();
        let appended = segment.append(&mut frames[self.n_written..]);
        if reach == Reach::Written && n_bytes > 0 {
            self.n_written = n_bytes;
            self.written_at.get_or_insert(self.env.clock.monotonic());
            return appended.map_err(|cause| self.failed(segment.info().id, cause));
        }
        let written = appended
            .and_then(|()| self.sync(segment))
            .map_err(|cause| self.failed(segment.info().id, cause));
        // An empty batch only proves that the disk works: of earlier processes' frames it says
        // nothing.
        if written.is_ok() && n_bytes > 0 {
            (self.n_written, self.written_at) = (0, None);
            segment.grew(n_bytes, self.kept.last_lsn);
            self.start.durable_lsn = self.kept.last_lsn;
            self.kept.frames.clear();
            self.meter.wal_bytes.add(n_bytes as u64);
            self.meter.batch_bytes.observe(n_bytes as f64);
        }
        written
    }

    fn failed(&self, id: SegmentId, cause: io::Error) -> StepError {
        self.meter.write_failures.inc();
        let path = segment_path(&self.start.wal_dir, id);
        StepError { path, cause }
    }

    fn sync(&mut self, segment: &mut OpenSegment) -> io::Result<()> {
        #[cfg(feature = "planted-bugs")]
        if self.start.planted_bug == Some(PlantedBug::AckBeforeSync) {
            self.kept.resolve(&Ok(()));
        }
        let began = self.env.clock.monotonic();
        #[cfg_attr(
            not(feature = "planted-bugs"),
            expect(unused_mut, reason = "a planted bug repeats it")
        )]
        let mut synced = segment.sync();
        #[cfg(feature = "planted-bugs")]
        if self.start.planted_bug == Some(PlantedBug::RepeatFailedSync) && synced.is_err() {
            synced = segment.sync();
        }
        self.meter.fsyncs.inc();
        let took: Duration = self.env.clock.monotonic().saturating_sub(began);
        self.meter.fsync_seconds.observe(took.as_secs_f64());
        synced.inspect_err(|_| self.meter.sync_failures.inc())
    }

    fn count_segments(&self) {
        let n_segments = self.start.closed.len() + usize::from(self.current.is_some());
        self.meter.segments.set(n_segments as i64);
    }
}
