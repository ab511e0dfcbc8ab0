//! Line: a point taken apart; texts are borrowed unless they have escapes.

use std::borrow::Cow;

use crate::openmetrics::cursor::Cursor;
use crate::openmetrics::{SyntaxError, parse_float};

/// Tags, and fields, of one point. Far above what is stored.
const PARTS_MAX: usize = 1024;

/// Names of tags with their values.
type Tags<'l> = Vec<(Cow<'l, str>, Cow<'l, str>)>;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Point<'l> {
    /// What was measured.
    pub measurement: Cow<'l, str>,
    /// Where, in the order of the line.
    pub tags: Tags<'l>,
    /// The values, in the order of the line; at least one.
    pub fields: Vec<(Cow<'l, str>, Field)>,
    /// When, in the unit of the request.
    pub t: Option<i64>,
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field {
    /// A number, or a boolean as 1 or 0.
    Number(f64),
    /// A text, which is no sample.
    Text,
}

/// Reads a line, given without its end, of at most [`super::LINE_BYTES_MAX`] bytes. `None` is a blank
/// line or a comment.
///
/// # Errors
/// It contradicts the syntax.
pub fn read_line(line: &str) -> Result<Option<Point<'_>>, SyntaxError> {
    let mut cursor = Cursor::new(line.trim_end_matches(['\r', ' ', '\t']));
    cursor.take_while(is_blank);
    if matches!(cursor.peek(), None | Some(b'#')) {
        return Ok(None);
    }
    let measurement = text(&mut cursor, b", ", "the name of a measurement")?;
    let tags = tags(&mut cursor)?;
    blanks(&mut cursor, "a blank and the fields")?;
    let fields = fields(&mut cursor)?;
    let mut t = None;
    if cursor.peek().is_some() {
        blanks(&mut cursor, "a blank and the time")?;
        t = Some(time(&mut cursor)?);
    }
    Ok(Some(Point { measurement, tags, fields, t }))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn blanks(cursor: &mut Cursor<'_>, expected: &'static str) -> Result<(), SyntaxError> {
    if cursor.take_while(is_blank).is_empty() { Err(cursor.error(expected)) } else { Ok(()) }
}

fn tags<'l>(cursor: &mut Cursor<'l>) -> Result<Tags<'l>, SyntaxError> {
    let mut tags = Vec::new();
    while cursor.eat(b',') {
        let start = cursor.at;
        let key = text(cursor, b"=, ", "the name of a tag")?;
        cursor.expect(b'=', "\"=\" and a tag's value")?;
        let value = text(cursor, b"=, ", "a tag's value")?;
        if tags.len() == PARTS_MAX {
            return Err(cursor.error_at(start, "at most 1024 tags"));
        }
        tags.push((key, value));
    }
    Ok(tags)
}

fn fields<'l>(cursor: &mut Cursor<'l>) -> Result<Vec<(Cow<'l, str>, Field)>, SyntaxError> {
    let mut fields = Vec::new();
    loop {
        let start = cursor.at;
        let key = text(cursor, b"=, ", "the name of a field")?;
        cursor.expect(b'=', "\"=\" and a field's value")?;
        let value = field(cursor)?;
        if fields.len() == PARTS_MAX {
            return Err(cursor.error_at(start, "at most 1024 fields"));
        }
        fields.push((key, value));
        if !cursor.eat(b',') {
            return Ok(fields);
        }
    }
}

/// A text to one of these bytes, which no backslash stands before; never empty. Those bytes are also
/// all that a backslash can stand before: in the name of a measurement `=` is a letter like others.
fn text<'l>(
    cursor: &mut Cursor<'l>,
    ends: &[u8],
    expected: &'static str,
) -> Result<Cow<'l, str>, SyntaxError> {
    let start = cursor.at;
    let mut has_escapes = false;
    loop {
        cursor.take_while(|byte| byte != b'\\' && !ends.contains(&byte));
        if !cursor.eat(b'\\') {
            break;
        }
        // What is escaped is no end; a backslash before anything else stands for itself.
        if cursor.peek().is_some_and(|byte| ends.contains(&byte)) {
            has_escapes = true;
            cursor.at += 1;
        }
    }
    let found = &cursor.line[start..cursor.at];
    match (found.is_empty(), has_escapes) {
        (true, _) => Err(cursor.error(expected)),
        (false, false) => Ok(Cow::Borrowed(found)),
        (false, true) => Ok(Cow::Owned(unescaped(found, ends))),
    }
}

fn unescaped(text: &str, escapable: &[u8]) -> String {
    let is_escaped = |c: &char| u8::try_from(*c).is_ok_and(|byte| escapable.contains(&byte));
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        // The next character is taken as it is, so that it is not read as an escape again.
        let taken = behind.chars().next().filter(is_escaped);
        out.push(taken.unwrap_or('\\'));
        rest = &behind[taken.map_or(0, char::len_utf8)..];
    }
    out.push_str(rest);
    out
}

fn field(cursor: &mut Cursor<'_>) -> Result<Field, SyntaxError> {
    const EXPECTED: &str = "a number, a boolean, or a text in quotes";
    let start = cursor.at;
    if cursor.eat(b'"') {
        skip_text(cursor, start)?;
        return Ok(Field::Text);
    }
    let word = cursor.take_while(|byte| byte != b',' && !is_blank(byte));
    let number = match word {
        "t" | "T" | "true" | "True" | "TRUE" => Some(1.0),
        "f" | "F" | "false" | "False" | "FALSE" => Some(0.0),
        _ => number(word),
    };
    number.map(Field::Number).ok_or_else(|| cursor.error_at(start, EXPECTED))
}

fn number(word: &str) -> Option<f64> {
    if let Some(digits) = word.strip_suffix('i') {
        return digits.parse::<i64>().ok().map(|value| value as f64);
    }
    if let Some(digits) = word.strip_suffix('u') {
        return digits.parse::<u64>().ok().map(|value| value as f64);
    }
    // There are no words for what is no finite number.
    parse_float(word).filter(|value| value.is_finite())
}

/// Passes over a text whose opening quote was taken.
fn skip_text(cursor: &mut Cursor<'_>, start: usize) -> Result<(), SyntaxError> {
    loop {
        cursor.take_while(|byte| byte != b'"' && byte != b'\\');
        if cursor.eat(b'"') {
            return Ok(());
        }
        if !cursor.eat(b'\\') {
            return Err(cursor.error_at(start, "a text with a closing quote"));
        }
        // Both have their own byte, whatever character follows.
        let _is_escape = cursor.eat(b'"') || cursor.eat(b'\\');
    }
}

fn time(cursor: &mut Cursor<'_>) -> Result<i64, SyntaxError> {
    let start = cursor.at;
    let word = cursor.take_while(|byte| !is_blank(byte));
    let t = word.parse().map_err(|_| cursor.error_at(start, "a time in whole units"))?;
    cursor.take_while(is_blank);
    if cursor.peek().is_some() { Err(cursor.error("the end of the line")) } else { Ok(t) }
}
