//! Spellings: the series that a sender's bytes name, found without reading a label.
//!
//! A spelling is known by a hash of 96 bits under a key that nobody outside of the process knows,
//! so that two of them are mistaken for each other neither by chance nor by intent. A series keeps
//! the hash of the spelling it came with first; others of the same series stand beside.
//!
//! Senders name their series in the same order time after time, and slots are handed out in the
//! order in which series first come: so the first guess is the slot after the last one found.
//!
//! What rules drop is no series and has no slot; its spelling is noted as such, so that it is not
//! looked at again with every message.

use std::collections::{HashMap, HashSet};

use hashbrown::HashTable;
use storage::Speller;
use xxhash_rust::xxh3::xxh3_128_with_secret;

/// No series has this slot.
pub(crate) const NO_SLOT: u32 = u32::MAX;
/// Further spellings of known series that are kept. One that is not is read each time.
const OTHERS_MAX: usize = 1 << 20;
/// Spellings of what rules drop that are kept. One that is not is read each time.
const DROPPED_MAX: usize = 1 << 20;
/// Hashes stand in parts, so that growing copies none of them.
const PART: usize = 4096;
/// Bytes of the key: what the hash takes at least, and a little more.
pub(crate) const KEY_BYTES: usize = 192;

/// The hash of a spelling. The default belongs to none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u32; 3]);

impl Fingerprint {
    /// For a table; any part of it is as good as another.
    fn short(self) -> u64 {
        u64::from(self.0[0]) << 32 | u64::from(self.0[1])
    }
}

/// See the head of this file.
pub(crate) struct Spellings {
    key: [u8; KEY_BYTES],
    /// The first spelling of each slot.
    firsts: Vec<Box<[Fingerprint]>>,
    /// Slots by the first spelling.
    slots: HashTable<u32>,
    others: HashMap<Fingerprint, u32>,
    dropped: HashSet<Fingerprint>,
}

impl Spellings {
    /// No spelling, and the key for those to come.
    pub(crate) fn new(key: [u8; KEY_BYTES]) -> Self {
        let (firsts, slots) = (Vec::new(), HashTable::new());
        Self { key, firsts, slots, others: HashMap::new(), dropped: HashSet::new() }
    }

    /// What a spelling is known by.
    pub(crate) fn fingerprint(&self, speller: Speller, spelling: &[u8]) -> Fingerprint {
        let hash = xxh3_128_with_secret(spelling, &self.key);
        let whose = match speller {
            Speller::Labels => 0x9e37_79b9,
            Speller::SentLabels => 0x7f4a_7c15,
            Speller::RemoteWrite => 0,
        };
        Fingerprint([hash as u32 ^ whose, (hash >> 32) as u32, (hash >> 64) as u32])
    }

    /// The slot of a spelling; `guess` is tried first.
    pub(crate) fn find(&self, spelling: Fingerprint, guess: u32) -> Option<u32> {
        if self.first_of(guess) == Some(spelling) {
            return Some(guess);
        }
        let is_it = |slot: &u32| self.first_of(*slot) == Some(spelling);
        let found = self.slots.find(spelling.short(), is_it).copied();
        found.or_else(|| self.others.get(&spelling).copied())
    }

    /// Notes a spelling that [`Spellings::find`] does not find.
    pub(crate) fn add(&mut self, spelling: Fingerprint, slot: u32) {
        let (part, at) = (slot as usize / PART, slot as usize % PART);
        while self.firsts.len() <= part {
            self.firsts.push(vec![Fingerprint::default(); PART].into_boxed_slice());
        }
        if self.firsts[part][at] == Fingerprint::default() {
            self.firsts[part][at] = spelling;
            let firsts = &self.firsts;
            let short_of =
                |slot: &u32| firsts[*slot as usize / PART][*slot as usize % PART].short();
            self.slots.insert_unique(spelling.short(), slot, short_of);
        } else if self.others.len() < OTHERS_MAX {
            self.others.insert(spelling, slot);
        }
    }

    /// Notes a spelling of what rules drop.
    pub(crate) fn add_dropped(&mut self, spelling: Fingerprint) {
        if self.dropped.len() < DROPPED_MAX {
            self.dropped.insert(spelling);
        }
    }

    /// Whether rules drop what is spelled so.
    pub(crate) fn is_dropped(&self, spelling: Fingerprint) -> bool {
        !self.dropped.is_empty() && self.dropped.contains(&spelling)
    }

    /// Forgets how these slots, rising, are spelled.
    pub(crate) fn remove(&mut self, slots: &[u32]) {
        for slot in slots {
            let Some(spelling) = self.first_of(*slot) else { continue };
            if let Ok(entry) = self.slots.find_entry(spelling.short(), |s| s == slot) {
                entry.remove();
            }
            self.firsts[*slot as usize / PART][*slot as usize % PART] = Fingerprint::default();
        }
        self.others.retain(|_, slot| slots.binary_search(slot).is_err());
    }

    /// Forgets how all series are spelled, and what is dropped.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.key);
    }

    /// Memory in use. What is free in the tables is not counted: it will be used.
    pub(crate) fn bytes(&self) -> usize {
        let other_bytes = size_of::<(Fingerprint, u32)>() + 1;
        self.slots.len() * (size_of::<Fingerprint>() + size_of::<u32>() + 1)
            + self.others.len() * other_bytes
            + self.dropped.len() * (size_of::<Fingerprint>() + 1)
    }

    fn first_of(&self, slot: u32) -> Option<Fingerprint> {
        let part = self.firsts.get(slot as usize / PART)?;
        let first = part[slot as usize % PART];
        (first != Fingerprint::default()).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use storage::Speller;

    use super::{KEY_BYTES, NO_SLOT, Spellings};

    fn spellings() -> Spellings {
        Spellings::new(std::array::from_fn(|i| i as u8))
    }

    #[test]
    fn a_series_is_found_by_each_of_its_spellings_until_it_goes() {
        let mut spellings = spellings();
        let of = |spellings: &Spellings, text: &str| {
            spellings.fingerprint(Speller::RemoteWrite, text.as_bytes())
        };
        let n_slots = 10_000;
        for slot in 0..n_slots {
            for text in [format!("a{slot}"), format!("b{slot}")] {
                let spelling = of(&spellings, &text);
                assert_eq!(spellings.find(spelling, slot), None);
                spellings.add(spelling, slot);
            }
        }
        let dead: Vec<u32> = (0..n_slots).filter(|slot| slot % 3 == 0).collect();
        spellings.remove(&dead);
        for slot in 0..n_slots {
            for text in [format!("a{slot}"), format!("b{slot}")] {
                let found = spellings.find(of(&spellings, &text), NO_SLOT);
                assert_eq!(found, (slot % 3 != 0).then_some(slot), "{text}");
            }
        }
        spellings.add(of(&spellings, "again"), 0);
        assert_eq!(spellings.find(of(&spellings, "again"), 7), Some(0));
        assert_eq!(spellings.find(of(&spellings, "a0"), 0), None);
    }

    #[test]
    fn two_spellers_may_use_the_same_bytes() {
        let mut spellings = spellings();
        let spelling = spellings.fingerprint(Speller::Labels, b"x");
        spellings.add(spelling, 0);
        assert_eq!(spellings.find(spellings.fingerprint(Speller::RemoteWrite, b"x"), 0), None);
    }

    #[test]
    fn the_key_decides_the_hash() {
        let other = Spellings::new([7; KEY_BYTES]);
        let (one, other) = (spellings(), other);
        let of = |spellings: &Spellings| spellings.fingerprint(Speller::Labels, &[5; 300]);
        assert_ne!(of(&one), of(&other));
        assert_eq!(of(&one), of(&spellings()));
    }
}
