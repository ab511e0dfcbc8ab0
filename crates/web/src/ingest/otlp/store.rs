//! Store: a message into storage as one batch, and an account of what was refused.

use std::cell::RefCell;
use std::sync::Arc;

use model::{Exemplar, HistogramSample, METRIC_NAME, Metadata, Sample};
use parking_lot::Mutex;
use storage::{Batch, BatchAppended, Commit, Ingest, LimitError, Rejected, Speller};
use tokio::sync::{Semaphore, SemaphorePermit};
use wire::otlp::{Deltas, Refusals, Settings, Translated, translate};

use super::body::Sent;
use crate::error::ApiError;
use crate::ingest::untimely;
use crate::state::{AppState, Shared};

/// Messages above this many bytes are translated and appended on a thread that may take its time.
const INLINE_BYTES_MAX: usize = 256 << 10;
/// Messages that are translated at one time. What they become takes more than they do, so this
/// bounds what all of them take together.
const TRANSLATIONS: usize = 8;

static FREE: Semaphore = Semaphore::const_new(TRANSLATIONS);

/// Stores a message from `source`, see [`Batch::source`]; what was refused of it.
///
/// # Errors
/// Nothing of it can be taken, or it may be lost.
pub(super) async fn store(
    shared: Shared,
    source: Arc<str>,
    sent: Sent,
) -> Result<Refusals, ApiError> {
    let permit = FREE.acquire().await.expect("the translations are never closed");
    let is_small = sent.is_small(INLINE_BYTES_MAX);
    let append = move || append_sent(&shared, &source, sent, permit);
    let stored = if is_small {
        append()?
    } else {
        // The thread goes on when the sender leaves, so it takes what it needs along.
        let task = tokio::task::spawn_blocking(append);
        task.await.map_err(|_| ApiError::internal("storing the points failed"))??
    };
    stored.durable().await
}

/// What became of a message.
#[derive(Debug)]
struct Stored {
    commit: Commit,
    metadata: Commit,
    refusals: Refusals,
}

impl Stored {
    /// Waits until everything that was taken is durable.
    async fn durable(self) -> Result<Refusals, ApiError> {
        self.commit.await?;
        self.metadata.await?;
        Ok(self.refusals)
    }
}

/// Unpacks and appends a message. Its memory and the permit are given back before the disk has it.
fn append_sent(
    shared: &AppState,
    source: &str,
    mut sent: Sent,
    _permit: SemaphorePermit<'static>,
) -> Result<Stored, ApiError> {
    let settings = shared.settings.load();
    let door = Door {
        ingest: &shared.ingest,
        deltas: &shared.deltas,
        settings: &settings.otlp,
        now_ms: shared.now_ms(),
        source,
    };
    let stored = door.append(&sent.unpack()?);
    shared.meter.delta_series.set(shared.deltas.lock().n_series() as i64);
    stored
}

/// Where a message goes, and how.
struct Door<'d> {
    ingest: &'d Ingest,
    deltas: &'d Mutex<Deltas>,
    settings: &'d Settings,
    /// Unix milliseconds.
    now_ms: i64,
    source: &'d str,
}

impl Door<'_> {
    fn append(&self, message: &[u8]) -> Result<Stored, ApiError> {
        let times = self.ingest.times();
        let untimely = RefCell::new(Vec::new());
        let check_time = |t_ms: i64| {
            times.check(t_ms).map_err(|cause| {
                let reason = untimely::told(&cause, t_ms);
                untimely.borrow_mut().push(cause);
                reason
            })
        };
        let mut translated = translate(message, self.settings, &check_time)?;
        let appended = self.append_translated(&mut translated)?;
        let metadata: Vec<(&str, Metadata)> =
            translated.metadata().map(|(name, metadata)| (name, metadata.clone())).collect();
        let metadata = self.ingest.append_metadata(&metadata)?;
        self.count(&untimely.into_inner(), &translated);
        let refusals = account(&translated, &appended.rejected);
        Ok(Stored { commit: appended.commit, metadata, refusals })
    }

    /// Adds up what has to be, and appends. Totals change only if something was appended.
    fn append_translated(&self, translated: &mut Translated) -> Result<BatchAppended, ApiError> {
        let source = self.source;
        if !translated.has_deltas() {
            return Ok(self.ingest.append_batch(&Message { source, translated })?);
        }
        // Held until the totals are stored, so that they are stored in their order.
        let mut deltas = self.deltas.lock();
        deltas.add_up(translated, self.now_ms);
        let appended = self.ingest.append_batch(&Message { source, translated });
        match &appended {
            Ok(_) => deltas.keep(),
            Err(_) => deltas.roll_back(),
        }
        Ok(appended?)
    }

    /// Counts what was refused. Only when it is answered: who is told to come back brings all of
    /// it again.
    fn count(&self, untimely: &[LimitError], translated: &Translated) {
        let (n_untimely, n_points) = (untimely.len() as u64, translated.refusals().n_points);
        untimely.iter().for_each(|cause| self.ingest.count_rejected(cause, 1));
        let bad = LimitError::BadPoint { reason: String::new() };
        self.ingest.count_rejected(&bad, n_points.saturating_sub(n_untimely));
        if n_points > 0 {
            let (source, reasons) = (self.source, &translated.refusals().reasons);
            tracing::debug!(source, n_points, ?reasons, "points were refused");
        }
    }
}

/// What was refused: points that are no samples, and those of which storage refused a series.
fn account(translated: &Translated, rejected: &[Rejected]) -> Refusals {
    let mut refusals = translated.refusals().clone();
    let mut before = None;
    for Rejected { index, cause } in rejected {
        let name = translated.labels(*index).find(|(name, _)| *name == METRIC_NAME);
        let name = name.map_or("", |(_, value)| value);
        let name: String = name.chars().take(128).collect();
        let point = translated.point(*index);
        // The series of a point lie together; those of none are no points.
        let is_new = point.is_some() && point != before;
        before = point;
        refusals.note(is_new.into(), &format!("metric {name:?}: {cause}"));
    }
    refusals
}

/// A message as storage takes it.
struct Message<'t> {
    source: &'t str,
    translated: &'t Translated,
}

impl Batch for Message<'_> {
    fn speller(&self) -> Speller {
        Speller::Labels
    }

    fn source(&self) -> &str {
        self.source
    }

    fn n_series(&self) -> usize {
        self.translated.n_series()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        self.translated.spelling(series)
    }

    fn samples(&self, series: usize) -> &[Sample] {
        self.translated.samples(series)
    }

    fn has_histograms(&self) -> bool {
        self.translated.has_histograms()
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        self.translated.histograms(series)
    }

    fn has_exemplars(&self) -> bool {
        self.translated.has_exemplars()
    }

    fn exemplars(&self, series: usize) -> &[Exemplar] {
        self.translated.exemplars(series)
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        labels.extend(self.translated.labels(series));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
