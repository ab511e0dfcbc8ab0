//! Lines: a text read line by line, in bounded memory and without a copy of what fits the reader's
//! own buffer. [`Lines`] pulls from a source; a [`Splitter`] is handed the pieces as they come.

mod splitter;

pub use splitter::{EveryLf, LineEnds, Splitter};

use std::io::{self, BufRead};

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The source's own.
    #[error("cannot read on after line {after}: {cause}")]
    Io {
        /// The last line that was read, from 1; 0 before the first.
        after: u64,
        /// What the source said.
        #[source]
        cause: io::Error,
    },
    /// A line that is longer than anyone writes.
    #[error("line {line} is longer than {max} bytes")]
    TooLong {
        /// Which one, from 1.
        line: u64,
        /// The bound.
        max: usize,
    },
}

/// The lines of a text. A last one without a line end counts too.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    bytes_max: usize,
    number: u64,
    n_bytes: u64,
    /// What of the reader's buffer was lent out.
    lent: usize,
    /// A line that did not fit the reader's buffer.
    joined: Vec<u8>,
    ends_with_line_end: bool,
}

/// Where a line is.
enum Place {
    /// In the reader's buffer, so many bytes before its end.
    Buffered(usize),
    /// In the joined buffer.
    Joined,
    /// Nowhere.
    End,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a source, each of at most `bytes_max` bytes without its end.
    pub fn new(input: R, bytes_max: usize) -> Self {
        let (number, n_bytes, lent) = (0, 0, 0);
        let joined = Vec::new();
        Self { input, bytes_max, number, n_bytes, lent, joined, ends_with_line_end: true }
    }

    /// The next line without its end (LF).
    ///
    /// # Errors
    /// The source's own, or a line beyond the bound. Reading on makes no sense then.
    #[expect(clippy::should_implement_trait, reason = "a line is lent, which no iterator can do")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, LinesError> {
        match self.find()? {
            Place::End => Ok(None),
            Place::Joined => Ok(Some(&self.joined)),
            Place::Buffered(n) => {
                // It was filled a moment ago, so this reads nothing.
                let after = self.number;
                let held = self.input.fill_buf();
                let held = held.map_err(|cause| LinesError::Io { after, cause })?;
                Ok(Some(&held[..n]))
            }
        }
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes read so far, line ends included.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Whether the line that was read last had an end.
    pub fn has_line_end(&self) -> bool {
        self.ends_with_line_end
    }

    fn find(&mut self) -> Result<Place, LinesError> {
        self.input.consume(std::mem::take(&mut self.lent));
        self.joined.clear();
        loop {
            let after = self.number;
            let held = match self.input.fill_buf() {
                Ok(held) => held,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(LinesError::Io { after, cause }),
            };
            if held.is_empty() {
                return Ok(self.last());
            }
            let end = held.iter().position(|byte| *byte == b'\n');
            let n = end.unwrap_or(held.len());
            if self.joined.len() + n > self.bytes_max {
                return Err(LinesError::TooLong { line: after + 1, max: self.bytes_max });
            }
            let used = n + usize::from(end.is_some());
            self.n_bytes += used as u64;
            if end.is_some() && self.joined.is_empty() {
                self.lent = used;
                return Ok(self.found(Place::Buffered(n)));
            }
            self.joined.extend_from_slice(&held[..n]);
            self.input.consume(used);
            if end.is_some() {
                return Ok(self.found(Place::Joined));
            }
        }
    }

    fn found(&mut self, place: Place) -> Place {
        self.number += 1;
        place
    }

    /// What stands after the last line end.
    fn last(&mut self) -> Place {
        if self.joined.is_empty() {
            return Place::End;
        }
        self.ends_with_line_end = false;
        self.found(Place::Joined)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{Lines, LinesError};

    fn read(text: &str, buffer_bytes: usize) -> Vec<String> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer_bytes, text.as_bytes()), 8);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(lines.n_bytes(), text.len() as u64);
        assert_eq!(lines.number(), all.len() as u64);
        assert_eq!(lines.has_line_end(), text.is_empty() || text.ends_with('\n'));
        all
    }

    #[test]
    fn lines_are_the_same_whatever_the_buffer() {
        for text in ["", "a", "a\n", "\n\n", "12345678\nb\n\nlast", "one\ntwo\n"] {
            let expected: Vec<&str> = text.lines().collect();
            for buffer_bytes in 1..12 {
                assert_eq!(read(text, buffer_bytes), expected, "{text:?}, {buffer_bytes}");
            }
        }
    }

    #[test]
    fn a_line_beyond_the_bound_is_refused_with_its_number() {
        for text in ["a\n123456789\n", "a\n123456789"] {
            for buffer_bytes in [1, 4, 64] {
                let reader = BufReader::with_capacity(buffer_bytes, text.as_bytes());
                let mut lines = Lines::new(reader, 8);
                assert_eq!(lines.next().unwrap(), Some(b"a".as_slice()));
                let refused = lines.next().unwrap_err();
                assert!(matches!(refused, LinesError::TooLong { line: 2, max: 8 }), "{refused}");
            }
        }
    }
}
