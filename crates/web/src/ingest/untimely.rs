//! Untimely: what a sender is told of a time that is not taken. Most such times are of now, in another
//! unit than that of the format.

use std::ops::RangeInclusive;

use storage::LimitError;

/// What lies between the units in which programs count time.
const FACTORS: [i64; 3] = [1_000, 1_000_000, 1_000_000_000];

/// The refusal of a sample of `t_ms` in words, with the unit that it seems to be in.
pub(super) fn told(cause: &LimitError, t_ms: i64) -> String {
    match hint(cause, t_ms) {
        Some(hint) => format!("{cause}; {hint} it would be of now: check its unit"),
        None => cause.to_string(),
    }
}

fn hint(cause: &LimitError, t_ms: i64) -> Option<String> {
    match cause {
        LimitError::TooOld { age_ms, .. } => {
            let now_ms = t_ms.checked_add(*age_ms)?;
            // What a division left out lies anywhere between two multiples.
            let span = |factor: i64| {
                let least = t_ms.checked_mul(factor)?;
                Some(least..=least.checked_add(factor - 1)?)
            };
            let is_it = |factor: &&i64| span(**factor).is_some_and(|span| is_near(now_ms, &span));
            FACTORS.iter().find(is_it).map(|factor| format!("times {factor}"))
        }
        LimitError::TooFarAhead { ahead_ms } => {
            let now_ms = t_ms.checked_sub(*ahead_ms)?;
            let is_it = |factor: &&i64| is_near(now_ms, &(t_ms / **factor..=t_ms / **factor));
            FACTORS.iter().find(is_it).map(|factor| format!("divided by {factor}"))
        }
        _ => None,
    }
}

/// Whether some of these times are of now, give or take about three weeks, a thousandth of all time
/// there was since 1970.
fn is_near(now_ms: i64, span_ms: &RangeInclusive<i64>) -> bool {
    let some_ms = now_ms / 1000;
    now_ms > 0 && *span_ms.start() <= now_ms + some_ms && now_ms - some_ms <= *span_ms.end()
}

#[cfg(test)]
mod tests {
    use storage::Limits;

    use super::told;

    const NOW_MS: i64 = 1_795_189_660_684;

    #[test]
    fn the_unit_that_a_time_seems_to_be_in_is_told() {
        let limits = Limits { age_ms_max: Some(7 * 86_400_000), ..Limits::default() };
        let told = |t_ms: i64| told(&limits.times(NOW_MS).check(t_ms).unwrap_err(), t_ms);
        for (t_ms, hint) in [
            (NOW_MS / 1000, "times 1000"),
            (NOW_MS / 1_000_000, "times 1000000"),
            (NOW_MS / 1_000_000_000, "times 1000000000"),
            (NOW_MS * 1000, "divided by 1000"),
            (NOW_MS * 1_000_000, "divided by 1000000"),
        ] {
            let hint = format!("; {hint} it would be of now: check its unit");
            assert!(told(t_ms).ends_with(&hint), "{}", told(t_ms));
        }
        for t_ms in [i64::MIN, -1, 0, 1, NOW_MS / 2, NOW_MS - 30 * 86_400_000, i64::MAX] {
            assert!(!told(t_ms).contains("unit"), "{t_ms}: {}", told(t_ms));
        }
        // Where everything is kept, nothing is too old, and too far ahead is that alone.
        let ahead = Limits::default().times(NOW_MS).check(NOW_MS + 2 * 86_400_000).unwrap_err();
        assert_eq!(super::told(&ahead, NOW_MS + 2 * 86_400_000), ahead.to_string());
    }
}
