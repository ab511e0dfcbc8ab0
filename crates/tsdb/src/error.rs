//! Errors: why a store cannot be opened, flushed, compacted, or freed of what is too old. Each message says
//! its cause, so none names it as a source a second time.

use std::io;
use std::path::PathBuf;

use storage::CommitError;

use crate::block::BlockError;

/// Why a data directory cannot be opened. Damaged data is no reason: it is counted and skipped.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is held by another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The disk failed.
    #[error("cannot {action} {}: {cause}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
    /// A later version of this program wrote it.
    #[error(
        "{} has format version {version} with features {features:#x}, \
         this program reads up to version {supported} without features",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version it has.
        version: u32,
        /// The features it needs.
        features: u32,
        /// The newest version that is understood.
        supported: u32,
    },
    /// The operating system gives no thread.
    #[error("cannot start the {name} thread: {cause}")]
    Thread {
        /// Which one.
        name: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

/// Why the head was not written into blocks. Its samples stay where they are; the next attempt
/// writes them.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// What an earlier process left in the log could not be read.
    #[error("{0}")]
    Replay(OpenError),
    /// The log could not be brought up to date.
    #[error("cannot bring the log up to date: {0}")]
    Log(CommitError),
    /// A block could not be written.
    #[error("{reason}")]
    Block {
        /// Which one, and what the disk said.
        reason: String,
    },
    /// What came beside samples could not be saved.
    #[error("cannot write {}: {cause}", path.display())]
    Notes {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
    /// The list of live files could not be replaced.
    #[error("cannot write {}: {cause}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
}

/// Why blocks were not merged. They stay as they are; the next attempt merges them.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The merged block could not be written.
    #[error("{reason}")]
    Block {
        /// Which one, and what the disk said.
        reason: String,
    },
    /// Something in the old blocks cannot be read.
    #[error("a part of the blocks cannot be read")]
    Unreadable,
    /// The list of live files, or that of the deletions, could not be replaced.
    #[error("cannot write {}: {cause}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
}

impl From<BlockError> for CompactError {
    fn from(error: BlockError) -> Self {
        Self::Block { reason: error.to_string() }
    }
}

/// Why files could not be removed. Their samples are gone from queries already; the next
/// attempt frees the disk.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The list of live files could not be replaced.
    #[error("cannot write {}: {cause}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
}

/// Why samples were not deleted, or are still on disk.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// Without a matcher everything would go.
    #[error("a deletion needs a matcher")]
    NoMatcher,
    /// So much matching is not written down.
    #[error("the matchers of the deletion are too long")]
    TooLong,
    /// Many deletions wait for the blocks to be rewritten.
    #[error("{max} deletions are waiting; clean the tombstones first")]
    TooMany {
        /// How many may wait.
        max: usize,
    },
    /// What is in memory could not be written into blocks first.
    #[error("cannot flush first: {0}")]
    Flush(FlushError),
    /// The file of deletions could not be replaced.
    #[error("cannot write {}: {cause}", path.display())]
    Tombstones {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
    /// A block could not be rewritten. Its samples stay hidden.
    #[error("cannot rewrite a block: {0}")]
    Rewrite(CompactError),
}

/// Why there is no snapshot. What was made of it goes, at the next start at latest.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The name could lead out of the folder of snapshots, or is not portable.
    #[error("{name:?} is no name for a snapshot: 1 to 64 of the characters a-z, A-Z, 0-9, - and _")]
    BadName {
        /// The name.
        name: String,
    },
    /// There is one of this name.
    #[error("there is a snapshot {name:?} already")]
    Exists {
        /// The name.
        name: String,
    },
    /// What is in memory could not be written into blocks first.
    #[error("cannot flush first: {0}")]
    Flush(FlushError),
    /// The disk failed.
    #[error("cannot {action} {}: {cause}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
}

impl From<BlockError> for FlushError {
    fn from(error: BlockError) -> Self {
        Self::Block { reason: error.to_string() }
    }
}
