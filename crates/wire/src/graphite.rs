//! Graphite: samples as its plaintext protocol has them, one on each line.
//!
//! ```text
//! servers.a.load;site=north 0.5 1700000000
//! ```
//!
//! A path becomes a plain name, with `_` for its dots; tags become labels. A value that is no number
//! (`NaN`) says that there is none.
//!
//! Source: <https://graphite.readthedocs.io/en/latest/feeding-carbon.html>.

use crate::openmetrics::cursor::Cursor;
use crate::openmetrics::{SyntaxError, parse_float, seconds_to_ms};
use crate::{plain_label, plain_name};

/// Bytes of a line that is read.
pub const LINE_BYTES_MAX: usize = 16 << 10;
/// Tags of one sample. Far above what is stored.
const TAGS_MAX: usize = 256;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<'l> {
    /// A plain name.
    pub name: String,
    /// Plain names, and values, in the order of the line.
    pub tags: Vec<(String, &'l str)>,
    /// The value; `None` where the sender has none.
    pub value: Option<f64>,
    /// Unix milliseconds; `None` is now.
    pub t_ms: Option<i64>,
}

/// Reads a line, given without its end; `None` is a blank one.
///
/// # Errors
/// It contradicts the syntax.
pub fn read_line(line: &str) -> Result<Option<Reading<'_>>, SyntaxError> {
    let mut cursor = Cursor::new(line.trim_end());
    cursor.take_while(is_blank);
    if cursor.peek().is_none() {
        return Ok(None);
    }
    let start = cursor.at;
    let path = cursor.take_while(|byte| byte != b';' && !is_blank(byte));
    if path.is_empty() {
        return Err(cursor.error_at(start, "a path"));
    }
    let name = plain_name(path);
    let tags = tags(&mut cursor)?;
    let value = word(&mut cursor, "a value", |text| match text {
        "None" | "null" => Some(None),
        _ => parse_float(text).map(|value| Some(value).filter(|value| !value.is_nan())),
    })?;
    let t_ms = word(&mut cursor, "a time in seconds", |text| match text {
        "-1" | "N" | "now" => Some(None),
        _ => parse_float(text).and_then(seconds_to_ms).map(Some),
    })?;
    if cursor.peek().is_some() {
        return Err(cursor.error("the end of the line"));
    }
    Ok(Some(Reading { name, tags, value, t_ms }))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `;name=value`, any number of times.
fn tags<'l>(cursor: &mut Cursor<'l>) -> Result<Vec<(String, &'l str)>, SyntaxError> {
    let mut tags: Vec<(String, &str)> = Vec::new();
    while cursor.eat(b';') {
        let start = cursor.at;
        let text = cursor.take_while(|byte| byte != b';' && !is_blank(byte));
        let pair = text.split_once('=').filter(|(name, value)| {
            let has_bad = name.contains(['!', '^']);
            !name.is_empty() && !has_bad && !value.is_empty() && !value.starts_with('~')
        });
        let (name, value) = pair.ok_or_else(|| cursor.error_at(start, "a tag as name=value"))?;
        if tags.len() == TAGS_MAX {
            return Err(cursor.error_at(start, "at most 256 tags"));
        }
        let name = plain_label(name);
        // As in Graphite: of two with one name the last counts.
        tags.retain(|(other, _)| *other != name);
        tags.push((name, value));
    }
    Ok(tags)
}

/// Blanks and a word behind them.
fn word<T>(
    cursor: &mut Cursor<'_>,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, SyntaxError> {
    cursor.take_while(is_blank);
    let start = cursor.at;
    let text = cursor.take_while(|byte| !is_blank(byte));
    let value = read(text).ok_or_else(|| cursor.error_at(start, expected))?;
    cursor.take_while(is_blank);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Reading, read_line};

    fn reading(line: &str) -> Reading<'_> {
        read_line(line).unwrap().unwrap()
    }

    #[test]
    fn a_line_is_a_path_tags_a_value_and_a_time() {
        let read = reading("servers.a-1.load;site=north;dc.x=a:b  0.5\t1700000000\r");
        assert_eq!(read.name, "servers_a_1_load");
        let tags = [("site".to_owned(), "north"), ("dc_x".to_owned(), "a:b")];
        assert_eq!(read.tags, tags);
        assert_eq!((read.value, read.t_ms), (Some(0.5), Some(1_700_000_000_000)));
        assert_eq!(reading("a 1 1700000000.25").t_ms, Some(1_700_000_000_250));
        assert_eq!(reading("a 1 -1").t_ms, None);
        assert_eq!((reading("a NaN 1").value, reading("a None 1").value), (None, None));
        assert_eq!(reading("a;x=1;x=2 1 1").tags, [("x".to_owned(), "2")]);
        assert_eq!(read_line(" \r"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_column() {
        for (line, told) in [
            (";a=b 1 1", "column 1: expected a path"),
            ("a", "column 2: expected a value"),
            ("a x 1", "column 3: expected a value"),
            ("a 1", "column 4: expected a time in seconds"),
            ("a 1 x", "column 5: expected a time in seconds"),
            ("a 1 2 3", "column 7: expected the end of the line"),
            ("a;b 1 1", "column 3: expected a tag"),
            ("a;=b 1 1", "column 3: expected a tag"),
            ("a;b= 1 1", "column 3: expected a tag"),
            ("a;b!=c 1 1", "column 3: expected a tag"),
            ("a;b=~c 1 1", "column 3: expected a tag"),
        ] {
            let error = read_line(line).unwrap_err().to_string();
            assert!(error.starts_with(told), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "[a-z;=. 0-9é~-]{0,50}") {
            if let Err(error) = read_line(&line) {
                prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
            }
        }

        #[test]
        fn what_is_written_is_read(path in "[a-z.]{1,9}", value in any::<i32>(), t_s in 0..4_000_000_000_i64) {
            let line = format!("{path} {value} {t_s}");
            let read = reading(&line);
            prop_assert_eq!(read.name, path.replace('.', "_"));
            prop_assert_eq!(read.value, Some(f64::from(value)));
            prop_assert_eq!(read.t_ms, Some(t_s * 1000));
        }
    }
}
