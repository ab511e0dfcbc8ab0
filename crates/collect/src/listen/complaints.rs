//! Complaints: a line of the log on what is not understood or not taken, once a minute at most. No
//! sender hears an answer, so whoever runs the server must be able to find what is wrong.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stdx::Clock;
use storage::{Batch as _, SpelledBatch};

/// The least time between two of them: a wrong sender must not fill the log.
const PAUSE: Duration = Duration::from_secs(60);
/// Characters of a line that are shown.
const SHOWN_CHARS_MAX: usize = 100;

/// See the head of this file.
pub(super) struct Complaints {
    protocol: &'static str,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the last one was said, by the monotonic clock.
    said: Option<Duration>,
    /// How many were not said since.
    n_unsaid: u64,
}

impl Complaints {
    pub(super) fn new(protocol: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { protocol, clock, state: Mutex::default() }
    }

    /// Says what is wrong with a line, unless something was said a moment ago.
    pub(super) fn say(&self, line: &str, reason: &dyn Display) {
        let Some(n_more) = self.turn() else { return };
        let line: String = line.chars().take(SHOWN_CHARS_MAX).collect();
        tracing::warn!(protocol = self.protocol, n_more, "line {line:?} was not taken: {reason}");
    }

    /// Whether one may be said now, and how many were not said before it.
    fn turn(&self) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        if state.said.is_some_and(|said| now.saturating_sub(said) < PAUSE) {
            state.n_unsaid += 1;
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.n_unsaid))
    }
}

/// A series of a batch as its labels.
pub(super) fn named(batch: &SpelledBatch, series: usize) -> String {
    let mut labels = Vec::new();
    // A batch that was spelled by labels has them all.
    let _ = batch.labels(series, &mut labels);
    let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
    labels.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use stdx::Clock;

    use super::Complaints;

    #[derive(Default)]
    struct Seconds(AtomicU64);

    impl Clock for Seconds {
        fn now_ms(&self) -> i64 {
            0
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn one_a_minute_is_said_with_how_many_were_not() {
        let clock = Arc::new(Seconds::default());
        let complaints = Complaints::new("test", clock.clone());
        let turns = |n: usize, at_s: u64| {
            clock.0.store(at_s, Ordering::Relaxed);
            (0..n).map(|_| complaints.turn()).collect::<Vec<_>>()
        };
        assert_eq!(turns(3, 0), [Some(0), None, None]);
        assert_eq!(turns(1, 59), [None]);
        assert_eq!(turns(2, 60), [Some(3), None]);
        assert_eq!(turns(1, 200), [Some(1)]);
    }
}
