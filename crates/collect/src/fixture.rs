//! For tests: fixture trees, a clock moved by hand, and families as lines of text.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{Family, MetricKind};
use stdx::Clock;

use crate::{CollectError, Collector, Moment, Roots};

/// A clock that a test moves.
#[derive(Default)]
pub(crate) struct HandClock {
    ms: AtomicU64,
}

impl HandClock {
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000 + self.ms.load(Ordering::SeqCst) as i64
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.ms.load(Ordering::SeqCst))
    }
}

/// The fixture tree of this name.
pub(crate) fn roots(tree: &str) -> Roots {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(tree);
    Roots { proc: tree.join("proc"), sys: tree.join("sys"), root: tree }
}

/// The moment a number of milliseconds after a start.
pub(crate) fn moment(ms: u64) -> Moment {
    Moment { now_ms: 1_700_000_000_000 + ms as i64, monotonic: Duration::from_millis(ms) }
}

/// What a collector gives at this moment, one line per point: `c name{labels} value`.
pub(crate) fn collect(
    collector: &mut dyn Collector,
    ms: u64,
) -> (String, Result<(), CollectError>) {
    let mut families = Vec::new();
    let outcome = collector.collect(moment(ms), &mut families);
    (lines(&families), outcome)
}

/// The points of families, one per line, behind a letter for the type.
pub(crate) fn lines(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let kind = match family.kind {
            MetricKind::Counter => 'c',
            MetricKind::Gauge => 'g',
            _ => '?',
        };
        for point in &family.points {
            let labels = match point.labels.is_empty() {
                true => String::new(),
                false => point.labels.to_string(),
            };
            text.push_str(&format!("{kind} {}{labels} {}\n", family.name, point.value));
        }
    }
    text
}
