//! Verify: reads a whole block from the disk and names everything that is lost.

use std::sync::Arc;

use model::Labels;

use super::chunk::ChunkReader;
use super::columns::Columns;
use super::cursor::LabelReader;
use super::footer::{Footer, encode_header, features_of, footer_bytes};
use super::page::{PAGE_CONTENT_BYTES, n_pages, page_of, read_unchecked};
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_HISTOGRAMS, KIND_ROLLUPS, SeriesEntry};
use super::{BlockError, GROUP, HEADER_BYTES, PageCache, ReadError, Section};

/// Pages that are kept while a block is verified.
const CACHE_BYTES: usize = 1 << 20;

/// Something that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// What it is a part of.
    pub(crate) section: Section,
    /// The page to blame.
    pub(crate) page: u64,
    /// The series that lost something, if it is known.
    pub(crate) series: Option<Labels>,
    /// The first and the last time of what it lost, Unix milliseconds.
    pub(crate) times: Option<(i64, i64)>,
}

impl Block {
    /// Reads everything, past the cache, and reports what is damaged: first pages, then what was on
    /// them.
    ///
    /// # Errors
    /// The block cannot even be opened any more.
    pub(crate) fn verify(&self, report: &mut dyn FnMut(Damage)) -> Result<(), BlockError> {
        let cache = Arc::new(PageCache::new(CACHE_BYTES));
        let block = Self::open(Arc::clone(self.disk()), self.path(), cache)?;
        let mut verifier = Verifier { block: &block, report };
        verifier.length();
        verifier.pages();
        verifier.header_and_footers();
        verifier.guides();
        verifier.series();
        verifier.tags();
        Ok(())
    }
}

struct Verifier<'v> {
    block: &'v Block,
    report: &'v mut dyn FnMut(Damage),
}

impl Verifier<'_> {
    fn damaged(&mut self, section: Section, page: u64) {
        (self.report)(Damage { section, page, series: None, times: None });
    }

    fn length(&mut self) {
        let expected = self.block.info().file_bytes;
        let found = self.block.disk().len(self.block.path());
        if !found.is_ok_and(|found| found == expected) {
            let last = self.footer().content_bytes - 1;
            self.damaged(Section::Footer, page_of(last));
        }
    }

    fn footer(&self) -> &Footer {
        self.block.footer()
    }

    /// Every page against its checksum; a bad one is reported for each section it carries.
    fn pages(&mut self) {
        for page in 0..n_pages(self.footer().content_bytes) {
            if self.block.read_page_from_disk(page).is_err() {
                for section in self.sections_on(page) {
                    self.damaged(section, page);
                }
            }
        }
    }

    fn sections_on(&self, page: u64) -> Vec<Section> {
        let footer = self.footer();
        let first = page * PAGE_CONTENT_BYTES as u64;
        let end = (first + PAGE_CONTENT_BYTES as u64).min(footer.content_bytes);
        let [series, dictionary, postings] = [footer.series, footer.dictionary, footer.postings];
        let begins = [
            first,
            HEADER_BYTES as u64,
            footer.data_end,
            series.offset,
            dictionary.offset,
            postings.offset,
            footer.guides[0],
            footer.guides[1],
            footer.guides[1] + footer.guide_bytes(),
        ];
        let here = begins.into_iter().filter(|offset| (first..end).contains(offset));
        let mut sections: Vec<Section> = Vec::new();
        for section in here.map(|offset| footer.section_of(offset)) {
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
        sections
    }

    /// What no reader needs as long as the rest is whole.
    fn header_and_footers(&mut self) {
        let footer = self.footer().clone();
        let (disk, path) = (Arc::clone(self.block.disk()), self.block.path().to_owned());
        let is_there = |offset: u64, expected: &[u8]| {
            let found = read_unchecked(disk.as_ref(), &path, offset, expected.len());
            found.is_ok_and(|found| found == expected)
        };
        if !is_there(0, &encode_header(footer.meta.id, features_of(footer.tier))) {
            self.damaged(Section::Header, 0);
        }
        let expected = footer.encode();
        let last =
            footer.content_bytes - footer_bytes(footer.meta.parents.len(), footer.tier) as u64;
        let are_apart = footer.guides[0] != footer.guides[1];
        for offset in are_apart.then_some(footer.data_end).into_iter().chain([last]) {
            if !is_there(offset, &expected) {
                self.damaged(Section::Footer, page_of(offset));
            }
        }
    }

    fn guides(&mut self) {
        let (guides, bytes) = (self.footer().guides, self.footer().guide_bytes());
        for guide in guides {
            if let Err(error) = self.block.read(guide, bytes) {
                self.damaged(Section::Guide, error.page());
            }
        }
    }

    fn series(&mut self) {
        let mut labels = LabelReader::default();
        let mut chunks = ChunkReader::default();
        for group in 0..self.footer().n_series.div_ceil(GROUP as u32) {
            match self.block.series_group(group) {
                Ok(series) => {
                    for entry in &series {
                        self.one_series(entry, &mut labels, &mut chunks);
                    }
                }
                Err(error) => self.damaged(Section::Series, error.page()),
            }
        }
    }

    fn one_series(
        &mut self,
        entry: &SeriesEntry,
        labels: &mut LabelReader,
        chunks: &mut ChunkReader,
    ) {
        let labels = labels.labels(self.block, &entry.tags);
        if let Err(error) = &labels {
            let ends = entry.chunks.first().zip(entry.chunks.last());
            let times = ends.map(|(first, last)| (first.times.min_ms, last.times.max_ms));
            let page = error.page();
            (self.report)(Damage { section: Section::Dictionary, page, series: None, times });
        }
        let labels = labels.ok();
        for chunk in &entry.chunks {
            if let Err(error) = self.one_chunk(chunk, chunks) {
                (self.report)(Damage {
                    section: Section::Data,
                    page: error.page(),
                    series: labels.clone(),
                    times: Some((chunk.times.min_ms, chunk.times.max_ms)),
                });
            }
        }
    }

    fn one_chunk(&self, chunk: &ChunkRef, chunks: &mut ChunkReader) -> Result<(), ReadError> {
        let all = (i64::MIN, i64::MAX);
        match chunk.kind {
            KIND_HISTOGRAMS => chunks.read_histograms(self.block, chunk, all, &mut Vec::new()),
            KIND_ROLLUPS => chunks.read_rollups(self.block, chunk, &mut Vec::new()),
            _ => chunks.read(self.block, chunk, all, &mut Columns::default()),
        }
    }

    fn tags(&mut self) {
        for tag in 0..self.footer().n_tags {
            let is_first = tag % GROUP as u32 == 0;
            if is_first && let Err(error) = self.block.values_group(tag / GROUP as u32) {
                self.damaged(Section::Dictionary, error.page());
            }
            if let Err(error) = self.block.postings(tag) {
                self.damaged(Section::Postings, error.page());
            }
        }
    }
}
