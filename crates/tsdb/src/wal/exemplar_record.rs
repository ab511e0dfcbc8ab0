//! Exemplar record: a row of exemplars in a frame's payload.

use model::{Exemplar, Labels};

use super::SeriesRef;
use super::record::{MalformedPayload, put_text, take_text};
use super::varint::{put_varint, take_u64, take_varint, unzigzag, zigzag};

/// How many bytes an exemplar takes at most.
pub(crate) fn exemplar_bytes(exemplar: &Exemplar) -> usize {
    let texts = exemplar.labels.iter().map(|label| label.name.len() + label.value.len() + 20);
    40 + texts.sum::<usize>()
}

/// What the next exemplar's differences are taken from; the default at first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BeforeExemplar {
    reference: u64,
    t_ms: i64,
}

/// Appends an exemplar of a series to a payload; `before` is the one that was appended last.
pub(crate) fn encode_exemplar(
    payload: &mut Vec<u8>,
    before: &mut BeforeExemplar,
    reference: SeriesRef,
    exemplar: &Exemplar,
) {
    let (reference, t_ms) = (reference.to_bits(), exemplar.t_ms);
    put_varint(payload, zigzag(reference.wrapping_sub(before.reference) as i64));
    put_varint(payload, zigzag(t_ms.wrapping_sub(before.t_ms)));
    payload.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    put_varint(payload, exemplar.labels.len() as u64);
    for label in &exemplar.labels {
        put_text(payload, &label.name);
        put_text(payload, &label.value);
    }
    *before = BeforeExemplar { reference, t_ms };
}

/// All exemplars of a payload with the series they belong to.
pub(crate) fn decode_exemplars(
    mut payload: &[u8],
) -> Result<Vec<(SeriesRef, Exemplar)>, MalformedPayload> {
    let (mut exemplars, mut before) = (Vec::new(), BeforeExemplar::default());
    while !payload.is_empty() {
        exemplars.push(take_exemplar(&mut payload, &mut before).ok_or(MalformedPayload)?);
    }
    Ok(exemplars)
}

fn take_exemplar(
    payload: &mut &[u8],
    before: &mut BeforeExemplar,
) -> Option<(SeriesRef, Exemplar)> {
    let ref_delta = unzigzag(take_varint(payload)?) as u64;
    let reference = before.reference.wrapping_add(ref_delta);
    let t_ms = before.t_ms.wrapping_add(unzigzag(take_varint(payload)?));
    let value = f64::from_bits(take_u64(payload)?);
    let n_labels = take_varint(payload)?;
    let mut pairs = Vec::new();
    for _ in 0..n_labels {
        pairs.push((take_text(payload)?, take_text(payload)?));
    }
    let labels = Labels::new(pairs).ok()?;
    *before = BeforeExemplar { reference, t_ms };
    Some((SeriesRef::from_bits(reference), Exemplar { labels, value, t_ms }))
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn encoded(rows: &[(SeriesRef, Exemplar)]) -> Vec<u8> {
        let (mut payload, mut before) = (Vec::new(), BeforeExemplar::default());
        for (reference, exemplar) in rows {
            let begin = payload.len();
            encode_exemplar(&mut payload, &mut before, *reference, exemplar);
            assert!(payload.len() - begin <= exemplar_bytes(exemplar));
        }
        payload
    }

    fn rows() -> impl Strategy<Value = Vec<(SeriesRef, Exemplar)>> {
        let labels = btree_map("[a-zé]{1,5}", ".{1,5}", 0..4);
        let row = (any::<u64>(), any::<i64>(), any::<u64>(), labels);
        let row = row.prop_map(|(reference, t_ms, bits, labels)| {
            let labels = Labels::new(labels).expect("names differ");
            let exemplar = Exemplar { labels, value: f64::from_bits(bits), t_ms };
            (SeriesRef::from_bits(reference), exemplar)
        });
        vec(row, 0..20)
    }

    proptest! {
        #[test]
        fn rows_come_back(rows in rows()) {
            let out = decode_exemplars(&encoded(&rows)).unwrap();
            prop_assert_eq!(out.len(), rows.len());
            for (one, other) in out.iter().zip(&rows) {
                prop_assert!(one.0 == other.0 && one.1.same_bits(&other.1));
            }
        }

        #[test]
        fn any_payload_does_no_harm(payload in vec(any::<u8>(), 0..100)) {
            let _any = decode_exemplars(&payload);
        }
    }

    #[test]
    fn golden_bytes() {
        let labels = Labels::new([("trace_id", "4f")]).unwrap();
        let exemplar = Exemplar { labels, value: 1.0, t_ms: 1000 };
        let rows = [(SeriesRef::from_bits(7), exemplar)];
        let expected = b"\x0e\xd0\x0f\0\0\0\0\0\0\xf0\x3f\x01\x08trace_id\x024f";
        assert_eq!(encoded(&rows), expected);
        assert!(decode_exemplars(&expected[..20]).is_err());
    }
}
