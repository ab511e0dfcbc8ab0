//! Exemplar: one observation of a series, with what leads to its trace.
//!
//! `Exemplar{labels=1, value=2, timestamp=3}`, `Label{name=1, value=2}`. In version 2 the first field
//! is `labels_refs`, pairs of references to symbols.

use model::{EXEMPLAR_CHARS_MAX, Exemplar, ExemplarError, Labels, LabelsError};

use super::fields::{FieldError, Fields, Value};
use super::labels::read_label;

/// Why an exemplar is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadExemplar {
    /// Its bytes are no message.
    #[error("no protobuf of an Exemplar: {0}")]
    Malformed(#[from] FieldError),
    /// A name or a value that is no text.
    #[error("label {n_label} of the exemplar is not UTF-8")]
    NotUtf8 {
        /// Which label, from 0, as sent.
        n_label: usize,
    },
    /// A label whose name or value is none of the symbols of version 2.
    #[error("the exemplar's references to labels are odd in number or point beyond the symbols")]
    References,
    /// A name that is empty or given twice.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// Labels that are too long.
    #[error(transparent)]
    TooLong(#[from] ExemplarError),
}

/// Reads the message of one exemplar.
///
/// # Errors
/// It is none, or its labels are too long. Offsets count from its first byte.
pub fn read_exemplar(message: &[u8]) -> Result<Exemplar, BadExemplar> {
    let mut fields = Fields::new(message);
    let mut pairs = Vec::new();
    let (mut value, mut t_ms) = (0.0, 0);
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Bytes(span)) => {
                // Each label has a character or is refused for it, so no more can be right.
                if pairs.len() > EXEMPLAR_CHARS_MAX {
                    return Err(ExemplarError { n_chars: pairs.len() }.into());
                }
                let n_label = pairs.len();
                let pair = read_label(fields.within(span))?;
                pairs.push(pair.ok_or(BadExemplar::NotUtf8 { n_label })?);
            }
            (2, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (3, Value::Varint(bits)) => t_ms = bits.cast_signed(),
            (1..=3, _) => return Err(Fields::wrong_type(offset, number).into()),
            _ => {}
        }
        offset = fields.offset();
    }
    build(pairs, value, t_ms)
}

/// The same for version 2, whose texts are found by number.
pub(super) fn read_exemplar_v2<'m>(
    message: &[u8],
    symbol: impl Fn(u32) -> Option<&'m [u8]>,
) -> Result<Exemplar, BadExemplar> {
    let mut fields = Fields::new(message);
    let mut texts = Vec::new();
    let (mut value, mut t_ms) = (0.0, 0);
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Bytes(span)) => {
                let mut row = fields.within(span);
                while let Some(reference) = row.packed_varint()? {
                    push_text(&mut texts, reference, &symbol)?;
                }
            }
            (1, Value::Varint(reference)) => push_text(&mut texts, reference, &symbol)?,
            (2, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (3, Value::Varint(bits)) => t_ms = bits.cast_signed(),
            (1..=3, _) => return Err(Fields::wrong_type(offset, number).into()),
            _ => {}
        }
        offset = fields.offset();
    }
    let (pairs, rest) = texts.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(BadExemplar::References);
    }
    build(pairs.iter().map(|[name, value]| (*name, *value)).collect(), value, t_ms)
}

fn push_text<'m>(
    texts: &mut Vec<&'m str>,
    reference: u64,
    symbol: &impl Fn(u32) -> Option<&'m [u8]>,
) -> Result<(), BadExemplar> {
    if texts.len() > 2 * EXEMPLAR_CHARS_MAX {
        return Err(ExemplarError { n_chars: texts.len() }.into());
    }
    let found = u32::try_from(reference).ok().and_then(symbol);
    let text = str::from_utf8(found.ok_or(BadExemplar::References)?);
    texts.push(text.map_err(|_| BadExemplar::NotUtf8 { n_label: texts.len() / 2 })?);
    Ok(())
}

fn build(pairs: Vec<(&str, &str)>, value: f64, t_ms: i64) -> Result<Exemplar, BadExemplar> {
    // Before the labels are copied: they may be as long as the message.
    let n_chars = pairs.iter().flat_map(|(name, value)| [name, value]).map(|text| text.len());
    if n_chars.sum::<usize>() > EXEMPLAR_CHARS_MAX * char::MAX.len_utf8() {
        return Err(ExemplarError { n_chars: EXEMPLAR_CHARS_MAX + 1 }.into());
    }
    let exemplar = Exemplar { labels: Labels::new(pairs)?, value, t_ms };
    exemplar.validate()?;
    Ok(exemplar)
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{bytes, double, label, number};
    use super::*;

    fn message(labels: &[(&str, &str)], value: f64, t_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in labels {
            bytes(&mut out, 1, &label(name.as_bytes(), value.as_bytes()));
        }
        double(&mut out, 2, value);
        number(&mut out, 3, t_ms.cast_unsigned());
        out
    }

    fn read(message: &[u8]) -> Result<Exemplar, String> {
        read_exemplar(message).map_err(|error| error.to_string())
    }

    #[test]
    fn an_exemplar_is_read() {
        let sent = message(&[("trace_id", "4f"), ("span_id", "1"), ("none", "")], f64::NAN, -5);
        let labels = Labels::new([("span_id", "1"), ("trace_id", "4f")]).unwrap();
        let expected = Exemplar { labels, value: f64::NAN, t_ms: -5 };
        assert!(read(&sent).unwrap().same_bits(&expected));
        let nothing = Exemplar { labels: Labels::default(), value: 0.0, t_ms: 0 };
        assert!(read(&[]).unwrap().same_bits(&nothing));
    }

    #[test]
    fn bad_ones_are_refused_with_their_reason() {
        let refused = |message: &[u8], reason: &str| assert_eq!(read(message).unwrap_err(), reason);
        let long = "label length for exemplar exceeds maximum of 128 UTF-8 characters";
        refused(&message(&[("a", &"x".repeat(128))], 0.0, 0), long);
        refused(&message(&[("a", &"x".repeat(1 << 20))], 0.0, 0), long);
        refused(&message(&[("", ""); 1000], 0.0, 0), long);
        refused(&message(&[("a", "1"), ("a", "2")], 0.0, 0), "label \"a\" is given twice");
        refused(&message(&[("", "2")], 0.0, 0), "a label has an empty name");
        let mut no_text = Vec::new();
        bytes(&mut no_text, 1, &label(b"a", b"\xff"));
        refused(&no_text, "label 0 of the exemplar is not UTF-8");
        refused(
            &[0x10, 1],
            "no protobuf of an Exemplar: \
             byte 0: field 2 has another type than remote write gives it",
        );
        refused(&[0x11, 1], "no protobuf of an Exemplar: byte 0: the message ends within a field");
        assert!(read(&message(&[("a", &"ü".repeat(127))], 0.0, 0)).is_ok());
    }
}
