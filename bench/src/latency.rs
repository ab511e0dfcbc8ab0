//! Latency: how long single things took, and which share of them took no longer.

use std::fmt;
use std::time::Duration;

/// Durations, to be asked for quantiles.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The median and the 99th percentile.
    ///
    /// # Panics
    /// When nothing was added.
    pub(crate) fn quantiles(mut self) -> Quantiles {
        assert!(!self.0.is_empty(), "nothing was measured");
        self.0.sort_unstable();
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share).round() as usize];
        Quantiles { p50: at(0.50), p99: at(0.99) }
    }
}

/// The median and the 99th percentile.
pub(crate) struct Quantiles {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms", ms(self.p50), ms(self.p99))
    }
}
