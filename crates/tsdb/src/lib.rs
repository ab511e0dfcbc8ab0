//! Keeps samples: write-ahead log, head, blocks, compaction, recovery, retention.
//!
//! An append is encoded into the pending part of the log, then put into the head, where queries
//! see it. The committer writes and syncs what is pending and resolves the commits that wait. A
//! flush moves the head into blocks and frees the log; compaction merges blocks. A query joins
//! blocks and head in one view. At the next start the rest of the log is read back, while new
//! samples are taken already. What a commit has resolved survives a killed process, a power cut, a
//! full disk and a failed sync.
//!
//! A deletion and a rule of retention hide samples in blocks until those are rewritten without
//! them; a snapshot is a data directory that shares the blocks.
//!
//! Without a server, an [`Importer`] writes samples straight into blocks, an [`Archive`] reads a
//! directory and changes nothing, and [`dump`] shows what files are made of.
//!
//! Every byte on disk is drawn in `docs/formats/`.

mod append;
mod append_notes;
mod archive;
mod block;
mod clock;
mod codec;
mod compact;
mod config;
mod conflicts;
mod db;
mod delete;
mod dir;
mod dump;
mod error;
mod exemplars;
mod flush;
mod head;
mod hidden;
mod import;
mod inspect;
mod maintenance;
mod manifest;
mod meter;
mod mixed;
mod notes;
mod oversize;
mod query;
mod recovery;
mod replay;
mod retention;
mod snapshot;
mod threads;
mod tiers;
mod tombstones;
mod view;
mod wal;
mod windows;

pub use archive::{Archive, ArchiveFile};
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use config::PlantedBug;
pub use config::{Config, Driver, Durability, RetentionRule};
pub use db::{Db, Health};
pub use dump::{Detail, DumpError, dump};
pub use error::{CompactError, DeleteError, FlushError, OpenError, RetentionError, SnapshotError};
pub use import::{ImportError, Imported, Importer};
pub use inspect::{BlockSummary, Look, inspect_blocks};
pub use meter::{Meter, RecoveryMeter};
