//! XOR: values as the bits that differ from the value before, for mantissas that no rule foretells
//! (after Gorilla, Pelkonen et al., VLDB 2015).
//!
//! `0`: the same value. `01`: the changed bits, in the window of the last change. `11`: a new window
//! (6 bits leading zeros, 6 bits width less 1), then the changed bits in it. The lowest bit of a
//! byte is the first, also of a number.

use super::cursor::Cursor;
use super::{CodecError, Flaw};

/// A narrower window is worth its description when it saves more than that.
const WINDOW_BITS: u32 = 12;

/// Bits of a value that have changed: `width` of them above `n_trailing` others.
#[derive(Clone, Copy)]
struct Window {
    n_trailing: u32,
    width: u32,
}

/// The changes of a column, each with the window to write it in and whether the window is new.
fn changes(values: &[u64]) -> impl Iterator<Item = (u64, Window, bool)> {
    let mut window = Window { n_trailing: 0, width: 0 };
    values.windows(2).map(move |pair| {
        let change = pair[0] ^ pair[1];
        if change == 0 {
            return (change, window, false);
        }
        let (n_leading, n_trailing) = (change.leading_zeros(), change.trailing_zeros());
        let width = 64 - n_leading - n_trailing;
        let ends = window.n_trailing + window.width;
        let holds = n_trailing >= window.n_trailing && 64 - n_leading <= ends;
        let is_new = !holds || window.width > width + WINDOW_BITS;
        if is_new {
            window = Window { n_trailing, width };
        }
        (change, window, is_new)
    })
}

/// Bytes that [`encode`] appends.
pub(super) fn n_bytes(values: &[u64]) -> usize {
    let n_bits = changes(values).map(|(change, window, is_new)| match (change, is_new) {
        (0, _) => 1,
        (_, false) => 2 + window.width as usize,
        (_, true) => 2 + (WINDOW_BITS + window.width) as usize,
    });
    8 + n_bits.sum::<usize>().div_ceil(8)
}

/// Appends a column of at least one value.
pub(super) fn encode(values: &[u64], out: &mut Vec<u8>) {
    out.extend_from_slice(&values[0].to_le_bytes());
    let mut bits = BitWriter { out, word: 0, n_bits: 0 };
    for (change, window, is_new) in changes(values) {
        if change == 0 {
            bits.put(0, 1);
            continue;
        }
        if is_new {
            let n_leading = 64 - window.width - window.n_trailing;
            bits.put(u64::from(0b11 | n_leading << 2 | (window.width - 1) << 8), 14);
        } else {
            bits.put(0b01, 2);
        }
        bits.put(change >> window.n_trailing, window.width);
    }
    bits.finish();
}

/// Reads as many values as there is room for, at least one, from all the bytes that are left.
pub(super) fn decode(cursor: &mut Cursor<'_>, out: &mut [u64]) -> Result<(), CodecError> {
    let first = cursor.take(8)?.first_chunk().expect("eight bytes were taken");
    let missing = cursor.error(Flaw::Missing);
    let wrong = cursor.error(Flaw::Width(64));
    let bytes = cursor.rest();
    let mut at = 0;
    let mut value = u64::from_le_bytes(*first);
    let mut window = Window { n_trailing: 0, width: 1 };
    out[0] = value;
    for next in &mut out[1..] {
        let head = load(bytes, at);
        if head & 1 == 0 {
            at += 1;
            *next = value;
            continue;
        }
        if head & 2 == 0 {
            at += 2;
        } else {
            at += 14;
            let n_leading = (head >> 2 & 63) as u32;
            let width = (head >> 8 & 63) as u32 + 1;
            let n_trailing = 64_u32.checked_sub(n_leading + width).ok_or(wrong)?;
            window = Window { n_trailing, width };
        }
        value ^= take(bytes, at, window.width) << window.n_trailing;
        at += window.width as usize;
        *next = value;
    }
    match bytes.len().cmp(&at.div_ceil(8)) {
        std::cmp::Ordering::Less => Err(missing),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(CodecError { flaw: Flaw::Surplus, ..missing }),
    }
}

/// So many bits, at least one; zeros behind the last byte.
fn take(bytes: &[u8], at: usize, n_bits: u32) -> u64 {
    let mask = u64::MAX >> (64 - n_bits);
    if n_bits <= 57 {
        return load(bytes, at) & mask;
    }
    (load(bytes, at) & u64::from(u32::MAX) | load(bytes, at + 32) << 32) & mask
}

/// At least 57 bits from this one on; zeros behind the last byte.
fn load(bytes: &[u8], at: usize) -> u64 {
    let here = bytes.get(at / 8..).unwrap_or_default();
    let word = match here.first_chunk() {
        Some(load) => u64::from_le_bytes(*load),
        None => here.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    word >> (at % 8)
}

struct BitWriter<'o> {
    out: &'o mut Vec<u8>,
    word: u64,
    n_bits: u32,
}

impl BitWriter<'_> {
    /// Appends the low `n_bits` of a number that has no others.
    fn put(&mut self, value: u64, n_bits: u32) {
        self.word |= value << self.n_bits;
        self.n_bits += n_bits;
        if self.n_bits >= 64 {
            self.out.extend_from_slice(&self.word.to_le_bytes());
            self.n_bits -= 64;
            self.word = value.checked_shr(n_bits - self.n_bits).unwrap_or(0);
        }
    }

    fn finish(self) {
        self.out.extend_from_slice(&self.word.to_le_bytes()[..self.n_bits.div_ceil(8) as usize]);
    }
}
