//! List: what a backup consists of, as JSON.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stdx::Disk;

use crate::tsdb_command::restore::read_part;

/// The version that is written and read.
const VERSION: u32 = 1;
/// Bytes of a list: a million files.
pub(super) const LIST_BYTES_MAX: u64 = 256 << 20;
/// Bytes hashed at a time.
const HASH_BYTES: usize = 1 << 20;

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BackupList {
    version: u32,
    /// Its name, which is the time of the backup.
    pub(super) name: String,
    /// The manifest last.
    pub(super) files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BackupFile {
    /// Where it is in a data directory.
    pub(super) place: String,
    /// Where it is in the store, below the prefix.
    pub(super) key: String,
    /// Its length.
    #[serde(rename = "bytes")]
    pub(super) n_bytes: u64,
    /// Its hash, hexadecimal.
    pub(super) sha256: String,
}

impl BackupList {
    /// A list of these files.
    pub(super) fn new(name: &str, files: Vec<BackupFile>) -> Self {
        Self { version: VERSION, name: name.to_owned(), files }
    }

    /// The list as text.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("texts and numbers are JSON")
    }

    /// Reads a list.
    ///
    /// # Errors
    /// It is none, or of a later version.
    pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let list: Self = serde_json::from_slice(bytes).context("it is no list of a backup")?;
        if list.version != VERSION {
            bail!("it has version {}, this program reads {VERSION}", list.version);
        }
        Ok(list)
    }
}

/// The hash of a file, hexadecimal.
pub(super) fn hash_file(disk: &dyn Disk, path: &Path, n_bytes: u64) -> anyhow::Result<String> {
    let (mut hash, mut hashed) = (Sha256::new(), 0);
    while hashed < n_bytes {
        let left = usize::try_from(n_bytes - hashed).unwrap_or(HASH_BYTES);
        let part = read_part(disk, path, hashed, HASH_BYTES.min(left))?;
        hashed += part.len() as u64;
        hash.update(&part);
    }
    Ok(hex(hash))
}

/// A hash as text.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
