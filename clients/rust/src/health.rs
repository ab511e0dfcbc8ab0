//! Health: named checks, what they said, and the report for `GET /health`.
//!
//! A check that panics is unhealthy; the program goes on.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::time::{now_ms, rfc3339};
use crate::{Alerts, Client, Periodic, ServiceState, Severity};

/// Outcomes of one check that are kept.
const HISTORY_MAX: usize = 100;

/// How well something is, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// As it should be.
    Healthy,
    /// Nobody knows yet.
    Unknown,
    /// It works, and somebody should look.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl HealthState {
    /// As it is written: `healthy`, `unknown`, `degraded` or `unhealthy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How well it is.
    pub state: HealthState,
    /// In words.
    pub message: String,
    /// When, in Unix milliseconds.
    pub timestamp_ms: u64,
}

impl Outcome {
    /// Found now.
    pub fn new(state: HealthState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), timestamp_ms: now_ms() }
    }
}

/// Healthy or not, and why.
impl<T: Into<String>> From<(bool, T)> for Outcome {
    fn from((is_healthy, message): (bool, T)) -> Self {
        let state = if is_healthy { HealthState::Healthy } else { HealthState::Unhealthy };
        Self::new(state, message)
    }
}

/// Healthy with these words, or unhealthy with the error's.
impl<T: Into<String>, E: std::fmt::Display> From<Result<T, E>> for Outcome {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(message) => Self::new(HealthState::Healthy, message),
            Err(cause) => Self::new(HealthState::Unhealthy, cause.to_string()),
        }
    }
}

/// From where on a value is degraded, and from where on unhealthy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Degraded at and above.
    pub warning: f64,
    /// Unhealthy at and above.
    pub critical: f64,
}

/// 80 and 90.
impl Default for Thresholds {
    fn default() -> Self {
        Self { warning: 80.0, critical: 90.0 }
    }
}

impl Thresholds {
    /// A check of what `measure` finds: `Thresholds::default().check("%", cpu_percent)`.
    pub fn check(
        self,
        unit: &'static str,
        measure: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> impl Fn() -> Outcome + Send + Sync + 'static {
        move || self.judge(measure(), unit)
    }

    fn judge(self, value: f64, unit: &str) -> Outcome {
        let Self { warning, critical } = self;
        let (state, bound) = match value {
            value if value.is_nan() => {
                return Outcome::new(HealthState::Unknown, "there is no value");
            }
            value if value >= critical => (HealthState::Unhealthy, critical),
            value if value >= warning => (HealthState::Degraded, warning),
            value => return Outcome::new(HealthState::Healthy, format!("{value:.1}{unit}")),
        };
        Outcome::new(state, format!("{value:.1}{unit}, at or above {bound}{unit}"))
    }
}

type CheckFn = dyn Fn() -> Outcome + Send + Sync;
type Listener = dyn Fn(&str, &Outcome, Option<HealthState>) + Send + Sync;

struct Check {
    description: String,
    function: Arc<CheckFn>,
    /// The newest is last.
    history: VecDeque<Outcome>,
}

#[derive(Default)]
struct State {
    checks: BTreeMap<String, Check>,
    listeners: Vec<Arc<Listener>>,
}

/// The checks of one service. Clones are the same registry.
#[derive(Clone)]
pub struct Health {
    service: Arc<str>,
    state: Arc<Mutex<State>>,
}

impl Health {
    /// Without checks.
    pub fn new(service: &str) -> Self {
        Self { service: service.into(), state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a check, or replaces the one of this name. It answers with an [`Outcome`], a pair
    /// `(is_healthy, message)`, or a `Result`.
    pub fn register<O: Into<Outcome>>(
        &self,
        name: &str,
        description: &str,
        check: impl Fn() -> O + Send + Sync + 'static,
    ) {
        let check = Check {
            description: description.to_owned(),
            function: Arc::new(move || check().into()),
            history: VecDeque::new(),
        };
        self.lock().checks.insert(name.to_owned(), check);
    }

    /// Takes a check away. False if there was none of this name.
    pub fn unregister(&self, name: &str) -> bool {
        self.lock().checks.remove(name).is_some()
    }

    /// Runs one check. `None` if there is none of this name.
    pub fn run(&self, name: &str) -> Option<Outcome> {
        let function = Arc::clone(&self.lock().checks.get(name)?.function);
        // Not under the lock: a check may be slow, or ask this registry.
        let outcome = catch_unwind(AssertUnwindSafe(&*function))
            .unwrap_or_else(|_| Outcome::new(HealthState::Unhealthy, "the check has panicked"));
        let (before, listeners) = {
            let mut state = self.lock();
            let listeners = state.listeners.clone();
            let check = state.checks.get_mut(name)?;
            let before = check.history.back().map(|last| last.state);
            if check.history.len() == HISTORY_MAX {
                check.history.pop_front();
            }
            check.history.push_back(outcome.clone());
            (before, listeners)
        };
        listeners.iter().for_each(|listener| listener(name, &outcome, before));
        Some(outcome)
    }

    /// Runs all checks, in the order of their names.
    pub fn run_all(&self) -> Vec<(String, Outcome)> {
        let names: Vec<String> = self.lock().checks.keys().cloned().collect();
        names.into_iter().filter_map(|name| self.run(&name).map(|found| (name, found))).collect()
    }

    /// Runs all checks now and after each interval, until the answer is dropped.
    pub fn every(&self, interval: Duration) -> Periodic {
        let health = self.clone();
        Periodic::start("pharos-health", interval, move || drop(health.run_all()))
    }

    /// The worst of what the checks said last. Unknown without checks.
    pub fn overall(&self) -> HealthState {
        let state = self.lock();
        let last = |check: &Check| check.history.back().map_or(HealthState::Unknown, |o| o.state);
        state.checks.values().map(last).max().unwrap_or(HealthState::Unknown)
    }

    /// What `GET /health` answers:
    /// `{service, timestamp, status, checks: {NAME: {status, message, timestamp, description}}}`.
    pub fn report(&self) -> Value {
        let status = self.overall().as_str();
        let checks: Map<String, Value> = self
            .lock()
            .checks
            .iter()
            .map(|(name, check)| (name.clone(), check_json(check)))
            .collect();
        json!({
            "service": &*self.service,
            "timestamp": rfc3339(now_ms()),
            "status": status,
            "checks": checks,
        })
    }

    /// What a check said, the newest first, at most `limit` of the last 100.
    pub fn history(&self, name: &str, limit: usize) -> Vec<Outcome> {
        let state = self.lock();
        let all = state.checks.get(name).map(|check| check.history.iter().rev());
        all.into_iter().flatten().take(limit).cloned().collect()
    }

    /// Forgets what all checks said.
    pub fn clear_history(&self) {
        self.lock().checks.values_mut().for_each(|check| check.history.clear());
    }

    /// Calls this after each run of a check, with the check's name, what it found, and how it
    /// was before.
    pub fn listen(
        &self,
        listener: impl Fn(&str, &Outcome, Option<HealthState>) + Send + Sync + 'static,
    ) {
        self.lock().listeners.push(Arc::new(listener));
    }

    /// From now on a check that gets worse raises an alert: degraded a warning, unhealthy an
    /// error.
    pub fn alert_through(&self, alerts: &Alerts) {
        let alerts = alerts.clone();
        self.listen(move |name, outcome, before| {
            let severity = match outcome.state {
                HealthState::Degraded => Severity::Warning,
                HealthState::Unhealthy => Severity::Error,
                _ => return,
            };
            if before.is_none_or(|before| before < outcome.state) {
                let title = format!("{name} is {}", outcome.state.as_str());
                let details = json!({ "check": name, "status": outcome.state.as_str() });
                alerts.raise(severity, &title, &outcome.message, name, details);
            }
        });
    }

    /// From now on Pharos knows: after each run of a check the service's state (down while a
    /// check is unhealthy) and `health_check{check}` (1 healthy, 0.5 degraded, 0 unhealthy).
    pub fn report_to(&self, client: &Client) {
        let client = client.clone();
        let own = Arc::downgrade(&self.state);
        let service = Arc::clone(&self.service);
        self.listen(move |name, outcome, _| {
            let value = match outcome.state {
                HealthState::Healthy => 1.0,
                HealthState::Degraded => 0.5,
                HealthState::Unhealthy => 0.0,
                HealthState::Unknown => return,
            };
            client.metric_with("health_check", value, &[("check", name)]);
            // The registry holds this listener: held the other way too, neither would ever go.
            let Some(state) = own.upgrade() else { return };
            let health = Self { service: Arc::clone(&service), state };
            client.status(match health.overall() {
                HealthState::Unhealthy => ServiceState::Down,
                _ => ServiceState::Up,
            });
        });
    }
}

fn check_json(check: &Check) -> Value {
    let last = check.history.back();
    json!({
        "status": last.map_or(HealthState::Unknown, |outcome| outcome.state).as_str(),
        "message": last.map_or("not run yet", |outcome| &outcome.message),
        "timestamp": last.map(|outcome| rfc3339(outcome.timestamp_ms)),
        "description": check.description,
    })
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("report", &self.report()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[test]
    fn the_report_has_its_shape_and_the_worst_state() {
        let health = Health::new("api");
        health.register("database", "can it be reached", || (true, "connected"));
        assert_eq!(health.report()["checks"]["database"]["status"], "unknown");
        health.register("disk", "is there room", || Thresholds::default().judge(85.0, "%"));
        assert_eq!(health.run_all().len(), 2);
        let report = health.report();
        assert_eq!((&report["service"], &report["status"]), (&json!("api"), &json!("degraded")));
        let database = &report["checks"]["database"];
        assert_eq!(database["message"], "connected");
        assert_eq!(database["description"], "can it be reached");
        assert!(database["timestamp"].as_str().unwrap().ends_with('Z'));
        health.register("cache", "", || Err::<String, _>("refused"));
        health.run("cache");
        assert_eq!(health.overall(), HealthState::Unhealthy);
        assert!(health.unregister("cache") && !health.unregister("cache"));
        assert_eq!(health.overall(), HealthState::Degraded);
    }

    #[test]
    fn thresholds_hold_at_their_bounds() {
        let state = |value| Thresholds { warning: 75.0, critical: 90.0 }.judge(value, "%").state;
        assert_eq!(state(74.9), HealthState::Healthy);
        assert_eq!(state(75.0), HealthState::Degraded);
        assert_eq!(state(90.0), HealthState::Unhealthy);
        assert_eq!(state(f64::NAN), HealthState::Unknown);
    }

    #[test]
    fn a_check_that_panics_is_unhealthy() {
        let health = Health::new("api");
        health.register("broken", "", || -> (bool, &str) { panic!("broken") });
        assert_eq!(health.run("broken").unwrap().state, HealthState::Unhealthy);
        assert_eq!(health.run("no such check"), None);
    }

    #[test]
    fn history_is_bounded_and_newest_first() {
        let health = Health::new("api");
        let n = AtomicU32::new(0);
        health.register("n", "", move || (true, n.fetch_add(1, Relaxed).to_string()));
        for _ in 0..HISTORY_MAX + 50 {
            health.run("n");
        }
        let messages = |limit| -> Vec<String> {
            health.history("n", limit).into_iter().map(|outcome| outcome.message).collect()
        };
        assert_eq!(messages(2), ["149", "148"]);
        assert_eq!(messages(usize::MAX).len(), HISTORY_MAX);
        health.clear_history();
        assert!(messages(10).is_empty());
    }

    #[test]
    fn a_check_that_gets_worse_raises_one_alert() {
        let (health, alerts) = (Health::new("api"), Alerts::new("api"));
        health.alert_through(&alerts);
        let value = Arc::new(AtomicU32::new(0));
        let read = Arc::clone(&value);
        let measure = move || f64::from(read.load(Relaxed));
        health.register("load", "", Thresholds::default().check("%", measure));
        for percent in [10, 85, 86, 95, 85, 20, 99] {
            value.store(percent, Relaxed);
            health.run("load");
        }
        let raised: Vec<String> =
            alerts.history(&crate::Filter::default()).into_iter().map(|a| a.title).collect();
        assert_eq!(raised, ["load is unhealthy", "load is unhealthy", "load is degraded"]);
    }
}
