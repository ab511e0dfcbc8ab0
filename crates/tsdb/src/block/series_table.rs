//! Series table: in the order of labels, each series' tags and where its chunks stand.
//!
//! Series stand in groups of [`GROUP`]. Within a group a series says how many tags it shares with
//! the one before, and a chunk says what differs from its *neighbour*: the chunk at the same place
//! in the series before, else the one before in the same series. The series of one scrape have the
//! same times, so a chunk takes five bytes.

use std::ops::Range;

use super::bytes::{Cursor, put_varint, put_zigzag};
use super::dictionary::Tag;
use super::{CHUNK_SAMPLES_MAX, GROUP};

/// Floats.
pub(super) const KIND_FLOATS: u8 = 1;
/// Native histograms.
pub(super) const KIND_HISTOGRAMS: u8 = 2;
/// Rollups, in the blocks of a tier alone.
pub(super) const KIND_ROLLUPS: u8 = 3;
/// The bits of the first byte that say the kind.
const KIND_MASK: u8 = 0x1f;
/// The bit that says: the same times as the neighbour.
const SAME_TIMES: u8 = 0x80;
/// The bit that says: other times, but as many, over as long, from the same index of the column.
const SAME_SHAPE: u8 = 0x40;
/// The bit that says: samples have start times.
const HAS_STARTS: u8 = 0x20;

/// The times of a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ChunkTimes {
    /// The first, Unix milliseconds.
    pub(super) min_ms: i64,
    /// The last, Unix milliseconds.
    pub(super) max_ms: i64,
    /// How many, never 0.
    pub(super) n_samples: u32,
    /// Where their column stands.
    pub(super) column: u64,
    /// The index of the first in the column.
    pub(super) first: u32,
}

impl ChunkTimes {
    /// From its first to its last sample, milliseconds; between the ends of all times it wraps.
    fn span_ms(&self) -> i64 {
        self.max_ms.wrapping_sub(self.min_ms)
    }

    fn has_shape_of(&self, other: &Self) -> bool {
        (self.span_ms(), self.n_samples, self.first)
            == (other.span_ms(), other.n_samples, other.first)
    }
}

/// Where a chunk stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ChunkRef {
    /// What it holds, see [`KIND_FLOATS`]; kinds without a name are skipped.
    pub(super) kind: u8,
    /// When.
    pub(super) times: ChunkTimes,
    /// Where its values stand, and after them its start times.
    pub(super) offset: u64,
    /// Bytes of its values.
    pub(super) values_bytes: u32,
    /// Bytes of its start times; 0 when no sample has one.
    pub(super) starts_bytes: u32,
}

impl ChunkRef {
    /// Where its bytes end.
    pub(super) fn end(&self) -> u64 {
        self.offset + u64::from(self.values_bytes) + u64::from(self.starts_bytes)
    }

    /// Whether it may have samples within these times, both inclusive.
    pub(super) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.times.min_ms <= end_ms && self.times.max_ms >= start_ms
    }
}

/// A series and its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeriesEntry {
    /// Rising.
    pub(super) tags: Vec<Tag>,
    /// In the order of time, not overlapping.
    pub(super) chunks: Vec<ChunkRef>,
}

/// What chunks are written relative to.
#[derive(Debug, Default)]
struct Neighbours {
    before: Vec<ChunkRef>,
    here: Vec<ChunkRef>,
    end: u64,
}

impl Neighbours {
    fn next(&self) -> ChunkTimes {
        let neighbour = self.before.get(self.here.len()).or(self.here.last());
        neighbour.map_or_else(ChunkTimes::default, |chunk| chunk.times)
    }

    fn push(&mut self, chunk: ChunkRef) {
        self.end = chunk.end();
        self.here.push(chunk);
    }

    fn end_series(&mut self) {
        std::mem::swap(&mut self.before, &mut self.here);
        self.here.clear();
    }
}

/// Collects series while their chunks are written.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    series: Vec<Row>,
    tags: Vec<Tag>,
    chunks: Vec<u8>,
    neighbours: Neighbours,
}

/// Where a series ends in what was collected.
#[derive(Debug)]
struct Row {
    tags_end: usize,
    chunks_end: usize,
    n_chunks: usize,
}

impl SeriesTable {
    /// How many series were ended.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Adds a chunk to the series that is being collected.
    pub(super) fn push_chunk(&mut self, chunk: ChunkRef) {
        encode_chunk(&chunk, &self.neighbours, &mut self.chunks);
        self.neighbours.push(chunk);
    }

    /// Whether the series that is being collected has a chunk.
    pub(super) fn has_chunk(&self) -> bool {
        !self.neighbours.here.is_empty()
    }

    /// Ends a series that has these tags, not numbered finally.
    pub(super) fn end_series(&mut self, tags: &[Tag]) {
        self.tags.extend_from_slice(tags);
        self.series.push(Row {
            tags_end: self.tags.len(),
            chunks_end: self.chunks.len(),
            n_chunks: self.neighbours.here.len(),
        });
        self.neighbours.end_series();
        if self.series.len().is_multiple_of(GROUP) {
            self.neighbours = Neighbours::default();
        }
    }

    /// Gives each tag its final number; within a series they rise.
    pub(super) fn renumber(&mut self, numbers: &[Tag]) {
        for tag in &mut self.tags {
            *tag = numbers[*tag as usize];
        }
    }

    /// Whether each series is later in the order of labels than the one before.
    pub(super) fn is_in_order(&self) -> bool {
        self.tags().zip(self.tags().skip(1)).all(|(before, after)| before < after)
    }

    /// The tags of each series.
    pub(super) fn tags(&self) -> impl Iterator<Item = &[Tag]> {
        let starts = std::iter::once(0).chain(self.series.iter().map(|row| row.tags_end));
        starts.zip(&self.series).map(|(start, row)| &self.tags[start..row.tags_end])
    }

    /// Its bytes, and where each group begins.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut groups) = (Vec::new(), Vec::new());
        let mut tags_before: &[Tag] = &[];
        let mut chunks_start = 0;
        for (at, (row, tags)) in self.series.iter().zip(self.tags()).enumerate() {
            if at % GROUP == 0 {
                groups.push(bytes.len());
                tags_before = &[];
            }
            encode_tags(tags, tags_before, &mut bytes);
            put_varint(&mut bytes, row.n_chunks as u64);
            bytes.extend_from_slice(&self.chunks[chunks_start..row.chunks_end]);
            tags_before = tags;
            chunks_start = row.chunks_end;
        }
        (bytes, groups)
    }
}

fn encode_tags(tags: &[Tag], before: &[Tag], bytes: &mut Vec<u8>) {
    let n_shared = tags.iter().zip(before).take_while(|(a, b)| a == b).count();
    put_varint(bytes, n_shared as u64);
    put_varint(bytes, (tags.len() - n_shared) as u64);
    let mut least = n_shared.checked_sub(1).map_or(0, |last| tags[last] + 1);
    for tag in &tags[n_shared..] {
        assert!(*tag >= least, "the tags of a series are not in order");
        put_varint(bytes, u64::from(tag - least));
        least = tag + 1;
    }
}

/// Appends the tags of a series to those of others; `before` says where those of the one before are.
fn decode_tags(
    cursor: &mut Cursor<'_>,
    before: Range<usize>,
    n_tags: u32,
    tags: &mut Vec<Tag>,
) -> Option<()> {
    let n_shared = cursor.at_most(before.len())?;
    let n_own = cursor.at_most(cursor.len())?;
    tags.extend_from_within(before.start..before.start + n_shared);
    let mut least = match n_shared {
        0 => 0,
        _ => tags.last().map_or(0, |tag| tag + 1),
    };
    for _ in 0..n_own {
        let tag = least.checked_add(cursor.varint_u32()?)?;
        if tag >= n_tags {
            return None;
        }
        tags.push(tag);
        least = tag + 1;
    }
    Some(())
}

fn encode_chunk(chunk: &ChunkRef, neighbours: &Neighbours, bytes: &mut Vec<u8>) {
    assert!(chunk.kind & !KIND_MASK == 0, "a chunk's kind has five bits");
    let (times, neighbour) = (chunk.times, neighbours.next());
    let same = if times == neighbour {
        SAME_TIMES
    } else if times.has_shape_of(&neighbour) {
        SAME_SHAPE
    } else {
        0
    };
    let starts = if chunk.starts_bytes > 0 { HAS_STARTS } else { 0 };
    bytes.push(chunk.kind | same | starts);
    if same != SAME_TIMES {
        put_zigzag(bytes, times.min_ms.wrapping_sub(neighbour.min_ms));
        put_zigzag(bytes, times.column.wrapping_sub(neighbour.column) as i64);
    }
    if same == 0 {
        put_varint(bytes, times.span_ms() as u64);
        put_varint(bytes, u64::from(times.n_samples));
        put_varint(bytes, u64::from(times.first));
    }
    put_varint(bytes, chunk.offset - neighbours.end);
    put_varint(bytes, u64::from(chunk.values_bytes));
    if chunk.starts_bytes > 0 {
        put_varint(bytes, u64::from(chunk.starts_bytes));
    }
}

fn decode_chunk(cursor: &mut Cursor<'_>, neighbour: ChunkTimes, end: u64) -> Option<ChunkRef> {
    let flags = cursor.byte()?;
    let times = decode_times(cursor, flags, neighbour)?;
    let offset = end.checked_add(cursor.varint()?)?;
    let values_bytes = cursor.varint_u32()?;
    let starts_bytes = if flags & HAS_STARTS != 0 { cursor.varint_u32()? } else { 0 };
    Some(ChunkRef { kind: flags & KIND_MASK, times, offset, values_bytes, starts_bytes })
}

fn decode_times(cursor: &mut Cursor<'_>, flags: u8, neighbour: ChunkTimes) -> Option<ChunkTimes> {
    if flags & SAME_TIMES != 0 {
        return Some(neighbour);
    }
    let min_ms = neighbour.min_ms.wrapping_add(cursor.zigzag()?);
    let column = neighbour.column.wrapping_add(cursor.zigzag()? as u64);
    let mut times = ChunkTimes { min_ms, column, ..neighbour };
    times.max_ms = min_ms.wrapping_add(neighbour.span_ms());
    if flags & SAME_SHAPE == 0 {
        times.max_ms = min_ms.wrapping_add(cursor.varint()? as i64);
        times.n_samples = cursor.varint_u32()?;
        times.first = cursor.varint_u32()?;
    }
    Some(times)
}

/// What the entries of a table may refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableBounds {
    /// How many tags there are.
    pub(super) n_tags: u32,
    /// Where the chunks end.
    pub(super) data_end: u64,
}

/// The series of a group, read again and again into the same memory.
#[derive(Debug, Default)]
pub(super) struct SeriesGroup {
    tags: Vec<Tag>,
    chunks: Vec<ChunkRef>,
    /// By series, where its tags and its chunks end, which begin where those of the one before end.
    ends: Vec<(usize, usize)>,
}

impl SeriesGroup {
    /// Reads a group of so many; `None`, and it has none, if the bytes are no group.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        n_series: usize,
        bounds: TableBounds,
    ) -> Option<()> {
        self.clear();
        let decoded = self.decode_all(bytes, n_series, bounds);
        if decoded.is_none() {
            self.ends.clear();
        }
        decoded
    }

    /// Forgets all, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.tags.clear();
        self.chunks.clear();
        self.ends.clear();
    }

    fn decode_all(&mut self, bytes: &[u8], n_series: usize, bounds: TableBounds) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        // Of the series before.
        let (mut tags, mut chunks) = (0..0, 0..0);
        let mut end = 0;
        for _ in 0..n_series {
            let tags_start = self.tags.len();
            decode_tags(&mut cursor, tags, bounds.n_tags, &mut self.tags)?;
            tags = tags_start..self.tags.len();
            let chunks_start = self.chunks.len();
            for nth in 0..cursor.at_most(cursor.len())? {
                let last = self.chunks[chunks_start..].last().map(|chunk| chunk.times);
                let neighbour = self.chunks[chunks.clone()].get(nth).map(|chunk| chunk.times);
                let neighbour = neighbour.or(last).unwrap_or_default();
                let chunk = decode_chunk(&mut cursor, neighbour, end)?;
                let is_later = last.is_none_or(|last| last.max_ms < chunk.times.min_ms);
                if !(is_later && is_plausible(&chunk, bounds.data_end)) {
                    return None;
                }
                end = chunk.end();
                self.chunks.push(chunk);
            }
            chunks = chunks_start..self.chunks.len();
            self.ends.push((self.tags.len(), self.chunks.len()));
        }
        (cursor.len() == 0).then_some(())
    }

    /// How many series it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The tags of a series, which rise, and its chunks in the order of time, not overlapping.
    pub(super) fn get(&self, at: usize) -> Option<(&[Tag], &[ChunkRef])> {
        let (tags_end, chunks_end) = *self.ends.get(at)?;
        let before = at.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
        Some((&self.tags[before.0..tags_end], &self.chunks[before.1..chunks_end]))
    }
}

/// The series of a group of so many.
pub(super) fn decode_group(
    bytes: &[u8],
    n_series: usize,
    bounds: TableBounds,
) -> Option<Vec<SeriesEntry>> {
    let mut group = SeriesGroup::default();
    group.decode(bytes, n_series, bounds)?;
    let entry = |at| {
        let (tags, chunks) = group.get(at)?;
        Some(SeriesEntry { tags: tags.to_vec(), chunks: chunks.to_vec() })
    };
    (0..group.len()).map(entry).collect()
}

fn is_plausible(chunk: &ChunkRef, data_end: u64) -> bool {
    let times = chunk.times;
    let n_to = times.first as usize + times.n_samples as usize;
    times.n_samples > 0
        && n_to <= CHUNK_SAMPLES_MAX
        && times.min_ms <= times.max_ms
        && times.column < data_end
        && chunk.offset <= data_end
        && chunk.end() <= data_end
}
