//! Chunks: from columns to the bytes of a chunk and back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bytes::{Cursor, put_varint};
use super::columns::{ChunkColumns, Columns};
use super::page::PAGE_CONTENT_BYTES;
use super::reader::Block;
use super::series_table::{ChunkRef, ChunkTimes, KIND_FLOATS};
use super::{CHUNK_SAMPLES_MAX, ReadError};
use crate::codec::{starts, times, values};

/// A column's length and size stand before it, in at most this many bytes.
const COLUMN_HEADER_BYTES_MAX: u64 = 8;
/// Times that a reader remembers, 8 bytes each: those of 64 full chunks of level 0.
const TIMES_KEPT_MAX: usize = 64 << 10;

/// Writes a timestamp column.
pub(super) fn encode_column(column: &[i64], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    times::encode(column, &mut bytes);
    put_varint(out, column.len() as u64);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// Writes values, then start times, and says how many bytes each takes.
pub(super) fn encode_samples(
    columns: ChunkColumns<'_>,
    hint: &mut values::Hint,
    out: &mut Vec<u8>,
) -> (u32, u32) {
    let at = out.len();
    values::encode(columns.values, hint, out);
    let values_bytes = out.len() - at;
    if columns.starts.iter().any(|start| *start != 0) {
        starts::encode(columns.starts, columns.times, out);
    }
    let starts_bytes = out.len() - at - values_bytes;
    (values_bytes as u32, starts_bytes as u32)
}

/// Reads chunks of one block, one after the other, and remembers the columns they share.
#[derive(Debug, Default)]
pub(super) struct ChunkReader {
    columns: VecDeque<(u64, Arc<Vec<i64>>)>,
    n_times: usize,
    values: Vec<u64>,
    starts: Vec<i64>,
}

impl ChunkReader {
    /// Appends the samples of a chunk within these times, both inclusive. Nothing is appended if
    /// any of it cannot be read.
    pub(super) fn read(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        (start_ms, end_ms): (i64, i64),
        out: &mut Columns,
    ) -> Result<(), ReadError> {
        let malformed = || block.malformed(chunk.offset);
        if chunk.kind != KIND_FLOATS {
            return Err(malformed());
        }
        let column = self.column(block, chunk.times.column)?;
        let times = slice(&column, &chunk.times).ok_or_else(malformed)?;
        let (n_values, n_starts) = (u64::from(chunk.values_bytes), u64::from(chunk.starts_bytes));
        let bytes = block.read(chunk.offset, n_values + n_starts)?;
        let (value_bytes, start_bytes) = bytes.split_at(chunk.values_bytes as usize);
        self.values.clear();
        values::decode(value_bytes, times.len(), &mut self.values).map_err(|_| malformed())?;
        self.starts.clear();
        if n_starts > 0 {
            starts::decode(start_bytes, times, &mut self.starts).map_err(|_| malformed())?;
        }
        let has_all =
            self.values.len() == times.len() && (n_starts == 0 || self.starts.len() == times.len());
        if !has_all {
            return Err(malformed());
        }
        let all = ChunkColumns { times, values: &self.values, starts: &self.starts };
        out.extend(all.slice(all.within(start_ms, end_ms)));
        Ok(())
    }

    fn column(&mut self, block: &Block, offset: u64) -> Result<Arc<Vec<i64>>, ReadError> {
        if let Some((_, column)) = self.columns.iter().rev().find(|(at, _)| *at == offset) {
            return Ok(Arc::clone(column));
        }
        let column = Arc::new(read_column_or_copy(block, offset)?);
        self.n_times += column.len();
        self.columns.push_back((offset, Arc::clone(&column)));
        while self.n_times > TIMES_KEPT_MAX {
            let Some((_, oldest)) = self.columns.pop_front() else {
                break;
            };
            self.n_times -= oldest.len();
        }
        Ok(column)
    }
}

/// How many times a column has, where its bytes begin, and how many they are.
fn column_extent(block: &Block, offset: u64) -> Result<(usize, u64, u64), ReadError> {
    let malformed = || block.malformed(offset);
    let data_end = block.footer().data_end;
    let left = data_end.checked_sub(offset).ok_or_else(malformed)?;
    // A column may end close to its page's end; do not ask for a page that it does not need.
    let to_page_end = PAGE_CONTENT_BYTES as u64 - offset % PAGE_CONTENT_BYTES as u64;
    let n_here = COLUMN_HEADER_BYTES_MAX.min(left).min(to_page_end);
    let here = block.read(offset, n_here)?;
    let whole;
    let parsed = match column_header(&here) {
        Some(parsed) => Some(parsed),
        None => {
            whole = block.read(offset, COLUMN_HEADER_BYTES_MAX.min(left))?;
            column_header(&whole)
        }
    };
    let (n_times, n_bytes, n_header) = parsed.ok_or_else(malformed)?;
    if n_header + n_bytes > left {
        return Err(malformed());
    }
    Ok((n_times, offset + n_header, n_bytes))
}

fn column_header(bytes: &[u8]) -> Option<(usize, u64, u64)> {
    let mut cursor = Cursor::new(bytes);
    let n_times = cursor.at_most(CHUNK_SAMPLES_MAX)?;
    let n_bytes = u64::from(cursor.varint_u32()?);
    Some((n_times, n_bytes, (bytes.len() - cursor.len()) as u64))
}

fn read_column_or_copy(block: &Block, offset: u64) -> Result<Vec<i64>, ReadError> {
    read_column(block, offset).or_else(|error| {
        let copy = block.spares().columns.get(&offset);
        copy.map_or(Err(error), |copy| read_column(block, *copy))
    })
}

fn read_column(block: &Block, offset: u64) -> Result<Vec<i64>, ReadError> {
    let malformed = || block.malformed(offset);
    let (n_times, at, n_bytes) = column_extent(block, offset)?;
    let bytes = block.read(at, n_bytes)?;
    let mut column = Vec::new();
    times::decode(&bytes, n_times, &mut column).map_err(|_| malformed())?;
    let is_rising = column.windows(2).all(|pair| pair[0] < pair[1]);
    if column.len() == n_times && is_rising { Ok(column) } else { Err(malformed()) }
}

fn slice<'t>(column: &'t [i64], times: &ChunkTimes) -> Option<&'t [i64]> {
    let slice = column.get(times.first as usize..)?.get(..times.n_samples as usize)?;
    let is_it = slice.first() == Some(&times.min_ms) && slice.last() == Some(&times.max_ms);
    is_it.then_some(slice)
}
