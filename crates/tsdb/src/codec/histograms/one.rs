//! One histogram by itself: for memory, where it waits for the ones after it, and for the log.
//!
//! Counts are whole as a rule, and those of neighbouring buckets alike, so they are written as
//! differences; where one is not whole, all are written as they are.

use std::sync::Arc;

use model::{BucketLayout, Histogram, STALE_MARKER_BITS};

use super::super::cursor::{Cursor, put_signed, put_varint};
use super::super::{CodecError, Flaw};
use super::hints::{HINT_BITS, number, of_number};
#[cfg(test)]
use super::layout::{encode_layout, take_layout};
use super::n_buckets;
#[cfg(test)]
use super::{put_part, take_part};

/// The counts are whole.
const WHOLE: u8 = 1 << HINT_BITS;
/// A stale marker; nothing follows.
const STALE: u8 = WHOLE << 1;
/// Bits that mean something.
const KNOWN: u8 = STALE | (STALE - 1);
/// Up to here every whole number is a double, and differences fit 64 bits.
const WHOLE_MAX: f64 = (1_u64 << 53) as f64;

/// How many bytes [`encode_one`] takes at most.
pub(crate) fn one_bytes_max(histogram: &Histogram) -> usize {
    let layout = &histogram.layout;
    let n_spans = layout.positive_spans.len() + layout.negative_spans.len();
    let n_counts = histogram.positive.len() + histogram.negative.len();
    // Varints of spans have 5 bytes, those of counts no more than 9; a column adds its length and
    // tag, and one of bounds in sub-blocks some more.
    128 + 10 * n_spans + 9 * layout.custom_bounds.len() + 9 * n_counts
}

/// Appends a valid histogram: its layout, then its numbers.
#[cfg(test)]
pub(crate) fn encode_one(histogram: &Histogram, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    if !histogram.is_stale_marker() {
        encode_layout(&histogram.layout, &mut bytes);
    }
    put_part(&bytes, out);
    encode_numbers(histogram, out);
}

/// What [`encode_one`] wrote; a stale marker comes back without a layout. All of the bytes must be
/// the histogram's.
#[cfg(test)]
pub(crate) fn decode_one(bytes: &[u8]) -> Option<Histogram> {
    let mut cursor = Cursor::new(bytes);
    let mut part = take_part(&mut cursor).ok()?;
    let layout = if part.peek().is_none() {
        BucketLayout::default()
    } else {
        take_layout(&mut part).ok()?
    };
    part.finish().ok()?;
    take_numbers(&mut cursor, &Arc::new(layout)).ok()
}

/// Appends everything but the layout.
pub(crate) fn encode_numbers(histogram: &Histogram, out: &mut Vec<u8>) {
    if histogram.is_stale_marker() {
        return out.push(STALE);
    }
    let are_whole = counts(histogram).all(is_whole);
    out.push(number(histogram.reset_hint) | if are_whole { WHOLE } else { 0 });
    out.extend_from_slice(&histogram.sum.to_bits().to_le_bytes());
    if !are_whole {
        counts(histogram).for_each(|count| out.extend_from_slice(&count.to_bits().to_le_bytes()));
        return;
    }
    put_varint(out, histogram.count as u64);
    put_varint(out, histogram.zero_count as u64);
    let mut before = 0;
    for count in histogram.positive.iter().chain(&histogram.negative) {
        let count = *count as i64;
        put_signed(out, count - before);
        before = count;
    }
}

/// What [`encode_numbers`] wrote, with the layout that it had, which is valid. All of the bytes must
/// be the histogram's.
pub(crate) fn decode_numbers(bytes: &[u8], layout: &Arc<BucketLayout>) -> Option<Histogram> {
    take_numbers(&mut Cursor::new(bytes), layout).ok()
}

fn take_numbers(
    cursor: &mut Cursor<'_>,
    layout: &Arc<BucketLayout>,
) -> Result<Histogram, CodecError> {
    let unknown = cursor.error(Flaw::Tag(cursor.peek().unwrap_or_default()));
    let flags = cursor.byte()?;
    if flags & !KNOWN != 0 {
        return Err(unknown);
    }
    if flags & STALE != 0 {
        cursor.finish()?;
        return Ok(Histogram::stale_marker());
    }
    let sum = take_double(cursor)?;
    let is_whole = flags & WHOLE != 0;
    let mut free = || if is_whole { Ok(cursor.varint()? as f64) } else { take_double(cursor) };
    let (count, zero_count) = (free()?, free()?);
    let (n_positive, n_negative) = n_buckets(layout);
    let mut positive = Vec::new();
    let mut before = 0_i64;
    for _ in 0..n_positive + n_negative {
        positive.push(if is_whole {
            before = before.wrapping_add(cursor.signed()?);
            before as f64
        } else {
            take_double(cursor)?
        });
    }
    cursor.finish()?;
    let negative = positive.split_off(n_positive);
    let (reset_hint, layout) = (of_number(flags.into()), Arc::clone(layout));
    let histogram = Histogram { reset_hint, layout, count, sum, zero_count, positive, negative };
    // Written as numbers, the marker would be read as an end that nobody wrote.
    if sum.to_bits() == STALE_MARKER_BITS { Err(unknown) } else { Ok(histogram) }
}

fn counts(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let heads = [histogram.count, histogram.zero_count];
    heads.into_iter().chain(histogram.positive.iter().chain(&histogram.negative).copied())
}

/// Whether a count comes back from a whole number to the bit; -0.0 does not.
fn is_whole(count: f64) -> bool {
    (0.0..=WHOLE_MAX).contains(&count) && ((count as u64) as f64).to_bits() == count.to_bits()
}

fn take_double(cursor: &mut Cursor<'_>) -> Result<f64, CodecError> {
    let missing = cursor.error(Flaw::Missing);
    let bytes = cursor.take(8)?.first_chunk().ok_or(missing)?;
    Ok(f64::from_bits(u64::from_le_bytes(*bytes)))
}
