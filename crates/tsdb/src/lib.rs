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
//! The folders, in the order that a sample comes by: `append`, `wal`, `head`, `flush`, `block` with
//! its `codec`, `tiers`; then `query`, which reads; `keep`, which lets go; `recovery`, the next
//! start; `offline`, without a server. Beside them `dir`, the files' places, `notes`, what comes
//! beside samples, and `db`, which holds it all together.
//!
//! Every byte on disk is drawn in `docs/formats/`.

mod append;
mod block;
mod codec;
mod config;
mod conflicts;
mod db;
mod dir;
mod error;
mod flush;
mod head;
mod keep;
mod meter;
mod notes;
mod offline;
mod query;
mod recovery;
mod tiers;
mod wal;

#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use config::PlantedBug;
pub use config::{Config, Driver, Durability, RetentionRule};
pub use db::{Db, Health};
pub use error::{CompactError, DeleteError, FlushError, OpenError, RetentionError, SnapshotError};
pub use meter::{Meter, RecoveryMeter};
pub use offline::{
    Archive, ArchiveFile, BlockSummary, Detail, DumpError, ImportError, Imported, Importer, Look,
    dump, inspect_blocks,
};
