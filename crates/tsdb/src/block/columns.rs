//! Columns: samples as three rows of numbers, the form in which chunks are written and read.

use std::ops::Range;

use model::Sample;

/// Samples in rising time, each time once, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkColumns<'c> {
    /// Unix milliseconds.
    pub(crate) times: &'c [i64],
    /// The bits of the values.
    pub(crate) values: &'c [u64],
    /// Unix milliseconds, 0 for none; empty if no sample has one.
    pub(crate) starts: &'c [i64],
}

/// Samples in rising time, each time once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Unix milliseconds.
    pub(crate) times: Vec<i64>,
    /// The bits of the values.
    pub(crate) values: Vec<u64>,
    /// Unix milliseconds, 0 for none; empty if no sample has one.
    pub(crate) starts: Vec<i64>,
}

impl ChunkColumns<'_> {
    /// A part of them.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        Self {
            times: &self.times[range.clone()],
            values: &self.values[range.clone()],
            starts: self.starts.get(range).unwrap_or_default(),
        }
    }

    /// The indexes of the samples within these times, both inclusive.
    pub(crate) fn within(&self, start_ms: i64, end_ms: i64) -> Range<usize> {
        let start = self.times.partition_point(|t| *t < start_ms);
        let end = self.times.partition_point(|t| *t <= end_ms);
        start..end.max(start)
    }

    /// One of them.
    pub(crate) fn sample(&self, at: usize) -> Sample {
        Sample {
            t_ms: self.times[at],
            value: f64::from_bits(self.values[at]),
            start_ms: self.starts.get(at).copied().unwrap_or(0),
        }
    }
}

impl Columns {
    /// The columns of samples in rising time.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let mut columns = Self::default();
        for sample in samples {
            columns.push(sample);
        }
        columns
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// All of them, borrowed.
    pub(crate) fn borrow(&self) -> ChunkColumns<'_> {
        ChunkColumns { times: &self.times, values: &self.values, starts: &self.starts }
    }

    /// Appends one sample, later than the last.
    pub(crate) fn push(&mut self, sample: &Sample) {
        let start = [sample.start_ms];
        self.extend(ChunkColumns {
            times: &[sample.t_ms],
            values: &[sample.value.to_bits()],
            starts: if sample.start_ms == 0 { &[] } else { &start },
        });
    }

    /// The same, for rows that grow sample by sample.
    pub(crate) fn push_one(&mut self, sample: &Sample) {
        if sample.start_ms != 0 || !self.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
            self.starts.push(sample.start_ms);
        }
        self.times.push(sample.t_ms);
        self.values.push(sample.value.to_bits());
    }

    /// Appends samples, later than the last.
    pub(crate) fn extend(&mut self, more: ChunkColumns<'_>) {
        if !more.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
            self.starts.extend_from_slice(more.starts);
        }
        self.times.extend_from_slice(more.times);
        self.values.extend_from_slice(more.values);
        if !self.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
        }
    }

    /// Forgets all, or the first so many.
    pub(crate) fn drop_first(&mut self, n: usize) {
        self.times.drain(..n);
        self.values.drain(..n);
        self.starts.drain(..n.min(self.starts.len()));
    }

    /// Forgets all, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.drop_first(self.len());
    }
}
