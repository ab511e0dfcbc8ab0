//! Decimals: doubles as whole numbers of tenths, hundredths, ..., as people and programs print
//! them (after ALP). 21.37 is 2137 of `10^-2`.
//!
//! A value counts as decimal only if the division gives its very bits again.

use std::f64::consts::LOG10_2;

use fearless_simd::{Level, dispatch};

/// The greatest exponent: powers of ten up to this one are exact doubles.
pub(super) const EXPONENT_MAX: u8 = 22;

const POWERS: [f64; EXPONENT_MAX as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Adding it leaves a small double rounded to a whole number in the lowest bits: above 2^52 the
/// last bit of a double counts ones. Half as much again, so that negative numbers work as well.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Whole numbers of tenths and less stay within this, where the rounder works: 2^51.
const SCALED_MAX: f64 = 2_251_799_813_685_248.0;

/// Turns values into whole numbers of `10^-exponent`, and tells how many are not what they were.
/// Those become the number before them, which costs least.
pub(super) fn to_ints(values: &[u64], exponent: u8, ints: &mut Vec<i64>, misses: &mut Vec<u32>) {
    ints.clear();
    misses.clear();
    let mut n_misses = 0;
    if exponent == 0 {
        ints.extend(values.iter().map(|bits| {
            let int = f64::from_bits(*bits) as i64;
            n_misses += usize::from((int as f64).to_bits() != *bits);
            int
        }));
    } else {
        let power = POWERS[usize::from(exponent)];
        ints.extend(values.iter().map(|bits| {
            let (int, is_exact) = scale(*bits, power);
            n_misses += usize::from(!is_exact);
            int
        }));
    }
    if n_misses > 0 {
        fill_misses(values, exponent, ints, misses);
    }
}

fn scale(bits: u64, power: f64) -> (i64, bool) {
    let scaled = f64::from_bits(bits) * power;
    let int = (scaled + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits());
    let is_exact = unscale(int, power) == bits && scaled.abs() <= SCALED_MAX;
    (int as i64, is_exact)
}

/// The bits of the double that a whole number within 2^51 stands for.
#[inline(always)]
fn unscale(int: u64, power: f64) -> u64 {
    let double = f64::from_bits(int.wrapping_add(ROUNDER.to_bits())) - ROUNDER;
    (double / power).to_bits()
}

fn fill_misses(values: &[u64], exponent: u8, ints: &mut [i64], misses: &mut Vec<u32>) {
    let power = POWERS[usize::from(exponent)];
    let is_miss = |bits: u64, int: i64| {
        if exponent == 0 { (int as f64).to_bits() != bits } else { !scale(bits, power).1 }
    };
    let hits = values.iter().zip(&*ints).find(|(bits, int)| !is_miss(**bits, **int));
    let mut before = hits.map_or(0, |(_, int)| *int);
    for (i, (bits, int)) in values.iter().zip(ints).enumerate() {
        if is_miss(*bits, *int) {
            misses.push(i as u32);
            *int = before;
        }
        before = *int;
    }
}

/// Turns whole numbers of `10^-exponent` into the bits of doubles, in their place.
pub(super) fn from_ints(words: &mut [u64], exponent: u8) {
    dispatch!(Level::new(), _ => scale_down(words, exponent));
}

#[inline(always)]
fn scale_down(words: &mut [u64], exponent: u8) {
    if exponent == 0 {
        for word in words {
            *word = (*word as i64 as f64).to_bits();
        }
        return;
    }
    match FRACTIONS.get(usize::from(exponent)) {
        Some(fraction) if are_small(words) => {
            words.iter_mut().for_each(|word| *word = fraction.of(*word));
        }
        _ => {
            let power = POWERS[usize::from(exponent)];
            words.iter_mut().for_each(|word| *word = unscale(*word, power));
        }
    }
}

/// Whole numbers below this, and from it downwards with a sign, are small: 2^26.
const SMALL_MAX: u64 = 1 << 26;

#[inline(always)]
fn are_small(words: &[u64]) -> bool {
    let is_not = |word: &u64| word.wrapping_add(SMALL_MAX) / (2 * SMALL_MAX);
    words.iter().fold(0, |all, word| all | is_not(word)) == 0
}

/// A power of ten as what to multiply with, because to divide takes several times as long.
///
/// A small number times `high`, which has 27 bits, is exact; times `low`, the rest of `10^-e`, it is
/// off by less than `2^-78` of the quotient. A quotient of whole numbers by `10^e`, unless a double
/// itself, is at least `2^-54 / 5^e` of itself away from the middle between two doubles: for `e` up
/// to 8 that is more than `2^-73`, so the sum of both is rounded as the quotient would be.
struct Fraction {
    high: f64,
    low: f64,
}

const FRACTIONS: [Fraction; 9] = [
    Fraction::below(1e0),
    Fraction::below(1e1),
    Fraction::below(1e2),
    Fraction::below(1e3),
    Fraction::below(1e4),
    Fraction::below(1e5),
    Fraction::below(1e6),
    Fraction::below(1e7),
    Fraction::below(1e8),
];

impl Fraction {
    /// One over a power of ten.
    const fn below(power: f64) -> Self {
        let high = f64::from_bits((1.0 / power).to_bits() >> 26 << 26);
        // `high * power` is exact, and so is what it lacks to one.
        Self { high, low: (1.0 - high * power) / power }
    }

    /// The bits of the double that a small whole number stands for.
    #[inline(always)]
    fn of(&self, int: u64) -> u64 {
        let double = f64::from_bits(int.wrapping_add(ROUNDER.to_bits())) - ROUNDER;
        (double * self.high + double * self.low).to_bits()
    }
}

/// The least exponent with which a value is decimal.
pub(super) fn exponent_of(bits: u64) -> Option<u8> {
    let value = f64::from_bits(bits & !(1 << 63));
    if value.trunc() == value && value < 9.2e18 {
        // -0.0 is no whole number: it would come back without its sign.
        return (bits != 1 << 63).then_some(0);
    }
    // The greatest exponent that keeps the number within 2^51.
    let n_integer_bits = (bits >> 52 & 0x7ff) as i32 - 1022;
    let greatest = ((51 - n_integer_bits) as f64 * LOG10_2) as i32;
    let mut exponent = u8::try_from(greatest.min(i32::from(EXPONENT_MAX))).ok()?;
    let (mut int, is_exact) = scale(value.to_bits(), POWERS[usize::from(exponent)]);
    if !is_exact || int == 0 {
        return None;
    }
    while exponent > 0 && int % 10 == 0 {
        int /= 10;
        exponent -= 1;
    }
    Some(exponent)
}
