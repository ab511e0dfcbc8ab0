//! Exemplar: one observation of a point, with what leads to its trace.
//!
//! `Exemplar{time=2, as_double=3, span_id=4, trace_id=5, as_int=6, filtered_attributes=7}`. One that
//! says too little or too much is left out alone: exemplars are samples of samples.

use model::{EXEMPLAR_CHARS_MAX, Exemplar, Labels};

use super::attributes::Attributes;
use super::{MessageError, points};
use crate::remote_write::fields::{Fields, Value};

/// Reads an exemplar of a point at `point_ms`; `None` if it cannot be kept.
pub(super) fn read_exemplar(
    mut fields: Fields<'_>,
    point_ms: i64,
) -> Result<Option<Exemplar>, MessageError> {
    let (mut value, mut t_ms) = (None, point_ms);
    let (mut trace, mut span): (&[u8], &[u8]) = Default::default();
    let mut attributes = Attributes::default();
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (2, Value::Fixed64(0)) => t_ms = point_ms,
            (2, Value::Fixed64(time_ns)) => t_ms = points::ms(time_ns),
            (3, Value::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
            (6, Value::Fixed64(bits)) => value = Some(bits.cast_signed() as f64),
            (4, Value::Bytes(at)) => span = fields.bytes(at),
            (5, Value::Bytes(at)) => trace = fields.bytes(at),
            (7, Value::Bytes(at)) => attributes.push(&fields, at)?,
            (2..=7, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    let Some(value) = value else { return Ok(None) };
    let ids = [("trace_id", trace), ("span_id", span)];
    Ok(labels(ids, &attributes).map(|labels| Exemplar { labels, value, t_ms }))
}

/// The two ids, and the attributes if there is room for all of them.
fn labels(ids: [(&str, &[u8]); 2], attributes: &Attributes<'_>) -> Option<Labels> {
    // An id of zeros is none.
    let ids = ids.into_iter().filter(|(_, id)| id.len() <= 16 && id.iter().any(|byte| *byte != 0));
    let ids: Vec<(String, String)> = ids.map(|(name, id)| (name.to_owned(), hex(id))).collect();
    let alone = Labels::new(ids.iter().cloned()).ok()?;
    let n_bytes = attributes.pairs.iter().map(|(key, value)| key.len() + value.len());
    if n_bytes.sum::<usize>() > EXEMPLAR_CHARS_MAX * char::MAX.len_utf8() {
        return Some(alone);
    }
    let told = attributes.pairs.iter().map(|(key, value)| ((*key).to_owned(), value.to_string()));
    let all = Labels::new(ids.into_iter().chain(told)).ok();
    let fits = |labels: &Labels| {
        let exemplar = Exemplar { labels: labels.clone(), value: 0.0, t_ms: 0 };
        attributes.n_given() == attributes.pairs.len() && exemplar.validate().is_ok()
    };
    Some(all.filter(fits).unwrap_or(alone))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("four bits are a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::metrics::v1::{Exemplar as Proto, exemplar};
    use prost::Message as _;

    use super::*;

    fn attribute(key: &str, value: &str) -> KeyValue {
        let value = any_value::Value::StringValue(value.to_owned());
        let value = Some(AnyValue { value: Some(value) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    }

    fn proto() -> Proto {
        Proto {
            filtered_attributes: vec![attribute("user", "a")],
            time_unix_nano: 7_500_000,
            span_id: vec![1; 8],
            trace_id: vec![0xab; 16],
            value: Some(exemplar::Value::AsDouble(0.5)),
        }
    }

    fn read(proto: &Proto) -> Option<(String, f64, i64)> {
        let bytes = proto.encode_to_vec();
        let exemplar = read_exemplar(Fields::new(&bytes), 99).unwrap();
        exemplar.map(|exemplar| (exemplar.labels.to_string(), exemplar.value, exemplar.t_ms))
    }

    #[test]
    fn an_exemplar_leads_to_its_trace() {
        let labels = format!(
            "{{span_id=\"{}\",trace_id=\"{}\",user=\"a\"}}",
            "01".repeat(8),
            "ab".repeat(16)
        );
        assert_eq!(read(&proto()), Some((labels, 0.5, 7)));
        let bare = Proto {
            value: Some(exemplar::Value::AsInt(-3)),
            trace_id: vec![0; 16],
            ..Proto::default()
        };
        assert_eq!(read(&bare), Some(("{}".to_owned(), -3.0, 99)));
    }

    #[test]
    fn attributes_without_room_are_left_out() {
        for further in [
            vec![attribute("a", &"x".repeat(100))],
            vec![attribute("a", &"x".repeat(100_000))],
            vec![attribute("trace_id", "other")],
            vec![attribute("", "x")],
            vec![attribute("a", ""); 300],
        ] {
            let (labels, ..) = read(&Proto { filtered_attributes: further, ..proto() }).unwrap();
            assert_eq!(labels.matches('=').count(), 2, "{labels}");
        }
    }

    #[test]
    fn one_without_a_value_is_left_out_and_a_broken_one_refused() {
        assert_eq!(read(&Proto { value: None, ..proto() }), None);
        assert!(read_exemplar(Fields::new(b"\x10\x01"), 0).is_err());
        assert!(read_exemplar(Fields::new(b"\x11\x01"), 0).is_err());
    }
}
