//! Identities: every series of the head by its labels.
//!
//! A label is kept once, as a *tag* with a number; a series is a row of tag numbers under a *slot*;
//! each tag knows the slots that have it. So a series costs four bytes a label, a place in a table,
//! and its share of the tags' lists. Slots and tag numbers are used again after a removal.

mod bits;
mod cardinality;
mod lean;
mod matching;
mod order;
mod postings;
mod rows;
mod secret;
mod slot_set;
mod table;
mod tags;
mod texts;

use model::{Labels, Matcher};

use bits::Bits;
use rows::Rows;
use secret::Secret;
use table::Table;
use tags::Tags;

/// See the head of this file.
///
/// Labels are given as pairs sorted by name, each name once, no text empty, as [`Labels`] are.
#[derive(Debug)]
pub(crate) struct Identities {
    tags: Tags,
    rows: Rows,
    by_labels: Table,
    /// Where the series of the next call is looked for first.
    expected: u32,
    /// Reused by each addition.
    hashes: Vec<u32>,
    numbers: Vec<u32>,
}

/// A series that is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its slot.
    pub(crate) slot: u32,
    /// Whether it was added by this call.
    pub(crate) is_new: bool,
}

impl Identities {
    /// None yet. The random bits key the hashes, so that nobody can make labels that collide.
    pub(crate) fn new(random: u64) -> Self {
        Self {
            tags: Tags::new(Secret::new(random)),
            rows: Rows::default(),
            by_labels: Table::default(),
            expected: 0,
            hashes: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// The slot of the series with exactly these labels.
    pub(crate) fn find(&self, labels: &[(&str, &str)]) -> Option<u32> {
        let secret = self.tags.secret();
        let hashes = labels.iter().map(|(name, value)| secret.of_label(name, value));
        self.find_hashed(secret.of_series(hashes), labels)
    }

    /// As [`Identities::find`], but looks into the expected slot first. Senders repeat their series
    /// in the order in which they came first, so the slot after the last one found is most often
    /// right, and nothing is hashed.
    #[cfg(test)]
    pub(crate) fn find_expected(&self, expected: u32, labels: &[(&str, &str)]) -> Option<u32> {
        if self.is(expected, labels) { Some(expected) } else { self.find(labels) }
    }

    /// Whether the slot is that of the series with exactly these labels.
    fn is(&self, slot: u32, labels: &[(&str, &str)]) -> bool {
        let row = self.rows.get(slot);
        let mut pairs = row.iter().zip(labels);
        row.len() == labels.len()
            && self.rows.is_taken(slot)
            && pairs.all(|(tag, (name, value))| self.tags.is(*tag, name, value))
    }

    fn find_hashed(&self, hash: u32, labels: &[(&str, &str)]) -> Option<u32> {
        self.by_labels.find(hash, |slot| self.is(slot, labels))
    }

    /// The slot of the series with exactly these labels, which is added if it is not there.
    pub(crate) fn find_or_add(&mut self, labels: &[(&str, &str)]) -> Found {
        let found = match self.is(self.expected, labels) {
            true => Found { slot: self.expected, is_new: false },
            false => self.find_or_add_hashed(labels),
        };
        self.expected = found.slot.wrapping_add(1);
        found
    }

    fn find_or_add_hashed(&mut self, labels: &[(&str, &str)]) -> Found {
        let secret = self.tags.secret();
        self.hashes.clear();
        self.hashes.extend(labels.iter().map(|(name, value)| secret.of_label(name, value)));
        let hash = secret.of_series(self.hashes.iter().copied());
        match self.find_hashed(hash, labels) {
            Some(slot) => Found { slot, is_new: false },
            None => Found { slot: self.add(hash, labels), is_new: true },
        }
    }

    fn add(&mut self, hash: u32, labels: &[(&str, &str)]) -> u32 {
        debug_assert!(labels.is_sorted_by(|a, b| a.0 < b.0), "labels out of order: {labels:?}");
        self.numbers.clear();
        for ((name, value), hash) in labels.iter().zip(&self.hashes) {
            self.numbers.push(self.tags.find_or_add(*hash, name, value));
        }
        let slot = self.rows.add(&self.numbers);
        for tag in &self.numbers {
            self.tags.add_series(*tag, slot);
        }
        self.by_labels.add(hash, slot);
        slot
    }

    /// Removes series; free slots are passed over. The slots are handed out again, and labels that
    /// no other series has are forgotten.
    pub(crate) fn remove(&mut self, slots: &[u32]) {
        let mut dead = Vec::new();
        for slot in slots {
            if !self.rows.is_taken(*slot) {
                continue;
            }
            self.by_labels.remove(self.hash_of(*slot), *slot);
            for tag in self.rows.get(*slot) {
                if self.tags.remove_series(*tag, *slot) {
                    dead.push(*tag);
                }
            }
            self.rows.remove(*slot);
        }
        self.tags.forget(&dead);
        self.rows.compact();
    }

    /// The labels of a series; none for a free slot.
    pub(crate) fn labels(&self, slot: u32) -> Labels {
        Labels::new(self.pairs(slot)).expect("they came as labels")
    }

    /// The labels of a series in the order of names; none for a free slot.
    pub(crate) fn pairs(&self, slot: u32) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.rows.get(slot).iter().map(|tag| self.tags.text(*tag))
    }

    /// The numbers of a series' labels, in the order of names; none for a free slot. A number
    /// stands for its label as long as a series with it is there.
    pub(crate) fn tags(&self, slot: u32) -> &[u32] {
        self.rows.get(slot)
    }

    /// The label with this number, which must be that of a series.
    pub(crate) fn tag_text(&self, tag: u32) -> (&str, &str) {
        self.tags.text(tag)
    }

    /// Every number of a label is below this.
    pub(crate) fn tags_end(&self) -> usize {
        self.tags.end()
    }

    /// The slots of the series that match, rising.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<u32> {
        matching::matching(matchers, &self.rows, &self.tags)
    }

    /// Sorts the slots of series in the order of their labels.
    pub(crate) fn sort_by_labels(&self, slots: &mut [u32]) {
        order::sort_by_labels(slots, &self.rows, &self.tags);
    }

    /// The names of the labels of all series that match, sorted, each once.
    pub(crate) fn label_names(&self, matchers: &[Matcher]) -> Vec<String> {
        let mut numbers: Vec<u32> = match matchers {
            [] => self.tags.names().collect(),
            matchers => {
                let mut seen = Bits::below(self.tags.end());
                for slot in self.matching(matchers) {
                    self.rows.get(slot).iter().for_each(|tag| seen.insert(*tag));
                }
                seen.iter().map(|tag| self.tags.name_of(tag)).collect()
            }
        };
        numbers.sort_unstable();
        numbers.dedup();
        let names = numbers.into_iter().map(|name| self.tags.name(name).0.to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    /// The values of one label over all series that match, sorted, each once.
    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher]) -> Vec<String> {
        let Some((_, of_name)) = self.tags.find_name(name).map(|name| self.tags.name(name)) else {
            return Vec::new();
        };
        let mut found = match matchers {
            [] => of_name.to_vec(),
            matchers => self.tags_among(of_name, &self.matching(matchers)),
        };
        order::sort_by_values(&mut found, &self.tags);
        found.into_iter().map(|tag| self.tags.value(tag).to_owned()).collect()
    }

    /// Those of the tags that one of the series has.
    fn tags_among(&self, tags: &[u32], slots: &[u32]) -> Vec<u32> {
        let (mut asked, mut seen) = (Bits::below(self.tags.end()), Bits::below(self.tags.end()));
        tags.iter().for_each(|tag| asked.insert(*tag));
        for slot in slots {
            if let Some(tag) = self.rows.get(*slot).iter().find(|tag| asked.contains(**tag)) {
                seen.insert(*tag);
            }
        }
        seen.iter().collect()
    }

    /// Every slot is below this.
    pub(crate) fn slots_end(&self) -> u32 {
        self.rows.end()
    }

    /// How many series there are.
    pub(crate) fn n_series(&self) -> usize {
        self.rows.len()
    }

    /// How many series have this label, without counting them.
    pub(crate) fn n_series_with(&self, name: &str, value: &str) -> usize {
        self.tags.find(name, value).map_or(0, |tag| self.tags.postings(tag).len())
    }

    /// Memory held, bytes.
    pub(crate) fn bytes(&self) -> usize {
        let reused = (self.hashes.capacity() + self.numbers.capacity()) * size_of::<u32>();
        self.tags.bytes() + self.rows.bytes() + self.by_labels.bytes() + reused
    }

    /// The hash of a series, as [`Identities::find`] computes it from its labels.
    fn hash_of(&self, slot: u32) -> u32 {
        let hashes = self.rows.get(slot).iter().map(|tag| self.tags.hash(*tag));
        self.tags.secret().of_series(hashes)
    }
}

#[cfg(test)]
mod tests;
