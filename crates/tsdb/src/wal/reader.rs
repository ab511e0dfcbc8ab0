//! Reader: the frames of one segment in their order, whatever has happened to the file.
//!
//! Where no valid frame stands it looks for the next one. If one follows, what is between was
//! damaged after it had been written; if none follows, it is the torn tail that a crash leaves.

use std::io;
use std::path::{Path, PathBuf};

use stdx::Disk;

use super::frame::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, FRAME_TRAILER_BYTES, FrameHeader, parse_header,
    payload_is_whole,
};
use super::segment::{
    HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId, decode_header, segment_path,
};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// Why a segment cannot be read at all.
#[derive(Debug)]
pub(crate) enum SegmentError {
    /// The disk's own.
    Io(io::Error),
    /// A later program wrote it.
    Newer {
        /// The version it wrote.
        version: u32,
        /// The features it used.
        features: u32,
    },
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What was wrong with a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The first bytes of the file.
    pub(crate) header: bool,
    /// Places without a valid frame that were followed by one.
    pub(crate) corrupt_places: u64,
    /// Something after the last valid frame.
    pub(crate) torn_tail: bool,
}

/// A valid frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'r> {
    /// Its place in the log.
    pub(crate) lsn: u64,
    /// The number of its kind.
    pub(crate) kind: u16,
    /// Its flags.
    pub(crate) flags: u16,
    /// What it carries.
    pub(crate) payload: &'r [u8],
}

/// See the head of this file.
pub(crate) struct SegmentReader<'d> {
    id: SegmentId,
    window: Window<'d>,
    header: Option<SegmentHeader>,
    /// Where the next frame should stand.
    offset: u64,
    last_lsn: u64,
    damage: Damage,
}

impl<'d> SegmentReader<'d> {
    /// Opens a segment and judges its first bytes.
    pub(crate) fn open(
        disk: &'d dyn Disk,
        wal_dir: &Path,
        id: SegmentId,
    ) -> Result<Self, SegmentError> {
        Self::open_file(disk, segment_path(wal_dir, id), id)
    }

    /// The same for a file of any name.
    pub(super) fn open_file(
        disk: &'d dyn Disk,
        path: PathBuf,
        id: SegmentId,
    ) -> Result<Self, SegmentError> {
        let mut window = Window::new(disk, path);
        let header = match decode_header(window.at(0, SEGMENT_HEADER_BYTES)?, id) {
            Ok(header) => Some(header),
            Err(HeaderError::Damaged) => None,
            Err(HeaderError::Newer { version, features }) => {
                return Err(SegmentError::Newer { version, features });
            }
        };
        let damage = Damage { header: header.is_none(), ..Damage::default() };
        Ok(Self { id, window, header, offset: SEGMENT_HEADER_BYTES as u64, last_lsn: 0, damage })
    }

    /// Everything up to this place was durable before this segment was begun; 0 if its first
    /// bytes are damaged.
    pub(crate) fn durable_lsn(&self) -> u64 {
        self.header.map_or(0, |header| header.durable_lsn)
    }

    /// The next valid frame; their places rise.
    pub(crate) fn next_frame(&mut self) -> io::Result<Option<Frame<'_>>> {
        let mut offset = self.offset;
        let found = loop {
            match self.judge(offset)? {
                Place::Frame(header) => break header,
                Place::End => {
                    self.damage.torn_tail |= offset > self.offset;
                    self.offset = offset;
                    return Ok(None);
                }
                Place::Damaged { skip } => offset = self.next_magic(offset + skip)?,
            }
        };
        if offset > self.offset {
            self.damage.corrupt_places += 1;
        }
        self.offset = offset + found.frame_bytes() as u64;
        self.last_lsn = found.lsn;
        let payload_at = offset + FRAME_HEADER_BYTES as u64;
        let payload = self.window.at(payload_at, found.payload_bytes)?;
        Ok(Some(Frame { lsn: found.lsn, kind: found.kind, flags: found.flags, payload }))
    }

    /// What was wrong so far; complete when there are no more frames.
    pub(crate) fn damage(&self) -> Damage {
        self.damage
    }

    fn judge(&mut self, offset: u64) -> io::Result<Place> {
        let bytes = self.window.at(offset, FRAME_HEADER_BYTES)?;
        if bytes.is_empty() {
            return Ok(Place::End);
        }
        let Some(header) = parse_header(bytes, self.id) else {
            return Ok(Place::Damaged { skip: 1 });
        };
        let body_bytes = header.payload_bytes + FRAME_TRAILER_BYTES;
        let body_at = offset + FRAME_HEADER_BYTES as u64;
        let body = self.window.at(body_at, body_bytes)?;
        let valid = body.len() == body_bytes
            && payload_is_whole(body, self.id)
            && header.lsn > self.last_lsn;
        if valid {
            return Ok(Place::Frame(header));
        }
        // The header is right, so the length is: what lies within is no place for a frame, even
        // if a sender managed to make its values look like one.
        let skip = header.frame_bytes() as u64;
        Ok(Place::Damaged { skip })
    }

    /// Where the next frame may begin, from this offset on; the end of the file if nowhere.
    fn next_magic(&mut self, mut offset: u64) -> io::Result<u64> {
        let n_magic = FRAME_MAGIC.len();
        loop {
            let bytes = self.window.from(offset, n_magic)?;
            if bytes.len() < n_magic {
                return Ok(offset + bytes.len() as u64);
            }
            let magic = bytes.windows(n_magic).position(|at| at == FRAME_MAGIC);
            match magic {
                Some(at) => return Ok(offset + at as u64),
                None => offset += (bytes.len() - n_magic + 1) as u64,
            }
        }
    }
}

enum Place {
    Frame(FrameHeader),
    Damaged { skip: u64 },
    End,
}

/// A stretch of a file in memory, so that a segment is read in few pieces and never as a whole.
struct Window<'d> {
    disk: &'d dyn Disk,
    path: PathBuf,
    bytes: Vec<u8>,
    offset: u64,
    /// The bytes reach to the end of the file.
    at_end: bool,
}

impl<'d> Window<'d> {
    fn new(disk: &'d dyn Disk, path: PathBuf) -> Self {
        Self { disk, path, bytes: Vec::new(), offset: 0, at_end: false }
    }

    /// The bytes at an offset; fewer only at the end of the file.
    fn at(&mut self, offset: u64, n_bytes: usize) -> io::Result<&[u8]> {
        let bytes = self.from(offset, n_bytes)?;
        Ok(&bytes[..n_bytes.min(bytes.len())])
    }

    /// What is in memory from an offset on, at least `n_bytes` unless the file ends before.
    fn from(&mut self, offset: u64, n_bytes: usize) -> io::Result<&[u8]> {
        let is_held = self.held(offset).is_some_and(|held| held.len() >= n_bytes);
        let is_beyond_end = self.at_end && offset >= self.offset;
        if !is_held && !is_beyond_end {
            self.load(offset, n_bytes.max(READ_BYTES))?;
        }
        Ok(self.held(offset).unwrap_or_default())
    }

    fn held(&self, offset: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..)
    }

    fn load(&mut self, offset: u64, n_bytes: usize) -> io::Result<()> {
        self.bytes.resize(n_bytes, 0);
        self.offset = offset;
        let n_read = self.disk.read_at(&self.path, offset, &mut self.bytes)?;
        self.at_end = n_read < n_bytes;
        self.bytes.truncate(n_read);
        Ok(())
    }
}
