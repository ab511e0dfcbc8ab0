//! Quoted texts: `"` and `'` with the escapes of Go, backquotes without any and over many lines.

use crate::error::Parsed;
use crate::quote::Text;
use crate::token::Kind;

use super::Lexer;

/// The escapes of one letter.
const LETTERS: [(char, u8); 8] = [
    ('a', 7),
    ('b', 8),
    ('f', 12),
    ('n', b'\n'),
    ('r', b'\r'),
    ('t', b'\t'),
    ('v', 11),
    ('\\', b'\\'),
];

impl Lexer<'_> {
    /// A quoted text, the quote not read yet.
    pub(super) fn text(&mut self, quote: char) -> Parsed<Kind> {
        self.at += 1;
        let is_raw = quote == '`';
        loop {
            match self.next_char() {
                Some(c) if c == quote => return Ok(Kind::Text),
                None if is_raw => return self.wrong("unterminated raw string"),
                None => return self.wrong("unterminated quoted string"),
                Some('\n') if !is_raw => return self.wrong("unterminated quoted string"),
                // What the text was decoded from need not have been UTF-8: this is what is left.
                Some(char::REPLACEMENT_CHARACTER) => return self.wrong("invalid UTF-8 rune"),
                Some('\\') if !is_raw => self.escape(quote)?,
                Some(_) => {}
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, quote: char) -> Parsed<()> {
        let Some(c) = self.next_char() else {
            return self.wrong("escape sequence not terminated");
        };
        let Some((n_digits, radix, value_max)) = digits_of(c) else {
            let is_known = c == quote || LETTERS.iter().any(|(letter, _)| *letter == c);
            let unknown = || self.wrong(format!("unknown escape sequence {}", code_point(c)));
            return if is_known { Ok(()) } else { unknown() };
        };
        if radix == 8 {
            self.at -= 1;
        }
        let mut value = 0;
        for _ in 0..n_digits {
            let Some(c) = self.next_char() else {
                return self.wrong("escape sequence not terminated");
            };
            let Some(digit) = c.to_digit(radix) else {
                let c = code_point(c);
                return self.wrong(format!("illegal character {c} in escape sequence"));
            };
            value = value * radix + digit;
        }
        match value > value_max || (0xD800..0xE000).contains(&value) {
            true => self.wrong("escape sequence is an invalid Unicode code point"),
            false => Ok(()),
        }
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }
}

/// How many digits follow this letter of an escape, or begin with it if it is one; their radix, and
/// the highest value.
fn digits_of(c: char) -> Option<(usize, u32, u32)> {
    match c {
        '0'..='7' => Some((3, 8, 0xFF)),
        'x' => Some((2, 16, 0xFF)),
        'u' => Some((4, 16, char::MAX as u32)),
        'U' => Some((8, 16, char::MAX as u32)),
        _ => None,
    }
}

/// A character in a message: `U+0063 'c'`.
fn code_point(c: char) -> String {
    match c.is_control() {
        true => format!("U+{:04X}", c as u32),
        false => format!("U+{:04X} '{c}'", c as u32),
    }
}

/// What a quoted text says; the lexer has read it.
pub(crate) fn unquote(quoted: &str) -> Text {
    let inner = &quoted[1..quoted.len() - 1];
    if quoted.starts_with('`') {
        return Text::from(inner);
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = unescape(&rest[at + 1..], &mut bytes);
    }
    bytes.extend_from_slice(rest.as_bytes());
    Text::from(bytes)
}

/// Reads what stands behind a backslash; returns what follows.
fn unescape<'t>(text: &'t str, out: &mut Vec<u8>) -> &'t str {
    let c = text.chars().next().expect("the lexer refuses a text that ends with a backslash");
    let Some((n_digits, radix, _)) = digits_of(c) else {
        let letter = LETTERS.iter().find(|(letter, _)| *letter == c);
        out.push(letter.map_or(c as u8, |(_, byte)| *byte));
        return &text[1..];
    };
    let from = usize::from(radix == 16);
    let (digits, rest) = text[from..].split_at(n_digits);
    let value = u32::from_str_radix(digits, radix).expect("the lexer has read these digits");
    match matches!(c, 'u' | 'U') {
        true => {
            let c = char::from_u32(value).expect("the lexer refuses other values");
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        false => out.push(u8::try_from(value).expect("the lexer refuses larger values")),
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn escapes_say_bytes_and_characters() {
        let read = |quoted: &str| unquote(quoted).as_bytes().to_vec();
        assert_eq!(read(r#""\a\b\f\n\r\t\v\\\"""#), b"\x07\x08\x0c\n\r\t\x0b\\\"");
        assert_eq!(read(r"'\xFF\377\'é'"), b"\xff\xff'\xc3\xa9");
        assert_eq!(read(r"'\u1234\U00010111'"), "\u{1234}\u{10111}".as_bytes());
        assert_eq!(read(r"`\n`"), br"\n");
    }
}
