//! Metadata record: what metrics are, a row of them in a frame's payload.
//!
//! It belongs to the name of a metric, not to a series: all series of a metric are of one kind.

use model::{Metadata, MetadataKind};

use super::record::{MalformedPayload, put_text, take_text};

/// How many bytes the metadata of a metric takes at most.
pub(crate) fn metadata_bytes(metric: &str, metadata: &Metadata) -> usize {
    31 + metric.len() + metadata.help.len() + metadata.unit.len()
}

/// Appends what a metric is to a payload. What is said of it later in the log replaces it.
pub(crate) fn encode_metadata(payload: &mut Vec<u8>, metric: &str, metadata: &Metadata) {
    put_text(payload, metric);
    payload.push(kind_number(metadata.kind));
    put_text(payload, &metadata.help);
    put_text(payload, &metadata.unit);
}

/// The metrics of a payload and what they are.
pub(crate) fn decode_metadata(
    mut payload: &[u8],
) -> Result<Vec<(String, Metadata)>, MalformedPayload> {
    let mut metrics = Vec::new();
    while !payload.is_empty() {
        metrics.push(take_metadata(&mut payload).ok_or(MalformedPayload)?);
    }
    Ok(metrics)
}

fn take_metadata(payload: &mut &[u8]) -> Option<(String, Metadata)> {
    let metric = take_text(payload)?.to_owned();
    let (number, rest) = payload.split_first()?;
    *payload = rest;
    let kind = kind_of(*number)?;
    let help = take_text(payload)?.to_owned();
    let unit = take_text(payload)?.to_owned();
    Some((metric, Metadata { kind, help, unit }))
}

/// Kinds by their numbers in the log, which are frozen.
fn kind_number(kind: MetadataKind) -> u8 {
    match kind {
        MetadataKind::Unknown => 0,
        MetadataKind::Counter => 1,
        MetadataKind::Gauge => 2,
        MetadataKind::Histogram => 3,
        MetadataKind::GaugeHistogram => 4,
        MetadataKind::Summary => 5,
        MetadataKind::Info => 6,
        MetadataKind::StateSet => 7,
    }
}

fn kind_of(number: u8) -> Option<MetadataKind> {
    MetadataKind::ALL.into_iter().find(|kind| kind_number(*kind) == number)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn encoded(metrics: &[(String, Metadata)]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (metric, metadata) in metrics {
            let begin = payload.len();
            encode_metadata(&mut payload, metric, metadata);
            assert!(payload.len() - begin <= metadata_bytes(metric, metadata));
        }
        payload
    }

    fn metrics() -> impl Strategy<Value = Vec<(String, Metadata)>> {
        let kind = prop::sample::select(MetadataKind::ALL.to_vec());
        let metric = (".{0,9}", kind, ".{0,200}", ".{0,9}");
        let metric =
            metric.prop_map(|(metric, kind, help, unit)| (metric, Metadata { kind, help, unit }));
        vec(metric, 0..9)
    }

    proptest! {
        #[test]
        fn metrics_come_back(metrics in metrics()) {
            prop_assert_eq!(decode_metadata(&encoded(&metrics)), Ok(metrics));
        }

        #[test]
        fn any_payload_does_no_harm(payload in vec(any::<u8>(), 0..100)) {
            let _any = decode_metadata(&payload);
        }
    }

    #[test]
    fn golden_bytes() {
        let (help, unit) = ("Up.".to_owned(), String::new());
        let metadata = Metadata { kind: MetadataKind::Gauge, help, unit };
        let expected = b"\x02up\x02\x03Up.\x00";
        assert_eq!(encoded(&[("up".to_owned(), metadata)]), expected);
        assert!(decode_metadata(b"\x02up\x08\x03Up.\x00").is_err(), "there is no kind 8");
    }
}
