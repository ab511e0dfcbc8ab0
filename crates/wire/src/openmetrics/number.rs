//! Numbers: values and times as the text formats write them.

use crate::exposition::number::write_openmetrics_float;

/// The bits of the NaN that is a number's absence and nothing else.
pub const ORDINARY_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// The longest number that means something: 17 digits, an exponent, and zeros that people write.
const NUMBER_BYTES_MAX: usize = 400;

/// A float as Go reads it, without hexadecimal ones and underscores: any case of `inf`, `infinity`
/// and `nan`. Every NaN is the ordinary one.
pub fn parse_float(text: &str) -> Option<f64> {
    if text.len() > NUMBER_BYTES_MAX {
        return None;
    }
    let value = match small_integer(text) {
        Some(value) => value,
        None => text.parse().ok()?,
    };
    Some(if value.is_nan() { f64::from_bits(ORDINARY_NAN_BITS) } else { value })
}

/// Most values of a page: a few digits and nothing else.
#[inline]
fn small_integer(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 15 {
        return None;
    }
    let mut value = 0_u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    // Exact: below 10^15.
    Some(value as f64)
}

/// A bound in the one form that labels have it in: a number that shows that it is a float.
pub(crate) fn bound_text(bound: f64) -> String {
    let mut bytes = Vec::new();
    write_openmetrics_float(&mut bytes, bound);
    String::from_utf8(bytes).expect("digits are ASCII")
}

/// Seconds as milliseconds, rounded; `None` for what is no time.
pub fn seconds_to_ms(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    // Beyond these a double is no exact count of milliseconds.
    let is_time = ms.is_finite() && ms.abs() <= 9_007_199_254_740_992.0;
    is_time.then_some(ms as i64)
}

/// A time in seconds, such as `1700000000.123`, as milliseconds. Digits beyond them are rounded. One
/// beyond all clocks is right as a text: whoever stores it refuses that sample, not the page.
pub(super) fn parse_seconds(text: &str) -> Option<i64> {
    decimal_seconds(text).or_else(|| {
        let seconds = parse_float(text).filter(|seconds| seconds.is_finite())?;
        // A cast of a float that is too large gives the largest integer.
        Some((seconds * 1000.0).round() as i64)
    })
}

/// Exactly what the digits say, where there are only digits and at most three after the point.
fn decimal_seconds(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_plain(whole) || !is_plain(fraction) || fraction.len() > 3 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let scale = [100, 10, 1][fraction.len() - 1];
    let fraction: i64 = fraction.parse::<i64>().ok()? * scale;
    whole.checked_mul(1000)?.checked_add(fraction)?.checked_mul(sign)
}

/// A time in milliseconds; the older format shows negative ones.
pub(super) fn parse_milliseconds(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{
        ORDINARY_NAN_BITS, bound_text, parse_float, parse_milliseconds, parse_seconds,
        seconds_to_ms,
    };

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("12", 12.0),
            ("+12", 12.0),
            ("999999999999999", 999_999_999_999_999.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1e3),
            ("1E-3", 1e-3),
            ("+Inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(parse_float(text).unwrap().to_bits(), value.to_bits(), "{text}");
        }
        for text in ["NaN", "nan", "-NaN", "+nan"] {
            assert_eq!(parse_float(text).unwrap().to_bits(), ORDINARY_NAN_BITS, "{text}");
        }
        for text in ["", " 1", "1 ", "0x1p4", "1_000", "1e", "--1", "one", &"1".repeat(401)] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_become_milliseconds_to_the_last_digit() {
        for (text, ms) in [
            ("0", 0),
            ("1700000000", 1_700_000_000_000),
            ("1700000000.1", 1_700_000_000_100),
            ("1700000000.123", 1_700_000_000_123),
            ("-1.001", -1001),
            ("-0.5", -500),
            ("1.7e9", 1_700_000_000_000),
            ("1700000000.1234", 1_700_000_000_123),
            ("9007199254740.991", 9_007_199_254_740_991),
            ("12345678901234567890.1234567890", i64::MAX),
            ("9223372036854775807", i64::MAX),
            ("-1e300", i64::MIN),
        ] {
            assert_eq!(parse_seconds(text), Some(ms), "{text}");
        }
        for text in ["NaN", "Inf", "-Inf", "", ".", "1e999"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
        assert_eq!(seconds_to_ms(f64::NAN), None);
    }

    #[test]
    fn bounds_show_that_they_are_floats() {
        for (bound, text) in [
            (1.0, "1.0"),
            (-0.0, "0.0"),
            (0.005, "0.005"),
            (-2.5, "-2.5"),
            (1e6, "1e+06"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(bound_text(bound), text);
        }
    }

    #[test]
    fn milliseconds_are_whole() {
        assert_eq!(parse_milliseconds("-5"), Some(-5));
        assert_eq!(parse_milliseconds("1.5"), None);
    }
}
