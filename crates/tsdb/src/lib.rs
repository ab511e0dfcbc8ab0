//! Keeps samples: write-ahead log, head, recovery, retention.
//!
//! An append is encoded into the pending part of the log, then put into the head, where queries
//! see it. The committer writes and syncs what is pending and resolves the commits that wait. At
//! the next start the log is read back into the head. What a commit has resolved survives a killed
//! process, a power cut, a full disk and a failed sync.
//!
//! Every byte on disk is drawn in `docs/formats/`.

#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "the store will write its frozen epochs with it")
)]
mod block;
#[cfg_attr(not(test), allow(dead_code, reason = "the files of sealed samples will use it"))]
mod codec;
mod config;
mod db;
mod dir;
mod error;
mod head;
mod manifest;
mod meter;
mod recovery;
mod retention;
mod threads;
mod wal;

#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use config::PlantedBug;
pub use config::{Config, Driver};
pub use db::{Db, Health};
pub use error::{OpenError, RetentionError};
pub use meter::{Meter, RecoveryMeter};
