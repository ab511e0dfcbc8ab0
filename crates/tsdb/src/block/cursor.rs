//! Cursor: the series of a block that match, in the order of their labels, chunks still sealed.
//!
//! Postings narrow the series down where they can be read; every condition is then checked on the
//! tags of each series, so damaged postings cost time and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Labels, Matcher};

use super::condition::{Candidates, Condition, candidates, conditions};
use super::dictionary::Tag;
use super::reader::Block;
use super::series_table::{ChunkRef, SeriesGroup};
use super::{GROUP, ReadError};

/// Values that a reader of labels remembers.
const VALUES_KEPT_MAX: usize = 4096;

/// What could not be read and was skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Series that may have matched, and whose labels or chunk list is unreadable.
    pub(crate) n_series: u64,
    /// Chunks in the range, of series that are known.
    pub(crate) n_chunks: u64,
    /// Matchers whose value may stand where nothing can be read: nothing was found for it.
    pub(crate) n_matchers: u64,
}

impl Lost {
    /// Whether everything was read.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for Lost {
    fn add_assign(&mut self, more: Self) {
        self.n_series += more.n_series;
        self.n_chunks += more.n_chunks;
        self.n_matchers += more.n_matchers;
    }
}

/// A series whose chunks are still sealed.
#[derive(Debug)]
pub(super) struct SealedSeries {
    pub(super) tags: Vec<Tag>,
    /// Those that overlap the range; never empty.
    pub(super) chunks: Vec<ChunkRef>,
}

/// See the head of this file.
pub(super) struct SeriesCursor {
    block: Arc<Block>,
    candidates: Candidates,
    conditions: Vec<Condition>,
    range: (i64, i64),
    /// The group that was read last, and its number.
    group: SeriesGroup,
    group_number: Option<u32>,
    lost: Lost,
}

impl SeriesCursor {
    /// The series that match and may have samples within these times, both inclusive.
    pub(super) fn new(block: Arc<Block>, matchers: &[Matcher], range: (i64, i64)) -> Self {
        let mut lost = Lost::default();
        let conditions = conditions(&block, matchers, &mut lost);
        let candidates = if block.overlaps(range.0, range.1) && range.0 <= range.1 {
            candidates(&block, &conditions)
        } else {
            Candidates::none()
        };
        let (group, group_number) = (SeriesGroup::default(), None);
        Self { block, candidates, conditions, range, group, group_number, lost }
    }

    /// The block it reads.
    pub(super) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// The times it was made for.
    pub(super) fn range(&self) -> (i64, i64) {
        self.range
    }

    /// What was skipped so far.
    pub(super) fn lost(&self) -> Lost {
        self.lost
    }

    /// Notes that a series cannot be read.
    pub(super) fn lose_series(&mut self) {
        self.lost.n_series += 1;
        self.block.count_skipped(1);
    }

    /// Notes that a chunk cannot be read.
    pub(super) fn lose_chunk(&mut self) {
        self.lost.n_chunks += 1;
        self.block.count_skipped(1);
    }

    /// The next one that can be read.
    pub(super) fn next_series(&mut self) -> Option<SealedSeries> {
        let (mut tags, mut chunks) = (Vec::new(), Vec::new());
        self.next_into(&mut tags, &mut chunks).then_some(SealedSeries { tags, chunks })
    }

    /// Puts the tags and the chunks of the next one that can be read into these, if there is one.
    pub(super) fn next_into(&mut self, tags: &mut Vec<Tag>, chunks: &mut Vec<ChunkRef>) -> bool {
        loop {
            let Some(index) = self.candidates.next() else { return false };
            self.load_group(index / GROUP as u32);
            let Some((of_series, all)) = self.group.get(index as usize % GROUP) else {
                self.lose_series();
                continue;
            };
            let (start_ms, end_ms) = self.range;
            let in_range = all.iter().filter(|chunk| chunk.overlaps(start_ms, end_ms));
            chunks.clear();
            chunks.extend(in_range);
            let matches = || self.conditions.iter().all(|condition| condition.is_met(of_series));
            if !chunks.is_empty() && matches() {
                tags.clear();
                tags.extend_from_slice(of_series);
                return true;
            }
        }
    }

    fn load_group(&mut self, number: u32) {
        if self.group_number != Some(number) {
            self.group_number = Some(number);
            // One that cannot be read has no series.
            if self.block.read_series_group(number, &mut self.group).is_err() {
                self.group.clear();
            }
        }
    }
}

/// From tags to labels, remembering the values that were just read: neighbours share most.
#[derive(Debug, Default)]
pub(super) struct LabelReader {
    values: HashMap<Tag, String>,
}

impl LabelReader {
    /// The labels that these tags are.
    pub(super) fn labels(&mut self, block: &Block, tags: &[Tag]) -> Result<Labels, ReadError> {
        let malformed = || block.malformed(block.footer().dictionary.offset);
        let mut pairs = Vec::with_capacity(tags.len());
        for tag in tags {
            let name = block.names().of_tag(*tag).ok_or_else(malformed)?;
            pairs.push((name.to_string(), self.value(block, *tag)?));
        }
        let labels = Labels::new(pairs).map_err(|_| malformed())?;
        if labels.len() == tags.len() { Ok(labels) } else { Err(malformed()) }
    }

    fn value(&mut self, block: &Block, tag: Tag) -> Result<String, ReadError> {
        self.load(block, tag)?;
        Ok(self.values.get(&tag).cloned().unwrap_or_default())
    }

    /// Makes sure that the value of a tag is remembered.
    pub(super) fn load(&mut self, block: &Block, tag: Tag) -> Result<(), ReadError> {
        if self.values.contains_key(&tag) {
            return Ok(());
        }
        if self.values.len() >= VALUES_KEPT_MAX {
            self.values.clear();
        }
        let group = tag / GROUP as u32;
        let (values, failed) = block.tagged_values(group);
        self.values.extend(values);
        if self.values.contains_key(&tag) {
            return Ok(());
        }
        Err(failed.unwrap_or_else(|| block.malformed(block.footer().dictionary.offset)))
    }

    /// A label whose value was just loaded.
    pub(super) fn loaded<'r>(&'r self, block: &'r Block, tag: Tag) -> Option<(&'r str, &'r str)> {
        Some((block.names().of_tag(tag)?, self.values.get(&tag)?))
    }
}
