//! Why a pushed body is refused, said so that its sender can mend it.

use std::fmt;

/// What kind of fault a body has; the server picks its HTTP status by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushErrorKind {
    /// It is not JSON, or nested too deep. The place is counted from 1, the column in bytes.
    Syntax {
        /// The line.
        line: usize,
        /// The byte in the line.
        column: usize,
    },
    /// It is JSON, but a field is missing, of the wrong type or has no meaning.
    Shape,
    /// Something in it is longer or more than is taken.
    Limit,
}

/// A refused body. Nothing of it was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PushError {
    /// The path of the field, such as `severity`, `metrics[3].value` or `[3].labels.zone`; empty
    /// when it is the body as a whole.
    pub field: String,
    /// What is wrong, a sentence that names the field: `field "value" must be a finite number, got
    /// a string`.
    pub reason: String,
    /// Which item of a batch, from 0.
    pub index: Option<usize>,
    /// What kind of fault it is.
    pub kind: PushErrorKind,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "item {index}: ")?;
        }
        f.write_str(&self.reason)?;
        match self.kind {
            PushErrorKind::Syntax { line, column } => {
                write!(f, " at line {line} column {column}")
            }
            PushErrorKind::Shape | PushErrorKind::Limit => Ok(()),
        }
    }
}

impl PushError {
    pub(super) fn shape(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of(PushErrorKind::Shape, field, reason)
    }

    pub(super) fn limit(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of(PushErrorKind::Limit, field, reason)
    }

    /// `field "value" must be a finite number, got a string`.
    pub(super) fn must_be(field: &str, expected: &str, got: &str) -> Self {
        Self::shape(field, format!("field {field:?} must be {expected}, got {got}"))
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::shape(field, format!("missing field {field:?}"))
    }

    /// A text with more bytes than are taken.
    pub(super) fn too_long(field: &str, given: usize, max: usize) -> Self {
        let reason = format!("field {field:?} has {given} bytes, at most {max} are taken");
        Self::limit(field, reason)
    }

    pub(super) fn syntax(reason: impl Into<String>, line: usize, column: usize) -> Self {
        Self::of(PushErrorKind::Syntax { line, column }, "", reason)
    }

    fn of(kind: PushErrorKind, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into(), index: None, kind }
    }

    /// This error of the item at `index` of the list at `list` (`metrics`, or nothing).
    pub(super) fn in_item(mut self, list: &str, index: usize) -> Self {
        let dot = if self.field.is_empty() { "" } else { "." };
        self.field = format!("{list}[{index}]{dot}{}", self.field);
        self.index = Some(index);
        self
    }
}
