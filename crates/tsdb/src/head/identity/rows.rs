//! Rows: the tags of each series, in large pieces of memory, found by the series' slot.
//!
//! A freed range is handed to the next series with as many labels. When more is free than in use
//! (series of other lengths came), all rows move to new pieces.

use std::collections::BTreeMap;

use super::lean;

/// A piece of memory, in tags; a longer row has one of its own.
const CHUNK_TAGS: usize = 16 << 10;

/// A slot without a series.
const FREE: Row = Row { at: u32::MAX, n: u32::MAX };

/// Where the tags of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    /// The piece times [`CHUNK_TAGS`], and the place in it.
    at: u32,
    n: u32,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    free_slots: Vec<u32>,
    chunks: Vec<Vec<u32>>,
    /// Freed ranges by their lengths.
    free_ranges: BTreeMap<u32, Vec<u32>>,
    n_free_tags: usize,
    /// What the pieces can hold, tags.
    n_held_tags: usize,
}

impl Rows {
    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free_slots.len()
    }

    /// Every slot is below this.
    pub(super) fn end(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Adds a series and gives it a slot.
    pub(super) fn add(&mut self, tags: &[u32]) -> u32 {
        let at = self.place(tags);
        let row = Row { at, n: tags.len() as u32 };
        if let Some(slot) = self.free_slots.pop() {
            self.rows[slot as usize] = row;
            return slot;
        }
        lean::push(&mut self.rows, row);
        u32::try_from(self.rows.len() - 1).expect("memory ends before four billion series")
    }

    fn place(&mut self, tags: &[u32]) -> u32 {
        let n = tags.len() as u32;
        if let Some(at) = self.free_ranges.get_mut(&n).and_then(Vec::pop) {
            self.n_free_tags -= tags.len();
            let (chunk, from) = split(at);
            self.chunks[chunk][from..from + tags.len()].copy_from_slice(tags);
            return at;
        }
        let has_room = |chunk: &Vec<u32>| chunk.len() + tags.len() <= CHUNK_TAGS;
        if !self.chunks.last().is_some_and(has_room) {
            let chunk = Vec::with_capacity(tags.len().max(CHUNK_TAGS));
            self.n_held_tags += chunk.capacity();
            self.chunks.push(chunk);
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = number * CHUNK_TAGS + chunk.len();
        chunk.extend_from_slice(tags);
        u32::try_from(at).expect("memory ends before four billion labels")
    }

    /// The tags of a series, in the order of their names; none for a free slot.
    pub(super) fn get(&self, slot: u32) -> &[u32] {
        match self.rows.get(slot as usize) {
            Some(row) if *row != FREE => {
                let (chunk, from) = split(row.at);
                &self.chunks[chunk][from..from + row.n as usize]
            }
            _ => &[],
        }
    }

    /// Whether a series has this slot.
    pub(super) fn is_taken(&self, slot: u32) -> bool {
        self.rows.get(slot as usize).is_some_and(|row| *row != FREE)
    }

    /// Frees the slot of a series.
    pub(super) fn remove(&mut self, slot: u32) {
        let row = std::mem::replace(&mut self.rows[slot as usize], FREE);
        self.free_slots.push(slot);
        if row.n > 0 {
            self.free_ranges.entry(row.n).or_default().push(row.at);
            self.n_free_tags += row.n as usize;
        }
    }

    /// Moves all rows to new memory if more is free than in use.
    pub(super) fn compact(&mut self) {
        if self.n_free_tags <= self.n_held_tags / 2 + CHUNK_TAGS {
            return;
        }
        let old = std::mem::take(&mut self.chunks);
        self.free_ranges.clear();
        (self.n_free_tags, self.n_held_tags) = (0, 0);
        for slot in 0..self.rows.len() {
            let row = self.rows[slot];
            if row != FREE {
                let (chunk, from) = split(row.at);
                self.rows[slot].at = self.place(&old[chunk][from..from + row.n as usize]);
            }
        }
    }

    /// The slots that are taken, rising.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        (0..self.end()).filter(|slot| self.is_taken(*slot))
    }

    /// Memory held, bytes.
    pub(super) fn bytes(&self) -> usize {
        let ranges: usize = self.free_ranges.values().map(Vec::capacity).sum();
        self.rows.capacity() * size_of::<Row>()
            + (self.free_slots.capacity() + ranges + self.n_held_tags) * 4
            + self.chunks.capacity() * size_of::<Vec<u32>>()
    }
}

fn split(at: u32) -> (usize, usize) {
    (at as usize / CHUNK_TAGS, at as usize % CHUNK_TAGS)
}
