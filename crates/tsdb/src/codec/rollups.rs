//! Rollups: a row of statistics for each span of time, in a column for each statistic.
//!
//! Most statistics follow from others but for little: a span of a counter begins where the one
//! before has ended and has its least value first, and the sum of its values is near their number
//! times its middle. So where values are decimals of one exponent, which most are, they become
//! whole numbers and the columns say by how much they differ from what could be expected. All other
//! values are written as they are.

use storage::Rollup;

use super::cursor::{Cursor, put_varint};
use super::exceptions::{put_positions, take_positions};
use super::{CodecError, Flaw, blocks, decimal, ints, values};

mod scaled;

/// The form of values as they are; any other is the exponent of decimals.
const PLAIN: u8 = 0xff;
/// No span of a tier has so many samples; a greater number is damage.
const COUNT_MAX: i64 = u32::MAX as i64;

/// Columns of values, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Values {
    first: f64,
    last: f64,
    min: f64,
    max: f64,
    sum: f64,
}

impl Values {
    fn of(rollup: &Rollup) -> Self {
        let Rollup { first, last, min, max, sum, .. } = *rollup;
        Self { first, last, min, max, sum }
    }

    fn bits(&self) -> [u64; 5] {
        [self.first, self.last, self.min, self.max, self.sum].map(f64::to_bits)
    }

    fn from_bits(bits: [u64; 5]) -> Self {
        let [first, last, min, max, sum] = bits.map(f64::from_bits);
        Self { first, last, min, max, sum }
    }

    /// The least and the greatest value of a span in which values only rise, or only fall.
    fn expected_ends(first: f64, last: f64) -> (f64, f64) {
        if last < first { (last, first) } else { (first, last) }
    }
}

/// Appends the columns of rollups, but for the time of their first values. How many there are is
/// for the caller to keep.
pub(crate) fn encode(rollups: &[Rollup], encoder: &mut values::Encoder, out: &mut Vec<u8>) {
    if rollups.is_empty() {
        return;
    }
    let rows = filled(rollups);
    let scaled = scaled::encode(rollups, &rows);
    let form = scaled.as_ref().map_or(PLAIN, |(exponent, _)| *exponent);
    out.push(form);
    let whole = |number: fn(&Rollup) -> i64| rollups.iter().map(number).collect::<Vec<i64>>();
    put_ints(&whole(|r| r.count as i64), out);
    put_ints(&whole(|r| r.last_ms.wrapping_sub(r.first_ms)), out);
    put_ints(&whole(|r| r.n_resets as i64), out);
    put_ints(&whole(|r| i64::from(r.is_stale)), out);
    let drops: Vec<u64> = rollups.iter().map(|r| r.drops.to_bits()).collect();
    put_values(&drops, drops.iter().all(|bits| *bits == 0), encoder, out);
    match scaled {
        Some((_, bytes)) => out.extend_from_slice(&bytes),
        None => encode_plain(&rows, encoder, out),
    }
}

/// A span without a value has none to write: it repeats the last one, which costs nothing.
fn filled(rollups: &[Rollup]) -> Vec<Values> {
    let mut last = rollups.iter().find(|r| r.count > 0).map_or(0.0, |r| r.first);
    let row = |rollup: &Rollup| {
        if rollup.count == 0 {
            return Values { first: last, last, min: last, max: last, sum: 0.0 };
        }
        last = rollup.last;
        Values::of(rollup)
    };
    rollups.iter().map(row).collect()
}

fn encode_plain(rows: &[Values], encoder: &mut values::Encoder, out: &mut Vec<u8>) {
    let are_expected = |which: fn(&Values) -> (f64, f64)| {
        rows.iter().map(which).all(|(found, expected)| found.to_bits() == expected.to_bits())
    };
    let mut put = |value: fn(&Values) -> f64, is_expected: bool| {
        let column: Vec<u64> = rows.iter().map(|row| value(row).to_bits()).collect();
        put_values(&column, is_expected, encoder, out);
    };
    put(|v| v.first, false);
    put(|v| v.last, false);
    put(|v| v.min, are_expected(|v| (v.min, Values::expected_ends(v.first, v.last).0)));
    put(|v| v.max, are_expected(|v| (v.max, Values::expected_ends(v.first, v.last).1)));
    put(|v| v.sum, false);
}

/// Appends the rollups whose first values have these times. All of the bytes must be theirs.
pub(crate) fn decode(bytes: &[u8], times: &[i64], out: &mut Vec<Rollup>) -> Result<(), CodecError> {
    let n = times.len();
    let mut cursor = Cursor::new(bytes);
    if n == 0 {
        return cursor.finish();
    }
    let form = cursor.byte()?;
    let counts = take_counts(&mut cursor, n)?;
    let spans = take_counts(&mut cursor, n)?;
    let resets = take_counts(&mut cursor, n)?;
    let stale = take_counts(&mut cursor, n)?;
    let drops = take_values(&mut cursor, n)?.unwrap_or_else(|| vec![0; n]);
    let rows = match form {
        PLAIN => decode_plain(&mut cursor, n)?,
        exponent => scaled::decode(&mut cursor, exponent, &counts)?,
    };
    cursor.finish()?;
    let begin = out.len();
    for (at, row) in rows.iter().enumerate() {
        let Some(last_ms) = times[at].checked_add(spans[at]) else {
            out.truncate(begin);
            return Err(cursor.error(Flaw::Position(at as u64)));
        };
        let is_stale = stale[at] != 0;
        let alone = Rollup { first_ms: times[at], last_ms, is_stale, ..Rollup::default() };
        if counts[at] == 0 {
            out.push(alone);
            continue;
        }
        let Values { first, last, min, max, sum } = *row;
        let (count, n_resets) = (counts[at] as u64, resets[at] as u64);
        let drops = f64::from_bits(drops[at]);
        out.push(Rollup { count, n_resets, drops, first, last, min, max, sum, ..alone });
    }
    Ok(())
}

fn decode_plain(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<Values>, CodecError> {
    let missing = cursor.error(Flaw::Missing);
    let first = take_values(cursor, n)?.ok_or(missing)?;
    let last = take_values(cursor, n)?.ok_or(missing)?;
    let (min, max) = (take_values(cursor, n)?, take_values(cursor, n)?);
    let sum = take_values(cursor, n)?.ok_or(missing)?;
    let row = |at: usize| {
        let (first, last) = (f64::from_bits(first[at]), f64::from_bits(last[at]));
        let expected = Values::expected_ends(first, last);
        let or = |column: &Option<Vec<u64>>, expected: f64| {
            column.as_ref().map_or(expected, |column| f64::from_bits(column[at]))
        };
        let (min, max) = (or(&min, expected.0), or(&max, expected.1));
        Values { first, last, min, max, sum: f64::from_bits(sum[at]) }
    };
    Ok((0..n).map(row).collect())
}

/// Appends whole numbers behind their length; nothing but the length if all are 0.
fn put_ints(column: &[i64], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    if column.iter().any(|number| *number != 0) {
        let mut scratch = ints::Scratch::default();
        blocks::encode(column, &mut bytes, |block, out| {
            ints::plan(block, &mut scratch).write(&mut scratch, out);
        });
    }
    put_part(&bytes, out);
}

fn take_ints(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<i64>, CodecError> {
    let mut part = take_part(cursor)?;
    if part.peek().is_none() {
        return Ok(vec![0; n]);
    }
    let mut words: Vec<u64> = Vec::new();
    blocks::decode(&mut part, n, &mut words, ints::decode)?;
    Ok(words.into_iter().map(|word| word as i64).collect())
}

/// Numbers that count something.
fn take_counts(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<i64>, CodecError> {
    let counts = take_ints(cursor, n)?;
    match counts.iter().find(|count| !(0..=COUNT_MAX).contains(*count)) {
        Some(count) => Err(cursor.error(Flaw::Position(*count as u64))),
        None => Ok(counts),
    }
}

/// Appends doubles behind their length; nothing but the length if they need not be said.
fn put_values(column: &[u64], is_expected: bool, encoder: &mut values::Encoder, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    if !is_expected {
        encoder.encode(column, &mut values::Hint::default(), &mut bytes);
    }
    put_part(&bytes, out);
}

fn take_values(cursor: &mut Cursor<'_>, n: usize) -> Result<Option<Vec<u64>>, CodecError> {
    let bytes = take_part(cursor)?.rest();
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut column = Vec::new();
    values::decode(bytes, n, &mut column)?;
    Ok(Some(column))
}

fn put_part(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_part<'b>(cursor: &mut Cursor<'b>) -> Result<Cursor<'b>, CodecError> {
    let n_bytes = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
    cursor.part(n_bytes)
}

#[cfg(test)]
mod tests;
