//! Describe: a block as text, for a person who has to find out what is in it.

use std::io;
use std::sync::Arc;

use model::time::format_rfc3339;

use super::cursor::LabelReader;
use super::footer::Extent;
use super::page::{PAGE_CONTENT_BYTES, n_pages};
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_FLOATS, KIND_HISTOGRAMS, KIND_ROLLUPS};
use super::{BlockError, GROUP, PageCache, ReadError};

/// Pages that are kept meanwhile.
const CACHE_BYTES: usize = 1 << 20;
/// A column of more values than this has sub-blocks, or is a long one.
const SUB_BLOCK: u32 = 1024;

impl Block {
    /// Describes the block: what it is, where its parts are, its labels and, if it is asked for,
    /// each series with its chunks. What cannot be read is said where it should stand.
    ///
    /// # Errors
    /// The sink's own.
    pub(crate) fn describe(
        self: &Arc<Self>,
        has_chunks: bool,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        self.describe_parts(out)?;
        for label in self.cardinality() {
            let (n_values, n_series) = (label.n_values, label.n_series);
            writeln!(out, "label {:?}: {n_values} values, {n_series} series", label.name)?;
        }
        if has_chunks { self.describe_series(out) } else { Ok(()) }
    }

    fn describe_parts(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let (footer, info) = (self.footer(), self.info());
        let meta = &info.meta;
        writeln!(out, "block {:016x}, level {}", meta.id, meta.level)?;
        writeln!(out, "epochs {} to {}", meta.epoch_from, meta.epoch_to)?;
        for parent in &meta.parents {
            writeln!(out, "parent {parent:016x}")?;
        }
        if let Some(tier) = info.tier {
            let (from, to) = (format_rfc3339(tier.start_ms), format_rfc3339(tier.end_ms));
            writeln!(out, "rollups of {} ms, of all after {from} up to {to}", tier.width_ms)?;
        }
        let (from, to) = (format_rfc3339(info.min_ms), format_rfc3339(info.max_ms));
        writeln!(out, "times {from} to {to} ({} to {})", info.min_ms, info.max_ms)?;
        let (n_series, n_samples, n_bytes) = (info.n_series, info.n_samples, info.file_bytes);
        let n_pages = n_pages(footer.content_bytes);
        writeln!(out, "{n_series} series, {n_samples} samples")?;
        writeln!(out, "{n_bytes} bytes, {n_pages} pages of {PAGE_CONTENT_BYTES}")?;
        let header = super::HEADER_BYTES as u64;
        let data = Extent { offset: header, bytes: footer.data_end.saturating_sub(header) };
        for (name, extent) in [
            ("data", data),
            ("series table", footer.series),
            ("dictionary", footer.dictionary),
            ("postings", footer.postings),
        ] {
            writeln!(out, "{name} at {}, {} bytes", extent.offset, extent.bytes)?;
        }
        let [first, last] = footer.guides;
        writeln!(out, "guides at {first} and {last}, {} bytes each", footer.guide_bytes())
    }

    fn describe_series(self: &Arc<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        let mut labels = LabelReader::default();
        for group in 0..self.footer().n_series.div_ceil(GROUP as u32) {
            let series = match self.series_group(group) {
                Ok(series) => series,
                Err(error) => {
                    writeln!(out, "series {} and on: {error}", group * GROUP as u32)?;
                    continue;
                }
            };
            for (entry, index) in series.iter().zip(group * GROUP as u32..) {
                match labels.labels(self, &entry.tags) {
                    Ok(labels) => writeln!(out, "series {index} {labels}")?,
                    Err(error) => writeln!(out, "series {index} {error}")?,
                }
                for chunk in &entry.chunks {
                    self.describe_chunk(chunk, out)?;
                }
            }
        }
        Ok(())
    }

    fn describe_chunk(&self, chunk: &ChunkRef, out: &mut dyn io::Write) -> io::Result<()> {
        let times = &chunk.times;
        let (from, to) = (format_rfc3339(times.min_ms), format_rfc3339(times.max_ms));
        let encoding = match self.encodings(chunk) {
            Ok(encoding) => encoding,
            Err(error) => error.to_string(),
        };
        let (n_values, n_starts) = (chunk.values_bytes, chunk.starts_bytes);
        write!(out, "  chunk at {}: {from} to {to}, {} samples, ", chunk.offset, times.n_samples)?;
        write!(out, "{n_values} + {n_starts} bytes, {encoding}, ")?;
        writeln!(out, "times from {} on of column at {}", times.first, times.column)
    }

    /// How the values are encoded, each way once.
    fn encodings(&self, chunk: &ChunkRef) -> Result<String, ReadError> {
        if chunk.kind == KIND_HISTOGRAMS {
            return Ok("histograms".to_owned());
        }
        if chunk.kind == KIND_ROLLUPS {
            return Ok("rollups".to_owned());
        }
        if chunk.kind != KIND_FLOATS {
            return Ok(format!("kind {}", chunk.kind));
        }
        let bytes = self.read(chunk.offset, u64::from(chunk.values_bytes))?;
        let mut names: Vec<String> = Vec::new();
        for tag in tags(&bytes, chunk.times.n_samples) {
            let name = encoding(tag);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names.join(", "))
    }
}

/// The tag of each sub-block, as far as they make sense.
fn tags(bytes: &[u8], n_samples: u32) -> Vec<u8> {
    if n_samples <= SUB_BLOCK {
        return bytes.first().copied().into_iter().collect();
    }
    if bytes.first() == Some(&0) {
        return bytes.get(1).copied().into_iter().collect();
    }
    let mut cursor = super::bytes::Cursor::new(bytes);
    let mut tags = Vec::new();
    let n_sub_blocks = n_samples.div_ceil(SUB_BLOCK);
    for nth in 1..=n_sub_blocks {
        let n_bytes =
            if nth == n_sub_blocks { Some(cursor.len() as u32) } else { cursor.varint_u32() };
        let taken = n_bytes.and_then(|n| cursor.take(n as usize));
        let Some(tag) = taken.and_then(|sub_block| sub_block.first()) else { break };
        tags.push(*tag);
    }
    tags
}

/// What a tag of values means; see `docs/formats/chunk.md`.
fn encoding(tag: u8) -> String {
    match tag {
        0x00 => "raw".to_owned(),
        0x01 => "changes".to_owned(),
        0x02 => "bits as integers".to_owned(),
        0x10..=0x18 => "constant".to_owned(),
        0x20..=0x36 => format!("decimals e{}", tag - 0x20),
        0x40..=0x56 => format!("decimals e{} with exceptions", tag - 0x40),
        0x60..=0x76 => format!("long decimals e{}", tag - 0x60),
        0x80..=0x96 => format!("long decimals e{} with exceptions", tag - 0x80),
        other => format!("tag {other:02x}"),
    }
}

/// Opens a block to describe it.
pub(crate) fn open_to_describe(
    disk: Arc<dyn stdx::Disk>,
    path: &std::path::Path,
) -> Result<Arc<Block>, BlockError> {
    Ok(Arc::new(Block::open(disk, path, Arc::new(PageCache::new(CACHE_BYTES)))?))
}
