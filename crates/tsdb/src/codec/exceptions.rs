//! Exceptions: the few values of a column that its rule does not reproduce, by position.

use super::cursor::{Cursor, put_varint};
use super::pack::{pack, packed_len, unpack, width_of};
use super::{CodecError, Flaw};

/// Bits of a position among so many values.
pub(super) fn position_width(n_values: usize) -> u32 {
    width_of(n_values.saturating_sub(1) as u64)
}

/// Appends where they are: their number, then their positions packed.
pub(super) fn put_positions(positions: &[u32], n_values: usize, out: &mut Vec<u8>) {
    put_varint(out, positions.len() as u64);
    let positions = positions.iter().map(|at| u64::from(*at));
    pack(positions, position_width(n_values), out);
}

/// Where they are; every position is one of the `n_values`.
pub(super) fn take_positions(
    cursor: &mut Cursor<'_>,
    n_values: usize,
) -> Result<Vec<u64>, CodecError> {
    let n_positions = cursor.varint()?;
    if n_positions > n_values as u64 {
        return Err(cursor.error(Flaw::Position(n_positions)));
    }
    let n_positions = n_positions as usize;
    let width = position_width(n_values);
    // Before memory is taken: a number in damaged bytes may be anything.
    let packed = cursor.take(packed_len(n_positions, width))?;
    let mut positions = vec![0; n_positions];
    unpack(packed, width, &mut positions);
    match positions.iter().find(|at| **at >= n_values as u64) {
        Some(at) => Err(cursor.error(Flaw::Position(*at))),
        None => Ok(positions),
    }
}

/// Appends positions and the 64 bits of each value.
pub(super) fn put_exceptions(positions: &[u32], values: &[u64], out: &mut Vec<u8>) {
    put_positions(positions, values.len(), out);
    for at in positions {
        out.extend_from_slice(&values[*at as usize].to_le_bytes());
    }
}

/// Exceptions that were read and are not yet in their places.
pub(super) struct Exceptions<'b> {
    positions: Vec<u64>,
    bits: &'b [u8],
}

impl<'b> Exceptions<'b> {
    pub(super) fn none() -> Self {
        Self { positions: Vec::new(), bits: &[] }
    }

    pub(super) fn take(cursor: &mut Cursor<'b>, n_values: usize) -> Result<Self, CodecError> {
        let positions = take_positions(cursor, n_values)?;
        let bits = cursor.take(8 * positions.len())?;
        Ok(Self { positions, bits })
    }

    /// Puts them in their places among the values that they were taken for.
    pub(super) fn put_into(&self, values: &mut [u64]) {
        for (at, bits) in self.positions.iter().zip(self.bits.as_chunks().0) {
            values[*at as usize] = u64::from_le_bytes(*bits);
        }
    }
}
