//! JSON, written byte by byte into the buffer that becomes a piece of the answer.
//!
//! Numbers and times have the form that Prometheus gives them, because dashboards compare, cache
//! and sometimes cut texts: values are texts, in the fewest digits that read back the same, with an
//! exponent below 1e-6 and from 1e21 on; times are seconds with no decimals or three.

use std::io::Write as _;

use model::{Histogram, Labels};

const TAKES_ALL: &str = "a Vec takes any bytes";

/// Below this a value that is not 0 has an exponent.
const PLAIN_MIN: f64 = 1e-6;
/// From this on a value has an exponent.
const PLAIN_MAX: f64 = 1e21;
/// From this on the faster writer of digits writes no exponent, either.
const DIGITS_MIN: f64 = 1e-5;
/// Below this whole numbers are told apart by a double, and by their digits.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A text between quotes.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text, |_| false);
    out.push(b'"');
}

/// A text between quotes that a page may show: what a browser could take for markup is escaped.
pub(super) fn message(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text, |byte| matches!(byte, b'<' | b'>' | b'&'));
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, text: &str, too: impl Fn(u8) -> bool) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= b' ' && *byte != b'"' && *byte != b'\\' && !too(*byte) {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => write!(out, "\\u{other:04x}").expect(TAKES_ALL),
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

/// Texts as a list; nothing else stands between the brackets.
pub(super) fn texts<'t>(out: &mut Vec<u8>, texts: impl IntoIterator<Item = &'t str>) {
    list(out, texts, message);
}

/// A list.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Labels as an object.
pub(super) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        text(out, &label.name);
        out.push(b':');
        text(out, &label.value);
    }
    out.push(b'}');
}

/// Unix milliseconds as seconds.
pub(super) fn time(out: &mut Vec<u8>, t_ms: i64) {
    if t_ms < 0 {
        out.push(b'-');
    }
    let ms = t_ms.unsigned_abs();
    whole(out, ms / 1000);
    if !ms.is_multiple_of(1000) {
        write!(out, ".{:03}", ms % 1000).expect(TAKES_ALL);
    }
}

/// A number that is no value of a series: a duration or a count.
pub(super) fn number(out: &mut Vec<u8>, value: f64) {
    write!(out, "{value}").expect(TAKES_ALL);
}

/// A value of a series, as a text.
pub(super) fn value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    let size = value.abs();
    if size < PLAIN_MIN && value != 0.0 || size >= PLAIN_MAX && size.is_finite() {
        with_exponent(out, value);
    } else {
        plain(out, value);
    }
    out.push(b'"');
}

/// The value of a scalar, as a text: never with an exponent.
pub(super) fn scalar(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    plain(out, value);
    out.push(b'"');
}

fn plain(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.trunc() == value && value.abs() < WHOLE_MAX {
        if value.is_sign_negative() {
            out.push(b'-');
        }
        whole(out, value.abs() as u64);
    } else if (DIGITS_MIN..WHOLE_MAX).contains(&value.abs()) {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        write!(out, "{value}").expect(TAKES_ALL);
    }
}

/// Rust writes `1.5e-7`, Go `1.5e-07`.
fn with_exponent(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    write!(out, "{value:e}").expect(TAKES_ALL);
    let e = out[start..].iter().rposition(|byte| *byte == b'e').expect("an exponent is written");
    let mut at = start + e + 1;
    if out[at] != b'-' {
        out.insert(at, b'+');
    }
    at += 1;
    if out.len() - at < 2 {
        out.insert(at, b'0');
    }
}

/// Digits of a whole number: most values and all times are such.
fn whole(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A native histogram: count, sum, and the buckets that counted something, each with its kind of
/// bounds: 0 open on the left, 1 open on the right, 2 open, 3 closed.
pub(super) fn histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    out.extend_from_slice(b"{\"count\":");
    value(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    value(out, histogram.sum);
    let mut is_first = true;
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        out.extend_from_slice(if is_first { b",\"buckets\":[[" } else { b",[" });
        is_first = false;
        let kind = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => b'0',
            (true, false) => b'1',
            (false, false) => b'2',
            (true, true) => b'3',
        };
        out.push(kind);
        for number in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            value(out, number);
        }
        out.push(b']');
    }
    if !is_first {
        out.push(b']');
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests;
