//! Series: one label set with its samples, and where the log defines it.
//!
//! Samples stand in epochs. What is appended goes into the live one; a freeze makes it the frozen
//! one, which nobody changes any more while a block is written from it; publishing the block
//! forgets it.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use model::{Labels, Sample};
use parking_lot::Mutex;

pub(crate) use super::timeline::Size;
use super::timeline::{Excerpt, Timeline, merge};
use crate::wal::SeriesRef;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Series {
    reference: SeriesRef,
    slot: u32,
    labels: Labels,
    /// The place of the newest frame that defines it; 0 before the first.
    defined_at: AtomicU64,
    /// The newest time that was appended, Unix milliseconds.
    newest_ms: AtomicI64,
    epochs: Mutex<Epochs>,
}

/// The samples by epoch.
#[derive(Debug, Default)]
struct Epochs {
    frozen: Option<Arc<Timeline>>,
    live: Timeline,
}

/// What an append did to a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    /// The sample was not newer than all before it.
    pub(crate) out_of_order: bool,
    /// Memory taken or given back, bytes.
    pub(crate) bytes: i64,
    /// Chunks made or merged away.
    pub(crate) chunks: i64,
}

impl Series {
    /// A series without samples.
    pub(crate) fn new(reference: SeriesRef, slot: u32, labels: Labels) -> Self {
        Self {
            reference,
            slot,
            labels,
            defined_at: AtomicU64::new(0),
            newest_ms: AtomicI64::new(i64::MIN),
            epochs: Mutex::default(),
        }
    }

    /// Its number in the log.
    pub(crate) fn reference(&self) -> SeriesRef {
        self.reference
    }

    /// Its place in the index.
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// Its identity.
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The place of the newest frame that defines it.
    pub(crate) fn defined_at(&self) -> u64 {
        self.defined_at.load(Ordering::Acquire)
    }

    /// Notes that a frame defines it.
    pub(crate) fn set_defined_at(&self, lsn: u64) {
        self.defined_at.store(lsn, Ordering::Release);
    }

    /// Takes a sample.
    pub(crate) fn append(&self, sample: Sample) -> Appended {
        self.newest_ms.fetch_max(sample.t_ms, Ordering::Relaxed);
        let live = &mut self.epochs.lock().live;
        let before = live.size();
        let out_of_order = live.append(sample);
        let after = live.size();
        Appended {
            out_of_order,
            bytes: after.bytes as i64 - before.bytes as i64,
            chunks: after.chunks as i64 - before.chunks as i64,
        }
    }

    /// Takes hold of the samples in a range, both ends inclusive, as they are now.
    pub(crate) fn capture(&self, start_ms: i64, end_ms: i64) -> Captured {
        let epochs = self.epochs.lock();
        let frozen = epochs.frozen.as_ref().map(|frozen| frozen.excerpt(start_ms, end_ms));
        Captured { frozen, live: epochs.live.excerpt(start_ms, end_ms) }
    }

    /// Ends the live epoch: what is in it becomes the frozen one. Says whether that is anything.
    pub(crate) fn freeze(&self) -> bool {
        let mut epochs = self.epochs.lock();
        assert!(epochs.frozen.is_none(), "a freeze while one is still being written");
        let ended = mem::take(&mut epochs.live);
        epochs.frozen = (!ended.is_empty()).then(|| Arc::new(ended));
        epochs.frozen.is_some()
    }

    /// The samples of the frozen epoch.
    pub(crate) fn frozen(&self) -> Vec<Sample> {
        let frozen = self.epochs.lock().frozen.clone();
        frozen.map_or_else(Vec::new, |frozen| frozen.excerpt(i64::MIN, i64::MAX).samples())
    }

    /// Forgets the frozen epoch: a block has it.
    pub(crate) fn forget_frozen(&self) {
        self.epochs.lock().frozen = None;
    }

    /// Drops what is older than a moment, chunk by chunk. A frozen epoch goes as a whole, with its
    /// block.
    pub(crate) fn drop_before(&self, floor_ms: i64) {
        self.epochs.lock().live.drop_before(floor_ms);
    }

    /// Whether it has no sample in memory.
    pub(crate) fn is_empty(&self) -> bool {
        let epochs = self.epochs.lock();
        epochs.frozen.is_none() && epochs.live.is_empty()
    }

    /// Whether all of its samples, wherever they are, are older than a moment.
    pub(crate) fn is_expired(&self, floor_ms: i64) -> bool {
        self.newest_ms.load(Ordering::Relaxed) < floor_ms
    }

    /// Whether it has no sample in memory and none of its samples was newer than a moment.
    pub(crate) fn is_idle(&self, before_ms: i64) -> bool {
        self.is_empty() && self.is_expired(before_ms)
    }

    /// How much it holds, its identity and its share of the index included.
    pub(crate) fn size(&self) -> Size {
        let epochs = self.epochs.lock();
        let frozen = epochs.frozen.as_ref().map(|frozen| frozen.size()).unwrap_or_default();
        let live = epochs.live.size();
        Size {
            bytes: frozen.bytes + live.bytes + self.identity_bytes(),
            chunks: frozen.chunks + live.chunks,
        }
    }

    /// Memory of a series without samples: the struct, its texts with the allocator's overhead,
    /// its entries in the table and in the postings.
    pub(crate) fn identity_bytes(&self) -> usize {
        let texts = self.labels.iter().map(|label| {
            let overhead = size_of::<model::Label>() + 2 * 16 + 4;
            label.name.len() + label.value.len() + overhead
        });
        size_of::<Self>() + 48 + texts.sum::<usize>()
    }
}

/// The samples of a series in a range, as they were at one moment; still compressed.
pub(crate) struct Captured {
    frozen: Option<Excerpt>,
    live: Excerpt,
}

impl Captured {
    /// The samples, in rising time.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let live = self.live.samples();
        match &self.frozen {
            None => live,
            Some(frozen) => merge(frozen.samples().into_iter(), &live),
        }
    }
}
