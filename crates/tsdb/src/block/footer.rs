//! Header and footer: what a block is, and where in the file things are.
//!
//! The footer ends the file and has its own checksum. Where the tables do not lie on one page with
//! it, there is a copy of it between chunks and tables, so that a page takes nothing with it that is
//! on another; it is found by its magic.

use std::fmt;
use std::ops::Range;

use super::bytes::Cursor;
use super::{BLOCK_MAGIC, BLOCK_VERSION, BlockId, GROUP, HEADER_BYTES};

/// How a footer ends. Neither 0xF6 nor 0xFF occurs in UTF-8.
pub(super) const FOOTER_MAGIC: [u8; 8] = [0xF6, b'P', b'H', b'B', b'K', b'F', 0xFF, b'1'];
/// The most parents that a block names.
pub(crate) const PARENTS_MAX: usize = 1024;
/// Bytes of a footer without its parents: 16 words of 8 and 9 of 4, then length, checksum, magic.
const FIXED_BYTES: usize = 16 * 8 + 9 * 4 + TAIL_BYTES;
/// Bytes that the footer of a tier has more: three words of 8.
const TIER_BYTES: usize = 24;
const TAIL_BYTES: usize = 16;
/// Bytes of the longest footer.
pub(super) const FOOTER_BYTES_MAX: usize = FIXED_BYTES + TIER_BYTES + 8 * PARENTS_MAX;

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// The first bytes.
    Header,
    /// Timestamp columns and chunks.
    Data,
    /// Which series there are and where their chunks stand.
    Series,
    /// The values of labels.
    Dictionary,
    /// Which series have a label's value.
    Postings,
    /// The names of labels, spares, and where groups of series and values begin.
    Guide,
    /// What the block is, and where the other parts are.
    Footer,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Data => "data",
            Self::Series => "series table",
            Self::Dictionary => "dictionary",
            Self::Postings => "postings",
            Self::Guide => "guide",
            Self::Footer => "footer",
        })
    }
}

/// What a block is to be, known before its first series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockMeta {
    /// A number that no other block of the directory ever had.
    pub(crate) id: BlockId,
    /// 0 for a frozen epoch, one more than the highest parent for a merged one.
    pub(crate) level: u32,
    /// The first epoch whose samples are in it.
    pub(crate) epoch_from: u64,
    /// The last epoch whose samples are in it, inclusive.
    pub(crate) epoch_to: u64,
    /// The blocks that it was merged from, at most [`PARENTS_MAX`].
    pub(crate) parents: Vec<BlockId>,
}

/// The feature of a block that holds rollups in the place of samples.
const FEATURE_TIER: u32 = 1;

/// What a block of rollups is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TierSpan {
    /// The width of a rollup, milliseconds.
    pub(crate) width_ms: i64,
    /// All samples after this moment are in it, Unix milliseconds,
    pub(crate) start_ms: i64,
    /// up to and with this one.
    pub(crate) end_ms: i64,
}

impl TierSpan {
    fn words(self) -> [i64; 3] {
        [self.width_ms, self.start_ms, self.end_ms]
    }

    fn is_plausible(self) -> bool {
        self.width_ms > 0 && self.start_ms < self.end_ms
    }
}

/// The features of a block.
pub(super) fn features_of(tier: Option<TierSpan>) -> u32 {
    if tier.is_some() { FEATURE_TIER } else { 0 }
}

/// What a finished block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockInfo {
    /// What it was to be.
    pub(crate) meta: BlockMeta,
    /// What its rollups are of; `None` if it has samples.
    pub(crate) tier: Option<TierSpan>,
    /// Its first sample, Unix milliseconds.
    pub(crate) min_ms: i64,
    /// Its last sample, Unix milliseconds.
    pub(crate) max_ms: i64,
    /// How many series it has.
    pub(crate) n_series: u32,
    /// How many samples it has.
    pub(crate) n_samples: u64,
    /// Bytes of the file.
    pub(crate) file_bytes: u64,
}

/// A range of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    /// Where it begins.
    pub(super) offset: u64,
    /// How long it is.
    pub(super) bytes: u64,
}

impl Extent {
    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    fn range(&self) -> Range<u64> {
        self.offset..self.end()
    }
}

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) meta: BlockMeta,
    pub(super) tier: Option<TierSpan>,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) n_series: u32,
    pub(super) n_samples: u64,
    pub(super) n_names: u32,
    pub(super) n_tags: u32,
    /// Bytes of the names, with which the guide begins.
    pub(super) names_bytes: u32,
    /// Bytes of the spares, which follow the names.
    pub(super) spares_bytes: u32,
    /// Where the chunks end; they begin after the header.
    pub(super) data_end: u64,
    pub(super) series: Extent,
    pub(super) dictionary: Extent,
    pub(super) postings: Extent,
    /// Where the two copies of the guide begin; the same where there is one alone.
    pub(super) guides: [u64; 2],
    /// The length of the content, this footer included.
    pub(super) content_bytes: u64,
}

/// Why bytes are not a footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FooterError {
    /// They are not what was written.
    Damaged,
    /// A later program wrote it.
    Newer {
        /// The version it wrote.
        version: u32,
        /// The features it used.
        features: u32,
    },
}

/// The first bytes of a block.
pub(super) fn encode_header(id: BlockId, features: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&BLOCK_MAGIC);
    bytes[8..12].copy_from_slice(&BLOCK_VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&features.to_le_bytes());
    // 16..20 tenant stays zero.
    bytes[20..28].copy_from_slice(&id.to_le_bytes());
    bytes
}

/// Whether a file that has no footer was written by a later program.
pub(super) fn newer_header(bytes: &[u8]) -> Option<FooterError> {
    let mut cursor = Cursor::new(bytes.strip_prefix(&BLOCK_MAGIC)?);
    let (version, features) = (cursor.u32()?, cursor.u32()?);
    is_newer(version, features).then_some(FooterError::Newer { version, features })
}

fn is_newer(version: u32, features: u32) -> bool {
    version > BLOCK_VERSION || features & !FEATURE_TIER != 0
}

/// Bytes of a footer with so many parents.
pub(super) fn footer_bytes(n_parents: usize, tier: Option<TierSpan>) -> usize {
    FIXED_BYTES + 8 * n_parents + tier.map_or(0, |_| TIER_BYTES)
}

impl Footer {
    /// Bytes of the guide.
    pub(super) fn guide_bytes(&self) -> u64 {
        let groups = |n: u32| u64::from(n).div_ceil(GROUP as u64);
        self.index_at() + 4 * groups(self.n_series) + 8 * groups(self.n_tags)
    }

    /// Where in the guide stands where the groups begin.
    pub(super) fn index_at(&self) -> u64 {
        u64::from(self.names_bytes) + u64::from(self.spares_bytes)
    }

    /// The part of the file that an offset belongs to.
    pub(super) fn section_of(&self, offset: u64) -> Section {
        let in_guide = |from: &u64| (*from..from + self.guide_bytes()).contains(&offset);
        if offset < HEADER_BYTES as u64 {
            Section::Header
        } else if offset < self.data_end {
            Section::Data
        } else if self.series.range().contains(&offset) {
            Section::Series
        } else if self.dictionary.range().contains(&offset) {
            Section::Dictionary
        } else if self.postings.range().contains(&offset) {
            Section::Postings
        } else if self.guides.iter().any(in_guide) {
            Section::Guide
        } else {
            Section::Footer
        }
    }

    /// What the file is.
    pub(super) fn info(&self) -> BlockInfo {
        BlockInfo {
            meta: self.meta.clone(),
            tier: self.tier,
            min_ms: self.min_ms,
            max_ms: self.max_ms,
            n_series: self.n_series,
            n_samples: self.n_samples,
            file_bytes: super::page::file_bytes(self.content_bytes),
        }
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let meta = &self.meta;
        let mut bytes = Vec::with_capacity(footer_bytes(meta.parents.len(), self.tier));
        let tenant = 0;
        let [series, dictionary, postings] = [self.series, self.dictionary, self.postings];
        for word in [BLOCK_VERSION, features_of(self.tier), tenant, meta.level] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for word in [
            meta.id,
            meta.epoch_from,
            meta.epoch_to,
            self.min_ms as u64,
            self.max_ms as u64,
            self.n_samples,
            self.content_bytes,
            self.data_end,
            series.offset,
            series.bytes,
            dictionary.offset,
            dictionary.bytes,
            postings.offset,
            postings.bytes,
            self.guides[0],
            self.guides[1],
        ] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let counts = [self.n_series, self.n_names, self.n_tags];
        for word in [self.names_bytes, self.spares_bytes].into_iter().chain(counts) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for word in self.tier.iter().flat_map(|tier| tier.words()) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for parent in &meta.parents {
            bytes.extend_from_slice(&parent.to_le_bytes());
        }
        let length = (bytes.len() + TAIL_BYTES) as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(&FOOTER_MAGIC);
        bytes
    }

    /// The footer that ends where these bytes end.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FooterError> {
        let whole = whole_footer(bytes).ok_or(FooterError::Damaged)?;
        let mut cursor = Cursor::new(whole);
        let (version, features) = cursor.u32().zip(cursor.u32()).ok_or(FooterError::Damaged)?;
        if is_newer(version, features) {
            return Err(FooterError::Newer { version, features });
        }
        let footer = Self::decode_words(cursor, features).ok_or(FooterError::Damaged)?;
        if footer.is_plausible() { Ok(footer) } else { Err(FooterError::Damaged) }
    }

    fn decode_words(mut cursor: Cursor<'_>, features: u32) -> Option<Self> {
        let c = &mut cursor;
        let _tenant = c.u32()?;
        let level = c.u32()?;
        let (id, epoch_from, epoch_to) = (c.u64()?, c.u64()?, c.u64()?);
        let (min_ms, max_ms) = (c.u64()? as i64, c.u64()? as i64);
        let (n_samples, content_bytes, data_end) = (c.u64()?, c.u64()?, c.u64()?);
        let mut extent = || Some(Extent { offset: c.u64()?, bytes: c.u64()? });
        let (series, dictionary, postings) = (extent()?, extent()?, extent()?);
        let guides = [c.u64()?, c.u64()?];
        let (names_bytes, spares_bytes) = (c.u32()?, c.u32()?);
        let (n_series, n_names, n_tags) = (c.u32()?, c.u32()?, c.u32()?);
        let tier = match features & FEATURE_TIER {
            0 => None,
            _ => {
                let mut word = || c.u64().map(|word| word as i64);
                Some(TierSpan { width_ms: word()?, start_ms: word()?, end_ms: word()? })
            }
        };
        let mut parents = Vec::with_capacity(c.len() / 8);
        while c.len() > 0 {
            parents.push(c.u64()?);
        }
        let meta = BlockMeta { id, level, epoch_from, epoch_to, parents };
        Some(Self {
            meta,
            tier,
            min_ms,
            max_ms,
            n_series,
            n_samples,
            n_names,
            n_tags,
            names_bytes,
            spares_bytes,
            data_end,
            series,
            dictionary,
            postings,
            guides,
            content_bytes,
        })
    }

    /// Whether every part lies within the file and is long enough for what it is said to hold.
    fn is_plausible(&self) -> bool {
        let end = self.content_bytes;
        let fits = |offset: u64, bytes: u64| offset.checked_add(bytes).is_some_and(|e| e <= end);
        let extents = [self.series, self.dictionary, self.postings];
        end <= u64::MAX / 2
            && (HEADER_BYTES as u64..=end).contains(&self.data_end)
            && extents.iter().all(|extent| fits(extent.offset, extent.bytes))
            && extents.iter().all(|extent| extent.bytes <= u64::from(u32::MAX))
            && self.guides.iter().all(|offset| fits(*offset, self.guide_bytes()))
            && u64::from(self.n_series) <= self.series.bytes
            && u64::from(self.n_tags) <= self.dictionary.bytes.min(self.postings.bytes)
            && self.n_names <= self.names_bytes
            && self.min_ms <= self.max_ms
            && self.tier.is_none_or(TierSpan::is_plausible)
    }
}

/// The bytes of a footer up to its length, if it ends here and is what was written.
fn whole_footer(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_suffix(&FOOTER_MAGIC)?;
    let (rest, sum) = rest.split_last_chunk::<4>()?;
    let (_, length) = rest.split_last_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let summed = rest.get((bytes.len()).checked_sub(length)?..)?;
    let whole = crc32fast::hash(summed).to_le_bytes() == *sum;
    let body = summed.get(..summed.len().checked_sub(4)?)?;
    whole.then_some(body)
}
