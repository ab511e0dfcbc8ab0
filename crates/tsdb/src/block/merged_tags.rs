//! Merged tags: the dictionaries of several blocks become one, in the order of names and values, so
//! that the numbers of the new one compare as labels do.

use std::sync::Arc;

use super::dictionary::Tag;
use super::reader::Block;
use super::{BlockError, BlockWriter, GROUP};

/// Numbers the tags of these blocks in a new one that has none; returns, for each block and each of
/// its tags, the number there, `None` if the tag cannot be read.
pub(super) fn number_tags<'b>(
    blocks: impl Iterator<Item = &'b Arc<Block>>,
    into: &mut BlockWriter,
) -> Result<Vec<Vec<Option<Tag>>>, BlockError> {
    let mut cursors: Vec<TagCursor<'_>> = blocks.map(|block| TagCursor::new(block)).collect();
    let mut last = None;
    while let Some((name, value)) = cursors.iter().filter_map(TagCursor::text).min() {
        let text = Some((name.to_owned(), value.to_owned()));
        // A dictionary out of order is damaged, and what comes too late in it is unreadable.
        let number = if text > last { Some(into.number_tag(name, value)?) } else { None };
        let (name, value) = text.as_ref().expect("it was just made");
        for cursor in &mut cursors {
            if cursor.text() == Some((name, value)) {
                cursor.take(number);
            }
        }
        last = text.max(last);
    }
    Ok(cursors.into_iter().map(|cursor| cursor.numbers).collect())
}

/// The tags of a block one after the other.
struct TagCursor<'b> {
    block: &'b Block,
    numbers: Vec<Option<Tag>>,
    /// The tags of the group it stands in, those to come at the end, the last one first.
    group: Vec<(Tag, String)>,
    next_group: u32,
}

impl<'b> TagCursor<'b> {
    fn new(block: &'b Block) -> Self {
        let numbers = vec![None; block.footer().n_tags as usize];
        let mut cursor = Self { block, numbers, group: Vec::new(), next_group: 0 };
        cursor.fill();
        cursor
    }

    fn fill(&mut self) {
        while self.group.is_empty() && (self.next_group as usize * GROUP) < self.numbers.len() {
            (self.group, _) = self.block.tagged_values(self.next_group);
            self.group.retain(|(tag, _)| self.block.names().of_tag(*tag).is_some());
            self.group.reverse();
            self.next_group += 1;
        }
    }

    fn text(&self) -> Option<(&str, &str)> {
        let (tag, value) = self.group.last()?;
        Some((self.block.names().of_tag(*tag)?, value))
    }

    fn take(&mut self, number: Option<Tag>) {
        if let Some((tag, _)) = self.group.pop() {
            self.numbers[tag as usize] = number;
        }
        self.fill();
    }
}
