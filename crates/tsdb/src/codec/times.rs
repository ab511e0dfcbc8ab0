//! Times: milliseconds that rise, usually by nearly the same step.

use super::CodecError;
use super::blocks;
use super::cursor::Cursor;
use super::ints;

/// Appends the bytes of a column of times. How many there are is for the caller to keep.
pub(crate) fn encode(times: &[i64], out: &mut Vec<u8>) {
    let mut scratch = ints::Scratch::default();
    blocks::encode(times, out, |block, out| {
        ints::plan_with_lines(block, &mut scratch).write(&mut scratch, out);
    });
}

/// Appends the `n` times of a column. All of the bytes must be the column's.
///
/// Takes no more memory than for one sub-block beyond what the bytes hold.
pub(crate) fn decode(bytes: &[u8], n: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    let mut words = Vec::new();
    blocks::decode(&mut Cursor::new(bytes), n, &mut words, ints::decode)?;
    out.extend(words.iter().map(|word: &u64| *word as i64));
    Ok(())
}
