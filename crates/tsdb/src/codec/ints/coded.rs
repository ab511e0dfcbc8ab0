//! Coded: whether the high bits of a column's distances are worth an entropy code, and the cutting
//! of distances into packed low bits and coded high ones.
//!
//! Packed bits cost the next power of two of a column's range whatever lies in it. The six highest
//! bits in which distances differ, coded, cost what their distribution is worth; the bits below are
//! nearly even and stay packed.

use super::fit::Fit;
use super::plan::Scratch;
use crate::codec::ans::{Frequencies, N_SYMBOLS, SYMBOL_BITS};
use crate::codec::exceptions::position_width;
use crate::codec::pack::width_of;

/// Columns of fewer numbers lose more by the table than they win, and are written most often.
const NUMBERS_MIN: usize = 192;
/// The code must save one part in so many: it is read at half the speed.
const WORTH_RATIO: usize = 16;
/// One in so many numbers is looked at first.
const SAMPLED: usize = 4;
/// Of the kinds of symbols a quarter cover what packing covers.
const COVERED_BITS: u32 = SYMBOL_BITS - 2;
/// The symbol of the base that packing has: as much room is below it as above its range.
const BASE_SYMBOL: i64 = (N_SYMBOLS as i64 - (1 << COVERED_BITS)) / 2;
/// Bits of a column's patches as such.
const PATCHES_BITS: usize = 16;

/// How to write these numbers with their high bits coded, given how to pack them; `None` if that
/// saves little.
pub(super) fn fit(packed: Fit, numbers: &[i64]) -> Option<(Fit, Frequencies)> {
    let is_narrow = packed.n_bits < numbers.len() / 4 || packed.width + COVERED_BITS > u64::BITS;
    if numbers.len() < NUMBERS_MIN || is_narrow {
        return None;
    }
    let width = packed.width.saturating_sub(COVERED_BITS);
    let base = packed.base.wrapping_sub(BASE_SYMBOL << width);
    // Most columns are worth no code, which a quarter of them shows.
    let sample = fit_every(SAMPLED, base, width, numbers)?.0;
    if SAMPLED * sample.n_bits > packed.n_bits {
        return None;
    }
    let (fit, frequencies) = fit_every(1, base, width, numbers)?;
    let is_worth_it = fit.n_bits + fit.n_bits / WORTH_RATIO < packed.n_bits;
    is_worth_it.then_some((fit, frequencies))
}

/// The cost of every so many numbers, and the code for them.
fn fit_every(stride: usize, base: i64, width: u32, numbers: &[i64]) -> Option<(Fit, Frequencies)> {
    let mut counts = [0; N_SYMBOLS];
    let (mut n_patches, mut folded) = (0, 0);
    for number in numbers.iter().step_by(stride) {
        let high = number.wrapping_sub(base) >> width;
        match counts.get_mut(usize::try_from(high).unwrap_or(usize::MAX)) {
            Some(count) => *count += 1,
            None => {
                n_patches += 1;
                folded |= high ^ high >> 63;
            }
        }
    }
    // A patched distance has the symbol that costs least.
    *counts.iter_mut().max()? += n_patches as u32;
    let frequencies = Frequencies::of(&counts)?;
    let patch_bits = (position_width(numbers.len()) + width_of(folded as u64) + 1) as usize;
    let patches_bits = match n_patches {
        // In a sample one patch would count for several.
        n if n == 0 || stride > 1 => 0,
        n => PATCHES_BITS + n * patch_bits,
    };
    let n_packed_bits = numbers.len().div_ceil(stride) * width as usize;
    let n_bits = n_packed_bits + frequencies.n_bits(&counts, stride) + patches_bits;
    Some((Fit { base, width, n_bits }, frequencies))
}

/// Collects the symbol of each distance, and patches where its high bits are none.
pub(super) fn split(frequencies: &Frequencies, fit: Fit, scratch: &mut Scratch) {
    let Scratch { residuals, patches, highs, symbols, .. } = scratch;
    let Fit { base, width, .. } = fit;
    patches.clear();
    highs.clear();
    symbols.clear();
    let cheapest = frequencies.cheapest();
    symbols.extend(residuals.iter().enumerate().map(|(i, number)| {
        let high = number.wrapping_sub(base) >> width;
        if (0..N_SYMBOLS as i64).contains(&high) {
            return high as u8;
        }
        patches.push(i as u32);
        highs.push(high);
        cheapest
    }));
}
