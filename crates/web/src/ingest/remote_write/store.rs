//! Store: a message into storage as one batch, and an account of what was left out.

use std::fmt::Display;

use axum::http::StatusCode;
use model::{Exemplar, HistogramSample, METRIC_NAME, Sample};
use storage::{Batch, Commit, Ingest, LimitError, Rejected, Speller, Times};
use wire::remote_write::{MessageError, Request, read_labels};

use super::beside::{Bad, Beside};
use crate::error::ApiError;
use crate::ingest::untimely;

/// Reasons that an answer names.
const REASONS_TOLD_MAX: usize = 5;

/// What became of a message.
#[derive(Debug)]
pub(super) struct Stored {
    commit: Commit,
    metadata: Commit,
    written: Written,
    refused: Refused,
}

impl Stored {
    /// Waits until everything that was taken is durable, and notes in `written` how much it is.
    ///
    /// # Errors
    /// It may be lost (503), or something was left out (400).
    pub(super) async fn durable(self, written: &mut Written) -> Result<(), ApiError> {
        self.commit.await?;
        self.metadata.await?;
        *written = self.written;
        self.refused.into_result()
    }
}

/// How much of a message is stored, for senders that keep accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) samples: u64,
    pub(super) histograms: u64,
    pub(super) exemplars: u64,
}

/// Appends the good series of a message from `source`, see [`Batch::source`].
///
/// # Errors
/// Nothing can be taken now, and nothing is stored.
pub(super) fn store(
    ingest: &Ingest,
    source: &str,
    mut request: Request<'_>,
) -> Result<Stored, ApiError> {
    let mut refused = Refused::default();
    let times = ingest.times();
    let untimely = leave_out_untimely(&times, &mut request, &mut refused);
    let mut beside = Beside::read(&request, &times);
    let metadata = beside.metadata(&request);
    let message = Message { source, request: &request, beside: &beside };
    let appended = ingest.append_batch(&message)?;
    let metadata = ingest.append_metadata(&metadata)?;
    // Counted when it is answered: who is told to come back brings all of it again.
    refused.note_all(&appended.rejected, &message);
    refused.note_bad(&beside.bad);
    for bad in &beside.bad {
        ingest.count_rejected(&bad.cause, 1);
    }
    for (cause, n_samples) in &untimely {
        ingest.count_rejected(cause, *n_samples);
    }
    refused.note_faults(ingest, &request);
    let written = Written {
        samples: appended.n_samples - appended.n_histograms,
        histograms: appended.n_histograms,
        exemplars: appended.n_exemplars,
    };
    Ok(Stored { commit: appended.commit, metadata, written, refused })
}

/// A message as storage takes it: its series of samples, then those of other things.
struct Message<'m, 'r> {
    source: &'m str,
    request: &'m Request<'r>,
    beside: &'m Beside<'m>,
}

impl Message<'_, '_> {
    /// Which series of the message this one of the batch is.
    fn index(&self, series: usize) -> usize {
        match series.checked_sub(self.request.n_series()) {
            None => self.request.index(series),
            Some(at) => self.beside.series[at].index,
        }
    }
}

impl Batch for Message<'_, '_> {
    fn speller(&self) -> Speller {
        Speller::RemoteWrite
    }

    fn source(&self) -> &str {
        self.source
    }

    fn n_series(&self) -> usize {
        self.request.n_series() + self.beside.series.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        match series.checked_sub(self.request.n_series()) {
            None => self.request.spelling(series),
            Some(at) => self.beside.series[at].spelling,
        }
    }

    fn samples(&self, series: usize) -> &[Sample] {
        match series < self.request.n_series() {
            true => self.request.samples(series),
            false => &[],
        }
    }

    fn has_histograms(&self) -> bool {
        self.beside.has_histograms
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        let at = series.checked_sub(self.request.n_series());
        at.map_or(&[], |at| &self.beside.series[at].histograms)
    }

    fn has_exemplars(&self) -> bool {
        self.beside.has_exemplars
    }

    fn exemplars(&self, series: usize) -> &[Exemplar] {
        let at = series.checked_sub(self.request.n_series());
        at.map_or(&[], |at| &self.beside.series[at].exemplars)
    }

    /// A sender that repeats itself sends the same; one that sends something else must hear of it.
    fn keeps_first(&self) -> bool {
        true
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        let named = match series.checked_sub(self.request.n_series()) {
            None => self.request.labels(series, labels),
            Some(at) => read_labels(self.beside.series[at].spelling, labels),
        };
        named.map_err(|kind| LimitError::BadLabels { reason: kind.to_string() })
    }
}

/// Leaves out the samples that are too old or too far ahead; how many there were, by reason. Usual
/// messages have none, which two comparisons tell.
fn leave_out_untimely(
    times: &Times,
    request: &mut Request<'_>,
    refused: &mut Refused,
) -> Vec<(LimitError, u64)> {
    let mut counts: Vec<(LimitError, u64)> = Vec::new();
    if request.times_ms().is_none_or(|sent| times.contain(&sent)) {
        return counts;
    }
    let mut notes = 0..REASONS_TOLD_MAX;
    for series in 0..request.n_series() {
        let mut is_noted = false;
        let samples = request.samples(series).iter();
        for (cause, t_ms) in samples.filter_map(|s| Some((times.check(s.t_ms).err()?, s.t_ms))) {
            if !is_noted {
                is_noted = true;
                let named = (request.index(series), request.spelling(series));
                refused.note(&mut notes, named, &untimely::told(&cause, t_ms));
            }
            match counts.iter_mut().find(|(other, _)| other.reason() == cause.reason()) {
                Some((_, n_samples)) => *n_samples += 1,
                None => counts.push((cause, 1)),
            }
        }
    }
    request.retain_samples(|_, sample| times.check(sample.t_ms).is_ok());
    counts
}

/// The metric name of a series with a colon behind it; nothing if it has none.
fn name(spelling: &[u8]) -> String {
    let mut labels = Vec::new();
    if read_labels(spelling, &mut labels).is_err() {
        return String::new();
    }
    let name = labels.iter().find(|(name, _)| *name == METRIC_NAME);
    let start = |(_, name): &(&str, &str)| name.chars().take(128).collect::<String>();
    name.map(|name| format!("{:?}: ", start(name))).unwrap_or_default()
}

/// Series of which something was left out, and the first reasons in words. All numbers of series are
/// those of the message.
#[derive(Debug, Default)]
struct Refused {
    /// Series that do not have the form of one.
    n_faults: u64,
    /// Series with samples or labels that are not taken; some may be there twice.
    series: Vec<usize>,
    /// The first of each kind.
    reasons: Vec<(usize, String)>,
}

impl Refused {
    /// Notes a series, and why, as long as there are `notes` left.
    fn note(
        &mut self,
        notes: &mut impl Iterator,
        (index, spelling): (usize, &[u8]),
        cause: &impl Display,
    ) {
        self.series.push(index);
        if notes.next().is_some() {
            self.reasons.push((index, format!("{}{cause}", name(spelling))));
        }
    }

    fn note_all(&mut self, rejected: &[Rejected], message: &Message<'_, '_>) {
        let mut notes = 0..REASONS_TOLD_MAX;
        for Rejected { index, cause } in rejected {
            let series = (message.index(*index), message.spelling(*index));
            self.note(&mut notes, series, cause);
        }
    }

    /// Notes the series of bad histograms. A sender does not care for its exemplars and metadata:
    /// bad ones are counted, and the message succeeds.
    fn note_bad(&mut self, bad: &[Bad<'_>]) {
        let mut notes = 0..REASONS_TOLD_MAX;
        for Bad { index, spelling, cause } in bad {
            if !matches!(cause, LimitError::Exemplar { .. } | LimitError::Metadata { .. }) {
                self.note(&mut notes, (*index, *spelling), cause);
            }
        }
    }

    fn note_faults(&mut self, ingest: &Ingest, request: &Request<'_>) {
        self.n_faults = request.n_faults();
        for fault in request.faults().iter().take(REASONS_TOLD_MAX) {
            self.reasons.push((fault.index, fault.kind.to_string()));
        }
        let cause = LimitError::BadLabels { reason: String::new() };
        ingest.count_rejected(&cause, self.n_faults);
    }

    /// 400 if anything was left out: the sender must not send it again.
    fn into_result(self) -> Result<(), ApiError> {
        let Self { n_faults, mut series, mut reasons } = self;
        series.sort_unstable();
        series.dedup();
        let n_series = series.len() as u64 + n_faults;
        if n_series == 0 {
            return Ok(());
        }
        // Of several reasons of one series the first stands for all.
        reasons.sort_by_key(|(index, _)| *index);
        reasons.dedup_by_key(|(index, _)| *index);
        reasons.truncate(REASONS_TOLD_MAX);
        let more = if (reasons.len() as u64) < n_series { "; and more" } else { "" };
        let reasons: Vec<String> =
            reasons.iter().map(|(index, reason)| format!("series {index}: {reason}")).collect();
        let reasons = reasons.join("; ");
        let detail =
            format!("{n_series} series refused in whole or part, all else stored: {reasons}{more}");
        Err(ApiError::new(StatusCode::BAD_REQUEST, detail))
    }
}

impl From<MessageError> for ApiError {
    fn from(error: MessageError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

#[cfg(test)]
mod tests;
