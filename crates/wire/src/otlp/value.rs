//! Value: what an attribute is set to, as the text of a label.
//!
//! `AnyValue{string=1, bool=2, int=3, double=4, array=5, kvlist=6, bytes=7}`. Texts are borrowed;
//! lists become JSON and bytes base64, as everywhere in OpenTelemetry.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::attributes::read_key;
use super::{MessageError, VALUE_DEPTH_MAX, base64};
use crate::remote_write::fields::{Fields, Span, Value};

/// An `AnyValue` whose lists are not looked into yet.
#[derive(Debug, Clone, Copy)]
enum Any {
    None,
    Text(Span),
    Bool(bool),
    Whole(i64),
    Double(f64),
    List(Span),
    Map(Span),
    Bytes(Span),
}

/// Reads an `AnyValue`, of which `fields` are the fields.
pub(super) fn read_text<'m>(fields: &Fields<'m>) -> Result<Cow<'m, str>, MessageError> {
    Ok(match read_any(fields.clone())? {
        Any::None => Cow::Borrowed(""),
        Any::Text(span) => Cow::Borrowed(utf8(fields, span, "value of an attribute")?),
        Any::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Any::Whole(value) => Cow::Owned(value.to_string()),
        Any::Double(value) => Cow::Owned(double_text(value)),
        Any::Bytes(span) => Cow::Owned(base64::encode(fields.bytes(span))),
        list @ (Any::List(_) | Any::Map(_)) => {
            let mut json = String::new();
            write_json(fields, list, 1, &mut json)?;
            Cow::Owned(json)
        }
    })
}

/// The last of the fields that are set counts.
fn read_any(mut fields: Fields<'_>) -> Result<Any, MessageError> {
    let mut any = Any::None;
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        any = match (number, value) {
            (1, Value::Bytes(span)) => Any::Text(span),
            (2, Value::Varint(bits)) => Any::Bool(bits != 0),
            (3, Value::Varint(bits)) => Any::Whole(bits.cast_signed()),
            (4, Value::Fixed64(bits)) => Any::Double(f64::from_bits(bits)),
            (5, Value::Bytes(span)) => Any::List(span),
            (6, Value::Bytes(span)) => Any::Map(span),
            (7, Value::Bytes(span)) => Any::Bytes(span),
            (1..=7, _) => return Err(MessageError::Type { offset, number }),
            _ => any,
        };
        offset = fields.offset();
    }
    Ok(any)
}

/// Appends a value as JSON. Lists are as deep as they may be, so this recursion is.
fn write_json(
    fields: &Fields<'_>,
    any: Any,
    depth: usize,
    json: &mut String,
) -> Result<(), MessageError> {
    match any {
        Any::None => json.push_str("null"),
        Any::Text(span) => push_quoted(json, utf8(fields, span, "value of an attribute")?),
        Any::Bytes(span) => push_quoted(json, &base64::encode(fields.bytes(span))),
        Any::Bool(value) => json.push_str(if value { "true" } else { "false" }),
        Any::Whole(value) => {
            let _ = write!(json, "{value}");
        }
        Any::Double(value) if value.is_finite() => json.push_str(&double_text(value)),
        Any::Double(value) => push_quoted(json, &double_text(value)),
        Any::List(span) | Any::Map(span) if depth > VALUE_DEPTH_MAX => {
            return Err(MessageError::Depth { offset: span.start });
        }
        Any::List(span) => write_list(fields.within(span), depth, json)?,
        Any::Map(span) => write_map(fields.within(span), depth, json)?,
    }
    Ok(())
}

/// `ArrayValue{values=1}`.
fn write_list(mut list: Fields<'_>, depth: usize, json: &mut String) -> Result<(), MessageError> {
    json.push('[');
    let mut offset = list.offset();
    while let Some((number, value)) = list.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => {
                if !json.ends_with('[') {
                    json.push(',');
                }
                let item = list.within(span);
                write_json(&item, read_any(item.clone())?, depth + 1, json)?;
            }
            (1, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = list.offset();
    }
    json.push(']');
    Ok(())
}

/// `KeyValueList{values=1}`, in the order of the keys: the same list is the same text.
fn write_map(mut map: Fields<'_>, depth: usize, json: &mut String) -> Result<(), MessageError> {
    let mut pairs = Vec::new();
    let mut offset = map.offset();
    while let Some((number, value)) = map.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => pairs.push(read_key(map.within(span))?),
            (1, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = map.offset();
    }
    pairs.sort_by_key(|(key, _)| *key);
    json.push('{');
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        push_quoted(json, key);
        json.push(':');
        match value {
            None => json.push_str("null"),
            Some(value) => write_json(value, read_any(value.clone())?, depth + 1, json)?,
        }
    }
    json.push('}');
    Ok(())
}

/// A number as JSON has it, with an exponent where it would be long without one.
fn double_text(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY if value > 0.0 => "+Inf".to_owned(),
        f64::INFINITY => "-Inf".to_owned(),
        size if size != 0.0 && !(1e-6..1e21).contains(&size) => {
            format!("{value:e}").replace('e', "e+").replace("e+-", "e-")
        }
        _ => value.to_string(),
    }
}

fn push_quoted(json: &mut String, text: &str) {
    json.push_str(&serde_json::to_string(text).expect("a text is JSON"));
}

/// A text of a message.
pub(super) fn utf8<'m>(
    fields: &Fields<'m>,
    span: Span,
    what: &'static str,
) -> Result<&'m str, MessageError> {
    str::from_utf8(fields.bytes(span))
        .map_err(|_| MessageError::NotUtf8 { offset: span.start, what })
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
    use prost::Message as _;

    use super::*;

    fn any(value: Proto) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn text(value: Proto) -> Result<String, MessageError> {
        let bytes = any(value).encode_to_vec();
        read_text(&Fields::new(&bytes)).map(Cow::into_owned)
    }

    fn list(values: impl IntoIterator<Item = Proto>) -> Proto {
        Proto::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })
    }

    fn map(pairs: &[(&str, Option<Proto>)]) -> Proto {
        let pair = |(key, value): &(&str, Option<Proto>)| KeyValue {
            key: (*key).to_owned(),
            value: value.clone().map(any),
            ..KeyValue::default()
        };
        Proto::KvlistValue(KeyValueList { values: pairs.iter().map(pair).collect() })
    }

    #[test]
    fn every_kind_has_a_text() {
        for (value, expected) in [
            (Proto::StringValue("a \"b\"".into()), "a \"b\""),
            (Proto::BoolValue(true), "true"),
            (Proto::BoolValue(false), "false"),
            (Proto::IntValue(-7), "-7"),
            (Proto::IntValue(i64::MIN), "-9223372036854775808"),
            (Proto::DoubleValue(0.5), "0.5"),
            (Proto::DoubleValue(3.0), "3"),
            (Proto::DoubleValue(-0.0), "-0"),
            (Proto::DoubleValue(1e20), "100000000000000000000"),
            (Proto::DoubleValue(1.5e21), "1.5e+21"),
            (Proto::DoubleValue(2e-7), "2e-7"),
            (Proto::DoubleValue(f64::NAN), "NaN"),
            (Proto::DoubleValue(f64::NEG_INFINITY), "-Inf"),
            (Proto::BytesValue(vec![1, 2, 3]), "AQID"),
            (list([]), "[]"),
            (
                list([
                    Proto::StringValue("a\n".into()),
                    list([Proto::IntValue(1)]),
                    Proto::DoubleValue(f64::INFINITY),
                    Proto::BytesValue(vec![255]),
                ]),
                r#"["a\n",[1],"+Inf","/w=="]"#,
            ),
            (
                map(&[("b", Some(Proto::BoolValue(true))), ("a", None), ("ä", Some(map(&[])))]),
                r#"{"a":null,"b":true,"ä":{}}"#,
            ),
        ] {
            assert_eq!(text(value.clone()).as_deref(), Ok(expected), "{value:?}");
        }
        assert_eq!(read_text(&Fields::new(&[])).as_deref(), Ok(""));
    }

    #[test]
    fn a_list_begins_with_a_value_that_ends_in_a_bracket() {
        let inner = [Proto::StringValue("[".into()), Proto::IntValue(1)];
        assert_eq!(text(list(inner)).as_deref(), Ok(r#"["[",1]"#));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| (1..depth).fold(list([]), |inner, _| list([inner]));
        assert!(text(nested(VALUE_DEPTH_MAX)).is_ok());
        let error = text(nested(VALUE_DEPTH_MAX + 1)).unwrap_err();
        assert!(matches!(error, MessageError::Depth { .. }), "{error}");
        assert!(text(nested(1000)).is_err());
        let maps = (0..1000).fold(map(&[]), |inner, _| map(&[("k", Some(inner))]));
        assert!(matches!(text(maps), Err(MessageError::Depth { .. })));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let read = |bytes: &[u8]| read_text(&Fields::new(bytes)).unwrap_err().to_string();
        assert!(read(b"\x0a\x01\xff").contains("not UTF-8"));
        assert!(read(b"\x10").contains("ends within a field"));
        assert!(read(b"\x08\x01").contains("field 1 has another type"));
    }
}
