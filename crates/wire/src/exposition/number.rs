//! Numbers as the two text formats write them.
//!
//! Readers take any float, but pages are compared, cached and read by people, so ours have the
//! form of every other Prometheus exporter: Go's `strconv.FormatFloat(v, 'g', -1, 64)`, which is
//! the shortest digits that read back the same, with an exponent of at least two digits from 1e+06
//! on and below 1e-04.

use std::io::Write as _;

const TAKES_ALL: &str = "a Vec takes any bytes";

/// As the Prometheus text format writes floats.
pub(super) fn write_float(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if magnitude.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if magnitude < 1e6 && value.trunc() == value {
        // Most values of a page; -0 is written as 0, like everywhere.
        write_integer(out, value as i64);
    } else if (1e-4..1e6).contains(&magnitude) {
        write!(out, "{value}").expect(TAKES_ALL);
    } else {
        write_with_exponent(out, value);
    }
}

/// As OpenMetrics writers do: like [`write_float`], but a float always shows that it is one.
pub(crate) fn write_openmetrics_float(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    write_float(out, value);
    let is_integer = |b: &u8| b.is_ascii_digit() || *b == b'-';
    if out[start..].iter().all(is_integer) {
        out.extend_from_slice(b".0");
    }
}

/// A count of observations in OpenMetrics, which must be a whole number.
pub(super) fn write_count(out: &mut Vec<u8>, count: f64) {
    write!(out, "{}", count as u64).expect(TAKES_ALL);
}

fn write_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), value.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Rust writes `1.5e7` and `1e-5`, Go `1.5e+07` and `1e-05`.
fn write_with_exponent(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    write!(out, "{value:e}").expect(TAKES_ALL);
    let e = out[start..].iter().rposition(|b| *b == b'e');
    let mut at = start + e.expect("{:e} writes an exponent") + 1;
    if out[at] != b'-' {
        out.insert(at, b'+');
    }
    at += 1;
    if out.len() - at < 2 {
        out.insert(at, b'0');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{write_float, write_openmetrics_float};

    fn text_of(write: fn(&mut Vec<u8>, f64), value: f64) -> String {
        let mut out = Vec::new();
        write(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_look_as_go_writes_them() {
        for (value, text, openmetrics) in [
            (0.0, "0", "0.0"),
            (-0.0, "0", "0.0"),
            (1.0, "1", "1.0"),
            (-1.0, "-1", "-1.0"),
            (0.1, "0.1", "0.1"),
            (100_000.0, "100000", "100000.0"),
            (999_999.0, "999999", "999999.0"),
            (-999_999.0, "-999999", "-999999.0"),
            (999_999.999_999_999_9, "999999.9999999999", "999999.9999999999"),
            (1_000_000.0, "1e+06", "1e+06"),
            (1_234_567.0, "1.234567e+06", "1.234567e+06"),
            (123_456_789.0, "1.23456789e+08", "1.23456789e+08"),
            (16_777_216_000.0, "1.6777216e+10", "1.6777216e+10"),
            (-2.5e7, "-2.5e+07", "-2.5e+07"),
            (1e21, "1e+21", "1e+21"),
            (1e100, "1e+100", "1e+100"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_099, "9.9e-05", "9.9e-05"),
            (1e-5, "1e-05", "1e-05"),
            (1e-100, "1e-100", "1e-100"),
            (f64::MAX, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308", "2.2250738585072014e-308"),
            (5e-324, "5e-324", "5e-324"),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ] {
            assert_eq!(text_of(write_float, value), text);
            assert_eq!(text_of(write_openmetrics_float, value), openmetrics);
        }
    }

    proptest! {
        #[test]
        fn floats_read_back_and_show_an_exponent_only_when_large_or_small(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = text_of(write_float, value);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            let large_or_small = value != 0.0 && !(1e-4..1e6).contains(&value.abs());
            prop_assert_eq!(text.contains('e'), large_or_small, "{}", text);
        }
    }
}
