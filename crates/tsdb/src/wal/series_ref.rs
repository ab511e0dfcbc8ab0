//! Series reference: the number that stands for a series in the log, never used for another one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// `epoch << 32 | slot`. Slots are used again, but only in a later epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SeriesRef(u64);

impl SeriesRef {
    /// The reference of a slot in an epoch.
    pub(crate) fn new(epoch: u32, slot: u32) -> Self {
        Self(u64::from(epoch) << 32 | u64::from(slot))
    }

    /// As it stands in the log.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// As it stands in the log.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// The epoch that it was defined in.
    pub(crate) fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A map by reference. The references are our own, so the hash need not resist an attacker.
pub(crate) type RefMap<V> = HashMap<SeriesRef, V, BuildHasherDefault<RefHasher>>;

/// Fibonacci hashing: one multiplication spreads dense references over the whole word.
#[derive(Default)]
pub(crate) struct RefHasher(u64);

impl Hasher for RefHasher {
    fn write_u64(&mut self, value: u64) {
        let product = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
