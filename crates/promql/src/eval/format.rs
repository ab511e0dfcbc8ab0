//! Numbers as texts, in the forms that Go writes.

/// Decimal digits without an exponent, as few as tell the number (`'f'`, -1).
pub(super) fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// With six decimals, as `%f` writes it.
pub(super) fn fixed(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { plain(value) }
}

/// As `%g` writes it: with an exponent below 1e-4 and from a million on.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || value == 0.0 || (1e-4..1e6).contains(&size) {
        return plain(value);
    }
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// The value of a label, as OpenMetrics writes numbers: `1.0`.
pub(super) fn label_value(value: f64) -> String {
    let text = short(value);
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole { text + ".0" } else { text }
}

#[cfg(test)]
mod tests {
    use super::{label_value, plain, short};

    #[test]
    fn numbers_read_as_go_writes_them() {
        assert_eq!(plain(f64::INFINITY), "+Inf");
        assert_eq!(plain(1e21), "1000000000000000000000");
        assert_eq!((short(1e21), short(1e6)), ("1e+21".to_owned(), "1e+06".to_owned()));
        assert_eq!(short(1_234_567.0), "1.234567e+06");
        assert_eq!(short(-2.5e-7), "-2.5e-07");
        assert_eq!(short(0.5), "0.5");
        assert_eq!((label_value(1.0), label_value(0.5)), ("1.0".to_owned(), "0.5".to_owned()));
    }
}
