//! Meter: what the store counts about itself. The binary gives the names.

use stdx::meter::{Counter, Gauge, Histogram};

/// Counters only grow while the process lives; those of recovery are complete when the store is
/// warm.
#[derive(Debug)]
pub struct Meter {
    /// Samples taken.
    pub appended_samples: Counter,
    /// Samples taken and dropped at once, because they were older than retention.
    pub expired_samples: Counter,
    /// Samples taken that were not newer than all before them in their series.
    pub out_of_order_samples: Counter,
    /// Exemplars taken that were not there yet.
    pub appended_exemplars: Counter,
    /// Exemplars left out, because their series is not known or they are older than retention.
    pub rejected_exemplars: Counter,
    /// Descriptions of metrics left out, because there are too many.
    pub rejected_metadata: Counter,
    /// Appends refused because a bound was reached.
    pub overloaded_appends: Counter,
    /// Appends refused because the disk took nothing.
    pub unavailable_appends: Counter,
    /// Bytes of log made durable.
    pub wal_bytes: Counter,
    /// Syncs of log segments, failed ones included.
    pub fsyncs: Counter,
    /// How long they took, seconds.
    pub fsync_seconds: Histogram,
    /// Bytes that became durable together.
    pub batch_bytes: Histogram,
    /// Syncs that failed.
    pub sync_failures: Counter,
    /// Segments whose writing failed, by a failed sync or otherwise. Each is given up.
    pub write_failures: Counter,
    /// Times the store stopped taking writes.
    pub stalls: Counter,
    /// Flushes of the head into blocks.
    pub flushes: Counter,
    /// Flushes that failed; their samples stay in memory and in the log.
    pub flush_failures: Counter,
    /// Merges of blocks.
    pub compactions: Counter,
    /// Merges of blocks that failed; the blocks stay as they are.
    pub compaction_failures: Counter,
    /// Memory of series without their samples, a part of `head_bytes`.
    pub series_bytes: Gauge,
    /// Chunks of blocks that could not be read when a query asked for them.
    pub lost_chunks: Counter,
    /// Blocks.
    pub blocks: Gauge,
    /// Bytes of the blocks' files.
    pub block_bytes: Gauge,
    /// Rollups written into blocks of tiers.
    pub rollups: Counter,
    /// Spans that could not be rolled up; their samples stay.
    pub rollup_failures: Counter,
    /// Blocks of tiers.
    pub tier_blocks: Gauge,
    /// Bytes of their files, of each tier: those of 5 minutes, those of an hour.
    pub tier_bytes: [Gauge; 2],
    /// Deletions that hide samples until blocks are rewritten.
    pub tombstones: Gauge,
    /// Snapshots made.
    pub snapshots: Counter,
    /// Blocks dropped because the store was larger than it may be.
    pub oversize_blocks: Counter,
    /// 1 while the clock is ahead of all data by more than the retention and is not believed.
    pub clock_doubted: Gauge,
    /// Passes of retention that could not free the disk.
    pub retention_failures: Counter,
    /// Log bytes that are not durable yet.
    pub pending_bytes: Gauge,
    /// Log segments on disk.
    pub segments: Gauge,
    /// Series in the head.
    pub series: Gauge,
    /// Memory of the head, bytes, as it is bounded by [`crate::Config::head_bytes_max`].
    pub head_bytes: Gauge,
    /// What recovery found.
    pub recovery: RecoveryMeter,
}

/// What was found when the store was opened.
#[derive(Debug, Default)]
pub struct RecoveryMeter {
    /// Samples put into the head.
    pub samples: Counter,
    /// Samples left out because they were older than retention.
    pub expired_samples: Counter,
    /// Samples of a series whose definition is not there.
    pub orphan_samples: Counter,
    /// Series defined.
    pub series: Counter,
    /// Frames of a kind that this version does not know.
    pub unknown_frames: Counter,
    /// Frames that a later segment says again.
    pub superseded_frames: Counter,
    /// Places in the log that were damaged after they had been written.
    pub corrupt_frames: Counter,
    /// Frames that had been durable at the end of a segment and are not there.
    pub missing_frames: Counter,
    /// Segments that end in an unfinished frame, as a crash leaves them.
    pub torn_tails: Counter,
    /// Segments whose first bytes are damaged.
    pub damaged_headers: Counter,
    /// Segments that the manifest lists and that are not there.
    pub missing_segments: Counter,
    /// Places of the file of deletions that are damaged; what they deleted is back.
    pub damaged_tombstones: Counter,
    /// Damaged blocks moved aside.
    pub quarantined_blocks: Counter,
    /// Blocks that the manifest lists and that are not there.
    pub missing_blocks: Counter,
    /// 1 when the manifest was lost or damaged and made anew from the files.
    pub manifests_rebuilt: Counter,
    /// Segments of the log that are still to be read; answers are not whole before.
    pub segments_left: Gauge,
    /// How long recovery took, milliseconds.
    pub duration_ms: Gauge,
}

impl Default for Meter {
    fn default() -> Self {
        const SECONDS: &[f64] = &[
            0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
            2.5,
        ];
        const BYTES: &[f64] = &[
            256.0,
            1024.0,
            4096.0,
            16_384.0,
            65_536.0,
            262_144.0,
            1_048_576.0,
            4_194_304.0,
            16_777_216.0,
        ];
        Self {
            appended_samples: Counter::default(),
            expired_samples: Counter::default(),
            out_of_order_samples: Counter::default(),
            appended_exemplars: Counter::default(),
            rejected_exemplars: Counter::default(),
            rejected_metadata: Counter::default(),
            overloaded_appends: Counter::default(),
            unavailable_appends: Counter::default(),
            wal_bytes: Counter::default(),
            fsyncs: Counter::default(),
            fsync_seconds: Histogram::new(SECONDS),
            batch_bytes: Histogram::new(BYTES),
            sync_failures: Counter::default(),
            write_failures: Counter::default(),
            stalls: Counter::default(),
            flushes: Counter::default(),
            flush_failures: Counter::default(),
            compactions: Counter::default(),
            compaction_failures: Counter::default(),
            series_bytes: Gauge::default(),
            lost_chunks: Counter::default(),
            blocks: Gauge::default(),
            block_bytes: Gauge::default(),
            rollups: Counter::default(),
            rollup_failures: Counter::default(),
            tier_blocks: Gauge::default(),
            tier_bytes: [Gauge::default(), Gauge::default()],
            tombstones: Gauge::default(),
            snapshots: Counter::default(),
            oversize_blocks: Counter::default(),
            clock_doubted: Gauge::default(),
            retention_failures: Counter::default(),
            pending_bytes: Gauge::default(),
            segments: Gauge::default(),
            series: Gauge::default(),
            head_bytes: Gauge::default(),
            recovery: RecoveryMeter::default(),
        }
    }
}
