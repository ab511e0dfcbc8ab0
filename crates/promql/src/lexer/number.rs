//! Numbers and durations: `0x1F`, `1_000.5`, `.5e3`, `1h30m`.
//!
//! Which characters belong to a number, and which of these runs then are one, are two questions, as
//! in Prometheus: `0x1e` ends within an exponent that hexadecimal numbers do not have, while
//! `0x1e + 1` is 31. Queries rely on what is accepted, so both answers follow it to the letter.

use crate::error::Parsed;
use crate::quote::Quoted;
use crate::token::Kind;

use super::{Bracket, Lexer};

/// The units in the order in which they stand, and how many milliseconds they have.
const UNITS_MS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const NS_PER_MS: u64 = 1_000_000;

impl Lexer<'_> {
    /// A number or a duration; its first character is known to be of one.
    pub(super) fn number_or_duration(&mut self) -> Parsed<Kind> {
        let kind = match self.skip_number() {
            true => Kind::Number,
            false if self.skip_units() => Kind::Duration,
            false => {
                let text = Quoted(&self.query[self.start..self.at]);
                return self.wrong(format!("bad number or duration syntax: {text}"));
            }
        };
        if self.bracket == Bracket::Begun {
            (self.bracket, self.has_duration) = (Bracket::Measured, true);
        }
        Ok(kind)
    }

    /// Passes a number; stops where it goes wrong.
    fn skip_number(&mut self) -> bool {
        let is_hex = self.skip_one("0") && self.skip_one("xX");
        if is_hex {
            self.skip_one("_");
        }
        let digits = if is_hex { "0123456789abcdefABCDEF" } else { "0123456789" };
        self.skip_one(".");
        self.skip_one(digits);
        let (mut has_dot, mut has_exponent) = (false, false);
        loop {
            let is_fine = match self.peek() {
                Some('.') if has_dot => !self.skip_one("."),
                Some('.') => {
                    has_dot = true;
                    self.skip_one(".");
                    // Hexadecimal fractions are not part of the language.
                    !self.skip_one("_.") && !is_hex
                }
                Some('e' | 'E') if has_exponent => !self.skip_one("eE"),
                Some('e' | 'E') => {
                    has_exponent = true;
                    self.skip_one("eE");
                    self.skip_one("+-");
                    self.continues()
                }
                Some('_') => {
                    self.skip_one("_");
                    self.continues()
                }
                Some(c) if digits.contains(c) => {
                    self.skip_while(|c| digits.contains(c));
                    true
                }
                _ => return !self.peek().is_some_and(is_of_word),
            };
            if !is_fine {
                return false;
            }
        }
    }

    /// Whether a number can go on behind an underscore or an exponent's sign.
    fn continues(&mut self) -> bool {
        !self.skip_one("._eE") && self.peek().is_some()
    }

    /// Passes the rest of a duration, from its first unit; stops behind what is wrong.
    fn skip_units(&mut self) -> bool {
        let mut units = "smhdwy";
        loop {
            if !self.skip_one(units) {
                return false;
            }
            // Of `ms`. Others with an `s`, and wrong orders, are found when the duration is read.
            self.skip_one("s");
            match self.peek() {
                Some('0'..='9') => self.skip_while(|c| c.is_ascii_digit()),
                Some(c) if is_of_word(c) => {
                    self.at += 1;
                    return false;
                }
                _ => return true,
            }
            units = "smhdw";
        }
    }

    /// Passes one character, if it is one of these.
    fn skip_one(&mut self, set: &str) -> bool {
        let fits = self.peek().is_some_and(|c| set.contains(c));
        self.at += usize::from(fits);
        fits
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The value of a number's text: a whole number with Go's prefixes, else a decimal fraction.
///
/// # Errors
/// The message of what is wrong.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    if let Some(whole) = whole_number(text) {
        return Ok(whole as f64);
    }
    let wrong = |reason| {
        let text = Quoted(text);
        Err(format!("error parsing number: strconv.ParseFloat: parsing {text}: {reason}"))
    };
    if !are_underscores_between_digits(text) || text.starts_with(['x', 'X']) {
        return wrong("invalid syntax");
    }
    match text.replace('_', "").parse::<f64>() {
        Ok(value) if value.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) => {
            wrong("value out of range")
        }
        Ok(value) => Ok(value),
        Err(_) => wrong("invalid syntax"),
    }
}

/// A whole number below 2^63: decimal, or with `0x`, or octal with a leading zero.
fn whole_number(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits.strip_prefix('_').unwrap_or(digits), 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    let digits = if radix == 8 { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let is_plain = !digits.starts_with(['_', '+', '-']) && !digits.ends_with('_');
    if !is_plain || digits.contains("__") {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

fn are_underscores_between_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_fine = |at: usize| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
    bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || is_fine(at))
}

/// The nanoseconds of a duration's text: numbers with units from large to small, each once.
///
/// # Errors
/// The message of what is wrong. A unit is whatever stands before the next digit, so that the `.`
/// of `1.5h` is an unknown one.
pub(crate) fn duration_ns(text: &str) -> Result<i64, String> {
    let not_one = || format!("not a valid duration string: {}", Quoted(text));
    let too_long = || "duration out of range".to_owned();
    let (mut rest, mut n_passed, mut total_ms) = (text, 0, 0u64);
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, behind) = rest.split_at(n_digits);
        let number: u64 = digits.parse().map_err(|_| not_one())?;
        let n_unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(n_unit);
        let place = match UNITS_MS.iter().position(|(name, _)| *name == unit) {
            Some(place) if place >= n_passed => place,
            None if !unit.is_empty() => {
                return Err(format!("unknown unit {} in duration {}", Quoted(unit), Quoted(text)));
            }
            _ => return Err(not_one()),
        };
        let ms = number.checked_mul(UNITS_MS[place].1);
        total_ms = ms.and_then(|ms| total_ms.checked_add(ms)).ok_or_else(too_long)?;
        (rest, n_passed) = (behind, place + 1);
    }
    let ns = total_ms.checked_mul(NS_PER_MS).and_then(|ns| i64::try_from(ns).ok());
    ns.ok_or_else(too_long)
}

#[cfg(test)]
mod tests {
    use super::{duration_ns, number};

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let value = |text: &str| number(text).unwrap();
        assert_eq!(value("010"), 8.0);
        assert_eq!(value("08"), 8.0);
        assert_eq!(value("0X_1F"), 31.0);
        assert_eq!(value("1_000.5"), 1000.5);
        assert_eq!(value("1e3_0"), 1e30);
        assert_eq!(value("5."), 5.0);
        assert_eq!(value("1.e5"), 100_000.0);
        assert_eq!((value("0_1"), value("0_8"), value("0x1_F")), (1.0, 8.0, 31.0));
        assert_eq!(value(".5"), 0.5);
        assert_eq!(value("99999999999999999999"), 1e20);
        assert_eq!(value("InF"), f64::INFINITY);
        assert!(value("nAn").is_nan());
        let wrong = |text: &str| number(text).unwrap_err();
        assert!(wrong("1e400").ends_with("parsing \"1e400\": value out of range"));
        for text in ["1_", "0x", "0x_", "1__0", "1_.5", "0xffffffffffffffffff"] {
            assert!(wrong(text).ends_with("invalid syntax"), "{text}");
        }
    }

    #[test]
    fn durations_go_from_large_to_small_units() {
        assert_eq!(duration_ns("1h30m5ms").unwrap(), 5_400_005_000_000);
        assert_eq!(duration_ns("292y").unwrap(), 292 * 365 * 86_400 * 1_000_000_000);
        for text in ["1m1h", "1s1s", "5", "99999999999999999999s"] {
            let wrong = format!("not a valid duration string: {text:?}");
            assert_eq!(duration_ns(text).unwrap_err(), wrong);
        }
        for (text, unit) in [("1.5h", "."), ("1hs", "hs"), ("2h3mm", "mm"), ("1m2e3s", "e")] {
            let wrong = format!("unknown unit {unit:?} in duration {text:?}");
            assert_eq!(duration_ns(text).unwrap_err(), wrong);
        }
        for text in ["293y", "9999999999999999999s"] {
            assert_eq!(duration_ns(text).unwrap_err(), "duration out of range");
        }
    }
}
