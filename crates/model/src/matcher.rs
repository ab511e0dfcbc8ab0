//! Matcher: a condition on one label, the unit of series selection.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::{Labels, RegexError, ValueTest};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`: the value is exactly this one.
    Equal,
    /// `!=`: the value is any other one; an absent label counts as the empty value.
    NotEqual,
    /// `=~`: the whole value matches a regular expression.
    Match,
    /// `!~`: the whole value does not match; an absent label counts as the empty value.
    NoMatch,
}

impl MatchOp {
    /// Whether the condition is met by the values that fail the test.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NoMatch)
    }
}

/// A condition on one label. An absent label has the empty value, as in PromQL.
///
/// Matchers are equal when they read the same.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    op: MatchOp,
    value: String,
    /// Shared, so that a copy of a matcher does not compile its expression again.
    test: Arc<ValueTest>,
}

impl Matcher {
    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::exact(name.into(), MatchOp::Equal, value.into())
    }

    /// `name!="value"`.
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::exact(name.into(), MatchOp::NotEqual, value.into())
    }

    /// `name=~"value"`.
    ///
    /// # Errors
    /// As [`ValueTest::regex`].
    pub fn regex(name: impl Into<String>, value: impl Into<String>) -> Result<Self, RegexError> {
        Self::new(name, MatchOp::Match, value)
    }

    /// `name!~"value"`.
    ///
    /// # Errors
    /// As [`ValueTest::regex`].
    pub fn not_regex(
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, RegexError> {
        Self::new(name, MatchOp::NoMatch, value)
    }

    /// A matcher of any kind.
    ///
    /// # Errors
    /// As [`ValueTest::regex`], of an operator that takes an expression.
    pub fn new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, RegexError> {
        let (name, value) = (name.into(), value.into());
        match op {
            MatchOp::Equal | MatchOp::NotEqual => Ok(Self::exact(name, op, value)),
            MatchOp::Match | MatchOp::NoMatch => {
                let test = Arc::new(ValueTest::regex(&value)?);
                Ok(Self { name, op, value, test })
            }
        }
    }

    fn exact(name: String, op: MatchOp, value: String) -> Self {
        let test = Arc::new(ValueTest::exact(&value));
        Self { name, op, value, test }
    }

    /// The comparison.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What is compared with: a value or the source of a regular expression.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The test behind the comparison; a [negative](MatchOp::is_negative) one asks for the values
    /// that fail it.
    pub fn test(&self) -> &ValueTest {
        &self.test
    }

    /// Whether this value meets the condition; the empty one stands for an absent label.
    pub fn matches_value(&self, value: &str) -> bool {
        self.test.matches(value) != self.op.is_negative()
    }

    /// Whether series that lack the label meet the condition.
    pub fn matches_absent(&self) -> bool {
        self.test.matches_empty() != self.op.is_negative()
    }

    /// Whether the labels meet the condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.name).unwrap_or_default())
    }

    /// What makes two matchers the same; the test follows from it.
    fn text(&self) -> (&str, MatchOp, &str) {
        (&self.name, self.op, &self.value)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Matcher {}

impl Hash for Matcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

#[cfg(test)]
mod tests;
