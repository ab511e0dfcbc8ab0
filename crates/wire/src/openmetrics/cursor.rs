//! Cursor: what is left of a line, and what is wrong where it stands.

/// Characters that an error shows of what it found.
const FOUND_CHARS_MAX: usize = 24;

/// A line contradicts the syntax.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}, found {found}")]
pub struct SyntaxError {
    /// The character, from 1.
    pub column: usize,
    /// What should stand there.
    pub expected: &'static str,
    /// What stands there: its start in quotes, or a sentence.
    pub found: String,
}

/// A place in a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'l> {
    pub(crate) line: &'l str,
    pub(crate) at: usize,
}

impl<'l> Cursor<'l> {
    pub(crate) fn new(line: &'l str) -> Self {
        Self { line, at: 0 }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'l str {
        &self.line[self.at..]
    }

    /// Takes a byte if it stands here.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_here = self.peek() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    /// Takes a byte that must stand here.
    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), SyntaxError> {
        if self.eat(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Takes bytes as long as they are such, and returns them. The bytes asked for are ASCII, so
    /// the line is cut between characters.
    #[inline]
    pub(crate) fn take_while(&mut self, is_such: impl Fn(u8) -> bool) -> &'l str {
        let bytes = self.line.as_bytes();
        let start = self.at;
        let n = bytes[start..].iter().position(|byte| !is_such(*byte));
        self.at = n.map_or(bytes.len(), |n| start + n);
        &self.line[start..self.at]
    }

    /// The error that something else should stand here.
    #[cold]
    pub(crate) fn error(&self, expected: &'static str) -> SyntaxError {
        let rest = self.rest();
        let shown: String = rest.chars().take(FOUND_CHARS_MAX).collect();
        let found = match (shown.is_empty(), shown.len() < rest.len()) {
            (true, _) => "the end of the line".to_owned(),
            (false, false) => format!("{shown:?}"),
            (false, true) => format!("{shown:?}..."),
        };
        SyntaxError { column: self.line[..self.at].chars().count() + 1, expected, found }
    }

    /// The error that something else should stand at an earlier place.
    #[cold]
    pub(crate) fn error_at(&self, at: usize, expected: &'static str) -> SyntaxError {
        Self { at, ..*self }.error(expected)
    }
}
