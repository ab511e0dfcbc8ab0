//! Merge: one block of several, series by series and chunk by chunk, in bounded memory.

use std::sync::Arc;

use model::{Labels, is_stale_marker};

use super::chunk::ChunkReader;
use super::columns::Columns;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::reader::Block;
use super::series_table::ChunkRef;
use super::{BlockError, BlockWriter};
use crate::hidden::{Gaps, Hidden};

/// Adds to a block the samples of others within these times, both inclusive; returns what of them
/// could not be read and is not in it.
///
/// `sources` stand in the order of their epochs, the oldest first, each with what is hidden in it,
/// which is left out. Of two samples at one time a
/// value beats a stale marker, otherwise that of the later source wins.
pub(crate) fn merge_visible(
    sources: &[(Arc<Block>, Hidden)],
    range: (i64, i64),
    into: &mut BlockWriter,
) -> Result<Lost, BlockError> {
    let mut sources: Vec<Source> = sources
        .iter()
        .map(|(block, hidden)| Source::new(Arc::clone(block), hidden, range))
        .collect();
    let mut samples = Columns::default();
    while let Some(labels) = first_labels(&sources) {
        let mut here: Vec<&mut Source> =
            sources.iter_mut().filter(|source| source.labels() == Some(&labels)).collect();
        into.begin_series(labels);
        while let Some((at, n)) = next_run(&here) {
            match n {
                0 => samples.push(&take_winner(&mut here)),
                n => {
                    let run = here[at].run.borrow();
                    samples.extend(run.slice(here[at].at..here[at].at + n));
                    here[at].advance(n);
                }
            }
            into.push(samples.borrow())?;
            samples.clear();
        }
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

fn first_labels(sources: &[Source]) -> Option<Labels> {
    sources.iter().filter_map(Source::labels).min().cloned()
}

/// The source that comes next in time, and how many samples of it come before those of any other;
/// 0 when others have one at the same time.
fn next_run(sources: &[&mut Source]) -> Option<(usize, usize)> {
    let heads = sources.iter().enumerate().filter_map(|(at, s)| Some((s.head_ms()?, at)));
    let (_, first) = heads.min()?;
    let others = sources.iter().enumerate().filter(|(at, _)| *at != first);
    let until = others.filter_map(|(_, source)| source.head_ms()).min();
    let source = &sources[first];
    let left = &source.run.times[source.at..];
    let n = until.map_or(left.len(), |until| left.partition_point(|t| *t < until));
    Some((first, n))
}

/// Takes all samples at the earliest time and returns the one that wins.
fn take_winner(sources: &mut [&mut Source]) -> model::Sample {
    let earliest = sources.iter().filter_map(|source| source.head_ms()).min();
    let mut winner: Option<model::Sample> = None;
    for source in sources.iter_mut().filter(|source| source.head_ms() == earliest) {
        let sample = source.run.borrow().sample(source.at);
        let loses = is_stale_marker(sample.value)
            && winner.is_some_and(|winner| !is_stale_marker(winner.value));
        if !loses {
            winner = Some(sample);
        }
        source.advance(1);
    }
    winner.expect("it is asked only when there are several")
}

/// A block that is read from its first series to its last.
struct Source {
    cursor: SeriesCursor,
    label_reader: LabelReader,
    chunk_reader: ChunkReader,
    hidden: Hidden,
    /// What of it concerns the series.
    gaps: Gaps,
    series: Option<(Labels, std::vec::IntoIter<ChunkRef>)>,
    /// The samples of the chunk that is being merged.
    run: Columns,
    /// The index of the first that is not merged.
    at: usize,
}

impl Source {
    fn new(block: Arc<Block>, hidden: &Hidden, range: (i64, i64)) -> Self {
        let mut source = Self {
            cursor: SeriesCursor::new(block, &[], range),
            label_reader: LabelReader::default(),
            chunk_reader: ChunkReader::default(),
            hidden: hidden.clone(),
            gaps: Gaps::default(),
            series: None,
            run: Columns::default(),
            at: 0,
        };
        source.next_series();
        source
    }

    fn labels(&self) -> Option<&Labels> {
        self.series.as_ref().map(|(labels, _)| labels)
    }

    /// The time of its next sample in the series.
    fn head_ms(&self) -> Option<i64> {
        self.run.times.get(self.at).copied()
    }

    fn next_series(&mut self) {
        self.series = None;
        while let Some(series) = self.cursor.next_series() {
            let block = Arc::clone(self.cursor.block());
            match self.label_reader.labels(&block, &series.tags) {
                Ok(labels) => {
                    self.gaps = self.hidden.gaps(&labels);
                    self.series = Some((labels, series.chunks.into_iter()));
                    self.next_chunk();
                    return;
                }
                Err(_) => self.cursor.lose_series(),
            }
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
        let Some((_, chunks)) = &mut self.series else {
            return;
        };
        let block = Arc::clone(self.cursor.block());
        for chunk in chunks {
            let read = self.chunk_reader.read(&block, &chunk, self.cursor.range(), &mut self.run);
            self.gaps.cut_columns(&mut self.run);
            match read {
                Ok(()) if self.run.is_empty() => {}
                Ok(()) => return,
                Err(_) => self.cursor.lose_chunk(),
            }
        }
    }
}
