//! Blocks: immutable files of sealed samples, with their own index. One format for every level.
//!
//! A [`BlockWriter`] takes series in the order of their labels and writes their chunks as they
//! come; the tables follow at the end, and nothing is visible under the block's name before all of
//! it is durable. A [`Block`] reads through a bounded [`PageCache`]; every page has a checksum, and
//! what lies on a damaged one is skipped and counted while the rest is read. [`merge_visible`] makes one
//! block of several.
//!
//! The bytes are drawn in `docs/formats/block.md`.

mod bytes;
mod cache;
mod chunk;
mod columns;
mod condition;
mod cursor;
mod describe;
mod dictionary;
mod error;
mod footer;
mod histogram_chunk;
mod merge;
mod merged_tags;
mod page;
mod postings;
mod reader;
mod rollups;
mod scan;
mod select;
mod series_table;
mod spares;
mod tables;
mod time_columns;
mod verify;
mod visible;
mod writer;

pub(crate) use cache::PageCache;
pub(crate) use columns::{ChunkColumns, Columns};
pub(crate) use cursor::Lost;
pub(crate) use describe::open_to_describe;
pub(crate) use error::{BlockError, ReadError};
pub(crate) use footer::{BlockInfo, BlockMeta, Section, TierSpan};
#[cfg(test)]
pub(crate) use merge::merge;
pub(crate) use merge::merge_visible;
pub(crate) use reader::Block;
pub(crate) use rollups::{BlockRollups, TierWriter};
pub(crate) use scan::BlockScan;
pub(crate) use select::BlockSeries;
pub(crate) use verify::Damage;
pub(crate) use visible::{Search, VisibleSeries};
pub(crate) use writer::{BlockWriter, block_path, is_block_name, is_unfinished_name};

/// A block's number, unique within a data directory; it salts every checksum in the file.
pub(crate) type BlockId = u64;

/// How a block begins.
const BLOCK_MAGIC: [u8; 8] = *b"PHAROSBK";
/// The version that is written; older ones do not exist yet.
pub(crate) const BLOCK_VERSION: u32 = 1;
/// Bytes before the first chunk.
const HEADER_BYTES: usize = 28;
/// Series and tags are found in groups of this size.
const GROUP: usize = 16;
/// A chunk or a timestamp column that announces more samples is damaged.
const CHUNK_SAMPLES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests;
