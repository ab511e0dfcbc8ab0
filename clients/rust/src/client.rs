//! The client: what a program calls. No call waits for the network, none fails, none panics.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Map, Value};

use crate::instrument::{Counter, Gauge, Histogram, Place, SERIES_MAX};
use crate::number::Number;
use crate::queue::{Limits, Put, Queue};
use crate::report::{PipelineReport, PipelineState, Report, ServiceState, Severity};
use crate::settings::{Builder, ConfigError};
use crate::worker::{self, Shared};

/// Reports to one Pharos in the name of one service.
///
/// Clones are the same client. When the last one goes, or at [`close`](Self::close), what is
/// left is sent, and a service that reported a state is reported down.
#[derive(Clone)]
pub struct Client {
    pub(crate) handle: Arc<Handle>,
}

/// The program's end; dropping the last one closes the client.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    must_go_down: AtomicBool,
}

/// What a client has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Metrics that Pharos has taken, those of counters, gauges and histograms among them.
    pub sent: u64,
    /// Metrics that never left: the queue was full, the value no number, the client closed.
    pub dropped: u64,
    /// Requests that were tried again.
    pub retries: u64,
    /// Metrics given up after an answer or the last retry.
    pub failed: u64,
    /// Metrics that wait now.
    pub queued: u64,
    /// States, pipelines and alerts that Pharos has taken.
    pub reports_sent: u64,
    /// States, pipelines and alerts given up.
    pub reports_failed: u64,
    /// Series of counters, gauges and histograms.
    pub series: u64,
}

impl Client {
    /// A client with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client as the environment says: `PHAROS_URL`, `PHAROS_API_KEY`, `PHAROS_SERVICE`.
    ///
    /// Monitoring must not keep a program from starting: a setting that cannot be used is told
    /// to the log, and the client then drops what it is given. Who wants the error takes
    /// [`Builder::environment`] and [`Builder::build`].
    pub fn from_env() -> Self {
        match Self::builder().environment().build() {
            Ok(client) => client,
            Err(cause) => {
                log::error!(target: crate::said::TARGET, "nothing is sent to Pharos: {cause}");
                Self::off()
            }
        }
    }

    /// A client that drops all it is given, for tests and for programs that are not watched.
    pub fn off() -> Self {
        let client = Self::without_thread(Builder::default());
        client.handle.shared.queue.end();
        client.handle.shared.said.mute_closed();
        client
    }

    pub(crate) fn start(settings: Builder) -> Result<Self, ConfigError> {
        let client = Self::without_thread(settings);
        let shared = Arc::clone(&client.handle.shared);
        let thread = std::thread::Builder::new()
            .name("pharos-client".to_owned())
            .spawn(move || worker::run(shared))
            .map_err(ConfigError::Thread)?;
        *client.handle.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(client)
    }

    fn without_thread(settings: Builder) -> Self {
        let queue = Queue::new(Limits {
            batch_interval: settings.batch_interval,
            batch_items_max: settings.batch_items_max,
            queue_items_max: settings.queue_items_max,
            instruments_interval: settings.instruments_interval,
            heartbeat: settings.heartbeat,
        });
        let handle = Handle {
            shared: Arc::new(Shared::new(settings, queue)),
            thread: Mutex::new(None),
            must_go_down: AtomicBool::new(false),
        };
        Self { handle: Arc::new(handle) }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// The name of this service.
    pub fn service(&self) -> &str {
        &self.shared().settings.service
    }

    /// A metric has this value now.
    pub fn metric(&self, name: &str, value: impl Number) {
        self.metric_with(name, value, &[]);
    }

    /// A metric with labels has this value now.
    pub fn metric_with(&self, name: &str, value: impl Number, labels: &[(&str, &str)]) {
        let shared = self.shared();
        let value = value.to_f64();
        if !value.is_finite() {
            return self.refuse(name, "is not a finite number");
        }
        match shared.queue.put_sample(name, value, labels) {
            Put::Taken => {}
            Put::Full => shared.said.queue_full(shared.settings.queue_items_max),
            Put::Refused(reason) => self.refuse(name, reason),
            Put::Closed => shared.said.closed(),
        }
    }

    #[cold]
    fn refuse(&self, name: &str, reason: &str) {
        self.shared().n_refused.fetch_add(1, Relaxed);
        self.shared().said.refused(name, reason);
    }

    /// This service is up, down, or cannot tell. Repeated every [`Builder::heartbeat`] from then on;
    /// `down` at the end is said for you.
    pub fn status(&self, state: ServiceState) {
        self.report_status(state, None);
    }

    /// The same, with the address where the service listens.
    pub fn status_at(&self, state: ServiceState, endpoint: &str) {
        self.report_status(state, Some(endpoint));
    }

    fn report_status(&self, state: ServiceState, endpoint: Option<&str>) {
        let is_down = state == ServiceState::Down;
        self.handle.must_go_down.store(!is_down, Relaxed);
        let report = Report::status(self.service(), state, endpoint);
        if self.shared().queue.put_status(report, !is_down) == Put::Closed {
            self.shared().said.closed();
        }
    }

    /// A pipeline's run is here. `metadata` is free: `json!({"epoch": 5, "loss": 0.2})`; what is
    /// no object is left out. [`job`](Self::job) says the end by itself.
    pub fn pipeline(&self, pipeline_type: &str, state: PipelineState, metadata: Value) {
        let metadata = match metadata {
            Value::Object(metadata) => metadata,
            _ => Map::new(),
        };
        let run = PipelineReport { pipeline_type, state, metadata: &metadata, error_message: None };
        self.report_pipeline(&run);
    }

    pub(crate) fn report_pipeline(&self, run: &PipelineReport<'_>) {
        self.put(Report::pipeline(self.service(), run));
    }

    /// Somebody should know.
    pub fn alert(&self, title: &str, message: &str, severity: Severity) {
        self.put(Report::alert(self.service(), title, message, severity));
    }

    fn put(&self, report: Report) {
        if self.shared().queue.put_report(report) == Put::Closed {
            self.shared().said.closed();
        }
    }

    /// The counter of this name and these labels; the same one for the same words.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Counter {
        self.placed(name, self.shared().registry.counter(name, labels))
    }

    /// The gauge of this name and these labels; the same one for the same words.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Gauge {
        self.placed(name, self.shared().registry.gauge(name, labels))
    }

    /// The histogram of this name and these labels; the same one for the same words.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Histogram {
        self.placed(name, self.shared().registry.histogram(name, labels))
    }

    fn placed<T>(&self, name: &str, (instrument, place): (T, Place)) -> T {
        match place {
            Place::Sent => self.shared().queue.watch_instruments(),
            Place::Refused(reason) => self.shared().said.refused(name, reason),
            Place::NoRoom => self.shared().said.too_many_series(SERIES_MAX),
        }
        instrument
    }

    /// Waits until all that was reported before has been sent or given up, at most as long as
    /// [`Builder::flush_timeout`]. False if that was not enough.
    pub fn flush(&self) -> bool {
        self.shared().queue.flush(self.shared().settings.flush_timeout)
    }

    /// Sends what is left, reports the service down if it reported another state, and ends the
    /// background thread. Waits at most as long as [`Builder::flush_timeout`]; false if that was
    /// not enough. What is reported afterwards is dropped.
    pub fn close(&self) -> bool {
        self.handle.close()
    }

    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        Stats {
            sent: shared.n_sent.load(Relaxed),
            dropped: shared.queue.n_dropped.load(Relaxed) + shared.n_refused.load(Relaxed),
            retries: shared.delivery.n_retries.load(Relaxed),
            failed: shared.n_failed.load(Relaxed),
            queued: shared.queue.n_waiting() as u64,
            reports_sent: shared.n_reports_sent.load(Relaxed),
            reports_failed: shared.n_reports_failed.load(Relaxed),
            series: shared.registry.n_series() as u64,
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.shared().settings)
            .field("stats", &self.stats())
            .finish()
    }
}

impl Handle {
    fn close(&self) -> bool {
        let shared = &self.shared;
        let down = Report::status(&shared.settings.service, ServiceState::Down, None);
        let farewell = self.must_go_down.load(Relaxed).then_some(down);
        let has_ended = shared.queue.close(farewell, shared.settings.flush_timeout);
        if !has_ended {
            // A request in flight ends with its timeout; nobody waits for it.
            shared.delivery.abandon();
            return false;
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread's own panic was told by the panic hook. On itself it cannot wait.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != current_id()) {
            let _ = thread.join();
        }
        true
    }
}

fn current_id() -> std::thread::ThreadId {
    std::thread::current().id()
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_off_takes_everything_and_keeps_nothing() {
        let client = Client::off();
        client.metric("a", 1);
        client.status(ServiceState::Up);
        client.alert("a", "b", Severity::Critical);
        client.counter("c", &[]).add(1);
        assert!(client.flush() && client.close());
        assert_eq!((client.stats().dropped, client.stats().queued), (1, 0));
    }
}
