//! Pages: a block is cut into 64 KiB, each with a checksum at its end, so that a reader verifies
//! exactly what it reads and a flipped bit costs one page.
//!
//! Everything above this module counts in *offsets* of the content without the checksums.
//! Checksums begin with the block's id and the page's number: a page of another file, or one that
//! was swapped with its neighbour, does not validate.

use std::io;
use std::path::Path;

use stdx::{Disk, DiskFile};

use super::BlockId;

/// Bytes of a page in the file, its checksum included; the last one of a file may be shorter.
pub(super) const PAGE_BYTES: usize = 64 << 10;
/// Bytes of content in a page.
pub(super) const PAGE_CONTENT_BYTES: usize = PAGE_BYTES - CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 4;

/// The page that an offset lies on.
pub(super) fn page_of(offset: u64) -> u64 {
    offset / PAGE_CONTENT_BYTES as u64
}

/// How much of the page that an offset lies on comes at or after it.
pub(super) fn room_on_page(offset: u64) -> usize {
    PAGE_CONTENT_BYTES - (offset % PAGE_CONTENT_BYTES as u64) as usize
}

/// How many pages so much content fills.
pub(super) fn n_pages(content_bytes: u64) -> u64 {
    content_bytes.div_ceil(PAGE_CONTENT_BYTES as u64)
}

/// How much of so much content is on this page.
pub(super) fn content_on_page(content_bytes: u64, page: u64) -> usize {
    let before = page.saturating_mul(PAGE_CONTENT_BYTES as u64);
    content_bytes.saturating_sub(before).min(PAGE_CONTENT_BYTES as u64) as usize
}

/// Bytes of the file that holds so much content.
pub(super) fn file_bytes(content_bytes: u64) -> u64 {
    content_bytes + n_pages(content_bytes) * CHECKSUM_BYTES as u64
}

/// How much content a file of so many bytes holds.
pub(super) fn content_bytes(file_bytes: u64) -> u64 {
    let whole = file_bytes / PAGE_BYTES as u64;
    let rest = file_bytes % PAGE_BYTES as u64;
    whole * PAGE_CONTENT_BYTES as u64 + rest.saturating_sub(CHECKSUM_BYTES as u64)
}

/// CRC-32 (IEEE) over the block's id, the page's number and the content.
fn checksum(id: BlockId, page: u64, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.to_le_bytes());
    hasher.update(&page.to_le_bytes());
    hasher.update(content);
    hasher.finalize()
}

/// A page's content; `None` when it is not what was written. Without the id it is not checked,
/// which only a planted bug wants.
pub(super) fn read_page(
    disk: &dyn Disk,
    path: &Path,
    id: Option<BlockId>,
    page: u64,
    n_content: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; n_content + CHECKSUM_BYTES];
    let n_read = disk.read_at(path, page * PAGE_BYTES as u64, &mut bytes)?;
    if n_read < bytes.len() {
        return Ok(None);
    }
    let (content, sum) = bytes.split_at(n_content);
    let is_whole = id.is_none_or(|id| checksum(id, page, content).to_le_bytes() == *sum);
    bytes.truncate(n_content);
    Ok(is_whole.then_some(bytes))
}

/// Content from an offset on, checksums left out but not checked; shorter at the end of the file.
pub(super) fn read_unchecked(
    disk: &dyn Disk,
    path: &Path,
    offset: u64,
    n_bytes: usize,
) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(n_bytes);
    while content.len() < n_bytes {
        let at = offset + content.len() as u64;
        let (page, in_page) = (page_of(at), (at % PAGE_CONTENT_BYTES as u64) as usize);
        let n_wanted = (n_bytes - content.len()).min(PAGE_CONTENT_BYTES - in_page);
        let n_before = content.len();
        content.resize(n_before + n_wanted, 0);
        let in_file = page * PAGE_BYTES as u64 + in_page as u64;
        let n_read = disk.read_at(path, in_file, &mut content[n_before..])?;
        if n_read < n_wanted {
            content.truncate(n_before + n_read);
            break;
        }
    }
    Ok(content)
}

/// A file that is written page by page.
pub(super) struct PageWriter {
    file: Box<dyn DiskFile>,
    id: BlockId,
    page: u64,
    content: Vec<u8>,
}

impl PageWriter {
    /// At the beginning of an empty file.
    pub(super) fn new(file: Box<dyn DiskFile>, id: BlockId) -> Self {
        Self { file, id, page: 0, content: Vec::with_capacity(PAGE_BYTES) }
    }

    /// Where the next byte goes.
    pub(super) fn offset(&self) -> u64 {
        self.page * PAGE_CONTENT_BYTES as u64 + self.content.len() as u64
    }

    /// Appends content.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n_fitting = bytes.len().min(PAGE_CONTENT_BYTES - self.content.len());
            let (fitting, rest) = bytes.split_at(n_fitting);
            self.content.extend_from_slice(fitting);
            bytes = rest;
            if self.content.len() == PAGE_CONTENT_BYTES {
                self.end_page()?;
            }
        }
        Ok(())
    }

    /// Ends the last page and makes the whole file durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if !self.content.is_empty() {
            self.end_page()?;
        }
        self.file.sync_data()
    }

    fn end_page(&mut self) -> io::Result<()> {
        let sum = checksum(self.id, self.page, &self.content);
        self.content.extend_from_slice(&sum.to_le_bytes());
        self.file.append(&self.content)?;
        self.page += 1;
        self.content.clear();
        Ok(())
    }
}
