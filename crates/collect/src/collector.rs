//! Collector: reads one subject of this host into families.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use model::Family;

/// When a collection happens.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Wall time, Unix milliseconds.
    pub now_ms: i64,
    /// Monotonic time, for rates between two collections.
    pub monotonic: Duration,
}

/// Why a collector has nothing to say this time. It never harms the others.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The machine lacks the subject: no sensor, no such kernel feature.
    #[error("nothing to read")]
    Absent,
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file or answer that says something unexpected.
    #[error("cannot understand {source_name}: {reason}")]
    Malformed {
        /// The file or call.
        source_name: String,
        /// What was wrong with it.
        reason: String,
    },
    /// Something that should answer does not.
    #[error("{source_name} does not work: {reason}")]
    Broken {
        /// The driver or service.
        source_name: &'static str,
        /// What happened.
        reason: String,
    },
}

/// Reads one subject. Keeps whatever it needs from one collection to the next in itself.
pub trait Collector: Send {
    /// The collector's word in `node_scrape_collector_success{collector="..."}`.
    fn name(&self) -> &'static str;

    /// Adds this subject's families to `out`. A family is added once, with all its points. What
    /// was added before an error counts.
    ///
    /// # Errors
    /// When the subject is absent or cannot be read.
    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError>;
}
