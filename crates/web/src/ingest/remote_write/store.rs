//! Store: a message into rows, rows into storage, and an account of what was left out.

use axum::http::StatusCode;
use model::{Labels, METRIC_NAME};
use storage::{Commit, Ingest, LimitError, Rejected, Row};
use wire::remote_write::{Counts, Decoder, MessageError, Series, SeriesError};

use crate::error::ApiError;

/// Rows appended in one call, and bytes of their labels: one series may have many samples, and
/// each of its rows has the labels. Usual requests fit into one call.
const ROWS_MAX: usize = 8192;
const LABEL_BYTES_MAX: usize = 4 << 20;

/// Reasons that an answer names.
const REASONS_TOLD_MAX: usize = 5;

/// What became of a message.
#[derive(Debug)]
pub(super) struct Stored {
    commits: Vec<Commit>,
    refused: Refused,
}

impl Stored {
    /// Waits until everything that was taken is durable.
    ///
    /// # Errors
    /// It may be lost (503), or something was left out (400).
    pub(super) async fn durable(self) -> Result<(), ApiError> {
        for commit in self.commits {
            commit.await?;
        }
        self.refused.into_result()
    }
}

/// Appends the good series of a message.
pub(super) fn store(ingest: &Ingest, message: &[u8]) -> Result<Stored, ApiError> {
    let mut decoder = Decoder::new(message)?;
    let mut batch = Batch::new(ingest, message, decoder.n_series());
    while let Some(next) = decoder.next() {
        match next {
            Ok(series) => batch.add(&series)?,
            Err(error) => batch.refuse_series(&error),
        }
    }
    batch.append()?;
    count_unread(ingest, decoder.counts());
    Ok(Stored { commits: batch.commits, refused: batch.refused })
}

/// Histograms and exemplars are well-formed and welcome once there is a place for them: they are
/// counted, and the request succeeds.
fn count_unread(ingest: &Ingest, counts: Counts) {
    ingest.count_rejected(&LimitError::NativeHistogram, counts.histograms);
    ingest.count_rejected(&LimitError::Exemplar, counts.exemplars);
}

/// Rows on their way into storage.
struct Batch<'a> {
    ingest: &'a Ingest,
    message: &'a [u8],
    rows: Vec<Row>,
    /// The series of each row, as counted in the message.
    series: Vec<usize>,
    label_bytes: usize,
    commits: Vec<Commit>,
    refused: Refused,
}

impl<'a> Batch<'a> {
    fn new(ingest: &'a Ingest, message: &'a [u8], n_series: usize) -> Self {
        let n_rows = n_series.min(ROWS_MAX);
        Self {
            ingest,
            message,
            rows: Vec::with_capacity(n_rows),
            series: Vec::with_capacity(n_rows),
            label_bytes: 0,
            commits: Vec::new(),
            refused: Refused::default(),
        }
    }

    fn add(&mut self, series: &Series<'_, '_>) -> Result<(), ApiError> {
        let labels = Labels::new(series.labels.iter().copied());
        let labels = labels.expect("the decoder lends good labels only");
        let bytes: usize = series.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        // The last row gets the labels themselves, so that one sample costs no copy.
        let rows = std::iter::repeat_n(labels, series.samples.len()).zip(series.samples);
        for (labels, sample) in rows {
            self.rows.push(Row { labels, sample: *sample });
            self.series.push(series.index);
            self.label_bytes += bytes;
            if self.rows.len() == ROWS_MAX || self.label_bytes >= LABEL_BYTES_MAX {
                self.append()?;
            }
        }
        Ok(())
    }

    /// Appends what has gathered.
    fn append(&mut self) -> Result<(), ApiError> {
        let (commit, rejected) = self.ingest.append_good(std::mem::take(&mut self.rows))?;
        self.commits.push(commit);
        for Rejected { index, cause } in rejected {
            let (series, message) = (self.series[index], self.message);
            self.refused.note(series, || format!("{}{cause}", name(message, series)));
        }
        self.series.clear();
        self.label_bytes = 0;
        Ok(())
    }

    fn refuse_series(&mut self, error: &SeriesError) {
        let cause = LimitError::BadLabels { reason: error.kind.to_string() };
        self.ingest.count_rejected(&cause, 1);
        self.refused.note(error.index, || error.kind.to_string());
    }
}

/// The metric name of a series with a colon behind it, read again because rows that were left out
/// are gone; nothing if it has none.
fn name(message: &[u8], index: usize) -> String {
    let Ok(mut decoder) = Decoder::new(message) else { return String::new() };
    while let Some(next) = decoder.next() {
        let Ok(series) = next else { continue };
        if series.index == index {
            let name = series.labels.iter().find(|(name, _)| *name == METRIC_NAME);
            let start = |(_, name): &(&str, &str)| name.chars().take(128).collect::<String>();
            return name.map(|name| format!("{:?}: ", start(name))).unwrap_or_default();
        }
    }
    String::new()
}

/// Series of which something was left out, and the first reasons in words.
#[derive(Debug, Default)]
struct Refused {
    n_series: usize,
    last: Option<usize>,
    reasons: Vec<String>,
}

impl Refused {
    /// Notes a reason; of several samples of one series the first stands for all.
    fn note(&mut self, series: usize, reason: impl FnOnce() -> String) {
        if self.last == Some(series) {
            return;
        }
        self.last = Some(series);
        self.n_series += 1;
        if self.reasons.len() < REASONS_TOLD_MAX {
            self.reasons.push(format!("series {series}: {}", reason()));
        }
    }

    /// 400 if anything was left out: the sender must not send it again.
    fn into_result(self) -> Result<(), ApiError> {
        let Self { n_series, reasons, .. } = self;
        if n_series == 0 {
            return Ok(());
        }
        let more = if reasons.len() < n_series { "; and more" } else { "" };
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
