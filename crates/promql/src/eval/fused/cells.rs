//! Cells: what an aggregation knows of a group at a step while the members come one by one.

use fearless_simd::{Level, dispatch};

use super::super::kahan::{KahanSum, Mean};
use super::super::quantile;
use super::{ABSENT, is_absent};

/// The members of a group at a step so far. A new one has none.
pub(super) trait Cell: Clone {
    /// Of no members.
    const EMPTY: Self;

    /// Whether there is none.
    fn is_empty(&self) -> bool;

    /// Takes the next member.
    fn add(&mut self, value: f64);

    /// Takes the next member at each of some steps, where it is there.
    fn add_all(cells: &mut [Self], values: &[f64]) {
        add_each(cells, values);
    }

    /// How many numbers are looked at to make one of them.
    fn work(&self) -> usize {
        1
    }

    /// What is made of them, with the aggregation's parameter.
    fn value(&self, param: f64) -> f64;
}

/// `sum`
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum(KahanSum);

impl Cell for Sum {
    const EMPTY: Self = Self(KahanSum { sum: ABSENT, lost: 0.0 });

    fn is_empty(&self) -> bool {
        is_absent(self.0.sum)
    }

    #[inline]
    fn add(&mut self, value: f64) {
        self.0 = if self.is_empty() { KahanSum::new(value) } else { self.0.plus(value) };
    }

    fn add_all(cells: &mut [Self], values: &[f64]) {
        dispatch!(Level::new(), _ => add_some(cells, values));
    }

    fn value(&self, _param: f64) -> f64 {
        self.0.sum + self.0.lost
    }
}

/// So many sums grow at once, if nothing is special about any of them.
const SUMS_AT_ONCE: usize = 8;

/// Adds a number to each sum.
#[inline(always)]
fn add_some(cells: &mut [Sum], values: &[f64]) {
    let (groups, rest) = cells.as_chunks_mut::<SUMS_AT_ONCE>();
    let (groups_values, rest_values) = values.as_chunks::<SUMS_AT_ONCE>();
    for (cells, values) in groups.iter_mut().zip(groups_values) {
        let sums: [KahanSum; SUMS_AT_ONCE] =
            std::array::from_fn(|at| cells[at].0.plus_finite(values[at]));
        // What is absent, on either side, is no number: then the sum is not finite, either.
        if sums.iter().fold(true, |all, sum| all & sum.sum.is_finite()) {
            *cells = sums.map(Sum);
        } else {
            add_each(cells, values);
        }
    }
    add_each(rest, rest_values);
}

fn add_each<C: Cell>(cells: &mut [C], values: &[f64]) {
    for (cell, value) in cells.iter_mut().zip(values).filter(|(_, value)| !is_absent(**value)) {
        cell.add(*value);
    }
}

/// `avg`
#[derive(Debug, Clone, Copy)]
pub(super) struct Avg(Mean);

impl Cell for Avg {
    const EMPTY: Self = Self(Mean::NONE);

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[inline]
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn value(&self, _param: f64) -> f64 {
        self.0.value()
    }
}

/// `min`, and `max` if it is told so: the value that beats all before it; anything beats a NaN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extreme<const IS_MAX: bool>(f64);

impl<const IS_MAX: bool> Cell for Extreme<IS_MAX> {
    const EMPTY: Self = Self(ABSENT);

    fn is_empty(&self) -> bool {
        is_absent(self.0)
    }

    #[inline]
    fn add(&mut self, value: f64) {
        let beats = if IS_MAX { value > self.0 } else { value < self.0 };
        // What is absent is no number, too.
        if beats || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn value(&self, _param: f64) -> f64 {
        self.0
    }
}

/// `count`, and `group` if it is told so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count<const IS_GROUP: bool>(u64);

impl<const IS_GROUP: bool> Cell for Count<IS_GROUP> {
    const EMPTY: Self = Self(0);

    fn is_empty(&self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn add(&mut self, _value: f64) {
        self.0 += 1;
    }

    fn value(&self, _param: f64) -> f64 {
        if IS_GROUP { 1.0 } else { self.0 as f64 }
    }
}

/// `stdvar`, and `stddev` if it is told so, by Welford's method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variance<const IS_ROOT: bool> {
    n: f64,
    mean: f64,
    squares: f64,
}

impl<const IS_ROOT: bool> Cell for Variance<IS_ROOT> {
    const EMPTY: Self = Self { n: 0.0, mean: 0.0, squares: 0.0 };

    fn is_empty(&self) -> bool {
        self.n == 0.0
    }

    fn add(&mut self, value: f64) {
        if self.is_empty() {
            let squares = if value.is_finite() { 0.0 } else { f64::NAN };
            *self = Self { n: 1.0, mean: value, squares };
            return;
        }
        self.n += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.n;
        self.squares += delta * (value - self.mean);
    }

    fn value(&self, _param: f64) -> f64 {
        let variance = self.squares / self.n;
        if IS_ROOT { variance.sqrt() } else { variance }
    }
}

/// `quantile`: all members.
#[derive(Debug, Clone)]
pub(super) struct Members(Vec<f64>);

impl Cell for Members {
    const EMPTY: Self = Self(Vec::new());

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    fn work(&self) -> usize {
        1 + 8 * self.0.len()
    }

    fn value(&self, param: f64) -> f64 {
        quantile::of(param, self.0.clone())
    }
}
