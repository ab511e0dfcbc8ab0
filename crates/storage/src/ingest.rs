//! Ingest: the one path by which samples enter, whoever sent them: limits, then append.

use std::sync::Arc;

use stdx::Clock;
use stdx::meter::Counter;

use crate::{AppendError, Appender, Commit, LimitError, Limits, Rejected, Row};

/// Why rows were refused. Nothing of the call is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IngestError {
    /// One row breaks a bound.
    #[error("item {index}: {cause}")]
    Row {
        /// Which row, from 0.
        index: usize,
        /// Which bound.
        cause: LimitError,
    },
    /// The engine takes nothing now.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What the path counts about itself.
#[derive(Debug, Default)]
pub struct IngestMeter {
    /// Samples taken.
    pub appended: Counter,
    /// Rows refused, in the order of [`LimitError::REASONS`].
    pub rejected: [Counter; LimitError::REASONS.len()],
    /// Calls refused because the engine took nothing.
    pub unavailable: Counter,
}

/// The way in.
#[derive(Clone)]
pub struct Ingest {
    appender: Arc<dyn Appender>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    meter: Arc<IngestMeter>,
}

impl Ingest {
    /// The path into one engine.
    pub fn new(appender: Arc<dyn Appender>, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self { appender, limits, clock, meter: Arc::default() }
    }

    /// What the path counted so far.
    pub fn meter(&self) -> &IngestMeter {
        &self.meter
    }

    /// Appends all rows, or none if one of them breaks a bound.
    ///
    /// # Errors
    /// The first row that breaks a bound, or the engine's own.
    pub fn append(&self, rows: Vec<Row>) -> Result<Commit, IngestError> {
        let now_ms = self.clock.now_ms();
        for (index, row) in rows.iter().enumerate() {
            if let Err(cause) = self.limits.check(row, now_ms) {
                self.count_rejected(&cause, 1);
                return Err(IngestError::Row { index, cause });
            }
        }
        Ok(self.append_checked(rows)?)
    }

    /// Appends the rows that break no bound, and says which ones do, in the order of the rows. For
    /// senders whose rows have nothing to do with each other: a scrape, a remote write.
    ///
    /// # Errors
    /// The engine's own; then no row is stored.
    pub fn append_good(&self, mut rows: Vec<Row>) -> Result<(Commit, Vec<Rejected>), AppendError> {
        let now_ms = self.clock.now_ms();
        let mut rejected = Vec::new();
        let mut indices = 0..;
        rows.retain(|row| {
            let index = indices.next().expect("rows are countable");
            let Err(cause) = self.limits.check(row, now_ms) else { return true };
            rejected.push(Rejected { index, cause });
            false
        });
        let commit = match rows.is_empty() {
            true => Commit::done(),
            false => self.append_checked(rows)?,
        };
        for Rejected { cause, .. } in &rejected {
            self.count_rejected(cause, 1);
        }
        Ok((commit, rejected))
    }

    fn append_checked(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        let n_rows = rows.len() as u64;
        match self.appender.append(rows) {
            Ok(commit) => {
                self.meter.appended.add(n_rows);
                Ok(commit)
            }
            Err(error) => {
                self.meter.unavailable.inc();
                Err(error)
            }
        }
    }

    /// Counts what cannot be taken for this reason, for senders that see it before there is a row.
    pub fn count_rejected(&self, cause: &LimitError, n: u64) {
        let at = LimitError::REASONS.iter().position(|reason| *reason == cause.reason());
        self.meter.rejected[at.expect("REASONS lists every reason")].add(n);
    }
}

#[cfg(test)]
mod tests;
