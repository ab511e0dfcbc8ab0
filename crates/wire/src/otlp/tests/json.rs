//! JSON: the same message in both encodings becomes the same.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, NumberDataPoint, Summary, SummaryDataPoint, exemplar,
    metric as proto, number_data_point,
};
use proptest::prelude::*;
use prost::Message as _;

use super::make::{
    CUMULATIVE, T_NS, check_time, explicit, gauge, histogram, lines, metric, number, request, sum,
};
use crate::otlp::{Settings, from_json, translate};

fn read(message: &[u8]) -> Vec<String> {
    let settings = Settings { promote_scope: true, ..Settings::default() };
    lines(&translate(message, &settings, &check_time).unwrap())
}

#[track_caller]
fn check(json: &str, expected: &[&str]) {
    let message = from_json(json.as_bytes()).unwrap();
    assert_eq!(read(&message), expected);
}

#[test]
fn numbers_may_be_texts_and_unknown_keys_are_nothing() {
    check(
        r#"{"unknown": [{"a": [1, {"b": null}]}], "resourceMetrics": [{"scopeMetrics": [{"scope": null,
        "metrics": [{"name": "a\u00e9", "metadata": [], "gauge": {"dataPoints": [
          {"timeUnixNano": "1780000000000000000", "asInt": "-7", "flags": 0},
          {"timeUnixNano": 1780000000001000000, "asInt": 9, "attributes": [
            {"key": "k", "value": {"intValue": "5"}}, {"key": "b", "value": {"bytesValue": "AQI="}}]},
          {"timeUnixNano": "1780000000002000000", "asDouble": "-Infinity", "start_time_unix_nano": "1"},
          {"timeUnixNano": "1780000000003000000", "asDouble": "2.5"},
          {"timeUnixNano": "1780000000004000000", "asDouble": 3},
          {"timeUnixNano": "1780000000005000000", "asDouble": "NaN"},
          {"timeUnixNano": "1780000000006000000", "asInt": 0}
        ]}}]}]}]}"#,
        &[
            "a{} -7 @0",
            "a{b=AQI=,k=5} 9 @1",
            "a{} -inf @2",
            "a{} 2.5 @3",
            "a{} 3 @4",
            "a{} NaN @5",
            "a{} 0 @6",
        ],
    );
    check("{}", &[]);
    check(r#"{"resourceMetrics": null}"#, &[]);
    check(r#"{"resourceMetrics": []}"#, &[]);
}

#[test]
fn other_shapes_are_refused_with_their_place() {
    for (json, words) in [
        ("", "EOF"),
        ("[]", "expected an object"),
        (
            r#"{"resourceSpans": []}"#,
            "only metrics are stored here, and \"resourceSpans\" holds traces",
        ),
        (r#"{"resource_logs": []}"#, "and \"resource_logs\" holds logs"),
        (r#"{"resource_metrics": []}"#, "is \"resourceMetrics\" in OTLP's JSON"),
        ("{} x", "trailing characters"),
        (r#"{"resourceMetrics": {}}"#, "\"resourceMetrics\" is not a list"),
        (r#"{"resourceMetrics": [{"scopeMetrics": "no list"}]}"#, "\"scopeMetrics\" is not a list"),
        (r#"{"resourceMetrics": [[]]}"#, "\"resourceMetrics\" is not an object"),
        (r#"{"resourceMetrics": [{"resource": []}]}"#, "\"resource\" is not an object"),
        (r#"{"resourceMetrics": [{"resource": "x"}]}"#, "\"resource\" is not an object"),
    ] {
        let error = from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("line 1"), "{json}: {error}");
    }
    let point = |point: &str| {
        let data = format!(r#"{{"gauge": {{"dataPoints": [{point}]}}}}"#);
        let json =
            format!(r#"{{"resourceMetrics": [{{"scopeMetrics": [{{"metrics": [{data}]}}]}}]}}"#);
        from_json(json.as_bytes()).unwrap_err().to_string()
    };
    for (given, words) in [
        (r#"{"asInt": "1.5"}"#, "\"asInt\" is not a whole number"),
        (r#"{"asInt": "9223372036854775808"}"#, "\"asInt\" is out of range"),
        (r#"{"timeUnixNano": -1}"#, "\"timeUnixNano\" is out of range"),
        (r#"{"timeUnixNano": "soon"}"#, "\"timeUnixNano\" is not a whole number"),
        (r#"{"asDouble": "inf"}"#, "\"asDouble\" is not a number"),
        (r#"{"asDouble": true}"#, "\"asDouble\" is not a number"),
        (r#"{"asDouble": [1]}"#, "\"asDouble\" is not a number"),
        (r#"{"exemplars": [{"traceId": "xyz"}]}"#, "\"traceId\" is not bytes in hex"),
        (r#"{"attributes": [{"key": 5}]}"#, "\"key\" is not a text"),
        (
            r#"{"attributes": [{"value": {"boolValue": "true"}}]}"#,
            "\"boolValue\" is not true or false",
        ),
        (r#"{"attributes": [{"value": {"bytesValue": "?"}}]}"#, "\"bytesValue\" is not bytes"),
    ] {
        let error = point(given);
        assert!(error.contains(words), "{given}: {error}");
    }
}

#[test]
fn depth_is_bounded() {
    let (open, close) = (r#"{"arrayValue": {"values": ["#, "]}}");
    let deep = format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let attribute = format!(r#"{{"key": "k", "value": {deep}}}"#);
    let json =
        format!(r#"{{"resourceMetrics": [{{"resource": {{"attributes": [{attribute}]}}}}]}}"#);
    let error = from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("recursion limit"), "{error}");
    // What is not looked at is read over, however deep.
    check(&format!(r#"{{"x": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000)), &[]);
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        ".{0,8}".prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        (-1e9..1e9).prop_map(Value::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        let any = inner.prop_map(|value| AnyValue { value: Some(value) });
        let pair = (".{0,4}", any.clone()).prop_map(|(key, value)| KeyValue {
            key,
            value: Some(value),
            ..KeyValue::default()
        });
        prop_oneof![
            prop::collection::vec(any, 0..4)
                .prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            prop::collection::vec(pair, 0..4)
                .prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
    });
    value.prop_map(|value| AnyValue { value: Some(value) })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = ("[a-z][a-z.]{0,6}", any_value()).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(value),
        ..KeyValue::default()
    });
    prop::collection::vec(pair, 0..4)
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        any::<i64>().prop_map(number_data_point::Value::AsInt),
        (-1e12..1e12).prop_map(number_data_point::Value::AsDouble),
    ];
    (value, attributes(), any::<[u8; 16]>(), 0_u64..1000).prop_map(
        |(value, attributes, trace, after_s)| NumberDataPoint {
            value: Some(value),
            attributes,
            exemplars: vec![Exemplar {
                trace_id: trace.to_vec(),
                span_id: trace[..8].to_vec(),
                time_unix_nano: T_NS,
                value: Some(exemplar::Value::AsDouble(1.0)),
                ..Exemplar::default()
            }],
            ..number(after_s, 0.0)
        },
    )
}

fn message() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let buckets = prop::collection::vec(0_u64..1_000_000, 3);
    let points = prop::collection::vec(number_point(), 0..3);
    (points, attributes(), buckets).prop_map(|(points, attributes, counts)| {
        let point = HistogramDataPoint {
            attributes: attributes.clone(),
            ..explicit(&counts, &[-0.5, 1e-9])
        };
        let summary = SummaryDataPoint {
            time_unix_nano: T_NS,
            count: u64::MAX,
            sum: 0.25,
            quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 7.25 }],
            ..SummaryDataPoint::default()
        };
        let mut request = request(
            &[("service.name", "s"), ("host", "h")],
            vec![
                metric("g", "s", gauge(points.clone())),
                metric("c", "By", sum(CUMULATIVE, true, points)),
                metric("h", "", histogram(CUMULATIVE, vec![point])),
                metric("s", "", proto::Data::Summary(Summary { data_points: vec![summary] })),
            ],
        );
        let resource = request.resource_metrics[0].resource.as_mut().unwrap();
        resource.attributes.extend(attributes);
        request
    })
}

proptest! {
    /// The JSON that OpenTelemetry's own library writes is read as its protobuf is.
    #[test]
    fn both_encodings_say_the_same(message in message()) {
        let json = serde_json::to_vec(&message).unwrap();
        let rewritten = from_json(&json).unwrap();
        prop_assert_eq!(read(&rewritten), read(&message.encode_to_vec()));
        // And it is the same message to every other reader.
        prop_assert_eq!(ExportMetricsServiceRequest::decode(&*rewritten).unwrap(), message);
    }

    #[test]
    fn no_text_does_harm(text in ".{0,200}", bytes: Vec<u8>) {
        let _ = from_json(text.as_bytes());
        let _ = from_json(&bytes);
    }
}
