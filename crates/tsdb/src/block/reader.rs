//! Block: a finished file, open for reading.
//!
//! In memory are the footer and the names of labels; everything else is read when it is asked for,
//! page by page, through the cache. The file is opened anew for each page, so it must not be
//! removed before the last reader of the block is gone.

use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use stdx::Disk;

use super::cache::{FileNumber, PageContent};
use super::dictionary::{self, Names, Tag, ValuesGroup};
use super::footer::{
    FOOTER_BYTES_MAX, FOOTER_MAGIC, Footer, FooterError, footer_bytes, newer_header,
};
use super::page::{
    PAGE_CONTENT_BYTES, content_bytes, content_on_page, page_of, read_page, read_unchecked,
};
use super::series_table::{self, SeriesEntry, SeriesGroup, TableBounds};
use super::spares::Spares;
use super::{BlockError, BlockInfo, GROUP, HEADER_BYTES, PageCache, ReadError, Section, postings};

/// A footer that is not at the end is looked for in steps of this size.
const SEARCH_BYTES: usize = 1 << 20;

/// See the head of this file.
pub(crate) struct Block {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    cache: Arc<PageCache>,
    file: FileNumber,
    footer: Footer,
    names: Names,
    /// Read when something needs one.
    spares: OnceLock<Spares>,
    n_skipped: AtomicU64,
}

/// How many values and series a label has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelCardinality {
    /// The label's name.
    pub(crate) name: String,
    /// How many different values it has.
    pub(crate) n_values: u32,
    /// How many series have it.
    pub(crate) n_series: u32,
}

/// Content of a block: within one page it is not copied.
pub(super) enum Bytes {
    /// A part of a page.
    Page(PageContent, Range<usize>),
    /// Parts of several pages.
    Joined(Vec<u8>),
}

impl Bytes {
    /// Content that lies on this page alone.
    pub(super) fn within(page: u64, content: &PageContent, offset: u64, n: u64) -> Option<Self> {
        let start = offset.checked_sub(page * PAGE_CONTENT_BYTES as u64)?;
        let end = start.checked_add(n).filter(|end| *end <= content.len() as u64)?;
        Some(Self::Page(Arc::clone(content), start as usize..end as usize))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Page(content, range) => &content[range.clone()],
            Self::Joined(bytes) => bytes,
        }
    }
}

impl Block {
    /// Opens a block. Only what says where things are must be readable.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        cache: Arc<PageCache>,
    ) -> Result<Self, BlockError> {
        let footer = find_footer(disk.as_ref(), path)?;
        let file = cache.register();
        let mut block = Self {
            disk,
            path: path.to_owned(),
            cache,
            file,
            footer,
            names: Names::default(),
            spares: OnceLock::new(),
            n_skipped: AtomicU64::new(0),
        };
        block.names = block.read_names()?;
        Ok(block)
    }

    /// What it is.
    pub(crate) fn info(&self) -> BlockInfo {
        self.footer.info()
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many series it has.
    pub(crate) fn series_count(&self) -> u32 {
        self.footer.n_series
    }

    /// How many samples it has.
    #[cfg(test)]
    pub(crate) fn sample_count(&self) -> u64 {
        self.footer.n_samples
    }

    /// Whether it may have samples within these times, both inclusive.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.footer.min_ms <= end_ms && self.footer.max_ms >= start_ms
    }

    /// Exact numbers for each label, in the order of names.
    pub(crate) fn cardinality(&self) -> Vec<LabelCardinality> {
        let of = |name: &dictionary::Name| LabelCardinality {
            name: name.name.to_string(),
            n_values: name.tags.end - name.tags.start,
            n_series: name.n_series,
        };
        self.names.iter().map(of).collect()
    }

    /// How often something could not be read and was skipped, since the block was opened.
    pub(crate) fn n_skipped(&self) -> u64 {
        self.n_skipped.load(Ordering::Relaxed)
    }

    /// Counts things that were skipped.
    pub(super) fn count_skipped(&self, n: u64) {
        self.n_skipped.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(super) fn footer(&self) -> &Footer {
        &self.footer
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    fn read_names(&self) -> Result<Names, BlockError> {
        let footer = &self.footer;
        for offset in footer.guides {
            let bytes = self.read(offset, u64::from(footer.names_bytes));
            let names = bytes.ok().and_then(|b| Names::decode(&b, footer.n_names, footer.n_tags));
            if let Some(names) = names {
                return Ok(names);
            }
        }
        let path = self.path.clone();
        Err(BlockError::Damaged { path, what: "the names of its labels cannot be read" })
    }

    /// Second copies; none when they cannot be read either.
    pub(super) fn spares(&self) -> &Spares {
        self.spares.get_or_init(|| {
            let footer = &self.footer;
            let copies = footer.guides.iter().filter_map(|guide| {
                let at = guide + u64::from(footer.names_bytes);
                Spares::decode(&self.read(at, u64::from(footer.spares_bytes)).ok()?)
            });
            copies.into_iter().next().unwrap_or_default()
        })
    }

    /// Content, verified.
    pub(super) fn read(&self, offset: u64, n_bytes: u64) -> Result<Bytes, ReadError> {
        let (page, in_page) = (page_of(offset), (offset % PAGE_CONTENT_BYTES as u64) as usize);
        let n_bytes = usize::try_from(n_bytes).unwrap_or(usize::MAX);
        if in_page.saturating_add(n_bytes) <= PAGE_CONTENT_BYTES {
            let content = self.page(page)?;
            let range = in_page..in_page + n_bytes;
            return match content.get(range.clone()) {
                Some(_) => Ok(Bytes::Page(content, range)),
                None => Err(self.malformed(offset)),
            };
        }
        self.read_joined(offset, n_bytes)
    }

    fn read_joined(&self, offset: u64, n_bytes: usize) -> Result<Bytes, ReadError> {
        // It grows with what is there, so a length that makes no sense allocates no more.
        let mut joined = Vec::new();
        while joined.len() < n_bytes {
            let at = offset + joined.len() as u64;
            let content = self.page(page_of(at))?;
            let in_page = (at % PAGE_CONTENT_BYTES as u64) as usize;
            let there = content.get(in_page..).unwrap_or_default();
            if there.is_empty() {
                return Err(self.malformed(at));
            }
            joined.extend_from_slice(&there[..there.len().min(n_bytes - joined.len())]);
        }
        Ok(Bytes::Joined(joined))
    }

    fn page(&self, page: u64) -> Result<PageContent, ReadError> {
        if let Some(content) = self.cache.get(self.file, page) {
            return Ok(content);
        }
        let content = Arc::new(self.read_page_from_disk(page)?);
        self.cache.put(self.file, page, Arc::clone(&content));
        Ok(content)
    }

    /// A page as it is on the disk now.
    pub(super) fn read_page_from_disk(&self, page: u64) -> Result<Vec<u8>, ReadError> {
        let n_content = content_on_page(self.footer.content_bytes, page);
        let id = self.cache.checks_pages().then_some(self.footer.meta.id);
        let read = read_page(self.disk.as_ref(), &self.path, id, page, n_content);
        match read {
            Ok(Some(content)) if n_content > 0 => Ok(content),
            Ok(_) => Err(ReadError::Page { page }),
            Err(cause) => Err(ReadError::Disk { page, cause }),
        }
    }

    /// An error about what stands at this offset.
    pub(super) fn malformed(&self, offset: u64) -> ReadError {
        ReadError::Malformed { section: self.footer.section_of(offset), offset }
    }

    /// The numbers of a group of the guide and of the next one, from whichever copy is readable;
    /// the second is the section's length for the last group.
    fn group_range(
        &self,
        in_guide: u64,
        is_last: bool,
        stride: u64,
        section: Section,
    ) -> Result<Range<u64>, ReadError> {
        let extent = self.section(section);
        let word = |from: u64| -> Result<u64, ReadError> {
            let bytes = self.read(from, 4)?;
            let word = bytes.first_chunk().ok_or_else(|| self.malformed(from))?;
            Ok(u64::from(u32::from_le_bytes(*word)))
        };
        let mut failed = None;
        for guide in self.footer.guides {
            let at = guide + in_guide;
            let start = word(at);
            let end = if is_last { Ok(extent.bytes) } else { word(at + stride) };
            match (start, end) {
                (Ok(start), Ok(end)) if start <= end && end <= extent.bytes => {
                    return Ok(extent.offset + start..extent.offset + end);
                }
                (Err(error), _) | (_, Err(error)) => failed = Some(error),
                _ => {}
            }
        }
        Err(failed.unwrap_or_else(|| self.malformed(self.footer.guides[0] + in_guide)))
    }

    fn section(&self, section: Section) -> super::footer::Extent {
        match section {
            Section::Series => self.footer.series,
            Section::Dictionary => self.footer.dictionary,
            _ => self.footer.postings,
        }
    }

    /// How many series this group has.
    pub(super) fn series_in_group(&self, group: u32) -> usize {
        in_group(self.footer.n_series, group)
    }

    /// The series of a group.
    pub(super) fn series_group(&self, group: u32) -> Result<Vec<SeriesEntry>, ReadError> {
        let (bytes, offset, bounds) = self.series_bytes(group)?;
        let series = series_table::decode_group(&bytes, self.series_in_group(group), bounds);
        series.ok_or_else(|| self.malformed(offset))
    }

    /// The same into memory that is used again.
    pub(super) fn read_series_group(
        &self,
        group: u32,
        out: &mut SeriesGroup,
    ) -> Result<(), ReadError> {
        let (bytes, offset, bounds) = self.series_bytes(group)?;
        let decoded = out.decode(&bytes, self.series_in_group(group), bounds);
        decoded.ok_or_else(|| self.malformed(offset))
    }

    /// The bytes of a group of series, where they stand, and what they may refer to.
    fn series_bytes(&self, group: u32) -> Result<(Bytes, u64, TableBounds), ReadError> {
        let footer = &self.footer;
        let at = footer.index_at() + 4 * u64::from(group);
        let is_last = group + 1 == n_groups(footer.n_series);
        let range = self.group_range(at, is_last, 4, Section::Series)?;
        let bytes = self.read(range.start, range.end - range.start)?;
        let bounds = TableBounds { n_tags: footer.n_tags, data_end: footer.data_end };
        Ok((bytes, range.start, bounds))
    }

    /// The group of a tag within its section.
    fn tag_group(&self, group: u32, section: Section) -> Result<(Bytes, u64), ReadError> {
        let footer = &self.footer;
        let series_index = 4 * u64::from(n_groups(footer.n_series));
        let second = if section == Section::Postings { 4 } else { 0 };
        let at = footer.index_at() + series_index + 8 * u64::from(group) + second;
        let is_last = group + 1 == n_groups(footer.n_tags);
        let range = self.group_range(at, is_last, 8, section)?;
        Ok((self.read(range.start, range.end - range.start)?, range.start))
    }

    /// The values of a group of tags, each with its tag. If the group cannot be read, those of them
    /// that have a second copy, and why.
    pub(super) fn tagged_values(&self, group: u32) -> (Vec<(Tag, String)>, Option<ReadError>) {
        let first = group * GROUP as u32;
        match self.values_group(group) {
            Ok(values) => ((first..).zip(values).collect(), None),
            Err(error) => {
                let end = first.saturating_add(GROUP as u32).min(self.footer.n_tags);
                let spared = &self.spares().values;
                let values = (first..end).filter_map(|tag| Some((tag, spared.get(&tag)?.clone())));
                (values.collect(), Some(error))
            }
        }
    }

    /// The values of a group of tags.
    pub(super) fn values_group(&self, group: u32) -> Result<Vec<String>, ReadError> {
        let mut values = ValuesGroup::default();
        self.read_values_group(group, &mut values)?;
        Ok(values.iter().map(str::to_owned).collect())
    }

    /// The values of a group of tags into memory that is used again.
    pub(super) fn read_values_group(
        &self,
        group: u32,
        out: &mut ValuesGroup,
    ) -> Result<(), ReadError> {
        let (bytes, offset) = self.tag_group(group, Section::Dictionary)?;
        let decoded = out.decode(&bytes, in_group(self.footer.n_tags, group));
        decoded.ok_or_else(|| self.malformed(offset))
    }

    /// The series that have a tag, rising.
    pub(super) fn postings(&self, tag: Tag) -> Result<Vec<u32>, ReadError> {
        let (bytes, offset) = self.tag_group(tag / GROUP as u32, Section::Postings)?;
        let list = postings::decode(&bytes, tag as usize % GROUP, self.footer.n_series);
        list.ok_or_else(|| self.malformed(offset))
    }

    /// The values of these tags, each with its tag; those that cannot be read are left out, and the
    /// reason of the last is given.
    pub(super) fn values(&self, tags: Range<Tag>) -> (Vec<(Tag, String)>, Option<ReadError>) {
        let (mut values, mut failed) = (Vec::new(), None);
        if tags.is_empty() {
            return (values, failed);
        }
        for group in tags.start / GROUP as u32..=(tags.end - 1) / GROUP as u32 {
            let (of_group, unreadable) = self.tagged_values(group);
            values.extend(of_group.into_iter().filter(|(tag, _)| tags.contains(tag)));
            failed = unreadable.or(failed);
        }
        (values, failed)
    }

    /// The tag of a label; an error when it may be where nothing can be read.
    pub(super) fn find_tag(&self, name: &str, value: &str) -> Result<Option<Tag>, ReadError> {
        let tags = self.names.tags_of(name);
        match self.search_tag(tags.clone(), value) {
            Ok(found) => Ok(found),
            // What the search needed is damaged: look everywhere.
            Err(_) => {
                let (values, failed) = self.values(tags);
                let found = values.into_iter().find(|(_, known)| known == value);
                match (found, failed) {
                    (Some((tag, _)), _) => Ok(Some(tag)),
                    (None, Some(error)) => Err(error),
                    (None, None) => Ok(None),
                }
            }
        }
    }

    fn search_tag(&self, tags: Range<Tag>, value: &str) -> Result<Option<Tag>, ReadError> {
        let (mut low, mut high) = (tags.start, tags.end);
        while low < high {
            let group = (low + (high - low) / 2) / GROUP as u32;
            let first = (group * GROUP as u32).max(low);
            let values = self.values_group(group)?;
            let end = (group * GROUP as u32 + values.len() as u32).min(high);
            let in_group = |tag: u32| tag as usize % GROUP;
            let Some(held) = values.get(in_group(first)..=in_group(end - 1)) else {
                return Err(self.malformed(self.footer.dictionary.offset));
            };
            match held.binary_search_by(|known| known.as_str().cmp(value)) {
                Ok(at) => return Ok(Some(first + at as u32)),
                Err(0) => high = first,
                Err(at) if at == held.len() => low = end,
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.cache.forget(self.file);
    }
}

fn n_groups(n: u32) -> u32 {
    n.div_ceil(GROUP as u32)
}

fn in_group(n: u32, group: u32) -> usize {
    let before = u64::from(group) * GROUP as u64;
    u64::from(n).saturating_sub(before).min(GROUP as u64) as usize
}

/// The footer at the end of the file, else the last one within it.
fn find_footer(disk: &dyn Disk, path: &Path) -> Result<Footer, BlockError> {
    let failed = |cause| BlockError::Disk { action: "open", path: path.to_owned(), cause };
    let end = content_bytes(disk.len(path).map_err(failed)?);
    let read = |offset: u64, n| read_unchecked(disk, path, offset, n).map_err(failed);
    let tail = read(end.saturating_sub(FOOTER_BYTES_MAX as u64), FOOTER_BYTES_MAX)?;
    let mut failure = match Footer::decode(&tail) {
        Ok(footer) => return Ok(footer),
        Err(error) => error,
    };
    let mut searched = end;
    while searched > 0 && failure == FooterError::Damaged {
        let from = searched.saturating_sub(SEARCH_BYTES as u64);
        // A footer that ends in this step may begin before it.
        let begins = from.saturating_sub(FOOTER_BYTES_MAX as u64);
        let bytes = read(begins, (searched - begins) as usize)?;
        match last_footer(&bytes) {
            Ok(footer) => return Ok(footer),
            Err(error) => failure = error,
        }
        searched = from;
    }
    if failure == FooterError::Damaged {
        let header = read(0, HEADER_BYTES)?;
        failure = newer_header(&header).unwrap_or(failure);
    }
    let path = path.to_owned();
    Err(match failure {
        FooterError::Damaged => BlockError::Damaged { path, what: "it has no footer" },
        FooterError::Newer { version, features } => BlockError::Newer { path, version, features },
    })
}

fn last_footer(bytes: &[u8]) -> Result<Footer, FooterError> {
    let shortest = footer_bytes(0, None);
    for end in (shortest..=bytes.len()).rev() {
        if bytes[..end].ends_with(&FOOTER_MAGIC) {
            match Footer::decode(&bytes[..end]) {
                Err(FooterError::Damaged) => {}
                judged => return judged,
            }
        }
    }
    Err(FooterError::Damaged)
}
