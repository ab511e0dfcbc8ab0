//! Series: one label set with its samples, and where the log defines it.

use std::sync::atomic::{AtomicU64, Ordering};

use model::{Labels, Sample};
use parking_lot::Mutex;

pub(crate) use super::timeline::Size;
use super::timeline::Timeline;
use crate::wal::SeriesRef;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Series {
    reference: SeriesRef,
    slot: u32,
    labels: Labels,
    /// The place of the newest frame that defines it; 0 before the first.
    defined_at: AtomicU64,
    timeline: Mutex<Timeline>,
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
        Self { reference, slot, labels, defined_at: AtomicU64::new(0), timeline: Mutex::default() }
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
        let mut timeline = self.timeline.lock();
        let before = timeline.size();
        let out_of_order = timeline.append(sample);
        let after = timeline.size();
        Appended {
            out_of_order,
            bytes: after.bytes as i64 - before.bytes as i64,
            chunks: after.chunks as i64 - before.chunks as i64,
        }
    }

    /// The samples in a range, both ends inclusive.
    pub(crate) fn read(&self, start_ms: i64, end_ms: i64) -> Vec<Sample> {
        let excerpt = self.timeline.lock().excerpt(start_ms, end_ms);
        excerpt.samples()
    }

    /// Drops what is older than a moment, chunk by chunk.
    pub(crate) fn drop_before(&self, floor_ms: i64) {
        self.timeline.lock().drop_before(floor_ms);
    }

    /// Whether it has no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.timeline.lock().is_empty()
    }

    /// How much it holds, its identity and its share of the index included.
    pub(crate) fn size(&self) -> Size {
        let timeline = self.timeline.lock().size();
        let bytes = timeline.bytes + self.identity_bytes();
        Size { bytes, ..timeline }
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
