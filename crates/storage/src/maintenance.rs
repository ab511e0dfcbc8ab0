//! Maintenance: what a person may ask a store to do now that it would do by itself later.

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
}
