//! Long columns: thousands of numbers as one column of pco's. They are read only: sub-blocks have
//! an entropy code of their own now, which is as small and read as fast.

#[cfg(test)]
use pco::ChunkConfig;
#[cfg(test)]
use pco::standalone::simple_compress;
use pco::standalone::simple_decompress_into;

use super::cursor::Cursor;
#[cfg(test)]
use super::cursor::{put_signed, put_varint};
use super::{CodecError, Flaw};

/// In the place of the first sub-block's length: the column is written as one.
pub(super) const MARK: u8 = 0;
/// More would take too much memory at once.
const SAMPLES_MAX: usize = 1 << 20;

/// The bytes of a column.
#[cfg(test)]
pub(super) fn encode(column: &[i64]) -> Vec<u8> {
    let first = column[0];
    let distances: Vec<i64> = column.iter().map(|number| number.wrapping_sub(first)).collect();
    let mut bytes = Vec::new();
    put_signed(&mut bytes, first);
    put_varint(&mut bytes, 1);
    let coded = simple_compress(&distances, &ChunkConfig::default());
    bytes.extend_from_slice(&coded.expect("integers can be coded"));
    bytes
}

/// Appends the `n` numbers of all the bytes that are left.
pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    n: usize,
    out: &mut Vec<u64>,
) -> Result<(), CodecError> {
    let first = cursor.signed()?;
    let factor = cursor.varint()? as i64;
    let damaged = cursor.error(Flaw::Entropy);
    if n > SAMPLES_MAX {
        return Err(damaged);
    }
    let mut distances = vec![0_i64; n];
    let progress = simple_decompress_into(cursor.rest(), &mut distances).map_err(|_| damaged)?;
    if progress.n_processed != n || !progress.finished {
        return Err(damaged);
    }
    let number = |distance: i64| first.wrapping_add(distance.wrapping_mul(factor)) as u64;
    out.extend(distances.into_iter().map(number));
    Ok(())
}
