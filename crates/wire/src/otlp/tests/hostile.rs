//! Hostile bytes: no message does harm, and short ones do not become large.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
use proptest::prelude::*;
use prost::Message as _;

use super::make::{
    CUMULATIVE, DELTA, check_time, explicit, gauge, histogram, lines, metric, number, request, sum,
    texts, translated,
};
use crate::otlp::{Deltas, MessageError, Settings, translate};

fn read(message: &[u8]) -> Result<Vec<String>, MessageError> {
    translate(message, &Settings::default(), &check_time).map(|translated| lines(&translated))
}

fn sample_message() -> Vec<u8> {
    let point =
        NumberDataPoint { attributes: texts(&[("a.b", "ü"), ("c", "d")]), ..number(0, 1.0) };
    let metrics = vec![
        metric("g", "s", gauge(vec![point.clone(), number(1, 2.0)])),
        metric("c", "By", sum(DELTA, true, vec![point])),
        metric("h", "", histogram(CUMULATIVE, vec![explicit(&[1, 2], &[0.5])])),
    ];
    request(&[("service.name", "s"), ("host.name", "h")], metrics).encode_to_vec()
}

#[test]
fn a_message_that_is_cut_off_is_refused_whole() {
    let whole = sample_message();
    for n in 1..whole.len() {
        assert!(read(&whole[..n]).is_err(), "cut to {n} bytes");
    }
    assert_eq!(read(&[]), Ok(Vec::new()));
    assert_eq!(
        read(&[0xff; 4]).unwrap_err().to_string(),
        "no protobuf of an ExportMetricsServiceRequest: byte 0: the message ends within a field"
    );
    let not_text = b"\x0a\x0b\x12\x09\x12\x07\x0a\x01\xff\x2a\x02\x0a\x00";
    assert!(matches!(read(not_text), Err(MessageError::NotUtf8 { what: "name of a metric", .. })));
    assert!(matches!(read(b"\x08\x01"), Err(MessageError::Type { offset: 0, number: 1 })));
}

/// A resource says its labels once; its series would have them each.
#[test]
fn labels_of_a_resource_do_not_fill_the_memory() {
    let long = "x".repeat(20_000);
    let points = vec![number(0, 1.0); 5_000];
    let request = request(&[("service.name", &long)], vec![metric("g", "", gauge(points))]);
    let message = request.encode_to_vec();
    assert!(message.len() < 1 << 20);
    let error = read(&message).unwrap_err();
    assert_eq!(error, MessageError::TooManyLabels);
    assert!(error.is_too_large() && error.to_string().contains("64 MiB"));
}

#[test]
fn labels_that_are_too_long_refuse_the_point() {
    let point =
        NumberDataPoint { attributes: texts(&[("a", &"x".repeat(40_000))]), ..number(0, 1.0) };
    let request = request(&[], vec![metric("g", "", gauge(vec![point, number(0, 2.0)]))]);
    let translated = translated(&request, &Settings::default());
    assert_eq!(lines(&translated), ["g{} 2 @0"]);
    assert_eq!(translated.refusals().reasons, ["metric \"g\": the labels have more than 32 KiB"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Bytes that are changed are read or refused; what is read can be added up.
    #[test]
    fn changed_bytes_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut message = sample_message();
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        let ours = translate(&message, &Settings::default(), &check_time);
        if let Err(error) = &ours {
            // We may read what we do not look into; but nothing less than others.
            let others = ExportMetricsServiceRequest::decode(&*message);
            prop_assert!(others.is_err(), "{}", error);
        }
        if let Ok(mut translated) = ours {
            lines(&translated);
            Deltas::default().add_up(&mut translated, 0);
            lines(&translated);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }
}
