//! Selector: which series, as a person types it: `up`, `{job="api"}`, `up{instance!~"a.*"}`.
//!
//! The quoted forms are those of PromQL: `"` and `'` with escapes, backquotes without.

use model::METRIC_NAME;

/// Matchers of one selector.
const MATCHERS_MAX: usize = 64;

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, the whole value.
    Matches,
    /// `!~`, the whole value.
    MatchesNot,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The label.
    pub name: String,
    /// The comparison.
    pub comparison: Comparison,
    /// What to compare with.
    pub value: String,
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct SelectorError {
    /// The character, from 1.
    pub column: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// Reads a selector.
///
/// # Errors
/// The text is none.
pub fn parse_selector(text: &str) -> Result<Vec<Condition>, SelectorError> {
    let mut cursor = Cursor { text, at: 0 };
    let mut conditions = Vec::new();
    cursor.skip_blanks();
    let metric = cursor.name(true);
    if !metric.is_empty() {
        let (name, value) = (METRIC_NAME.to_owned(), metric.to_owned());
        conditions.push(Condition { name, comparison: Comparison::Equal, value });
    }
    cursor.skip_blanks();
    if cursor.eat("{") {
        cursor.braces(&mut conditions)?;
    } else if conditions.is_empty() {
        return Err(cursor.error("the name of a metric or \"{\""));
    }
    cursor.skip_blanks();
    if cursor.at < text.len() {
        return Err(cursor.error("the end"));
    }
    Ok(conditions)
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn eat(&mut self, token: &str) -> bool {
        let is_here = self.rest().starts_with(token);
        self.at += if is_here { token.len() } else { 0 };
        is_here
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn error(&self, expected: &'static str) -> SelectorError {
        SelectorError { column: self.text[..self.at].chars().count() + 1, expected }
    }

    /// A bare name; empty if none stands here.
    fn name(&mut self, is_metric: bool) -> &'t str {
        let rest = self.rest();
        let is_part = |at: usize, c: char| {
            c.is_ascii_alphabetic()
                || c == '_'
                || (is_metric && c == ':')
                || (at > 0 && c.is_ascii_digit())
        };
        let end = rest.char_indices().find(|(at, c)| !is_part(*at, *c));
        let name = &rest[..end.map_or(rest.len(), |(at, _)| at)];
        self.at += name.len();
        name
    }

    fn braces(&mut self, conditions: &mut Vec<Condition>) -> Result<(), SelectorError> {
        loop {
            self.skip_blanks();
            if self.eat("}") {
                return Ok(());
            }
            if conditions.len() == MATCHERS_MAX {
                return Err(self.error("at most 64 conditions"));
            }
            conditions.push(self.condition()?);
            self.skip_blanks();
            if !self.eat(",") {
                return if self.eat("}") { Ok(()) } else { Err(self.error("\",\" or \"}\"")) };
            }
        }
    }

    fn condition(&mut self) -> Result<Condition, SelectorError> {
        let is_quoted = self.rest().starts_with(['"', '\'', '`']);
        let name = match is_quoted {
            true => self.quoted()?,
            false => self.name(false).to_owned(),
        };
        if name.is_empty() {
            return Err(self.error("the name of a label"));
        }
        self.skip_blanks();
        let comparisons = [
            ("=~", Comparison::Matches),
            ("!~", Comparison::MatchesNot),
            ("!=", Comparison::NotEqual),
            ("=", Comparison::Equal),
        ];
        let Some((_, comparison)) = comparisons.into_iter().find(|(token, _)| self.eat(token))
        else {
            if is_quoted {
                let comparison = Comparison::Equal;
                return Ok(Condition { name: METRIC_NAME.to_owned(), comparison, value: name });
            }
            return Err(self.error("\"=\", \"!=\", \"=~\" or \"!~\""));
        };
        self.skip_blanks();
        Ok(Condition { name, comparison, value: self.quoted()? })
    }

    fn quoted(&mut self) -> Result<String, SelectorError> {
        let Some(quote) = self.rest().chars().next().filter(|c| ['"', '\'', '`'].contains(c))
        else {
            return Err(self.error("a text in quotes"));
        };
        self.at += 1;
        let mut out = String::new();
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            self.at += c.len_utf8();
            if c == quote {
                return Ok(out);
            }
            if c == '\\' && quote != '`' {
                out.push(self.escape(start)?);
            } else {
                out.push(c);
            }
        }
        Err(self.error("a closing quote"))
    }

    fn escape(&mut self, start: usize) -> Result<char, SelectorError> {
        let c = self.rest().chars().next();
        self.at += c.map_or(0, char::len_utf8);
        match c {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some(c @ ('\\' | '"' | '\'')) => Ok(c),
            _ => {
                self.at = start;
                Err(self.error("an escape: \\\\, \\\", \\', \\n, \\t or \\r"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Comparison, Condition, parse_selector};

    fn check(text: &str, expected: &[(&str, Comparison, &str)]) {
        let condition = |(name, comparison, value): &(&str, Comparison, &str)| Condition {
            name: (*name).to_owned(),
            comparison: *comparison,
            value: (*value).to_owned(),
        };
        let expected: Vec<Condition> = expected.iter().map(condition).collect();
        assert_eq!(parse_selector(text), Ok(expected), "{text}");
    }

    #[test]
    fn selectors_are_read_as_promql_has_them() {
        use Comparison::{Equal, Matches, MatchesNot, NotEqual};
        check("up", &[("__name__", Equal, "up")]);
        check(" a:b { } ", &[("__name__", Equal, "a:b")]);
        check("{job=\"x\"}", &[("job", Equal, "x")]);
        check("{ a != 'b' , c=~`d\\.+`, }", &[("a", NotEqual, "b"), ("c", Matches, "d\\.+")]);
        check("up{i!~\"a\\\"\\n\"}", &[("__name__", Equal, "up"), ("i", MatchesNot, "a\"\n")]);
        check("{\"a.b\", \"l.x\"=\"ä,}\"}", &[("__name__", Equal, "a.b"), ("l.x", Equal, "ä,}")]);
        check("{}", &[]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_column() {
        for (text, column) in [
            ("", 1),
            ("9up", 1),
            ("up up", 4),
            ("{a}", 3),
            ("{a=b}", 4),
            ("{ä=\"b\"}", 2),
            ("{a=\"b}", 7),
            ("{a=\"\\x\"}", 5),
            ("{a=\"b\" c=\"d\"}", 8),
            ("{a=\"b\"", 7),
            ("{,}", 2),
        ] {
            assert_eq!(parse_selector(text).unwrap_err().column, column, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[{}a:=~!\"'`\\\\, ä9]{0,24}") {
            let _either = parse_selector(&text);
        }
    }
}
