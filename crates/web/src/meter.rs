//! Meter: what the server counts about itself. Label sets are closed: routes are templates,
//! methods and status classes are fixed words, so no client can make a series.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What is counted of the texts of one format that others send.
#[derive(Debug, Default)]
pub struct ImportMeter {
    /// Lines refused in whole or part.
    pub refused: Counter,
    /// What was passed over because it is no sample, such as a text among an Influx point's fields.
    pub skipped: Counter,
}

/// [`ImportMeter`]s by format.
#[derive(Debug, Default)]
pub struct Imports {
    /// Prometheus text and OpenMetrics.
    pub exposition: Arc<ImportMeter>,
    /// The Pushgateway's pushes; a push is refused as a whole.
    pub pushgateway: Arc<ImportMeter>,
    /// Influx line protocol.
    pub influx: Arc<ImportMeter>,
    /// JSON lines.
    pub json_lines: Arc<ImportMeter>,
    /// CSV.
    pub csv: Arc<ImportMeter>,
}

impl Imports {
    /// All of them with their names.
    pub fn all(&self) -> [(&'static str, &ImportMeter); 5] {
        [
            ("exposition", &*self.exposition),
            ("pushgateway", &*self.pushgateway),
            ("influx", &*self.influx),
            ("json_lines", &*self.json_lines),
            ("csv", &*self.csv),
        ]
    }
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
    /// Queries and what else reads the store for clients of Prometheus' API.
    pub queries: QueryMeter,
    /// Browsers and programs watching the live view now.
    pub live_watchers: Gauge,
    /// Texts that others send.
    pub imports: Imports,
    /// Series whose delta points are added up.
    pub delta_series: Gauge,
}

/// What became of queries.
#[derive(Debug, Default)]
pub struct QueryMeter {
    /// Running now.
    pub running: Gauge,
    /// Answered.
    pub answered: Counter,
    /// Wrong, or too large.
    pub failed: Counter,
    /// Not answered in time.
    pub timed_out: Counter,
    /// Ended because nobody waited any more.
    pub canceled: Counter,
    /// Refused because too many ran and waited.
    pub refused: Counter,
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
            queries: QueryMeter::default(),
            live_watchers: Gauge::default(),
            imports: Imports::default(),
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
