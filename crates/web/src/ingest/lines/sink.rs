//! Sink: where the lines of a body become batches, and an account of what was left out.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::sync::Arc;

use axum::http::StatusCode;
use model::{Exemplar, Metadata, Sample};
use storage::{Commit, Ingest, LimitError, SpelledBatch, Times};

use crate::error::ApiError;
use crate::ingest::untimely;
use crate::meter::ImportMeter;

/// Samples, and bytes of labels, that are appended together.
pub(super) const BATCH_SAMPLES: usize = 8192;
const BATCH_BYTES: usize = 512 << 10;
/// Batches that may wait for the disk before the sender has to.
const COMMITS_MAX: usize = 8;
/// Metrics whose descriptions are noted together.
const METADATA_MAX: usize = 256;
/// Refusals that an answer names.
const REASONS_TOLD_MAX: usize = 5;
/// Bytes of a metric's name, description and unit.
const METADATA_NAME_BYTES_MAX: usize = 256;
const HELP_BYTES_MAX: usize = 4096;

/// See the head of this file.
pub(in crate::ingest) struct Sink {
    ingest: Ingest,
    times: Times,
    /// Set in every series, in the place of what the body says.
    extra: Vec<(String, String)>,
    batch: SpelledBatch,
    /// Which line each series of the batch is from; rising.
    lines: Vec<u64>,
    /// Lines of which something was refused and more may be, see [`Sink::refuse`].
    refused: BTreeSet<u64>,
    /// Whether the last series of the batch is the one that was taken last.
    takes_exemplars: bool,
    metadata: Vec<(String, Metadata)>,
    commits: VecDeque<Commit>,
    told: Told,
    meter: Arc<ImportMeter>,
}

/// What became of a body.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Told {
    n_stored: u64,
    n_refused: u64,
    /// The first of them, each with its line.
    reasons: Vec<String>,
}

impl Told {
    /// 400 if a line was left out, with what is wrong: the sender must not send it again.
    ///
    /// # Errors
    /// See above.
    pub(in crate::ingest) fn into_result(self) -> Result<(), ApiError> {
        let Self { n_refused, reasons, n_stored } = self;
        if n_refused == 0 {
            return Ok(());
        }
        let more = if (reasons.len() as u64) < n_refused { "; and more" } else { "" };
        let (lines, all) = if n_refused == 1 { ("line", "") } else { ("lines", "all of ") };
        let samples = if n_stored == 1 { "sample" } else { "samples" };
        let reasons = reasons.join("; ");
        let detail = format!(
            "partial write: {n_refused} {lines} refused in whole or part, {all}the rest stored \
             ({n_stored} {samples}): {reasons}{more}"
        );
        Err(ApiError::new(StatusCode::BAD_REQUEST, detail))
    }
}

impl Sink {
    /// A sink for one body from a source, see [`storage::Batch::source`].
    pub(in crate::ingest) fn new(
        ingest: Ingest,
        source: Arc<str>,
        meter: Arc<ImportMeter>,
    ) -> Self {
        Self {
            times: ingest.times(),
            ingest,
            extra: Vec::new(),
            batch: SpelledBatch::new(source),
            lines: Vec::new(),
            refused: BTreeSet::new(),
            takes_exemplars: false,
            metadata: Vec::new(),
            commits: VecDeque::new(),
            told: Told::default(),
            meter,
        }
    }

    /// Sets these labels in every series.
    pub(in crate::ingest) fn with_extra(mut self, extra: Vec<(String, String)>) -> Self {
        self.extra = extra;
        self
    }

    pub(super) fn n_stored(&self) -> u64 {
        self.told.n_stored
    }

    /// Takes the samples of a series from a line; labels in any order, the metric name among them.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(in crate::ingest) fn series(
        &mut self,
        line: u64,
        pairs: Vec<(&str, &str)>,
        samples: &[Sample],
    ) -> Result<(), ApiError> {
        self.takes_exemplars = false;
        let check = |t_ms: i64| self.times.check(t_ms).err().map(|cause| (cause, t_ms));
        match samples.iter().find_map(|sample| check(sample.t_ms)) {
            None => self.timely(line, pairs, samples),
            Some((cause, t_ms)) => {
                let is_good = |sample: &&Sample| self.times.check(sample.t_ms).is_ok();
                let good: Vec<Sample> = samples.iter().filter(is_good).copied().collect();
                self.ingest.count_rejected(&cause, (samples.len() - good.len()) as u64);
                self.refuse(line, &untimely::told(&cause, t_ms));
                if good.is_empty() { Ok(()) } else { self.timely(line, pairs, &good) }
            }
        }
    }

    fn timely(
        &mut self,
        line: u64,
        pairs: Vec<(&str, &str)>,
        samples: &[Sample],
    ) -> Result<(), ApiError> {
        let Self { extra, batch, .. } = self;
        // As pairs that live no longer than what is set in them.
        let mut pairs = pairs;
        if !extra.is_empty() {
            pairs.retain(|(name, _)| !extra.iter().any(|(set, _)| set == name));
            pairs.extend(extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        if let Err(cause) = batch.push(&mut pairs, samples) {
            self.ingest.count_rejected(&cause, samples.len() as u64);
            self.refuse(line, &cause);
            return Ok(());
        }
        self.lines.push(line);
        self.takes_exemplars = true;
        let is_full = batch.n_samples() >= BATCH_SAMPLES || batch.n_bytes() >= BATCH_BYTES;
        if is_full { self.flush() } else { Ok(()) }
    }

    /// Takes an exemplar of the series that was taken last. One that is none does no harm.
    pub(in crate::ingest) fn exemplar(&mut self, exemplar: Exemplar) {
        let checked = exemplar.validate().map_err(|error| error.to_string());
        let timely = self.times.check(exemplar.t_ms).map_err(|error| error.to_string());
        match checked.and(timely) {
            Ok(()) if self.takes_exemplars => self.batch.push_exemplar(exemplar),
            // Its series was refused, or went ahead with a full batch.
            Ok(()) => {}
            Err(reason) => self.ingest.count_rejected(&LimitError::Exemplar { reason }, 1),
        }
    }

    /// Notes what a metric is.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(in crate::ingest) fn metadata(
        &mut self,
        metric: &str,
        metadata: Metadata,
    ) -> Result<(), ApiError> {
        let is_long = metric.len() > METADATA_NAME_BYTES_MAX
            || metadata.unit.len() > METADATA_NAME_BYTES_MAX
            || metadata.help.len() > HELP_BYTES_MAX;
        if is_long {
            let reason = "a metric's name, help or unit is too long".to_owned();
            self.ingest.count_rejected(&LimitError::Metadata { reason }, 1);
            return Ok(());
        }
        self.metadata.push((metric.to_owned(), metadata));
        if self.metadata.len() < METADATA_MAX { Ok(()) } else { self.flush_metadata() }
    }

    fn flush_metadata(&mut self) -> Result<(), ApiError> {
        let said = self.metadata.iter();
        let said: Vec<_> = said.map(|(metric, said)| (metric.as_str(), said.clone())).collect();
        self.commits.push_back(self.ingest.append_metadata(&said)?);
        self.metadata.clear();
        Ok(())
    }

    /// Notes that something of a line is not taken, and why. A line of several samples, such as a point
    /// with several fields, is one line however many of them are refused, and its first reason stands
    /// for all.
    pub(in crate::ingest) fn refuse(&mut self, line: u64, reason: &impl Display) {
        if !self.refused.insert(line) {
            return;
        }
        if self.refused.len() > 2 * BATCH_SAMPLES {
            self.forget_refused(line);
        }
        let told = &mut self.told;
        told.n_refused += 1;
        self.meter.refused.inc();
        if told.reasons.len() < REASONS_TOLD_MAX {
            told.reasons.push(format!("line {line}: {reason}"));
        }
    }

    /// Forgets the lines of which nothing more can be refused: those before this one that have nothing
    /// in the batch. So there are never many more than the batch has series.
    fn forget_refused(&mut self, line: u64) {
        let Self { refused, lines, .. } = self;
        refused.retain(|other| *other >= line || lines.binary_search(other).is_ok());
    }

    /// A line as a text; `None` is one that is none, and is refused.
    pub(in crate::ingest) fn text<'l>(&mut self, number: u64, line: &'l [u8]) -> Option<&'l str> {
        match str::from_utf8(line) {
            Ok(line) => Some(line),
            Err(error) => {
                self.refuse(number, &format!("not UTF-8 from byte {} on", error.valid_up_to() + 1));
                None
            }
        }
    }

    /// Counts what is passed over because it is no sample.
    pub(in crate::ingest) fn skip(&self, n: u64) {
        self.meter.skipped.add(n);
    }

    /// Appends what was gathered.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(super) fn flush(&mut self) -> Result<(), ApiError> {
        let appended = self.ingest.append_batch(&self.batch)?;
        self.told.n_stored += appended.n_samples;
        self.commits.push_back(appended.commit);
        for rejected in &appended.rejected {
            self.refuse(self.lines[rejected.index], &rejected.cause);
        }
        self.flush_metadata()?;
        // The last line may have more to come.
        let last = self.lines.last().copied().unwrap_or_default();
        self.lines.clear();
        self.forget_refused(last);
        self.takes_exemplars = false;
        self.batch.clear();
        Ok(())
    }

    /// Waits while too much waits for the disk, so that a body is taken no faster than it is stored.
    ///
    /// # Errors
    /// Something may be lost.
    pub(super) async fn settle(&mut self) -> Result<(), ApiError> {
        while self.commits.len() > COMMITS_MAX {
            let Some(commit) = self.commits.pop_front() else { break };
            commit.await?;
        }
        Ok(())
    }

    /// Waits until everything is durable.
    ///
    /// # Errors
    /// Something may be lost.
    pub(super) async fn durable(self) -> Result<Told, ApiError> {
        for commit in self.commits {
            commit.await?;
        }
        Ok(self.told)
    }
}
