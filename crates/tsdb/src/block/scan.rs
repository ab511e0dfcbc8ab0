//! Scanning a block: its series one after the other, samples in columns.

use std::sync::Arc;

use model::Labels;
use storage::{Kinds, Select};

use super::chunk::ChunkReader;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::dictionary::{Tag, ValuesGroup};
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_HISTOGRAMS};
use super::{GROUP, ReadError};
use crate::query::gathered::Gathered;

/// The series of a selection, in the order of their labels. What cannot be read is skipped.
pub(crate) struct BlockScan {
    cursor: SeriesCursor,
    labels: LabelReader,
    /// The values that were read last, and the number of their group.
    values: ValuesGroup,
    values_group: Option<u32>,
    reader: ChunkReader,
    kinds: Kinds,
    /// The series it stands at, and its chunks.
    tags: Vec<Tag>,
    chunks: Vec<ChunkRef>,
}

impl BlockScan {
    /// Before the first series of a selection.
    pub(crate) fn new(block: &Arc<Block>, select: &Select) -> Self {
        let range = (select.start_ms, select.end_ms);
        Self {
            cursor: SeriesCursor::new(Arc::clone(block), &select.matchers, range),
            labels: LabelReader::default(),
            values: ValuesGroup::default(),
            values_group: None,
            reader: ChunkReader::default(),
            kinds: select.kinds,
            tags: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// Goes to the next series that may have samples in the range.
    pub(crate) fn advance(&mut self) -> bool {
        while self.cursor.next_into(&mut self.tags, &mut self.chunks) {
            if self.kinds == Kinds::Floats {
                self.chunks.retain(|chunk| chunk.kind != KIND_HISTOGRAMS);
            }
            if !self.chunks.is_empty() {
                return true;
            }
        }
        false
    }

    /// The labels of the series it stands at, by number, in the order of their names.
    pub(crate) fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// The label with this number; `None`, and it is counted, if it cannot be read.
    pub(crate) fn label(&mut self, tag: Tag) -> Option<(&str, &str)> {
        if self.read_group_of(tag) {
            return self.in_group(tag);
        }
        // There may be second copies.
        if self.labels.load(self.cursor.block(), tag).is_err() {
            self.cursor.lose_series();
            return None;
        }
        self.labels.loaded(self.cursor.block(), tag)
    }

    /// Shows the label with this number, if it can be read, and those that are read with it.
    pub(crate) fn labels_near(&mut self, tag: Tag, mut show: impl FnMut(Tag, (&str, &str))) {
        if !self.read_group_of(tag) {
            if let Some(label) = self.label(tag) {
                show(tag, label);
            }
            return;
        }
        let first = tag / GROUP as u32 * GROUP as u32;
        for near in first..first.saturating_add(GROUP as u32) {
            if let Some(label) = self.in_group(near) {
                show(near, label);
            }
        }
    }

    /// Whether the values of a tag's group can be read; then they are those that were read last.
    fn read_group_of(&mut self, tag: Tag) -> bool {
        let group = tag / GROUP as u32;
        if self.values_group != Some(group) {
            let read = self.cursor.block().read_values_group(group, &mut self.values);
            self.values_group = read.is_ok().then_some(group);
        }
        self.values_group.is_some()
    }

    /// A label of the group that was read last.
    fn in_group(&self, tag: Tag) -> Option<(&str, &str)> {
        let name = self.cursor.block().names().of_tag(tag)?;
        Some((name, self.values.get(tag as usize % GROUP)?))
    }

    /// All labels of the series it stands at; `None`, and it is counted, if they cannot be read.
    pub(crate) fn labels(&mut self) -> Option<Labels> {
        let labels = self.labels.labels(self.cursor.block(), &self.tags);
        if labels.is_err() {
            self.cursor.lose_series();
        }
        labels.ok()
    }

    /// Appends the samples of the series it stands at; what cannot be read is skipped and counted.
    pub(crate) fn read(&mut self, out: &mut Gathered) {
        for at in 0..self.chunks.len() {
            if self.read_chunk(at, out).is_err() {
                self.cursor.lose_chunk();
            }
        }
    }

    fn read_chunk(&mut self, at: usize, out: &mut Gathered) -> Result<(), ReadError> {
        let (block, chunk, range) = (self.cursor.block(), &self.chunks[at], self.cursor.range());
        if chunk.kind == KIND_HISTOGRAMS {
            return self.reader.read_histograms(block, chunk, range, &mut out.histograms);
        }
        self.reader.append(block, chunk, range, &mut out.values)?;
        out.complete(self.reader.times(), self.reader.starts());
        Ok(())
    }

    /// What was skipped so far.
    pub(crate) fn lost(&self) -> Lost {
        self.cursor.lost()
    }
}
