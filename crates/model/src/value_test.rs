//! Value test: what a matcher asks of a label's value, in the form that answers fastest.
//!
//! Most regular expressions of dashboards and rules are lists of values (`a|b|c`) or texts with
//! gaps (`.*`, `api-.*`, `.*timeout.*`). These are recognised and answered without an automaton,
//! and an index learns from [`ValueTest::literals`] and [`ValueTest::prefix`] where to look. The
//! rest is a regular expression that takes linear time on any input, anchored at both ends and with
//! `.` matching line feeds too, as in Prometheus.

use std::fmt;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

use gaps::Gaps;
use re2::translated;

mod gaps;
mod re2;

/// The longest list of plain values, bytes: several thousand names of hosts.
pub const PLAIN_REGEX_BYTES_MAX: usize = 64 << 10;

/// The longest other expression, bytes. Three bytes can name a class of characters that takes
/// kilobytes while it is translated, so this keeps the worst one within tens of megabytes.
pub const REGEX_BYTES_MAX: usize = 16 << 10;

/// The largest compiled expression, bytes: `(\w{1,63}\.){3}` fits, a repetition of repetitions that
/// wants gigabytes does not.
const COMPILED_BYTES_MAX: usize = 8 << 20;

/// An automaton that grows as it is used begins anew at this size, bytes.
const STATES_BYTES_MAX: usize = 1 << 20;

/// An expression of up to so many values, such as `(a|b)-[0-9]`, is treated as their list.
const EXPANDED_MAX: usize = 512;

/// Why a regular expression is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegexError {
    /// It is longer than is allowed.
    Long {
        /// Its length, bytes.
        n_bytes: usize,
        /// The bound, bytes.
        n_bytes_max: usize,
    },
    /// It is none.
    Syntax {
        /// The expression.
        source: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// Compiled, it would be larger than is allowed.
    Large {
        /// The expression.
        source: String,
    },
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long { n_bytes, n_bytes_max } => {
                write!(
                    f,
                    "regular expression of {n_bytes} bytes: at most {n_bytes_max} are allowed"
                )
            }
            Self::Syntax { source, reason } => {
                write!(f, "invalid regular expression {source:?}: {reason}")
            }
            Self::Large { source } => write!(
                f,
                "regular expression {source:?} takes more than {COMPILED_BYTES_MAX} bytes compiled"
            ),
        }
    }
}

impl std::error::Error for RegexError {}

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct ValueTest {
    form: Form,
    /// What every matching value begins with.
    prefix: String,
    matches_empty: bool,
}

#[derive(Debug, Clone)]
enum Form {
    /// One of these, sorted, each once.
    Literals(Vec<String>),
    /// Texts with gaps between them.
    Gaps(Box<Gaps>),
    /// Whatever else.
    Regex(Regex),
}

impl ValueTest {
    /// Passed by this value alone.
    pub fn exact(value: &str) -> Self {
        Self::literals_of(vec![value.to_owned()])
    }

    /// Passed by the values that match this expression from end to end.
    ///
    /// # Errors
    /// The expression is longer than [`REGEX_BYTES_MAX`] (a list of plain values:
    /// [`PLAIN_REGEX_BYTES_MAX`]), is none, or is too large when compiled.
    pub fn regex(source: &str) -> Result<Self, RegexError> {
        let long = |n_bytes_max| RegexError::Long { n_bytes: source.len(), n_bytes_max };
        if source.len() > PLAIN_REGEX_BYTES_MAX {
            return Err(long(PLAIN_REGEX_BYTES_MAX));
        }
        if let Some(values) = plain_values(source) {
            return Ok(Self::literals_of(values));
        }
        if source.len() > REGEX_BYTES_MAX {
            return Err(long(REGEX_BYTES_MAX));
        }
        let ours = translated(source);
        // Of two errors the one that counts in the text as it was given.
        let hir = parse(&ours).map_err(|error| parse(source).err().unwrap_or(error))?;
        let (values, prefix) = expand(&hir);
        if let Some(values) = values {
            return Ok(Self::literals_of(values));
        }
        let form = match Gaps::of(&hir) {
            Some(gaps) => Form::Gaps(Box::new(gaps)),
            None => Form::Regex(compile(&ours)?),
        };
        let mut test = Self { form, prefix, matches_empty: false };
        test.matches_empty = test.matches("");
        Ok(test)
    }

    fn literals_of(mut values: Vec<String>) -> Self {
        values.sort_unstable();
        values.dedup();
        let matches_empty = values.first().is_some_and(String::is_empty);
        let prefix = match (values.first(), values.last()) {
            (Some(first), Some(last)) => shared_prefix(first, last).to_owned(),
            _ => String::new(),
        };
        Self { form: Form::Literals(values), prefix, matches_empty }
    }

    /// Whether the value passes.
    pub fn matches(&self, value: &str) -> bool {
        match &self.form {
            Form::Literals(values) => {
                values.binary_search_by(|known| known.as_str().cmp(value)).is_ok()
            }
            Form::Gaps(gaps) => gaps.matches(value),
            Form::Regex(regex) => {
                let may = self.prefix.is_empty() || value.starts_with(&self.prefix);
                may && regex.is_match(value)
            }
        }
    }

    /// Whether the empty value passes, and with it an absent label.
    pub fn matches_empty(&self) -> bool {
        self.matches_empty
    }

    /// Whether all values but the empty one pass, or all of them fail, if it is known to be so.
    pub fn of_any_value(&self) -> Option<bool> {
        match &self.form {
            Form::Literals(values) => values.iter().all(String::is_empty).then_some(false),
            Form::Gaps(gaps) => gaps.is_any().then_some(true),
            Form::Regex(_) => None,
        }
    }

    /// The values that pass, sorted, each once, if they are known to be these alone.
    pub fn literals(&self) -> Option<&[String]> {
        match &self.form {
            Form::Literals(values) => Some(values),
            _ => None,
        }
    }

    /// What every value that passes begins with, if anything is known.
    pub fn prefix(&self) -> Option<&str> {
        (!self.prefix.is_empty()).then_some(self.prefix.as_str())
    }
}

/// The values of a list such as `a|b\.c`, which may stand in brackets; `None` for anything else.
fn plain_values(source: &str) -> Option<Vec<String>> {
    let inner = source.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let mut values = vec![String::new()];
    let mut chars = inner.unwrap_or(source).chars();
    while let Some(next) = chars.next() {
        let plain = match next {
            '|' => {
                values.push(String::new());
                continue;
            }
            '\\' => chars.next().filter(char::is_ascii_punctuation)?,
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            plain => plain,
        };
        values.last_mut().expect("there is one from the start").push(plain);
    }
    Some(values)
}

/// `.` matches line feeds too, as in Prometheus.
fn parse(source: &str) -> Result<Hir, RegexError> {
    let mut parser = regex_syntax::ParserBuilder::new().dot_matches_new_line(true).build();
    parser.parse(source).map_err(|error| {
        let reason = match &error {
            regex_syntax::Error::Parse(error) => {
                format!("{} at byte {}", error.kind(), error.span().start.offset)
            }
            regex_syntax::Error::Translate(error) => {
                format!("{} at byte {}", error.kind(), error.span().start.offset)
            }
            other => other.to_string(),
        };
        RegexError::Syntax { source: source.to_owned(), reason }
    })
}

/// The expression by itself was parsed before, so it cannot end the group that it is put into.
fn compile(source: &str) -> Result<Regex, RegexError> {
    let anchored = format!("^(?s:{source})$");
    let mut builder = RegexBuilder::new(&anchored);
    builder.size_limit(COMPILED_BYTES_MAX).dfa_size_limit(STATES_BYTES_MAX);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => RegexError::Large { source: source.to_owned() },
        other => RegexError::Syntax { source: source.to_owned(), reason: other.to_string() },
    })
}

/// An expression that matches from end to end, for those who want what its groups caught.
///
/// # Errors
/// As [`ValueTest::regex`].
pub fn anchored_regex(source: &str) -> Result<Regex, RegexError> {
    if source.len() > REGEX_BYTES_MAX {
        return Err(RegexError::Long { n_bytes: source.len(), n_bytes_max: REGEX_BYTES_MAX });
    }
    let ours = translated(source);
    parse(&ours)?;
    compile(&ours)
}

/// All values that match, if they are few, and what every value that matches begins with.
fn expand(hir: &Hir) -> (Option<Vec<String>>, String) {
    let mut extractor = Extractor::new();
    extractor.limit_total(EXPANDED_MAX).limit_literal_len(REGEX_BYTES_MAX);
    let found = extractor.extract(hir);
    let Some(literals) = found.literals() else {
        return (None, String::new());
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    // Anchors and word boundaries count as empty text there, which they are not.
    if found.is_exact() && hir.properties().look_set().is_empty() {
        let values: Option<Vec<String>> = literals.iter().map(|l| text(l.as_bytes())).collect();
        if values.is_some() {
            return (values, String::new());
        }
    }
    // The values may differ within one character.
    let prefix = found.longest_common_prefix().unwrap_or_default();
    let whole = match std::str::from_utf8(prefix) {
        Ok(whole) => whole,
        Err(error) => std::str::from_utf8(&prefix[..error.valid_up_to()]).unwrap_or_default(),
    };
    (None, whole.to_owned())
}

fn shared_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    &a[..same.map_or(a.len().min(b.len()), |((at, _), _)| at)]
}

#[cfg(test)]
mod tests;
