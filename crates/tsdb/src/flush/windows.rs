//! Windows: the grid of time that blocks keep to.
//!
//! A block holds samples of one window. Windows stand on a fixed UTC grid and are wider the older
//! they are, so that recent data comes into queries in small files and a backfill from 1970 on
//! makes hundreds of files, not hundreds of thousands. Each width divides the next one. Like the
//! ranges of PromQL they are open on the left.

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Age from which on a width holds, oldest first. A window is wider as soon as what comes late for
/// it is rare: long columns, and one index instead of twelve, take a quarter less.
const WIDTHS: [(i64, i64); 4] = [
    (30 * DAY_MS, 31 * DAY_MS),
    (HOUR_MS, DAY_MS),
    (HOUR_MS, 8 * HOUR_MS),
    (i64::MIN, 2 * HOUR_MS),
];

/// A span of time, `(start, end]`, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Window {
    /// Not part of it.
    pub(crate) start_ms: i64,
    /// Part of it.
    pub(crate) end_ms: i64,
}

impl Window {
    /// The window of a moment, as wide as its age asks for.
    pub(crate) fn of(t_ms: i64, now_ms: i64) -> Self {
        let widest =
            WIDTHS.iter().map(|(age_ms, width_ms)| (*age_ms, Self::on_grid(t_ms, *width_ms)));
        let fits = |(age_ms, window): &(i64, Self)| now_ms.saturating_sub(window.end_ms) >= *age_ms;
        widest
            .into_iter()
            .find(fits)
            .map_or_else(|| Self::on_grid(t_ms, 2 * HOUR_MS), |(_, window)| window)
    }

    fn on_grid(t_ms: i64, width_ms: i64) -> Self {
        // At the ends of time a window is cut short.
        let nth = t_ms.saturating_sub(1).div_euclid(width_ms);
        let start_ms = nth.saturating_mul(width_ms);
        Self { start_ms, end_ms: start_ms.saturating_add(width_ms) }
    }

    /// Whether a moment lies in it.
    #[cfg(test)]
    fn contains(&self, t_ms: i64) -> bool {
        t_ms > self.start_ms && t_ms <= self.end_ms
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, HOUR_MS, Window};

    const NOW: i64 = 20_000 * DAY_MS;

    fn width(age_ms: i64) -> i64 {
        let window = Window::of(NOW - age_ms, NOW);
        assert!(window.contains(NOW - age_ms));
        window.end_ms - window.start_ms
    }

    #[test]
    fn older_windows_are_wider() {
        assert_eq!(width(0), 2 * HOUR_MS);
        assert_eq!(width(-HOUR_MS), 2 * HOUR_MS);
        assert_eq!(width(HOUR_MS), 2 * HOUR_MS);
        // NOW is midnight: today is not over for an hour.
        assert_eq!(width(9 * HOUR_MS), 8 * HOUR_MS);
        assert_eq!(width(DAY_MS - 1), 8 * HOUR_MS);
        assert_eq!(width(DAY_MS), DAY_MS);
        assert_eq!(width(5 * DAY_MS), DAY_MS);
        assert_eq!(width(100 * DAY_MS), 31 * DAY_MS);
    }

    #[test]
    fn windows_are_open_on_the_left() {
        let window = Window::of(NOW, NOW);
        assert_eq!(window.end_ms, NOW);
        assert!(!window.contains(window.start_ms));
        assert_eq!(Window::of(NOW + 1, NOW).start_ms, NOW);
    }

    #[test]
    fn a_window_of_one_age_lies_in_one_of_the_next() {
        for hours in 0..2000 {
            let t_ms = NOW - hours * HOUR_MS - 1;
            let young = Window::of(t_ms, t_ms);
            let old = Window::of(t_ms, NOW + 100 * DAY_MS);
            assert!(old.start_ms <= young.start_ms && young.end_ms <= old.end_ms);
        }
    }

    #[test]
    fn the_ends_of_time_have_windows() {
        for t_ms in [i64::MIN, i64::MIN + 2, i64::MAX - 1, i64::MAX] {
            for now_ms in [i64::MIN, 0, i64::MAX] {
                let window = Window::of(t_ms, now_ms);
                assert!(window.start_ms <= window.end_ms);
            }
        }
    }
}
