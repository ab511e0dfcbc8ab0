//! Graphite: samples are stored as they come, those of one piece together.

use std::sync::Arc;

use model::{METRIC_NAME, Sample};
use stdx::{Clock, Env};
use storage::{Batch as _, Ingest, LimitError, Rejected, SpelledBatch};
use wire::graphite::{LINE_BYTES_MAX, read_line};

use super::Meter;
use super::complaints::{Complaints, named};
use super::socket::Protocol;

/// The source of its series, for the bound on series per source.
const SOURCE: &str = "graphite";

pub(super) struct Graphite {
    clock: Arc<dyn Clock>,
    ingest: Ingest,
    meter: Meter,
    complaints: Complaints,
}

impl Graphite {
    pub(super) fn new(env: &Env, ingest: Ingest) -> Self {
        let complaints = Complaints::new(SOURCE, env.clock.clone());
        Self { clock: env.clock.clone(), ingest, meter: Meter::default(), complaints }
    }

    /// Notes a line that breaks a bound.
    fn refuse(&self, line: &str, cause: &LimitError) {
        self.ingest.count_rejected(cause, 1);
        self.meter.refused.inc();
        self.complaints.say(line, cause);
    }
}

/// The samples of a piece.
pub(super) struct Gathered(SpelledBatch);

impl Default for Gathered {
    fn default() -> Self {
        Self(SpelledBatch::new(SOURCE.into()))
    }
}

impl Protocol for Graphite {
    type Gathered = Gathered;
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn complaints(&self) -> &Complaints {
        &self.complaints
    }

    fn line(&self, line: &str, Gathered(batch): &mut Gathered) {
        let reading = match read_line(line) {
            Ok(Some(reading)) => reading,
            Ok(None) => return,
            Err(error) => {
                self.meter.bad_lines.inc();
                return self.complaints.say(line, &error);
            }
        };
        let Some(value) = reading.value else { return self.meter.skipped_lines.inc() };
        let t_ms = reading.t_ms.unwrap_or_else(|| self.clock.now_ms());
        if let Err(cause) = self.ingest.times().check(t_ms) {
            return self.refuse(line, &cause);
        }
        let mut pairs = vec![(METRIC_NAME, reading.name.as_str())];
        pairs.extend(reading.tags.iter().map(|(name, value)| (name.as_str(), *value)));
        if let Err(cause) = batch.push(&mut pairs, &[Sample::new(t_ms, value)]) {
            self.refuse(line, &cause);
        }
    }

    fn done(&self, Gathered(batch): Gathered) {
        if batch.n_series() == 0 {
            return;
        }
        // No sender waits for an answer, so nobody waits for the disk.
        match self.ingest.append_batch(&batch) {
            Ok(appended) => {
                self.meter.refused.add(appended.rejected.len() as u64);
                if let Some(Rejected { index, cause }) = appended.rejected.first() {
                    self.complaints.say(&named(&batch, *index), cause);
                }
            }
            Err(error) => {
                let n_samples = batch.n_samples() as u64;
                self.meter.lost_samples.add(n_samples);
                tracing::warn!(%error, n_samples, "samples of Graphite were not stored");
            }
        }
    }
}
