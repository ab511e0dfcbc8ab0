//! Remains: from when on a store has samples, and which tiers say something of the time before.
//!
//! Who evaluates a query asks this once. Where no window begins before [`Remains::whole_from_ms`],
//! nothing is different from a store without tiers.

use super::over_time::{Fit, OverTime, TierUse, Windows, choose};

/// What remains of samples that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// All samples at or after this are there, Unix milliseconds. The least number if nothing is
    /// gone, or nothing remains of it.
    pub whole_from_ms: i64,
    /// The tiers, in any order.
    pub tiers: Vec<KeptTier>,
}

/// A tier that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptTier {
    /// Of its rollups, milliseconds.
    pub width_ms: i64,
    /// After this moment of its grid its rollups are kept, Unix milliseconds.
    pub from_ms: i64,
}

/// Nothing is gone.
impl Default for Remains {
    fn default() -> Self {
        Self { whole_from_ms: i64::MIN, tiers: Vec::new() }
    }
}

impl Remains {
    /// Whether samples are gone of a window that is open on the left.
    pub fn lacks(&self, open_ms: i64) -> bool {
        open_ms.saturating_add(1) < self.whole_from_ms
    }

    /// The tier that answers all of these windows as the samples would, and how exactly: of those
    /// that reach back far enough the widest, which has the fewest rollups to read; if none does,
    /// the one that reaches furthest. `None` if no tier can.
    pub fn choose(&self, function: OverTime, windows: &Windows) -> Option<(KeptTier, Fit)> {
        let reference_ms = windows.start_ms.saturating_sub(windows.offset_ms);
        let open_ms = reference_ms.saturating_sub(windows.range_ms);
        let widest = |tiers: &[&KeptTier]| {
            let widths: Vec<i64> = tiers.iter().map(|tier| tier.width_ms).collect();
            let (width_ms, fit) = choose(function, windows, &widths, TierUse::Auto)?;
            let chosen = tiers.iter().find(|tier| tier.width_ms == width_ms)?;
            Some((**chosen, fit))
        };
        let reaching: Vec<&KeptTier> =
            self.tiers.iter().filter(|tier| tier.from_ms <= open_ms).collect();
        if let Some(chosen) = widest(&reaching) {
            return Some(chosen);
        }
        let fitting = self.tiers.iter().filter(|tier| windows.lie_on(tier.width_ms));
        widest(&[fitting.min_by_key(|tier| tier.from_ms)?])
    }
}

#[cfg(test)]
mod tests {
    use super::{KeptTier, Remains};
    use crate::rollup::over_time::{OverTime, Windows};

    const MINUTE_MS: i64 = 60_000;
    const FINE: KeptTier = KeptTier { width_ms: 5 * MINUTE_MS, from_ms: 7_200_000 };
    const COARSE: KeptTier = KeptTier { width_ms: 60 * MINUTE_MS, from_ms: -3_600_000 };

    fn chosen(start_minute: i64, range_minutes: i64) -> Option<i64> {
        let remains = Remains { whole_from_ms: i64::MAX, tiers: vec![FINE, COARSE] };
        let windows = Windows {
            start_ms: start_minute * MINUTE_MS,
            end_ms: start_minute * MINUTE_MS + 24 * 60 * MINUTE_MS,
            step_ms: 60 * MINUTE_MS,
            range_ms: range_minutes * MINUTE_MS,
            offset_ms: 0,
        };
        Some(remains.choose(OverTime::Min, &windows)?.0.width_ms / MINUTE_MS)
    }

    #[test]
    fn the_widest_tier_that_reaches_back_answers() {
        assert_eq!(chosen(600, 60), Some(60));
        assert_eq!(chosen(605, 60), Some(5));
        assert_eq!(chosen(600, 5), Some(5));
        assert_eq!(chosen(601, 60), None);
        // The fine one no longer has the beginning; for windows of 5 minutes there is no other.
        assert_eq!(chosen(120, 60), Some(60));
        assert_eq!(chosen(120, 5), Some(5));
    }

    #[test]
    fn a_window_lacks_samples_if_it_begins_before_the_first_that_is_kept() {
        let remains = Remains { whole_from_ms: 1000, tiers: vec![FINE] };
        assert!(remains.lacks(998));
        assert!(!remains.lacks(999));
        assert!(!Remains::default().lacks(i64::MIN));
    }
}
