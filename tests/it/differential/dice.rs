//! Dice: choices from a seed, so that a run can be repeated.

use crate::durability::Random;

pub(crate) struct Dice(Random);

impl Dice {
    /// Equal numbers give equal choices; each question of a run has dice of its own, so that one
    /// can be asked again without those before it.
    pub(crate) fn new(seed: u64, nth: u64) -> Self {
        let mut mixed = Random::from_seed(seed ^ nth.rotate_left(32));
        Self(Random::from_seed(mixed.next()))
    }

    /// In `0..n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.0.next() % n as u64) as usize
    }

    /// In `0..1`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Yes, so often out of a hundred times.
    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}
