//! Functions of labels: `label_replace` and `label_join`.

use std::sync::Arc;

use model::{Labels, METRIC_NAME, anchored_regex};
use regex::{Captures, Regex};

use super::answer::{QueryError, unfit};
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
        let destination = label_name(node, text_of(destination))?;
        let (replacement, source) = (text_of(replacement).to_lossy(), text_of(source).to_lossy());
        let mut rows = self.eval_as_rows(&node.args[0], steps)?;
        for row in &mut rows {
            self.budget.check_stop()?;
            let value = row.labels.get(&source).unwrap_or_default();
            let Some(caught) = regex.captures(value) else { continue };
            let value = expanded(&replacement, &regex, &caught);
            relabel(row, &destination, &value);
        }
        together(rows)
    }

    /// `label_join(v, destination, separator, sources...)`
    pub(super) fn label_join(
        &mut self,
        node: &Call,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        let destination = label_name(node, text_of(&node.args[1]))?;
        let separator = text_of(&node.args[2]).to_lossy();
        let mut sources = Vec::new();
        for arg in &node.args[3..] {
            let source = text_of(arg).to_lossy();
            if source.is_empty() {
                return unfit("invalid source label name in label_join(): ");
            }
            sources.push(source);
        }
        let mut rows = self.eval_as_rows(&node.args[0], steps)?;
        for row in &mut rows {
            self.budget.check_stop()?;
            let values: Vec<&str> =
                sources.iter().map(|name| row.labels.get(name).unwrap_or_default()).collect();
            let value = values.join(&separator);
            relabel(row, &destination, &value);
        }
        together(rows)
    }
}

/// A text that may be a label's name.
fn label_name(node: &Call, text: &crate::Text) -> Result<String, QueryError> {
    match text.as_str().filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => unfit(format!(
            "invalid destination label name in {}(): {}",
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

/// Rows that have become the same, put together.
fn together(rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
    let mut out = Collector::default();
    for row in rows {
        out.join(&row.labels, row.drops_name, row.points);
    }
    out.joined_rows()
}

/// The replacement with what the groups caught, in the words of Go: `$1x` is the group named `1x`.
fn expanded(template: &str, regex: &Regex, caught: &Captures<'_>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        match group_name(behind) {
            Some((name, behind)) => {
                out.push_str(group(name, regex, caught));
                rest = behind;
            }
            None => {
                // A dollar before anything else is one.
                out.push('$');
                rest = behind;
            }
        }
    }
    out + rest
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

    use super::expanded;

    #[test]
    fn groups_are_named_as_in_go() {
        let regex = Regex::new("^(?<word>[a-z]+)-([0-9]+)$").unwrap();
        let caught = regex.captures("ab-12").unwrap();
        let check = |template: &str, wanted: &str| {
            assert_eq!(expanded(template, &regex, &caught), wanted, "{template}");
        };
        check("$1:$2", "ab:12");
        check("${1}x$word", "abxab");
        check("$1x", "");
        check("$$1 $ ${ ${a b}", "$1 $ ${ ${a b}");
        check("$0$9", "ab-12");
    }
}
