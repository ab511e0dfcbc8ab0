//! Graphite: samples are stored as they come, those of one piece together.

use std::sync::Arc;

use model::{METRIC_NAME, Sample};
use stdx::{Clock, Env};
use storage::{Batch as _, Ingest, SpelledBatch};
use wire::graphite::{LINE_BYTES_MAX, read_line};

use super::Meter;
use super::socket::Protocol;

/// The source of its series, for the bound on series per source.
const SOURCE: &str = "graphite";

pub(super) struct Graphite {
    clock: Arc<dyn Clock>,
    ingest: Ingest,
    meter: Meter,
}

impl Graphite {
    pub(super) fn new(env: &Env, ingest: Ingest) -> Self {
        Self { clock: env.clock.clone(), ingest, meter: Meter::default() }
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

    fn line(&self, line: &str, Gathered(batch): &mut Gathered) {
        let reading = match read_line(line) {
            Ok(Some(reading)) => reading,
            Ok(None) => return,
            Err(_) => return self.meter.bad_lines.inc(),
        };
        let Some(value) = reading.value else { return self.meter.skipped_lines.inc() };
        let t_ms = reading.t_ms.unwrap_or_else(|| self.clock.now_ms());
        if let Err(cause) = self.ingest.times().check(t_ms) {
            self.ingest.count_rejected(&cause, 1);
            return self.meter.refused.inc();
        }
        let mut pairs = vec![(METRIC_NAME, reading.name.as_str())];
        pairs.extend(reading.tags.iter().map(|(name, value)| (name.as_str(), *value)));
        if let Err(cause) = batch.push(&mut pairs, &[Sample::new(t_ms, value)]) {
            self.ingest.count_rejected(&cause, 1);
            self.meter.refused.inc();
        }
    }

    fn done(&self, Gathered(batch): Gathered) {
        if batch.n_series() == 0 {
            return;
        }
        // No sender waits for an answer, so nobody waits for the disk.
        match self.ingest.append_batch(&batch) {
            Ok(appended) => self.meter.refused.add(appended.rejected.len() as u64),
            Err(error) => {
                let n_samples = batch.n_samples() as u64;
                self.meter.lost_samples.add(n_samples);
                tracing::warn!(%error, n_samples, "samples of Graphite were not stored");
            }
        }
    }
}
