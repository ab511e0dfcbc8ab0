//! Table: numbers found by the hash of what they stand for, which is kept elsewhere.
//!
//! It is split into shards that grow one at a time, and keeps the hashes, so that no single addition
//! has to look at a million series again.

use hashbrown::HashTable;

const N_SHARDS: usize = 64;

/// A shard with so many times the places that it needs is made smaller.
const SLACK_MAX: usize = 8;

/// Places that are worth keeping for numbers to come.
const N_KEPT: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    number: u32,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[HashTable<Entry>]>,
    bytes: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { shards: (0..N_SHARDS).map(|_| HashTable::new()).collect(), bytes: 0 }
    }
}

/// A hash as a shard's own table wants it, which looks at both ends.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// From the bits that a shard's own table looks at least.
fn shard_of(spread: u64) -> usize {
    (spread >> 50) as usize % N_SHARDS
}

impl Table {
    /// The number with this hash that is the one.
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let spread = spread(hash);
        let is_found = |entry: &Entry| entry.hash == hash && is_it(entry.number);
        self.shards[shard_of(spread)].find(spread, is_found).map(|entry| entry.number)
    }

    /// Adds a number that is not there.
    pub(super) fn add(&mut self, hash: u32, number: u32) {
        let spread = spread(hash);
        let shard = &mut self.shards[shard_of(spread)];
        let before = shard.allocation_size();
        shard.insert_unique(spread, Entry { hash, number }, rehash);
        self.bytes = self.bytes - before + shard.allocation_size();
    }

    /// Removes a number, if it is there.
    pub(super) fn remove(&mut self, hash: u32, number: u32) {
        let spread = spread(hash);
        let shard = &mut self.shards[shard_of(spread)];
        if let Ok(found) = shard.find_entry(spread, |entry| entry.number == number) {
            found.remove();
        }
        if shard.num_buckets() > SLACK_MAX * (shard.len() + N_KEPT) {
            let before = shard.allocation_size();
            shard.shrink_to(2 * shard.len(), rehash);
            self.bytes = self.bytes - before + shard.allocation_size();
        }
    }

    /// Memory held, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + N_SHARDS * size_of::<HashTable<Entry>>()
    }
}

fn rehash(entry: &Entry) -> u64 {
    spread(entry.hash)
}
