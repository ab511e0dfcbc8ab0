//! The background thread: takes work from the queue, delivers it, counts what came of it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::delivery::{Delivery, Failure};
use crate::instrument::Registry;
use crate::queue::{Queue, Work};
use crate::report::{Report, Severity};
use crate::said::Said;
use crate::sample::{Sample, batch_body};
use crate::settings::Builder;

/// How many single samples a refused batch may lose before it is given up whole.
const REFUSED_MAX: u64 = 20;

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// True on the client's own thread: what happens there must not be measured, or each report
/// would cause the next.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only the tracing layer asks"))]
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// This thread is the client's own from here on.
pub(crate) fn mark_worker() {
    IS_WORKER.set(true);
}

/// What the program's side and the thread share.
pub(crate) struct Shared {
    pub(crate) settings: Builder,
    pub(crate) queue: Queue,
    pub(crate) delivery: Delivery,
    pub(crate) said: Said,
    pub(crate) registry: Registry,
    pub(crate) n_sent: AtomicU64,
    pub(crate) n_failed: AtomicU64,
    pub(crate) n_refused: AtomicU64,
    pub(crate) n_reports_sent: AtomicU64,
    pub(crate) n_reports_failed: AtomicU64,
    /// Failed deliveries since the last good one. Alerts do not count.
    n_errors: AtomicU32,
}

impl Shared {
    pub(crate) fn new(settings: Builder, queue: Queue) -> Self {
        Self {
            delivery: Delivery::new(&settings),
            queue,
            settings,
            said: Said::default(),
            registry: Registry::default(),
            n_sent: AtomicU64::new(0),
            n_failed: AtomicU64::new(0),
            n_refused: AtomicU64::new(0),
            n_reports_sent: AtomicU64::new(0),
            n_reports_failed: AtomicU64::new(0),
            n_errors: AtomicU32::new(0),
        }
    }

    fn send_report(&self, report: &Report) {
        let body = report.body.to_string().into_bytes();
        let outcome = self.delivery.deliver(report.path, &body, false);
        let counter = if outcome.is_ok() { &self.n_reports_sent } else { &self.n_reports_failed };
        counter.fetch_add(1, Relaxed);
        // An alert that fails raises no alert.
        self.note(outcome, report.path != "/alerts/");
    }

    /// Pharos stores a batch whole or not at all: one bad sample must not cost the others.
    fn send_batch(&self, mut samples: Vec<Sample>) {
        let mut n_refused = 0;
        let outcome = loop {
            let body = batch_body(&samples, &self.settings.service);
            let outcome = self.delivery.deliver("/metrics/batch", &body, true);
            let index = match &outcome {
                Err(Failure::Refused { index: Some(index), .. }) => *index,
                _ => break outcome,
            };
            if samples.len() == 1 || index >= samples.len() || n_refused == REFUSED_MAX {
                break outcome;
            }
            let refused = samples.remove(index);
            n_refused += 1;
            if let Err(failure) = outcome {
                self.said.refused_by_server(&refused.words.name, &failure.to_string());
            }
        };
        self.n_failed.fetch_add(n_refused, Relaxed);
        let counter = if outcome.is_ok() { &self.n_sent } else { &self.n_failed };
        counter.fetch_add(samples.len() as u64, Relaxed);
        self.note(outcome, true);
    }

    fn send_instruments(&self) {
        let samples = self.registry.read(&self.settings.instance);
        for batch in samples.chunks(self.settings.batch_items_max.clamp(1, 10_000)) {
            self.send_batch(batch.to_vec());
        }
    }

    /// Says what went wrong; if it `counts`, errors in a row raise an alert.
    fn note(&self, outcome: Result<(), Failure>, counts: bool) {
        let Err(failure) = outcome else {
            if counts {
                self.n_errors.store(0, Relaxed);
                self.said.succeeded();
            }
            return;
        };
        if failure == Failure::Abandoned {
            return;
        }
        let text = failure.to_string();
        // An alert would have the same key.
        if counts && !matches!(failure, Failure::Key { .. }) {
            let n_errors = self.n_errors.fetch_add(1, Relaxed) + 1;
            if self.settings.alert_after_errors == Some(n_errors) {
                self.alert_about_self(n_errors, &text);
            }
        }
        self.said.failed(text);
    }

    fn alert_about_self(&self, n_errors: u32, text: &str) {
        let service = &self.settings.service;
        let title = format!("{service} cannot deliver its metrics");
        let message = format!("{n_errors} deliveries in a row have failed. The last one: {text}");
        self.queue.put_report(Report::alert(service, &title, &message, Severity::Error));
    }
}

/// Ends the queue however the thread ends, so that nobody waits for a thread that is gone.
struct AtEnd(Arc<Shared>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let n_left = self.0.queue.end();
        self.0.n_failed.fetch_add(n_left as u64, Relaxed);
    }
}

/// Works until the queue is closed and empty.
pub(crate) fn run(shared: Arc<Shared>) {
    mark_worker();
    let at_end = AtEnd(shared);
    let shared = &at_end.0;
    loop {
        match shared.queue.next() {
            Work::Send(report) => {
                shared.send_report(&report);
                shared.queue.done(0, 1);
            }
            Work::SendBatch(samples) => {
                let n_samples = samples.len();
                shared.send_batch(samples);
                shared.queue.done(n_samples, 0);
            }
            Work::ReadInstruments => {
                shared.send_instruments();
                shared.queue.done_instruments();
            }
            Work::End => return,
        }
    }
}
