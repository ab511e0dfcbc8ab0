//! Maintenance: what a person may ask a store to do now that it would do by itself later.

use model::Matcher;

/// Why it was not done. Nothing is lost; it may be asked for again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct MaintenanceError {
    /// What went wrong, and where.
    pub reason: String,
}

/// Moves samples on their way from memory to their last form on disk. Calls block until it is done.
pub trait Maintenance: Send + Sync {
    /// Everything that was acknowledged before the call is in blocks on disk when it returns.
    ///
    /// # Errors
    /// The disk's own.
    fn flush(&self) -> Result<(), MaintenanceError>;

    /// Merges blocks as far as it goes, and says how often it merged.
    ///
    /// # Errors
    /// The disk's own.
    fn compact(&self) -> Result<u64, MaintenanceError>;

    /// Deletes the samples within these times (Unix milliseconds, both included) of all series
    /// that meet all matchers, of which there is at least one. They are gone from queries, for
    /// good, when it returns. Samples that are written later are not concerned.
    ///
    /// # Errors
    /// The disk's own; nothing is deleted then, or all of it at the next start.
    fn delete_series(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), MaintenanceError>;

    /// Takes deleted samples off the disk, and says how many blocks had some.
    ///
    /// # Errors
    /// The disk's own; what is left on it stays deleted for queries.
    fn clean_tombstones(&self) -> Result<u64, MaintenanceError>;

    /// Copies everything that was acknowledged before the call to a place beside it, and says the
    /// copy's name.
    ///
    /// # Errors
    /// The disk's own; there is no copy then.
    fn snapshot(&self) -> Result<String, MaintenanceError>;
}
