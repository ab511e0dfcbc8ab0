//! Sub-blocks: a column is cut into parts of at most 1,024, so that a reader may skip some and
//! the numbers it works on stay in the nearest cache.
//!
//! Each sub-block but the last has its length in bytes before it.

use super::CodecError;
use super::cursor::{Cursor, put_varint};

/// Samples of a sub-block, fewer only in the last.
pub(super) const BLOCK_SAMPLES: usize = 1024;

/// Writes a column sub-block by sub-block.
pub(super) fn encode<T>(
    column: &[T],
    out: &mut Vec<u8>,
    mut block: impl FnMut(&[T], &mut Vec<u8>),
) {
    let mut parts = column.chunks(BLOCK_SAMPLES).peekable();
    let mut bytes = Vec::new();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return block(part, out);
        }
        bytes.clear();
        block(part, &mut bytes);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
}

/// Appends `n` numbers sub-block by sub-block, or nothing when there is an error.
pub(super) fn decode<T: Copy + Default>(
    cursor: &mut Cursor<'_>,
    n: usize,
    out: &mut Vec<T>,
    mut block: impl FnMut(&mut Cursor<'_>, &mut [T]) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let n_before = out.len();
    let mut next = |n_left: usize, out: &mut Vec<T>| {
        let begin = out.len();
        // Sub-block by sub-block: a number of samples that the bytes do not hold takes no memory.
        out.resize(begin + n_left.min(BLOCK_SAMPLES), T::default());
        let samples = &mut out[begin..];
        if n_left <= BLOCK_SAMPLES {
            return block(cursor, samples).and_then(|()| cursor.finish());
        }
        let n_bytes = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
        let mut part = cursor.part(n_bytes)?;
        block(&mut part, samples).and_then(|()| part.finish())
    };
    let mut n_left = n;
    while n_left > 0 {
        if let Err(error) = next(n_left, out) {
            out.truncate(n_before);
            return Err(error);
        }
        n_left = n_left.saturating_sub(BLOCK_SAMPLES);
    }
    if n == 0 { cursor.finish() } else { Ok(()) }
}
