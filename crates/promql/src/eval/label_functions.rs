//! Functions of labels: `label_replace` and `label_join`.

use std::sync::Arc;

use model::{Labels, METRIC_NAME, anchored_regex};
use regex::{Captures, Regex};

use super::answer::{QueryError, unfit};
use super::budget::Held;
use super::collect::Collector;
use super::evaluator::{Evaluator, text_of};
use super::row::Row;
use super::steps::Steps;
use crate::ast::Call;

impl Evaluator<'_> {
    /// `label_replace(v, destination, replacement, source, expression)`
    pub(super) fn label_replace(
        &mut self,
        node: &Call,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        let [_, destination, replacement, source, expression] = node.args.as_slice() else {
            unreachable!("the parser counted the arguments")
        };
        let expression = text_of(expression).to_lossy();
        let Ok(regex) = anchored_regex(&expression) else {
            return unfit(format!("invalid regular expression in label_replace(): {expression}"));
        };
        let destination = label_name(node, "destination", text_of(destination))?;
        let (replacement, source) = (text_of(replacement).to_lossy(), text_of(source).to_lossy());
        let mut rows = self.eval_as_rows(&node.args[0], steps)?;
        for row in &mut rows {
            self.budget.check_stop()?;
            let value = row.labels.get(&source).unwrap_or_default();
            let Some(caught) = regex.captures(value) else { continue };
            let mut n_bytes = 0_usize;
            expand(&replacement, &regex, &caught, |part| {
                n_bytes = n_bytes.saturating_add(part.len());
            });
            self.take_text(n_bytes)?;
            let mut value = String::with_capacity(n_bytes);
            expand(&replacement, &regex, &caught, |part| value.push_str(part));
            relabel(row, &destination, &value);
        }
        self.together(rows)
    }

    /// `label_join(v, destination, separator, sources...)`
    pub(super) fn label_join(
        &mut self,
        node: &Call,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        let separator = text_of(&node.args[2]).to_lossy();
        let mut sources = Vec::new();
        for arg in &node.args[3..] {
            sources.push(label_name(node, "source", text_of(arg))?);
        }
        let destination = label_name(node, "destination", text_of(&node.args[1]))?;
        let mut rows = self.eval_as_rows(&node.args[0], steps)?;
        for row in &mut rows {
            self.budget.check_stop()?;
            let values: Vec<&str> =
                sources.iter().map(|name| row.labels.get(name).unwrap_or_default()).collect();
            let n_separators = values.len().saturating_sub(1);
            let n_bytes = values
                .iter()
                .fold(separator.len().saturating_mul(n_separators), |n_bytes, value| {
                    n_bytes.saturating_add(value.len())
                });
            self.take_text(n_bytes)?;
            let value = values.join(&separator);
            relabel(row, &destination, &value);
        }
        self.together(rows)
    }

    /// Asks for a label's value that is about to be made: a text may be made of many, and those of as
    /// many again.
    fn take_text(&mut self, n_bytes: usize) -> Result<(), QueryError> {
        self.budget.take(Held { n_bytes, ..Held::default() })
    }

    /// Rows that have become the same, put together.
    fn together(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        let mut out = Collector::default();
        for row in rows {
            out.join(&row.labels, (row.drops_name, row.points), &mut self.budget)?;
        }
        out.joined_rows(&mut self.budget)
    }
}

/// A text that may be a label's name.
fn label_name(node: &Call, of: &str, text: &crate::Text) -> Result<String, QueryError> {
    match text.as_str().filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => unfit(format!(
            "invalid {of} label name in {}(): {}",
            node.function.name,
            text.to_lossy()
        )),
    }
}

/// Sets a label. A name that is set is there to stay.
fn relabel(row: &mut Row, name: &str, value: &str) {
    let labels = Labels::clone(&row.labels).with(name, value);
    row.labels = Arc::new(labels);
    if name == METRIC_NAME {
        row.drops_name = false;
    }
}

/// Shows the parts of the replacement with what the groups caught, in the words of Go: `$1x` is the
/// group named `1x`.
fn expand(template: &str, regex: &Regex, caught: &Captures<'_>, mut show: impl FnMut(&str)) {
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('$') {
        show(before);
        if let Some(behind) = behind.strip_prefix('$') {
            show("$");
            rest = behind;
            continue;
        }
        match group_name(behind) {
            Some((name, behind)) => {
                show(group(name, regex, caught));
                rest = behind;
            }
            None => {
                // A dollar before anything else is one.
                show("$");
                rest = behind;
            }
        }
    }
    show(rest);
}

/// The name behind a dollar, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_named = |c: char| c == '_' || c.is_alphanumeric();
    let (name, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.split_at(text.find(|c| !is_named(c)).unwrap_or(text.len())),
    };
    (!name.is_empty() && name.chars().all(is_named)).then_some((name, rest))
}

fn group<'t>(name: &str, regex: &Regex, caught: &Captures<'t>) -> &'t str {
    let found = match name.parse::<usize>() {
        Ok(number) => caught.get(number),
        // Of several groups of one name, the first that caught something.
        Err(_) => {
            let mut names = regex.capture_names().enumerate();
            names.find_map(|(i, known)| caught.get(i).filter(|_| known == Some(name)))
        }
    };
    found.map_or("", |found| found.as_str())
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::expand;

    #[test]
    fn groups_are_named_as_in_go() {
        let regex = Regex::new("^(?<word>[a-z]+)-([0-9]+)$").unwrap();
        let caught = regex.captures("ab-12").unwrap();
        let check = |template: &str, wanted: &str| {
            let mut found = String::new();
            expand(template, &regex, &caught, |part| found.push_str(part));
            assert_eq!(found, wanted, "{template}");
        };
        check("$1:$2", "ab:12");
        check("${1}x$word", "abxab");
        check("$1x", "");
        check("$$1 $ ${ ${a b}", "$1 $ ${ ${a b}");
        check("$0$9", "ab-12");
    }
}
