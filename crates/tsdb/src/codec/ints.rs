//! Whole numbers of 64 bits: distances from a base, a step, a change of step or a line, packed to
//! one width, and patches for the few that are wider.
//!
//! All arithmetic wraps, so every column has an encoding and all bytes decode to something.

use super::ans;
use super::cursor::Cursor;
use super::exceptions::take_positions;
use super::pack::{packed_len, unpack};
use super::{CodecError, Flaw};

pub(super) use plan::{Plan, Scratch, plan, plan_of_noise, plan_with_lines};

mod coded;
mod factor;
mod fit;
mod plan;
mod spread;

/// What the packed numbers are distances from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The lowest number.
    Level,
    /// The number before, plus the lowest step.
    Steps,
    /// The step before, plus the lowest change of step.
    Bends,
    /// A line that rises by a whole number.
    Line,
    /// A line that rises by a multiple of 1/65536.
    FineLine,
}

const FORMS: [Form; 5] = [Form::Level, Form::Steps, Form::Bends, Form::Line, Form::FineLine];
const FORM_MASK: u8 = 0b0000_0111;
const HAS_FACTOR: u8 = 0b0000_1000;
const HAS_PATCHES: u8 = 0b0001_0000;
/// The bits above the packed width follow in an entropy code.
const HAS_CODE: u8 = 0b0010_0000;
/// Beside the width of the patches: their highest bit is a sign.
const HIGHS_SIGNED: u8 = 0b1000_0000;
/// Fractional bits of a fine line's slope.
const SLOPE_BITS: u32 = 16;

/// Reads a column of as many numbers as there is room for, at least one.
pub(super) fn decode(cursor: &mut Cursor<'_>, out: &mut [u64]) -> Result<(), CodecError> {
    let head = Head::take(cursor)?;
    let n_before = match head.form {
        Form::Level | Form::Line | Form::FineLine => 0,
        Form::Steps => 1,
        Form::Bends => 2,
    };
    if head.form == Form::Bends {
        let wrong = cursor.error(Flaw::Form(head.form as u8));
        let second = out.get_mut(1).ok_or(wrong)?;
        *second = head.first.wrapping_add(head.slope.wrapping_mul(head.factor)) as u64;
    }
    let distances = &mut out[n_before..];
    unpack(cursor.take(packed_len(distances.len(), head.width))?, head.width, distances);
    let patches =
        if head.has_patches { Patches::take(cursor, distances.len())? } else { Patches::none() };
    if head.has_code {
        ans::decode_over(cursor, head.width, distances)?;
        patches.put_instead(head.width, distances);
    } else {
        patches.put_over(head.width, distances);
    }
    head.add_up(out);
    Ok(())
}

/// What stands before the packed numbers.
struct Head {
    form: Form,
    width: u32,
    first: i64,
    slope: i64,
    base: i64,
    factor: i64,
    has_patches: bool,
    has_code: bool,
}

impl Head {
    fn take(cursor: &mut Cursor<'_>) -> Result<Self, CodecError> {
        let unknown = cursor.error(Flaw::Form(cursor.peek().unwrap_or_default()));
        let form_byte = cursor.byte()?;
        if form_byte & !(FORM_MASK | HAS_FACTOR | HAS_PATCHES | HAS_CODE) != 0 {
            return Err(unknown);
        }
        let form = *FORMS.get(usize::from(form_byte & FORM_MASK)).ok_or(unknown)?;
        let (width, _) = take_width(cursor, 0)?;
        let wide = cursor.error(Flaw::Width(width));
        let first = cursor.signed()?;
        let has_slope = matches!(form, Form::Bends | Form::Line | Form::FineLine);
        let slope = if has_slope { cursor.signed()? } else { 0 };
        let has_base = matches!(form, Form::Steps | Form::Bends);
        let base = if has_base { cursor.signed()? } else { 0 };
        let factor = if form_byte & HAS_FACTOR != 0 { cursor.varint()? as i64 } else { 1 };
        let has_patches = form_byte & HAS_PATCHES != 0;
        let has_code = form_byte & HAS_CODE != 0;
        if has_code && width + ans::SYMBOL_BITS > 64 {
            return Err(wide);
        }
        Ok(Self { form, width, first, slope, base, factor, has_patches, has_code })
    }

    /// Turns distances into numbers.
    fn add_up(&self, out: &mut [u64]) {
        let (first, factor) = (self.first as u64, self.factor as u64);
        let base = (self.base as u64).wrapping_mul(factor);
        match self.form {
            Form::Level => {
                for number in out {
                    *number = first.wrapping_add(number.wrapping_mul(factor));
                }
            }
            Form::Steps => {
                let mut sum = first;
                out[0] = first;
                for number in &mut out[1..] {
                    sum = sum.wrapping_add(base.wrapping_add(number.wrapping_mul(factor)));
                    *number = sum;
                }
            }
            Form::Bends => {
                let mut sum = out[1];
                let mut step = sum.wrapping_sub(first);
                out[0] = first;
                for number in &mut out[2..] {
                    step = step.wrapping_add(base.wrapping_add(number.wrapping_mul(factor)));
                    sum = sum.wrapping_add(step);
                    *number = sum;
                }
            }
            Form::Line | Form::FineLine => {
                for (number, height) in out.iter_mut().zip(line(self.form, self.slope)) {
                    let distance = number.wrapping_mul(factor);
                    *number = first.wrapping_add(height as u64).wrapping_add(distance);
                }
            }
        }
    }
}

/// The bits above the packed width of distances that need more, and where those are.
struct Patches {
    positions: Vec<u64>,
    highs: Vec<u64>,
}

impl Patches {
    fn none() -> Self {
        Self { positions: Vec::new(), highs: Vec::new() }
    }

    fn take(cursor: &mut Cursor<'_>, n_distances: usize) -> Result<Self, CodecError> {
        let (high_width, is_signed) = take_width(cursor, HIGHS_SIGNED)?;
        let positions = take_positions(cursor, n_distances)?;
        let mut highs = vec![0; positions.len()];
        unpack(cursor.take(packed_len(highs.len(), high_width))?, high_width, &mut highs);
        if is_signed {
            // Moved up and down again, the highest bit fills the word.
            let unused = (64 - high_width) % 64;
            highs.iter_mut().for_each(|high| *high = ((*high << unused) as i64 >> unused) as u64);
        }
        Ok(Self { positions, highs })
    }

    /// Adds them to packed distances of this width.
    fn put_over(&self, width: u32, distances: &mut [u64]) {
        for (at, high) in self.positions.iter().zip(&self.highs) {
            distances[*at as usize] |= high.checked_shl(width).unwrap_or(0);
        }
    }

    /// Puts them in the place of what stands above this width.
    fn put_instead(&self, width: u32, distances: &mut [u64]) {
        let lows = 1_u64.checked_shl(width).map_or(u64::MAX, |above| above - 1);
        self.positions.iter().for_each(|at| distances[*at as usize] &= lows);
        self.put_over(width, distances);
    }
}

/// A width of at most 64, beside which a flag may stand.
fn take_width(cursor: &mut Cursor<'_>, flag: u8) -> Result<(u32, bool), CodecError> {
    let byte = cursor.peek().unwrap_or_default();
    let width = u32::from(byte & !flag);
    let wrong = cursor.error(Flaw::Width(width));
    cursor.byte()?;
    if width > 64 { Err(wrong) } else { Ok((width, byte & flag != 0)) }
}

/// The heights of a line at 0, 1, 2, ...
fn line(form: Form, slope: i64) -> impl Iterator<Item = i64> {
    let shift = if form == Form::FineLine { SLOPE_BITS } else { 0 };
    (0..).map(move |i: i64| i.wrapping_mul(slope) >> shift)
}
