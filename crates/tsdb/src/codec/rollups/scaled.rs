//! Rollups of decimals: their values as whole numbers of `10^-exponent`, each less what could be
//! expected.

use storage::Rollup;

use super::{
    CodecError, Cursor, Flaw, Values, decimal, put_ints, put_part, put_positions, take_ints,
    take_part, take_positions,
};

/// Firsts are written as they are, not as the distance from the last value before.
const FIRSTS_ALONE: u8 = 1;
/// Sums are written as they are, not as the distance from the middle times the number of values.
const SUMS_ALONE: u8 = 2;
/// Where more rows than one in so many are no decimals, none is written as such.
const MISSES_SHARE: usize = 4;
/// Rows that are looked at for their exponent.
const N_PROBES: usize = 32;
/// Bytes of a row that is no decimal.
const ROW_BYTES: usize = 40;
/// Sums are within 2^51, as decimals are, so that they are exact as doubles.
const SUM_MAX: f64 = 2_251_799_813_685_248.0;

/// A row of whole numbers; `ulps` is how many doubles the sum is above the one nearest to it.
#[derive(Debug, Clone, Copy, Default)]
struct Ints {
    first: i64,
    last: i64,
    min: i64,
    max: i64,
    sum: i64,
    ulps: i64,
}

impl Ints {
    fn middle_sum(&self, count: i64) -> i64 {
        count.wrapping_mul(self.first.wrapping_add(self.last)) >> 1
    }
}

/// The exponent and the columns; `None` if too many rows are no decimals.
pub(super) fn encode(rollups: &[Rollup], rows: &[Values]) -> Option<(u8, Vec<u8>)> {
    let exponent = exponent_of(rows)?;
    let (ints, misses) = to_ints(rollups, rows, exponent);
    if misses.len() > rows.len() / MISSES_SHARE {
        return None;
    }
    let mut bytes = Vec::new();
    put_misses(&misses, rows, &mut bytes);
    let column = |number: &dyn Fn(&Ints) -> i64| {
        let mut bytes = Vec::new();
        put_ints(&ints.iter().map(number).collect::<Vec<i64>>(), &mut bytes);
        bytes
    };
    let mut before = 0;
    let gaps: Vec<i64> = ints
        .iter()
        .map(|row| row.first.wrapping_sub(std::mem::replace(&mut before, row.last)))
        .collect();
    let counts = rollups.iter().map(|rollup| rollup.count as i64);
    let distances: Vec<i64> = ints
        .iter()
        .zip(counts)
        .map(|(row, count)| row.sum.wrapping_sub(row.middle_sum(count)))
        .collect();
    let shorter = |alone: Vec<u8>, expected: &[i64]| {
        let mut bytes = Vec::new();
        put_ints(expected, &mut bytes);
        if bytes.len() <= alone.len() { (false, bytes) } else { (true, alone) }
    };
    let (firsts_alone, firsts) = shorter(column(&|row| row.first), &gaps);
    let (sums_alone, sums) = shorter(column(&|row| row.sum), &distances);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    bytes.push(flag(firsts_alone, FIRSTS_ALONE) | flag(sums_alone, SUMS_ALONE));
    bytes.extend(firsts);
    bytes.extend(column(&|row| row.last.wrapping_sub(row.first)));
    bytes.extend(column(&|row| row.first.min(row.last).wrapping_sub(row.min)));
    bytes.extend(column(&|row| row.max.wrapping_sub(row.first.max(row.last))));
    bytes.extend(sums);
    bytes.extend(column(&|row| row.ulps));
    Some((exponent, bytes))
}

/// The greatest exponent among a few rows that are decimal.
fn exponent_of(rows: &[Values]) -> Option<u8> {
    let stride = rows.len().div_ceil(N_PROBES).max(1);
    let values = rows.iter().step_by(stride).flat_map(|row| [row.first, row.last, row.max]);
    values.filter_map(|value| decimal::exponent_of(value.to_bits())).max()
}

/// Rows that are no decimals repeat the one before.
fn to_ints(rollups: &[Rollup], rows: &[Values], exponent: u8) -> (Vec<Ints>, Vec<u32>) {
    let columns: [fn(&Values) -> f64; 4] = [|v| v.first, |v| v.last, |v| v.min, |v| v.max];
    let mut misses: Vec<u32> = Vec::new();
    let [first, last, min, max] = columns.map(|value| {
        let bits: Vec<u64> = rows.iter().map(|row| value(row).to_bits()).collect();
        let (mut ints, mut missed) = (Vec::new(), Vec::new());
        decimal::to_ints(&bits, exponent, &mut ints, &mut missed);
        misses.extend(missed);
        ints
    });
    let mut ints: Vec<Ints> = Vec::with_capacity(rows.len());
    for (at, (row, rollup)) in rows.iter().zip(rollups).enumerate() {
        let mut whole =
            Ints { first: first[at], last: last[at], min: min[at], max: max[at], sum: 0, ulps: 0 };
        let sum = if rollup.count == 0 { None } else { Some(scale_sum(row.sum, exponent)) };
        match sum {
            // Nobody asks for it.
            None => whole.sum = whole.middle_sum(0),
            Some(Some((sum, ulps))) => (whole.sum, whole.ulps) = (sum, ulps),
            Some(None) => {
                misses.push(at as u32);
                whole.sum = whole.middle_sum(rollup.count as i64);
            }
        }
        ints.push(whole);
    }
    misses.sort_unstable();
    misses.dedup();
    for at in &misses {
        let count = rollups[*at as usize].count as i64;
        let before = at.checked_sub(1).map_or(0, |before| ints[before as usize].last);
        let mut filler =
            Ints { first: before, last: before, min: before, max: before, ..Ints::default() };
        filler.sum = filler.middle_sum(count);
        ints[*at as usize] = filler;
    }
    (ints, misses)
}

/// The whole number nearest to a sum, and how many doubles above its own the sum is.
fn scale_sum(sum: f64, exponent: u8) -> Option<(i64, i64)> {
    let nearest = (sum * power(exponent)).round();
    if nearest.is_nan() || nearest.abs() > SUM_MAX {
        return None;
    }
    let ulps =
        (sum.to_bits() as i64).wrapping_sub(unscale(nearest as i64, exponent).to_bits() as i64);
    Some((nearest as i64, ulps))
}

fn power(exponent: u8) -> f64 {
    10_f64.powi(i32::from(exponent))
}

fn unscale(int: i64, exponent: u8) -> f64 {
    let mut word = [int as u64];
    decimal::from_ints(&mut word, exponent);
    f64::from_bits(word[0])
}

fn put_misses(misses: &[u32], rows: &[Values], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    if !misses.is_empty() {
        put_positions(misses, rows.len(), &mut bytes);
        for at in misses {
            rows[*at as usize]
                .bits()
                .iter()
                .for_each(|b| bytes.extend_from_slice(&b.to_le_bytes()));
        }
    }
    put_part(&bytes, out);
}

/// The rows that are no decimals, each with its place.
fn take_misses(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<(usize, Values)>, CodecError> {
    let mut part = take_part(cursor)?;
    if part.peek().is_none() {
        return Ok(Vec::new());
    }
    let positions = take_positions(&mut part, n)?;
    let mut misses = Vec::with_capacity(positions.len());
    for at in positions {
        let (words, _) = part.take(ROW_BYTES)?.as_chunks::<8>();
        let mut bits = [0; 5];
        bits.iter_mut().zip(words).for_each(|(bits, word)| *bits = u64::from_le_bytes(*word));
        misses.push((at as usize, Values::from_bits(bits)));
    }
    part.finish()?;
    Ok(misses)
}

/// The rows of these counts.
pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    exponent: u8,
    counts: &[i64],
) -> Result<Vec<Values>, CodecError> {
    if exponent > decimal::EXPONENT_MAX {
        return Err(cursor.error(Flaw::Form(exponent)));
    }
    let n = counts.len();
    let misses = take_misses(cursor, n)?;
    let unknown = cursor.error(Flaw::Form(cursor.peek().unwrap_or_default()));
    let flags = cursor.byte()?;
    if flags & !(FIRSTS_ALONE | SUMS_ALONE) != 0 {
        return Err(unknown);
    }
    let mut columns = Vec::with_capacity(6);
    for _ in 0..6 {
        columns.push(take_ints(cursor, n)?);
    }
    let mut before = 0;
    let row = |at: usize| {
        let number = |column: usize| columns[column][at];
        let base = if flags & FIRSTS_ALONE == 0 { before } else { 0 };
        let first = number(0).wrapping_add(base);
        let last = number(1).wrapping_add(first);
        before = last;
        let mut ints = Ints { first, last, ..Ints::default() };
        ints.min = first.min(last).wrapping_sub(number(2));
        ints.max = first.max(last).wrapping_add(number(3));
        let middle = if flags & SUMS_ALONE == 0 { ints.middle_sum(counts[at]) } else { 0 };
        let sum = unscale(number(4).wrapping_add(middle), exponent).to_bits() as i64;
        Values {
            first: unscale(first, exponent),
            last: unscale(last, exponent),
            min: unscale(ints.min, exponent),
            max: unscale(ints.max, exponent),
            sum: f64::from_bits(sum.wrapping_add(number(5)) as u64),
        }
    };
    let mut rows: Vec<Values> = (0..n).map(row).collect();
    for (at, values) in misses {
        rows[at] = values;
    }
    Ok(rows)
}
