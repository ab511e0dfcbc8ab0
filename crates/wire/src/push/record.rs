//! Records: JSON objects with known fields, and the checks that all kinds of pushes share.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::PushError;
use super::json::{Node, NodeSeed, check_depth};

/// Bytes of a name: of a service, a metric, a pipeline type, a user.
pub const NAME_BYTES_MAX: usize = 256;

/// A field that a record may have.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// How many elements of an array or object are kept; 0 where neither has a meaning.
    pub(super) elements_max: usize,
}

impl Field {
    pub(super) const fn scalar(name: &'static str) -> Self {
        Self::with_elements(name, 0)
    }

    pub(super) const fn with_elements(name: &'static str, elements_max: usize) -> Self {
        Self { name, elements_max }
    }
}

/// The values of the fields in the order in which the fields were named, or, when there is no
/// object, what there is instead. Of a field given twice the last value counts.
pub(super) type Record<'a, const N: usize> = Result<[Node<'a>; N], &'static str>;

/// Reads an object with these fields and ignores others.
pub(super) struct RecordSeed<const N: usize> {
    pub(super) fields: &'static [Field; N],
    pub(super) depth: usize,
}

impl<'de, const N: usize> DeserializeSeed<'de> for RecordSeed<N> {
    type Value = Record<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for RecordSeed<N> {
    type Value = Record<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    other_types_are!(|self, type_name| Err(type_name));

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        skip_array(seq, self.depth)?;
        Ok(Err("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        check_depth::<A::Error>(self.depth)?;
        let mut values = [const { Node::Absent }; N];
        while let Some(at) = map.next_key_seed(FieldSeed(self.fields))? {
            let mut budget = at.map_or(0, |at| self.fields[at].elements_max);
            let value =
                map.next_value_seed(NodeSeed { depth: self.depth + 1, budget: &mut budget })?;
            if let Some(at) = at {
                values[at] = value;
            }
        }
        Ok(Ok(values))
    }
}

/// Reads a key as the index of a known field.
struct FieldSeed<const N: usize>(&'static [Field; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for FieldSeed<N> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<const N: usize> Visitor<'_> for FieldSeed<N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|field| field.name == key))
    }
}

/// Steps over the rest of an array.
pub(super) fn skip_array<'de, A: SeqAccess<'de>>(mut seq: A, depth: usize) -> Result<(), A::Error> {
    check_depth::<A::Error>(depth)?;
    loop {
        let (depth, budget) = (depth + 1, &mut 0);
        if seq.next_element_seed(NodeSeed { depth, budget })?.is_none() {
            return Ok(());
        }
    }
}

/// A text that must be there and say something.
pub(super) fn required_text<'a>(
    field: &str,
    node: Node<'a>,
    bytes_max: usize,
) -> Result<Cow<'a, str>, PushError> {
    let text = possibly_empty_text(field, node, bytes_max)?;
    if text.is_empty() {
        return Err(PushError::shape(field, format!("field {field:?} must not be empty")));
    }
    Ok(text)
}

/// A text that must be there.
pub(super) fn possibly_empty_text<'a>(
    field: &str,
    node: Node<'a>,
    bytes_max: usize,
) -> Result<Cow<'a, str>, PushError> {
    match node {
        Node::Text(text) if text.len() <= bytes_max => Ok(text),
        Node::Text(text) => Err(PushError::too_long(field, text.len(), bytes_max)),
        Node::Absent => Err(PushError::missing(field)),
        other => Err(PushError::must_be(field, "a string", other.type_name())),
    }
}

/// A text that may be missing; null and the empty text say as little.
pub(super) fn optional_text(
    field: &str,
    node: Node<'_>,
    bytes_max: usize,
) -> Result<Option<String>, PushError> {
    if matches!(node, Node::Absent | Node::Null) {
        return Ok(None);
    }
    let text = possibly_empty_text(field, node, bytes_max)?;
    Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
}
