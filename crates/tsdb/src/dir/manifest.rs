//! Manifest: which files are live, so that one whose removal was interrupted does not come back,
//! and one that was not finished does not count.
//!
//! It is replaced as a whole. A block is live only if it is listed. Segments numbered from
//! `next_segment` on are newer than the manifest and live too; so a new segment needs no new
//! manifest. The bytes are drawn in `docs/formats/wal.md`.

use std::io;
use std::path::PathBuf;

use stdx::Disk;

use crate::block::Block;
use crate::dir::DataDir;
use crate::wal::SegmentId;

const MANIFEST_MAGIC: [u8; 8] = *b"PHAROSMF";
/// Version 1 had no blocks and no epoch, version 2 did not say from when on samples are there.
const MANIFEST_VERSION: u32 = 3;
const FIXED_BYTES: usize = 36;
const CHECKSUM_BYTES: usize = 4;

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The epoch that appends went into when this was written: no reference of a later one had been
    /// handed out.
    pub(crate) live_epoch: u32,
    /// Segments below this number are live only if they are listed.
    pub(crate) next_segment: SegmentId,
    /// The live ones, rising.
    pub(crate) segments: Vec<SegmentId>,
    /// Every epoch up to this one is in blocks; what the segments hold belongs to later ones.
    pub(crate) epoch: u64,
    /// The file names of the live blocks.
    pub(crate) blocks: Vec<String>,
    /// Samples before this may be gone, so that no rollup is made of what is left, Unix
    /// milliseconds.
    pub(crate) raw_from_ms: i64,
}

/// Why there is no manifest to use.
#[derive(Debug)]
pub(crate) enum ManifestError {
    /// There is none.
    Absent,
    /// It is not what was written.
    Damaged,
    /// A later program wrote it.
    Newer {
        /// The version it wrote.
        version: u32,
        /// The features it used.
        features: u32,
    },
    /// The disk's own.
    Disk(io::Error),
}

/// The newest version that is understood.
pub(crate) const MANIFEST_VERSION_MAX: u32 = MANIFEST_VERSION;

/// Where the manifest is.
pub(crate) fn path(dir: &DataDir) -> PathBuf {
    dir.root().join("MANIFEST")
}

/// The name that the manifest knows a block by.
pub(crate) fn block_name(block: &Block) -> String {
    let name = block.path().file_name().and_then(|name| name.to_str());
    name.expect("a block's name is made of digits").to_owned()
}

impl Manifest {
    /// Whether a segment's file is to be read.
    pub(crate) fn is_live(&self, id: SegmentId) -> bool {
        id >= self.next_segment || self.segments.binary_search(&id).is_ok()
    }

    /// Reads the manifest of a data directory.
    pub(crate) fn read(dir: &DataDir, disk: &dyn Disk) -> Result<Self, ManifestError> {
        match disk.read(&path(dir)) {
            Ok(bytes) => Self::decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ManifestError::Absent),
            Err(error) => Err(ManifestError::Disk(error)),
        }
    }

    /// Replaces the manifest of a data directory, durably: there is always a whole one.
    pub(crate) fn write(&self, dir: &DataDir, disk: &dyn Disk) -> io::Result<()> {
        // A killed process may have left a segment whose name is not durable: it is before it is
        // listed.
        disk.sync_dir(&dir.wal())?;
        let tmp = dir.root().join("MANIFEST.tmp");
        // Left by a crash; if it cannot be removed, creating it says so.
        let _absent = disk.remove(&tmp);
        let mut file = disk.create(&tmp)?;
        file.append(&self.encode())?;
        file.sync_data()?;
        disk.rename(&tmp, &path(dir))?;
        disk.sync_dir(dir.root())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MANIFEST_MAGIC);
        bytes.extend_from_slice(&MANIFEST_VERSION.to_le_bytes());
        // Features, tenant.
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.live_epoch.to_le_bytes());
        bytes.extend_from_slice(&self.next_segment.to_le_bytes());
        bytes.extend_from_slice(&(self.segments.len() as u32).to_le_bytes());
        for id in &self.segments {
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        for name in &self.blocks {
            let n_bytes = u16::try_from(name.len()).expect("file names are short");
            bytes.extend_from_slice(&n_bytes.to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend_from_slice(&self.raw_from_ms.to_le_bytes());
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (content, sum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .filter(|(content, _)| content.len() >= FIXED_BYTES)
            .ok_or(ManifestError::Damaged)?;
        let whole = content.starts_with(&MANIFEST_MAGIC)
            && u32::from_le_bytes(*sum) == crc32fast::hash(content);
        if !whole {
            return Err(ManifestError::Damaged);
        }
        let (version, features) = (le_u32(content, 8), le_u32(content, 12));
        if version > MANIFEST_VERSION || features != 0 {
            return Err(ManifestError::Newer { version, features });
        }
        let n_segments = le_u32(content, 32) as usize;
        let (ids, rest) = content[FIXED_BYTES..].as_chunks::<8>();
        let rest = match version {
            1 if rest.is_empty() && ids.len() == n_segments => None,
            1 => return Err(ManifestError::Damaged),
            _ => {
                let end = n_segments.checked_mul(8).and_then(|n| n.checked_add(FIXED_BYTES));
                Some(end.and_then(|end| content.get(end..)).ok_or(ManifestError::Damaged)?)
            }
        };
        let (rest, raw_from_ms) = match rest.filter(|_| version > 2) {
            None => (rest, i64::MIN),
            Some(rest) => {
                let (rest, from_ms) = rest.split_last_chunk().ok_or(ManifestError::Damaged)?;
                (Some(rest), i64::from_le_bytes(*from_ms))
            }
        };
        let (epoch, blocks) =
            rest.map_or(Some((0, Vec::new())), decode_blocks).ok_or(ManifestError::Damaged)?;
        Ok(Self {
            live_epoch: le_u32(content, 20),
            next_segment: u64::from(le_u32(content, 24)) | u64::from(le_u32(content, 28)) << 32,
            segments: ids[..n_segments].iter().map(|id| u64::from_le_bytes(*id)).collect(),
            epoch,
            blocks,
            raw_from_ms,
        })
    }
}

/// The epoch and the names of the blocks; `None` when the bytes are not exactly that.
fn decode_blocks(bytes: &[u8]) -> Option<(u64, Vec<String>)> {
    let (epoch, rest) = bytes.split_first_chunk::<8>()?;
    let (n_blocks, mut rest) = rest.split_first_chunk::<4>()?;
    let mut names = Vec::new();
    for _ in 0..u32::from_le_bytes(*n_blocks) {
        let (n_bytes, after) = rest.split_first_chunk::<2>()?;
        let (name, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*n_bytes)))?;
        names.push(std::str::from_utf8(name).ok()?.to_owned());
        rest = after;
    }
    rest.is_empty().then_some((u64::from_le_bytes(*epoch), names))
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..].first_chunk::<4>();
    u32::from_le_bytes(*word.expect("the fixed part is that long"))
}

#[cfg(test)]
mod tests;
