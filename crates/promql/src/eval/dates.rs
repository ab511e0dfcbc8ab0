//! Dates: what a calendar says of a moment, in UTC.
//!
//! Source of the day count: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::ops::Range;

const DAY_S: i128 = 86_400;

/// The function of this name, of seconds since 1970.
pub(super) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "day_of_month" => |t| civil(t).2,
        "day_of_week" => |t| (days(t) + 4).rem_euclid(7) as f64,
        "day_of_year" => |t| {
            let (year, ..) = date(days(t));
            (days(t) - day_of(year, 1, 1) + 1) as f64
        },
        "days_in_month" => |t| {
            let (year, month, _) = date(days(t));
            let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (day_of(next_year, next, 1) - day_of(year, month, 1)) as f64
        },
        "hour" => |t| (second_of_day(t) / 3600) as f64,
        "minute" => |t| (second_of_day(t) / 60 % 60) as f64,
        "month" => |t| civil(t).1,
        "year" => |t| civil(t).0,
        _ => return None,
    })
}

/// Whole seconds, cut towards zero, as Go counts them on most machines: what 64 bits cannot count,
/// or is no number, is the least that they can; and before the first March of its calendar, in the
/// year -292277022400, time starts again at the end.
fn seconds(t: f64) -> i128 {
    const COUNTED: Range<f64> = i64::MIN as f64..-(i64::MIN as f64);
    let cut = if COUNTED.contains(&t) { t as i64 } else { i64::MIN };
    let first = i128::from(day_of(-292_277_022_400, 3, 1)) * DAY_S;
    let cut = i128::from(cut);
    if cut < first { cut + (1 << 64) } else { cut }
}

fn days(t: f64) -> i64 {
    // Of less than 65 bits, a day's seconds take 16.
    seconds(t).div_euclid(DAY_S) as i64
}

fn second_of_day(t: f64) -> i64 {
    seconds(t).rem_euclid(DAY_S) as i64
}

fn civil(t: f64) -> (f64, f64, f64) {
    let (year, month, day) = date(days(t));
    (year as f64, month as f64, day as f64)
}

/// Days since 1970 as year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Year, month and day as days since 1970.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::{date, day_of, function};

    #[test]
    fn days_and_dates_are_two_names_of_one_thing() {
        for days in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = date(days);
            assert_eq!(day_of(year, month, day), days);
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn calendars_know_leap_years() {
        let at = |name: &str, t: f64| function(name).unwrap()(t);
        // 2016-02-29T12:34:56Z, a Monday.
        let t = 1_456_749_296.7;
        let names = ["year", "month", "day_of_month", "day_of_week", "day_of_year"];
        assert_eq!(names.map(|name| at(name, t)), [2016.0, 2.0, 29.0, 1.0, 60.0]);
        assert_eq!(["days_in_month", "hour", "minute"].map(|n| at(n, t)), [29.0, 12.0, 34.0]);
    }

    #[test]
    fn what_no_calendar_has_is_where_counts_of_64_bits_end() {
        let names = ["year", "month", "day_of_month", "day_of_week", "day_of_year", "hour"];
        let at = |t: f64| names.map(|name| function(name).unwrap()(t));
        // 9223372036854775808 seconds after 1970, a Sunday.
        let end = [292_277_026_596.0, 12.0, 4.0, 0.0, 339.0, 15.0];
        for t in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e19, -1e19, i64::MIN as f64] {
            assert_eq!(at(t), end, "{t}");
        }
        assert_eq!(at(9.2e18), [291_536_396_232.0, 8.0, 31.0, 5.0, 244.0, 11.0]);
        assert_eq!(at(-9.2e18)[..3], [-291_536_392_293.0, 5.0, 3.0]);
        assert_eq!(at(-9_223_372_030e9)[..3], [292_277_026_814.0, 2.0, 23.0]);
        assert_eq!(at(-9_223_372_020e9)[..3], [-292_277_022_123.0, 3.0, 6.0]);
    }
}
