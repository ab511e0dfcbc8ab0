//! The one duration parser: flags, environment, configuration and API all read durations here.
//!
//! A bare number is seconds (`30`); otherwise number and unit, repeated from large to small:
//! `10ms`, `30s`, `5m`, `24h`, `7d`, `2w`, `1y`, `1h30m`.

use std::fmt;
use std::time::Duration;

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError {
    /// The text.
    pub text: String,
    /// The byte in it where reading stopped.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a duration: {:?}, at character {}: expected {} (examples: 30, 10ms, 30s, 5m, 24h, 7d)",
            self.text, self.at, self.expected
        )
    }
}

impl std::error::Error for DurationError {}

/// Reads a duration; see the module for the grammar. The result is a whole number of milliseconds.
///
/// # Errors
/// Anything else, with the place where reading stopped.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail =
        |at: usize, expected: &'static str| DurationError { text: text.to_owned(), at, expected };
    if text.is_empty() {
        return Err(fail(0, "a number"));
    }
    if let Some(ms) = bare_seconds_ms(text) {
        return Ok(Duration::from_millis(ms));
    }
    let (mut at, mut total_ms, mut next_unit) = (0, 0u64, 0);
    while at < text.len() {
        let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[at..at + digits].parse().map_err(|_| fail(at, "a number"))?;
        at += digits;
        let letters = text[at..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &text[at..at + letters];
        let found = UNITS[next_unit..].iter().position(|(name, _)| *name == unit);
        let Some(i) = found else {
            return Err(fail(at, "one of the units y w d h m s ms, from large to small"));
        };
        total_ms = number
            .checked_mul(UNITS[next_unit + i].1)
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or_else(|| fail(at, "a smaller duration"))?;
        next_unit += i + 1;
        at += letters;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Milliseconds of a bare number of seconds such as `30` or `0.5`.
fn bare_seconds_ms(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds: f64 = if plain {
        text.parse().ok()?
    } else {
        return None;
    };
    let ms = (seconds * 1000.0).round();
    (ms < 9e15).then_some(ms as u64)
}

/// Writes a duration so that [`parse_duration`] reads the same back: `7d`, `1h30m`, `250ms`, `0s`.
/// Days are the largest unit, because people count retention in them.
pub fn format_duration(duration: Duration) -> String {
    let mut rest_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest_ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, unit_ms) in &UNITS[2..] {
        if rest_ms >= *unit_ms {
            text.push_str(&format!("{}{unit}", rest_ms / unit_ms));
            rest_ms %= unit_ms;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{format_duration, parse_duration};

    #[test]
    fn bare_numbers_are_seconds_and_units_add_up() {
        let ms = |text: &str| parse_duration(text).unwrap().as_millis();
        assert_eq!(ms("30"), 30_000);
        assert_eq!(ms("0.5"), 500);
        assert_eq!(ms("0"), 0);
        assert_eq!(ms("10ms"), 10);
        assert_eq!(ms("30s"), 30_000);
        assert_eq!(ms("5m"), 300_000);
        assert_eq!(ms("24h"), 86_400_000);
        assert_eq!(ms("7d"), 604_800_000);
        assert_eq!(ms("1h30m"), 5_400_000);
    }

    #[test]
    fn errors_point_at_the_character() {
        let at = |text: &str| parse_duration(text).unwrap_err().at;
        assert_eq!(at(""), 0);
        assert_eq!(at("abc"), 0);
        assert_eq!(at("-5s"), 0);
        assert_eq!(at("5x"), 1);
        assert_eq!(at("5m1h"), 3);
        assert_eq!(at("1h5"), 3);
        assert_eq!(at("99999999999999999999s"), 0);
        assert_eq!(at("9999999999999999y"), 16);
        assert!(parse_duration("5µs").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["0s", "250ms", "1h30m", "8d", "1m1s1ms"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
