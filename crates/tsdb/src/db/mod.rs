//! Db: the store as its users see it, and what its parts share. `threads` take its steps, `maintenance`
//! is what a person may ask of it.

mod maintenance;
mod threads;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use stdx::Env;
use storage::CommitError;

use crate::block::{Block, PageCache};
use crate::config::{Config, Driver};
use crate::dir::manifest::{self, Manifest};
use crate::dir::{DataDir, LockGuard};
use crate::flush::Frozen;
use crate::head::Head;
use crate::keep::clock::{ClockGuard, Moment};
use crate::keep::{snapshot, tombstones};
use crate::notes::{self, Notes};
use crate::query::hidden::Hiding;
use crate::recovery::replay::Replay;
use crate::recovery::{Recovered, recover};
use crate::tiers::{RecoveredTiers, Tiers};
use crate::wal::{Pending, Reach, SegmentId, SegmentInfo, Writer, WriterStart};
use crate::{CompactError, FlushError, Meter, OpenError, RetentionError};

/// Whether writes are taken. Queries always are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Writable,
    /// No, until the disk takes writes again; that is tried with each commit.
    Stalled {
        /// What the disk said.
        reason: String,
    },
}

/// A store of samples in a data directory.
///
/// Samples are visible when [`storage::Appender::append`] returns and survive everything when its
/// [`storage::Commit`] has resolved. If the commit fails, they stay visible and may or may not
/// survive.
pub struct Db {
    pub(crate) core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the store's threads share with it.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) env: Env,
    pub(crate) dir: DataDir,
    pub(crate) meter: Arc<Meter>,
    pub(crate) head: Arc<Head>,
    /// What the log held when the store was opened, until blocks have it. Changed only with
    /// `blocks` held exclusively.
    pub(crate) recovered: RwLock<Option<Arc<Head>>>,
    /// Whether `recovered` still grows.
    pub(crate) is_warming: AtomicBool,
    /// Shared from a sample's encoding for the log until the head has it. Who takes it exclusively
    /// sees every sample in both or in neither, and no series that is about to be used.
    pub(crate) gate: RwLock<()>,
    /// Held while samples go into the log and into the head, so that both have them in one order.
    pub(crate) pending: Mutex<Pending>,
    /// Signals that something is pending, or that the store stops.
    pub(crate) wake: Condvar,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) health: RwLock<Health>,
    /// Whether the log has something that the disk may not have.
    pub(crate) has_unsynced: AtomicBool,
    /// Samples older than this are gone, Unix milliseconds. It only rises.
    pub(crate) floor_ms: AtomicI64,
    /// Whether some series in memory has no sample that is not older.
    pub(crate) has_expired: AtomicBool,
    /// What is deleted or outdated by a rule, and still on disk.
    pub(crate) hiding: Hiding,
    /// What came beside samples. Taken after `pending`.
    pub(crate) notes: Mutex<Notes>,
    /// Whether retention may believe the wall clock.
    pub(crate) clock: ClockGuard,
    /// One flush or pass of retention at a time.
    pub(crate) upkeep: Mutex<Upkeep>,
    /// The blocks, in the order of their epochs. Who holds it sees each sample of a flush either
    /// in a block or in the head.
    pub(crate) blocks: RwLock<Vec<Arc<Block>>>,
    /// What stays of samples that are too old.
    pub(crate) tiers: Tiers,
    /// Pages of blocks that were read lately.
    pub(crate) pages: Arc<PageCache>,
    /// The number of the live epoch.
    pub(crate) epoch: AtomicU32,
    /// Every epoch up to this one is in blocks.
    pub(crate) flushed_epoch: AtomicU32,
    pub(crate) stopped: AtomicBool,
    /// Where the maintenance thread waits for its next pass or the end.
    pub(crate) idle: Mutex<()>,
    pub(crate) stop_signal: Condvar,
    lock: Mutex<Option<LockGuard>>,
}

/// What a data directory says when it is opened, and which of its samples are kept and seen.
pub(crate) struct Found {
    recovered: Recovered,
    hiding: Hiding,
    clock: ClockGuard,
    /// What time it is, as far as retention believes the clock, Unix milliseconds.
    believed_ms: i64,
    /// Samples before this are gone, Unix milliseconds.
    floor_ms: i64,
    tiers: Tiers,
    /// Those of the file.
    notes: Notes,
}

impl Found {
    /// Reads what must be known before anything else; it changes nothing.
    pub(crate) fn look(
        config: &Config,
        env: &Env,
        dir: &DataDir,
        meter: &Meter,
    ) -> Result<Self, OpenError> {
        let mut recovered = recover(
            dir,
            env,
            meter,
            #[cfg(feature = "planted-bugs")]
            config.planted_bug,
        )?;
        let now = Moment::now(env);
        let clock = ClockGuard::new(config, recovered.newest_ms(), now);
        let believed_ms = clock.believed_ms(now);
        meter.clock_doubted.set(i64::from(clock.is_doubted()));
        let tombstones = tombstones::read(dir, env.disk.as_ref(), &meter.recovery)?;
        meter.tombstones.set(tombstones.len() as i64);
        // So that none hides what is written from now on, whatever the files have lost.
        let deleted = tombstones.iter().map(|tombstone| tombstone.epoch).max().unwrap_or(0);
        recovered.begin_after(deleted);
        let hiding = Hiding::new(tombstones);
        hiding.raise_floors(&config.retention_rules, believed_ms);
        let notes = notes::read(dir, env.disk.as_ref(), config.exemplars_max, &meter.recovery)?;
        let floor_ms = config.floor_ms(believed_ms);
        let tiers = RecoveredTiers {
            blocks: std::mem::take(&mut recovered.tier_blocks),
            raw_from_ms: recovered.raw_from_ms,
        };
        let tiers = Tiers::new(tiers, config, floor_ms);
        Ok(Self { recovered, hiding, clock, believed_ms, floor_ms, tiers, notes })
    }
}

/// What the one who keeps the files in order remembers.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// The log of earlier processes, until it is in memory.
    pub(crate) old_log: Option<OldLog>,
    /// An epoch that is not in blocks: what was recovered, or one whose flush failed.
    pub(crate) frozen: Option<Frozen>,
    /// For each block how many rules of retention keep nothing as old as it, when it was last found
    /// to have no series that they speak of.
    pub(crate) ruled: HashMap<PathBuf, usize>,
    /// Blocks that no manifest names any more, and that somebody may still read.
    pub(crate) replaced: Vec<Arc<Block>>,
}

/// What earlier processes left in the log.
pub(crate) struct OldLog {
    segments: Vec<SegmentId>,
    /// The number of the epoch that it becomes.
    epoch: u32,
    /// Its last place.
    last_lsn: u64,
    /// What the file had of what it continues.
    notes: Notes,
}

impl Db {
    /// Opens a data directory, and makes it if absent. Writes are taken at once; what an earlier
    /// process left in the log comes back by and by, see [`Db::warm`].
    ///
    /// Damaged data does not prevent it: see [`Meter::recovery`]. If the disk takes no writes the
    /// store opens all the same, and [`Db::health`] says why.
    ///
    /// # Errors
    /// Another process has it open, the disk cannot be read, or a later version wrote it.
    pub fn open(config: Config, env: &Env) -> Result<Arc<Self>, OpenError> {
        let meter = Arc::new(Meter::default());
        let (dir, lock) = DataDir::open(&config.dir, env.disk.as_ref())?;
        snapshot::remove_unfinished(&dir, env.disk.as_ref());
        let found = Found::look(&config, env, &dir, &meter)?;
        if config.syncs_old_log() {
            found.recovered.sync_log(&dir, env, &meter);
        }
        let health = write_first_manifest(&found.recovered, &found.tiers, &dir, env, &meter);
        let driver = config.driver;
        let core = Core::new(config, env, dir, meter, found);
        *core.health.write() = health;
        *core.lock.lock() = Some(lock);
        let core = Arc::new(core);
        let threads = match driver {
            Driver::Thread => threads::start(&core)?,
            Driver::Manual => Vec::new(),
        };
        Ok(Arc::new(Self { core, threads: Mutex::new(threads) }))
    }

    /// Reads back what an earlier process left in the log. Until this is done, answers may lack it
    /// and nothing is flushed. [`Driver::Thread`] calls this first of all.
    ///
    /// # Errors
    /// The disk cannot be read; the next call begins again.
    pub fn warm(&self) -> Result<(), OpenError> {
        self.core.warm(&mut self.core.upkeep.lock())
    }

    /// Whether [`Db::warm`] is still to be done, so that answers may not be whole.
    pub fn is_warming(&self) -> bool {
        self.core.is_warming.load(Ordering::Acquire)
    }

    /// Refuses further appends, makes durable what was appended, ends the threads and gives the
    /// directory free. Queries go on. A second call does nothing.
    ///
    /// # Errors
    /// What was appended and not yet acknowledged could not be made durable.
    pub fn close(&self) -> Result<(), CommitError> {
        self.core.stop();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so through `health`.
            let _panicked = thread.join();
        }
        let Some(_lock) = self.core.lock.lock().take() else {
            return Ok(());
        };
        self.core.commit_as_far_as(Reach::Durable)
    }

    /// Writes and syncs what is pending and resolves the commits that wait for it. On failure they
    /// fail, the rows are kept, and the next call tries a new file. [`Driver::Thread`] calls this.
    pub fn commit_once(&self) -> Health {
        // The result is in the commits and in the health.
        let _resolved = self.core.commit();
        self.health()
    }

    /// Writes what is in memory into blocks, and gives the log's segments free that held it, as of
    /// this moment (Unix milliseconds). [`Driver::Thread`] calls this when memory or time ask for
    /// it.
    ///
    /// # Errors
    /// Nothing is lost; the next call tries again.
    pub fn flush(&self, now_ms: i64) -> Result<(), FlushError> {
        self.core.flush(now_ms)
    }

    /// Merges the blocks of one window where there are enough of them at this moment (Unix
    /// milliseconds), or else rolls up a day that is over, and says whether there was one.
    /// [`Driver::Thread`] calls this after each flush.
    ///
    /// # Errors
    /// Nothing is lost; the next call tries again.
    pub fn compact(&self, now_ms: i64) -> Result<bool, CompactError> {
        self.core.compact(now_ms)
    }

    /// Drops what is older than the retention allows at this moment (Unix milliseconds): samples at
    /// once, memory by chunk, files by segment. [`Driver::Thread`] calls this each minute.
    ///
    /// # Errors
    /// The disk could not be freed; the next call tries again.
    pub fn enforce_retention(&self, now_ms: i64) -> Result<(), RetentionError> {
        self.core.enforce_retention(now_ms)
    }

    /// Whether writes are taken.
    pub fn health(&self) -> Health {
        self.core.health.read().clone()
    }

    /// What the store counts about itself.
    pub fn meter(&self) -> &Meter {
        &self.core.meter
    }
}

/// Threads must not outlive the store. [`Db::close`] says whether the last rows became durable.
impl Drop for Db {
    fn drop(&mut self) {
        if !self.threads.lock().is_empty() {
            let _unheard = self.close();
        }
    }
}

/// Writes the manifest of what was recovered and says whether the disk took it. Then what it does
/// not list may go.
fn write_first_manifest(
    recovered: &Recovered,
    tiers: &Tiers,
    dir: &DataDir,
    env: &Env,
    meter: &Meter,
) -> Health {
    let tier_blocks = tiers.blocks();
    let blocks = recovered.blocks.iter().chain(&tier_blocks);
    let manifest = Manifest {
        live_epoch: recovered.epoch + 1,
        next_segment: recovered.next_segment,
        segments: recovered.segments.clone(),
        epoch: u64::from(recovered.flushed_epoch),
        blocks: blocks.map(|block| manifest::block_name(block)).collect(),
        raw_from_ms: tiers.raw_from_ms(),
    };
    meter.segments.set(recovered.segments.len() as i64);
    match manifest.write(dir, env.disk.as_ref()) {
        Ok(()) => {
            dir.remove_segments(&recovered.dead_segments, env.disk.as_ref());
            dir.remove_files(&recovered.dead_block_files, env.disk.as_ref());
            Health::Writable
        }
        Err(error) => {
            meter.stalls.inc();
            let reason = format!("cannot write the manifest: {error}");
            Health::Stalled { reason }
        }
    }
}

impl Core {
    pub(crate) fn new(
        config: Config,
        env: &Env,
        dir: DataDir,
        meter: Arc<Meter>,
        Found { recovered, hiding, clock, believed_ms, floor_ms, tiers, notes }: Found,
    ) -> Self {
        let last_lsn = recovered.last_lsn;
        let start = WriterStart {
            wal_dir: dir.wal(),
            segment_bytes_max: config.segment_bytes_max,
            closed: recovered.segments.iter().map(|id| SegmentInfo { id: *id, last_lsn }).collect(),
            next_segment: recovered.next_segment,
            durable_lsn: recovered.durable_lsn,
            last_lsn,
            #[cfg(feature = "planted-bugs")]
            planted_bug: config.planted_bug,
        };
        let head = Head::new(recovered.epoch + 1, env.randomness.as_ref());
        let (epoch, segments) = (recovered.epoch, recovered.segments);
        meter.recovery.segments_left.set(segments.len() as i64);
        let (old_log, notes) = match segments.is_empty() {
            true => (None, notes),
            false => (Some(OldLog { segments, epoch, last_lsn, notes }), Notes::default()),
        };
        let core = Self {
            config,
            env: env.clone(),
            dir,
            head: Arc::new(head),
            recovered: RwLock::new(None),
            is_warming: AtomicBool::new(old_log.is_some()),
            gate: RwLock::new(()),
            pending: Mutex::new(Pending::new(last_lsn + 1)),
            wake: Condvar::new(),
            writer: Mutex::new(Writer::new(start, env, Arc::clone(&meter))),
            health: RwLock::new(Health::Writable),
            has_unsynced: AtomicBool::new(false),
            floor_ms: AtomicI64::new(floor_ms),
            has_expired: AtomicBool::new(false),
            hiding,
            notes: Mutex::new(notes),
            clock,
            upkeep: Mutex::new(Upkeep { old_log, ..Upkeep::default() }),
            blocks: RwLock::new(recovered.blocks),
            tiers,
            pages: recovered.pages,
            epoch: AtomicU32::new(recovered.epoch + 1),
            flushed_epoch: AtomicU32::new(recovered.flushed_epoch),
            stopped: AtomicBool::new(false),
            idle: Mutex::new(()),
            stop_signal: Condvar::new(),
            lock: Mutex::new(None),
            meter,
        };
        core.raise_tier_floors(&core.upkeep.lock(), believed_ms);
        core.look_for_expired(floor_ms);
        core.measure_head();
        core.measure_blocks();
        core
    }

    /// See [`Db::warm`].
    pub(crate) fn warm(&self, upkeep: &mut Upkeep) -> Result<(), OpenError> {
        let Some(OldLog { segments, epoch, last_lsn, notes }) = &upkeep.old_log else {
            return Ok(());
        };
        let began = self.env.clock.monotonic();
        let head = Arc::new(Head::new(1, self.env.randomness.as_ref()));
        let blocks = self.blocks.write();
        *self.recovered.write() = Some(Arc::clone(&head));
        drop(blocks);
        let (dir, env, meter) = (&self.dir, &self.env, &self.meter);
        let floor_ms = self.tiers.kept_ms();
        let exemplars_max = self.config.exemplars_max;
        let notes = Mutex::new(notes.clone());
        Replay { dir, env, meter, floor_ms, head: Arc::clone(&head), notes: &notes, exemplars_max }
            .run(segments)?;
        let mut notes = notes.into_inner();
        let mut newer = self.notes.lock();
        notes.extend(&newer, exemplars_max);
        *newer = notes;
        drop(newer);
        upkeep.frozen = Some(Frozen::of(&head, *epoch, *last_lsn));
        upkeep.old_log = None;
        self.look_for_expired(self.floor_ms.load(Ordering::Acquire));
        let took = self.env.clock.monotonic().saturating_sub(began);
        self.meter.recovery.duration_ms.set(took.as_millis() as i64);
        self.is_warming.store(false, Ordering::Release);
        Ok(())
    }

    /// Says no to what comes from now on, and waits for what is under way.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        drop(self.gate.write());
        // A thread that is about to wait holds its lock: it has either seen the flag or will hear
        // the signal.
        drop(self.pending.lock());
        self.wake.notify_all();
        drop(self.idle.lock());
        self.stop_signal.notify_all();
    }

    /// One step of the writer, as far as acknowledged samples are to reach.
    pub(crate) fn commit(&self) -> Result<(), CommitError> {
        self.commit_as_far_as(self.config.durability.reach())
    }

    /// One step of the writer. What is only written becomes durable when it is time.
    pub(crate) fn commit_as_far_as(&self, reach: Reach) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        let has_frames = writer.take(&self.pending);
        let was_stalled = *self.health.read() != Health::Writable;
        if !has_frames && !was_stalled {
            return Ok(());
        }
        let reach = if was_stalled || writer.should_sync() { Reach::Durable } else { reach };
        let written = writer.step(reach);
        let result = written.map_err(|error| CommitError { reason: error.to_string() });
        // Before anybody hears of it, so that who hears of a failure sees the reason.
        *self.health.write() = match &result {
            Ok(()) => Health::Writable,
            Err(CommitError { reason }) => Health::Stalled { reason: reason.clone() },
        };
        self.meter.stalls.add(u64::from(result.is_err() && !was_stalled));
        writer.settle(&result, &self.pending);
        self.has_unsynced.store(writer.has_unsynced(), Ordering::Release);
        let undurable_bytes = self.pending.lock().undurable_bytes();
        self.meter.pending_bytes.set(undurable_bytes as i64);
        result
    }

    /// Whether the head should be flushed, that long after the last time.
    pub(crate) fn wants_flush(&self, since_last: Duration) -> bool {
        // What a flush can free; the series stay.
        let head_bytes = self.meter.head_bytes.get() - self.meter.series_bytes.get();
        since_last >= self.config.flush_after || head_bytes >= self.config.flush_head_bytes as i64
    }

    /// Counts the blocks.
    pub(crate) fn measure_blocks(&self) {
        let blocks = self.blocks.read();
        self.meter.blocks.set(blocks.len() as i64);
        let bytes = blocks.iter().map(|block| block.info().file_bytes).sum::<u64>();
        self.meter.block_bytes.set(bytes as i64);
        drop(blocks);
        self.measure_tiers();
    }

    /// The number of the live epoch.
    pub(crate) fn live_epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }
}
