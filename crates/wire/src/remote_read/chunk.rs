//! Chunk: samples of one series, each as the difference to the one before, bit by bit.
//!
//! A count (u16, the highest byte first); the first time (zigzag varint) and value (64 bits); the
//! second time as a difference (varint); then the difference of differences. Bits go from the
//! highest of a byte to the lowest.

use model::Sample;

use super::bits::{BitWriter, XorRow};

/// A chunk that nobody wrote like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Fewer bits than its count needs.
    #[error("a chunk ends within a sample")]
    Truncated,
    /// A value of more than 64 bits.
    #[error("a chunk has a value of more than 64 bits")]
    Width,
}

/// Samples of a chunk as Prometheus cuts them.
pub(super) const CHUNK_SAMPLES_MAX: usize = 120;

/// The chunk of these samples, at most [`CHUNK_SAMPLES_MAX`], in rising time.
pub(super) fn encode_xor(samples: &[Sample]) -> Vec<u8> {
    let mut out = BitWriter::behind((samples.len() as u16).to_be_bytes().to_vec());
    let Some((first, rest)) = samples.split_first() else { return out.into_bytes() };
    out.put_varint(((first.t_ms << 1) ^ (first.t_ms >> 63)).cast_unsigned());
    let mut values = XorRow::begin(first.value, &mut out);
    let (mut before_ms, mut delta_ms) = (first.t_ms, 0_i64);
    for (at, sample) in rest.iter().enumerate() {
        let delta = sample.t_ms.wrapping_sub(before_ms);
        match at {
            0 => out.put_varint(delta.cast_unsigned()),
            _ => put_delta_of_delta(&mut out, delta.wrapping_sub(delta_ms)),
        }
        values.put(sample.value, &mut out);
        (before_ms, delta_ms) = (sample.t_ms, delta);
    }
    out.into_bytes()
}

fn put_delta_of_delta(out: &mut BitWriter, dod: i64) {
    // The highest number of so many bits stands for itself: the range is not that of two's
    // complement.
    let fits = |n: u32| -((1_i64 << (n - 1)) - 1) <= dod && dod <= 1 << (n - 1);
    let (mark, n_mark, n_bits) = match dod {
        0 => (0, 1, 0),
        _ if fits(14) => (0b10, 2, 14),
        _ if fits(17) => (0b110, 3, 17),
        _ if fits(20) => (0b1110, 4, 20),
        _ => (0b1111, 4, 64),
    };
    out.put(mark, n_mark);
    out.put(dod.cast_unsigned(), n_bits);
}

/// Appends the samples of a chunk.
pub(super) fn decode_xor(data: &[u8], out: &mut Vec<Sample>) -> Result<(), ChunkError> {
    let (n, bytes) = data.split_first_chunk::<2>().ok_or(ChunkError::Truncated)?;
    let mut state = State { bits: Bits { bytes, at: 0 }, ..State::default() };
    for at in 0..u16::from_be_bytes(*n) {
        state.step(at)?;
        out.push(Sample::new(state.t_ms, f64::from_bits(state.value)));
    }
    Ok(())
}

#[derive(Default)]
struct State<'c> {
    bits: Bits<'c>,
    t_ms: i64,
    /// From the sample before to this one.
    delta_ms: i64,
    value: u64,
    n_leading: u32,
    n_significant: u32,
}

impl State<'_> {
    fn step(&mut self, at: u16) -> Result<(), ChunkError> {
        match at {
            0 => {
                let zigzag = self.bits.varint()?;
                self.t_ms = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
                self.value = self.bits.take(64)?;
                return Ok(());
            }
            1 => self.delta_ms = self.bits.varint()?.cast_signed(),
            _ => self.delta_ms = self.delta_ms.wrapping_add(self.delta_of_delta()?),
        }
        self.t_ms = self.t_ms.wrapping_add(self.delta_ms);
        self.next_value()
    }

    fn delta_of_delta(&mut self) -> Result<i64, ChunkError> {
        for n_bits in [0, 14, 17, 20] {
            if self.bits.take(1)? == 0 {
                return self.signed(n_bits);
            }
        }
        Ok(self.bits.take(64)?.cast_signed())
    }

    /// A number of so many bits, the highest of which alone stands for itself, not for a sign:
    /// from `-(2^(n-1) - 1)` to `2^(n-1)`.
    fn signed(&mut self, n_bits: u32) -> Result<i64, ChunkError> {
        if n_bits == 0 {
            return Ok(0);
        }
        let number = self.bits.take(n_bits)?.cast_signed();
        let is_negative = number > 1 << (n_bits - 1);
        Ok(if is_negative { number - (1 << n_bits) } else { number })
    }

    fn next_value(&mut self) -> Result<(), ChunkError> {
        if self.bits.take(1)? == 0 {
            return Ok(());
        }
        if self.bits.take(1)? == 1 {
            self.n_leading = self.bits.take(5)? as u32;
            let n = self.bits.take(6)? as u32;
            // 64 does not fit six bits, and 0 is never needed.
            self.n_significant = if n == 0 { 64 } else { n };
        }
        let n_used = self.n_leading + self.n_significant;
        let n_trailing = 64_u32.checked_sub(n_used).ok_or(ChunkError::Width)?;
        let changed = self.bits.take(self.n_significant)?;
        self.value ^= changed.checked_shl(n_trailing).unwrap_or(0);
        Ok(())
    }
}

/// Bits, the highest of a byte first.
#[derive(Default)]
struct Bits<'c> {
    bytes: &'c [u8],
    /// How many were read.
    at: usize,
}

impl Bits<'_> {
    /// The next bits as a number, at most 64.
    fn take(&mut self, n_bits: u32) -> Result<u64, ChunkError> {
        let (mut number, mut n_wanted) = (0_u64, n_bits);
        while n_wanted > 0 {
            let byte = *self.bytes.get(self.at / 8).ok_or(ChunkError::Truncated)?;
            let n_unread = 8 - (self.at % 8) as u32;
            let n_now = n_unread.min(n_wanted);
            let part = (u32::from(byte) >> (n_unread - n_now)) & ((1 << n_now) - 1);
            number = number << n_now | u64::from(part);
            self.at += n_now as usize;
            n_wanted -= n_now;
        }
        Ok(number)
    }

    fn varint(&mut self) -> Result<u64, ChunkError> {
        let mut number = 0;
        for at in 0..10 {
            let byte = self.take(8)?;
            if at == 9 && byte > 1 {
                break;
            }
            number |= (byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ChunkError::Width)
    }
}
