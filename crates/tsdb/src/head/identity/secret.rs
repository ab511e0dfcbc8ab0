//! Secret: keys the hashes, so that nobody who chooses labels can choose what collides.
//!
//! Hashes are half a word, because tags and tables keep them; texts are compared in any case.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Secret {
    seed: u64,
    shared: SharedSeed,
}

impl Secret {
    /// From random bits.
    pub(super) fn new(random: u64) -> Self {
        Self { seed: random.rotate_left(32), shared: SharedSeed::from_u64(random) }
    }

    /// The hash of a label.
    pub(super) fn of_label(&self, name: &str, value: &str) -> u32 {
        let mut hasher = self.hasher();
        hasher.write(name.as_bytes());
        hasher.write(value.as_bytes());
        fold(hasher.finish())
    }

    /// The hash of a name.
    pub(super) fn of_name(&self, name: &str) -> u32 {
        let mut hasher = self.hasher();
        hasher.write(name.as_bytes());
        fold(hasher.finish())
    }

    /// The hash of a series from those of its labels.
    pub(super) fn of_series(&self, labels: impl Iterator<Item = u32>) -> u32 {
        let mut hasher = self.hasher();
        labels.for_each(|hash| hasher.write_u32(hash));
        fold(hasher.finish())
    }

    fn hasher(&self) -> FoldHasher<'_> {
        FoldHasher::with_seed(self.seed, &self.shared)
    }
}

fn fold(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}
