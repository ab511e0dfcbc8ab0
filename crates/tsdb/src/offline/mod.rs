//! Offline: what can be done with a data directory and no server that has it open.
//!
//! `import` writes samples of any age into blocks, `archive` reads a directory and changes nothing,
//! `inspect` says what blocks hold and whether it is whole, `dump` shows what files are made of.

mod archive;
mod dump;
mod import;
mod inspect;

pub use archive::{Archive, ArchiveFile};
pub use dump::{Detail, DumpError, dump};
pub use import::{ImportError, Imported, Importer};
pub use inspect::{BlockSummary, Look, inspect_blocks};
