//! Schedule: when the next collection is due, and whether it is one to store.
//!
//! Two grids start at the same origin: stored collections every interval, live ones every second
//! while somebody watches. Times are the monotonic clock's. A grid point that passed unused (a
//! slow disk, a stopped process) is left out, never made up for.

use std::time::Duration;

use super::INTERVAL_MIN;

/// Live collections, and the second stored one, come this far apart: two early samples let the
/// first rates appear within two seconds of a start.
const LIVE_SPACING: Duration = Duration::from_secs(1);

/// A live collection this close behind another would show rates over too short a window.
const LIVE_GAP_MIN: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    /// Where both grids start.
    origin: Duration,
    last: Option<Duration>,
    last_stored: Option<Duration>,
    next_stored: Duration,
}

impl Schedule {
    /// A schedule whose first collection is due at `start`.
    pub(super) fn new(start: Duration, interval: Duration) -> Self {
        Self {
            interval: interval.max(INTERVAL_MIN),
            origin: start,
            last: None,
            last_stored: None,
            next_stored: start,
        }
    }

    /// When the next collection is due; in the past when it is late.
    pub(super) fn due(&self, watched: bool) -> Duration {
        match self.last {
            Some(last) if watched => self.next_live(last).min(self.next_stored),
            _ => self.next_stored,
        }
    }

    /// Notes that a collection begins at `now`, and says whether it is one to store.
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        let store = now >= self.next_stored;
        if store {
            self.next_stored = self.next_stored_after(now);
            self.last_stored = Some(now);
        }
        self.last = Some(now);
        store
    }

    /// Changes the interval: the next stored collection comes that long after the last one.
    pub(super) fn set_interval(&mut self, interval: Duration) {
        let interval = interval.max(INTERVAL_MIN);
        if interval == self.interval {
            return;
        }
        self.interval = interval;
        if let Some(last) = self.last_stored {
            self.origin = last;
            self.next_stored = last + interval;
        }
    }

    fn next_stored_after(&self, now: Duration) -> Duration {
        if self.last_stored.is_none() && self.interval > LIVE_SPACING {
            return now + LIVE_SPACING;
        }
        grid_point(self.origin, self.interval, now, 1)
    }

    fn next_live(&self, last: Duration) -> Duration {
        let earliest = last + LIVE_GAP_MIN;
        let reached = grid_point(self.origin, LIVE_SPACING, earliest, 0);
        if reached >= earliest { reached } else { reached + LIVE_SPACING }
    }
}

/// The last point of a grid at or before `now`, plus `more` points.
fn grid_point(origin: Duration, spacing: Duration, now: Duration, more: u128) -> Duration {
    let passed = now.saturating_sub(origin).as_nanos() / spacing.as_nanos();
    let nanos = (passed + more) * spacing.as_nanos();
    origin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
