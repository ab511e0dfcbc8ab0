//! Meter: what the server counts about itself. Label sets are closed: routes are templates,
//! methods and status classes are fixed words, so no client can make a series.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use stdx::meter::{Counter, Gauge, Histogram};

/// Seconds; from a health check to a slow query.
const DURATION_BOUNDS_S: [f64; 8] = [0.0005, 0.001, 0.0025, 0.005, 0.025, 0.1, 0.5, 2.5];

/// Requests by route template, method and status code.
pub type RequestCounts = BTreeMap<RequestKey, u64>;

/// One cell of [`RequestCounts`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey {
    /// The route's template, or `other` for paths that no route serves.
    pub route: String,
    /// The method, or `other`.
    pub method: &'static str,
    /// The status code.
    pub code: u16,
}

/// What the server counts.
#[derive(Debug)]
pub struct Meter {
    requests: Mutex<RequestCounts>,
    /// How long requests took until their answer began, seconds.
    pub request_duration_s: Histogram,
    /// Connections open now.
    pub connections: Gauge,
    /// Connections refused because too many were open.
    pub connections_refused: Counter,
    /// Requests without a valid key or scope.
    pub denied: Counter,
    /// Requests whose handler panicked.
    pub panics: Counter,
    /// Families and points that did not fit onto an exposition page: a fault of ours.
    pub exposition_left_out: Counter,
    /// Browsers and programs watching the live view now.
    pub live_watchers: Gauge,
    /// Series whose delta points are added up.
    pub delta_series: Gauge,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            requests: Mutex::default(),
            request_duration_s: Histogram::new(&DURATION_BOUNDS_S),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            denied: Counter::default(),
            panics: Counter::default(),
            exposition_left_out: Counter::default(),
            live_watchers: Gauge::default(),
            delta_series: Gauge::default(),
        }
    }
}

impl Meter {
    pub(crate) fn count_request(&self, key: RequestKey, duration_s: f64) {
        self.request_duration_s.observe(duration_s);
        *self.requests.lock().entry(key).or_default() += 1;
    }

    /// Requests so far.
    pub fn requests(&self) -> RequestCounts {
        self.requests.lock().clone()
    }
}
