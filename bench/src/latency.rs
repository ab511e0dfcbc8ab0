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

    /// How long it took that share of them at most.
    ///
    /// # Panics
    /// When nothing was added.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[((sorted.len() - 1) as f64 * share).round() as usize]
    }

    /// The median and the 99th percentile.
    ///
    /// # Panics
    /// When nothing was added.
    pub(crate) fn quantiles(&self) -> Quantiles {
        assert!(!self.0.is_empty(), "nothing was measured");
        Quantiles { p50: self.quantile(0.50), p99: self.quantile(0.99) }
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
