//! Secret: keys the hashes, so that nobody who chooses labels can choose what collides.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

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

    /// The hash of a label: half a word, because each tag keeps it.
    pub(super) fn of_label(&self, name: &str, value: &str) -> u32 {
        let mut hasher = self.hasher();
        hasher.write(name.as_bytes());
        hasher.write(value.as_bytes());
        hasher.finish() as u32
    }

    /// The hash of a name.
    pub(super) fn of_name(&self, name: &str) -> u64 {
        let mut hasher = self.hasher();
        hasher.write(name.as_bytes());
        hasher.finish()
    }

    /// The hash of a series from those of its labels.
    pub(super) fn of_series(&self, labels: impl Iterator<Item = u32>) -> u64 {
        let mut hasher = self.hasher();
        labels.for_each(|hash| hasher.write_u32(hash));
        hasher.finish()
    }

    fn hasher(&self) -> FoldHasher<'_> {
        FoldHasher::with_seed(self.seed, &self.shared)
    }
}
