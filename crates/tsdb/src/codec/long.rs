//! Long columns: where thousands of numbers share one distribution, an entropy coder (pco) beats
//! packing to one width, at a third of the speed. It is used only where it saves enough.

use std::ops::RangeInclusive;

use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::cursor::{Cursor, put_signed, put_varint};
use super::{CodecError, Flaw, ints};

/// In the place of the first sub-block's length: the column is written as one.
pub(super) const MARK: u8 = 0;
/// Columns of fewer values lose more by the coder's tables than they win; more would take too much
/// memory at once.
pub(super) const SAMPLES: RangeInclusive<usize> = 4096..=1 << 20;
/// Effort of the coder, of 12.
const LEVEL: usize = 8;

/// The size that is worth the slower reading, given the size in sub-blocks: 15 % less.
pub(super) fn worth(n_bytes: usize) -> usize {
    n_bytes * 85 / 100
}

/// The bytes of a column, if they are no more than this.
pub(super) fn encode(column: &[i64], n_bytes_max: usize) -> Option<Vec<u8>> {
    let scaled = ints::scale(column);
    if scaled.n_bytes > n_bytes_max {
        return None;
    }
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::TryConsecutive(scaled.order));
    let coded = simple_compress(&scaled.distances, &config).ok()?;
    let mut bytes = Vec::new();
    put_signed(&mut bytes, scaled.first);
    put_varint(&mut bytes, scaled.factor as u64);
    bytes.extend_from_slice(&coded);
    (bytes.len() <= n_bytes_max).then_some(bytes)
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
    if n > *SAMPLES.end() {
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
