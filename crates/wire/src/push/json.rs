//! JSON as the push bodies need it: one pass over the text, in memory that does not grow with it.
//!
//! serde_json drives; our visitors keep of each value what may still be used ([`Node`]) and step
//! over the rest. A value of the wrong type is not an error here but a [`Node`] whose type can be
//! told, so an error of serde_json is one of syntax (or a number
//! beyond every float).

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::PushError;

/// Arrays and objects inside each other, the body itself counted.
pub const DEPTH_MAX: usize = 64;

/// A JSON value, or as much of it as the budget allowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    /// The field is not there.
    Absent,
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    /// An array with more in it than was to be kept.
    LargeArray,
    /// An object with more in it than was to be kept.
    LargeObject,
}

impl Node<'_> {
    /// What it is, for an error's `got ...`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) | Self::LargeArray => "an array",
            Self::Object(_) | Self::LargeObject => "an object",
        }
    }

    /// The number it is, if it is one.
    pub(super) fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Unsigned(number) => Some(number as f64),
            Self::Signed(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }
}

/// Reads one whole body; `seed` says what of it to keep.
pub(super) fn read<'a, S: DeserializeSeed<'a>>(
    body: &'a [u8],
    seed: S,
) -> Result<S::Value, PushError> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(body, error.valid_up_to())),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| broken(text, &error))
}

fn not_utf8(body: &[u8], at: usize) -> PushError {
    let before = &body[..at];
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
    PushError::syntax(format!("the body is not UTF-8 from byte {at} on"), line, column)
}

/// What serde_json says, or something clearer for the faults that people make most.
fn broken(text: &str, error: &serde_json::Error) -> PushError {
    let (line, column) = (error.line(), error.column());
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(&*said, |(what, _)| what);
    if said == "number out of range" {
        let reason = format!("the number at line {line} column {column} is too large for a float");
        return PushError::limit("", reason);
    }
    let rest = text
        .split('\n')
        .nth(line.saturating_sub(1))
        .and_then(|line| line.get(column.saturating_sub(1)..))
        .unwrap_or_default();
    let starts = |words: &[&str]| words.iter().any(|word| rest.starts_with(word));
    let reason = if text.trim_ascii().is_empty() {
        "the body is empty"
    } else if text.starts_with('\u{feff}') {
        "the body starts with a byte order mark, which JSON does not allow"
    } else if starts(&["//", "/*", "#"]) {
        "comments are not JSON"
    } else if starts(&["NaN", "Inf", "-Inf", "+Inf", "nan"]) {
        "JSON has no NaN and no infinity"
    } else {
        said
    };
    PushError::syntax(reason, line, column)
}

/// Writes the visits of every type but array and object: each yields `$value`, an expression over
/// the name of the type.
macro_rules! other_types_are {
    (|$self:ident, $type_name:ident| $value:expr) => {
        fn visit_unit<E>($self) -> Result<Self::Value, E> {
            let $type_name = Node::Null.type_name();
            Ok($value)
        }

        fn visit_bool<E>($self, value: bool) -> Result<Self::Value, E> {
            let $type_name = Node::Bool(value).type_name();
            Ok($value)
        }

        fn visit_u64<E>($self, value: u64) -> Result<Self::Value, E> {
            let $type_name = Node::Unsigned(value).type_name();
            Ok($value)
        }

        fn visit_i64<E>($self, value: i64) -> Result<Self::Value, E> {
            let $type_name = Node::Signed(value).type_name();
            Ok($value)
        }

        fn visit_f64<E>($self, value: f64) -> Result<Self::Value, E> {
            let $type_name = Node::Float(value).type_name();
            Ok($value)
        }

        fn visit_str<E>($self, value: &str) -> Result<Self::Value, E> {
            let $type_name = Node::Text(Cow::Borrowed(value)).type_name();
            Ok($value)
        }
    };
}

/// Reads any value and keeps at most `budget` elements of it, all levels together. What holds a
/// value that was not kept whole is not kept whole either.
pub(super) struct NodeSeed<'b> {
    /// How many arrays and objects are open around it.
    pub(super) depth: usize,
    /// How many elements may still be kept.
    pub(super) budget: &'b mut usize,
}

impl NodeSeed<'_> {
    fn inner(&mut self) -> NodeSeed<'_> {
        NodeSeed { depth: self.depth + 1, budget: self.budget }
    }

    /// Whether one more element may be kept.
    fn spend(&mut self) -> bool {
        let may = *self.budget > 0;
        *self.budget -= usize::from(may);
        may
    }
}

/// Refuses to go deeper than [`DEPTH_MAX`].
pub(super) fn check_depth<E: serde::de::Error>(depth: usize) -> Result<(), E> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")))
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Node<'de>, A::Error> {
        check_depth::<A::Error>(self.depth)?;
        let (mut kept, mut all_kept) = (Vec::new(), true);
        while let Some(node) = seq.next_element_seed(self.inner())? {
            if self.spend() {
                kept.push(node);
            } else {
                all_kept = false;
            }
        }
        Ok(if all_kept { Node::Array(kept) } else { Node::LargeArray })
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Node<'de>, A::Error> {
        check_depth::<A::Error>(self.depth)?;
        let (mut kept, mut all_kept) = (Vec::new(), true);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let node = map.next_value_seed(self.inner())?;
            if self.spend() {
                kept.push((key, node));
            } else {
                all_kept = false;
            }
        }
        Ok(if all_kept { Node::Object(kept) } else { Node::LargeObject })
    }
}

/// Reads an object's key, borrowed where it has no escapes.
pub(super) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
