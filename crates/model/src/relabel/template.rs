//! Template: a text with places for what an expression has caught.
//!
//! `$1`, `${1}`, `$name` and `${name}` are such places, a name being as long as letters, digits and
//! underscores go; `$$` is a dollar. What was not caught, or names no group, is empty; a dollar that
//! begins nothing stands for itself. This is how Go's `regexp` expands a template.

use regex::{Captures, Regex};

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A group of the expression.
    Group(usize),
}

impl Template {
    /// Reads a template for this expression.
    pub(super) fn new(source: &str, regex: &Regex) -> Self {
        let mut template = Self(Vec::new());
        let mut rest = source;
        while let Some((text, behind)) = rest.split_once('$') {
            template.push_text(text);
            rest = match (behind.strip_prefix('$'), place(behind)) {
                (Some(behind), _) => {
                    template.push_text("$");
                    behind
                }
                (None, Some((name, behind))) => {
                    template.0.extend(group(name, regex).map(Part::Group));
                    behind
                }
                (None, None) => {
                    template.push_text("$");
                    behind
                }
            };
        }
        template.push_text(rest);
        template
    }

    fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) => before.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }

    /// The text with everything in its place. It ends with the part that reaches `bytes_max`.
    pub(super) fn expand(&self, caught: &Captures<'_>, bytes_max: usize) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(group) => out.push_str(caught.get(*group).map_or("", |m| m.as_str())),
            }
            if out.len() >= bytes_max {
                break;
            }
        }
        out
    }
}

/// The name behind a dollar, and what follows it.
fn place(behind: &str) -> Option<(&str, &str)> {
    let (inside, is_braced) = match behind.strip_prefix('{') {
        Some(inside) => (inside, true),
        None => (behind, false),
    };
    let is_part = |c: char| c.is_alphabetic() || c.is_numeric() || c == '_';
    let end = inside.find(|c| !is_part(c)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let rest = if is_braced { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

/// The group of a number or a name.
fn group(name: &str, regex: &Regex) -> Option<usize> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = name.len() > 1 && name.starts_with('0');
    if is_number && !has_leading_zero {
        return name.parse().ok().filter(|group| *group < regex.captures_len());
    }
    regex.capture_names().position(|known| known == Some(name))
}

#[cfg(test)]
mod tests {
    use super::Template;
    use crate::anchored_regex;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let regex = anchored_regex("(a+)(b+)?(?P<word>c+)").unwrap();
        let caught = regex.captures("aacc").unwrap();
        assert_eq!(
            Template::new(template, &regex).expand(&caught, 1 << 20),
            expected,
            "{template}"
        );
    }

    #[test]
    fn places_are_filled() {
        check("", "");
        check("x", "x");
        check("$1", "aa");
        check("$0", "aacc");
        check("${1}x", "aax");
        check("$1-$3", "aa-cc");
        check("$word/${word}", "cc/cc");
    }

    #[test]
    fn what_names_nothing_is_empty() {
        check("$2", "");
        check("$4$99999999999999999999", "");
        check("$1x", "");
        check("$other-${none}", "-");
        check("$01", "");
        check("$1é", "");
    }

    #[test]
    fn dollars_that_begin_nothing_stay() {
        check("$$1", "$1");
        check("a$", "a$");
        check("$-$ ${", "$-$ ${");
        check("${1", "${1");
        check("${}", "${}");
        check("${1-}", "${1-}");
    }
}
