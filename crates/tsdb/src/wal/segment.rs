//! Segment: one file of the log. It is written from its first byte to its last by one process and
//! never again: a restart, a full segment or a failed write all begin a new one.

use std::io;
use std::path::{Path, PathBuf};

use stdx::{Disk, DiskFile};

use super::frame::{le_u32, seal};

/// A segment's number. It rises and is never used twice; it salts every checksum in the file.
pub(crate) type SegmentId = u64;

/// How a segment begins.
const SEGMENT_MAGIC: [u8; 8] = *b"PHAROSWL";
/// The version that is written; older ones do not exist yet.
pub(crate) const SEGMENT_VERSION: u32 = 1;
/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER_BYTES: usize = 40;

/// What is known of a segment that is not written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentInfo {
    /// Which one.
    pub(crate) id: SegmentId,
    /// Its last frame's place in the log.
    pub(crate) last_lsn: u64,
}

/// What a segment's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Every frame up to this place in the log was durable before this segment was begun, in
    /// earlier segments.
    pub(super) durable_lsn: u64,
}

/// Why a segment's first bytes are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// They are not there or not what was written.
    Damaged,
    /// A later program wrote them, and reading on could be wrong.
    Newer {
        /// The version it wrote.
        version: u32,
        /// The features it used.
        features: u32,
    },
}

/// `wal/0000000001.wal`.
pub(crate) fn segment_path(wal_dir: &Path, id: SegmentId) -> PathBuf {
    wal_dir.join(format!("{id:010}.wal"))
}

/// The number in a segment's file name; `None` for other files.
pub(crate) fn parse_segment_name(path: &Path) -> Option<SegmentId> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    let id = digits.parse().ok()?;
    (digits == format!("{id:010}")).then_some(id)
}

/// The first bytes of a segment.
pub(super) fn encode_header(id: SegmentId, durable_lsn: u64) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
    bytes[8..12].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
    // 12..16 features and 16..20 tenant stay zero.
    bytes[20..28].copy_from_slice(&id.to_le_bytes());
    bytes[28..36].copy_from_slice(&durable_lsn.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..36]);
    bytes[36..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Reads the first bytes of the segment with this number.
pub(super) fn decode_header(bytes: &[u8], id: SegmentId) -> Result<SegmentHeader, HeaderError> {
    let header = bytes.get(..SEGMENT_HEADER_BYTES).ok_or(HeaderError::Damaged)?;
    let le_u64 = |at| u64::from(le_u32(header, at)) | u64::from(le_u32(header, at + 4)) << 32;
    let whole =
        header.starts_with(&SEGMENT_MAGIC) && le_u32(header, 36) == crc32fast::hash(&header[..36]);
    if !whole {
        return Err(HeaderError::Damaged);
    }
    let (version, features) = (le_u32(header, 8), le_u32(header, 12));
    if version > SEGMENT_VERSION || features != 0 {
        return Err(HeaderError::Newer { version, features });
    }
    // A file under a wrong name: none of its checksums would fit.
    if le_u64(20) != id {
        return Err(HeaderError::Damaged);
    }
    let durable_lsn = le_u64(28);
    Ok(SegmentHeader { durable_lsn })
}

/// The segment that is being written.
pub(super) struct OpenSegment {
    id: SegmentId,
    file: Box<dyn DiskFile>,
    bytes: u64,
    last_lsn: u64,
}

impl OpenSegment {
    /// Begins a segment. Its name is durable when this returns, its content after the first
    /// [`OpenSegment::sync`].
    pub(super) fn create(
        disk: &dyn Disk,
        wal_dir: &Path,
        id: SegmentId,
        durable_lsn: u64,
    ) -> io::Result<Self> {
        let mut file = disk.create(&segment_path(wal_dir, id))?;
        file.append(&encode_header(id, durable_lsn))?;
        disk.sync_dir(wal_dir)?;
        Ok(Self { id, file, bytes: SEGMENT_HEADER_BYTES as u64, last_lsn: durable_lsn })
    }

    /// Writes whole frames, sealing them for this segment.
    pub(super) fn append(&mut self, frames: &mut [u8]) -> io::Result<()> {
        seal(frames, self.id);
        self.file.append(frames)
    }

    /// Makes everything written durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Notes what was written and synced.
    pub(super) fn grew(&mut self, bytes: usize, last_lsn: u64) {
        self.bytes += bytes as u64;
        self.last_lsn = last_lsn;
    }

    /// Bytes that are durable.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is durable in it.
    pub(super) fn info(&self) -> SegmentInfo {
        SegmentInfo { id: self.id, last_lsn: self.last_lsn }
    }
}
