//! JSON: a message in JSON, rewritten as protobuf while it is read, without a tree in between.
//!
//! OTLP's JSON is protobuf's with three exceptions: ids are hex, enumerations are numbers, and keys
//! are in lowerCamelCase alone. 64-bit numbers come as texts or numbers, doubles may be `"NaN"`,
//! `"Infinity"` and `"-Infinity"`, and `null` is as good as absent.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::answer::push_varint;
use super::schema::{Field, Kind, REQUEST};
use super::{MessageError, base64};

/// Rewrites a message.
///
/// # Errors
/// It is no JSON, or not of the shape of a message; with the line and column.
pub fn from_json(body: &[u8]) -> Result<Vec<u8>, MessageError> {
    let mut out = Vec::with_capacity(body.len() / 2);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Message { fields: &REQUEST, out: &mut out }.deserialize(&mut reader);
    match read.and_then(|()| reader.end()) {
        Ok(()) => Ok(out),
        Err(error) => Err(MessageError::Json { reason: error.to_string() }),
    }
}

/// An object that is a message.
struct Message<'o> {
    fields: &'static [Field],
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(KeyOf(self.fields))? {
            match field {
                Some(field) => {
                    map.next_value_seed(Item { field, out: self.out, in_list: false })?;
                }
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

/// A key: the field that it names, if we know it.
struct KeyOf(&'static [Field]);

impl<'de> DeserializeSeed<'de> for KeyOf {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let known = self.0.iter().find(|field| field.key == key);
        match known.is_none().then(|| elsewhere(key)).flatten() {
            Some(reason) => Err(E::custom(reason)),
            None => Ok(known),
        }
    }
}

/// Why a key that names no field is not passed over as others are: with it everything would be.
fn elsewhere(key: &str) -> Option<String> {
    let what = match key {
        "resource_metrics" => {
            return Some(format!("{key:?} is \"resourceMetrics\" in OTLP's JSON"));
        }
        "resourceLogs" | "resource_logs" => "logs",
        "resourceSpans" | "resource_spans" => "traces",
        "resourceProfiles" | "resource_profiles" => "profiles",
        _ => return None,
    };
    Some(format!("only metrics are stored here, and {key:?} holds {what}"))
}

/// What stands behind a key, or within the list that stands there.
struct Item<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
    in_list: bool,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Item<'_> {
    fn is_in_place(&self) -> bool {
        self.field.is_repeated == self.in_list
    }

    fn push_varint(self, value: u64) {
        push_varint(self.out, u64::from(self.field.number) << 3);
        push_varint(self.out, value);
    }

    fn push_fixed64(self, bits: u64) {
        push_varint(self.out, u64::from(self.field.number) << 3 | 1);
        self.out.extend_from_slice(&bits.to_le_bytes());
    }

    fn push_bytes(self, bytes: &[u8]) {
        push_varint(self.out, u64::from(self.field.number) << 3 | 2);
        push_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A whole number, of which i128 holds all kinds.
    fn push_whole<E: Error>(self, value: i128) -> Result<(), E> {
        let range = |is_signed: bool| match is_signed {
            true => i64::try_from(value).map(i64::cast_unsigned).ok(),
            false => u64::try_from(value).ok(),
        };
        match self.field.kind {
            _ if !self.is_in_place() => return Err(self.wrong()),
            Kind::Double => self.push_fixed64((value as f64).to_bits()),
            Kind::Fixed64 { is_signed } => {
                let bits = range(is_signed).ok_or_else(|| self.out_of_range())?;
                self.push_fixed64(bits);
            }
            Kind::Varint { is_signed } => {
                let bits = range(is_signed).ok_or_else(|| self.out_of_range())?;
                self.push_varint(bits);
            }
            Kind::ZigZag => {
                let value = i32::try_from(value).map_err(|_| self.out_of_range())?;
                self.push_varint(((value << 1) ^ (value >> 31)).cast_unsigned().into());
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }

    fn out_of_range<E: Error>(&self) -> E {
        E::custom(format_args!("{:?} is out of range", self.field.key))
    }

    fn wrong<E: Error>(&self) -> E {
        E::custom(format_args!("{:?} is not {}", self.field.key, self.wanted()))
    }

    fn wanted(&self) -> &'static str {
        match self.field.kind {
            _ if self.field.is_repeated && !self.in_list => "a list",
            Kind::Text => "a text",
            Kind::Bytes => "bytes in base64",
            Kind::Hex => "bytes in hex",
            Kind::Bool => "true or false",
            Kind::Double => "a number",
            Kind::Fixed64 { .. } | Kind::Varint { .. } | Kind::ZigZag => "a whole number",
            Kind::Message(_) => "an object",
        }
    }

    /// A number in quotes.
    fn push_quoted<E: Error>(self, text: &str) -> Result<(), E> {
        let special = match (self.field.kind, text) {
            (Kind::Double, "NaN") => Some(f64::NAN),
            (Kind::Double, "Infinity") => Some(f64::INFINITY),
            (Kind::Double, "-Infinity") => Some(f64::NEG_INFINITY),
            _ => None,
        };
        if let Some(value) = special {
            return self.visit_f64(value);
        }
        if let Ok(value) = text.parse::<i128>() {
            return self.push_whole(value);
        }
        // Rust reads words as numbers that JSON does not know.
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        match text.parse::<f64>() {
            Ok(value) if is_number && value.is_finite() => self.visit_f64(value),
            _ => Err(self.wrong()),
        }
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {:?}", self.wanted(), self.field.key)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool if self.is_in_place() => {
                self.push_varint(value.into());
                Ok(())
            }
            _ => Err(self.wrong()),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push_whole(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push_whole(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.field.kind {
            Kind::Double if self.is_in_place() => {
                self.push_fixed64(value.to_bits());
                Ok(())
            }
            // Some writers know no whole numbers: 1e3.
            _ if value.fract() == 0.0 && value.abs() < 2_f64.powi(63) => {
                self.push_whole(value as i128)
            }
            _ => Err(self.wrong()),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            _ if !self.is_in_place() => Err(self.wrong()),
            Kind::Text => {
                self.push_bytes(text.as_bytes());
                Ok(())
            }
            Kind::Bytes => {
                let bytes = base64::decode(text).ok_or_else(|| self.wrong())?;
                self.push_bytes(&bytes);
                Ok(())
            }
            Kind::Hex => {
                let bytes = from_hex(text).ok_or_else(|| self.wrong())?;
                self.push_bytes(&bytes);
                Ok(())
            }
            Kind::Bool | Kind::Message(_) => Err(self.wrong()),
            _ => self.push_quoted(text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.in_list || !self.field.is_repeated {
            return Err(self.wrong());
        }
        let field = self.field;
        while items.next_element_seed(Item { field, out: self.out, in_list: true })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(fields) = self.field.kind else { return Err(self.wrong()) };
        if !self.is_in_place() {
            return Err(self.wrong());
        }
        push_varint(self.out, u64::from(self.field.number) << 3 | 2);
        let start = self.out.len();
        self.out.extend_from_slice(&[0; LENGTH_BYTES]);
        Message { fields, out: self.out }.visit_map(map)?;
        let length = self.out.len() - start - LENGTH_BYTES;
        for (at, byte) in self.out[start..].iter_mut().take(LENGTH_BYTES).enumerate() {
            let more = if at + 1 < LENGTH_BYTES { 0x80 } else { 0 };
            *byte = (length >> (7 * at)) as u8 & 0x7f | more;
        }
        Ok(())
    }
}

/// Bytes of a length that is known only when its message is written: a varint may be longer than it
/// has to be.
const LENGTH_BYTES: usize = 5;

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}
