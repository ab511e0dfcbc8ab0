//! Epoch: the samples that came to one shard between two freezes.
//!
//! What comes in rising time is in the series' chains; what comes late stands beside, sorted. A
//! late sample always came after the one in a chain that has the same time, because only later
//! times reach the chain directly. A frozen epoch does not change any more: readers and the flush
//! share it until a block has its samples.

use std::collections::BTreeMap;

use model::{Sample, is_stale_marker};

use super::chain;
use super::pages::Pages;
use crate::block::Columns;

/// What an entry of the late samples takes, the tree's own share included.
const LATE_BYTES: usize = 48;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    /// Its number; the first one is 1.
    pub(super) number: u32,
    /// The time that every chain begins from: that of the first sample.
    pub(super) base_ms: i64,
    pub(super) pages: Pages,
    /// By slot and time.
    late: BTreeMap<(u32, i64), Sample>,
}

impl Epoch {
    pub(super) fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.pages.bytes() + self.late.len() * LATE_BYTES
    }

    /// Takes a sample that came late.
    pub(super) fn add_late(&mut self, slot: u32, sample: Sample) {
        let entry = self.late.entry((slot, sample.t_ms));
        entry.and_modify(|earlier| *earlier = winner(*earlier, sample)).or_insert(sample);
    }

    /// The late samples of a series in a range, both ends inclusive.
    pub(super) fn late(&self, slot: u32, (start_ms, end_ms): (i64, i64)) -> Vec<Sample> {
        if self.late.is_empty() || start_ms > end_ms {
            return Vec::new();
        }
        self.late.range((slot, start_ms)..=(slot, end_ms)).map(|(_, sample)| *sample).collect()
    }

    /// The samples of a series in rising time, by the first page of its chain, 0 for none.
    pub(super) fn samples(&self, slot: u32, first: u32, range: (i64, i64)) -> Vec<Sample> {
        let mut bytes = Vec::new();
        self.pages.read(first, &mut bytes);
        Excerpt { bytes, base_ms: self.base_ms, late: self.late(slot, range), range }.samples()
    }
}

impl Epoch {
    /// Puts all samples of a series, given by slot and first page, into columns, rising in time;
    /// `bytes` is memory to be used again. Both are empty before.
    pub(super) fn columns(
        &self,
        (slot, first): (u32, u32),
        bytes: &mut Vec<u8>,
        columns: &mut Columns,
    ) {
        self.pages.read(first, bytes);
        let in_order = chain::Samples::new(bytes, self.base_ms);
        let late = self.late(slot, (i64::MIN, i64::MAX));
        if late.is_empty() {
            in_order.for_each(|sample| columns.push_one(&sample));
        } else {
            merge(in_order, &late).iter().for_each(|sample| columns.push_one(sample));
        }
    }
}

/// The part of an epoch that a query needs of a series, still compressed.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    pub(super) bytes: Vec<u8>,
    pub(super) base_ms: i64,
    pub(super) late: Vec<Sample>,
    /// Both ends inclusive, Unix milliseconds.
    pub(super) range: (i64, i64),
}

impl Excerpt {
    /// The samples in the range, rising in time.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let (start_ms, end_ms) = self.range;
        let in_range = |sample: &Sample| (start_ms..=end_ms).contains(&sample.t_ms);
        let in_order = chain::Samples::new(&self.bytes, self.base_ms);
        merge(in_order.filter(in_range), &self.late)
    }
}

/// What came first and what came later at one time: a value beats a stale marker, otherwise the
/// later one wins.
fn winner(earlier: Sample, later: Sample) -> Sample {
    if is_stale_marker(later.value) && !is_stale_marker(earlier.value) { earlier } else { later }
}

/// One row of samples from two, each in rising time; `late` came later.
pub(crate) fn merge(in_order: impl Iterator<Item = Sample>, late: &[Sample]) -> Vec<Sample> {
    if late.is_empty() {
        return in_order.collect();
    }
    let mut merged = Vec::new();
    let mut late = late.iter().copied().peekable();
    for sample in in_order {
        while let Some(earlier) = late.next_if(|l| l.t_ms < sample.t_ms) {
            merged.push(earlier);
        }
        let same_time = late.next_if(|l| l.t_ms == sample.t_ms);
        merged.push(same_time.map_or(sample, |later| winner(sample, later)));
    }
    merged.extend(late);
    merged
}
