//! Settings: how queries are run, and what the server tells about itself.

use std::sync::Arc;
use std::time::Duration;

use promql::{LaneWidth, Lanes};

/// How queries are run. Each bound is that of one query.
#[derive(Debug, Clone)]
pub struct Queries {
    /// How many run at one time, shared with whoever evaluates rules.
    pub lanes: Lanes,
    /// The longest that a query may take, waiting for its turn included.
    pub timeout: Duration,
    /// How old a sample may be and still be the value of its series, milliseconds.
    pub lookback_ms: i64,
    /// How many samples it may hold at once.
    pub samples_max: usize,
    /// How many series it may hold at once.
    pub series_max: usize,
    /// How many bytes it may hold at once, about.
    pub bytes_max: usize,
}

impl Default for Queries {
    /// One query at a time of each kind; for the rest as Prometheus has it.
    fn default() -> Self {
        let width = LaneWidth { running_max: 1, waiting_max: 16 };
        let engine = promql::Options::default();
        Self {
            lanes: Lanes::new(width, width),
            timeout: Duration::from_secs(120),
            lookback_ms: engine.lookback_ms,
            samples_max: engine.samples_max,
            series_max: engine.series_max,
            bytes_max: 1 << 30,
        }
    }
}

/// What the server tells of itself to programs that know Prometheus.
#[derive(Clone)]
pub struct About {
    /// When it started, Unix milliseconds.
    pub started_ms: i64,
    /// How long samples are kept, for people.
    pub retention: String,
    /// Settings under the names of Prometheus' flags.
    pub flags: Vec<(&'static str, String)>,
    /// The settings in effect, without secrets.
    pub config: String,
    /// What may be different in a moment.
    pub now: Arc<dyn Fn() -> AboutNow + Send + Sync>,
}

/// What the server tells of itself now.
#[derive(Debug, Clone, Default)]
pub struct AboutNow {
    /// Whether the last reading of the configuration was taken.
    pub reload_successful: bool,
    /// When the configuration was last taken, Unix milliseconds.
    pub reload_success_ms: i64,
    /// When one was last refused, Unix milliseconds; means nothing after a good one.
    pub reload_failure_ms: i64,
    /// Places in the log that could not be read.
    pub n_corruptions: u64,
    /// How many segments of the last run's log are still to be read.
    pub n_segments_left: u64,
    /// Why answers may not be whole yet, if so.
    pub warming: Option<String>,
}

impl Default for About {
    fn default() -> Self {
        Self {
            started_ms: 0,
            retention: String::new(),
            flags: Vec::new(),
            config: String::new(),
            now: Arc::new(AboutNow::default),
        }
    }
}
