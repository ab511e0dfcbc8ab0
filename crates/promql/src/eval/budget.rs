//! Budget: how much a query may hold at once, and whether it should go on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answer::QueryError;
use super::engine::Options;

/// Why a query should not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Its time is over.
    TimedOut,
    /// Nobody waits for it.
    Canceled,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "query timed out in expression evaluation",
            Self::Canceled => "query was canceled in expression evaluation",
        })
    }
}

/// Asked every few microseconds of work: why the query should stop, if it should. Clocks and flags
/// live with whoever asks the query.
#[derive(Clone)]
pub struct StopCheck(Arc<dyn Fn() -> Option<Stopped> + Send + Sync>);

impl StopCheck {
    /// Never stops.
    pub fn never() -> Self {
        Self(Arc::new(|| None))
    }

    /// Stops when this says so.
    pub fn new(check: impl Fn() -> Option<Stopped> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    /// Why to stop now, if so.
    pub fn reason(&self) -> Option<Stopped> {
        (self.0)()
    }

    /// Stops when the flag is set.
    pub fn flag(is_canceled: Arc<AtomicBool>) -> Self {
        Self::new(move || is_canceled.load(Ordering::Relaxed).then_some(Stopped::Canceled))
    }
}

impl fmt::Debug for StopCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopCheck")
    }
}

/// What is held in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) n_samples: usize,
    pub(super) n_series: usize,
    pub(super) n_bytes: usize,
}

impl Held {
    /// This and that.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            n_samples: self.n_samples.saturating_add(other.n_samples),
            n_series: self.n_series.saturating_add(other.n_series),
            n_bytes: self.n_bytes.saturating_add(other.n_bytes),
        }
    }
}

/// So much work is done before the query is asked again whether it should go on. The unit is what it
/// takes to look at a number, so that this is some microseconds.
const UNCHECKED_MAX: usize = 4096;
/// The work that it takes to build, hash or compare a label set, or to compute with a histogram.
pub(super) const LABELS_WORK: usize = 64;

/// What one query holds and may hold.
#[derive(Debug)]
pub(super) struct Budget {
    held: Held,
    max: Held,
    stop: StopCheck,
    n_samples_peak: usize,
    /// Work since the query was asked last whether it should go on.
    n_unchecked: usize,
}

impl Budget {
    pub(super) fn new(options: &Options) -> Self {
        let max = Held {
            n_samples: options.samples_max,
            n_series: options.series_max,
            n_bytes: options.bytes_max,
        };
        let (held, stop) = (Held::default(), options.stop.clone());
        Self { held, max, stop, n_samples_peak: 0, n_unchecked: 0 }
    }

    /// What is held now.
    pub(super) fn held(&self) -> Held {
        self.held
    }

    /// The most samples that were held at once.
    pub(super) fn n_samples_peak(&self) -> usize {
        self.n_samples_peak
    }

    /// Sets what is held: a node gives back what it needed on the way to its result.
    pub(super) fn set_held(&mut self, held: Held) {
        self.held = held;
    }

    /// Notes that so many more samples are held for a moment.
    pub(super) fn hold_shortly(&mut self, n_samples: usize) {
        self.n_samples_peak = self.n_samples_peak.max(self.held.n_samples + n_samples);
    }

    /// Asks for more before it is allocated.
    ///
    /// # Errors
    /// It is too much, or the query should stop.
    pub(super) fn take(&mut self, more: Held) -> Result<(), QueryError> {
        self.check_stop()?;
        let held = self.held.plus(more);
        if held.n_samples > self.max.n_samples {
            return Err(QueryError::TooManySamples);
        }
        if held.n_series > self.max.n_series {
            return Err(QueryError::TooManySeries);
        }
        if held.n_bytes > self.max.n_bytes {
            return Err(QueryError::TooManyBytes);
        }
        self.held = held;
        self.n_samples_peak = self.n_samples_peak.max(held.n_samples);
        Ok(())
    }

    /// Notes work that is about to be done: how many numbers are looked at, or as much as that.
    ///
    /// # Errors
    /// The query should stop. It is not asked each time.
    #[inline]
    pub(super) fn work(&mut self, n: usize) -> Result<(), QueryError> {
        self.n_unchecked = self.n_unchecked.saturating_add(n);
        if self.n_unchecked < UNCHECKED_MAX {
            return Ok(());
        }
        self.n_unchecked = 0;
        self.check_stop()
    }

    /// # Errors
    /// The query should stop.
    pub(super) fn check_stop(&self) -> Result<(), QueryError> {
        match self.stop.reason() {
            None => Ok(()),
            Some(stopped) => Err(QueryError::Stopped(stopped)),
        }
    }
}
