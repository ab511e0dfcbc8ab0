//! Kahan: sums that keep what rounding loses, in Neumaier's form.

/// A sum and what its rounding lost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KahanSum {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl KahanSum {
    /// Of one number.
    pub(super) fn new(first: f64) -> Self {
        Self { sum: first, lost: 0.0 }
    }

    /// With one more number.
    #[inline]
    #[must_use]
    pub(super) fn plus(self, more: f64) -> Self {
        let next = self.plus_finite(more);
        if next.sum.is_finite() { next } else { self.plus_any(more) }
    }

    /// With one more number, in Neumaier's form.
    #[must_use]
    fn plus_any(self, more: f64) -> Self {
        let sum = self.sum + more;
        let lost = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= more.abs() {
            self.lost + ((self.sum - sum) + more)
        } else {
            self.lost + ((more - sum) + self.sum)
        };
        Self { sum, lost }
    }

    /// With one more number, if the sum stays finite: Knuth's form, without a question of which of two
    /// numbers is the larger one, gives the same bits.
    #[inline(always)]
    #[must_use]
    pub(super) fn plus_finite(self, more: f64) -> Self {
        let sum = self.sum + more;
        let taken = sum - self.sum;
        let lost = (self.sum - (sum - taken)) + (more - taken);
        Self { sum, lost: self.lost + lost }
    }

    /// The corrected sum.
    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// The sum of numbers.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(KahanSum::default(), KahanSum::plus).total()
}

/// A mean that grows number by number: a corrected sum, as long as that does not overflow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    /// The sum, or the mean itself once the sum would overflow.
    state: KahanSum,
    n: f64,
    is_incremental: bool,
}

impl Mean {
    /// Of no numbers.
    pub(super) const NONE: Self =
        Self { state: KahanSum { sum: 0.0, lost: 0.0 }, n: 0.0, is_incremental: false };

    /// Whether no number was added.
    pub(super) fn is_none(&self) -> bool {
        self.n == 0.0
    }

    /// With one more number.
    pub(super) fn add(&mut self, value: f64) {
        self.n += 1.0;
        if self.n == 1.0 {
            self.state = KahanSum::new(value);
            return;
        }
        if !self.is_incremental {
            let sum = self.state.plus(value);
            if !sum.sum.is_infinite() {
                self.state = sum;
                return;
            }
            self.is_incremental = true;
            self.state.sum /= self.n - 1.0;
            self.state.lost /= self.n - 1.0;
        }
        let shrink = (self.n - 1.0) / self.n;
        let scaled = KahanSum { sum: shrink * self.state.sum, lost: shrink * self.state.lost };
        self.state = scaled.plus(value / self.n);
    }

    /// The mean of what was added.
    pub(super) fn value(&self) -> f64 {
        if self.is_incremental {
            self.state.sum + self.state.lost
        } else {
            self.state.sum / self.n + self.state.lost / self.n
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KahanSum, Mean, sum};

    #[test]
    fn sums_keep_what_rounding_loses() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100].into_iter()), 2.0);
        assert_eq!(sum([f64::INFINITY, 1.0].into_iter()), f64::INFINITY);
        assert!(sum([f64::INFINITY, f64::NEG_INFINITY].into_iter()).is_nan());
    }

    #[test]
    fn both_forms_have_the_same_bits() {
        let numbers = [0.0, -0.0, 0.1, 1.0, -3.5, 1e16, -1e16, 1e-310, -5e-324, 1e300, -1e300];
        let mut at: usize = 7;
        let mut sums = [KahanSum::new(-0.0), KahanSum::default()];
        for sum in &mut sums {
            for _ in 0..10_000 {
                at = (at * 31 + 17) % 10_007;
                let more = numbers[at % numbers.len()] * (at as f64 / 977.0);
                let (plain, finite) = (sum.plus_any(more), sum.plus_finite(more));
                assert_eq!(plain.sum.to_bits(), finite.sum.to_bits());
                assert_eq!(plain.lost.to_bits(), finite.lost.to_bits());
                *sum = plain;
            }
        }
    }

    #[test]
    fn means_do_not_overflow() {
        let mut mean = Mean::default();
        for _ in 0..3 {
            mean.add(f64::MAX);
        }
        assert!(mean.value().is_finite() && mean.value() > f64::MAX * 0.999);
        let mut mean = Mean::default();
        [1.0, 2.0, 6.0].iter().for_each(|value| mean.add(*value));
        assert_eq!(mean.value(), 3.0);
    }
}
