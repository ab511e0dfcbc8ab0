//! Table: numbers found by the hash of what they stand for, which is kept elsewhere.
//!
//! It is split into shards that grow one at a time, so that no single addition has to move the
//! numbers of a million series.

use hashbrown::HashTable;

const N_SHARDS: usize = 64;

/// A shard with so many times the places that it needs is made smaller.
const SLACK_MAX: usize = 8;

/// Places that are worth keeping for numbers to come.
const N_KEPT: usize = 16;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[HashTable<u32>]>,
    bytes: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { shards: (0..N_SHARDS).map(|_| HashTable::new()).collect(), bytes: 0 }
    }
}

/// The bits that a shard's own table looks at least.
fn shard_of(hash: u64) -> usize {
    (hash >> 50) as usize % N_SHARDS
}

impl Table {
    /// The number with this hash that is the one.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.shards[shard_of(hash)].find(hash, |number| is_it(*number)).copied()
    }

    /// Adds a number that is not there.
    pub(super) fn add(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let shard = &mut self.shards[shard_of(hash)];
        let before = shard.allocation_size();
        shard.insert_unique(hash, number, |number| hash_of(*number));
        self.bytes = self.bytes - before + shard.allocation_size();
    }

    /// Removes a number, if it is there; all others must still have their hashes.
    pub(super) fn remove(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let shard = &mut self.shards[shard_of(hash)];
        if let Ok(found) = shard.find_entry(hash, |known| *known == number) {
            found.remove();
        }
        if shard.num_buckets() > SLACK_MAX * (shard.len() + N_KEPT) {
            let before = shard.allocation_size();
            shard.shrink_to(2 * shard.len(), |number| hash_of(*number));
            self.bytes = self.bytes - before + shard.allocation_size();
        }
    }

    /// Memory held, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + N_SHARDS * size_of::<HashTable<u32>>()
    }
}
