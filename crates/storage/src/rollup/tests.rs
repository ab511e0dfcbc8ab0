use model::{STALE_MARKER_BITS, Sample};
use proptest::collection::btree_map;
use proptest::prelude::*;

use super::over_time::{Fit, OverTime, TierUse, Windows, choose};
use super::{ROLLUP_WIDTHS_MS, Rolling, Rollup, roll, span_of, widen};

const ALL: [OverTime; 15] = [
    OverTime::Count,
    OverTime::Present,
    OverTime::Sum,
    OverTime::Avg,
    OverTime::Min,
    OverTime::Max,
    OverTime::First,
    OverTime::Last,
    OverTime::FirstTime,
    OverTime::LastTime,
    OverTime::Resets,
    OverTime::Delta,
    OverTime::Increase,
    OverTime::Rate,
    OverTime::Latest,
];
const STALE: f64 = f64::from_bits(STALE_MARKER_BITS);
const WIDTH_MS: i64 = 1000;

/// Values whose sums are exact, and all that is not like others.
fn whole() -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => (-3..40_i32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::from_bits(0x7ff8_0000_0000_0abc)),
        1 => Just(-0.0),
        2 => Just(STALE),
    ]
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -1e9..1e9_f64, 2 => whole(), 1 => Just(f64::INFINITY)]
}

fn samples(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<Sample>> {
    btree_map(-5000..20_000_i64, value, 0..120)
        .prop_map(|samples| samples.into_iter().map(|(t, v)| Sample::new(t, v)).collect())
}

fn within(samples: &[Sample], (start_ms, end_ms): (i64, i64)) -> Vec<Sample> {
    samples.iter().filter(|s| s.t_ms > start_ms && s.t_ms <= end_ms).copied().collect()
}

/// The answer of PromQL, as its specification and its tests have it, from samples.
fn plain(function: OverTime, samples: &[Sample], window: (i64, i64)) -> Option<f64> {
    let all = within(samples, window);
    if function == OverTime::Latest {
        return all.last().map(|s| s.value).filter(|v| v.to_bits() != STALE_MARKER_BITS);
    }
    let kept: Vec<Sample> =
        all.into_iter().filter(|s| s.value.to_bits() != STALE_MARKER_BITS).collect();
    let (first, last) = (*kept.first()?, *kept.last()?);
    let values: Vec<f64> = kept.iter().map(|s| s.value).collect();
    let better = |is_better: fn(f64, f64) -> bool| {
        let pick =
            |best: f64, v: &f64| if is_better(*v, best) || best.is_nan() { *v } else { best };
        values[1..].iter().fold(values[0], pick)
    };
    let resets: Vec<f64> = values.windows(2).filter(|v| v[1] < v[0]).map(|v| v[0]).collect();
    let change = resets.iter().fold(last.value - first.value, |change, lost| change + lost);
    Some(match function {
        OverTime::Count => values.len() as f64,
        OverTime::Present => 1.0,
        OverTime::Sum => sum(&values),
        OverTime::Avg => sum(&values) / values.len() as f64,
        OverTime::Min => better(|a, b| a < b),
        OverTime::Max => better(|a, b| a > b),
        OverTime::First => first.value,
        OverTime::Last | OverTime::Latest => last.value,
        OverTime::FirstTime => first.t_ms as f64 / 1000.0,
        OverTime::LastTime => last.t_ms as f64 / 1000.0,
        OverTime::Resets => resets.len() as f64,
        OverTime::Delta => extrapolated(&kept, last.value - first.value, window, false)?.0,
        OverTime::Increase => extrapolated(&kept, change, window, true)?.0,
        OverTime::Rate => extrapolated(&kept, change, window, true)?.1,
    })
}

/// Without carried errors: whole numbers have none.
fn sum(values: &[f64]) -> f64 {
    // From 0, so that -0.0 alone sums up to 0.0.
    values.iter().fold(0.0, |sum, value| sum + value)
}

/// What a change is over the whole window, and per second.
fn extrapolated(
    samples: &[Sample],
    change: f64,
    (start_ms, end_ms): (i64, i64),
    is_counter: bool,
) -> Option<(f64, f64)> {
    if samples.len() < 2 {
        return None;
    }
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    let sampled = (last.t_ms - first.t_ms) as f64 / 1000.0;
    let distance = sampled / (samples.len() - 1) as f64;
    let bounded = |gap: f64| if gap < distance * 1.1 { gap } else { distance / 2.0 };
    let mut to_start = bounded((first.t_ms - start_ms) as f64 / 1000.0);
    if is_counter && change > 0.0 && first.value >= 0.0 {
        to_start = to_start.min(sampled * (first.value / change));
    }
    let to_end = bounded((end_ms - last.t_ms) as f64 / 1000.0);
    let factor = (sampled + to_start + to_end) / sampled;
    Some((change * factor, change * (factor / ((end_ms - start_ms) as f64 / 1000.0))))
}

/// The answer of rollups.
fn tiered(function: OverTime, rollups: &[Rollup], window: (i64, i64)) -> Option<f64> {
    let mut rolling = Rolling::default();
    let inside = |r: &&Rollup| {
        let (start_ms, end_ms) = r.span(WIDTH_MS);
        start_ms >= window.0 && end_ms <= window.1
    };
    rollups.iter().filter(inside).for_each(|rollup| rolling.join(rollup));
    function.value(&rolling.take()?, window)
}

/// NaN that a calculation makes has no bits to rely on.
fn bits(function: OverTime, value: Option<f64>) -> Option<u64> {
    let is_made = !matches!(
        function,
        OverTime::Min | OverTime::Max | OverTime::First | OverTime::Last | OverTime::Latest
    );
    value.map(|v| if is_made && v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() })
}

fn is_near(a: Option<f64>, b: Option<f64>, scale: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= scale * 1e-12
        }
        (a, b) => a == b,
    }
}

proptest! {
    /// All functions, all windows on the grid: the answers of rollups are those of the samples.
    #[test]
    fn rollups_answer_as_samples_do(
        samples in samples(whole()),
        start in -5..20_i64,
        n_spans in 1..9_i64,
    ) {
        let rollups = roll(&samples, WIDTH_MS);
        let window = (start * WIDTH_MS, (start + n_spans) * WIDTH_MS);
        for function in ALL {
            let (tier, raw) =
                (tiered(function, &rollups, window), plain(function, &samples, window));
            prop_assert_eq!(
                bits(function, tier), bits(function, raw), "{:?} {:?} {:?}", function, tier, raw
            );
        }
    }

    /// Where numbers are not whole, exact functions are exact all the same, others to rounding.
    #[test]
    fn rollups_of_any_values_are_exact_or_rounded_as_they_say(
        samples in samples(any_value()),
        start in -5..20_i64,
        n_spans in 1..9_i64,
    ) {
        let rollups = roll(&samples, WIDTH_MS);
        let window = (start * WIDTH_MS, (start + n_spans) * WIDTH_MS);
        let finite = samples.iter().map(|s| s.value.abs()).filter(|v| v.is_finite());
        let scale = finite.sum::<f64>().max(1.0) * 100.0;
        for function in ALL {
            let (tier, raw) =
                (tiered(function, &rollups, window), plain(function, &samples, window));
            match function.fit() {
                Fit::Exact => prop_assert_eq!(
                    bits(function, tier), bits(function, raw), "{:?} {:?} {:?}", function, tier, raw
                ),
                Fit::Rounded => prop_assert!(
                    is_near(tier, raw, scale), "{:?} {:?} {:?}", function, tier, raw
                ),
            }
        }
    }

    #[test]
    fn a_wider_rollup_is_that_of_the_samples(samples in samples(whole())) {
        let (joined, direct) =
            (widen(&roll(&samples, WIDTH_MS), 6 * WIDTH_MS), roll(&samples, 6 * WIDTH_MS));
        prop_assert_eq!(joined.len(), direct.len());
        for (one, other) in joined.iter().zip(&direct) {
            prop_assert!(one.same_bits(other), "{:?} {:?}", one, other);
        }
    }

    #[test]
    fn windows_off_the_grid_need_the_samples(
        start in -9_000..9_000_i64,
        step in 1..4_000_i64,
        range in 1..4_000_i64,
        offset in -4_000..4_000_i64,
        n_steps in 0..3_i64,
    ) {
        // Coarsely, so that many are on the grid.
        let [start_ms, step_ms, range_ms, offset_ms] =
            [start, step, range, offset].map(|ms| ms / 250 * 250);
        prop_assume!(step_ms > 0 && range_ms > 0);
        let end_ms = start_ms + n_steps * step_ms;
        let windows = Windows { start_ms, end_ms, step_ms, range_ms, offset_ms };
        let bounds = (0..=n_steps).flat_map(|nth| {
            let window_end = start_ms + nth * step_ms - offset_ms;
            [window_end - range_ms, window_end]
        });
        let all_on_grid = bounds.clone().all(|bound| bound % WIDTH_MS == 0);
        let chosen = choose(OverTime::Min, &windows, &[WIDTH_MS], TierUse::Auto);
        prop_assert_eq!(chosen, all_on_grid.then_some((WIDTH_MS, Fit::Exact)));
        prop_assert_eq!(choose(OverTime::Min, &windows, &[WIDTH_MS], TierUse::Raw), None);
    }
}

#[test]
fn the_widest_tier_that_fits_is_chosen() {
    let [fine, coarse] = ROLLUP_WIDTHS_MS;
    let windows = |range_ms| Windows {
        start_ms: 10 * coarse,
        end_ms: 20 * coarse,
        step_ms: coarse,
        range_ms,
        offset_ms: coarse,
    };
    let chosen = |windows| choose(OverTime::Rate, &windows, &ROLLUP_WIDTHS_MS, TierUse::Auto);
    assert_eq!(chosen(windows(coarse)), Some((coarse, Fit::Rounded)));
    assert_eq!(chosen(windows(coarse + fine)), Some((fine, Fit::Rounded)));
    assert_eq!(chosen(windows(fine + 1)), None);
    assert_eq!(chosen(Windows { range_ms: 0, ..windows(fine) }), None);
    // One step has no distance to the next.
    let one = Windows { end_ms: 10 * coarse, step_ms: 0, ..windows(coarse) };
    assert_eq!(chosen(one), Some((coarse, Fit::Rounded)));
    assert_eq!(chosen(Windows { end_ms: 10 * coarse + 7, step_ms: 7, ..one }), None);
    let ends = Windows { start_ms: i64::MIN, end_ms: i64::MAX, step_ms: 1, ..windows(fine) };
    assert_eq!(chosen(Windows { offset_ms: i64::MAX, ..ends }), None);
}

#[test]
fn spans_are_open_on_the_left_and_end_with_time() {
    assert_eq!(span_of(0, 1000), (-1000, 0));
    assert_eq!(span_of(1, 1000), (0, 1000));
    assert_eq!(span_of(1000, 1000), (0, 1000));
    for t_ms in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
        let (start_ms, end_ms) = span_of(t_ms, 3_600_000);
        assert!(start_ms <= t_ms && t_ms <= end_ms);
    }
    let ends = [Sample::new(i64::MIN, 1.0), Sample::new(i64::MAX, 2.0)];
    assert_eq!(roll(&ends, 1000).len(), 2);
}

#[test]
fn a_span_with_nothing_but_markers_has_no_value_and_is_stale() {
    let rollups = roll(&[Sample::new(1, 5.0), Sample::new(1500, STALE)], WIDTH_MS);
    assert_eq!(rollups.len(), 2);
    assert_eq!((rollups[1].count, rollups[1].first_ms, rollups[1].is_stale), (0, 1500, true));
    let mut both = Rolling::default();
    rollups.iter().for_each(|rollup| both.join(rollup));
    let both = both.take().unwrap();
    assert!(both.is_stale && both.last_ms == 1);
    assert_eq!(OverTime::Latest.value(&both, (0, 2000)), None);
    assert_eq!(OverTime::Last.value(&both, (0, 2000)), Some(5.0));
}
