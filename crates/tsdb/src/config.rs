//! Config: where the store keeps its files, what it keeps, and how much it may hold.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of one store.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the data. Made if absent; one process at a time.
    pub dir: PathBuf,
    /// How long samples are kept; `None` keeps everything.
    pub retention: Option<Duration>,
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
    /// Who takes the steps that are due.
    pub driver: Driver,
    /// A defect to run with, so that a test can prove that it would be found.
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    pub planted_bug: Option<PlantedBug>,
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
    /// Segments are removed without carrying the definitions of live series forward.
    ForgetDefinitions,
    /// Pages of blocks are not compared with their checksums.
    PageCrcUnchecked,
}

impl Config {
    /// Keeps everything below `dir` within the default bounds, on its own threads.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            retention: None,
            segment_bytes_max: 64 << 20,
            pending_bytes_max: 16 << 20,
            head_bytes_max: 512 << 20,
            flush_head_bytes: 64 << 20,
            flush_after: Duration::from_secs(30 * 60),
            driver: Driver::Thread,
            #[cfg(feature = "planted-bugs")]
            planted_bug: None,
        }
    }

    /// The oldest moment that is kept at `now_ms`, Unix milliseconds.
    pub(crate) fn floor_ms(&self, now_ms: i64) -> i64 {
        self.retention.map_or(i64::MIN, |kept| {
            now_ms.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
        })
    }
}
