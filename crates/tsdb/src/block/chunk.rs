//! Chunks: from columns to the bytes of a chunk and back.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use model::HistogramSample;

use super::bytes::{Cursor, put_varint};
use super::cache::PageContent;
use super::columns::{ChunkColumns, Columns};
use super::histogram_chunk::decode_histograms;
use super::page::{PAGE_CONTENT_BYTES, page_of};
use super::reader::{Block, Bytes};
use super::series_table::{ChunkRef, ChunkTimes, KIND_FLOATS, KIND_HISTOGRAMS};
use super::{CHUNK_SAMPLES_MAX, ReadError};
use crate::codec::{starts, times, values};
use crate::query::times::Part;

/// A column's length and size stand before it, in at most this many bytes.
const COLUMN_HEADER_BYTES_MAX: u64 = 8;
/// Times that a reader remembers, 8 bytes each: those of 64 targets over eight hours.
const TIMES_KEPT_MAX: usize = 128 << 10;

/// Writes a timestamp column.
pub(super) fn encode_column(column: &[i64], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    times::encode(column, &mut bytes);
    put_varint(out, column.len() as u64);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// Writes start times, if a sample has one.
pub(super) fn encode_starts(columns: ChunkColumns<'_>, out: &mut Vec<u8>) {
    if columns.starts.iter().any(|start| *start != 0) {
        starts::encode(columns.starts, columns.times, out);
    }
}

/// A chunk that is handed on as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct SealedChunk<'c> {
    /// What it holds, see [`KIND_FLOATS`].
    pub(super) kind: u8,
    /// Unix milliseconds.
    pub(super) times: &'c [i64],
    /// Its values, then its start times.
    pub(super) bytes: &'c [u8],
    /// Bytes of its values.
    pub(super) values_bytes: usize,
}

/// Reads chunks of one block, one after the other, and remembers the columns they share.
#[derive(Default)]
pub(super) struct ChunkReader {
    columns: HashMap<u64, Arc<Vec<i64>>>,
    /// Where the remembered columns stand, the oldest first.
    oldest: VecDeque<u64>,
    n_times: usize,
    /// The column of the last chunk, and where it stands.
    column: (u64, Arc<Vec<i64>>),
    /// The page of the last chunk: the next one usually stands behind it.
    page: Option<(u64, PageContent)>,
    values: Vec<u64>,
    starts: Vec<i64>,
    /// Where in its column the last chunk begins, and which of its samples are wanted.
    first: usize,
    wanted: Range<usize>,
}

impl ChunkReader {
    /// Appends the samples of a chunk within these times, both inclusive. Nothing is appended if
    /// any of it cannot be read.
    pub(super) fn read(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        range: (i64, i64),
        out: &mut Columns,
    ) -> Result<(), ReadError> {
        self.decode(block, chunk, range)?;
        out.extend(self.columns());
        Ok(())
    }

    /// Reads a chunk, whose samples within these times, both inclusive, are then in
    /// [`Self::columns`].
    pub(super) fn decode(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        range: (i64, i64),
    ) -> Result<(), ReadError> {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let decoded = self.decode_whole(block, chunk, &mut values);
        self.values = values;
        decoded?;
        self.wanted = self.within(chunk, range);
        Ok(())
    }

    /// The same, but the bits of the values within these times are appended to others, and only
    /// [`Self::times`] and [`Self::starts`] tell of the chunk. Nothing is appended if any of it
    /// cannot be read.
    pub(super) fn append(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        range: (i64, i64),
        values: &mut Vec<u64>,
    ) -> Result<(), ReadError> {
        let n_before = values.len();
        if let Err(error) = self.decode_whole(block, chunk, values) {
            values.truncate(n_before);
            return Err(error);
        }
        self.wanted = self.within(chunk, range);
        values.truncate(n_before + self.wanted.end);
        values.drain(n_before..n_before + self.wanted.start);
        Ok(())
    }

    /// Appends the bits of all values of a chunk, and reads its start times.
    fn decode_whole(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        values: &mut Vec<u64>,
    ) -> Result<(), ReadError> {
        self.wanted = 0..0;
        let malformed = || block.malformed(chunk.offset);
        if chunk.kind != KIND_FLOATS {
            return Err(malformed());
        }
        self.find_column(block, chunk.times.column)?;
        let bytes = self.bytes(block, chunk)?;
        let times = slice(&self.column.1, &chunk.times).ok_or_else(malformed)?;
        let (value_bytes, start_bytes) = bytes.split_at(chunk.values_bytes as usize);
        values::decode(value_bytes, times.len(), values).map_err(|_| malformed())?;
        self.starts.clear();
        if !start_bytes.is_empty() {
            starts::decode(start_bytes, times, &mut self.starts).map_err(|_| malformed())?;
        }
        if !start_bytes.is_empty() && self.starts.len() != times.len() {
            return Err(malformed());
        }
        self.first = chunk.times.first as usize;
        Ok(())
    }

    /// Which samples of the last chunk are within these times, both inclusive.
    fn within(&self, chunk: &ChunkRef, (start_ms, end_ms): (i64, i64)) -> Range<usize> {
        let n_samples = chunk.times.n_samples as usize;
        if start_ms <= chunk.times.min_ms && chunk.times.max_ms <= end_ms {
            return 0..n_samples;
        }
        let times = &self.column.1[self.first..self.first + n_samples];
        ChunkColumns { times, values: &[], starts: &[] }.within(start_ms, end_ms)
    }

    /// Appends the native histograms of a chunk within these times, both inclusive. Nothing is
    /// appended if any of it cannot be read.
    pub(super) fn read_histograms(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        (start_ms, end_ms): (i64, i64),
        out: &mut Vec<HistogramSample>,
    ) -> Result<(), ReadError> {
        let decoded = self.sealed(block, chunk, |sealed| {
            let (values, starts) = sealed.bytes.split_at(sealed.values_bytes);
            decode_histograms(values, starts, sealed.times)
        })?;
        let malformed = || block.malformed(chunk.offset);
        let all = decoded.filter(|_| chunk.kind == KIND_HISTOGRAMS).ok_or_else(malformed)?;
        out.extend(all.into_iter().filter(|s| (start_ms..=end_ms).contains(&s.t_ms)));
        Ok(())
    }

    /// Whether a sample of a chunk of any kind is at a time that passes.
    pub(super) fn has_time(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        passes: impl Fn(i64) -> bool,
    ) -> Result<bool, ReadError> {
        self.sealed(block, chunk, |sealed| sealed.times.iter().any(|t_ms| passes(*t_ms)))
    }

    /// The samples that were read last.
    pub(super) fn columns(&self) -> ChunkColumns<'_> {
        let (values, starts) = (&self.values[..], &self.starts[..]);
        let times = &self.column.1[self.first..];
        ChunkColumns { times, values, starts }.slice(self.wanted.clone())
    }

    /// Since when the samples that were read last count; empty if that is known of none.
    pub(super) fn starts(&self) -> &[i64] {
        self.starts.get(self.wanted.clone()).unwrap_or_default()
    }

    /// When those are, as a part of their column.
    pub(super) fn times(&self) -> Part {
        let range = self.first + self.wanted.start..self.first + self.wanted.end;
        Part { column: Arc::clone(&self.column.1), range }
    }

    /// Hands a chunk on as it is, with its times.
    pub(super) fn sealed<T>(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        take: impl FnOnce(SealedChunk<'_>) -> T,
    ) -> Result<T, ReadError> {
        self.wanted = 0..0;
        self.find_column(block, chunk.times.column)?;
        let bytes = self.bytes(block, chunk)?;
        let times = slice(&self.column.1, &chunk.times);
        let times = times.ok_or_else(|| block.malformed(chunk.offset))?;
        let values_bytes = chunk.values_bytes as usize;
        Ok(take(SealedChunk { kind: chunk.kind, times, bytes: &bytes, values_bytes }))
    }

    /// The bytes of a chunk.
    fn bytes(&mut self, block: &Block, chunk: &ChunkRef) -> Result<Bytes, ReadError> {
        let n_bytes = chunk.end() - chunk.offset;
        if let Some((page, content)) = &self.page
            && let Some(bytes) = Bytes::within(*page, content, chunk.offset, n_bytes)
        {
            return Ok(bytes);
        }
        let bytes = block.read(chunk.offset, n_bytes)?;
        if let Bytes::Page(content, _) = &bytes {
            self.page = Some((page_of(chunk.offset), Arc::clone(content)));
        }
        Ok(bytes)
    }

    /// Makes a column the last one.
    fn find_column(&mut self, block: &Block, offset: u64) -> Result<(), ReadError> {
        self.first = 0;
        // Nothing stands at offset 0 but the header.
        if self.column.0 == offset && offset != 0 {
            return Ok(());
        }
        if let Some(column) = self.columns.get(&offset) {
            self.column = (offset, Arc::clone(column));
            return Ok(());
        }
        let column = Arc::new(read_column_or_copy(block, offset)?);
        self.n_times += column.len();
        self.columns.insert(offset, Arc::clone(&column));
        self.oldest.push_back(offset);
        self.column = (offset, column);
        while self.n_times > TIMES_KEPT_MAX {
            let Some(forgotten) = self.oldest.pop_front().and_then(|at| self.columns.remove(&at))
            else {
                break;
            };
            self.n_times -= forgotten.len();
        }
        Ok(())
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
