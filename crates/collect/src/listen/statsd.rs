//! StatsD: events are added up as they come, and the sums are stored at an interval.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use stdx::{Clock, Env};
use storage::{Batch as _, Ingest, Rejected, SpelledBatch};
use wire::statsd::{LINE_BYTES_MAX, Line, read_line};

use super::Meter;
use super::aggregate::{Aggregate, Moment, Refusal};
use super::complaints::{Complaints, named};
use super::socket::{Handle, Protocol, listen_shared};

/// Series that are stored together.
const BATCH_SERIES: usize = 4096;
/// The source of its series, for the bound on series per source.
const SOURCE: &str = "statsd";

pub(super) struct Statsd {
    aggregate: Mutex<Aggregate>,
    clock: Arc<dyn Clock>,
    ingest: Ingest,
    meter: Meter,
    complaints: Complaints,
    is_stopping: Mutex<bool>,
    stopped: Condvar,
}

pub(super) fn listen(
    address: SocketAddr,
    flush_interval: Duration,
    env: &Env,
    ingest: Ingest,
) -> io::Result<Handle> {
    let statsd = Arc::new(Statsd::new(env, ingest));
    let flushes = statsd.clone();
    let work = move || flushes.keep_flushing(flush_interval);
    let flusher = thread::Builder::new().name("statsd-flush".to_owned()).spawn(work)?;
    let handle = listen_shared("statsd", address, statsd.clone(), vec![flusher]);
    if handle.is_err() {
        Protocol::stop(&*statsd);
    }
    handle
}

impl Statsd {
    pub(super) fn new(env: &Env, ingest: Ingest) -> Self {
        Self {
            aggregate: Mutex::default(),
            clock: env.clock.clone(),
            ingest,
            meter: Meter::default(),
            complaints: Complaints::new(SOURCE, env.clock.clone()),
            is_stopping: Mutex::new(false),
            stopped: Condvar::new(),
        }
    }

    fn keep_flushing(&self, interval: Duration) {
        loop {
            let mut is_stopping = self.is_stopping.lock();
            if !*is_stopping {
                self.stopped.wait_for(&mut is_stopping, interval);
            }
            let is_last = *is_stopping;
            drop(is_stopping);
            self.flush();
            if is_last {
                return;
            }
        }
    }

    /// Stores what every series has now.
    pub(super) fn flush(&self) {
        let mut batch = SpelledBatch::new(SOURCE.into());
        let mut aggregate = self.aggregate.lock();
        let moment = self.moment();
        aggregate.flush(moment, &mut batch, |batch| {
            if batch.n_series() >= BATCH_SERIES {
                self.store(batch);
            }
        });
        self.meter.series.set(aggregate.n_series() as i64);
        drop(aggregate);
        self.store(&mut batch);
    }

    /// Stores a batch. No sender waits for it, so nobody waits for the disk.
    fn store(&self, batch: &mut SpelledBatch) {
        let n_samples = batch.n_samples() as u64;
        match self.ingest.append_batch(batch) {
            Ok(appended) => {
                self.meter.refused.add(appended.rejected.len() as u64);
                if let Some(Rejected { index, cause }) = appended.rejected.first() {
                    self.complaints.say(&named(batch, *index), cause);
                }
            }
            Err(error) => {
                self.meter.lost_samples.add(n_samples);
                tracing::warn!(%error, n_samples, "what StatsD counted was not stored");
            }
        }
        batch.clear();
    }

    fn moment(&self) -> Moment {
        Moment { now_ms: self.clock.now_ms(), monotonic: self.clock.monotonic() }
    }
}

impl Protocol for Statsd {
    type Gathered = ();
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn complaints(&self) -> &Complaints {
        &self.complaints
    }

    fn line(&self, line: &str, _: &mut ()) {
        match read_line(line) {
            Ok(Line::Metric(metric)) => {
                let moment = self.moment();
                let mut aggregate = self.aggregate.lock();
                let check = |labels: &model::Labels| self.ingest.check_labels(labels);
                let taken = aggregate.take(&metric, moment, check);
                drop(aggregate);
                if let Err(refusal) = taken {
                    self.meter.refused.inc();
                    if let Refusal::Labels(cause) = &refusal {
                        self.ingest.count_rejected(cause, 1);
                    }
                    self.complaints.say(line, &refusal);
                }
            }
            Ok(Line::Nothing { is_event }) => self.meter.skipped_lines.add(is_event.into()),
            Err(error) => {
                self.meter.bad_lines.inc();
                self.complaints.say(line, &error);
            }
        }
    }

    fn done(&self, (): ()) {}

    fn stop(&self) {
        *self.is_stopping.lock() = true;
        self.stopped.notify_all();
    }
}
