//! Tombstones: what was deleted, until the blocks that hold it are rewritten without it.
//!
//! The file is replaced as a whole, as the manifest is, so that a deletion is there or it is not.
//! Each record has a checksum of its own all the same: damage costs the deletions it hits, which
//! are counted, and no more.
//!
//! The bytes are drawn in `docs/formats/tombstones.md`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Labels, MatchOp, Matcher};
use stdx::Disk;

use crate::OpenError;
use crate::block::BlockInfo;
use crate::dir::DataDir;
use crate::meter::RecoveryMeter;

const MAGIC: [u8; 8] = *b"PHAROSTS";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
/// How a record begins; 0xF5 and 0xFF never occur in UTF-8, so no label holds it.
const RECORD_MAGIC: [u8; 4] = [0xf5, b'T', b'S', 0xff];
/// Its magic, length and checksum.
const RECORD_HEAD_BYTES: usize = 12;
/// A record that announces more is damaged; one that would need more is refused.
const RECORD_BYTES_MAX: usize = 64 << 10;
/// So many are kept at most: every query looks at those that touch its blocks.
pub(crate) const TOMBSTONES_MAX: usize = 4096;

/// One deletion. It hides samples of blocks up to its epoch, not what was written later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// The newest epoch that was in blocks when it was made.
    pub(crate) epoch: u64,
    /// The first moment, Unix milliseconds.
    pub(crate) start_ms: i64,
    /// The last moment, Unix milliseconds, part of it.
    pub(crate) end_ms: i64,
    /// All must hold of a series.
    pub(crate) matchers: Vec<Matcher>,
}

impl Tombstone {
    /// Whether a block may hold samples that it hides.
    pub(crate) fn reaches(&self, block: &BlockInfo) -> bool {
        block.meta.epoch_to <= self.epoch
            && block.min_ms <= self.end_ms
            && block.max_ms >= self.start_ms
    }

    /// Whether a block of a tier may hold rollups of samples that it hides: whoever made one since
    /// knew what was deleted.
    pub(crate) fn reaches_tier(&self, block: &BlockInfo) -> bool {
        let end_ms = block.tier.map_or(block.max_ms, |tier| tier.end_ms);
        let start_ms = block.tier.map_or(block.min_ms, |tier| tier.start_ms);
        block.meta.epoch_to < self.epoch && start_ms < self.end_ms && end_ms >= self.start_ms
    }

    /// Whether it hides samples of a series.
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether it can be written down.
    pub(crate) fn fits(&self) -> bool {
        self.encode().len() <= RECORD_BYTES_MAX
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.start_ms.to_le_bytes());
        bytes.extend_from_slice(&self.end_ms.to_le_bytes());
        bytes.extend_from_slice(&(self.matchers.len() as u32).to_le_bytes());
        for matcher in &self.matchers {
            bytes.push(matcher.op().number());
            for text in [matcher.name.as_str(), matcher.value()] {
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }

    /// `None` when the bytes are not exactly that, or ask for an operator of a later version.
    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let epoch = u64::from_le_bytes(take(&mut bytes)?);
        let start_ms = i64::from_le_bytes(take(&mut bytes)?);
        let end_ms = i64::from_le_bytes(take(&mut bytes)?);
        let n_matchers = u32::from_le_bytes(take(&mut bytes)?);
        let mut matchers = Vec::new();
        for _ in 0..n_matchers {
            let [op] = take(&mut bytes)?;
            let op = MatchOp::from_number(op)?;
            let (name, value) = (take_text(&mut bytes)?, take_text(&mut bytes)?);
            matchers.push(Matcher::new(name, op, value).ok()?);
        }
        // Without a matcher it would hide everything.
        let is_whole = bytes.is_empty() && !matchers.is_empty();
        is_whole.then_some(Self { epoch, start_ms, end_ms, matchers })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let n_bytes = u32::from_le_bytes(take(bytes)?) as usize;
    let (text, rest) = bytes.split_at_checked(n_bytes)?;
    *bytes = rest;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

/// Where they are kept.
pub(crate) fn path(dir: &DataDir) -> PathBuf {
    dir.root().join("tombstones.log")
}

/// Replaces the file of a data directory, durably: there is always a whole one, the old or this.
pub(crate) fn write(
    tombstones: &[Arc<Tombstone>],
    dir: &DataDir,
    disk: &dyn Disk,
) -> io::Result<()> {
    let tmp = dir.root().join("tombstones.log.tmp");
    // Left by a crash; if it cannot be removed, creating it says so.
    let _absent = disk.remove(&tmp);
    let mut file = disk.create(&tmp)?;
    file.append(&encode(tombstones))?;
    file.sync_data()?;
    disk.rename(&tmp, &path(dir))?;
    disk.sync_dir(dir.root())
}

/// Reads the file of a data directory; what is damaged is counted and left out.
pub(crate) fn read(
    dir: &DataDir,
    disk: &dyn Disk,
    counts: &RecoveryMeter,
) -> Result<Vec<Arc<Tombstone>>, OpenError> {
    let path = path(dir);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(OpenError::Disk { action: "read", path, cause }),
    };
    let (tombstones, n_damaged) = decode(&bytes).map_err(|Newer { version, features }| {
        OpenError::NewerFormat { path, version, features, supported: VERSION }
    })?;
    counts.damaged_tombstones.add(n_damaged);
    Ok(tombstones.into_iter().map(Arc::new).collect())
}

/// A later program wrote it.
#[derive(Debug, PartialEq, Eq)]
struct Newer {
    version: u32,
    features: u32,
}

fn encode(tombstones: &[Arc<Tombstone>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    // Features, tenant.
    bytes.extend_from_slice(&[0; 8]);
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    for tombstone in tombstones {
        let payload = tombstone.encode();
        let length = (payload.len() as u32).to_le_bytes();
        bytes.extend_from_slice(&RECORD_MAGIC);
        bytes.extend_from_slice(&length);
        bytes.extend_from_slice(&record_sum(length, &payload).to_le_bytes());
        bytes.extend_from_slice(&payload);
    }
    bytes
}

fn record_sum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(payload);
    sum.finalize()
}

/// The records that can be read, and how many places are damaged.
fn decode(bytes: &[u8]) -> Result<(Vec<Tombstone>, u64), Newer> {
    let (mut tombstones, mut n_damaged) = (Vec::new(), 0);
    if !is_header_whole(bytes)? {
        n_damaged += 1;
    }
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut was_damaged = false;
    while !rest.is_empty() {
        let n_bytes = match payload_at(rest) {
            Some(payload) => {
                let tombstone = Tombstone::decode(payload);
                n_damaged += u64::from(tombstone.is_none());
                tombstones.extend(tombstone);
                was_damaged = false;
                RECORD_HEAD_BYTES + payload.len()
            }
            None => {
                n_damaged += u64::from(!was_damaged);
                was_damaged = true;
                let mut later = rest[1..].windows(RECORD_MAGIC.len());
                later.position(|bytes| bytes == RECORD_MAGIC).map_or(rest.len(), |at| at + 1)
            }
        };
        rest = &rest[n_bytes..];
    }
    Ok((tombstones, n_damaged))
}

fn is_header_whole(bytes: &[u8]) -> Result<bool, Newer> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
    let word = |at: usize| {
        let word = header[at..].first_chunk().expect("the header is that long");
        u32::from_le_bytes(*word)
    };
    if !header.starts_with(&MAGIC) || word(20) != crc32fast::hash(&header[..20]) {
        return Ok(false);
    }
    let (version, features) = (word(8), word(12));
    match version > VERSION || features != 0 {
        true => Err(Newer { version, features }),
        false => Ok(true),
    }
}

/// What the record at the front says, if it is one.
fn payload_at(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(&RECORD_MAGIC)?;
    let length: [u8; 4] = take(&mut rest)?;
    let sum = u32::from_le_bytes(take(&mut rest)?);
    let n_bytes = u32::from_le_bytes(length) as usize;
    let payload = rest.get(..n_bytes).filter(|payload| payload.len() <= RECORD_BYTES_MAX)?;
    (record_sum(length, payload) == sum).then_some(payload)
}

#[cfg(test)]
mod tests;
