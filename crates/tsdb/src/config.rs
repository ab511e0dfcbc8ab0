//! Config: where the store keeps its files, what it keeps, and how much it may hold.

use std::path::PathBuf;
use std::time::Duration;

use model::Matcher;

use crate::wal::Reach;

/// Settings of one store.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the data. Made if absent; one process at a time.
    pub dir: PathBuf,
    /// What an acknowledged sample survives.
    pub durability: Durability,
    /// How long samples are kept; `None` keeps everything.
    pub retention: Option<Duration>,
    /// How much disk blocks and log may take, bytes: beyond it the oldest blocks go, but never the
    /// newest one. `None` sets no bound.
    pub retention_size_bytes: Option<u64>,
    /// Series that are kept for a shorter time; the first rule that speaks of a series wins.
    pub retention_rules: Vec<RetentionRule>,
    /// How long rollups of 5 minutes are kept; `None` makes none.
    pub retention_5m: Option<Duration>,
    /// How long after its end a day is rolled up; `None` waits until its samples are about to go,
    /// as rollups beside samples take disk and say nothing new.
    pub roll_up_after: Option<Duration>,
    /// How long rollups of an hour are kept; `None` makes none.
    pub retention_1h: Option<Duration>,
    /// How long nothing is dropped on the word of a clock that is ahead of all data by more than
    /// the retention.
    pub doubt_clock_for: Duration,
    /// How many series may be stored.
    pub series: storage::SeriesLimits,
    /// A log segment that has reached this size is followed by a new one.
    pub segment_bytes_max: u64,
    /// Appends are refused as overloaded while this much log is not yet durable.
    pub pending_bytes_max: usize,
    /// Appends are refused as overloaded while samples and series take this much memory.
    pub head_bytes_max: usize,
    /// The head is flushed into blocks when its samples take this much memory.
    pub flush_head_bytes: usize,
    /// The head is flushed into blocks at latest after this time.
    pub flush_after: Duration,
    /// So many exemplars are kept, the newest that came.
    pub exemplars_max: usize,
    /// Who takes the steps that are due.
    pub driver: Driver,
    /// A defect to run with, so that a test can prove that it would be found.
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    pub planted_bug: Option<PlantedBug>,
}

/// What an acknowledged sample survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Everything: it is acknowledged when the disk has it.
    Sync,
    /// The end of the process: it is acknowledged when the kernel has it. A power cut may take the
    /// last second. If the process is killed, the next start syncs what it left.
    Async,
}

impl Durability {
    pub(crate) fn reach(self) -> Reach {
        match self {
            Self::Sync => Reach::Durable,
            Self::Async => Reach::Written,
        }
    }
}

/// How long some series are kept, where that is shorter than [`Config::retention`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// All must hold of a series.
    pub matchers: Vec<Matcher>,
    /// How long its samples are kept.
    pub keep: Duration,
}

impl RetentionRule {
    /// The oldest moment that it keeps at `now_ms`, Unix milliseconds.
    pub(crate) fn floor_ms(&self, now_ms: i64) -> i64 {
        before(now_ms, self.keep)
    }
}

/// Who calls [`crate::Db::commit_once`], [`crate::Db::flush`] and [`crate::Db::enforce_retention`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Two threads of the store: one commits, one flushes and enforces retention.
    Thread,
    /// The caller, so that a run is a function of its seed. Nothing is durable before it calls.
    Manual,
}

/// The defects that can be planted.
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedBug {
    /// A commit resolves once the log is written, before it is synced.
    AckBeforeSync,
    /// A failed sync is repeated on the same file, as if the second success covered the first.
    RepeatFailedSync,
    /// A freeze does not wait for appends that have begun. It comes at the worst moment: when an
    /// append has been encoded and is not in the log and the head.
    FreezeOutsideGate,
    /// A start does not sync the log that it finds.
    LeaveOldLogUnsynced,
    /// Pages of blocks are not compared with their checksums.
    PageCrcUnchecked,
    /// What is rolled up of a series lacks its last span.
    RollWithoutLastSpan,
    /// Samples leave the disk when they are hidden, rolled up or not.
    DropUnrolled,
}

impl Config {
    /// Keeps everything below `dir` within the default bounds, on its own threads.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            durability: Durability::Sync,
            retention: None,
            retention_size_bytes: None,
            retention_rules: Vec::new(),
            retention_5m: None,
            roll_up_after: None,
            retention_1h: None,
            doubt_clock_for: Duration::from_secs(6 * 3600),
            series: storage::SeriesLimits::default(),
            segment_bytes_max: 64 << 20,
            pending_bytes_max: 16 << 20,
            head_bytes_max: 512 << 20,
            flush_head_bytes: 64 << 20,
            flush_after: Duration::from_secs(30 * 60),
            exemplars_max: 100_000,
            driver: Driver::Thread,
            #[cfg(feature = "planted-bugs")]
            planted_bug: None,
        }
    }

    /// How long after its end a day is rolled up, milliseconds; `None` never: its samples stay.
    pub(crate) fn roll_up_after_ms(&self) -> Option<i64> {
        let soon = Duration::from_secs(3600);
        let kept = match self.retention_size_bytes {
            // Nobody knows when the size will be reached.
            Some(_) => Some(soon),
            None => self.retention.map(|kept| kept.saturating_sub(Duration::from_secs(86_400))),
        };
        let after = self.roll_up_after.or(kept)?.max(soon);
        Some(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
    }

    /// The oldest moment that is kept at `now_ms`, Unix milliseconds.
    pub(crate) fn floor_ms(&self, now_ms: i64) -> i64 {
        self.retention.map_or(i64::MIN, |kept| before(now_ms, kept))
    }

    /// Whether a start syncs the log that it finds: always, but for a planted bug.
    pub(crate) fn syncs_old_log(&self) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.planted_bug == Some(PlantedBug::LeaveOldLogUnsynced) {
            return false;
        }
        true
    }

    /// How long anything is kept at most; `None` if nothing ages.
    pub(crate) fn longest_kept(&self) -> Option<Duration> {
        self.retention.or_else(|| self.retention_rules.iter().map(|rule| rule.keep).max())
    }
}

/// A moment so long ago, Unix milliseconds.
pub(crate) fn before(now_ms: i64, age: Duration) -> i64 {
    now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
