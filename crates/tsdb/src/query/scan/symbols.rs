//! Symbols: one number for each label, whichever source of a scan it comes from.

use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use hashbrown::HashTable;

use super::source::Source;

/// See the head of this file.
pub(super) struct Symbols {
    /// Few.
    names: Vec<String>,
    values: String,
    /// By number: the name, and where the value ends, which begins where the one before ends.
    labels: Vec<(usize, usize)>,
    /// The numbers by their labels.
    numbers: HashTable<u32>,
    hasher: RandomState,
    /// By source and by its own number, one more than ours; 0 where that is not known yet.
    of_sources: Vec<Vec<u32>>,
}

impl Symbols {
    /// Of labels of so many sources.
    pub(super) fn new(n_sources: usize) -> Self {
        Self {
            names: Vec::new(),
            values: String::new(),
            labels: Vec::new(),
            numbers: HashTable::new(),
            hasher: RandomState::new(),
            of_sources: vec![Vec::new(); n_sources],
        }
    }

    /// Appends the labels of the series that a source stands at; false if one cannot be read.
    pub(super) fn of_tags(
        &mut self,
        (nth, source): (usize, &mut Source),
        out: &mut Vec<u32>,
    ) -> bool {
        for at in 0..source.tags().len() {
            let tag = source.tags()[at];
            if self.of_source(nth, tag).is_none() {
                source.labels_near(tag, |tag, label| self.learn(nth, tag, label));
            }
            let Some(number) = self.of_source(nth, tag) else { return false };
            out.push(number);
        }
        true
    }

    /// Our number of a label of a source, if it was learnt.
    fn of_source(&self, nth: usize, tag: u32) -> Option<u32> {
        self.of_sources[nth].get(tag as usize)?.checked_sub(1)
    }

    fn learn(&mut self, nth: usize, tag: u32, (name, value): (&str, &str)) {
        if self.of_source(nth, tag).is_some() {
            return;
        }
        let number = self.number(name, value);
        let known = &mut self.of_sources[nth];
        if known.len() <= tag as usize {
            known.resize(tag as usize + 1, 0);
        }
        known[tag as usize] = number + 1;
    }

    fn number(&mut self, name: &str, value: &str) -> u32 {
        let known = self.names.iter().position(|known| known == name);
        let name = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        let Self { values, labels, numbers, hasher, .. } = self;
        let hash = hasher.hash_one((name, value));
        let is_it = |number: &u32| label_at(labels, values, *number) == (name, value);
        if let Some(number) = numbers.find(hash, is_it) {
            return *number;
        }
        let number = labels.len() as u32;
        values.push_str(value);
        labels.push((name, values.len()));
        let hash_of = |number: &u32| hasher.hash_one(label_at(labels, values, *number));
        numbers.insert_unique(hash, number, hash_of);
        number
    }

    /// The label with this number.
    pub(super) fn label(&self, symbol: u32) -> (&str, &str) {
        let (name, value) = label_at(&self.labels, &self.values, symbol);
        (&self.names[name], value)
    }

    /// Compares the labels of two series as [`model::Labels`] are compared.
    pub(super) fn compare(&self, a: &[u32], b: &[u32]) -> Ordering {
        let differing = a.iter().zip(b).find(|(a, b)| a != b);
        match differing {
            Some((a, b)) => self.label(*a).cmp(&self.label(*b)),
            None => a.len().cmp(&b.len()),
        }
    }
}

/// The name's number and the value of a label.
fn label_at<'v>(labels: &[(usize, usize)], values: &'v str, number: u32) -> (usize, &'v str) {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| labels[before].1);
    let (name, end) = labels[at];
    (name, &values[start..end])
}
