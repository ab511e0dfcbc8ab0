//! Splitter: lines of a text that comes piece by piece, from a body or a connection, so that no
//! reader has to wait for the next piece on a thread of its own.

use super::LinesError;

/// Which line feeds end a line.
pub trait LineEnds {
    /// Where the line ends within these bytes, which follow those of the calls before. After an end,
    /// the next call begins a line.
    fn find(&mut self, bytes: &[u8]) -> Option<usize>;
    /// Forgets the line at hand.
    fn reset(&mut self);
}

/// Every line feed does.
#[derive(Debug, Default, Clone, Copy)]
pub struct EveryLf;

impl LineEnds for EveryLf {
    #[inline]
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|byte| *byte == b'\n')
    }

    fn reset(&mut self) {}
}

/// See the head of this file. What a piece leaves of a line is kept until the next one comes.
#[derive(Debug)]
pub struct Splitter<E = EveryLf> {
    ends: E,
    bytes_max: usize,
    number: u64,
    /// The start of a line whose end has not come.
    begun: Vec<u8>,
    /// The line at hand is longer than the bound; the rest of it is passed over.
    is_too_long: bool,
}

impl<E: LineEnds> Splitter<E> {
    /// For lines of at most `bytes_max` bytes without their end.
    pub fn new(ends: E, bytes_max: usize) -> Self {
        Self { ends, bytes_max, number: 0, begun: Vec::new(), is_too_long: false }
    }

    /// The number of the line that was handed out last, from 1; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Hands out the lines that end in this piece, each with its number and without its end (LF); one
    /// beyond the bound as an error in its place.
    ///
    /// # Errors
    /// Those of `each`. The rest of the piece is lost then.
    pub fn feed<F>(
        &mut self,
        mut piece: &[u8],
        mut each: impl FnMut(u64, Result<&[u8], LinesError>) -> Result<(), F>,
    ) -> Result<(), F> {
        while !piece.is_empty() {
            if self.is_too_long {
                let Some(end) = piece.iter().position(|byte| *byte == b'\n') else { return Ok(()) };
                piece = &piece[end + 1..];
                self.is_too_long = false;
                continue;
            }
            let end = self.ends.find(piece);
            let part = &piece[..end.unwrap_or(piece.len())];
            piece = &piece[end.map_or(piece.len(), |end| end + 1)..];
            if self.begun.len() + part.len() > self.bytes_max {
                self.is_too_long = end.is_none();
                self.too_long(&mut each)?;
                continue;
            }
            if end.is_none() {
                self.begun.extend_from_slice(part);
                return Ok(());
            }
            self.number += 1;
            if self.begun.is_empty() {
                each(self.number, Ok(part))?;
            } else {
                self.begun.extend_from_slice(part);
                let handed = each(self.number, Ok(&self.begun));
                self.begun.clear();
                handed?;
            }
        }
        Ok(())
    }

    /// Hands out a last line without an end, if there is one.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn finish<F>(
        &mut self,
        mut each: impl FnMut(u64, Result<&[u8], LinesError>) -> Result<(), F>,
    ) -> Result<(), F> {
        if self.begun.is_empty() {
            return Ok(());
        }
        self.number += 1;
        let handed = each(self.number, Ok(&self.begun));
        self.begun.clear();
        self.ends.reset();
        handed
    }

    fn too_long<F>(
        &mut self,
        each: &mut impl FnMut(u64, Result<&[u8], LinesError>) -> Result<(), F>,
    ) -> Result<(), F> {
        // One long line must not keep its memory for all that follow.
        self.begun = Vec::new();
        self.ends.reset();
        self.number += 1;
        each(self.number, Err(LinesError::TooLong { line: self.number, max: self.bytes_max }))
    }
}

#[cfg(test)]
mod tests {
    use super::{EveryLf, LinesError, Splitter};

    /// The lines of a text that comes in pieces of so many bytes.
    fn split(text: &str, piece_bytes: usize) -> Vec<String> {
        let mut splitter = Splitter::new(EveryLf, 8);
        let mut all = Vec::new();
        let mut each = |number: u64, line: Result<&[u8], LinesError>| {
            all.push(match line {
                Ok(line) => String::from_utf8(line.to_vec()).unwrap(),
                Err(error) => error.to_string(),
            });
            assert_eq!(number, all.len() as u64);
            Ok::<_, ()>(())
        };
        for piece in text.as_bytes().chunks(piece_bytes) {
            splitter.feed(piece, &mut each).unwrap();
        }
        splitter.finish(&mut each).unwrap();
        assert_eq!(splitter.number(), all.len() as u64);
        all
    }

    #[test]
    fn lines_are_the_same_whatever_the_pieces() {
        for text in ["", "a", "a\n", "\n\n", "12345678\nb\n\nlast", "one\ntwo\n"] {
            let expected: Vec<&str> = text.lines().collect();
            for piece_bytes in 1..12 {
                assert_eq!(split(text, piece_bytes), expected, "{text:?}, {piece_bytes}");
            }
        }
    }

    #[test]
    fn a_line_beyond_the_bound_is_named_and_the_next_ones_are_read() {
        let expected = ["a", "line 2 is longer than 8 bytes", "b", "12345678"];
        for piece_bytes in 1..30 {
            assert_eq!(split("a\n123456789012\nb\n12345678", piece_bytes), expected);
        }
        assert_eq!(split("123456789", 3), ["line 1 is longer than 8 bytes"]);
    }

    #[test]
    fn what_a_reader_says_ends_the_piece() {
        let mut splitter = Splitter::new(EveryLf, 8);
        let mut seen = 0;
        let result = splitter.feed(b"a\nb\n", |_, _| {
            seen += 1;
            Err("no")
        });
        assert_eq!((result, seen), (Err("no"), 1));
    }
}
