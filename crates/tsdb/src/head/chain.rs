//! Chain: the samples of one series in one epoch, compressed as they come, exact to the bit.
//!
//! Each sample is a tag and what the tag announces, in bytes, so that appending is a few moves and
//! the next sample needs nothing but the one before it:
//!
//! | bits of the tag | meaning |
//! | --- | --- |
//! | 0 | always 1: a zero tag ends the chain |
//! | 1 | the start time differs from the one before: its distance to the sample follows, varint |
//! | 2-3 | change of the step between times: none, 2, 4 or 8 bytes |
//! | 4-7 | value: the same; 1-3: change of the scaled integer in 1, 2 or 4 bytes; 4: the same in 4 |
//! | | bytes behind a new exponent; 8-15: the first 1-8 bytes of the bits that differ |
//!
//! A value is a scaled integer when an integer divided by a power of ten is it, bit by bit.
//! It lives in memory alone; the log and the blocks have their own encodings.

use model::Sample;

use crate::query::gathered::Gathered;
use crate::wal::{put_varint_at, take_varint, unzigzag, zigzag};

/// No sample takes more bytes: tag, time, value, start.
pub(super) const SAMPLE_BYTES_MAX: usize = 1 + 8 + 8 + 10;

const TAG_IS_SET: u8 = 1;
const TAG_START: u8 = 1 << 1;
const VALUE_SAME: u8 = 0;
const VALUE_NEW_EXPONENT: u8 = 4;
/// One less than the code for one byte of differing bits.
const VALUE_DIFFERS: u8 = 7;

/// Powers of ten that a value may be scaled by.
const SCALES: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Added and subtracted it rounds to an integer, as no larger double has a fraction.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Scaled integers are smaller, so that their differences are exact.
const SCALED_MAX: f64 = (1_u64 << 51) as f64;

/// What the next sample is encoded against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) t_ms: i64,
    pub(super) start_ms: i64,
    pub(super) value_bits: u64,
    /// Between the last two times; 0 if it is none or wider than the field.
    pub(super) step_ms: i32,
    pub(super) exponent: u8,
}

impl Before {
    /// Before the first sample of a chain: some time that is near.
    pub(super) fn first(base_ms: i64) -> Self {
        Self { t_ms: base_ms, ..Self::default() }
    }

    /// After a sample. The first step of a chain says nothing about the next.
    fn follow(&mut self, sample: &Sample, is_first: bool) {
        let step = sample.t_ms.wrapping_sub(self.t_ms);
        self.step_ms = if is_first { 0 } else { i32::try_from(step).unwrap_or(0) };
        self.t_ms = sample.t_ms;
        self.start_ms = sample.start_ms;
        self.value_bits = sample.value.to_bits();
    }
}

/// Bytes on their way into a chain.
pub(super) struct Encoded {
    bytes: [u8; SAMPLE_BYTES_MAX],
    len: usize,
}

impl Encoded {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }
}

/// Encodes the next sample, which may be the first one of its chain.
pub(super) fn encode(before: &mut Before, sample: &Sample, is_first: bool) -> Encoded {
    let mut out = Encoded { bytes: [0; SAMPLE_BYTES_MAX], len: 1 };
    let time = put_time(&mut out, before, sample.t_ms);
    let value = put_value(&mut out, before, sample.value);
    let mut tag = TAG_IS_SET | time << 2 | value << 4;
    if sample.start_ms != before.start_ms {
        tag |= TAG_START;
        let distance = zigzag(sample.t_ms.wrapping_sub(sample.start_ms));
        out.len += put_varint_at(&mut out.bytes[out.len..], distance);
    }
    out.bytes[0] = tag;
    before.follow(sample, is_first);
    out
}

fn put_time(out: &mut Encoded, before: &Before, t_ms: i64) -> u8 {
    let step = t_ms.wrapping_sub(before.t_ms);
    let change = step.wrapping_sub(i64::from(before.step_ms));
    if change == 0 {
        return 0;
    }
    if let Ok(change) = i16::try_from(change) {
        out.put(change.to_le_bytes());
        return 1;
    }
    if let Ok(change) = i32::try_from(change) {
        out.put(change.to_le_bytes());
        return 2;
    }
    out.put(change.to_le_bytes());
    3
}

fn put_value(out: &mut Encoded, before: &mut Before, value: f64) -> u8 {
    let differing = value.to_bits() ^ before.value_bits;
    if differing == 0 {
        return VALUE_SAME;
    }
    let last = f64::from_bits(before.value_bits);
    if let Some(code) = put_scaled(out, before.exponent, last, value) {
        return code;
    }
    if let Some((exponent, change)) = new_exponent(before.exponent, last, value) {
        before.exponent = exponent;
        out.put([exponent]);
        out.put(change.to_le_bytes());
        return VALUE_NEW_EXPONENT;
    }
    let n = 8 - (differing.trailing_zeros() / 8) as usize;
    let bytes = differing.to_be_bytes();
    out.bytes[out.len..out.len + n].copy_from_slice(&bytes[..n]);
    out.len += n;
    VALUE_DIFFERS + n as u8
}

fn put_scaled(out: &mut Encoded, exponent: u8, last: f64, value: f64) -> Option<u8> {
    let change = scaled(value, exponent)? - scaled(last, exponent)?;
    if let Ok(change) = i8::try_from(change) {
        out.put(change.to_le_bytes());
        return Some(1);
    }
    if let Ok(change) = i16::try_from(change) {
        out.put(change.to_le_bytes());
        return Some(2);
    }
    let change = i32::try_from(change).ok()?;
    out.put(change.to_le_bytes());
    Some(3)
}

/// Another exponent by which both values are scaled integers, near each other.
fn new_exponent(current: u8, last: f64, value: f64) -> Option<(u8, i32)> {
    let others = (0..SCALES.len() as u8).filter(|exponent| *exponent != current);
    others.into_iter().find_map(|exponent| {
        let change = scaled(value, exponent)? - scaled(last, exponent)?;
        i32::try_from(change).ok().map(|change| (exponent, change))
    })
}

/// The integer that, divided by this power of ten, is exactly the value.
fn scaled(value: f64, exponent: u8) -> Option<i64> {
    let scale = SCALES[usize::from(exponent)];
    let rounded = (value * scale + ROUNDER) - ROUNDER;
    // Also false for what is no number.
    let is_small = rounded.abs() < SCALED_MAX;
    (is_small && (rounded / scale).to_bits() == value.to_bits()).then_some(rounded as i64)
}

/// The samples of a chain, from all of its bytes.
pub(super) struct Samples<'b> {
    bytes: &'b [u8],
    before: Before,
    /// The last value as a scaled integer, where that is known.
    scaled: Option<i64>,
    is_first: bool,
}

impl<'b> Samples<'b> {
    pub(super) fn new(bytes: &'b [u8], base_ms: i64) -> Self {
        Self { bytes, before: Before::first(base_ms), scaled: None, is_first: true }
    }

    fn take(&mut self) -> Option<Sample> {
        let tag = *self.bytes.split_off_first()?;
        if tag == 0 {
            return None;
        }
        let t_ms = self.take_time(tag >> 2 & 3)?;
        let value = self.take_value(tag >> 4)?;
        let start_ms = if tag & TAG_START == 0 {
            self.before.start_ms
        } else {
            t_ms.wrapping_sub(unzigzag(take_varint(&mut self.bytes)?))
        };
        let sample = Sample { t_ms, value, start_ms };
        self.before.follow(&sample, self.is_first);
        self.is_first = false;
        Some(sample)
    }

    fn take_time(&mut self, code: u8) -> Option<i64> {
        let change = match code {
            0 => 0,
            1 => i64::from(i16::from_le_bytes(self.take_bytes()?)),
            2 => i64::from(i32::from_le_bytes(self.take_bytes()?)),
            _ => i64::from_le_bytes(self.take_bytes()?),
        };
        let step = i64::from(self.before.step_ms).wrapping_add(change);
        Some(self.before.t_ms.wrapping_add(step))
    }

    fn take_value(&mut self, code: u8) -> Option<f64> {
        let change = match code {
            VALUE_SAME => return Some(f64::from_bits(self.before.value_bits)),
            1 => i64::from(i8::from_le_bytes(self.take_bytes()?)),
            2 => i64::from(i16::from_le_bytes(self.take_bytes()?)),
            3 => i64::from(i32::from_le_bytes(self.take_bytes()?)),
            VALUE_NEW_EXPONENT => {
                let [exponent] = self.take_bytes()?;
                self.before.exponent = exponent;
                self.scaled = None;
                i64::from(i32::from_le_bytes(self.take_bytes()?))
            }
            _ => return self.take_differing(usize::from(code.checked_sub(VALUE_DIFFERS)?)),
        };
        let exponent = self.before.exponent;
        let last = match self.scaled {
            Some(last) => last,
            None => scaled(f64::from_bits(self.before.value_bits), exponent)?,
        };
        self.scaled = Some(last + change);
        Some((last + change) as f64 / SCALES[usize::from(exponent)])
    }

    fn take_differing(&mut self, n: usize) -> Option<f64> {
        self.scaled = None;
        let (differing, rest) = self.bytes.split_at_checked(n)?;
        self.bytes = rest;
        let mut bits = [0; 8];
        bits[..n].copy_from_slice(differing);
        Some(f64::from_bits(self.before.value_bits ^ u64::from_be_bytes(bits)))
    }

    fn take_bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*taken)
    }
}

/// Appends the samples of a chain within these times, both inclusive.
pub(super) fn read(bytes: &[u8], base_ms: i64, (start_ms, end_ms): (i64, i64), out: &mut Gathered) {
    for sample in Samples::new(bytes, base_ms) {
        if sample.t_ms > end_ms {
            break;
        }
        if sample.t_ms >= start_ms {
            out.push(&sample);
        }
    }
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.take()
    }
}

#[cfg(test)]
mod tests;
