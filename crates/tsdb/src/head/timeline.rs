//! Timeline: the samples of one series.
//!
//! What comes in rising time goes into a growing chunk, which is sealed when it is full. What
//! comes late waits in a sorted list and is merged into the chunks it belongs to when the list is
//! long. A late sample always came after the one in a chunk that has the same time, because only
//! later times reach the chunks directly.

use std::mem;

use model::{Sample, is_stale_marker};

use super::chunk::{CHUNK_SAMPLES_MAX, Chunk, ChunkWriter};

/// So many late samples are merged into the chunks.
const LATE_SAMPLES_MAX: usize = 120;

/// See the head of this file. Chunks do not overlap and stand in the order of time.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    sealed: Vec<Chunk>,
    sealed_bytes: usize,
    open: Option<ChunkWriter>,
    late: Vec<Sample>,
    /// The newest time that ever went into a chunk, dropped or not.
    newest_ms: Option<i64>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes of memory.
    pub(crate) bytes: usize,
    /// Chunks.
    pub(crate) chunks: usize,
}

/// What came first and what came later at one time: a value beats a stale marker, otherwise the
/// later one wins.
fn winner(earlier: Sample, later: Sample) -> Sample {
    if is_stale_marker(later.value) && !is_stale_marker(earlier.value) { earlier } else { later }
}

impl Timeline {
    /// Takes a sample and says whether it came out of order.
    pub(super) fn append(&mut self, sample: Sample) -> bool {
        let in_order = self.newest_ms.is_none_or(|newest| sample.t_ms > newest);
        if in_order {
            self.append_in_order(&sample);
        } else {
            self.append_late(sample);
        }
        !in_order
    }

    fn append_in_order(&mut self, sample: &Sample) {
        self.newest_ms = Some(sample.t_ms);
        match &mut self.open {
            Some(open) if open.takes(sample) => open.push(sample),
            _ => {
                self.seal();
                self.open = Some(ChunkWriter::begin(sample, sample.start_ms != 0));
            }
        }
    }

    fn append_late(&mut self, sample: Sample) {
        match self.late.binary_search_by_key(&sample.t_ms, |s| s.t_ms) {
            Ok(at) => self.late[at] = winner(self.late[at], sample),
            Err(at) => self.late.insert(at, sample),
        }
        if self.late.len() >= LATE_SAMPLES_MAX {
            self.merge_late();
        }
    }

    fn seal(&mut self) {
        if let Some(open) = self.open.take() {
            self.push_sealed(open.snapshot());
        }
    }

    fn push_sealed(&mut self, chunk: Chunk) {
        let after_last = self.sealed.last().is_none_or(|last| last.last_ms() < chunk.first_ms());
        assert!(after_last, "chunks of one series overlap");
        self.sealed_bytes += chunk.memory_bytes();
        self.sealed.push(chunk);
    }

    /// Rewrites the chunks that late samples belong to.
    fn merge_late(&mut self) {
        self.seal();
        self.sealed_bytes = 0;
        let mut late = mem::take(&mut self.late).into_iter().peekable();
        let mut chunks = mem::take(&mut self.sealed).into_iter().peekable();
        while let Some(chunk) = chunks.next() {
            let next_ms = chunks.peek().map(Chunk::first_ms);
            let belongs = |sample: &Sample| next_ms.is_none_or(|next| sample.t_ms < next);
            let mut here = Vec::new();
            while let Some(sample) = late.next_if(belongs) {
                here.push(sample);
            }
            if here.is_empty() {
                self.push_sealed(chunk);
            } else {
                self.push_split(&merge(chunk.samples(), &here));
            }
        }
        // Every chunk may have been dropped by retention meanwhile.
        let rest: Vec<Sample> = late.collect();
        self.push_split(&rest);
    }

    /// Seals samples in chunks of equal size, as few as possible.
    fn push_split(&mut self, samples: &[Sample]) {
        let n_chunks = samples.len().div_ceil(CHUNK_SAMPLES_MAX as usize).max(1);
        for part in samples.chunks(samples.len().div_ceil(n_chunks).max(1)) {
            self.push_sealed(Chunk::of(part));
        }
    }

    /// What is needed to read a range, both ends inclusive; cheap, for it is done under a lock.
    pub(super) fn excerpt(&self, start_ms: i64, end_ms: i64) -> Excerpt {
        let first = self.sealed.partition_point(|c| c.last_ms() < start_ms);
        let end = self.sealed.partition_point(|c| c.first_ms() <= end_ms);
        let mut chunks = self.sealed.get(first..end).map_or_else(Vec::new, <[Chunk]>::to_vec);
        if let Some(open) = &self.open
            && open.last_ms() >= start_ms
        {
            chunks.push(open.snapshot());
        }
        let first = self.late.partition_point(|s| s.t_ms < start_ms);
        let end = self.late.partition_point(|s| s.t_ms <= end_ms);
        let late = self.late.get(first..end).unwrap_or_default().to_vec();
        Excerpt { chunks, late, start_ms, end_ms }
    }

    /// Drops chunks and late samples older than a moment. A chunk that reaches beyond it stays.
    pub(super) fn drop_before(&mut self, floor_ms: i64) {
        let n_dead = self.sealed.partition_point(|c| c.last_ms() < floor_ms);
        for chunk in self.sealed.drain(..n_dead) {
            self.sealed_bytes -= chunk.memory_bytes();
        }
        self.open.take_if(|open| open.last_ms() < floor_ms);
        let n_dead = self.late.partition_point(|s| s.t_ms < floor_ms);
        self.late.drain(..n_dead);
    }

    /// Whether there is no sample.
    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.open.is_none() && self.late.is_empty()
    }

    /// How much there is.
    pub(super) fn size(&self) -> Size {
        let open_bytes = self.open.as_ref().map_or(0, ChunkWriter::memory_bytes);
        Size {
            bytes: self.sealed_bytes + open_bytes + self.late.capacity() * size_of::<Sample>(),
            chunks: self.sealed.len() + usize::from(self.open.is_some()),
        }
    }
}

/// The part of a timeline that a range needs, still compressed.
#[derive(Debug)]
pub(crate) struct Excerpt {
    chunks: Vec<Chunk>,
    late: Vec<Sample>,
    start_ms: i64,
    end_ms: i64,
}

impl Excerpt {
    /// The samples in the range.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let in_range = |sample: &Sample| (self.start_ms..=self.end_ms).contains(&sample.t_ms);
        let chunked = self.chunks.iter().flat_map(Chunk::samples);
        merge(chunked.filter(in_range), &self.late)
    }
}

/// One row of samples from two, each in rising time; `late` came later.
pub(crate) fn merge(chunked: impl Iterator<Item = Sample>, late: &[Sample]) -> Vec<Sample> {
    let mut merged = Vec::new();
    let mut late = late.iter().copied().peekable();
    for sample in chunked {
        while let Some(earlier) = late.next_if(|l| l.t_ms < sample.t_ms) {
            merged.push(earlier);
        }
        let same_time = late.next_if(|l| l.t_ms == sample.t_ms);
        merged.push(same_time.map_or(sample, |later| winner(sample, later)));
    }
    merged.extend(late);
    merged
}

#[cfg(test)]
mod tests;
