//! Alerts inside the program: a history, and notifiers that each have their least severity.
//!
//! Raising one never waits: a thread brings it to the notifiers.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Severity;
use crate::notify::{Notifier, NotifyError};
use crate::said::TARGET;
use crate::time::{now_ms, rfc3339};

/// Alerts that are kept.
const HISTORY_MAX: usize = 1000;
/// Alerts that wait for the notifiers. Beyond it the oldest are not notified, which is told.
const WAITING_MAX: usize = 1000;
/// How long the last one to go waits for alerts on their way.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Something that somebody should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Tells it from all others of this process.
    pub id: String,
    /// One line.
    pub title: String,
    /// What happened.
    pub message: String,
    /// How urgent.
    pub severity: Severity,
    /// Which part of the program.
    pub source: String,
    /// Whatever helps.
    pub details: Value,
    /// When, in Unix milliseconds.
    pub timestamp_ms: u64,
}

impl Alert {
    /// `{alert_id, title, message, severity, source, timestamp, details}`.
    pub fn to_json(&self) -> Value {
        json!({
            "alert_id": self.id,
            "title": self.title,
            "message": self.message,
            "severity": self.severity.as_str(),
            "source": self.source,
            "timestamp": rfc3339(self.timestamp_ms),
            "details": self.details,
        })
    }
}

/// Which alerts of the history.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// At most so many; all if `None`.
    pub limit: Option<usize>,
    /// At least so urgent.
    pub min_severity: Option<Severity>,
    /// Of this part of the program.
    pub source: Option<String>,
}

impl Filter {
    fn takes(&self, alert: &Alert) -> bool {
        self.min_severity.is_none_or(|least| alert.severity >= least)
            && self.source.as_ref().is_none_or(|source| *source == alert.source)
    }
}

struct Channel {
    notifier: Arc<dyn Notifier>,
    min_severity: Severity,
}

#[derive(Default)]
struct State {
    channels: Vec<Arc<Channel>>,
    /// The newest is last.
    history: VecDeque<Alert>,
    waiting: VecDeque<Alert>,
    n_raised: u64,
    n_failed: u64,
    is_working: bool,
    has_thread: bool,
    is_closing: bool,
}

#[derive(Default)]
struct Shared {
    service: String,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The alerts of one service. Clones are the same; the last one to go waits up to 5 s for
/// alerts on their way.
#[derive(Clone)]
pub struct Alerts {
    end: Arc<End>,
}

struct End(Arc<Shared>);

impl Alerts {
    /// Without notifiers: a history only.
    pub fn new(service: &str) -> Self {
        let shared = Shared { service: service.to_owned(), ..Shared::default() };
        Self { end: Arc::new(End(Arc::new(shared))) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.end.0
    }

    /// From now on this notifier has all alerts of at least this severity.
    pub fn add_notifier(&self, min_severity: Severity, notifier: impl Notifier + 'static) {
        let channel = Channel { notifier: Arc::new(notifier), min_severity };
        self.shared().lock().channels.push(Arc::new(channel));
    }

    /// Takes the notifiers of this name away. False if there was none.
    pub fn remove_notifier(&self, name: &str) -> bool {
        let mut state = self.shared().lock();
        let n_before = state.channels.len();
        state.channels.retain(|channel| channel.notifier.name() != name);
        state.channels.len() < n_before
    }

    /// Raises an alert. `source` is the part of the program, `details` is free:
    /// `json!({"rate": 120, "limit": 100})`. Returns its id.
    pub fn raise(
        &self,
        severity: Severity,
        title: &str,
        message: &str,
        source: &str,
        details: Value,
    ) -> String {
        let shared = self.shared();
        let mut state = shared.lock();
        state.n_raised += 1;
        let timestamp_ms = now_ms();
        let alert = Alert {
            id: format!("{timestamp_ms:x}-{:x}", state.n_raised),
            title: title.to_owned(),
            message: message.to_owned(),
            severity,
            source: source.to_owned(),
            details,
            timestamp_ms,
        };
        let id = alert.id.clone();
        push_bounded(&mut state.history, alert.clone(), HISTORY_MAX);
        if state.channels.iter().any(|channel| channel.min_severity <= severity) {
            if push_bounded(&mut state.waiting, alert, WAITING_MAX) {
                log::warn!(target: TARGET, "too many alerts wait: the oldest is not notified");
            }
            self.start(&mut state);
            shared.changed.notify_all();
        }
        id
    }

    /// Good to know, see [`raise`](Self::raise).
    pub fn info(&self, title: &str, message: &str, source: &str, details: Value) -> String {
        self.raise(Severity::Info, title, message, source, details)
    }

    /// Look at it today, see [`raise`](Self::raise).
    pub fn warning(&self, title: &str, message: &str, source: &str, details: Value) -> String {
        self.raise(Severity::Warning, title, message, source, details)
    }

    /// Something does not work, see [`raise`](Self::raise).
    pub fn error(&self, title: &str, message: &str, source: &str, details: Value) -> String {
        self.raise(Severity::Error, title, message, source, details)
    }

    /// Come now, see [`raise`](Self::raise).
    pub fn critical(&self, title: &str, message: &str, source: &str, details: Value) -> String {
        self.raise(Severity::Critical, title, message, source, details)
    }

    /// The last 1000 alerts that the filter takes, the newest first.
    pub fn history(&self, filter: &Filter) -> Vec<Alert> {
        let state = self.shared().lock();
        let taken = state.history.iter().rev().filter(|alert| filter.takes(alert));
        taken.take(filter.limit.unwrap_or(usize::MAX)).cloned().collect()
    }

    /// How many notifications have failed.
    pub fn n_failed(&self) -> u64 {
        self.shared().lock().n_failed
    }

    /// Waits until the notifiers have had all alerts, at most so long. False if that was not
    /// enough.
    pub fn flush(&self, timeout: Duration) -> bool {
        flush(self.shared(), timeout)
    }

    /// Starts the thread with the first alert that somebody wants.
    fn start(&self, state: &mut State) {
        if state.has_thread {
            return;
        }
        let shared = Arc::clone(self.shared());
        let thread = std::thread::Builder::new()
            .name("pharos-alerts".to_owned())
            .spawn(move || run(&shared));
        match thread {
            Ok(_) => state.has_thread = true,
            Err(cause) => {
                log::error!(target: TARGET, "alerts cannot be notified: {cause}");
                state.waiting.clear();
            }
        }
    }
}

/// True if the oldest had to go.
fn push_bounded(all: &mut VecDeque<Alert>, alert: Alert, n_max: usize) -> bool {
    let is_full = all.len() >= n_max;
    if is_full {
        all.pop_front();
    }
    all.push_back(alert);
    is_full
}

fn flush(shared: &Shared, timeout: Duration) -> bool {
    let is_busy = |state: &mut State| state.is_working || !state.waiting.is_empty();
    let waited = shared.changed.wait_timeout_while(shared.lock(), timeout, is_busy);
    !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
}

fn run(shared: &Shared) {
    loop {
        let nothing = |state: &mut State| state.waiting.is_empty() && !state.is_closing;
        let waited = shared.changed.wait_while(shared.lock(), nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(alert) = state.waiting.pop_front() else { return };
        state.is_working = true;
        let channels = state.channels.clone();
        drop(state);
        let n_failed = notify(&channels, &shared.service, &alert);
        let mut state = shared.lock();
        state.n_failed += n_failed;
        state.is_working = false;
        shared.changed.notify_all();
    }
}

/// Brings an alert to all who want it; returns how many failed.
fn notify(channels: &[Arc<Channel>], service: &str, alert: &Alert) -> u64 {
    let mut n_failed = 0;
    for channel in channels.iter().filter(|channel| channel.min_severity <= alert.severity) {
        let notify = AssertUnwindSafe(|| channel.notifier.notify(service, alert));
        let outcome = catch_unwind(notify).unwrap_or_else(|_| Err(NotifyError::new("panicked")));
        if let Err(cause) = outcome {
            n_failed += 1;
            let name = channel.notifier.name();
            log::warn!(target: TARGET, "{name} did not take the alert {:?}: {cause}", alert.title);
        }
    }
    n_failed
}

impl Drop for End {
    fn drop(&mut self) {
        flush(&self.0, END_TIMEOUT);
        self.0.lock().is_closing = true;
        self.0.changed.notify_all();
    }
}

impl std::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.shared().lock();
        f.debug_struct("Alerts")
            .field("service", &self.shared().service)
            .field("n_raised", &state.n_raised)
            .field("n_failed", &state.n_failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Notifier for Kept {
        fn name(&self) -> &str {
            "kept"
        }

        fn notify(&self, service: &str, alert: &Alert) -> Result<(), NotifyError> {
            self.0.lock().unwrap().push(format!("{service}: {}", alert.title));
            match alert.title.as_str() {
                "panic" => panic!("a notifier's panic"),
                "fail" => Err(NotifyError::new("failed")),
                _ => Ok(()),
            }
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn each_notifier_has_its_least_severity_and_its_failure_stops_no_other() {
        let alerts = Alerts::new("api");
        let (all, urgent) = (Kept::default(), Kept::default());
        alerts.add_notifier(Severity::Info, all.clone());
        alerts.add_notifier(Severity::Error, urgent.clone());
        alerts.info("fine", "m", "s", Value::Null);
        alerts.error("panic", "m", "s", Value::Null);
        alerts.warning("fail", "m", "s", Value::Null);
        alerts.critical("last", "m", "s", Value::Null);
        assert!(alerts.flush(LONG));
        assert_eq!(*all.0.lock().unwrap(), ["api: fine", "api: panic", "api: fail", "api: last"]);
        assert_eq!(*urgent.0.lock().unwrap(), ["api: panic", "api: last"]);
        assert_eq!(alerts.n_failed(), 3);
        assert!(alerts.remove_notifier("kept") && !alerts.remove_notifier("kept"));
    }

    #[test]
    fn the_last_to_go_waits_for_alerts_on_their_way() {
        let (alerts, kept) = (Alerts::new("api"), Kept::default());
        alerts.add_notifier(Severity::Info, kept.clone());
        for step in 0..100 {
            alerts.info(&step.to_string(), "m", "s", Value::Null);
        }
        drop(alerts);
        assert_eq!(kept.0.lock().unwrap().len(), 100);
    }

    #[test]
    fn history_is_filtered_bounded_and_newest_first() {
        let alerts = Alerts::new("api");
        for step in 0..HISTORY_MAX + 5 {
            let severity = if step % 2 == 0 { Severity::Info } else { Severity::Error };
            let source = if step % 3 == 0 { "database" } else { "disk" };
            alerts.raise(severity, &step.to_string(), "m", source, json!({ "step": step }));
        }
        assert_eq!(alerts.history(&Filter::default()).len(), HISTORY_MAX);
        let filter = Filter {
            limit: Some(2),
            min_severity: Some(Severity::Warning),
            source: Some("database".to_owned()),
        };
        let found: Vec<String> = alerts.history(&filter).into_iter().map(|a| a.title).collect();
        assert_eq!(found, ["999", "993"]);
        let newest = alerts.history(&Filter { limit: Some(1), ..Filter::default() });
        let json = newest[0].to_json();
        assert_eq!((&json["severity"], &json["details"]["step"]), (&json!("info"), &json!(1004)));
    }
}
