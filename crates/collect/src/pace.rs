//! Pace: a dear reading happens less often, so that it never costs more than a thousandth of one
//! core.
//!
//! Walking the kernel's table of TCP sockets takes 2 ms on an idle machine with 24 GiB of memory,
//! and grows with the memory; reading every process grows with their number. What was read last
//! stands in between.

use std::sync::Arc;
use std::time::Duration;

use stdx::Clock;

/// A reading may take one part in this many of a core's time.
const COST_SHARE: u32 = 1000;

/// However dear (or unlucky) one reading was, the next comes after this long.
const SPACING_MAX: Duration = Duration::from_secs(60);

/// Decides when a dear reading is due again.
pub(crate) struct Pace {
    clock: Arc<dyn Clock>,
    spacing_min: Duration,
    next: Duration,
}

impl Pace {
    /// The first reading is due at once, later ones at least `spacing_min` apart.
    pub(crate) fn new(clock: Arc<dyn Clock>, spacing_min: Duration) -> Self {
        Self { clock, spacing_min, next: Duration::ZERO }
    }

    /// Reads when a reading is due at `now` (monotonic), and notes what it cost.
    pub(crate) fn read<T>(&mut self, now: Duration, read: impl FnOnce() -> T) -> Option<T> {
        if now < self.next {
            return None;
        }
        let began = self.clock.monotonic();
        let value = read();
        let cost = self.clock.monotonic().saturating_sub(began);
        let spacing = (cost * COST_SHARE).clamp(self.spacing_min, SPACING_MAX);
        self.next = now + spacing;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Pace;
    use crate::fixture::HandClock;

    #[test]
    fn a_reading_is_spaced_by_its_cost_within_bounds() {
        let clock = Arc::new(HandClock::default());
        let mut pace = Pace::new(clock.clone(), Duration::from_secs(9));
        let mut spacing_after = |cost_ms: u64| {
            let now = pace.next;
            assert!(pace.read(now, || clock.advance_ms(cost_ms)).is_some());
            assert!(pace.read(pace.next - Duration::from_millis(1), || ()).is_none());
            pace.next - now
        };
        assert_eq!(spacing_after(0), Duration::from_secs(9));
        assert_eq!(spacing_after(2), Duration::from_secs(9));
        assert_eq!(spacing_after(30), Duration::from_secs(30));
        assert_eq!(spacing_after(5_000), Duration::from_secs(60));
    }
}
