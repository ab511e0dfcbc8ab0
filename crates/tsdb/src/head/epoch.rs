//! Epoch: the samples that came to one shard between two freezes.
//!
//! What comes in rising time is in the series' chains; what comes late stands beside, sorted. A
//! late sample always came after the one in a chain that has the same time, because only later
//! times reach the chain directly. A frozen epoch does not change any more: readers and the flush
//! share it until a block has its samples.

use std::collections::BTreeMap;

use model::{HistogramSample, Sample, is_stale_marker};

use storage::Kinds;

use super::chain;
use super::histograms::{Histograms, Kept};
use super::pages::Pages;
use crate::block::Columns;
use crate::mixed::Mixed;

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
    pub(super) histograms: Histograms,
}

impl Epoch {
    pub(super) fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.pages.bytes() + self.late.len() * LATE_BYTES + self.histograms.bytes()
    }

    /// Takes a sample that came late.
    pub(super) fn add_late(&mut self, slot: u32, sample: Sample) {
        let entry = self.late.entry((slot, sample.t_ms));
        entry.and_modify(|earlier| *earlier = winner(*earlier, sample)).or_insert(sample);
    }

    /// The late sample of a series at one time.
    pub(super) fn late_at(&self, slot: u32, t_ms: i64) -> Option<&Sample> {
        self.late.get(&(slot, t_ms))
    }

    /// The late samples of a series in a range, both ends inclusive.
    pub(super) fn late(&self, slot: u32, (start_ms, end_ms): (i64, i64)) -> Vec<Sample> {
        if self.late.is_empty() || start_ms > end_ms {
            return Vec::new();
        }
        self.late.range((slot, start_ms)..=(slot, end_ms)).map(|(_, sample)| *sample).collect()
    }

    /// The samples of a series in rising time, by the first page of its chain, 0 for none.
    pub(super) fn samples(&self, slot: u32, first: u32, wanted: &Wanted) -> Mixed {
        let mut excerpt = self.excerpt(slot, wanted);
        self.pages.read(first, &mut excerpt.bytes);
        excerpt.samples()
    }

    /// All of a part but the chain's bytes.
    pub(super) fn excerpt(&self, slot: u32, wanted: &Wanted) -> Excerpt {
        let range = wanted.range;
        let histograms = match wanted.kinds {
            Kinds::Floats => Vec::new(),
            Kinds::Both => self.histograms.within(slot, range),
        };
        let late = self.late(slot, range);
        Excerpt { bytes: Vec::new(), base_ms: self.base_ms, late, histograms, range }
    }
}

/// Which samples a query takes hold of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Both ends inclusive, Unix milliseconds.
    pub(crate) range: (i64, i64),
    pub(crate) kinds: Kinds,
}

impl Epoch {
    /// Puts all samples of a series, given by slot and first page, into columns and a row, rising
    /// in time; `bytes` is memory to be used again. All are empty before.
    pub(super) fn columns(
        &self,
        (slot, first): (u32, u32),
        bytes: &mut Vec<u8>,
        (columns, histograms): (&mut Columns, &mut Vec<HistogramSample>),
    ) {
        self.pages.read(first, bytes);
        let in_order = chain::Samples::new(bytes, self.base_ms);
        let all = (i64::MIN, i64::MAX);
        let late = self.late(slot, all);
        let kept = self.histograms.within(slot, all);
        if late.is_empty() && kept.is_empty() {
            in_order.for_each(|sample| columns.push_one(&sample));
            return;
        }
        let mixed = joined(merge(in_order, &late), &kept);
        mixed.samples.iter().for_each(|sample| columns.push_one(sample));
        *histograms = mixed.histograms;
    }
}

/// The part of an epoch that a query needs of a series, still compressed.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    pub(super) bytes: Vec<u8>,
    pub(super) base_ms: i64,
    pub(super) late: Vec<Sample>,
    pub(super) histograms: Vec<(i64, Kept)>,
    /// Both ends inclusive, Unix milliseconds.
    pub(super) range: (i64, i64),
}

impl Excerpt {
    /// The samples in the range, rising in time.
    pub(super) fn samples(&self) -> Mixed {
        let (start_ms, end_ms) = self.range;
        let in_range = |sample: &Sample| (start_ms..=end_ms).contains(&sample.t_ms);
        let in_order = chain::Samples::new(&self.bytes, self.base_ms);
        joined(merge(in_order.filter(in_range), &self.late), &self.histograms)
    }
}

/// The numbers of an epoch and its histograms, each of which came after a number of its time.
fn joined(floats: Vec<Sample>, kept: &[(i64, Kept)]) -> Mixed {
    let floats = Mixed::of_floats(floats);
    if kept.is_empty() {
        return floats;
    }
    let histograms = kept.iter().map(|(t_ms, kept)| kept.sample(*t_ms)).collect();
    floats.merge(Mixed { samples: Vec::new(), histograms })
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
