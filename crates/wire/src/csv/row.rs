//! Row: one line by its format.

use std::borrow::Cow;

use super::TimeFormat;
use super::format::{Column, Format};
use crate::openmetrics::cursor::Cursor;
use crate::openmetrics::{SyntaxError, parse_float, seconds_to_ms};

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'l> {
    /// Labels of all its samples: names of the format, values of the row.
    pub labels: Vec<(&'l str, Cow<'l, str>)>,
    /// Metrics and their values; an empty value is none.
    pub values: Vec<(&'l str, f64)>,
    /// When, Unix milliseconds, if the format has a time.
    pub t_ms: Option<i64>,
}

/// Reads a row, given without its end; `None` is a blank one.
///
/// # Errors
/// It does not have the columns of the format, or a value is not what it should be.
pub fn read_row<'l>(format: &'l Format, line: &'l str) -> Result<Option<Row<'l>>, SyntaxError> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return Ok(None);
    }
    let mut cursor = Cursor::new(line);
    let mut row = Row { labels: Vec::new(), values: Vec::new(), t_ms: None };
    for (at, column) in format.columns.iter().enumerate() {
        if at > 0 {
            cursor.expect(b',', "\",\" and a further column")?;
        }
        let start = cursor.at;
        let value = value(&mut cursor)?;
        match column {
            Column::Nothing => {}
            Column::Label(name) => row.labels.push((name, value)),
            Column::Metric(_) if value.trim().is_empty() => {}
            Column::Metric(name) => {
                let number = parse_float(value.trim());
                let number = number.ok_or_else(|| cursor.error_at(start, "a number"))?;
                row.values.push((name, number));
            }
            Column::Time(format) => {
                let t_ms = time(value.trim(), *format);
                let error = || cursor.error_at(start, "a time as the format says");
                row.t_ms = Some(t_ms.ok_or_else(error)?);
            }
        }
    }
    Ok(Some(row))
}

/// What stands between two commas.
fn value<'l>(cursor: &mut Cursor<'l>) -> Result<Cow<'l, str>, SyntaxError> {
    if !cursor.eat(b'"') {
        return Ok(Cow::Borrowed(cursor.take_while(|byte| byte != b',')));
    }
    let start = cursor.at - 1;
    let mut whole = Cow::Borrowed(cursor.take_while(|byte| byte != b'"'));
    loop {
        if !cursor.eat(b'"') {
            return Err(cursor.error_at(start, "a value with a closing quote"));
        }
        if !cursor.eat(b'"') {
            break;
        }
        let text = whole.to_mut();
        text.push('"');
        text.push_str(cursor.take_while(|byte| byte != b'"'));
    }
    match cursor.peek() {
        None | Some(b',') => Ok(whole),
        Some(_) => Err(cursor.error("\",\" or the end of the line")),
    }
}

fn time(text: &str, format: TimeFormat) -> Option<i64> {
    let whole = || text.parse::<i64>().ok();
    match format {
        TimeFormat::UnixS => match whole() {
            Some(seconds) => seconds.checked_mul(1000),
            None => seconds_to_ms(parse_float(text)?),
        },
        TimeFormat::UnixMs => whole(),
        TimeFormat::UnixUs => Some(whole()?.div_euclid(1000)),
        TimeFormat::UnixNs => Some(whole()?.div_euclid(1_000_000)),
        TimeFormat::Rfc3339 => model::time::parse_time(text).ok(),
    }
}
