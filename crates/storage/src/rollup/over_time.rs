//! Over time: which functions of PromQL rollups can answer, when, and how.
//!
//! A window of a query is a span `(t - offset - range, t - offset]`. If all of its bounds lie on the
//! grid of a tier, the rollup of the window is that of the tier's spans in it, joined; nothing of
//! the samples is left out, nothing else is in it. The functions here are of such a rollup, so their
//! answers are those of the samples.

use super::Rollup;

/// A function of the samples of a series in a window. Those of PromQL that are not here (`changes`,
/// `stddev_over_time`, `quantile_over_time`, `irate`, `deriv`, ...) need the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverTime {
    /// `count_over_time`.
    Count,
    /// `present_over_time`.
    Present,
    /// `sum_over_time`.
    Sum,
    /// `avg_over_time`.
    Avg,
    /// `min_over_time`.
    Min,
    /// `max_over_time`.
    Max,
    /// `first_over_time`.
    First,
    /// `last_over_time`.
    Last,
    /// `ts_of_first_over_time`, seconds.
    FirstTime,
    /// `ts_of_last_over_time`, and `timestamp` of a plain selector, seconds.
    LastTime,
    /// `resets`.
    Resets,
    /// `delta`.
    Delta,
    /// `increase`.
    Increase,
    /// `rate`.
    Rate,
    /// A plain selector: the range is the lookback.
    Latest,
}

/// How an answer from rollups compares with the answer from samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The same bits.
    Exact,
    /// The same number, added up in another order. It is the same to the bit where all sums are
    /// whole and within 2^53, and, of counters, where a window has one reset at most.
    Rounded,
}

/// The windows of a query, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// The first step.
    pub start_ms: i64,
    /// The last step is not later.
    pub end_ms: i64,
    /// From one step to the next.
    pub step_ms: i64,
    /// How far a window reaches back, above 0.
    pub range_ms: i64,
    /// How much earlier than its step a window ends; may be negative.
    pub offset_ms: i64,
}

/// Whether rollups may be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TierUse {
    /// Where their answer is that of the samples.
    #[default]
    Auto,
    /// Nowhere: `tier=raw`.
    Raw,
}

impl Windows {
    /// Whether every bound of every window lies on the grid of this width.
    pub fn lie_on(&self, width_ms: i64) -> bool {
        let on_grid = |n: i128| n.rem_euclid(i128::from(width_ms)) == 0;
        let length = i128::from(self.end_ms) - i128::from(self.start_ms);
        let has_steps = length > 0 && length >= self.step_ms.into();
        width_ms > 0
            && self.range_ms > 0
            && self.start_ms <= self.end_ms
            && on_grid(i128::from(self.start_ms) - i128::from(self.offset_ms))
            && on_grid(self.range_ms.into())
            && (!has_steps || self.step_ms > 0 && on_grid(self.step_ms.into()))
    }
}

/// The widest of these tiers whose answer is that of the samples, and how exactly; `None` if the
/// samples must be read.
pub fn choose(
    function: OverTime,
    windows: &Windows,
    widths_ms: &[i64],
    tier_use: TierUse,
) -> Option<(i64, Fit)> {
    if tier_use == TierUse::Raw {
        return None;
    }
    let fitting = widths_ms.iter().filter(|width_ms| windows.lie_on(**width_ms));
    fitting.max().map(|width_ms| (*width_ms, function.fit()))
}

impl OverTime {
    /// How exact it is where the windows lie on the grid.
    pub fn fit(self) -> Fit {
        match self {
            Self::Sum | Self::Avg | Self::Increase | Self::Rate => Fit::Rounded,
            Self::Count
            | Self::Present
            | Self::Min
            | Self::Max
            | Self::First
            | Self::Last
            | Self::FirstTime
            | Self::LastTime
            | Self::Resets
            | Self::Delta
            | Self::Latest => Fit::Exact,
        }
    }

    /// Its value for a window `(start, end]` whose rollup this is; `None` if the series has no
    /// result there. An average whose sum is beyond all doubles is infinite, or NaN.
    pub fn value(self, window: &Rollup, (start_ms, end_ms): (i64, i64)) -> Option<f64> {
        if window.count == 0 || self == Self::Latest && window.is_stale {
            return None;
        }
        let seconds = |t_ms: i64| t_ms as f64 / 1000.0;
        let range_s = seconds(end_ms - start_ms);
        let change = window.last - window.first;
        // Adding 0 would turn -0.0 into 0.0.
        let increase = if window.n_resets == 0 { change } else { change + window.drops };
        Some(match self {
            Self::Count => window.count as f64,
            Self::Present => 1.0,
            Self::Sum => window.sum,
            Self::Avg => window.sum / window.count as f64,
            Self::Min => window.min,
            Self::Max => window.max,
            Self::First => window.first,
            Self::Last | Self::Latest => window.last,
            Self::FirstTime => seconds(window.first_ms),
            Self::LastTime => seconds(window.last_ms),
            Self::Resets => window.n_resets as f64,
            Self::Delta => change * extrapolation(window, (start_ms, end_ms), None)?,
            Self::Increase => increase * extrapolation(window, (start_ms, end_ms), Some(increase))?,
            Self::Rate => {
                let factor = extrapolation(window, (start_ms, end_ms), Some(increase))?;
                increase * (factor / range_s)
            }
        })
    }
}

/// By how much PromQL multiplies what a series changed between its first and its last sample, so
/// that it stands for the whole window: it goes on to the bounds if they are near, else by half of
/// the mean distance of samples, and of a counter not below zero. `None` with fewer than two.
fn extrapolation(
    window: &Rollup,
    (start_ms, end_ms): (i64, i64),
    increase: Option<f64>,
) -> Option<f64> {
    if window.count < 2 {
        return None;
    }
    let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = seconds(window.first_ms, window.last_ms);
    let mean_distance = sampled / (window.count - 1) as f64;
    let near = mean_distance * 1.1;
    let mut to_start = seconds(start_ms, window.first_ms);
    if to_start >= near {
        to_start = mean_distance / 2.0;
    }
    if let Some(increase) = increase
        && increase > 0.0
        && window.first >= 0.0
    {
        let to_zero = sampled * (window.first / increase);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    let mut to_end = seconds(window.last_ms, end_ms);
    if to_end >= near {
        to_end = mean_distance / 2.0;
    }
    Some((sampled + to_start + to_end) / sampled)
}
