//! Words: the name and labels of a sample, kept once for all samples that have them.
//!
//! A program reports the same few series over and over. Found by the hash of its words, a series costs a
//! reference instead of a copy of its texts, which is most of what a call would cost otherwise.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::sample::check_names;

/// Series that are remembered. Beyond it a name or label has values without end: all are forgotten,
/// and those in use are met again.
const KNOWN_MAX: usize = 10_000;

/// The words of one series.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    /// About as many bytes as a sample of it has in a body.
    pub(crate) size_bytes: usize,
}

impl Words {
    pub(crate) fn new(name: String, labels: Vec<(String, String)>) -> Self {
        let of_labels: usize = labels.iter().map(|(name, text)| name.len() + text.len() + 8).sum();
        let size_bytes = name.len() + of_labels + 100;
        Self { name, labels, size_bytes }
    }

    fn are(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.name == name
            && self.labels.len() == labels.len()
            && self.labels.iter().zip(labels).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
    }
}

/// The series met so far.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<u64, Arc<Words>, BuildHasherDefault<Hashed>>);

impl Known {
    /// The words of this series, or the reason why Pharos would not take them.
    ///
    /// `hash` is [`hash_of`] the same words: computed before, while nobody waits for a lock.
    pub(crate) fn find(
        &mut self,
        hash: u64,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Result<Arc<Words>, &'static str> {
        let met = self.0.get(&hash);
        if let Some(found) = met.filter(|found| found.are(name, labels)) {
            return Ok(Arc::clone(found));
        }
        check_names(name, labels.iter().copied())?;
        // Other words of the same hash keep their place: two that meet by chance, or by intent, are
        // only slower.
        let is_taken = met.is_some();
        let labels = labels.iter().map(|(label, text)| ((*label).into(), (*text).into())).collect();
        let made = Arc::new(Words::new(name.to_owned(), labels));
        if !is_taken {
            if self.0.len() >= KNOWN_MAX {
                self.0.clear();
            }
            self.0.insert(hash, Arc::clone(&made));
        }
        Ok(made)
    }
}

/// A quick hash of words. It need not resist anybody: see [`Known::find`].
pub(crate) fn hash_of(name: &str, labels: &[(&str, &str)]) -> u64 {
    let mut hash = mixed(0, name);
    for (label, text) in labels {
        hash = mixed(mixed(hash, label), text);
    }
    hash
}

/// The text's bytes by eights, and its length, so that `ab`, `c` is not `a`, `bc`.
fn mixed(hash: u64, text: &str) -> u64 {
    let mut eights = text.as_bytes().chunks_exact(8);
    let mut hash = mixed_word(hash, text.len() as u64);
    for eight in &mut eights {
        hash = mixed_word(hash, eight.try_into().map_or(0, u64::from_le_bytes));
    }
    let rest = eights.remainder().iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
    mixed_word(hash, rest)
}

/// By the golden ratio, as in the hasher of Firefox and rustc; the rotation brings high bits down.
fn mixed_word(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Takes a hash for what it is.
#[derive(Debug, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Our keys call `write_u64` alone; anything else is mixed in so that it works too.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(5) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is found has the words that were asked for, met before or not.
        #[test]
        fn found_words_are_those_asked_for(
            all in prop::collection::vec(("[a-c]{1,3}", "[a-c]{1,2}", "[a-c]{0,12}"), 1..60)
        ) {
            let mut known = Known::default();
            for (name, label, text) in &all {
                let labels = [(label.as_str(), text.as_str())];
                let found = known.find(hash_of(name, &labels), name, &labels).unwrap();
                prop_assert!(found.are(name, &labels));
                let again = known.find(hash_of(name, &labels), name, &labels).unwrap();
                prop_assert!(Arc::ptr_eq(&found, &again));
            }
        }
    }

    #[test]
    fn words_of_one_hash_are_not_mixed_up() {
        let mut known = Known::default();
        let (first, other) = (known.find(1, "a", &[]).unwrap(), known.find(1, "b", &[]).unwrap());
        assert_eq!((&*first.name, &*other.name), ("a", "b"));
        assert_eq!(known.find(1, "a", &[]).unwrap().name, "a");
    }

    #[test]
    fn where_words_are_parted_makes_other_hashes() {
        let hashes = [
            hash_of("ab", &[("c", "d")]),
            hash_of("a", &[("bc", "d")]),
            hash_of("ab", &[("cd", "")]),
            hash_of("ab", &[]),
        ];
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash));
        }
    }

    #[test]
    fn names_without_end_do_not_fill_the_memory() {
        let mut known = Known::default();
        for id in 0..KNOWN_MAX * 3 {
            let name = id.to_string();
            known.find(hash_of(&name, &[]), &name, &[]).unwrap();
        }
        assert!(known.0.len() <= KNOWN_MAX);
    }
}
