//! Histograms: how the writer takes native histograms, between the numbers of a series or alone.
//!
//! A chunk has one kind, so what was collected of the other kind is written where the kind changes.

use model::HistogramSample;

use super::super::BlockError;
use super::super::chunk::SealedChunk;
use super::super::columns::ChunkColumns;
use super::super::histogram_chunk::{chunk_len, encode_histograms};
use super::super::series_table::KIND_HISTOGRAMS;
use super::{BlockWriter, cut};

/// The most native histograms in a chunk: a large one is about 100 times a sample.
pub(in crate::block) const HISTOGRAMS_PER_CHUNK: usize = 1024;
/// So many histograms of a series are collected before chunks are cut from them.
const PENDING_HISTOGRAMS_MAX: usize = 2 * HISTOGRAMS_PER_CHUNK;

impl BlockWriter {
    /// Adds native histograms to the series, later than what came before.
    pub(in crate::block) fn push_histograms(
        &mut self,
        samples: &[HistogramSample],
    ) -> Result<(), BlockError> {
        assert!(self.series.is_open, "histograms belong to a series");
        if !self.series.pending.is_empty() {
            self.write_pending(true)?;
        }
        for sample in samples {
            let is_later = self.series.last_ms.is_none_or(|last| last < sample.t_ms);
            assert!(is_later, "histograms of a series came out of order");
            self.series.last_ms = Some(sample.t_ms);
            self.series.pending_histograms.push(sample.clone());
            if self.series.pending_histograms.len() >= PENDING_HISTOGRAMS_MAX {
                self.write_histograms(false)?;
            }
        }
        Ok(())
    }

    /// Adds numbers and native histograms to the series, later than what came before, no time in
    /// both.
    pub(crate) fn push_mixed(
        &mut self,
        floats: ChunkColumns<'_>,
        mut histograms: &[HistogramSample],
    ) -> Result<(), BlockError> {
        let mut start = 0;
        while !histograms.is_empty() {
            let n_before = floats.times.partition_point(|t_ms| *t_ms < histograms[0].t_ms);
            if start < n_before {
                self.push(floats.slice(start..n_before))?;
            }
            start = n_before;
            let next_ms = floats.times.get(start).copied();
            let n = histograms.partition_point(|s| next_ms.is_none_or(|next| s.t_ms < next));
            let (now, later) = histograms.split_at(n);
            self.push_histograms(now)?;
            histograms = later;
        }
        self.push(floats.slice(start..floats.times.len()))
    }

    /// Writes the histograms that were collected; unless it is all there are, the last chunks stay.
    pub(super) fn write_histograms(&mut self, is_all: bool) -> Result<(), BlockError> {
        if self.series.pending_histograms.is_empty() {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.series.pending_histograms);
        let times: Vec<i64> = pending.iter().map(|sample| sample.t_ms).collect();
        let mut ends = Vec::new();
        cut(&times, HISTOGRAMS_PER_CHUNK, 0, &mut ends);
        let n_pieces = if is_all { ends.len() } else { ends.len() - 1 };
        let (mut start, mut bytes) = (0, Vec::new());
        for end in &ends[..n_pieces] {
            while start < *end {
                let n = chunk_len(&pending[start..*end], HISTOGRAMS_PER_CHUNK);
                bytes.clear();
                let (values_bytes, _) = encode_histograms(&pending[start..start + n], &mut bytes);
                self.write_chunk(SealedChunk {
                    kind: KIND_HISTOGRAMS,
                    times: &times[start..start + n],
                    bytes: &bytes,
                    values_bytes: values_bytes as usize,
                })?;
                start += n;
            }
        }
        pending.drain(..start);
        self.series.pending_histograms = pending;
        Ok(())
    }
}
