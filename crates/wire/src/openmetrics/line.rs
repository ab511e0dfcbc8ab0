//! Line: one line of a page, taken apart without a copy of what has no escapes.

use std::borrow::Cow;

use super::cursor::{Cursor, SyntaxError};
use super::number::{bound_text, parse_float, parse_milliseconds, parse_seconds};
use super::{Dialect, Exemplar, Kind, Line, Pairs, SampleLine, Span};

/// Labels of one sample. Far above what is stored.
const LABELS_MAX: usize = 1024;
/// Characters of an exemplar's names and values together, by the specification.
const EXEMPLAR_CHARS_MAX: usize = 128;

/// Reads lines, one after the other; its buffers are used again.
#[derive(Debug, Default)]
pub struct LineParser {
    labels: Vec<(Span, Span)>,
    exemplar_labels: Vec<(Span, Span)>,
    unescaped: String,
    is_strict: bool,
}

/// The family at hand, by which a label is known to be a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct FamilyAtHand<'f> {
    pub(super) name: &'f str,
    pub(super) kind: Kind,
}

/// What a sample's line says, but for its labels.
struct Outline {
    name: Span,
    value: f64,
    t_ms: Option<i64>,
    exemplar: Option<(f64, Option<i64>)>,
    /// Where the value and the time are written.
    value_at: Span,
    time_at: Option<Span>,
}

impl LineParser {
    /// One that holds to the letter what scrapers let pass: in the older format a comma stands between
    /// labels, in OpenMetrics none behind the last one, and an exemplar is short.
    pub(super) fn strict() -> Self {
        Self { is_strict: true, ..Self::default() }
    }

    /// Takes one line apart, given without its end.
    ///
    /// # Errors
    /// The line contradicts the syntax.
    pub fn parse<'l>(
        &'l mut self,
        line: &'l str,
        dialect: Dialect,
    ) -> Result<Line<'l>, SyntaxError> {
        self.parse_of(line, dialect, FamilyAtHand { name: "", kind: Kind::Unknown })
    }

    /// The same for a line of a family: its bound, if it has one, takes the form of a float.
    pub(super) fn parse_of<'l>(
        &'l mut self,
        line: &'l str,
        dialect: Dialect,
        family: FamilyAtHand<'_>,
    ) -> Result<Line<'l>, SyntaxError> {
        let mut cursor = Cursor::new(line);
        if dialect == Dialect::Prometheus {
            cursor.take_while(is_blank);
            if cursor.rest().is_empty() {
                return Ok(Line::Nothing);
            }
        }
        if cursor.peek() == Some(b'#') {
            return self.comment(cursor, dialect);
        }
        self.labels.clear();
        self.exemplar_labels.clear();
        self.unescaped.clear();
        let outline = self.sample(&mut cursor, dialect)?;
        self.unify_bound(line, outline.name, family);
        let pairs = |spans| Pairs { spans, line, unescaped: &self.unescaped };
        let exemplar = outline.exemplar.map(|(value, t_ms)| Exemplar {
            labels: pairs(&self.exemplar_labels),
            value,
            t_ms,
        });
        Ok(Line::Sample(SampleLine {
            name: outline.name.of(line, &self.unescaped),
            labels: pairs(&self.labels),
            value: outline.value,
            t_ms: outline.t_ms,
            exemplar,
            value_text: outline.value_at.of(line, ""),
            time_text: outline.time_at.map(|span| span.of(line, "")),
        }))
    }

    /// Writes a bound as a float shows itself. What is no number stays as it is.
    fn unify_bound(&mut self, line: &str, name: Span, family: FamilyAtHand<'_>) {
        let Some((suffix, label)) = family.kind.bound_label() else { return };
        let unescaped = &self.unescaped;
        if name.of(line, unescaped).strip_prefix(family.name) != Some(suffix) {
            return;
        }
        let mut labels = self.labels.iter_mut();
        let found = labels.find(|(name, _)| name.of(line, unescaped) == label);
        let Some((_, value)) = found else { return };
        let text = value.of(line, unescaped);
        let Some(unified) = parse_float(text).map(bound_text) else { return };
        if unified != text {
            let start = self.unescaped.len();
            self.unescaped.push_str(&unified);
            *value = Span { start, end: self.unescaped.len(), is_unescaped: true };
        }
    }

    fn comment<'l>(
        &'l mut self,
        mut cursor: Cursor<'l>,
        dialect: Dialect,
    ) -> Result<Line<'l>, SyntaxError> {
        let whole = cursor.rest();
        let is_openmetrics = dialect == Dialect::OpenMetrics;
        if whole == "# EOF" {
            return Ok(if is_openmetrics { Line::Eof } else { Line::Nothing });
        }
        cursor.at += 1;
        let n_blanks = blanks(&mut cursor, dialect);
        let start = cursor.at;
        let word = cursor.take_while(|byte| byte.is_ascii_alphabetic());
        let is_known = matches!(word, "TYPE" | "HELP") || (word == "UNIT" && is_openmetrics);
        let follows = matches!(cursor.peek(), Some(b' '))
            || (!is_openmetrics && cursor.peek() == Some(b'\t'));
        if !(is_known && n_blanks && follows) {
            let expected = "\"# TYPE\", \"# HELP\", \"# UNIT\" or \"# EOF\"";
            return if is_openmetrics {
                Err(cursor.error_at(start, expected))
            } else {
                Ok(Line::Nothing)
            };
        }
        blank(&mut cursor, dialect)?;
        self.unescaped.clear();
        let family = self.family_name(&mut cursor)?;
        if word != "HELP" || cursor.peek().is_some() || is_openmetrics {
            blank(&mut cursor, dialect)?;
        }
        let family = family.of(cursor.line, &self.unescaped);
        described(cursor, word, family, dialect)
    }

    /// A family's name, bare or in quotes.
    fn family_name(&mut self, cursor: &mut Cursor<'_>) -> Result<Span, SyntaxError> {
        if cursor.eat(b'"') {
            return self.quoted(cursor);
        }
        bare_name(cursor, true, "the name of a metric")
    }

    fn sample(
        &mut self,
        cursor: &mut Cursor<'_>,
        dialect: Dialect,
    ) -> Result<Outline, SyntaxError> {
        let mut name = None;
        if cursor.peek() != Some(b'{') {
            name = Some(bare_name(cursor, true, "the name of a metric or \"{\"")?);
            if dialect == Dialect::Prometheus {
                let before = cursor.at;
                cursor.take_while(is_blank);
                if cursor.peek() != Some(b'{') {
                    cursor.at = before;
                }
            }
        }
        let braces = cursor.at;
        if cursor.eat(b'{') {
            self.braces(cursor, dialect, &mut name)?;
        }
        let name = name.ok_or_else(|| cursor.error_at(braces, "the name of a metric in quotes"))?;
        blank(cursor, dialect)?;
        let value_from = cursor.at;
        let value = number(cursor, parse_float, "a value")?;
        let value_at = Span { start: value_from, end: cursor.at, is_unescaped: false };
        let t_ms = self.time(cursor, dialect)?;
        // A time ends where the cursor stands, a blank after the value.
        let from_time = Span { start: value_at.end + 1, end: cursor.at, is_unescaped: false };
        let time_at = t_ms.map(|_| from_time);
        let exemplar = self.exemplar(cursor, dialect)?;
        if dialect == Dialect::Prometheus {
            cursor.take_while(is_blank);
        }
        if cursor.peek().is_some() {
            return Err(cursor.error("the end of the line"));
        }
        Ok(Outline { name, value, t_ms, exemplar, value_at, time_at })
    }

    /// A blank and a time, if they follow.
    fn time(
        &mut self,
        cursor: &mut Cursor<'_>,
        dialect: Dialect,
    ) -> Result<Option<i64>, SyntaxError> {
        let mut ahead = *cursor;
        if !blanks(&mut ahead, dialect) || matches!(ahead.peek(), None | Some(b'#')) {
            let is_trailing = dialect == Dialect::OpenMetrics && ahead.at > cursor.at;
            return match (is_trailing, ahead.peek()) {
                (true, None) => Err(ahead.error("a timestamp or an exemplar")),
                _ => Ok(None),
            };
        }
        let t_ms = match dialect {
            Dialect::OpenMetrics => number(&mut ahead, parse_seconds, "a timestamp in seconds")?,
            Dialect::Prometheus => {
                number(&mut ahead, parse_milliseconds, "a timestamp in whole milliseconds")?
            }
        };
        *cursor = ahead;
        Ok(Some(t_ms))
    }

    /// ` # {labels} value [time]`, if it follows.
    fn exemplar(
        &mut self,
        cursor: &mut Cursor<'_>,
        dialect: Dialect,
    ) -> Result<Option<(f64, Option<i64>)>, SyntaxError> {
        if dialect == Dialect::Prometheus || !cursor.rest().starts_with(" #") {
            return Ok(None);
        }
        cursor.at += 2;
        blank(cursor, dialect)?;
        let start = cursor.at;
        cursor.expect(b'{', "the labels of an exemplar")?;
        let mut no_name = None;
        std::mem::swap(&mut self.labels, &mut self.exemplar_labels);
        let read = self.braces(cursor, dialect, &mut no_name);
        std::mem::swap(&mut self.labels, &mut self.exemplar_labels);
        read?;
        if no_name.is_some() {
            return Err(cursor.error_at(start, "labels with values"));
        }
        if self.is_strict {
            self.check_exemplar(cursor, start)?;
        }
        blank(cursor, dialect)?;
        let value = number(cursor, parse_float, "the value of an exemplar")?;
        Ok(Some((value, self.time(cursor, dialect)?)))
    }

    fn check_exemplar(&self, cursor: &Cursor<'_>, start: usize) -> Result<(), SyntaxError> {
        let text = |span: &Span| span.of(cursor.line, &self.unescaped).chars().count();
        let n_chars: usize = self.exemplar_labels.iter().map(|(n, v)| text(n) + text(v)).sum();
        if n_chars > EXEMPLAR_CHARS_MAX {
            return Err(cursor.error_at(start, "at most 128 characters in an exemplar's labels"));
        }
        Ok(())
    }

    /// Labels to behind the closing brace; among them may be the name, in quotes.
    fn braces(
        &mut self,
        cursor: &mut Cursor<'_>,
        dialect: Dialect,
        name: &mut Option<Span>,
    ) -> Result<(), SyntaxError> {
        let is_lenient = dialect == Dialect::Prometheus;
        let skip = |cursor: &mut Cursor<'_>| {
            if is_lenient {
                cursor.take_while(is_blank);
            }
        };
        skip(cursor);
        if cursor.eat(b'}') {
            return Ok(());
        }
        loop {
            skip(cursor);
            self.label(cursor, name, &skip)?;
            skip(cursor);
            if cursor.eat(b'}') {
                return Ok(());
            }
            // Scrapers read labels without a comma between them, as long as they can be told apart.
            let may_follow =
                is_lenient && !self.is_strict && cursor.peek().is_some_and(begins_label);
            if !may_follow {
                cursor.expect(b',', "\",\" or \"}\"")?;
            }
            skip(cursor);
            if (is_lenient || !self.is_strict) && cursor.eat(b'}') {
                return Ok(());
            }
        }
    }

    fn label(
        &mut self,
        cursor: &mut Cursor<'_>,
        name: &mut Option<Span>,
        skip: &impl Fn(&mut Cursor<'_>),
    ) -> Result<(), SyntaxError> {
        let start = cursor.at;
        let is_quoted = cursor.eat(b'"');
        let key = match is_quoted {
            true => self.quoted(cursor)?,
            false => bare_name(cursor, false, "the name of a label")?,
        };
        skip(cursor);
        if is_quoted && name.is_none() && cursor.peek() != Some(b'=') {
            if key.start == key.end {
                return Err(cursor.error_at(start, "the name of a metric"));
            }
            *name = Some(key);
            return Ok(());
        }
        cursor.expect(b'=', "\"=\"")?;
        skip(cursor);
        cursor.expect(b'"', "a value in quotes")?;
        let value = self.quoted(cursor)?;
        if self.labels.len() == LABELS_MAX {
            return Err(cursor.error_at(start, "at most 1024 labels"));
        }
        self.labels.push((key, value));
        Ok(())
    }

    /// A text to behind its closing quote; the opening one was taken.
    #[inline]
    fn quoted(&mut self, cursor: &mut Cursor<'_>) -> Result<Span, SyntaxError> {
        let start = cursor.at;
        cursor.take_while(|byte| byte != b'"' && byte != b'\\');
        if cursor.eat(b'"') {
            return Ok(Span { start, end: cursor.at - 1, is_unescaped: false });
        }
        self.escaped(cursor, start)
    }

    /// The same for a text with escapes, or without an end.
    fn escaped(&mut self, cursor: &mut Cursor<'_>, start: usize) -> Result<Span, SyntaxError> {
        let from = self.unescaped.len();
        self.unescaped.push_str(&cursor.line[start..cursor.at]);
        while cursor.eat(b'\\') {
            match cursor.peek() {
                Some(b'n') => self.unescaped.push('\n'),
                Some(b'"') => self.unescaped.push('"'),
                Some(b'\\') => self.unescaped.push('\\'),
                None => return Err(cursor.error("a closing quote")),
                // As everybody reads it: a backslash that escapes nothing stands for itself.
                Some(_) => {
                    self.unescaped.push('\\');
                    cursor.at -= 1;
                }
            }
            cursor.at += 1;
            let plain = cursor.take_while(|byte| byte != b'"' && byte != b'\\');
            self.unescaped.push_str(plain);
        }
        cursor.expect(b'"', "a closing quote")?;
        Ok(Span { start: from, end: self.unescaped.len(), is_unescaped: true })
    }
}

/// What `# TYPE`, `# HELP` and `# UNIT` say of a family.
fn described<'l>(
    mut cursor: Cursor<'l>,
    word: &str,
    family: &'l str,
    dialect: Dialect,
) -> Result<Line<'l>, SyntaxError> {
    let rest = cursor.rest();
    let trimmed = match dialect {
        Dialect::OpenMetrics => rest,
        Dialect::Prometheus => rest.trim_end_matches(|c: char| c.is_ascii() && is_blank(c as u8)),
    };
    match word {
        "TYPE" => {
            let kind = Kind::of_word(trimmed, dialect);
            let kind =
                kind.ok_or_else(|| cursor.error("the type of a metric, such as \"counter\""))?;
            Ok(Line::Type { family, kind })
        }
        "UNIT" => {
            let unit = cursor.take_while(|byte| byte != b' ');
            let is_suffix = unit.is_empty()
                || family.strip_suffix(unit).is_some_and(|base| base.ends_with('_'));
            if cursor.peek().is_some() || !is_suffix {
                return Err(cursor.error_at(
                    cursor.line.len() - rest.len(),
                    "the metric's last word as its unit",
                ));
            }
            Ok(Line::Unit { family, unit })
        }
        _ => Ok(Line::Help { family, text: unescape_help(trimmed, dialect) }),
    }
}

fn unescape_help(text: &str, dialect: Dialect) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let ahead = chars.clone().next();
        let plain = match (c, ahead) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('\\')) => '\\',
            ('\\', Some('"')) if dialect == Dialect::OpenMetrics => '"',
            _ => {
                out.push(c);
                continue;
            }
        };
        out.push(plain);
        chars.next();
    }
    Cow::Owned(out)
}

fn begins_label(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'"')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Takes one blank, or any in the older format, and says whether there was one.
fn blanks(cursor: &mut Cursor<'_>, dialect: Dialect) -> bool {
    match dialect {
        Dialect::OpenMetrics => cursor.eat(b' '),
        Dialect::Prometheus => !cursor.take_while(is_blank).is_empty(),
    }
}

fn blank(cursor: &mut Cursor<'_>, dialect: Dialect) -> Result<(), SyntaxError> {
    if blanks(cursor, dialect) { Ok(()) } else { Err(cursor.error("a blank")) }
}

/// A name without quotes; those of metrics may have colons.
#[inline]
fn bare_name(
    cursor: &mut Cursor<'_>,
    is_metric: bool,
    expected: &'static str,
) -> Result<Span, SyntaxError> {
    let start = cursor.at;
    if cursor.peek().is_none_or(|byte| byte.is_ascii_digit()) {
        return Err(cursor.error(expected));
    }
    cursor.take_while(|byte| {
        byte.is_ascii_alphanumeric() || byte == b'_' || (is_metric && byte == b':')
    });
    if cursor.at == start {
        return Err(cursor.error(expected));
    }
    Ok(Span { start, end: cursor.at, is_unescaped: false })
}

/// A number to the next blank.
#[inline]
fn number<T>(
    cursor: &mut Cursor<'_>,
    parse: impl Fn(&str) -> Option<T>,
    expected: &'static str,
) -> Result<T, SyntaxError> {
    let start = cursor.at;
    let text = cursor.take_while(|byte| !is_blank(byte));
    parse(text).ok_or_else(|| cursor.error_at(start, expected))
}
