//! Clock: whether retention may believe what time it is.
//!
//! A clock that is far ahead makes all data too old, and what retention drops does not come back.
//! So a clock that is ahead of what is known by more than the retention is doubted: for some hours
//! retention counts from the time that it should be, which is the newest sample's or the last
//! believed one plus the monotonic time since. Someone who sees the warning, or a time daemon, sets
//! the clock meanwhile and nothing is lost; if nobody does, the clock is right after all, for
//! instance because the machine was off for long. That samples with the new time come in is no
//! proof: this host's own are stamped by the same clock.

use std::time::Duration;

use parking_lot::Mutex;
use stdx::Env;

use crate::config::Config;
use crate::db::Core;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct ClockGuard {
    /// Ahead by more than this is too far, milliseconds; `None` believes everything.
    ahead_ms_max: Option<i64>,
    doubt_for: Duration,
    known: Mutex<Known>,
}

/// The last time that was believed.
#[derive(Debug)]
struct Known {
    wall_ms: i64,
    at: Duration,
    doubted_since: Option<Duration>,
}

/// Both clocks at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Unix milliseconds.
    pub(crate) wall_ms: i64,
    /// Monotonic time.
    pub(crate) monotonic: Duration,
}

impl Moment {
    /// Now.
    pub(crate) fn now(env: &Env) -> Self {
        Self { wall_ms: env.clock.now_ms(), monotonic: env.clock.monotonic() }
    }
}

impl Core {
    /// The time to count retention from, when the wall clock says this, Unix milliseconds.
    pub(crate) fn believed_ms(&self, now_ms: i64) -> i64 {
        let now = Moment { wall_ms: now_ms, monotonic: self.env.clock.monotonic() };
        let believed_ms = self.clock.believed_ms(now);
        self.meter.clock_doubted.set(i64::from(self.clock.is_doubted()));
        believed_ms
    }
}

impl ClockGuard {
    /// A guard of a store whose newest sample is of this time, if it has one, Unix milliseconds.
    pub(crate) fn new(config: &Config, newest_ms: Option<i64>, now: Moment) -> Self {
        let longest = config.longest_kept();
        Self {
            ahead_ms_max: longest.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)),
            doubt_for: config.doubt_clock_for,
            known: Mutex::new(Known {
                wall_ms: newest_ms.map_or(now.wall_ms, |newest| newest.min(now.wall_ms)),
                at: now.monotonic,
                doubted_since: None,
            }),
        }
    }

    /// The time to count retention from, Unix milliseconds: the wall clock's unless it is doubted.
    pub(crate) fn believed_ms(&self, now: Moment) -> i64 {
        let Some(ahead_ms_max) = self.ahead_ms_max else { return now.wall_ms };
        let mut known = self.known.lock();
        let passed = now.monotonic.saturating_sub(known.at);
        let passed_ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let expected_ms = known.wall_ms.saturating_add(passed_ms);
        if now.wall_ms.saturating_sub(expected_ms) > ahead_ms_max {
            let since = *known.doubted_since.get_or_insert(now.monotonic);
            if now.monotonic.saturating_sub(since) < self.doubt_for {
                return expected_ms;
            }
        }
        *known = Known { wall_ms: now.wall_ms, at: now.monotonic, doubted_since: None };
        now.wall_ms
    }

    /// Whether the clock was doubted when it was last looked at.
    pub(crate) fn is_doubted(&self) -> bool {
        self.known.lock().doubted_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ClockGuard, Moment};
    use crate::Config;

    const HOUR_MS: i64 = 3_600_000;

    fn at(wall_ms: i64, hours: u64) -> Moment {
        Moment { wall_ms, monotonic: Duration::from_secs(hours * 3600) }
    }

    fn guard(newest_ms: Option<i64>, now: Moment) -> ClockGuard {
        let mut config = Config::new("/data");
        config.retention = Some(Duration::from_secs(10 * 3600));
        ClockGuard::new(&config, newest_ms, now)
    }

    #[test]
    fn a_clock_that_goes_along_is_believed() {
        let guard = guard(Some(0), at(10 * HOUR_MS, 0));
        assert_eq!(guard.believed_ms(at(10 * HOUR_MS, 0)), 10 * HOUR_MS);
        assert_eq!(guard.believed_ms(at(20 * HOUR_MS, 10)), 20 * HOUR_MS);
        assert_eq!(guard.believed_ms(at(-5 * HOUR_MS, 11)), -5 * HOUR_MS);
        assert!(!guard.is_doubted());
    }

    #[test]
    fn an_empty_store_believes_its_first_clock() {
        let guard = guard(None, at(1000 * HOUR_MS, 0));
        assert_eq!(guard.believed_ms(at(1000 * HOUR_MS, 0)), 1000 * HOUR_MS);
    }

    #[test]
    fn a_clock_far_ahead_is_doubted_for_hours_and_then_believed() {
        let guard = guard(Some(0), at(11 * HOUR_MS, 0));
        assert_eq!(guard.believed_ms(at(11 * HOUR_MS, 0)), 0);
        assert!(guard.is_doubted());
        assert_eq!(guard.believed_ms(at(16 * HOUR_MS, 5)), 5 * HOUR_MS);
        assert_eq!(guard.believed_ms(at(17 * HOUR_MS, 6)), 17 * HOUR_MS);
        assert!(!guard.is_doubted());
    }

    #[test]
    fn a_clock_that_is_set_right_ends_the_doubt() {
        let guard = guard(Some(0), at(0, 0));
        assert_eq!(guard.believed_ms(at(900 * HOUR_MS, 1)), HOUR_MS);
        assert_eq!(guard.believed_ms(at(2 * HOUR_MS, 2)), 2 * HOUR_MS);
        assert!(!guard.is_doubted());
        // The next doubt has its own hours.
        assert_eq!(guard.believed_ms(at(900 * HOUR_MS, 7)), 7 * HOUR_MS);
    }
}
