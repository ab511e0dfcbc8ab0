//! Read: a line as a series.

use std::fmt;

use model::{Labels, STALE_MARKER_BITS, Sample};
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::STALE_NAN;
use crate::openmetrics::{ORDINARY_NAN_BITS, parse_float};

/// Labels of one series. Far above what is stored.
const LABELS_MAX: usize = 1024;

/// What a line says.
#[derive(Debug, Clone, Default)]
pub struct SeriesLine {
    /// The series.
    pub labels: Labels,
    /// Its samples in the order of the line.
    pub samples: Vec<Sample>,
}

/// A line is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(*column))]
pub struct LineError {
    /// The byte from 1; 0 when it concerns the line as a whole, which is not said.
    pub column: usize,
    /// What was expected or found.
    pub reason: String,
}

/// Reads a line, given without its end, of at most [`super::LINE_BYTES_MAX`] bytes.
///
/// # Errors
/// It is no JSON, or no series: see [`LineError`].
pub fn read_line(line: &[u8]) -> Result<SeriesLine, LineError> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let whole = deserializer
        .deserialize_map(LineVisitor)
        .and_then(|parts| deserializer.end().map(|()| parts));
    let parts = whole.map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = error.to_string().replace(&place, "");
        LineError { column: error.column(), reason }
    })?;
    parts.series().map_err(|reason| LineError { column: 0, reason })
}

fn place(column: usize) -> String {
    if column == 0 { String::new() } else { format!("column {column}: ") }
}

/// The fields of a line as they come.
#[derive(Default)]
struct Parts {
    metric: Option<Vec<(String, String)>>,
    values: Option<Vec<f64>>,
    times: Option<Vec<i64>>,
    starts: Option<Vec<i64>>,
}

impl Parts {
    fn series(self) -> Result<SeriesLine, String> {
        let pairs = self.metric.ok_or("there is no \"metric\"")?;
        let values = self.values.ok_or("there is no \"values\"")?;
        let times = self.times.ok_or("there is no \"timestamps\"")?;
        let starts = self.starts.unwrap_or_default();
        if values.len() != times.len() {
            return Err(format!("{} values have {} timestamps", values.len(), times.len()));
        }
        if !starts.is_empty() && starts.len() != times.len() {
            return Err(format!("{} values have {} start timestamps", values.len(), starts.len()));
        }
        let labels = Labels::new(pairs).map_err(|error| error.to_string())?;
        let starts = starts.into_iter().chain(std::iter::repeat(0));
        let samples = times.into_iter().zip(values).zip(starts);
        let samples = samples.map(|((t_ms, value), start_ms)| Sample { t_ms, value, start_ms });
        Ok(SeriesLine { labels, samples: samples.collect() })
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Parts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"metric\", \"values\" and \"timestamps\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
        let mut parts = Parts::default();
        while let Some(key) = map.next_key::<String>()? {
            let is_new = match key.as_str() {
                "metric" => parts.metric.replace(map.next_value_seed(Pairs)?).is_none(),
                "values" => parts.values.replace(map.next_value_seed(Values)?).is_none(),
                "timestamps" => parts.times.replace(map.next_value()?).is_none(),
                "start_timestamps" => parts.starts.replace(map.next_value()?).is_none(),
                _ => map.next_value::<IgnoredAny>().map(|_| true)?,
            };
            if !is_new {
                return Err(de::Error::custom(format_args!("{key:?} is given twice")));
            }
        }
        Ok(parts)
    }
}

/// The labels.
struct Pairs;

impl<'de> de::DeserializeSeed<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            if pairs.len() == LABELS_MAX {
                return Err(de::Error::custom("more than 1024 labels"));
            }
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// The values.
struct Values;

impl<'de> de::DeserializeSeed<'de> for Values {
    type Value = Vec<f64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Vec<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Value(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(values)
    }
}

/// One value.
struct Value(f64);

impl<'de> de::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, null, \"NaN\", \"StaleNaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_unit<E>(self) -> Result<f64, E> {
        Ok(f64::from_bits(ORDINARY_NAN_BITS))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<f64, E> {
        special(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// What stands in quotes because JSON has no number for it.
fn special(text: &str) -> Option<f64> {
    if text == STALE_NAN {
        return Some(f64::from_bits(STALE_MARKER_BITS));
    }
    if let Some(bits) = text.strip_prefix("NaN(").and_then(|rest| rest.strip_suffix(')')) {
        let is_hex = bits.len() == 16 && bits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = f64::from_bits(u64::from_str_radix(bits, 16).ok().filter(|_| is_hex)?);
        return value.is_nan().then_some(value);
    }
    // A number in quotes is a mistake that nobody makes; only words are taken.
    parse_float(text).filter(|value| !value.is_finite())
}
