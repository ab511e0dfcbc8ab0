use super::{LimitError, Limits, PUSH_AHEAD_MAX_MS, Times};

fn limits(age_ms_max: Option<i64>) -> Limits {
    Limits { age_ms_max, ..Limits::default() }
}

#[test]
fn times_end_at_both_bounds() {
    let times = limits(Some(100)).times(1000);
    let latest_ms = 1000 + PUSH_AHEAD_MAX_MS;
    for good in [900, 1000, latest_ms] {
        assert_eq!(times.check(good), Ok(()));
    }
    assert_eq!(times.check(899), Err(LimitError::TooOld { age_ms: 101, max_ms: 100 }));
    let ahead_ms = PUSH_AHEAD_MAX_MS + 1;
    assert_eq!(times.check(latest_ms + 1), Err(LimitError::TooFarAhead { ahead_ms }));
    assert!(times.contain(&(900..=latest_ms)));
    assert!(!times.contain(&(899..=latest_ms)));
    assert!(!times.contain(&(900..=latest_ms + 1)));
}

#[test]
fn any_time_is_checked_without_an_overflow() {
    let check = |times: Times| [i64::MIN, 0, i64::MAX].map(|t_ms| times.check(t_ms).is_ok());
    assert_eq!(check(limits(None).times(0)), [true, true, false]);
    assert_eq!(check(limits(Some(5)).times(0)), [false, true, false]);
    assert_eq!(check(limits(Some(5)).times(i64::MAX)), [false, false, true]);
    assert_eq!(check(limits(Some(5)).times(i64::MIN)), [true, false, false]);
}

#[test]
fn every_reason_is_listed_once() {
    let mut reasons = LimitError::REASONS.to_vec();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), LimitError::REASONS.len());
    let (metric, source_name) = ("m".to_owned(), "s".to_owned());
    for cause in [
        LimitError::SeriesTotal { max: 1 },
        LimitError::SeriesOfMetric { metric, max: 1 },
        LimitError::SeriesOfSource { source_name, max: 1 },
    ] {
        assert!(LimitError::REASONS.contains(&cause.reason()));
        assert!(cause.to_string().contains("all of the 1 series"), "{cause}");
    }
}

#[test]
fn times_that_are_refused_are_told_in_units_of_people() {
    let too_old = LimitError::TooOld { age_ms: 27_962_819_087, max_ms: 604_800_000 };
    let expected = "timestamp is 323d15h26m59s old, older than the retention of 7d";
    assert_eq!(too_old.to_string(), expected);
    let ahead = LimitError::TooFarAhead { ahead_ms: 86_400_500 }.to_string();
    assert!(ahead.starts_with("timestamp is 1d ahead"), "{ahead}");
}
