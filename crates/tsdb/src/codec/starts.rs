//! Starts: since when each sample's counter counts, 0 if unknown. Nearly always one number for the
//! whole chunk, or the time of the sample before, where each sample counts since the last.

use super::blocks;
use super::cursor::{Cursor, put_signed};
use super::ints;
use super::{CodecError, Flaw};

/// All 0.
const UNKNOWN: u8 = 0x00;
/// All the same.
const CONSTANT: u8 = 0x01;
/// A column of their own.
const COLUMN: u8 = 0x02;
/// Distances from the time of the sample before, the first from its own.
const FROM_BEFORE: u8 = 0x03;

/// Appends the bytes of a column of start times, one for each time.
pub(crate) fn encode(starts: &[i64], times: &[i64], out: &mut Vec<u8>) {
    assert_eq!(starts.len(), times.len(), "each sample has one time and one start");
    let first = starts.first().copied().unwrap_or(0);
    if starts.iter().all(|start| *start == first) {
        if first == 0 {
            return out.push(UNKNOWN);
        }
        out.push(CONSTANT);
        return put_signed(out, first);
    }
    let (mut column, mut distances) = (Vec::new(), Vec::new());
    encode_ints(starts, &mut column);
    let before = times_before(times);
    let distance: Vec<i64> =
        starts.iter().zip(before).map(|(start, before)| start.wrapping_sub(before)).collect();
    encode_ints(&distance, &mut distances);
    let (tag, bytes) =
        if distances.len() < column.len() { (FROM_BEFORE, distances) } else { (COLUMN, column) };
    out.push(tag);
    out.extend_from_slice(&bytes);
}

/// Appends the start times of these times. All of the bytes must be the column's.
pub(crate) fn decode(bytes: &[u8], times: &[i64], out: &mut Vec<i64>) -> Result<(), CodecError> {
    let n = times.len();
    let mut cursor = Cursor::new(bytes);
    let unknown = cursor.error(Flaw::Tag(cursor.peek().unwrap_or_default()));
    let same = match cursor.byte()? {
        UNKNOWN => 0,
        CONSTANT => cursor.signed()?,
        tag @ (COLUMN | FROM_BEFORE) => {
            let mut words = Vec::new();
            blocks::decode(&mut cursor, n, &mut words, ints::decode)?;
            let words = words.iter().map(|word: &u64| *word as i64);
            if tag == COLUMN {
                out.extend(words);
            } else {
                let sums = words.zip(times_before(times)).map(|(a, b)| a.wrapping_add(b));
                out.extend(sums);
            }
            return Ok(());
        }
        _ => return Err(unknown),
    };
    cursor.finish()?;
    out.resize(out.len() + n, same);
    Ok(())
}

fn encode_ints(numbers: &[i64], out: &mut Vec<u8>) {
    let mut scratch = ints::Scratch::default();
    blocks::encode(numbers, out, |block, out| {
        ints::plan(block, &mut scratch).write(&mut scratch, out);
    });
}

/// The time of the sample before each, the first one's own.
fn times_before(times: &[i64]) -> impl Iterator<Item = i64> {
    times.first().into_iter().chain(times).copied()
}
