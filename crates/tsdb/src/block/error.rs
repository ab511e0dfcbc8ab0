//! Errors: why a block cannot be written, opened, or read in part.

use std::io;
use std::path::PathBuf;

use super::Section;

/// Why a block cannot be written or opened at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockError {
    /// The disk's own.
    #[error("cannot {action} block {}: {cause}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// Nothing in the file says where things are.
    #[error("block {} is damaged: {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A later program wrote it.
    #[error(
        "block {} is of version {version} with features {features:#x}, newer than this program",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version it wrote.
        version: u32,
        /// The features it used.
        features: u32,
    },
    /// A table exceeds what offsets of 32 bits reach.
    #[error("{section} of block {} would exceed 4 GiB", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Which table.
        section: Section,
    },
}

/// Why a part of a block cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Its checksum does not fit.
    #[error("page {page} is damaged")]
    Page {
        /// Which one, from 0.
        page: u64,
    },
    /// The disk's own.
    #[error("cannot read page {page}: {cause}")]
    Disk {
        /// Which one, from 0.
        page: u64,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// Its pages are whole, and yet it is not what a writer writes.
    #[error("{section} at offset {offset} makes no sense")]
    Malformed {
        /// Where it stands.
        section: Section,
        /// Where it stands.
        offset: u64,
    },
}

impl ReadError {
    /// The page to blame.
    pub(crate) fn page(&self) -> u64 {
        match self {
            Self::Page { page } | Self::Disk { page, .. } => *page,
            Self::Malformed { offset, .. } => super::page::page_of(*offset),
        }
    }
}
