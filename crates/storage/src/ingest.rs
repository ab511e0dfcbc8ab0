//! Ingest: the one path by which samples enter, whoever sent them: rules that rewrite labels, then
//! limits, then append.

mod checked;

use std::sync::Arc;

use checked::Checked;
use model::{Labels, Metadata, Relabeling};
use parking_lot::RwLock;
use stdx::Clock;
use stdx::meter::Counter;

use crate::{
    AppendError, Appender, Batch, BatchAppended, Commit, LimitError, Limits, Rejected, Row,
    RowsBatch, Times,
};

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
    /// Samples refused, in the order of [`LimitError::REASONS`].
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
    source: Arc<str>,
    /// Held by each append until the engine knows all spellings, so that none is learnt under rules
    /// that do not hold any more.
    rules: Arc<RwLock<Relabeling>>,
}

/// The source of rows of which nobody says another.
const SOURCE_DEFAULT: &str = "rows";

impl Ingest {
    /// The path into one engine.
    pub fn new(appender: Arc<dyn Appender>, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let (meter, rules) = Default::default();
        Self { appender, limits, clock, meter, source: SOURCE_DEFAULT.into(), rules }
    }

    /// Rewrites the labels of all series by these rules from now on, whoever holds this path.
    pub fn set_relabeling(&self, rules: Relabeling) {
        let mut held = self.rules.write();
        if *held != rules {
            *held = rules;
            // The same bytes may name other series now.
            self.appender.forget_spellings();
        }
    }

    /// The same path for rows of this source, see [`Batch::source`].
    #[must_use]
    pub fn with_source(self, source: &str) -> Self {
        Self { source: source.into(), ..self }
    }

    /// The moments of which samples are taken now.
    pub fn times(&self) -> Times {
        self.limits.times(self.clock.now_ms())
    }

    /// Checks what names a series, for senders who must know before anything is stored.
    ///
    /// # Errors
    /// The first bound it breaks.
    pub fn check_labels(&self, labels: &Labels) -> Result<(), LimitError> {
        self.limits.check_labels(labels)
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
        let rules = self.rules.read();
        let mut indices = Vec::new();
        let rows = self.rewritten(rows, &rules, &mut indices);
        // Without rules every row stands where it stood.
        let given = |index: usize| indices.get(index).copied().unwrap_or(index);
        for (index, row) in rows.iter().enumerate() {
            if let Err(cause) = self.limits.check(row, now_ms) {
                self.count_rejected(&cause, 1);
                return Err(IngestError::Row { index: given(index), cause });
            }
        }
        let n_rows = rows.len() as u64;
        let commit = self.appender.append(rows).map_err(|error| match self.refused(error) {
            IngestError::Row { index, cause } => IngestError::Row { index: given(index), cause },
            error => error,
        })?;
        self.meter.appended.add(n_rows);
        Ok(commit)
    }

    /// The rows as the rules make them, and in `indices` which ones they were, if there are rules.
    fn rewritten(
        &self,
        mut rows: Vec<Row>,
        rules: &Relabeling,
        indices: &mut Vec<usize>,
    ) -> Vec<Row> {
        if rules.is_empty() {
            return rows;
        }
        let mut index = 0..;
        rows.retain_mut(|row| {
            let at = index.next().expect("rows are countable");
            let labels = rules.apply(pairs(&row.labels));
            let is_kept = labels.is_some();
            row.labels = labels.unwrap_or_default();
            indices.extend(is_kept.then_some(at));
            is_kept
        });
        let n_dropped = index.start - rows.len();
        self.count_rejected(&LimitError::Relabel, n_dropped as u64);
        rows
    }

    /// Appends the rows that break no bound, and says which ones do, in the order of the rows. What
    /// a rule drops breaks none. For
    /// senders whose rows have nothing to do with each other: a scrape, the readings of a host.
    ///
    /// # Errors
    /// The engine's own; then no row is stored.
    pub fn append_good(&self, mut rows: Vec<Row>) -> Result<(Commit, Vec<Rejected>), AppendError> {
        let now_ms = self.clock.now_ms();
        let rules = self.rules.read();
        let mut rejected = Vec::new();
        let mut kept = Vec::with_capacity(rows.len());
        let mut indices = 0..;
        rows.retain(|row| {
            let index = indices.next().expect("rows are countable");
            // Labels that rules may change are checked after them.
            let checked = match rules.is_empty() {
                true => self.limits.check(row, now_ms),
                false => self.limits.times(now_ms).check(row.sample.t_ms),
            };
            let is_good = checked.is_ok();
            match checked {
                Ok(()) => kept.push(index),
                Err(cause) => rejected.push(Rejected { index, cause }),
            }
            is_good
        });
        if rows.is_empty() {
            self.count_all(&rejected);
            return Ok((Commit::done(), rejected));
        }
        let batch = RowsBatch::new(&self.source, &rows);
        let appended = match rules.is_empty() {
            true => self.append_checked(&batch)?,
            false => self.append_checked(&Checked::new(&batch, &self.limits, &rules))?,
        };
        self.count_all(&rejected);
        let by_engine = appended.rejected.into_iter();
        rejected.extend(by_engine.map(|one| Rejected { index: kept[one.index], ..one }));
        rejected.sort_unstable_by_key(|one| one.index);
        Ok((appended.commit, rejected))
    }

    /// Appends the series of a batch that break no bound, and says which ones do. The times of the
    /// samples are for the sender to check, who sees each of them anyway: see [`Ingest::times`].
    ///
    /// # Errors
    /// The engine's own; then nothing is stored.
    pub fn append_batch<B: Batch + ?Sized>(&self, batch: &B) -> Result<BatchAppended, AppendError> {
        if batch.n_series() == 0 {
            return Ok(BatchAppended {
                commit: Commit::done(),
                n_samples: 0,
                n_histograms: 0,
                n_exemplars: 0,
                rejected: Vec::new(),
            });
        }
        let rules = self.rules.read();
        self.append_checked(&Checked::new(batch, &self.limits, &rules))
    }

    /// Notes what metrics are.
    ///
    /// # Errors
    /// The engine's own; then nothing is noted.
    pub fn append_metadata(&self, metrics: &[(&str, Metadata)]) -> Result<Commit, AppendError> {
        if metrics.is_empty() {
            return Ok(Commit::done());
        }
        self.appender.append_metadata(metrics)
    }

    fn append_checked(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        match self.appender.append_batch(batch) {
            Ok(mut appended) => {
                self.meter.appended.add(appended.n_samples);
                for Rejected { index, cause } in &appended.rejected {
                    let of_series = || batch.samples(*index).len() + batch.histograms(*index).len();
                    let n_samples = if cause.is_of_one_sample() { 1 } else { of_series() };
                    self.count_rejected(cause, n_samples as u64);
                }
                // What a rule drops is as it should be.
                appended.rejected.retain(|one| one.cause != LimitError::Relabel);
                Ok(appended)
            }
            Err(error) => {
                self.meter.unavailable.inc();
                Err(error)
            }
        }
    }

    /// Counts a refusal of rows and says it as the path does.
    fn refused(&self, error: AppendError) -> IngestError {
        match error {
            AppendError::Refused { index, cause } => {
                self.count_rejected(&cause, 1);
                IngestError::Row { index, cause }
            }
            error => {
                self.meter.unavailable.inc();
                IngestError::Append(error)
            }
        }
    }

    fn count_all(&self, rejected: &[Rejected]) {
        for Rejected { cause, .. } in rejected {
            self.count_rejected(cause, 1);
        }
    }

    /// Counts what cannot be taken for this reason, for senders that see it before there is a row.
    pub fn count_rejected(&self, cause: &LimitError, n: u64) {
        let at = LimitError::REASONS.iter().position(|reason| *reason == cause.reason());
        self.meter.rejected[at.expect("REASONS lists every reason")].add(n);
    }
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str()))
}

#[cfg(test)]
mod tests;
