//! Tiers: what stays of samples when they are too old to be kept.
//!
//! A tier has blocks of rollups, which never overlap. When a day is over, it is rolled up: into a
//! block of each tier goes what the blocks of samples hold of it. If more comes later, or something
//! is deleted, the day is rolled up again, as long as its samples are there. Each block says up to
//! which epoch it knows the samples; so it is known, too, which days are out of date. Days become
//! months when their samples are gone.
//!
//! Samples are hidden from queries when retention says so, and stay on disk until each tier that
//! still wants them has them. [`plan`] decides where the rollups of a span come from, [`read`] reads
//! them, [`roll`] writes them, [`retain`] says what may go.
//!
//! The bytes are drawn in `docs/formats/block.md`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use storage::ROLLUP_WIDTHS_MS;
use storage::rollup::span_of;

use crate::block::{Block, TierSpan};
use crate::config::Config;

pub(crate) mod plan;
mod read;
mod remains;
mod retain;
mod roll;

/// Up to here samples lie in the spans of every tier, or wholly outside.
const GRID_MS: i64 = ROLLUP_WIDTHS_MS[ROLLUP_WIDTHS_MS.len() - 1];
/// What is rolled up at once.
const DAY_MS: i64 = 24 * 3_600_000;
/// What days become when they are old.
const MONTH_MS: i64 = 31 * DAY_MS;

/// The tiers of a store.
pub(crate) struct Tiers {
    /// The blocks of all tiers, in the order of their widths, then of time. Read with the blocks of
    /// samples held.
    blocks: RwLock<Vec<Arc<Block>>>,
    /// What is older has left the disk or is about to, Unix milliseconds. It only rises.
    kept_ms: AtomicI64,
    /// What is not newer may have left the disk because the store was too large, Unix
    /// milliseconds. It only rises.
    gone_ms: AtomicI64,
    /// What the live epoch holds is not older, Unix milliseconds.
    epoch_from_ms: AtomicI64,
    /// What is older of each tier is gone, Unix milliseconds. They only rise.
    floors_ms: [AtomicI64; ROLLUP_WIDTHS_MS.len()],
    /// Days in which there was nothing to roll up, by width and begin, and as of which epoch.
    barren: Mutex<BTreeMap<(i64, i64), u64>>,
}

/// What recovery found of the tiers.
#[derive(Default)]
pub(crate) struct RecoveredTiers {
    /// Blocks of rollups, not overlapping within one width.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// What is older may have left the disk, Unix milliseconds.
    pub(crate) raw_from_ms: Option<i64>,
}

impl Config {
    /// How long each tier is kept, with its width, milliseconds; `None` if there is none.
    pub(crate) fn tiers(&self) -> [(i64, Option<Duration>); ROLLUP_WIDTHS_MS.len()] {
        let [fine, coarse] = ROLLUP_WIDTHS_MS;
        [(fine, self.retention_5m), (coarse, self.retention_1h)]
    }

    /// Whether there is a tier.
    pub(crate) fn has_tiers(&self) -> bool {
        self.tiers().iter().any(|(_, keep)| keep.is_some())
    }
}

impl Tiers {
    /// Those that were found; samples before `floor_ms` (Unix milliseconds) are dropped at once if
    /// there are no tiers to wait for.
    pub(crate) fn new(found: RecoveredTiers, config: &Config, floor_ms: i64) -> Self {
        let kept_ms = if config.has_tiers() { i64::MIN } else { floor_ms };
        let gone_ms = found.raw_from_ms.map_or(i64::MIN, |from_ms| from_ms.saturating_sub(1));
        let tiers = Self {
            blocks: RwLock::new(Vec::new()),
            kept_ms: AtomicI64::new(kept_ms),
            gone_ms: AtomicI64::new(gone_ms),
            epoch_from_ms: AtomicI64::new(floor_ms),
            floors_ms: [const { AtomicI64::new(i64::MIN) }; ROLLUP_WIDTHS_MS.len()],
            barren: Mutex::new(BTreeMap::new()),
        };
        tiers.publish(found.blocks);
        tiers
    }

    /// The blocks of all tiers.
    pub(crate) fn blocks(&self) -> Vec<Arc<Block>> {
        self.blocks.read().clone()
    }

    /// The blocks of one tier, in the order of time.
    fn blocks_of(&self, width_ms: i64) -> Vec<Arc<Block>> {
        let mut blocks = self.blocks();
        blocks.retain(|block| tier(block).width_ms == width_ms);
        blocks
    }

    /// Replaces the blocks. The manifest names them already.
    pub(crate) fn publish(&self, mut blocks: Vec<Arc<Block>>) {
        blocks.sort_by_key(|block| (tier(block).width_ms, tier(block).start_ms));
        *self.blocks.write() = blocks;
    }

    /// Samples before this have left the disk or are about to, Unix milliseconds.
    pub(crate) fn kept_ms(&self) -> i64 {
        self.kept_ms.load(Ordering::Acquire)
    }

    /// Samples before this may have left the disk for whatever reason, Unix milliseconds.
    pub(crate) fn raw_from_ms(&self) -> i64 {
        self.kept_ms().max(self.gone_ms.load(Ordering::Acquire).saturating_add(1))
    }

    /// After this moment of the grid all samples that ever were are there.
    fn whole_from_ms(&self) -> i64 {
        grid_from(self.raw_from_ms(), GRID_MS)
    }

    /// Notes that samples up to a moment (Unix milliseconds) may have left the disk.
    pub(crate) fn note_gone(&self, up_to_ms: i64) {
        self.gone_ms.fetch_max(up_to_ms, Ordering::AcqRel);
    }

    /// Notes that an epoch begins, which takes no sample before this, Unix milliseconds. Nobody
    /// appends meanwhile.
    pub(crate) fn note_epoch(&self, from_ms: i64) {
        self.epoch_from_ms.store(from_ms, Ordering::Release);
    }

    /// After this moment of its grid the rollups of a tier are kept.
    fn tier_from_ms(&self, width_ms: i64) -> i64 {
        let at = ROLLUP_WIDTHS_MS.iter().position(|width| *width == width_ms);
        let floor_ms = at.map_or(i64::MAX, |at| self.floors_ms[at].load(Ordering::Acquire));
        grid_from(floor_ms, width_ms)
    }
}

/// What a block of a tier is of.
pub(crate) fn tier(block: &Block) -> TierSpan {
    block.info().tier.expect("a block of a tier says of which")
}

/// The first moment of the grid after which everything is at or after a moment.
fn grid_from(from_ms: i64, width_ms: i64) -> i64 {
    match from_ms {
        i64::MIN => i64::MIN,
        from_ms => {
            let before_ms = from_ms - 1;
            let (_, end_ms) = span_of(before_ms, width_ms);
            end_ms
        }
    }
}

/// The latest moment with which some span begins and that is not after this one.
fn span_begin(t_ms: i64, width_ms: i64) -> i64 {
    match t_ms {
        i64::MIN => i64::MIN,
        t_ms => span_of(t_ms, width_ms).0.saturating_add(1),
    }
}

/// Of blocks of tiers those that are live, and the files of those whose place they took: there are
/// some only where no manifest says so.
pub(crate) fn without_overlaps(mut blocks: Vec<Arc<Block>>) -> (Vec<Arc<Block>>, Vec<PathBuf>) {
    let age = |block: &Arc<Block>| (block.info().meta.epoch_to, block.info().meta.level);
    blocks.sort_by_key(|block| std::cmp::Reverse(age(block)));
    let mut live: Vec<Arc<Block>> = Vec::new();
    let mut dead = Vec::new();
    for block in blocks {
        let span = tier(&block);
        let overlaps = |other: &Arc<Block>| {
            let other = tier(other);
            other.width_ms == span.width_ms
                && other.start_ms < span.end_ms
                && other.end_ms > span.start_ms
        };
        if live.iter().any(overlaps) {
            dead.push(block.path().to_owned());
        } else {
            live.push(block);
        }
    }
    (live, dead)
}
