//! Span: which bytes of a query something was read from.

/// A range of bytes of the query, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
}

impl Span {
    /// From byte `start` to before byte `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the beginning of this one to the end of that one.
    pub fn to(self, end: Self) -> Self {
        Self { start: self.start, end: end.end }
    }
}
