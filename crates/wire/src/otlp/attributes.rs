//! Attributes: the key-value pairs that describe resources, scopes, points and exemplars.
//!
//! `KeyValue{key=1, value=2}`.

use std::borrow::Cow;

use super::value::{read_text, utf8};
use super::{ATTRIBUTES_MAX, MessageError};
use crate::remote_write::fields::{Fields, Span, Value};

/// Attributes in the order in which they were sent. More than [`ATTRIBUTES_MAX`] are counted only.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes<'m> {
    pub(super) pairs: Vec<(&'m str, Cow<'m, str>)>,
    n_beyond: usize,
}

impl<'m> Attributes<'m> {
    /// Adds the attribute that lies at `span` of a message.
    pub(super) fn push(&mut self, fields: &Fields<'m>, span: Span) -> Result<(), MessageError> {
        let (key, value) = read_key(fields.within(span))?;
        if self.pairs.len() == ATTRIBUTES_MAX {
            self.n_beyond += 1;
            return Ok(());
        }
        let text = value.as_ref().map(read_text).transpose()?.unwrap_or_default();
        self.pairs.push((key, text));
        Ok(())
    }

    /// Forgets all of them. Their memory is kept.
    pub(super) fn clear(&mut self) {
        self.pairs.clear();
        self.n_beyond = 0;
    }

    /// How many there are, those among them that are not kept.
    pub(super) fn n_given(&self) -> usize {
        self.pairs.len() + self.n_beyond
    }

    /// The value of the first attribute of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Cow<'m, str>> {
        self.pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// The key of a pair, and the fields of its value if it has one.
pub(super) fn read_key<'m>(
    mut fields: Fields<'m>,
) -> Result<(&'m str, Option<Fields<'m>>), MessageError> {
    let (mut key, mut text) = ("", None);
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => key = utf8(&fields, span, "key of an attribute")?,
            (2, Value::Bytes(span)) => text = Some(fields.within(span)),
            (1 | 2, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok((key, text))
}
