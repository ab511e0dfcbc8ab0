//! Visible: questions to a block of which something is hidden.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Labels, Matcher};
use storage::{Kinds, Select};

use super::ReadError;
use super::chunk::ChunkReader;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_HISTOGRAMS};
use crate::query::hidden::{Gaps, Hidden};

/// What a search in a block has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// There is one.
    Found,
    /// There is none.
    Absent,
    /// There is none where the block can be read.
    Unreadable,
}

impl Search {
    fn of(is_found: bool, lost: Lost) -> Self {
        match (is_found, lost.is_nothing()) {
            (true, _) => Self::Found,
            (false, true) => Self::Absent,
            (false, false) => Self::Unreadable,
        }
    }
}

/// The series that match and of which a sample in the range is not hidden, in the order of their
/// labels. What cannot be read is skipped.
pub(crate) struct VisibleSeries {
    cursor: SeriesCursor,
    labels: LabelReader,
    reader: ChunkReader,
    hidden: Hidden,
    kinds: Kinds,
    /// Those of the series it stands at.
    chunks: Vec<ChunkRef>,
}

impl VisibleSeries {
    /// Before the first series of a selection.
    pub(crate) fn new(block: &Arc<Block>, select: &Select, hidden: Hidden) -> Self {
        let range = (select.start_ms, select.end_ms);
        Self {
            cursor: SeriesCursor::new(Arc::clone(block), &select.matchers, range),
            labels: LabelReader::default(),
            reader: ChunkReader::default(),
            hidden,
            kinds: select.kinds,
            chunks: Vec::new(),
        }
    }

    /// The labels of the next series that matches and has a chunk that overlaps the range.
    fn next_matching(&mut self) -> Option<Labels> {
        while let Some(mut series) = self.cursor.next_series() {
            if self.kinds == Kinds::Floats {
                series.chunks.retain(|chunk| chunk.kind != KIND_HISTOGRAMS);
            }
            if series.chunks.is_empty() {
                continue;
            }
            match self.labels.labels(self.cursor.block(), &series.tags) {
                Ok(labels) => {
                    self.chunks = series.chunks;
                    return Some(labels);
                }
                Err(_) => self.cursor.lose_series(),
            }
        }
        None
    }

    /// Whether something of the series it stands at, which has these labels, is not hidden.
    fn is_visible(&mut self, labels: &Labels) -> bool {
        let gaps = self.hidden.gaps(labels);
        let range = self.cursor.range();
        for chunk in &self.chunks {
            match self.cursor.block().shows(chunk, range, &gaps, &mut self.reader) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => self.cursor.lose_chunk(),
            }
        }
        false
    }

    /// What was skipped so far.
    pub(crate) fn lost(&self) -> Lost {
        self.cursor.lost()
    }
}

impl Iterator for VisibleSeries {
    type Item = Labels;

    fn next(&mut self) -> Option<Labels> {
        loop {
            let labels = self.next_matching()?;
            if self.is_visible(&labels) {
                return Some(labels);
            }
        }
    }
}

impl Block {
    /// The values of a label over all series that match and of which a sample at or after a moment
    /// is not hidden, each once; what was skipped is added up.
    pub(crate) fn visible_values(
        self: &Arc<Self>,
        name: &str,
        select: &Select,
        hidden: &Hidden,
        lost: &mut Lost,
    ) -> BTreeSet<String> {
        let mut values = BTreeSet::new();
        self.visit_visible(select, hidden, lost, |labels, is_visible| {
            if let Some(value) = labels.get(name).filter(|value| !values.contains(*value))
                && is_visible()
            {
                values.insert(value.to_owned());
            }
        });
        values
    }

    /// The names of labels of series that match and of which something is not hidden.
    pub(crate) fn visible_names(
        self: &Arc<Self>,
        select: &Select,
        hidden: &Hidden,
        lost: &mut Lost,
    ) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.visit_visible(select, hidden, lost, |labels, is_visible| {
            if labels.iter().any(|label| !names.contains(&label.name)) && is_visible() {
                names.extend(labels.iter().map(|label| label.name.clone()));
            }
        });
        names
    }

    /// Shows the labels of each series that matches, with a way to learn whether something of it
    /// is not hidden; that costs more, so it is for who wants to know.
    fn visit_visible(
        self: &Arc<Self>,
        select: &Select,
        hidden: &Hidden,
        lost: &mut Lost,
        mut visit: impl FnMut(&Labels, &mut dyn FnMut() -> bool),
    ) {
        let mut series = VisibleSeries::new(self, select, hidden.clone());
        while let Some(labels) = series.next_matching() {
            visit(&labels, &mut || series.is_visible(&labels));
        }
        *lost += series.lost();
    }

    /// Whether a sample of a chunk that overlaps the range lies in it and is not hidden. Only a
    /// chunk that is hidden in part has to be unpacked.
    fn shows(
        &self,
        chunk: &ChunkRef,
        range: (i64, i64),
        gaps: &Gaps,
        chunks: &mut ChunkReader,
    ) -> Result<bool, ReadError> {
        let (min_ms, max_ms) = (chunk.times.min_ms, chunk.times.max_ms);
        let is_seen = |t_ms: i64| t_ms >= range.0 && t_ms <= range.1 && !gaps.hide(t_ms);
        if is_seen(max_ms) || is_seen(min_ms) {
            return Ok(true);
        }
        if gaps.cover(min_ms, max_ms) {
            return Ok(false);
        }
        chunks.has_time(self, chunk, is_seen)
    }

    /// Whether a sample of any kind is within a selection.
    pub(crate) fn has_sample(self: &Arc<Self>, select: &Select) -> Search {
        let range = (select.start_ms, select.end_ms);
        let mut cursor = SeriesCursor::new(Arc::clone(self), &select.matchers, range);
        let mut chunks = ChunkReader::default();
        let mut is_found = false;
        while !is_found && let Some(series) = cursor.next_series() {
            is_found = series.chunks.iter().any(|chunk| {
                let nothing = Gaps::default();
                self.shows(chunk, range, &nothing, &mut chunks).unwrap_or_else(|_| {
                    cursor.lose_chunk();
                    false
                })
            });
        }
        Search::of(is_found, cursor.lost())
    }

    /// Whether labels of a series that matches are as asked for.
    pub(crate) fn has_series(
        self: &Arc<Self>,
        matchers: &[Matcher],
        is_wanted: impl Fn(&Labels) -> bool,
    ) -> bool {
        let all = (i64::MIN, i64::MAX);
        let mut cursor = SeriesCursor::new(Arc::clone(self), matchers, all);
        let mut reader = LabelReader::default();
        while let Some(series) = cursor.next_series() {
            if reader.labels(self, &series.tags).is_ok_and(|labels| is_wanted(&labels)) {
                return true;
            }
        }
        false
    }
}
