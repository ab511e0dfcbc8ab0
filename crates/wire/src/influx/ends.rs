//! Ends: which line feeds end a point. One within a text does not.

use crate::lines::LineEnds;

/// Follows a line as far as it must to know whether a quote is open. As in InfluxDB, quotes count
/// behind an `=` among the fields alone: in a tag they are letters.
#[derive(Debug, Default, Clone)]
pub struct PointEnds {
    place: Place,
    /// The byte before was a backslash that is not escaped itself. Whether it escapes says what
    /// follows: outside of texts a backslash before another is a letter.
    is_escape: bool,
}

/// The part of a line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing of it has come.
    #[default]
    Start,
    /// A comment.
    Comment,
    /// Measurement and tags, to the first blank.
    Series,
    /// Among the fields, before the `=` of one, or behind its value.
    Key,
    /// Behind the `=` of a field.
    Value,
    /// Between quotes.
    Text,
}

impl LineEnds for PointEnds {
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.ends_with(*byte) {
                self.reset();
                return Some(at);
            }
        }
        None
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl PointEnds {
    fn ends_with(&mut self, byte: u8) -> bool {
        if byte == b'\n' && self.place != Place::Text {
            return true;
        }
        let was_escape = std::mem::replace(&mut self.is_escape, byte == b'\\');
        if self.place == Place::Comment {
            return false;
        }
        let can_be_escaped = match self.place {
            Place::Text => matches!(byte, b'"' | b'\\'),
            Place::Value => false,
            _ => matches!(byte, b',' | b'=' | b' '),
        };
        if was_escape && can_be_escaped {
            self.is_escape = false;
            return false;
        }
        self.place = match (self.place, byte) {
            (Place::Start, b'#') => Place::Comment,
            (Place::Start, b' ' | b'\t') => Place::Start,
            (Place::Series, b' ') => Place::Key,
            (Place::Start, _) => Place::Series,
            (Place::Key, b'=') => Place::Value,
            (Place::Value, b'"') => Place::Text,
            (Place::Value, b',' | b' ') => Place::Key,
            (Place::Text, b'"') => Place::Key,
            (place, _) => place,
        };
        false
    }
}
