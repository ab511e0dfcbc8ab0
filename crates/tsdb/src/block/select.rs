//! Select: the samples of a block that a query asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{HistogramSample, Labels, Matcher, Sample};
use storage::{Kinds, Select, Series};

use super::chunk::ChunkReader;
use super::columns::ChunkColumns;
use super::condition::tag_in;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::dictionary::Tag;
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_HISTOGRAMS};

/// The series of a selection, in the order of their labels. What cannot be read is skipped.
pub(crate) struct BlockSeries {
    cursor: SeriesCursor,
    labels: LabelReader,
    chunks: ChunkReader,
    /// The series it stands at, and its chunks to come.
    tags: Vec<Tag>,
    sealed: std::vec::IntoIter<ChunkRef>,
    kinds: Kinds,
    /// Those of the chunks that [`Self::next_chunk`] came across.
    histograms: Vec<HistogramSample>,
}

/// Samples of a chunk within the times of a selection, never none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkSamples<'c> {
    /// Unix milliseconds.
    pub(crate) times: &'c [i64],
    /// As many.
    pub(crate) values: &'c [f64],
    /// Unix milliseconds, 0 for none; empty if no sample has one.
    pub(crate) starts: &'c [i64],
}

impl ChunkSamples<'_> {
    /// One of them.
    pub(crate) fn sample(&self, at: usize) -> Sample {
        let start_ms = self.starts.get(at).copied().unwrap_or(0);
        Sample { t_ms: self.times[at], value: self.values[at], start_ms }
    }
}

impl Block {
    /// The series that match and have a sample in the range, in the order of their labels.
    pub(crate) fn select(self: &Arc<Self>, select: &Select) -> BlockSeries {
        let range = (select.start_ms, select.end_ms);
        BlockSeries {
            cursor: SeriesCursor::new(Arc::clone(self), &select.matchers, range),
            labels: LabelReader::default(),
            chunks: ChunkReader::default(),
            tags: Vec::new(),
            sealed: Vec::new().into_iter(),
            kinds: select.kinds,
            histograms: Vec::new(),
        }
    }

    /// The values of a label over all series that match and have a sample at or after a moment,
    /// sorted; what was skipped is added up.
    pub(crate) fn label_values(
        self: &Arc<Self>,
        name: &str,
        matchers: &[Matcher],
        floor_ms: i64,
        lost: &mut Lost,
    ) -> Vec<String> {
        let range = self.names().tags_of(name);
        if matchers.is_empty() && self.info().min_ms >= floor_ms {
            let (values, failed) = self.values(range.clone());
            if failed.is_some() {
                // Each of them is the value of a series at least.
                let n_lost = range.len() as u64 - values.len() as u64;
                lost.n_series += n_lost;
                self.count_skipped(n_lost);
            }
            return values.into_iter().map(|(_, value)| value).collect();
        }
        let mut cursor = SeriesCursor::new(Arc::clone(self), matchers, (floor_ms, i64::MAX));
        let mut tags: BTreeSet<Tag> = BTreeSet::new();
        while let Some(series) = cursor.next_series() {
            tags.extend(tag_in(&series.tags, &range));
        }
        let mut labels = LabelReader::default();
        let mut values = Vec::with_capacity(tags.len());
        for tag in tags {
            match labels.labels(self, &[tag]) {
                Ok(labels) => values.extend(labels.get(name).map(str::to_owned)),
                Err(_) => cursor.lose_series(),
            }
        }
        *lost += cursor.lost();
        values
    }

    /// The names of the labels of all series that match and have a sample at or after a moment,
    /// sorted; what was skipped is added up.
    pub(crate) fn label_names(
        self: &Arc<Self>,
        matchers: &[Matcher],
        floor_ms: i64,
        lost: &mut Lost,
    ) -> Vec<String> {
        if matchers.is_empty() && self.info().min_ms >= floor_ms {
            return self.names().iter().map(|name| name.name.to_string()).collect();
        }
        let mut cursor = SeriesCursor::new(Arc::clone(self), matchers, (floor_ms, i64::MAX));
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        while let Some(series) = cursor.next_series() {
            for name in series.tags.iter().filter_map(|tag| self.names().of_tag(*tag)) {
                if !names.contains(name) {
                    names.insert(Arc::clone(name));
                }
            }
        }
        *lost += cursor.lost();
        names.into_iter().map(|name| name.to_string()).collect()
    }
}

impl BlockSeries {
    /// Goes to the next series that may have samples in the range. Only then does anything of it
    /// cost more than its entry: [`Self::labels`] and [`Self::next_chunk`].
    pub(crate) fn advance(&mut self) -> bool {
        self.histograms.clear();
        while let Some(mut series) = self.cursor.next_series() {
            if self.kinds == Kinds::Floats {
                series.chunks.retain(|chunk| chunk.kind != KIND_HISTOGRAMS);
            }
            if !series.chunks.is_empty() {
                self.tags = series.tags;
                self.sealed = series.chunks.into_iter();
                return true;
            }
        }
        false
    }

    /// The labels of the series it stands at; `None`, and it is counted, if they cannot be read.
    pub(crate) fn labels(&mut self) -> Option<Labels> {
        let labels = self.labels.labels(self.cursor.block(), &self.tags);
        if labels.is_err() {
            self.cursor.lose_series();
        }
        labels.ok()
    }

    /// The next chunk of numbers of the series it stands at; one that cannot be read is skipped and
    /// counted. Histograms on the way are put aside.
    pub(crate) fn next_chunk(&mut self) -> Option<ChunkSamples<'_>> {
        loop {
            let chunk = self.sealed.next()?;
            if chunk.kind == KIND_HISTOGRAMS {
                self.read_histograms(&chunk);
                continue;
            }
            match self.chunks.decode(self.cursor.block(), &chunk, self.cursor.range()) {
                Ok(()) if self.chunks.columns().times.is_empty() => {}
                Ok(()) => break,
                Err(_) => self.cursor.lose_chunk(),
            }
        }
        let ChunkColumns { times, values, starts } = self.chunks.columns();
        Some(ChunkSamples { times, values: bytemuck::cast_slice(values), starts })
    }

    fn read_histograms(&mut self, chunk: &ChunkRef) {
        let (block, range) = (self.cursor.block(), self.cursor.range());
        let read = self.chunks.read_histograms(block, chunk, range, &mut self.histograms);
        if read.is_err() {
            self.cursor.lose_chunk();
        }
    }

    /// What was skipped so far.
    pub(crate) fn lost(&self) -> Lost {
        self.cursor.lost()
    }
}

impl Iterator for BlockSeries {
    type Item = Series;

    fn next(&mut self) -> Option<Series> {
        while self.advance() {
            let Some(labels) = self.labels() else { continue };
            let mut samples = Vec::new();
            while let Some(chunk) = self.next_chunk() {
                samples.extend((0..chunk.times.len()).map(|at| chunk.sample(at)));
            }
            let histograms = std::mem::take(&mut self.histograms);
            if !(samples.is_empty() && histograms.is_empty()) {
                return Some(Series { labels, samples, histograms });
            }
        }
        None
    }
}
