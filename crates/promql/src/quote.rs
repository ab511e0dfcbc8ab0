//! Quoting: texts as bytes, and how they are written between quotes.
//!
//! A text of the language is a run of bytes: `"\xff"` is one, though no UTF-8. The written form is
//! that of Go's `strconv.Quote`, which Prometheus prints and its messages use.

use std::fmt::{self, Write};

/// A text of a query: nearly always UTF-8, but an escape can write any byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text, with the replacement character in place of what is no UTF-8.
    pub fn to_lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// Writes the text between double quotes, with escapes.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, &self.0, '"')
    }
}

/// A text between double quotes, escaped.
pub(crate) struct Quoted<'t>(pub(crate) &'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, self.0.as_bytes(), '"')
    }
}

/// A character between single quotes, escaped; none stands for the end of the query.
pub(crate) struct QuotedChar(pub(crate) Option<char>);

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.0.unwrap_or(char::REPLACEMENT_CHARACTER);
        write_quoted(f, c.encode_utf8(&mut [0; 4]).as_bytes(), '\'')
    }
}

fn write_quoted(f: &mut impl Write, bytes: &[u8], quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            write_char(f, c, quote)?;
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    f.write_char(quote)
}

fn write_char(f: &mut impl Write, c: char, quote: char) -> fmt::Result {
    let letter = match c {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        c if c == quote => c,
        // A text with this character itself could not be read back.
        char::REPLACEMENT_CHARACTER if quote == '"' => return f.write_str("\\ufffd"),
        c if is_printable(c) => return f.write_char(c),
        c if (c as u32) < 0x80 => return write!(f, "\\x{:02x}", c as u32),
        c if (c as u32) < 0x1_0000 => return write!(f, "\\u{:04x}", c as u32),
        c => return write!(f, "\\U{:08x}", c as u32),
    };
    f.write_char('\\')?;
    f.write_char(letter)
}

/// Whether a character shows as itself.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // The standard library knows, but tells only by escaping; a letter goes ahead, because a mark
    // without one is escaped.
    !format!("a{c}").escape_debug().any(|c| c == '\\')
}

#[cfg(test)]
mod tests {
    use super::{QuotedChar, Text};

    #[test]
    fn what_does_not_show_is_escaped() {
        let quoted = |bytes: &[u8]| Text::from(bytes.to_vec()).to_string();
        assert_eq!(quoted(b"a\"b'\\"), r#""a\"b'\\""#);
        assert_eq!(quoted(b"\x07\x08\x0c\n\r\t\x0b\x00\x7f"), r#""\a\b\f\n\r\t\v\x00\x7f""#);
        assert_eq!(quoted("é☺e\u{301}".as_bytes()), "\"é☺e\u{301}\"");
        assert_eq!(quoted("\u{200b}\u{10ffff}".as_bytes()), r#""\u200b\U0010ffff""#);
        assert_eq!(quoted(b"a\xc5z"), r#""a\xc5z""#);
        assert_eq!(quoted("\u{fffd}".as_bytes()), r#""\ufffd""#);
    }

    #[test]
    fn a_character_stands_between_single_quotes() {
        assert_eq!(QuotedChar(Some('\'')).to_string(), r"'\''");
        assert_eq!(QuotedChar(Some('"')).to_string(), "'\"'");
        assert_eq!(QuotedChar(None).to_string(), "'\u{fffd}'");
    }
}
