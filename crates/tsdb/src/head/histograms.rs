//! Histograms: the native histograms of one shard in one epoch, beside the chains of numbers.
//!
//! Each waits as a few bytes for the flush; the layout of its buckets is shared with its neighbours
//! in the series. A number that comes to the time of a histogram takes its place here, so that
//! whatever stands here came after every number of the same time.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use model::{BucketLayout, Histogram, HistogramSample, Sample, is_stale_marker};

use crate::codec::histograms::{decode_numbers, encode_numbers};

/// What an entry takes beside its numbers: its share of the tree, and what the bytes are held by.
const ENTRY_BYTES: usize = 96;
/// What a layout takes beside its rows.
const LAYOUT_BYTES: usize = 128;

/// A histogram at rest.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    start_ms: i64,
    layout: Arc<BucketLayout>,
    numbers: Arc<[u8]>,
    is_stale_marker: bool,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    /// By slot, then by time.
    series: HashMap<u32, BTreeMap<i64, Kept>, foldhash::fast::FixedState>,
    bytes: usize,
}

impl Kept {
    fn new(sample: &HistogramSample, layout: Arc<BucketLayout>) -> Self {
        let mut numbers = Vec::new();
        encode_numbers(&sample.histogram, &mut numbers);
        Self {
            start_ms: sample.start_ms,
            layout,
            numbers: numbers.into(),
            is_stale_marker: sample.histogram.is_stale_marker(),
        }
    }

    /// The histogram at this time.
    pub(super) fn sample(&self, t_ms: i64) -> HistogramSample {
        let histogram = decode_numbers(&self.numbers, &self.layout);
        let histogram = Arc::new(histogram.expect("what was encoded here can be decoded"));
        HistogramSample { t_ms, start_ms: self.start_ms, histogram }
    }
}

impl Histograms {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a histogram.
    pub(super) fn add(&mut self, slot: u32, sample: &HistogramSample) {
        let of_series = self.series.entry(slot).or_default();
        let is_stale_marker = sample.histogram.is_stale_marker();
        let earlier = of_series.get(&sample.t_ms);
        if is_stale_marker && earlier.is_some_and(|earlier| !earlier.is_stale_marker) {
            return;
        }
        let (layout, layout_bytes) = shared_layout(of_series, sample);
        let kept = Kept::new(sample, layout);
        self.bytes += ENTRY_BYTES + kept.numbers.len() + layout_bytes;
        if let Some(replaced) = of_series.insert(sample.t_ms, kept) {
            self.bytes -= (ENTRY_BYTES + replaced.numbers.len()).min(self.bytes);
        }
    }

    /// Whether a series has a histogram at this time that is no stale marker.
    pub(super) fn has_at(&self, slot: u32, t_ms: i64) -> bool {
        self.at(slot, t_ms).is_some()
    }

    /// Whether a series has one at this time that differs from this one.
    pub(super) fn has_other(&self, slot: u32, sample: &HistogramSample) -> bool {
        let kept = self.at(slot, sample.t_ms);
        kept.is_some_and(|kept| !kept.sample(sample.t_ms).histogram.same_bits(&sample.histogram))
    }

    fn at(&self, slot: u32, t_ms: i64) -> Option<&Kept> {
        let kept = self.series.get(&slot)?.get(&t_ms)?;
        (!kept.is_stale_marker).then_some(kept)
    }

    /// Makes room for a number that comes to this series now; `false` if a histogram of its time
    /// stays in its place.
    pub(super) fn give_way(&mut self, slot: u32, sample: &Sample) -> bool {
        let Some(of_series) = self.series.get_mut(&slot) else { return true };
        let Some(kept) = of_series.get(&sample.t_ms) else { return true };
        if is_stale_marker(sample.value) && !kept.is_stale_marker {
            return false;
        }
        self.bytes -= (ENTRY_BYTES + kept.numbers.len()).min(self.bytes);
        of_series.remove(&sample.t_ms);
        if of_series.is_empty() {
            self.series.remove(&slot);
        }
        true
    }

    /// The histograms of a series in a range, both ends inclusive, in rising time.
    pub(super) fn within(&self, slot: u32, (start_ms, end_ms): (i64, i64)) -> Vec<(i64, Kept)> {
        let of_series = self.series.get(&slot).filter(|_| start_ms <= end_ms);
        let in_range = of_series.into_iter().flat_map(|all| all.range(start_ms..=end_ms));
        in_range.map(|(t_ms, kept)| (*t_ms, kept.clone())).collect()
    }
}

/// The layout of a histogram, if it can be that of a neighbour, and the memory that it takes.
fn shared_layout(
    of_series: &BTreeMap<i64, Kept>,
    sample: &HistogramSample,
) -> (Arc<BucketLayout>, usize) {
    let Histogram { layout, .. } = &*sample.histogram;
    if sample.histogram.is_stale_marker() {
        return (Arc::default(), 0);
    }
    let before = of_series.range(..=sample.t_ms).next_back();
    let neighbour = before.or_else(|| of_series.first_key_value());
    if let Some((_, kept)) = neighbour.filter(|(_, kept)| kept.layout.same_bits(layout)) {
        return (Arc::clone(&kept.layout), 0);
    }
    let n_spans = layout.positive_spans.len() + layout.negative_spans.len();
    (Arc::clone(layout), LAYOUT_BYTES + 8 * (n_spans + layout.custom_bounds.len()))
}
