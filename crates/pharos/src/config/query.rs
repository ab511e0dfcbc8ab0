//! Query settings: how many queries run, how long, and how much each may take.

use std::num::NonZeroUsize;
use std::time::Duration;

/// As Prometheus has it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);
/// As Prometheus has it.
const LOOKBACK_DEFAULT: Duration = Duration::from_secs(300);
/// As Prometheus has it.
const SAMPLES_DEFAULT: usize = 50_000_000;
/// Each has labels of its own, which take more than samples do.
const SERIES_DEFAULT: usize = 5_000_000;
/// Room for the samples above in their densest form.
const BYTES_DEFAULT: u64 = 1 << 30;
/// For each query that runs so many may wait: a screen of panels, asked for at once.
const WAITING_PER_RUNNING: usize = 64;

/// What the file says of queries.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryLayer {
    pub(super) running: Option<usize>,
    pub(super) waiting: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) lookback: Option<Duration>,
    pub(super) samples: Option<usize>,
    pub(super) series: Option<usize>,
    pub(super) memory_bytes: Option<u64>,
}

/// How queries are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuerySettings {
    /// How many run at one time.
    pub(crate) running: usize,
    /// How many more may wait.
    pub(crate) waiting: usize,
    /// How long one may take.
    pub(crate) timeout: Duration,
    /// How old a sample may be and still be the value of its series.
    pub(crate) lookback: Duration,
    /// How many samples one may hold at once.
    pub(crate) samples: usize,
    /// How many series one may hold at once.
    pub(crate) series: usize,
    /// How many bytes one may hold at once, about.
    pub(crate) memory_bytes: usize,
}

impl From<QueryLayer> for QuerySettings {
    fn from(layer: QueryLayer) -> Self {
        let n_cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let running = layer.running.filter(|n| *n > 0).unwrap_or(n_cores);
        let memory_bytes = layer.memory_bytes.filter(|n| *n > 0).unwrap_or(BYTES_DEFAULT);
        Self {
            running,
            waiting: layer.waiting.unwrap_or(running.saturating_mul(WAITING_PER_RUNNING)),
            timeout: layer.timeout.unwrap_or(TIMEOUT_DEFAULT),
            lookback: layer.lookback.unwrap_or(LOOKBACK_DEFAULT),
            samples: layer.samples.filter(|n| *n > 0).unwrap_or(SAMPLES_DEFAULT),
            series: layer.series.filter(|n| *n > 0).unwrap_or(SERIES_DEFAULT),
            memory_bytes: usize::try_from(memory_bytes).unwrap_or(usize::MAX),
        }
    }
}

impl QuerySettings {
    /// As the web takes them. Rules get lanes as wide as those of users.
    pub(crate) fn for_web(&self) -> web::Queries {
        let width = promql::LaneWidth { running_max: self.running, waiting_max: self.waiting };
        web::Queries {
            lanes: promql::Lanes::new(width, width),
            timeout: self.timeout,
            lookback_ms: i64::try_from(self.lookback.as_millis()).unwrap_or(i64::MAX),
            samples_max: self.samples,
            series_max: self.series,
            bytes_max: self.memory_bytes,
        }
    }
}
