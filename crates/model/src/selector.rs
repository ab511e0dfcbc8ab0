//! Selector: matchers as people write them, `metric{a="b",c!="d"}`, and where a text is none.
//!
//! The grammar is that of PromQL's vector selectors without times, matchers joined by commas:
//! names are `[a-zA-Z_][a-zA-Z0-9_]*` (a metric's may have colons) or quoted, so that any UTF-8
//! name can be written; texts are quoted with `"` or `'` and the escapes of Go, or with backquotes
//! and no escapes.

use std::fmt;

use crate::{Labels, METRIC_NAME, MatchOp, Matcher};

/// A longer text is refused.
const SELECTOR_BYTES_MAX: usize = 64 << 10;

/// The operators and how they are written.
const OPS: [(MatchOp, &str); 4] = [
    (MatchOp::Match, "=~"),
    (MatchOp::NoMatch, "!~"),
    (MatchOp::NotEqual, "!="),
    (MatchOp::Equal, "="),
];

impl MatchOp {
    /// The number that stands for it in files, for ever.
    pub fn number(self) -> u8 {
        match self {
            Self::Equal => 0,
            Self::NotEqual => 1,
            Self::Match => 2,
            Self::NoMatch => 3,
        }
    }

    /// The operator of a number; `None` if there is none in this version.
    pub fn from_number(number: u8) -> Option<Self> {
        OPS.iter().map(|(op, _)| *op).find(|op| op.number() == number)
    }
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError {
    /// The place of the mistake, in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.position, self.reason)
    }
}

impl std::error::Error for SelectorError {}

/// Reads a selector. At least one of its matchers asks for something: none that every series meets
/// stands alone, so that a mistake does not select everything.
///
/// # Errors
/// The first place that is not understood.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, SelectorError> {
    let matchers = parse_matchers(text)?;
    let nothing = Labels::default();
    let asks = |matcher: &Matcher| !matcher.matches(&nothing);
    if !matchers.iter().any(asks) {
        let reason = "at least one matcher must not match the empty text";
        return Err(SelectorError { position: 1, reason: reason.to_owned() });
    }
    Ok(matchers)
}

/// Reads a selector that may select everything, for those who only read.
///
/// # Errors
/// The first place that is not understood.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, SelectorError> {
    if text.len() > SELECTOR_BYTES_MAX {
        let reason = format!("the selector is longer than {SELECTOR_BYTES_MAX} bytes");
        return Err(SelectorError { position: 1, reason });
    }
    Parser { text, at: 0 }.selector()
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn selector(&mut self) -> Result<Vec<Matcher>, SelectorError> {
        let mut matchers = Vec::new();
        self.skip_blanks();
        if let Some(metric) = self.word(true) {
            matchers.push(Matcher::equal(METRIC_NAME, metric));
        }
        if self.takes('{') {
            self.matchers(&mut matchers)?;
        } else if matchers.is_empty() {
            return Err(self.expected("a metric name or {"));
        }
        if self.rest().is_empty() { Ok(matchers) } else { Err(self.expected("the end")) }
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), SelectorError> {
        let has_metric = !matchers.is_empty();
        while !self.takes('}') {
            let began = self.at;
            let matcher = self.matcher()?;
            if has_metric && matcher.name == METRIC_NAME {
                return Err(self.wrong(began, "the metric name is given before the brace already"));
            }
            matchers.push(matcher);
            if !self.takes(',') && !self.rest().starts_with('}') {
                return Err(self.expected(", or }"));
            }
        }
        Ok(())
    }

    /// `name="value"`, or a quoted metric name alone.
    fn matcher(&mut self) -> Result<Matcher, SelectorError> {
        self.skip_blanks();
        let is_quoted = self.rest().starts_with(['"', '\'', '`']);
        let name = match is_quoted {
            true => self.quoted()?,
            false => self.word(false).ok_or_else(|| self.expected("a label name or }"))?,
        };
        let found = OPS.iter().find(|(_, written)| self.rest().starts_with(written));
        let Some((op, written)) = found else {
            if is_quoted && self.rest().starts_with([',', '}']) {
                return Ok(Matcher::equal(METRIC_NAME, name));
            }
            return Err(self.expected("one of = != =~ !~"));
        };
        self.at += written.len();
        self.skip_blanks();
        let value_at = self.at;
        let value = self.quoted()?;
        Matcher::new(name, *op, value).map_err(|error| self.wrong(value_at, &error.to_string()))
    }

    /// An unquoted name and the blanks behind it.
    fn word(&mut self, is_metric: bool) -> Option<String> {
        let fits = |(at, c): (usize, char)| {
            c.is_ascii_alphabetic()
                || c == '_'
                || (is_metric && c == ':')
                || (at > 0 && c.is_ascii_digit())
        };
        let n_bytes = self.rest().char_indices().take_while(|place| fits(*place)).count();
        let word = self.rest()[..n_bytes].to_owned();
        self.at += n_bytes;
        self.skip_blanks();
        (!word.is_empty()).then_some(word)
    }

    /// A quoted text and the blanks behind it.
    fn quoted(&mut self) -> Result<String, SelectorError> {
        let began = self.at;
        let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        let quote = quote.ok_or_else(|| self.expected("a quoted text"))?;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let at = self.at;
            match self.next_char() {
                None => return Err(self.wrong(began, "this quote is not closed")),
                Some(c) if c == quote => break,
                Some('\n') if quote != '`' => {
                    return Err(self.wrong(at, "a line ends within quotes"));
                }
                Some('\\') if quote != '`' => self.escape(at, quote, &mut bytes)?,
                Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.skip_blanks();
        String::from_utf8(bytes).map_err(|_| self.wrong(began, "the text is not UTF-8"))
    }

    /// What stands behind a backslash.
    fn escape(&mut self, at: usize, quote: char, out: &mut Vec<u8>) -> Result<(), SelectorError> {
        let unknown = || self.wrong(at, "unknown escape");
        let simple = |c| {
            [('a', 7), ('b', 8), ('f', 12), ('n', 10), ('r', 13), ('t', 9), ('v', 11)]
                .iter()
                .find_map(|(letter, byte)| (*letter == c).then_some(*byte))
        };
        let c = self.rest().chars().next().ok_or_else(unknown)?;
        let (radix, n_digits) = match c {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => (8, 3),
            _ => {
                let byte = simple(c).or((c == '\\' || c == quote).then_some(c as u8));
                out.push(byte.ok_or_else(unknown)?);
                self.at += 1;
                return Ok(());
            }
        };
        let from = self.at + usize::from(radix == 16);
        let digits = self.text.get(from..from + n_digits).ok_or_else(unknown)?;
        let is_plain = digits.chars().all(|digit| digit.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| is_plain);
        let number = number.ok_or_else(unknown)?;
        if matches!(c, 'u' | 'U') {
            let c = char::from_u32(number).ok_or_else(unknown)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(u8::try_from(number).map_err(|_| unknown())?);
        }
        self.at = from + n_digits;
        Ok(())
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes a sign and the blanks behind it, if it stands here.
    fn takes(&mut self, sign: char) -> bool {
        self.skip_blanks();
        let is_here = self.rest().starts_with(sign);
        if is_here {
            self.at += sign.len_utf8();
            self.skip_blanks();
        }
        is_here
    }

    fn expected(&self, what: &str) -> SelectorError {
        let found = self.rest().chars().next().map_or("the end".to_owned(), |c| format!("{c:?}"));
        self.wrong(self.at, &format!("expected {what}, found {found}"))
    }

    fn wrong(&self, at: usize, reason: &str) -> SelectorError {
        let position = self.text[..at].chars().count() + 1;
        SelectorError { position, reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests;
