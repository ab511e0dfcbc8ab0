//! Chunk: up to 120 samples of one series in rising time, compressed, exact to the bit.
//!
//! After Gorilla (Pelkonen et al., VLDB 2015): times as differences of differences, values as the
//! bits that differ from the value before. A prefix of ones says how wide the number is:
//!
//! | times | then | values | then | starts, if the chunk has them | then |
//! | --- | --- | --- | --- | --- | --- |
//! | `0` | same step | `0` | same bits | `0` | same start |
//! | `10` | 7 bits | `10` | bits in the window before | `10` | the time before |
//! | `110` | 14 bits | `11` | 6 bits leading zeros, 6 bits width - 1, bits | `11` | 64 bits |
//! | `1110` | 20 bits | | | | |
//! | `1111` | 64 bits | | | | |
//!
//! It lives in memory alone; the log has its own encoding.

use std::sync::Arc;

use model::Sample;

use super::bits::{BitReader, BitWriter};

/// A chunk that has this many is sealed.
pub(super) const CHUNK_SAMPLES_MAX: u32 = 120;
/// Widths of the difference of differences, by the ones before it.
const STEP_BITS: [u32; 5] = [0, 7, 14, 20, 64];

/// Samples that do not change any more.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    first_ms: i64,
    last_ms: i64,
    n_samples: u32,
    with_starts: bool,
    bytes: Arc<[u8]>,
}

impl Chunk {
    /// One chunk of all these samples, rising in time; at least one.
    pub(super) fn of(samples: &[Sample]) -> Self {
        let with_starts = samples.iter().any(|sample| sample.start_ms != 0);
        let (first, rest) = samples.split_first().expect("a chunk is never empty");
        let mut writer = ChunkWriter::begin(first, with_starts);
        for sample in rest {
            writer.push(sample);
        }
        writer.snapshot()
    }

    /// The time of its first sample.
    pub(super) fn first_ms(&self) -> i64 {
        self.first_ms
    }

    /// The time of its last sample.
    pub(super) fn last_ms(&self) -> i64 {
        self.last_ms
    }

    /// Bytes of memory, allocator's overhead included.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 24 + self.bytes.len()
    }

    /// Its samples in order.
    pub(super) fn samples(&self) -> ChunkSamples<'_> {
        ChunkSamples {
            bits: BitReader::new(&self.bytes),
            n_left: self.n_samples,
            with_starts: self.with_starts,
            first_ms: self.first_ms,
            before: None,
        }
    }
}

/// What the next sample is encoded against.
#[derive(Debug, Clone, Copy)]
struct Before {
    t_ms: i64,
    step: i64,
    value_bits: u64,
    start_ms: i64,
    /// Leading and trailing zeros of the last window; no window at all has no bit between them.
    n_leading: u32,
    n_trailing: u32,
}

/// A chunk that still grows.
#[derive(Debug, Clone)]
pub(super) struct ChunkWriter {
    bits: BitWriter,
    n_samples: u32,
    first_ms: i64,
    with_starts: bool,
    before: Before,
}

impl ChunkWriter {
    /// A chunk of one sample. Only one `with_starts` takes samples that have a start time.
    pub(super) fn begin(sample: &Sample, with_starts: bool) -> Self {
        let mut bits = BitWriter::default();
        bits.put(sample.value.to_bits(), 64);
        if with_starts {
            bits.put(sample.start_ms as u64, 64);
        }
        Self {
            bits,
            n_samples: 1,
            first_ms: sample.t_ms,
            with_starts,
            before: Before::first(sample),
        }
    }

    /// The time of its last sample.
    pub(super) fn last_ms(&self) -> i64 {
        self.before.t_ms
    }

    /// Whether this sample, later than the last, may be pushed.
    pub(super) fn takes(&self, sample: &Sample) -> bool {
        self.n_samples < CHUNK_SAMPLES_MAX && (self.with_starts || sample.start_ms == 0)
    }

    /// Appends a sample later than the last.
    pub(super) fn push(&mut self, sample: &Sample) {
        let before = self.before;
        let step = sample.t_ms.wrapping_sub(before.t_ms);
        put_step(&mut self.bits, step.wrapping_sub(before.step));
        let value_bits = sample.value.to_bits();
        let (n_leading, n_trailing) = put_value(&mut self.bits, value_bits, &before);
        if self.with_starts {
            put_start(&mut self.bits, sample.start_ms, &before);
        }
        self.before = Before {
            t_ms: sample.t_ms,
            step,
            value_bits,
            start_ms: sample.start_ms,
            n_leading,
            n_trailing,
        };
        self.n_samples += 1;
    }

    /// The samples so far as a chunk.
    pub(super) fn snapshot(&self) -> Chunk {
        Chunk {
            first_ms: self.first_ms,
            last_ms: self.before.t_ms,
            n_samples: self.n_samples,
            with_starts: self.with_starts,
            bytes: self.bits.bytes().into(),
        }
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bits.capacity()
    }
}

impl Before {
    fn first(sample: &Sample) -> Self {
        Self {
            t_ms: sample.t_ms,
            step: 0,
            value_bits: sample.value.to_bits(),
            start_ms: sample.start_ms,
            n_leading: 64,
            n_trailing: 64,
        }
    }
}

fn put_step(bits: &mut BitWriter, change: i64) {
    if change == 0 {
        bits.put(0, 1);
        return;
    }
    let fits = |n_bits: u32| change << (64 - n_bits) >> (64 - n_bits) == change;
    let n_ones = (1..4).find(|i| fits(STEP_BITS[*i])).unwrap_or(4);
    // `n_ones` ones and a zero; the widest needs no zero.
    let (prefix, n_prefix) = [(0b10, 2), (0b110, 3), (0b1110, 4), (0b1111, 4)][n_ones - 1];
    bits.put(prefix, n_prefix);
    bits.put(change as u64, STEP_BITS[n_ones]);
}

fn take_step(bits: &mut BitReader<'_>) -> Option<i64> {
    let n_ones = bits.take_ones(4)?;
    if n_ones == 0 {
        return Some(0);
    }
    let n_bits = STEP_BITS[n_ones as usize];
    let unused = 64 - n_bits;
    Some((bits.take(n_bits)? as i64) << unused >> unused)
}

/// Writes a value and says which window the next one may use.
fn put_value(bits: &mut BitWriter, value_bits: u64, before: &Before) -> (u32, u32) {
    let changed = value_bits ^ before.value_bits;
    let window = (before.n_leading, before.n_trailing);
    if changed == 0 {
        bits.put(0, 1);
        return window;
    }
    let (n_leading, n_trailing) = (changed.leading_zeros(), changed.trailing_zeros());
    if n_leading >= window.0 && n_trailing >= window.1 {
        bits.put(0b10, 2);
        bits.put(changed >> window.1, 64 - window.0 - window.1);
        return window;
    }
    let n_bits = 64 - n_leading - n_trailing;
    bits.put(0b11, 2);
    bits.put(u64::from(n_leading), 6);
    bits.put(u64::from(n_bits - 1), 6);
    bits.put(changed >> n_trailing, n_bits);
    (n_leading, n_trailing)
}

fn take_value(bits: &mut BitReader<'_>, before: &mut Before) -> Option<u64> {
    match bits.take_ones(2)? {
        0 => return Some(before.value_bits),
        1 => {}
        _ => {
            before.n_leading = bits.take(6)? as u32;
            let n_bits = bits.take(6)? as u32 + 1;
            before.n_trailing = 64_u32.checked_sub(before.n_leading + n_bits)?;
        }
    }
    let n_bits = 64_u32.checked_sub(before.n_leading + before.n_trailing)?;
    Some(before.value_bits ^ bits.take(n_bits)? << before.n_trailing)
}

fn put_start(bits: &mut BitWriter, start_ms: i64, before: &Before) {
    if start_ms == before.start_ms {
        bits.put(0, 1);
    } else if start_ms == before.t_ms {
        // Deltas: each begins where the last one ended.
        bits.put(0b10, 2);
    } else {
        bits.put(0b11, 2);
        bits.put(start_ms as u64, 64);
    }
}

fn take_start(bits: &mut BitReader<'_>, before: &Before) -> Option<i64> {
    match bits.take_ones(2)? {
        0 => Some(before.start_ms),
        1 => Some(before.t_ms),
        _ => Some(bits.take(64)? as i64),
    }
}

/// The samples of a chunk, one after the other.
pub(super) struct ChunkSamples<'c> {
    bits: BitReader<'c>,
    n_left: u32,
    with_starts: bool,
    first_ms: i64,
    before: Option<Before>,
}

impl ChunkSamples<'_> {
    fn take(&mut self) -> Option<Sample> {
        let Some(mut before) = self.before else {
            return self.take_first();
        };
        let bits = &mut self.bits;
        let step = before.step.wrapping_add(take_step(bits)?);
        let t_ms = before.t_ms.wrapping_add(step);
        let value_bits = take_value(bits, &mut before)?;
        let start_ms = if self.with_starts { take_start(bits, &before)? } else { 0 };
        self.before = Some(Before { t_ms, step, value_bits, start_ms, ..before });
        Some(Sample { t_ms, value: f64::from_bits(value_bits), start_ms })
    }

    fn take_first(&mut self) -> Option<Sample> {
        let sample = Sample {
            t_ms: self.first_ms,
            value: f64::from_bits(self.bits.take(64)?),
            start_ms: if self.with_starts { self.bits.take(64)? as i64 } else { 0 },
        };
        self.before = Some(Before::first(&sample));
        Some(sample)
    }
}

impl Iterator for ChunkSamples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.n_left = self.n_left.checked_sub(1)?;
        let sample = self.take();
        Some(sample.expect("a chunk holds as many samples as it says"))
    }
}

#[cfg(test)]
mod tests;
