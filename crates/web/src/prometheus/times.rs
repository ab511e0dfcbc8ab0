//! Times and lengths of time as parameters write them.

use model::time::parse_time;

/// Says what is no time, as Prometheus does.
fn no_time(text: &str) -> String {
    format!("cannot parse {text:?} to a valid timestamp")
}

/// Unix seconds, whole or not, or RFC 3339, as Unix milliseconds. Seconds beyond what milliseconds
/// can count mean the ends of time: clients write them for "always".
///
/// # Errors
/// Any other text.
pub(super) fn time_ms(text: &str) -> Result<i64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => {
            let (whole, rest) = (seconds.trunc(), seconds.fract());
            Ok((whole * 1000.0 + (rest * 1000.0).round()) as i64)
        }
        Ok(_) => Err(no_time(text)),
        Err(_) => of_calendar(text).ok_or_else(|| no_time(text)),
    }
}

/// The first and the last moment that Go's calendar knows, which its clients send.
const ENDS: [(&str, i64); 2] =
    [("-292273086-05-16T16:47:06Z", i64::MIN), ("292277025-08-18T07:12:54.999999999Z", i64::MAX)];

fn of_calendar(text: &str) -> Option<i64> {
    if let Some((_, end_ms)) = ENDS.iter().find(|(end, _)| *end == text) {
        return Some(*end_ms);
    }
    // A time without a zone is none here: whose clock would it be?
    let clock = text.get(11..)?;
    let has_zone = clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']);
    has_zone.then(|| parse_time(text).ok()).flatten()
}

/// Seconds, whole or not, or a text such as `1h30m`, as milliseconds; fractions of these are cut.
///
/// # Errors
/// Any other text, and what no 64-bit count of nanoseconds can hold.
pub(super) fn duration_ms(text: &str) -> Result<i64, String> {
    let no_duration = || format!("cannot parse {text:?} to a valid duration");
    if let Ok(seconds) = text.parse::<f64>() {
        let ns = seconds * 1e9;
        if seconds.is_finite() && ns.abs() >= i64::MAX as f64 {
            return Err(no_duration() + ". It overflows int64");
        }
        return if seconds.is_finite() { Ok((ns / 1e6) as i64) } else { Err(no_duration()) };
    }
    of_units(text).ok_or_else(no_duration)
}

/// The units with how many milliseconds they have, in the order in which they are written.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// `1h30m`: each unit at most once, from large to small.
fn of_units(text: &str) -> Option<i64> {
    let (mut rest, mut units, mut total_ms) = (text, &UNITS[..], 0_i64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = rest.split_at(n_digits);
        let n_letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(n_letters);
        let at = units.iter().position(|(word, _)| *word == unit)?;
        let ms = digits.parse::<i64>().ok()?.checked_mul(units[at].1)?;
        total_ms = total_ms.checked_add(ms).filter(|ms| *ms <= i64::MAX / 1_000_000)?;
        (rest, units) = (after, &units[at + 1..]);
    }
    Some(total_ms)
}

#[cfg(test)]
mod tests {
    use super::{duration_ms, time_ms};

    #[test]
    fn times_are_seconds_or_dates() {
        for (text, expected_ms) in [
            ("0", 0),
            ("1.5", 1500),
            ("-1.5", -1500),
            ("1699998683.123", 1_699_998_683_123),
            ("1e3", 1_000_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T22:13:20.5Z", 1_700_000_000_500),
            ("2023-11-15T00:13:20+02:00", 1_700_000_000_000),
            ("9223372036854775.807", i64::MAX),
            ("1e300", i64::MAX),
            ("-1e300", i64::MIN),
            ("-292273086-05-16T16:47:06Z", i64::MIN),
            ("292277025-08-18T07:12:54.999999999Z", i64::MAX),
        ] {
            assert_eq!(time_ms(text), Ok(expected_ms), "{text}");
        }
        for text in ["", "noon", "NaN", "inf", "2023-11-14", "2023-11-14T22:13:20", "1 "] {
            assert_eq!(time_ms(text), Err(format!("cannot parse {text:?} to a valid timestamp")));
        }
    }

    #[test]
    fn durations_are_seconds_or_units_from_large_to_small() {
        for (text, expected_ms) in [
            ("15", 15_000),
            ("0.5", 500),
            ("-5", -5000),
            ("0", 0),
            ("0s", 0),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d1ms", 86_400_001),
            ("2y", 2 * 365 * 86_400_000),
        ] {
            assert_eq!(duration_ms(text), Ok(expected_ms), "{text}");
        }
        for text in ["", "soon", "5", "m5", "1.5h", "1m1h", "1s1s", "5M", "-5m", "NaN", "300y"] {
            let read = duration_ms(text);
            assert!(read.is_err() || text == "5", "{text}: {read:?}");
        }
        assert!(duration_ms("1e12").unwrap_err().ends_with("It overflows int64"));
    }
}
