//! Select: the samples of a block that a query asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Labels, Matcher};
use storage::{Select, Series};

use super::chunk::ChunkReader;
use super::columns::Columns;
use super::condition::tag_in;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::dictionary::Tag;
use super::reader::Block;

/// The series of a selection, in the order of their labels. What cannot be read is skipped.
pub(crate) struct BlockSeries {
    cursor: SeriesCursor,
    labels: LabelReader,
    chunks: ChunkReader,
}

impl Block {
    /// The series that match and have a sample in the range, in the order of their labels.
    pub(crate) fn select(self: &Arc<Self>, select: &Select) -> BlockSeries {
        let range = (select.start_ms, select.end_ms);
        BlockSeries {
            cursor: SeriesCursor::new(Arc::clone(self), &select.matchers, range),
            labels: LabelReader::default(),
            chunks: ChunkReader::default(),
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
    /// The next series as columns, which are overwritten; never without samples.
    pub(crate) fn next_columns(&mut self, columns: &mut Columns) -> Option<Labels> {
        loop {
            let series = self.cursor.next_series()?;
            let block = Arc::clone(self.cursor.block());
            let Ok(labels) = self.labels.labels(&block, &series.tags) else {
                self.cursor.lose_series();
                continue;
            };
            columns.clear();
            for chunk in &series.chunks {
                if self.chunks.read(&block, chunk, self.cursor.range(), columns).is_err() {
                    self.cursor.lose_chunk();
                }
            }
            if !columns.is_empty() {
                return Some(labels);
            }
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
        let mut columns = Columns::default();
        let labels = self.next_columns(&mut columns)?;
        Some(Series { labels, samples: columns.samples().collect() })
    }
}
