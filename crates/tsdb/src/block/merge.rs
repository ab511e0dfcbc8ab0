//! Merge: one block of several, series by series and chunk by chunk, in bounded memory.
//!
//! The dictionaries are merged first; from then on series are told apart by the numbers of their
//! tags, and no label is spelled out. A chunk that is long enough, and alone in its time, is copied
//! as it is; others are read and written anew.

use std::ops::Range;
use std::sync::Arc;

use model::HistogramSample;

use super::chunk::ChunkReader;
use super::columns::Columns;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::dictionary::Tag;
use super::merged_tags::number_tags;
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_FLOATS, KIND_HISTOGRAMS};
use super::writer::HISTOGRAMS_PER_CHUNK;
use super::{BlockError, BlockWriter};
use crate::query::hidden::{Gaps, Hidden};
use crate::query::mixed::Point;

/// A chunk of so many samples gains nothing by becoming longer: it is a full sub-block.
const COPIED_SAMPLES_MIN: u32 = 1024;
/// The same of native histograms: the halves of a chunk that became too long have as many.
const COPIED_HISTOGRAMS_MIN: u32 = HISTOGRAMS_PER_CHUNK as u32 / 2;

/// Adds to a block, which has no series yet, the samples of others within these times, both
/// inclusive; returns what of them could not be read and is not in it.
///
/// `sources` stand in the order of their epochs, the oldest first, each with what is hidden in it,
/// which is left out. Of two samples at one time a value beats a stale marker, otherwise that of
/// the later source wins.
pub(crate) fn merge_visible(
    sources: &[(Arc<Block>, Hidden)],
    range: (i64, i64),
    into: &mut BlockWriter,
) -> Result<Lost, BlockError> {
    let numbers = number_tags(sources.iter().map(|(block, _)| block), into)?;
    let mut sources: Vec<Source> = sources
        .iter()
        .zip(numbers)
        .map(|(source, tags)| Source::new(source, tags, range))
        .collect();
    let mut tags = Vec::new();
    while let Some(first) = sources.iter().filter_map(Source::tags).min() {
        tags.clear();
        tags.extend_from_slice(first);
        let mut here: Vec<&mut Source> =
            sources.iter_mut().filter(|source| source.tags() == Some(&tags)).collect();
        into.begin_series_numbered(&tags);
        merge_series(&mut here, into)?;
        into.end_series()?;
        for source in here {
            source.next_series();
        }
    }
    Ok(sources.iter().fold(Lost::default(), |mut lost, source| {
        lost += source.cursor.lost();
        lost
    }))
}

/// The same where nothing is hidden.
#[cfg(test)]
pub(crate) fn merge(
    sources: &[Arc<Block>],
    range: (i64, i64),
    into: &mut BlockWriter,
) -> Result<Lost, BlockError> {
    let whole: Vec<_> =
        sources.iter().map(|block| (Arc::clone(block), Hidden::default())).collect();
    merge_visible(&whole, range, into)
}

fn merge_series(sources: &mut [&mut Source], into: &mut BlockWriter) -> Result<(), BlockError> {
    while let Some((first, until_ms)) = next_source(sources) {
        let source = &mut *sources[first];
        match source.chunk {
            Some(chunk) if source.may_copy(&chunk, until_ms) => source.copy(&chunk, into)?,
            Some(chunk) if source.may_hand_on(&chunk, until_ms) => source.hand_on(&chunk, into)?,
            Some(chunk) => source.unseal(&chunk),
            None => match source.run.n_before(source.at, until_ms) {
                0 => merge_moment(sources, into)?,
                n => {
                    source.run.push(source.at..source.at + n, into)?;
                    source.advance(n);
                }
            },
        }
    }
    Ok(())
}

/// The source that comes next in time, and when another one comes: at the end of time if none does.
fn next_source(sources: &[&mut Source]) -> Option<(usize, i64)> {
    let heads = sources.iter().enumerate().filter_map(|(at, s)| Some((s.head_ms()?, at)));
    let (_, first) = heads.min()?;
    let others = sources.iter().enumerate().filter(|(at, _)| *at != first);
    let until_ms = others.filter_map(|(_, source)| source.head_ms()).min();
    Some((first, until_ms.unwrap_or(i64::MAX)))
}

/// Adds the sample that wins at the earliest time, at which several sources may have one.
fn merge_moment(sources: &mut [&mut Source], into: &mut BlockWriter) -> Result<(), BlockError> {
    let earliest = sources.iter().filter_map(|source| source.head_ms()).min();
    let mut winner: Option<Point> = None;
    for source in sources.iter_mut().filter(|source| source.head_ms() == earliest) {
        if let Some(chunk) = source.chunk {
            // What it has at this time is seen when it is asked again.
            source.unseal(&chunk);
            return Ok(());
        }
    }
    for source in sources.iter_mut().filter(|source| source.head_ms() == earliest) {
        let later = source.run.point(source.at);
        winner = Some(match winner {
            Some(earlier) => earlier.or_later(later),
            None => later,
        });
        source.advance(1);
    }
    match winner.expect("the earliest time is that of a sample") {
        Point::Float(sample) => into.push(Columns::of(&[sample]).borrow()),
        Point::Histogram(sample) => into.push_histograms(&[sample]),
    }
}

/// The samples of a chunk that was read, which are of one kind: the other row is empty.
#[derive(Default)]
struct Run {
    floats: Columns,
    histograms: Vec<HistogramSample>,
}

impl Run {
    fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
    }

    /// The time of a sample, if there are so many.
    fn t_ms(&self, at: usize) -> Option<i64> {
        let of_histogram = || self.histograms.get(at).map(|sample| sample.t_ms);
        self.floats.times.get(at).copied().or_else(of_histogram)
    }

    /// How many samples from one on are before a moment.
    fn n_before(&self, at: usize, until_ms: i64) -> usize {
        match self.histograms.is_empty() {
            true => self.floats.times[at..].partition_point(|t_ms| *t_ms < until_ms),
            false => self.histograms[at..].partition_point(|sample| sample.t_ms < until_ms),
        }
    }

    fn point(&self, at: usize) -> Point {
        match self.histograms.get(at) {
            Some(sample) => Point::Histogram(sample.clone()),
            None => Point::Float(self.floats.borrow().sample(at)),
        }
    }

    fn push(&self, range: Range<usize>, into: &mut BlockWriter) -> Result<(), BlockError> {
        match self.histograms.is_empty() {
            true => into.push(self.floats.borrow().slice(range)),
            false => into.push_histograms(&self.histograms[range]),
        }
    }
}

/// A block that is read from its first series to its last.
struct Source {
    cursor: SeriesCursor,
    block: Arc<Block>,
    /// The writer's number of each tag; `None` for those that cannot be read.
    numbers: Vec<Option<Tag>>,
    chunk_reader: ChunkReader,
    hidden: Hidden,
    /// What of it concerns the series.
    gaps: Gaps,
    label_reader: LabelReader,
    /// The series it stands at: its tags by the writer's numbers, and the chunks to come.
    tags: Option<Vec<Tag>>,
    chunks: std::vec::IntoIter<ChunkRef>,
    /// The next chunk, still sealed; the run is empty then.
    chunk: Option<ChunkRef>,
    /// The samples of the chunk that is being merged.
    run: Run,
    /// The index of the first that is not merged.
    at: usize,
}

impl Source {
    fn new(
        (block, hidden): &(Arc<Block>, Hidden),
        numbers: Vec<Option<Tag>>,
        range: (i64, i64),
    ) -> Self {
        let mut source = Self {
            cursor: SeriesCursor::new(Arc::clone(block), &[], range),
            block: Arc::clone(block),
            numbers,
            chunk_reader: ChunkReader::default(),
            hidden: hidden.clone(),
            gaps: Gaps::default(),
            label_reader: LabelReader::default(),
            tags: None,
            chunks: Vec::new().into_iter(),
            chunk: None,
            run: Run::default(),
            at: 0,
        };
        source.next_series();
        source
    }

    fn tags(&self) -> Option<&Vec<Tag>> {
        self.tags.as_ref()
    }

    /// The time of its next sample in the series; of a sealed chunk, before which it has none.
    fn head_ms(&self) -> Option<i64> {
        match &self.chunk {
            Some(chunk) => Some(chunk.times.min_ms),
            None => self.run.t_ms(self.at),
        }
    }

    fn next_series(&mut self) {
        let before = self.tags.take();
        while let Some(series) = self.cursor.next_series() {
            let number = |tag: &Tag| self.numbers.get(*tag as usize).copied().flatten();
            let tags: Option<Vec<Tag>> = series.tags.iter().map(number).collect();
            // A table out of order is damaged, and what comes too late in it is unreadable.
            if tags.is_some()
                && tags > before
                && let Some(gaps) = self.gaps_of(&series.tags)
            {
                self.gaps = gaps;
                self.tags = tags;
                self.chunks = series.chunks.into_iter();
                self.next_chunk();
                return;
            }
            self.cursor.lose_series();
        }
    }

    fn advance(&mut self, n: usize) {
        self.at += n;
        if self.at == self.run.len() {
            self.next_chunk();
        }
    }

    fn next_chunk(&mut self) {
        self.run.clear();
        self.at = 0;
        self.chunk = self.chunks.next();
    }

    /// What is hidden of a series; `None` when its labels cannot be read.
    fn gaps_of(&mut self, tags: &[Tag]) -> Option<Gaps> {
        if self.hidden.is_nothing() {
            return Some(Gaps::default());
        }
        let labels = self.label_reader.labels(&self.block, tags).ok()?;
        Some(self.hidden.gaps(&labels))
    }

    /// Whether no other source has a sample before the next chunk ends, and nothing in it is
    /// hidden.
    fn may_hand_on(&self, chunk: &ChunkRef, until_ms: i64) -> bool {
        chunk.times.max_ms < until_ms && !self.gaps.touch(chunk.times.min_ms, chunk.times.max_ms)
    }

    /// Whether the next chunk may be handed on as it is: it is long, all of it is wanted, and no
    /// other source has a sample before it ends.
    fn may_copy(&self, chunk: &ChunkRef, until_ms: i64) -> bool {
        let (start_ms, end_ms) = self.cursor.range();
        let ChunkRef { kind, times, .. } = *chunk;
        let is_long = match kind {
            KIND_FLOATS => times.n_samples >= COPIED_SAMPLES_MIN,
            KIND_HISTOGRAMS => times.n_samples >= COPIED_HISTOGRAMS_MIN,
            _ => false,
        };
        is_long
            && self.may_hand_on(chunk, until_ms)
            && start_ms <= times.min_ms
            && times.max_ms <= end_ms
    }

    fn copy(&mut self, chunk: &ChunkRef, into: &mut BlockWriter) -> Result<(), BlockError> {
        match self.chunk_reader.sealed(&self.block, chunk, |sealed| into.push_sealed(sealed)) {
            Ok(written) => written?,
            Err(_) => self.cursor.lose_chunk(),
        }
        self.next_chunk();
        Ok(())
    }

    /// Adds the samples of the next chunk, which is alone in its time.
    fn hand_on(&mut self, chunk: &ChunkRef, into: &mut BlockWriter) -> Result<(), BlockError> {
        if chunk.kind == KIND_HISTOGRAMS {
            self.unseal(chunk);
            return Ok(());
        }
        match self.chunk_reader.decode(&self.block, chunk, self.cursor.range()) {
            Ok(()) => into.push(self.chunk_reader.columns())?,
            Err(_) => self.cursor.lose_chunk(),
        }
        self.next_chunk();
        Ok(())
    }

    /// Reads the next chunk.
    fn unseal(&mut self, chunk: &ChunkRef) {
        self.chunk = None;
        let range = self.cursor.range();
        let (block, run) = (&self.block, &mut self.run);
        let read = match chunk.kind {
            KIND_HISTOGRAMS => {
                self.chunk_reader.read_histograms(block, chunk, range, &mut run.histograms)
            }
            _ => self.chunk_reader.read(block, chunk, range, &mut run.floats),
        };
        if read.is_err() {
            self.cursor.lose_chunk();
        }
        self.gaps.cut_columns(&mut self.run.floats);
        self.gaps.cut_histograms(&mut self.run.histograms);
        if self.run.len() == 0 {
            self.next_chunk();
        }
    }
}
