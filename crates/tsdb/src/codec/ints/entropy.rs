//! Entropy: how small a column of integers might become by an entropy coder, without running it.

use super::factor;
use super::fit::entropy_bits;

/// Differences of differences are the most that is tried.
const ORDER_MAX: usize = 2;

/// A column in units of its greatest common divisor, for an entropy coder.
pub(in crate::codec) struct Scaled {
    pub(in crate::codec) first: i64,
    pub(in crate::codec) factor: i64,
    /// Distances from the first number, in units of the factor.
    pub(in crate::codec) distances: Vec<i64>,
    /// How often to take differences before writing them.
    pub(in crate::codec) order: usize,
    /// About the bytes that takes.
    pub(in crate::codec) n_bytes: usize,
}

/// Scales a column of at least one number and finds how its entropy is lowest.
pub(in crate::codec) fn scale(column: &[i64]) -> Scaled {
    let mut distances = Vec::new();
    let factor = factor::take_out(column, &mut distances);
    let (mut order, mut n_bits) = (0, entropy_bits(&distances));
    let mut differences = distances.clone();
    for next_order in 1..=ORDER_MAX {
        take_differences(&mut differences);
        let next_bits = entropy_bits(&differences);
        if next_bits < n_bits {
            (order, n_bits) = (next_order, next_bits);
        }
    }
    Scaled { first: column[0], factor, distances, order, n_bytes: (n_bits / 8.0) as usize }
}

fn take_differences(numbers: &mut Vec<i64>) {
    for i in 1..numbers.len() {
        numbers[i - 1] = numbers[i].wrapping_sub(numbers[i - 1]);
    }
    numbers.pop();
}
