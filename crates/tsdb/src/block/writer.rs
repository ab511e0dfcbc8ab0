//! Writer: makes a block, series by series in the order of their labels.
//!
//! Chunks go to the file as they come; what stays in memory is the dictionary, a few bytes per
//! chunk, and some recent timestamp columns. The file has a temporary name until all of it is
//! durable, so a crash leaves either a whole block or a file that the next start removes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{HistogramSample, Labels};
use stdx::Disk;

use super::chunk::{SealedChunk, encode_column, encode_starts};
use super::columns::{ChunkColumns, Columns};
use super::dictionary::{Tag, TagNumbers};
use super::footer::{
    BlockInfo, BlockMeta, Extent, Footer, PARENTS_MAX, TierSpan, encode_header, features_of,
    footer_bytes,
};
use super::page::{PAGE_BYTES, PageWriter, page_of, room_on_page};
use super::rollups::tier_name;
use super::series_table::{ChunkRef, ChunkTimes, KIND_FLOATS, KIND_ROLLUPS, SeriesTable};
use super::time_columns::{Column, TimeColumns, TimeSlice};
use super::{BlockError, HEADER_BYTES, Section, tables};
use crate::codec::values::{Encoder, Hint};

mod histograms;

pub(super) use histograms::HISTOGRAMS_PER_CHUNK;

/// The most samples in a chunk of a block of level 0: what a dashboard's query decodes at a time.
const SAMPLES_PER_CHUNK: usize = 1024;
/// The same of a merged block, whose data is older: long columns compress better.
const SAMPLES_PER_MERGED_CHUNK: usize = 8 * 1024;
/// So many samples of a series are collected before chunks are cut from them.
const PENDING_SAMPLES_MAX: usize = 32 << 10;

/// See the head of this file.
pub(crate) struct BlockWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    meta: BlockMeta,
    /// Set if it is to hold rollups.
    tier: Option<TierSpan>,
    /// Dropped before it was finished, the writer removes it.
    unfinished: Unfinished,
    pages: PageWriter,
    tags: TagNumbers,
    table: SeriesTable,
    time_columns: TimeColumns,
    /// Where columns stand that were written twice, and where the second time.
    column_copies: Vec<(u64, u64)>,
    /// The writer's number of each tag that callers have numbers for; [`UNSEEN`] for others.
    known_tags: Vec<Tag>,
    series: OpenSeries,
    min_ms: i64,
    max_ms: i64,
    n_samples: u64,
    encoder: Encoder,
    /// The bytes of a chunk; where chunks end.
    scratch: Vec<u8>,
    ends: Vec<usize>,
}

/// A tag that was not numbered yet.
const UNSEEN: Tag = Tag::MAX;

/// The series that is being written. Its memory serves all.
#[derive(Default)]
struct OpenSeries {
    is_open: bool,
    tags: Vec<Tag>,
    pending: Columns,
    /// Empty unless `pending` is.
    pending_histograms: Vec<HistogramSample>,
    hint: Hint,
    last_ms: Option<i64>,
}

struct Unfinished {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    is_there: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_there {
            // If it stays, the next start removes it: its name says that it is not finished.
            let _stays = self.disk.remove(&self.path);
        }
    }
}

/// `<level>-<first time>-<last time>-<first epoch>-<last epoch>.blk`, and the width of its rollups
/// before the dot
pub(crate) fn block_path(dir: &Path, info: &BlockInfo) -> PathBuf {
    let BlockMeta { level, epoch_from, epoch_to, .. } = info.meta;
    let (min_ms, max_ms) = (info.min_ms, info.max_ms);
    let tier = info.tier.map_or(String::new(), |tier| format!("-{}", tier_name(tier.width_ms)));
    dir.join(format!("{level}-{min_ms}-{max_ms}-{epoch_from}-{epoch_to}{tier}.blk"))
}

/// Whether a file has a finished block's name. What it is says its footer.
pub(crate) fn is_block_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "blk")
}

/// Whether a file is what a writer left behind that did not finish.
pub(crate) fn is_unfinished_name(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(".blk.tmp"))
}

impl BlockWriter {
    /// Begins a block in a folder that is there.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        meta: BlockMeta,
    ) -> Result<Self, BlockError> {
        Self::create_of(disk, dir, meta, None)
    }

    /// Begins a block of samples, or of the rollups of this tier.
    pub(super) fn create_of(
        disk: Arc<dyn Disk>,
        dir: &Path,
        meta: BlockMeta,
        tier: Option<TierSpan>,
    ) -> Result<Self, BlockError> {
        assert!(meta.parents.len() <= PARENTS_MAX, "a block of {} parents", meta.parents.len());
        assert!(meta.epoch_from <= meta.epoch_to, "a block's epochs end before they begin");
        let path = dir.join(format!("{:016x}.blk.tmp", meta.id));
        let failed = |cause| BlockError::Disk { action: "create", path: path.clone(), cause };
        let file = disk.create(&path).map_err(failed)?;
        let unfinished = Unfinished { disk: Arc::clone(&disk), path: path.clone(), is_there: true };
        let mut pages = PageWriter::new(file, meta.id);
        pages.append(&encode_header(meta.id, features_of(tier))).map_err(failed)?;
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            meta,
            tier,
            unfinished,
            pages,
            tags: TagNumbers::default(),
            table: SeriesTable::default(),
            time_columns: TimeColumns::default(),
            column_copies: Vec::new(),
            known_tags: Vec::new(),
            series: OpenSeries::default(),
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            n_samples: 0,
            encoder: Encoder::default(),
            scratch: Vec::new(),
            ends: Vec::new(),
        })
    }

    /// Adds a series, later in the order of labels than the last. Its chunks rise in time and do
    /// not overlap; where they are cut is up to the writer. One without samples is left out.
    pub(crate) fn add_series(
        &mut self,
        labels: &Labels,
        chunks: &[ChunkColumns<'_>],
    ) -> Result<(), BlockError> {
        self.begin_series(labels)?;
        for chunk in chunks {
            self.push(*chunk)?;
        }
        self.end_series()
    }

    /// Begins a series, later in the order of labels than the last.
    pub(crate) fn begin_series(&mut self, labels: &Labels) -> Result<(), BlockError> {
        self.open_series();
        for label in labels {
            let tag = self.number_tag(&label.name, &label.value)?;
            self.series.tags.push(tag);
        }
        Ok(())
    }

    /// Begins a series, later in the order of labels than the last, whose labels the caller has
    /// numbers for: the same number for the same name and value in all series of this block, and
    /// small ones, as the writer keeps four bytes for each up to the largest. `text` is asked once
    /// for each number. The tags of a series stand in the order of their names.
    pub(crate) fn begin_series_tagged<'t>(
        &mut self,
        tags: &[u32],
        text: &dyn Fn(u32) -> (&'t str, &'t str),
    ) -> Result<(), BlockError> {
        self.open_series();
        for id in tags {
            let at = *id as usize;
            if at >= self.known_tags.len() {
                self.known_tags.resize(at + 1, UNSEEN);
            }
            if self.known_tags[at] == UNSEEN {
                let (name, value) = text(*id);
                self.known_tags[at] = self.number_tag(name, value)?;
            }
            self.series.tags.push(self.known_tags[at]);
        }
        Ok(())
    }

    /// Begins a series whose tags were numbered by [`Self::number_tag`].
    pub(super) fn begin_series_numbered(&mut self, tags: &[Tag]) {
        self.open_series();
        self.series.tags.extend_from_slice(tags);
    }

    fn open_series(&mut self) {
        assert!(!self.series.is_open, "a series was begun within another");
        self.series.is_open = true;
        self.series.tags.clear();
        self.series.hint = Hint::default();
        self.series.last_ms = None;
    }

    /// The writer's number of a tag.
    pub(super) fn number_tag(&mut self, name: &str, value: &str) -> Result<Tag, BlockError> {
        let tag = self.tags.number(name, value).filter(|tag| *tag != UNSEEN);
        tag.ok_or_else(|| self.too_large(Section::Dictionary))
    }

    /// Adds samples to the series, later than those before.
    pub(crate) fn push(&mut self, columns: ChunkColumns<'_>) -> Result<(), BlockError> {
        let n = self.check(&columns);
        self.write_histograms(true)?;
        self.series.pending.extend(columns);
        if n > 0 && self.series.pending.len() >= PENDING_SAMPLES_MAX {
            self.write_pending(false)?;
        }
        Ok(())
    }

    /// Adds a chunk to the series, later than those before, whose bytes stay as they are.
    pub(super) fn push_sealed(&mut self, chunk: SealedChunk<'_>) -> Result<(), BlockError> {
        self.check(&ChunkColumns { times: chunk.times, values: &[], starts: &[] });
        self.write_all_pending()?;
        self.write_chunk(chunk)
    }

    /// Adds rollups to the series, later than those before: the times of their first values, and
    /// the rest.
    pub(super) fn push_rollups(&mut self, times: &[i64], bytes: &[u8]) -> Result<(), BlockError> {
        let values_bytes = bytes.len();
        self.push_sealed(SealedChunk { kind: KIND_ROLLUPS, times, bytes, values_bytes })
    }

    /// Samples must be later than those before; returns how many they are.
    fn check(&mut self, columns: &ChunkColumns<'_>) -> usize {
        assert!(self.series.is_open, "samples belong to a series");
        let ChunkColumns { times, values, starts } = *columns;
        let n = times.len();
        // Without a way out of the loop it runs over several at a time.
        let is_rising = times.windows(2).fold(true, |is_rising, t| is_rising & (t[0] < t[1]));
        let is_later = self.series.last_ms.zip(times.first()).is_none_or(|(last, t)| last < *t);
        assert!(is_rising && is_later, "samples of a series came out of order");
        assert!([0, n].contains(&values.len()), "samples of a series lack values");
        assert!([0, n].contains(&starts.len()), "samples of a series lack starts");
        self.series.last_ms = times.last().copied().or(self.series.last_ms);
        n
    }

    /// Ends the series.
    pub(crate) fn end_series(&mut self) -> Result<(), BlockError> {
        assert!(self.series.is_open, "a series ended that was not begun");
        self.write_all_pending()?;
        self.series.is_open = false;
        if self.table.has_chunk() {
            self.table.end_series(&self.series.tags);
            if u32::try_from(self.table.len()).is_err() {
                return Err(self.too_large(Section::Series));
            }
        }
        Ok(())
    }

    fn write_all_pending(&mut self) -> Result<(), BlockError> {
        if !self.series.pending.is_empty() {
            self.write_pending(true)?;
        }
        self.write_histograms(true)
    }

    /// Writes what was collected; unless it is all there is, the last chunk stays, as more may
    /// belong to it.
    fn write_pending(&mut self, is_all: bool) -> Result<(), BlockError> {
        let n_max = if self.meta.level == 0 { SAMPLES_PER_CHUNK } else { SAMPLES_PER_MERGED_CHUNK };
        let mut pending = std::mem::take(&mut self.series.pending);
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        cut(&pending.times, n_max, 0, &mut ends);
        let n_chunks = if is_all { ends.len() } else { ends.len() - 1 };
        let mut start = 0;
        for end in &ends[..n_chunks] {
            self.encode_chunk(pending.borrow().slice(start..*end))?;
            start = *end;
        }
        pending.drop_first(start);
        self.series.pending = pending;
        self.ends = ends;
        Ok(())
    }

    fn encode_chunk(&mut self, columns: ChunkColumns<'_>) -> Result<(), BlockError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        self.encoder.encode(columns.values, &mut self.series.hint, &mut bytes);
        let values_bytes = bytes.len();
        encode_starts(columns, &mut bytes);
        let kind = KIND_FLOATS;
        let times = columns.times;
        let written = self.write_chunk(SealedChunk { kind, times, bytes: &bytes, values_bytes });
        self.scratch = bytes;
        written
    }

    fn write_chunk(&mut self, chunk: SealedChunk<'_>) -> Result<(), BlockError> {
        let SealedChunk { kind, times, bytes, values_bytes } = chunk;
        let slice = match self.time_columns.find(times) {
            Some(slice) => slice,
            None => self.write_column(times)?,
        };
        let offset = self.append(bytes)?;
        let times = chunk_times(times, slice);
        self.min_ms = self.min_ms.min(times.min_ms);
        self.max_ms = self.max_ms.max(times.max_ms);
        self.n_samples += u64::from(times.n_samples);
        self.table.push_chunk(ChunkRef {
            kind,
            times,
            offset,
            values_bytes: values_bytes as u32,
            starts_bytes: (bytes.len() - values_bytes) as u32,
        });
        Ok(())
    }

    fn write_column(&mut self, times: &[i64]) -> Result<TimeSlice, BlockError> {
        let mut bytes = Vec::new();
        encode_column(times, &mut bytes);
        let column = self.append(&bytes)?;
        for forgotten in self.time_columns.keep(column, times) {
            self.write_copy(&forgotten)?;
        }
        Ok(TimeSlice { column, first: 0 })
    }

    /// Writes a column that many chunks use a second time, on another page than the first.
    fn write_copy(&mut self, column: &Column) -> Result<(), BlockError> {
        let is_elsewhere = page_of(self.pages.offset()) > page_of(column.offset);
        if column.is_spared() && is_elsewhere {
            let mut bytes = Vec::new();
            encode_column(&column.times, &mut bytes);
            let copy = self.append(&bytes)?;
            self.column_copies.push((column.offset, copy));
        }
        Ok(())
    }

    /// Appends content and says where it stands.
    fn append(&mut self, bytes: &[u8]) -> Result<u64, BlockError> {
        let offset = self.pages.offset();
        self.pages.append(bytes).map_err(|cause| self.failed("write", cause))?;
        Ok(offset)
    }

    fn failed(&self, action: &'static str, cause: io::Error) -> BlockError {
        BlockError::Disk { action, path: self.unfinished.path.clone(), cause }
    }

    fn too_large(&self, section: Section) -> BlockError {
        BlockError::TooLarge { path: self.unfinished.path.clone(), section }
    }

    /// Writes the tables and the footer and gives the block its name. When it returns, the block is
    /// durable. Without any sample there is no block.
    pub(crate) fn finish(mut self) -> Result<Option<BlockInfo>, BlockError> {
        assert!(!self.series.is_open, "a block was finished within a series");
        if self.table.len() == 0 {
            return Ok(None);
        }
        let footer = self.write_tables()?;
        let info = footer.info();
        let Self { disk, dir, mut unfinished, pages, .. } = self;
        let tmp = unfinished.path.clone();
        let failed = |action, cause| BlockError::Disk { action, path: tmp.clone(), cause };
        pages.finish().map_err(|cause| failed("sync", cause))?;
        disk.rename(&tmp, &block_path(&dir, &info)).map_err(|cause| failed("rename", cause))?;
        unfinished.is_there = false;
        disk.sync_dir(&dir).map_err(|cause| failed("sync the folder of", cause))?;
        Ok(Some(info))
    }

    fn write_tables(&mut self) -> Result<Footer, BlockError> {
        for column in std::mem::take(&mut self.time_columns).into_columns() {
            self.write_copy(&column)?;
        }
        let data_end = self.pages.offset();
        let footer_len = footer_bytes(self.meta.parents.len(), self.tier) as u64;
        let room_bytes = room_on_page(data_end).saturating_sub(footer_len as usize);
        let (tags, copies) = (std::mem::take(&mut self.tags), &mut self.column_copies);
        let tables = tables::encode(tags, &mut self.table, copies, room_bytes);
        let tables = tables.map_err(|section| self.too_large(section))?;
        let n_names = tables.n_names;
        let guide_len = tables.guide.len() as u64;
        let are_apart = tables.are_apart;
        let first_guide = data_end + footer_len;
        let series_at = if are_apart { first_guide + guide_len } else { data_end };
        let extent = |offset, bytes: &Vec<u8>| Extent { offset, bytes: bytes.len() as u64 };
        let series = extent(series_at, &tables.series);
        let dictionary = extent(series.end(), &tables.dictionary);
        let postings = extent(dictionary.end(), &tables.postings);
        let last_guide = postings.end();
        let footer = Footer {
            meta: self.meta.clone(),
            tier: self.tier,
            min_ms: self.min_ms,
            max_ms: self.max_ms,
            n_series: self.table.len() as u32,
            n_samples: self.n_samples,
            n_names,
            n_tags: tables.n_tags,
            names_bytes: tables.names_bytes,
            spares_bytes: tables.spares_bytes,
            data_end,
            series,
            dictionary,
            postings,
            guides: [if are_apart { first_guide } else { last_guide }, last_guide],
            content_bytes: last_guide + guide_len + footer_len,
        };
        assert_eq!(guide_len, footer.guide_bytes(), "a guide has another length");
        let footer_content = footer.encode();
        if are_apart {
            self.append(&footer_content)?;
            self.append(&tables.guide)?;
        }
        for bytes in [&tables.series, &tables.dictionary, &tables.postings, &tables.guide] {
            self.append(bytes)?;
        }
        self.append(&footer_content)?;
        assert_eq!(self.pages.offset(), footer.content_bytes, "a footer lies about its block");
        Ok(footer)
    }
}

fn chunk_times(times: &[i64], slice: TimeSlice) -> ChunkTimes {
    let (Some(min_ms), Some(max_ms)) = (times.first(), times.last()) else {
        unreachable!("a chunk is never empty");
    };
    ChunkTimes {
        min_ms: *min_ms,
        max_ms: *max_ms,
        n_samples: times.len() as u32,
        column: slice.column,
        first: slice.first,
    }
}

/// Where to cut samples, which follow `before` others, into chunks of at most `n_max`. Cuts are at
/// times that are multiples of a high power of two, so that series of the same scrape are cut at
/// the same places wherever each of them begins, and share their columns.
fn cut(times: &[i64], n_max: usize, before: usize, ends: &mut Vec<usize>) {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return;
    };
    if times.len() <= n_max {
        ends.push(before + times.len());
        return;
    }
    // As unsigned numbers of the same order: the highest bit in which first and last differ.
    let highest = 63 - (first ^ last).leading_zeros();
    let middle = if highest == 63 { 0 } else { last >> highest << highest };
    let at = times.partition_point(|t| *t < middle);
    cut(&times[..at], n_max, before, ends);
    cut(&times[at..], n_max, before + at, ends);
}

const _: () = assert!(SAMPLES_PER_MERGED_CHUNK <= super::CHUNK_SAMPLES_MAX);
const _: () = assert!(SAMPLES_PER_MERGED_CHUNK < PENDING_SAMPLES_MAX);
const _: () = assert!(HEADER_BYTES < PAGE_BYTES);
