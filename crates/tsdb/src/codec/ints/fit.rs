//! Fit: the base and the width with which a column of distances packs smallest.

use crate::codec::exceptions::position_width;
use crate::codec::pack::width_of;

/// Numbers as distances from a base, packed to a width. Those below the base and those too wide
/// are patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) base: i64,
    /// Bits of each packed distance.
    pub(super) width: u32,
    /// About the bits of it all.
    pub(super) n_bits: usize,
}

/// Of so many numbers, one at most may lie far below the others.
const BELOW_RATIO: u32 = 16;
/// The search for a better base ends when a step of it saves less than this part.
const WORTH_RATIO: usize = 16;
/// Of so many numbers, one at most may be patched.
const PATCH_RATIO: u32 = 4;
/// Bits of a column's patches as such: their width, their number.
const PATCHES_BITS: u32 = 16;
/// Numbers that are looked at to find the middle: an error of a sixth of the deviation.
const MIDDLE_SAMPLES: usize = 64;

impl Fit {
    /// Upwards from the lowest number.
    pub(super) fn from_lowest(numbers: &[i64]) -> Self {
        let base = numbers.iter().copied().min().unwrap_or(0);
        let mut widths = Widths::of(numbers, base);
        let mut best = widths.fit_above(base);
        // A few numbers far below the others, as where a counter was reset, would make all
        // distances wide: then the base is the lowest of the others.
        while widths.few_narrower(best.width) {
            let others = numbers.iter().copied().filter(|number| {
                let distance = number.wrapping_sub(best.base) as u64;
                *number > best.base && width_of(distance) >= best.width
            });
            let Some(base) = others.min() else {
                break;
            };
            widths = Widths::of(numbers, base);
            let next = widths.fit_above(base);
            let is_worth_more = next.n_bits < best.n_bits - best.n_bits / WORTH_RATIO;
            if next.n_bits < best.n_bits {
                best = next;
            }
            if !is_worth_more {
                break;
            }
        }
        best
    }

    /// The smaller of this one and one around the number in the middle, which is better where as
    /// many numbers lie far below the others as above.
    pub(super) fn or_around_middle(self, numbers: &[i64]) -> Self {
        if self.width < 3 {
            // One bit less would leave more than patches are good for.
            return self;
        }
        let middle = middle(numbers);
        let around = Widths::of(numbers, middle).fit_around(middle);
        if around.n_bits < self.n_bits { around } else { self }
    }
}

/// The median of a few numbers taken evenly from these.
fn middle(numbers: &[i64]) -> i64 {
    let stride = numbers.len().div_ceil(MIDDLE_SAMPLES);
    let mut sample = [0; MIDDLE_SAMPLES];
    let mut n_sampled = 0;
    for (place, number) in sample.iter_mut().zip(numbers.iter().step_by(stride)) {
        *place = *number;
        n_sampled += 1;
    }
    *sample[..n_sampled].select_nth_unstable(n_sampled / 2).1
}

/// How many distances from a number have each width.
struct Widths {
    n: u32,
    /// Upwards; 0 has width 0.
    above: [u32; 64],
    /// Downwards; -1 has width 0.
    below: [u32; 64],
}

impl Widths {
    fn of(numbers: &[i64], base: i64) -> Self {
        // Two tables by turns: an increment need not wait for the one before.
        let mut tables = [[0; 128]; 2];
        for (i, number) in numbers.iter().enumerate() {
            let distance = number.wrapping_sub(base);
            let sign = distance >> 63;
            let width = width_of((distance ^ sign) as u64) as usize;
            tables[i % 2][width | sign as usize & 64] += 1;
        }
        let [even, odd] = tables;
        let sum = |from: usize| std::array::from_fn(|width| even[from + width] + odd[from + width]);
        Self { n: numbers.len() as u32, above: sum(0), below: sum(64) }
    }

    /// Whether a few, but not none, lie below or are narrower than this.
    fn few_narrower(&self, width: u32) -> bool {
        let narrower = &self.above[..width as usize];
        let n_narrower: u32 = narrower.iter().chain(&self.below).sum();
        width > 0 && 0 < n_narrower && n_narrower <= self.n / BELOW_RATIO
    }

    /// The cheapest fit to distances upwards.
    fn fit_above(&self, base: i64) -> Fit {
        let n_below: u32 = self.below.iter().sum();
        let widest = widest(&self.above);
        // If some lie below, patches have a sign.
        let (widest_patch, n_sign) =
            if n_below > 0 { (widest.max(self::widest(&self.below)), 1) } else { (widest, 0) };
        let mut best = Fit { base, width: widest, n_bits: usize::MAX };
        let mut n_patches = n_below;
        for width in (0..=widest).rev() {
            let high_width = widest_patch.max(width) - width + n_sign;
            let n_bits = self.n_bits(width, n_patches, high_width);
            if n_bits < best.n_bits {
                best = Fit { base, width, n_bits };
            }
            n_patches += self.above[width as usize];
            if n_patches > self.n / PATCH_RATIO {
                break;
            }
        }
        best
    }

    /// The cheapest fit to distances upwards and downwards alike.
    fn fit_around(&self, middle: i64) -> Fit {
        let both: [u32; 64] = std::array::from_fn(|width| self.above[width] + self.below[width]);
        let widest = widest(&both) + 1;
        let mut best = Fit { base: middle, width: widest, n_bits: usize::MAX };
        let mut n_patches = 0;
        for width in (1..=widest).rev() {
            let n_bits = self.n_bits(width, n_patches, widest - width + 1);
            if n_bits < best.n_bits {
                best = Fit { base: middle.wrapping_sub(1 << (width - 1)), width, n_bits };
            }
            n_patches += both[width as usize - 1];
            if n_patches > self.n / PATCH_RATIO {
                break;
            }
        }
        best
    }

    fn n_bits(&self, width: u32, n_patches: u32, high_width: u32) -> usize {
        let patch = position_width(self.n as usize) + high_width;
        let patches = if n_patches > 0 { PATCHES_BITS + n_patches * patch } else { 0 };
        (self.n * width + patches) as usize
    }
}

fn widest(n_of_width: &[u32]) -> u32 {
    n_of_width.iter().rposition(|n| *n > 0).unwrap_or(0) as u32
}

/// The slope of the line through a column that leaves the least squares, with so many fractional
/// bits; `None` if there is no sensible one.
pub(super) fn slope(column: &[i64], fraction_bits: u32) -> Option<i64> {
    let n = column.len() as f64;
    if column.len() < 3 {
        return None;
    }
    let middle = (n - 1.0) / 2.0;
    let mut sum = 0.0;
    for (i, number) in column.iter().enumerate() {
        let rise = number.checked_sub(column[0])?;
        sum += (i as f64 - middle) * rise as f64;
    }
    let slope = sum * 12.0 / (n * (n * n - 1.0)) * f64::from(1_u32 << fraction_bits);
    (slope.abs() < (1_u64 << 52) as f64).then_some(slope.round() as i64)
}
