//! Ingest: the one path by which samples enter, whoever sent them: limits, then append.

use std::sync::Arc;

use model::{Exemplar, HistogramSample, Labels, Metadata, Sample};
use stdx::Clock;
use stdx::meter::Counter;

use crate::{
    AppendError, Appender, Batch, BatchAppended, Commit, LimitError, Limits, Rejected, Row,
    RowsBatch, Speller, Times,
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
}

/// The source of rows of which nobody says another.
const SOURCE_DEFAULT: &str = "rows";

impl Ingest {
    /// The path into one engine.
    pub fn new(appender: Arc<dyn Appender>, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self { appender, limits, clock, meter: Arc::default(), source: SOURCE_DEFAULT.into() }
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
        for (index, row) in rows.iter().enumerate() {
            if let Err(cause) = self.limits.check(row, now_ms) {
                self.count_rejected(&cause, 1);
                return Err(IngestError::Row { index, cause });
            }
        }
        let n_rows = rows.len() as u64;
        let commit = self.appender.append(rows).map_err(|error| self.refused(error))?;
        self.meter.appended.add(n_rows);
        Ok(commit)
    }

    /// Appends the rows that break no bound, and says which ones do, in the order of the rows. For
    /// senders whose rows have nothing to do with each other: a scrape, the readings of a host.
    ///
    /// # Errors
    /// The engine's own; then no row is stored.
    pub fn append_good(&self, mut rows: Vec<Row>) -> Result<(Commit, Vec<Rejected>), AppendError> {
        let now_ms = self.clock.now_ms();
        let mut rejected = Vec::new();
        let mut kept = Vec::with_capacity(rows.len());
        let mut indices = 0..;
        rows.retain(|row| {
            let index = indices.next().expect("rows are countable");
            let checked = self.limits.check(row, now_ms);
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
        let appended = self.append_checked(&RowsBatch::new(&self.source, &rows))?;
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
            let rejected = Vec::new();
            return Ok(BatchAppended { commit: Commit::done(), n_samples: 0, rejected });
        }
        self.append_checked(&Checked { batch, limits: &self.limits })
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
            Ok(appended) => {
                self.meter.appended.add(appended.n_samples);
                for Rejected { index, cause } in &appended.rejected {
                    let n_histograms = batch.histograms(*index).len();
                    let n_samples = batch.samples(*index).len() + n_histograms;
                    self.count_rejected(cause, n_samples as u64);
                }
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

/// A batch whose labels are checked when they are read.
struct Checked<'a, B: ?Sized> {
    batch: &'a B,
    limits: &'a Limits,
}

impl<B: Batch + ?Sized> Batch for Checked<'_, B> {
    fn speller(&self) -> Speller {
        self.batch.speller()
    }

    fn source(&self) -> &str {
        self.batch.source()
    }

    fn n_series(&self) -> usize {
        self.batch.n_series()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        self.batch.spelling(series)
    }

    fn samples(&self, series: usize) -> &[Sample] {
        self.batch.samples(series)
    }

    fn has_histograms(&self) -> bool {
        self.batch.has_histograms()
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        self.batch.histograms(series)
    }

    fn has_exemplars(&self) -> bool {
        self.batch.has_exemplars()
    }

    fn exemplars(&self, series: usize) -> &[Exemplar] {
        self.batch.exemplars(series)
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        self.batch.labels(series, labels)?;
        self.limits.check_pairs(labels)
    }
}

#[cfg(test)]
mod tests;
