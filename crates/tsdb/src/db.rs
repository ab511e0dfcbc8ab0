//! Db: the store as its users see it. Appends go through here into the log and the head, queries
//! out of the head.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use model::Matcher;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use stdx::Env;
use storage::{
    AppendError, Appender, Commit, CommitError, Maintenance, MaintenanceError, Querier, Row,
    Select, SelectError, SeriesSet,
};

use crate::block::{Block, Lost, PageCache};
use crate::config::{Config, Driver};
use crate::dir::{DataDir, LockGuard};
use crate::flush::Frozen;
use crate::head::{Head, Series};
use crate::manifest::{self, Manifest};
use crate::recovery::{Recovered, recover};
use crate::threads;
use crate::view::View;
use crate::wal::{
    Before, FRAME_PAYLOAD_BYTES_MAX, FrameKind, Pending, Writer, WriterStart, definition_bytes,
    encode_definition, encode_sample,
};
use crate::{CompactError, FlushError, Meter, OpenError, RetentionError};

/// Rows in one frame at most: 38 bytes each at worst, so far below what a frame takes.
const FRAME_ROWS_MAX: usize = 16_384;
/// A frame of definitions is ended when it has this size.
const FRAME_DEFINITION_BYTES: usize = 256 << 10;
/// When to come back after the log was too far behind, or the head too large.
const RETRY_LOG_AFTER: Duration = Duration::from_secs(1);
const RETRY_HEAD_AFTER: Duration = Duration::from_secs(60);

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
/// Rows are visible when [`Appender::append`] returns and survive everything when its [`Commit`]
/// has resolved. If the commit fails, the rows stay visible and may or may not survive.
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
    pub(crate) head: Head,
    /// Shared from a row's encoding into the log until the head has it. Who takes it exclusively
    /// sees every row in both or in neither, and no series that is about to be used.
    pub(crate) gate: RwLock<()>,
    /// Held while rows go into the log and into the head, so that both have them in one order.
    pub(crate) pending: Mutex<Pending>,
    /// Signals that something is pending, or that the store stops.
    pub(crate) wake: Condvar,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) health: RwLock<Health>,
    /// Samples older than this are gone, Unix milliseconds. It only rises.
    pub(crate) floor_ms: AtomicI64,
    /// One flush or pass of retention at a time.
    pub(crate) upkeep: Mutex<Upkeep>,
    /// The blocks, in the order of their epochs. Who holds it sees each sample of a flush either
    /// in a block or in the head.
    pub(crate) blocks: RwLock<Vec<Arc<Block>>>,
    /// Pages of blocks that were read lately.
    pub(crate) pages: Arc<PageCache>,
    /// The number of the live epoch.
    pub(crate) epoch: AtomicU64,
    /// Every epoch up to this one is in blocks.
    pub(crate) flushed_epoch: AtomicU64,
    pub(crate) stopped: AtomicBool,
    /// Where the maintenance thread waits for its next pass or the end.
    pub(crate) idle: Mutex<()>,
    pub(crate) stop_signal: Condvar,
    lock: Mutex<Option<LockGuard>>,
}

/// What the one who keeps the files in order remembers.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// An epoch whose flush failed.
    pub(crate) frozen: Option<Frozen>,
    /// Blocks that no manifest names any more, and that somebody may still read.
    pub(crate) replaced: Vec<Arc<Block>>,
}

impl Db {
    /// Opens a data directory, makes it if absent, and reads back what is in it.
    ///
    /// Damaged data does not prevent it: see [`Meter::recovery`]. If the disk takes no writes the
    /// store opens all the same, and [`Db::health`] says why.
    ///
    /// # Errors
    /// Another process has it open, the disk cannot be read, or a later version wrote it.
    pub fn open(config: Config, env: &Env) -> Result<Arc<Self>, OpenError> {
        let began = env.clock.monotonic();
        let meter = Arc::new(Meter::default());
        let (dir, lock) = DataDir::open(&config.dir, env.disk.as_ref())?;
        let floor_ms = config.floor_ms(env.clock.now_ms());
        let recovered = recover(&dir, &env.disk, floor_ms, &meter)?;
        let health = write_first_manifest(&recovered, &dir, env, &meter);
        let unproven_after = recovered.durable_lsn;
        let driver = config.driver;
        let core = Core::new(config, env, dir, meter, recovered);
        *core.health.write() = health;
        core.floor_ms.store(floor_ms, Ordering::Release);
        *core.lock.lock() = Some(lock);
        core.measure_head();
        core.measure_blocks();
        let mut unproven = core.head.all();
        unproven.retain(|series| series.defined_at() > unproven_after);
        core.define_again(&unproven);
        let took = env.clock.monotonic().saturating_sub(began);
        core.meter.recovery.duration_ms.set(took.as_millis() as i64);
        let core = Arc::new(core);
        let threads = match driver {
            Driver::Thread => threads::start(&core)?,
            Driver::Manual => Vec::new(),
        };
        Ok(Arc::new(Self { core, threads: Mutex::new(threads) }))
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
        self.core.commit()
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
    /// milliseconds), and says whether there were. [`Driver::Thread`] calls this after each flush.
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
fn write_first_manifest(recovered: &Recovered, dir: &DataDir, env: &Env, meter: &Meter) -> Health {
    let manifest = Manifest {
        generation: recovered.index.generation(),
        next_segment: recovered.next_segment,
        segments: recovered.closed.iter().map(|info| info.id).collect(),
        epoch: recovered.epoch,
        blocks: recovered.blocks.iter().map(|block| manifest::block_name(block)).collect(),
    };
    meter.segments.set(recovered.closed.len() as i64);
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
        recovered: Recovered,
    ) -> Self {
        let start = WriterStart {
            wal_dir: dir.wal(),
            segment_bytes_max: config.segment_bytes_max,
            closed: recovered.closed,
            next_segment: recovered.next_segment,
            durable_lsn: recovered.durable_lsn,
            last_lsn: recovered.last_lsn,
            #[cfg(feature = "planted-bugs")]
            planted_bug: config.planted_bug,
        };
        Self {
            config,
            env: env.clone(),
            dir,
            head: Head::new(recovered.index),
            gate: RwLock::new(()),
            pending: Mutex::new(Pending::new(recovered.last_lsn + 1)),
            wake: Condvar::new(),
            writer: Mutex::new(Writer::new(start, env, Arc::clone(&meter))),
            health: RwLock::new(Health::Writable),
            floor_ms: AtomicI64::new(i64::MIN),
            upkeep: Mutex::default(),
            blocks: RwLock::new(recovered.blocks),
            pages: recovered.pages,
            epoch: AtomicU64::new(recovered.epoch + 1),
            flushed_epoch: AtomicU64::new(recovered.epoch),
            stopped: AtomicBool::new(false),
            idle: Mutex::new(()),
            stop_signal: Condvar::new(),
            lock: Mutex::new(None),
            meter,
        }
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

    /// One step of the writer.
    pub(crate) fn commit(&self) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        let has_frames = writer.take(&self.pending);
        let was_stalled = *self.health.read() != Health::Writable;
        if !has_frames && !was_stalled {
            return Ok(());
        }
        let written = writer.make_durable();
        let result = written.map_err(|error| CommitError { reason: error.to_string() });
        // Before anybody hears of it, so that who hears of a failure sees the reason.
        *self.health.write() = match &result {
            Ok(()) => Health::Writable,
            Err(CommitError { reason }) => Health::Stalled { reason: reason.clone() },
        };
        self.meter.stalls.add(u64::from(result.is_err() && !was_stalled));
        writer.settle(&result, &self.pending);
        let undurable_bytes = self.pending.lock().undurable_bytes();
        self.meter.pending_bytes.set(undurable_bytes as i64);
        result
    }

    /// Whether rows are taken now.
    fn admit(&self) -> Result<(), AppendError> {
        let unavailable = |reason: String| {
            self.meter.unavailable_appends.inc();
            Err(AppendError::Unavailable { reason })
        };
        let overloaded = |reason: String, retry_after| {
            self.meter.overloaded_appends.inc();
            Err(AppendError::Overloaded { reason, retry_after })
        };
        if self.stopped.load(Ordering::Acquire) {
            return unavailable("the store is closed".to_owned());
        }
        if let Health::Stalled { reason } = &*self.health.read() {
            return unavailable(reason.clone());
        }
        let max = self.config.pending_bytes_max;
        if self.pending.lock().undurable_bytes() >= max {
            let reason = format!("{max} bytes of log are waiting for the disk");
            return overloaded(reason, RETRY_LOG_AFTER);
        }
        let max = self.config.head_bytes_max;
        if self.meter.head_bytes.get() >= max as i64 {
            let reason = format!("samples in memory take all of the {max} bytes they may");
            return overloaded(reason, RETRY_HEAD_AFTER);
        }
        Ok(())
    }

    fn append(&self, mut rows: Vec<Row>) -> Result<Commit, AppendError> {
        let _gate = self.gate.read();
        self.admit()?;
        let n_given = rows.len();
        let floor_ms = self.floor_ms.load(Ordering::Acquire);
        rows.retain(|row| row.sample.t_ms >= floor_ms);
        let series = self.series_of(&rows)?;
        let n_expired = n_given - rows.len();
        self.meter.expired_samples.add(n_expired as u64);
        self.meter.appended_samples.add(n_given as u64);
        if rows.is_empty() {
            return Ok(Commit::done());
        }
        Ok(self.append_to(&series, &rows))
    }

    /// Logs the rows, then puts each into its series.
    fn append_to(&self, series: &[Arc<Series>], rows: &[Row]) -> Commit {
        let payloads = encode_rows(series, rows);
        let newest_ms = rows.iter().map(|row| row.sample.t_ms).max();
        let now = self.env.clock.monotonic();
        let (sender, commit) = Commit::pending();
        let mut pending = self.pending.lock();
        for payload in &payloads {
            pending.push(FrameKind::Samples, payload, now);
        }
        pending.saw_sample_at(newest_ms.unwrap_or(i64::MIN));
        self.put_into_head(series, rows);
        pending.add_waiter(sender);
        self.meter.pending_bytes.set(pending.undurable_bytes() as i64);
        drop(pending);
        self.wake.notify_all();
        commit
    }

    fn put_into_head(&self, series: &[Arc<Series>], rows: &[Row]) {
        let (mut bytes, mut chunks, mut n_late) = (0, 0, 0);
        for (series, row) in series.iter().zip(rows) {
            let appended = series.append(row.sample);
            bytes += appended.bytes;
            chunks += appended.chunks;
            n_late += u64::from(appended.out_of_order);
        }
        self.meter.head_bytes.add(bytes);
        self.meter.chunks.add(chunks);
        self.meter.out_of_order_samples.add(n_late);
    }

    /// The series of each row; new ones are made and their definitions logged.
    fn series_of(&self, rows: &[Row]) -> Result<Vec<Arc<Series>>, AppendError> {
        let index = self.head.index().read();
        let known = rows.iter().map_while(|row| index.get(&row.labels).cloned());
        let mut series: Vec<Arc<Series>> = known.collect();
        drop(index);
        if series.len() < rows.len() {
            check_definitions(rows)?;
            let unknown = &rows[series.len()..];
            series.extend(self.known_or_new(unknown));
        }
        Ok(series)
    }

    fn known_or_new(&self, rows: &[Row]) -> Vec<Arc<Series>> {
        let mut made = Vec::new();
        let mut index = self.head.index().write();
        let find_or_make = |row: &Row| {
            index.get(&row.labels).cloned().unwrap_or_else(|| {
                let series = index.add(row.labels.clone());
                made.push(Arc::clone(&series));
                series
            })
        };
        let series = rows.iter().map(find_or_make).collect();
        self.meter.series.set(index.len() as i64);
        let bytes = made.iter().map(|series| series.identity_bytes()).sum::<usize>();
        self.meter.head_bytes.add(bytes as i64);
        self.meter.series_bytes.add(bytes as i64);
        // Before anybody else finds the new series: samples must not precede their definition.
        self.define(&mut self.pending.lock(), &made);
        series
    }

    /// Logs definitions.
    fn define(&self, pending: &mut MutexGuard<'_, Pending>, series: &[Arc<Series>]) {
        let now = self.env.clock.monotonic();
        let mut payload = Vec::new();
        let mut in_frame = 0;
        for (at, one) in series.iter().enumerate() {
            encode_definition(&mut payload, one.reference(), one.labels());
            let next_bytes = series.get(at + 1).map(|next| definition_bytes(next.labels()));
            let is_full = |next_bytes| {
                payload.len() >= FRAME_DEFINITION_BYTES
                    || payload.len() + next_bytes > FRAME_PAYLOAD_BYTES_MAX
            };
            if next_bytes.is_none_or(is_full) {
                let lsn = pending.push(FrameKind::Series, &payload, now);
                for defined in &series[in_frame..=at] {
                    defined.set_defined_at(lsn);
                }
                in_frame = at + 1;
                payload.clear();
            }
        }
    }

    /// Logs the definitions of those series once more. They are durable after the next commit.
    pub(crate) fn define_again(&self, series: &[Arc<Series>]) {
        self.define(&mut self.pending.lock(), series);
    }

    /// Whether the head should be flushed, that long after the last time.
    pub(crate) fn wants_flush(&self, since_last: Duration) -> bool {
        // What a flush can free; the series stay.
        let head_bytes = self.meter.head_bytes.get() - self.meter.series_bytes.get();
        since_last >= self.config.flush_after || head_bytes >= self.config.flush_head_bytes as i64
    }

    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher]) -> Vec<String> {
        let floor_ms = self.floor_ms.load(Ordering::Acquire);
        let blocks = self.blocks.read();
        let mut values = self.head.label_values(name, matchers);
        let mut lost = Lost::default();
        for block in blocks.iter() {
            values.extend(block.label_values(name, matchers, floor_ms, &mut lost));
        }
        drop(blocks);
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Counts the blocks.
    pub(crate) fn measure_blocks(&self) {
        let blocks = self.blocks.read();
        self.meter.blocks.set(blocks.len() as i64);
        let bytes = blocks.iter().map(|block| block.info().file_bytes).sum::<u64>();
        self.meter.block_bytes.set(bytes as i64);
    }

    /// Measures series, chunks and memory from scratch.
    pub(crate) fn measure_head(&self) {
        let (mut bytes, mut series_bytes, mut chunks, mut n_series) = (0, 0, 0, 0);
        for series in self.head.all() {
            let size = series.size();
            bytes += size.bytes;
            series_bytes += series.identity_bytes();
            chunks += size.chunks;
            n_series += 1;
        }
        self.meter.head_bytes.set(bytes as i64);
        self.meter.series_bytes.set(series_bytes as i64);
        self.meter.chunks.set(chunks as i64);
        self.meter.series.set(n_series);
    }
}

/// Refuses labels that no frame could hold. Ingest's limits are far below.
fn check_definitions(rows: &[Row]) -> Result<(), AppendError> {
    let largest = rows.iter().map(|row| definition_bytes(&row.labels)).max();
    match largest {
        Some(given) if given > FRAME_PAYLOAD_BYTES_MAX => Err(AppendError::Unavailable {
            reason: format!(
                "the labels of one series take {given} bytes, \
                 a log frame holds {FRAME_PAYLOAD_BYTES_MAX}"
            ),
        }),
        _ => Ok(()),
    }
}

/// The rows as payloads of sample frames.
fn encode_rows(series: &[Arc<Series>], rows: &[Row]) -> Vec<Vec<u8>> {
    let encode = |(series, rows): (&[Arc<Series>], &[Row])| {
        let mut payload = Vec::with_capacity(14 * rows.len());
        let mut before = Before::default();
        for (series, row) in series.iter().zip(rows) {
            encode_sample(&mut payload, &mut before, series.reference(), &row.sample);
        }
        payload
    };
    let parts = series.chunks(FRAME_ROWS_MAX);
    parts.zip(rows.chunks(FRAME_ROWS_MAX)).map(encode).collect()
}

impl Appender for Db {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        self.core.append(rows)
    }
}

impl Maintenance for Db {
    fn flush(&self) -> Result<(), MaintenanceError> {
        self.core.flush(self.core.env.clock.now_ms()).map_err(maintenance_error)
    }

    fn compact(&self) -> Result<u64, MaintenanceError> {
        let mut n_merged = 0;
        while self.core.compact(self.core.env.clock.now_ms()).map_err(maintenance_error)? {
            n_merged += 1;
        }
        Ok(n_merged)
    }
}

fn maintenance_error(error: impl std::fmt::Display) -> MaintenanceError {
    MaintenanceError { reason: error.to_string() }
}

impl Querier for Db {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        Ok(Box::new(View::take(&self.core, select)))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(self.core.label_values(name, matchers))
    }
}
