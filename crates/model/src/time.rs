//! Time as the field counts it: Unix milliseconds in an `i64`, and RFC 3339 text at the edges.
//!
//! Calendar arithmetic follows Howard Hinnant's "chrono-compatible low-level date algorithms"
//! (proleptic Gregorian calendar, days since 1970-01-01).

use std::fmt;

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError {
    /// The text.
    pub text: String,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a time: {:?}, expected Unix seconds (1700000000.5) or RFC 3339 (2026-01-31T12:00:00Z)",
            self.text
        )
    }
}

impl std::error::Error for TimeError {}

/// Writes `2026-01-31T12:00:00.250Z`: UTC, always three decimals.
pub fn format_rfc3339(t_ms: i64) -> String {
    let (days, ms_of_day) = (t_ms.div_euclid(86_400_000), t_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (seconds, ms) = (ms_of_day / 1000, ms_of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Reads Unix seconds (whole or with decimals) or RFC 3339. A text without a zone is UTC; `T` may
/// be a blank; digits after milliseconds are cut.
///
/// # Errors
/// Any other text.
pub fn parse_time(text: &str) -> Result<i64, TimeError> {
    let fail = || TimeError { text: text.to_owned() };
    match text.parse::<f64>() {
        Ok(seconds) => unix_seconds_to_ms(seconds).ok_or_else(fail),
        Err(_) => parse_rfc3339(text).ok_or_else(fail),
    }
}

/// Unix seconds as milliseconds, if they lie in the years 1 to 9999, which are all that RFC 3339
/// can write.
pub fn unix_seconds_to_ms(seconds: f64) -> Option<i64> {
    const FIRST_MS: f64 = -62_135_596_800_000.0;
    const LAST_MS: f64 = 253_402_300_799_999.0;
    let ms = (seconds * 1000.0).round();
    (FIRST_MS..=LAST_MS).contains(&ms).then_some(ms as i64)
}

fn parse_rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let day_ms = days_from_civil(year, month, day) * 86_400_000;
    let Some(separator) = bytes.get(10) else {
        return Some(day_ms);
    };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let (clock, zone_ms) = split_zone(&text[11..])?;
    Some(day_ms + clock_ms(clock)? - zone_ms)
}

/// Splits `12:00:00+02:00` into the clock and the zone's offset in milliseconds.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, 0));
    };
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let zone = text[at + 1..].replace(':', "");
    if zone.len() != 4 {
        return None;
    }
    let (hours, minutes) = (number(&zone[..2])?, number(&zone[2..])?);
    (hours < 24 && minutes < 60).then_some((&text[..at], sign * (hours * 60 + minutes) * 60_000))
}

fn clock_ms(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1000 + number(&digits)?)
}

fn number(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{format_rfc3339, parse_time};

    #[test]
    fn writes_and_reads_utc() {
        for (t_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_250, "2023-11-14T22:13:20.250Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_799_000, "2099-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(format_rfc3339(t_ms), text);
            assert_eq!(parse_time(text), Ok(t_ms));
        }
    }

    #[test]
    fn the_first_and_the_last_second_of_the_calendar_are_times() {
        assert_eq!(format_rfc3339(parse_time("253402300799").unwrap()), "9999-12-31T23:59:59.000Z");
        assert_eq!(format_rfc3339(parse_time("-62135596800").unwrap()), "0001-01-01T00:00:00.000Z");
        assert!(parse_time("253402300800").is_err());
    }

    #[test]
    fn takes_zones_blanks_and_naive_times() {
        let noon = 1_769_860_800_000;
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31 12:00:00",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31T04:00:00-0800",
            "2026-01-31T12:00",
            "1769860800",
            "1769860800.0",
            "2026-01-31T12:00:00.000999Z",
        ] {
            assert_eq!(parse_time(text), Ok(noon), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-29",
            "2026-01-31T25:00:00Z",
            "2026-01-31T12:00:00+99:00",
            "NaN",
            "inf",
            "1e300",
            "2026-01-31T12:00:00.5x",
            "2026-1-1",
            "２０２６-01-31",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
