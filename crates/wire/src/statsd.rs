//! StatsD: events as programs count them, one on each line, with the tags of DogStatsD.
//!
//! ```text
//! page.views:1|c|@0.1|#env:live
//! ```
//!
//! A line says what happened, not what is: whoever reads it adds up. Names become plain ones, with
//! `_` for the dots between their parts; times of type `ms` become seconds.
//!
//! Source: <https://github.com/statsd/statsd/blob/master/docs/metric_types.md> and
//! <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>.

use std::borrow::Cow;

use crate::openmetrics::cursor::Cursor;
use crate::openmetrics::{SyntaxError, parse_float};
use crate::{plain_label, plain_name};

/// Bytes of a line that is read.
pub const LINE_BYTES_MAX: usize = 8 << 10;
/// Tags of one event. Far above what is stored.
const TAGS_MAX: usize = 256;
/// Values of one line.
const VALUES_MAX: usize = 1024;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'l> {
    /// Something that was measured.
    Metric(Metric<'l>),
    /// An event or the check of a service of DogStatsD, which is no metric; or a blank line.
    Nothing {
        /// Whether it was one of the two.
        is_event: bool,
    },
}

/// Something that was measured, once or several times.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric<'l> {
    /// A plain name.
    pub name: String,
    /// Plain names, and values, in the order of the line.
    pub tags: Vec<(String, Cow<'l, str>)>,
    /// What was measured; more than once on a line such as `a:1|c:2|c|@0.5`.
    pub measured: Vec<Measured<'l>>,
}

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured<'l> {
    /// What was measured.
    pub values: Values<'l>,
    /// For how many each stands: 1 over the rate at which the sender takes samples.
    pub weight: f64,
}

/// What was measured, by the type of the line.
#[derive(Debug, Clone, PartialEq)]
pub enum Values<'l> {
    /// To be added to a counter.
    Count(Vec<f64>),
    /// What a gauge becomes, in this order.
    Gauge(Vec<Change>),
    /// Observations; times are in seconds.
    Observed(Vec<f64>),
    /// Members of a set.
    Members(Vec<&'l str>),
}

/// What happens to a gauge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It has this value.
    Set(f64),
    /// It rises, or falls, by this.
    Add(f64),
}

/// Reads a line, given without its end.
///
/// # Errors
/// It contradicts the syntax.
pub fn read_line(line: &str) -> Result<Line<'_>, SyntaxError> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with("_e{") || line.starts_with("_sc|") {
        return Ok(Line::Nothing { is_event: !line.is_empty() });
    }
    let mut cursor = Cursor::new(line);
    let (name, mut tags) = name(&mut cursor)?;
    let has_own = !tags.is_empty();
    let mut measured = Vec::with_capacity(1);
    loop {
        measured.push(sample(&mut cursor, has_own, &mut tags)?);
        if !cursor.eat(b':') {
            break;
        }
    }
    check_tags(&cursor, &tags)?;
    Ok(Line::Metric(Metric { name, tags, measured }))
}

/// Values with their type and what else is said of them, to the end of the line, or to the colon before
/// further ones: a type and a rate have none themselves.
fn sample<'l>(
    cursor: &mut Cursor<'l>,
    has_own: bool,
    tags: &mut Tags<'l>,
) -> Result<Measured<'l>, SyntaxError> {
    let start = cursor.at;
    let texts = cursor.take_while(|byte| byte != b'|');
    cursor.expect(b'|', "\"|\" and a type")?;
    let kind = cursor.take_while(|byte| byte != b'|' && byte != b':');
    let mut weight = 1.0;
    while cursor.eat(b'|') {
        let at = cursor.at;
        if cursor.eat(b'@') {
            let rate = cursor.take_while(|byte| byte != b'|' && byte != b':');
            let rate = parse_float(rate).filter(|rate| *rate > 0.0 && *rate <= 1.0);
            weight = 1.0 / rate.ok_or_else(|| cursor.error_at(at, "a rate above 0, at most 1"))?;
            continue;
        }
        let part = cursor.take_while(|byte| byte != b'|');
        if let Some(list) = part.strip_prefix('#') {
            if has_own {
                return Err(cursor.error_at(at, "tags in one style"));
            }
            read_tags(list, ',', &[':'], tags);
        }
        // What else there is says where the sender runs, or what a later version adds.
    }
    Ok(Measured { values: values(cursor, start, texts, kind)?, weight })
}

type Tags<'l> = Vec<(String, Cow<'l, str>)>;

/// The name to behind its colon, with tags in the style of InfluxDB, Librato, SignalFx or Graphite.
fn name<'l>(cursor: &mut Cursor<'l>) -> Result<(String, Tags<'l>), SyntaxError> {
    let mut tags = Vec::new();
    let bare = cursor.take_while(|byte| !matches!(byte, b':' | b',' | b'#' | b'[' | b';' | b'|'));
    let mut rest = "";
    match cursor.peek() {
        Some(b'[') => {
            cursor.at += 1;
            read_tags(cursor.take_while(|byte| byte != b']'), ',', &['=', ':'], &mut tags);
            cursor.expect(b']', "\"]\"")?;
            rest = cursor.take_while(|byte| byte != b':' && byte != b'|');
        }
        Some(separator @ (b',' | b'#' | b';')) => {
            cursor.at += 1;
            let list = cursor.take_while(|byte| byte != b':' && byte != b'|');
            let between = if separator == b';' { ';' } else { ',' };
            read_tags(list, between, &['='], &mut tags);
        }
        _ => {}
    }
    let name = format!("{bare}{rest}");
    if name.trim().is_empty() {
        return Err(cursor.error_at(0, "a name"));
    }
    cursor.expect(b':', "\":\" and a value")?;
    let name: String = name.trim().chars().map(|c| if c == '/' { '-' } else { c }).collect();
    Ok((plain_name(&name), tags))
}

/// Adds the tags of a list; a word without a value is a flag. Of two with one name the last counts.
fn read_tags<'l>(list: &'l str, between: char, assign: &[char], tags: &mut Tags<'l>) {
    for text in list.split(between).map(str::trim) {
        // Some libraries write the `#` of the list before each tag.
        let text = text.strip_prefix('#').unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        let (name, value) = text.split_once(assign).unwrap_or((text, "true"));
        if name.is_empty() {
            continue;
        }
        let name = plain_label(name);
        tags.retain(|(other, _)| *other != name);
        if tags.len() <= TAGS_MAX {
            tags.push((name, value.into()));
        }
    }
}

fn check_tags(cursor: &Cursor<'_>, tags: &Tags<'_>) -> Result<(), SyntaxError> {
    match tags.len() > TAGS_MAX {
        true => Err(cursor.error_at(0, "at most 256 tags")),
        false => Ok(()),
    }
}

fn values<'l>(
    cursor: &Cursor<'l>,
    start: usize,
    texts: &'l str,
    kind: &str,
) -> Result<Values<'l>, SyntaxError> {
    let number = |text: &str| parse_float(text).filter(|value| value.is_finite());
    let each = || {
        // Places of the values, for errors.
        texts.split(':').scan(start, |at, text| {
            let place = *at;
            *at += text.len() + 1;
            Some((place, text))
        })
    };
    if each().count() > VALUES_MAX {
        return Err(cursor.error_at(start, "at most 1024 values"));
    }
    let numbers = |scale: f64| {
        let all = each().map(|(at, text)| {
            let value = number(text).ok_or_else(|| cursor.error_at(at, "a number"))?;
            Ok(value * scale)
        });
        all.collect::<Result<Vec<f64>, SyntaxError>>()
    };
    Ok(match kind {
        "c" | "m" => Values::Count(numbers(1.0)?),
        "ms" => Values::Observed(numbers(0.001)?),
        "h" | "d" => Values::Observed(numbers(1.0)?),
        "s" => Values::Members(texts.split(':').collect()),
        "g" => {
            let changes = each().map(|(at, text)| {
                let value = number(text).ok_or_else(|| cursor.error_at(at, "a number"))?;
                let is_signed = text.starts_with(['+', '-']);
                Ok(if is_signed { Change::Add(value) } else { Change::Set(value) })
            });
            Values::Gauge(changes.collect::<Result<_, SyntaxError>>()?)
        }
        _ => {
            let at = start + texts.len() + 1;
            return Err(cursor.error_at(at, "a type: c, g, ms, h, d or s"));
        }
    })
}

#[cfg(test)]
mod tests;
