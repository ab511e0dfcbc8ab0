//! Sizes in bytes as people write them: `500MB`, `10GiB`, or a bare number of bytes.

use std::fmt;

/// Units from small to large: thousands, and powers of 1024.
const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteSizeError {
    /// The text.
    pub text: String,
}

impl fmt::Display for ByteSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = "KB, MB, GB, TB, KiB, MiB, GiB or TiB";
        write!(f, "not a size: {:?}, expected bytes or a number with {units}", self.text)
    }
}

impl std::error::Error for ByteSizeError {}

/// Reads a size.
///
/// # Errors
/// Any other text, and sizes that exceed 64 bits.
pub fn parse_byte_size(text: &str) -> Result<u64, ByteSizeError> {
    let fail = || ByteSizeError { text: text.to_owned() };
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..n_digits].parse().map_err(|_| fail())?;
    let unit = text[n_digits..].trim_start();
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    known.and_then(|(_, bytes)| number.checked_mul(*bytes)).ok_or_else(fail)
}

#[cfg(test)]
mod tests {
    use super::parse_byte_size;

    #[test]
    fn reads_bytes_and_units() {
        let check = |text: &str, bytes: u64| assert_eq!(parse_byte_size(text), Ok(bytes), "{text}");
        check("0", 0);
        check("512", 512);
        check("500MB", 500_000_000);
        check("10GiB", 10 << 30);
        check("3 TiB", 3 << 40);
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "GB", "-1", "1.5GB", "10g", "1KBx", "99999999999TiB", "１"] {
            assert!(parse_byte_size(text).is_err(), "{text}");
        }
    }
}
