//! Values: the bits of doubles, written as decimals where they are some, else by what their bits
//! have in common.

use super::blocks;
use super::cursor::Cursor;
use super::decimal::{self, EXPONENT_MAX};
use super::exceptions::{Exceptions, position_width, put_exceptions};
use super::ints;
use super::long;
use super::xor;
use super::{CodecError, Flaw};

/// 64 bits each.
const RAW: u8 = 0x00;
/// What differs from the value before.
const XOR: u8 = 0x01;
/// The bits as whole numbers.
const BITS: u8 = 0x02;
/// All the same; plus the number of its high bytes that are written, the rest is zeros.
const CONSTANT: u8 = 0x10;
const CONSTANT_LAST: u8 = CONSTANT + 8;
/// Decimals; plus the exponent.
const DECIMAL: u8 = 0x20;
const DECIMAL_LAST: u8 = DECIMAL + EXPONENT_MAX;
/// Decimals with exceptions; plus the exponent.
const DECIMAL_EXCEPT: u8 = 0x40;
const DECIMAL_EXCEPT_LAST: u8 = DECIMAL_EXCEPT + EXPONENT_MAX;

/// Decimals of a long column by an entropy coder; plus the exponent.
const LONG: u8 = 0x60;
const LONG_LAST: u8 = LONG + EXPONENT_MAX;
/// The same with exceptions; plus the exponent.
const LONG_EXCEPT: u8 = 0x80;
const LONG_EXCEPT_LAST: u8 = LONG_EXCEPT + EXPONENT_MAX;

/// Values that are looked at to find an exponent.
const N_PROBES: usize = 16;
/// The same, for a series whose last chunk was not decimal.
const N_PROBES_NOT_DECIMAL: usize = 4;
/// Decimals that take more bytes per value are compared with the other ways.
const DECIMAL_BYTES_GOOD: usize = 4;

/// What the last chunk of the series was written with; it spares the search for the exponent. The
/// default knows nothing, and a wrong one costs time or a few bytes, never a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hint(pub(crate) u8);

impl Hint {
    /// The series is not decimal.
    const NOT_DECIMAL: Self = Self(u8::MAX);

    fn of(exponent: u8) -> Self {
        Self(exponent + 1)
    }

    fn exponent(self) -> Option<u8> {
        self.0.checked_sub(1).filter(|exponent| *exponent <= EXPONENT_MAX)
    }
}

/// Writes columns of doubles, and keeps the memory that this takes from one to the next.
#[derive(Default)]
pub(crate) struct Encoder {
    hint: Hint,
    ints: Vec<i64>,
    bits: Vec<i64>,
    misses: Vec<u32>,
    /// Planning columns of decimals, and of bits.
    scratch: ints::Scratch,
    bits_scratch: ints::Scratch,
}

/// Appends the `n` doubles of a column, as their bits. All of the bytes must be the column's.
///
/// Takes no more memory than for one sub-block beyond what the bytes hold, or for 2^20 values.
pub(crate) fn decode(bytes: &[u8], n: usize, out: &mut Vec<u64>) -> Result<(), CodecError> {
    let mut cursor = Cursor::new(bytes);
    if n > blocks::BLOCK_SAMPLES && cursor.peek() == Some(long::MARK) {
        return decode_long(&mut cursor, n, out);
    }
    blocks::decode(&mut cursor, n, out, decode_block)
}

impl Encoder {
    /// Appends the bytes of a column of doubles, given as their bits. How many there are is for
    /// the caller to keep.
    pub(crate) fn encode(&mut self, values: &[u64], hint: &mut Hint, out: &mut Vec<u8>) {
        self.hint = *hint;
        blocks::encode(values, out, |block, out| self.block(block, out));
        *hint = self.hint;
    }

    fn block(&mut self, values: &[u64], out: &mut Vec<u8>) {
        if values.iter().all(|value| *value == values[0]) {
            return put_constant(values[0], out);
        }
        let Some(exponent) = self.exponent(values) else {
            self.hint = Hint::NOT_DECIMAL;
            return self.not_decimal(values, out);
        };
        self.hint = Hint::of(exponent);
        let plan = ints::plan(&self.ints, &mut self.scratch);
        let exception_bits = 64 + position_width(values.len()) as usize;
        let n_bytes = plan.n_bytes() + (self.misses.len() * exception_bits).div_ceil(8);
        if n_bytes > DECIMAL_BYTES_GOOD * values.len() && n_bytes > self.n_bytes_else(values) {
            self.hint = Hint::NOT_DECIMAL;
            return self.not_decimal(values, out);
        }
        if self.misses.is_empty() {
            out.push(DECIMAL + exponent);
        } else {
            out.push(DECIMAL_EXCEPT + exponent);
            put_exceptions(&self.misses, values, out);
        }
        plan.write(&mut self.scratch, out);
    }

    /// Appends the column as one, as earlier writers did where that was smaller; `None` if its
    /// values are not decimal.
    #[cfg(test)]
    pub(crate) fn encode_long(&mut self, values: &[u64], out: &mut Vec<u8>) -> Option<()> {
        let exponent = self.exponent(values)?;
        out.push(long::MARK);
        if self.misses.is_empty() {
            out.push(LONG + exponent);
        } else {
            out.push(LONG_EXCEPT + exponent);
            put_exceptions(&self.misses, values, out);
        }
        out.extend_from_slice(&long::encode(&self.ints));
        Some(())
    }

    /// The exponent with which to write these values, which are then in `ints` and `misses`.
    fn exponent(&mut self, values: &[u64]) -> Option<u8> {
        let n_probes = if self.hint == Hint::NOT_DECIMAL { N_PROBES_NOT_DECIMAL } else { N_PROBES };
        let first = match self.hint.exponent() {
            Some(exponent) => exponent,
            None => probe(values.iter(), values.len(), n_probes)?,
        };
        decimal::to_ints(values, first, &mut self.ints, &mut self.misses);
        let exponent = if self.misses.is_empty() { first } else { self.other(values, first) };
        (self.misses.len() < values.len()).then_some(exponent)
    }

    /// The exponent of the values that this one misses, if it is better for all.
    fn other(&mut self, values: &[u64], exponent: u8) -> u8 {
        // A digit more makes every value wider, by 3.32 bits; a miss takes about 72.
        let cost = |exponent: u8, n_misses: usize| {
            n_misses * 72 + values.len() * usize::from(exponent) * 10 / 3
        };
        let cost_now = cost(exponent, self.misses.len());
        let missed = self.misses.iter().map(|at| &values[*at as usize]);
        let other = match probe(missed, self.misses.len(), N_PROBES) {
            Some(other) if other != exponent && cost(other, 0) < cost_now => other,
            _ => return exponent,
        };
        decimal::to_ints(values, other, &mut self.ints, &mut self.misses);
        if cost(other, self.misses.len()) < cost_now {
            return other;
        }
        decimal::to_ints(values, exponent, &mut self.ints, &mut self.misses);
        exponent
    }

    /// Bytes of the best way that is not decimal.
    fn n_bytes_else(&mut self, values: &[u64]) -> usize {
        let n_bytes = self.plan_bits(values).n_bytes();
        n_bytes.min(n_bytes_xor(values, n_bytes)).min(8 * values.len())
    }

    fn not_decimal(&mut self, values: &[u64], out: &mut Vec<u8>) {
        let plan = self.plan_bits(values);
        let n_bytes_xor = n_bytes_xor(values, plan.n_bytes());
        if plan.n_bytes().min(n_bytes_xor) >= 8 * values.len() {
            out.push(RAW);
            values.iter().for_each(|bits| out.extend_from_slice(&bits.to_le_bytes()));
        } else if plan.n_bytes() <= n_bytes_xor {
            out.push(BITS);
            plan.write(&mut self.bits_scratch, out);
        } else {
            out.push(XOR);
            xor::encode(values, out);
        }
    }

    fn plan_bits(&mut self, values: &[u64]) -> ints::Plan {
        self.bits.clear();
        self.bits.extend(values.iter().map(|bits| *bits as i64));
        ints::plan_of_noise(&self.bits, &mut self.bits_scratch)
    }
}

/// Bytes of the changes of these values; more than any if there is no hope of fewer than this.
fn n_bytes_xor(values: &[u64], n_bytes: usize) -> usize {
    // A change of a mantissa takes as long as the mantissa: only repeated values or exponents far
    // apart make it worth a look.
    let n_repeated = values.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let is_hopeful = n_repeated > values.len() / 16 || n_bytes > 7 * values.len();
    if is_hopeful { xor::n_bytes(values) } else { usize::MAX }
}

/// The greatest exponent among values that are decimal, a few of them looked at.
fn probe<'v>(values: impl Iterator<Item = &'v u64>, n: usize, n_probes: usize) -> Option<u8> {
    let stride = n.div_ceil(n_probes).max(1);
    values.step_by(stride).filter_map(|bits| decimal::exponent_of(*bits)).max()
}

/// High bytes come first, and trailing zeros not at all: 1.0 takes two bytes.
fn put_constant(bits: u64, out: &mut Vec<u8>) {
    let n_bytes = 8 - bits.trailing_zeros() as usize / 8;
    out.push(CONSTANT + n_bytes as u8);
    out.extend_from_slice(&bits.to_be_bytes()[..n_bytes]);
}

fn take_constant(cursor: &mut Cursor<'_>, n_bytes: u8) -> Result<u64, CodecError> {
    let mut bytes = [0; 8];
    bytes[..usize::from(n_bytes)].copy_from_slice(cursor.take(usize::from(n_bytes))?);
    Ok(u64::from_be_bytes(bytes))
}

fn decode_block(cursor: &mut Cursor<'_>, out: &mut [u64]) -> Result<(), CodecError> {
    let unknown = cursor.error(Flaw::Tag(cursor.peek().unwrap_or_default()));
    match cursor.byte()? {
        RAW => {
            let bytes = cursor.take(8 * out.len())?;
            for (value, bits) in out.iter_mut().zip(bytes.as_chunks().0) {
                *value = u64::from_le_bytes(*bits);
            }
        }
        XOR => xor::decode(cursor, out)?,
        BITS => ints::decode(cursor, out)?,
        tag @ CONSTANT..=CONSTANT_LAST => out.fill(take_constant(cursor, tag - CONSTANT)?),
        tag @ DECIMAL..=DECIMAL_LAST => {
            decode_decimals(cursor, tag - DECIMAL, &Exceptions::none(), out)?;
        }
        tag @ DECIMAL_EXCEPT..=DECIMAL_EXCEPT_LAST => {
            let exceptions = Exceptions::take(cursor, out.len())?;
            decode_decimals(cursor, tag - DECIMAL_EXCEPT, &exceptions, out)?;
        }
        _ => return Err(unknown),
    }
    Ok(())
}

fn decode_long(cursor: &mut Cursor<'_>, n: usize, out: &mut Vec<u64>) -> Result<(), CodecError> {
    cursor.byte()?;
    let unknown = cursor.error(Flaw::Tag(cursor.peek().unwrap_or_default()));
    let (exponent, exceptions) = match cursor.byte()? {
        tag @ LONG..=LONG_LAST => (tag - LONG, Exceptions::none()),
        tag @ LONG_EXCEPT..=LONG_EXCEPT_LAST => (tag - LONG_EXCEPT, Exceptions::take(cursor, n)?),
        _ => return Err(unknown),
    };
    let begin = out.len();
    long::decode(cursor, n, out)?;
    let values = &mut out[begin..];
    decimal::from_ints(values, exponent);
    exceptions.put_into(values);
    Ok(())
}

fn decode_decimals(
    cursor: &mut Cursor<'_>,
    exponent: u8,
    exceptions: &Exceptions<'_>,
    out: &mut [u64],
) -> Result<(), CodecError> {
    ints::decode(cursor, out)?;
    decimal::from_ints(out, exponent);
    exceptions.put_into(out);
    Ok(())
}
