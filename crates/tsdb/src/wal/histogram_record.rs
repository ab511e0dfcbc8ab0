//! Histogram record: a row of native histograms in a frame's payload.
//!
//! Histograms of one request mostly come from the same few programs, so a layout is written only
//! where it is another than that of the record before.

use std::sync::Arc;

use model::{BucketLayout, Histogram, HistogramSample, Sample};

use super::SeriesRef;
use super::record::{MalformedPayload, START_BYTES_MAX, put_start, take_start};
use super::varint::{put_varint, take_varint, unzigzag, zigzag};
use crate::codec::histograms::{
    decode_layout, decode_numbers, encode_layout, encode_numbers, one_bytes_max,
};

/// In the place of a layout's length: it is that of the record before.
const SAME_LAYOUT: u64 = 0;

/// How many bytes a histogram takes at most.
pub(crate) fn histogram_bytes(histogram: &Histogram) -> usize {
    // Reference, time, start time, and the two lengths.
    40 + 20 + one_bytes_max(histogram)
}

/// What the next histogram is written relative to; the default at first.
#[derive(Debug, Clone, Default)]
pub(crate) struct BeforeHistogram {
    reference: u64,
    t_ms: i64,
    layout: Option<Arc<BucketLayout>>,
}

impl BeforeHistogram {
    fn has_layout(&self, layout: &Arc<BucketLayout>) -> bool {
        let before = self.layout.as_ref();
        before.is_some_and(|before| Arc::ptr_eq(before, layout) || before.same_bits(layout))
    }
}

/// Appends a valid histogram to a payload; `before` is the one that was appended last.
pub(crate) fn encode_histogram(
    payload: &mut Vec<u8>,
    before: &mut BeforeHistogram,
    reference: SeriesRef,
    sample: &HistogramSample,
) {
    let reference = reference.to_bits();
    put_varint(payload, zigzag(reference.wrapping_sub(before.reference) as i64));
    put_varint(payload, zigzag(sample.t_ms.wrapping_sub(before.t_ms)));
    let mut start = [0; START_BYTES_MAX];
    let times = Sample { t_ms: sample.t_ms, value: 0.0, start_ms: sample.start_ms };
    let n_start = put_start(&mut start, &times);
    payload.extend_from_slice(&start[..n_start]);
    (before.reference, before.t_ms) = (reference, sample.t_ms);
    let histogram = &sample.histogram;
    let mut bytes = Vec::new();
    // A stale marker has no layout and leaves the one before to those after it.
    if histogram.is_stale_marker() || before.has_layout(&histogram.layout) {
        put_varint(payload, SAME_LAYOUT);
    } else {
        encode_layout(&histogram.layout, &mut bytes);
        put_bytes(payload, &bytes);
        before.layout = Some(Arc::clone(&histogram.layout));
    }
    bytes.clear();
    encode_numbers(histogram, &mut bytes);
    put_bytes(payload, &bytes);
}

/// The histograms of a payload, one after the other. Those of one layout share it.
pub(crate) struct Histograms<'p> {
    payload: &'p [u8],
    before: BeforeHistogram,
}

impl<'p> Histograms<'p> {
    /// Reads from the start of a payload.
    pub(crate) fn new(payload: &'p [u8]) -> Self {
        Self { payload, before: BeforeHistogram::default() }
    }

    fn take(&mut self) -> Option<(SeriesRef, HistogramSample)> {
        let (payload, before) = (&mut self.payload, &mut self.before);
        let ref_delta = unzigzag(take_varint(payload)?) as u64;
        before.reference = before.reference.wrapping_add(ref_delta);
        before.t_ms = before.t_ms.wrapping_add(unzigzag(take_varint(payload)?));
        let start_ms = take_start(payload, before.t_ms)?;
        let layout = take_bytes(payload)?;
        if !layout.is_empty() {
            before.layout = Some(Arc::new(decode_layout(layout)?));
        }
        let numbers = take_bytes(payload)?;
        let layout = before.layout.clone().unwrap_or_default();
        let histogram = decode_numbers(numbers, &layout)?;
        if before.layout.is_none() && !histogram.is_stale_marker() {
            return None;
        }
        let histogram = Arc::new(histogram);
        let sample = HistogramSample { t_ms: before.t_ms, start_ms, histogram };
        Some((SeriesRef::from_bits(before.reference), sample))
    }
}

impl Iterator for Histograms<'_> {
    type Item = Result<(SeriesRef, HistogramSample), MalformedPayload>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.payload.is_empty() {
            return None;
        }
        let taken = self.take().ok_or(MalformedPayload);
        if taken.is_err() {
            self.payload = &[];
        }
        Some(taken)
    }
}

fn put_bytes(payload: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(payload, bytes.len() as u64);
    payload.extend_from_slice(bytes);
}

fn take_bytes<'p>(payload: &mut &'p [u8]) -> Option<&'p [u8]> {
    let n_bytes = usize::try_from(take_varint(payload)?).ok()?;
    let (taken, rest) = payload.split_at_checked(n_bytes)?;
    *payload = rest;
    Some(taken)
}

#[cfg(test)]
mod tests;
