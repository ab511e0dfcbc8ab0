//! Messages in few words, and what became of them as lines of text.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::otlp::{Settings, Translated, translate};

/// A moment of 2026, Unix milliseconds.
pub(super) const T_MS: i64 = 1_780_000_000_000;
/// The same, Unix nanoseconds.
pub(super) const T_NS: u64 = 1_780_000_000_000_000_000;
pub(super) const SECOND_NS: u64 = 1_000_000_000;
pub(super) const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;
pub(super) const DELTA: i32 = AggregationTemporality::Delta as i32;

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    let value = any_value::Value::StringValue(value.to_owned());
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(super) fn texts(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| text(key, value)).collect()
}

/// A point at [`T_NS`] and so many seconds, which counts since a minute before [`T_NS`].
pub(super) fn number(after_s: u64, value: f64) -> NumberDataPoint {
    NumberDataPoint {
        start_time_unix_nano: T_NS - 60 * SECOND_NS,
        time_unix_nano: T_NS + after_s * SECOND_NS,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

/// A point of a histogram, at the same time.
pub(super) fn explicit(counts: &[u64], bounds: &[f64]) -> HistogramDataPoint {
    HistogramDataPoint {
        start_time_unix_nano: T_NS - 60 * SECOND_NS,
        time_unix_nano: T_NS,
        count: counts.iter().sum(),
        sum: Some(1.5),
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    }
}

pub(super) fn metric(name: &str, unit: &str, data: metric::Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: format!("About {name}."),
        data: Some(data),
        ..Metric::default()
    }
}

pub(super) fn gauge(data_points: Vec<NumberDataPoint>) -> metric::Data {
    metric::Data::Gauge(Gauge { data_points })
}

pub(super) fn sum(
    aggregation_temporality: i32,
    is_monotonic: bool,
    data_points: Vec<NumberDataPoint>,
) -> metric::Data {
    metric::Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
}

pub(super) fn histogram(
    aggregation_temporality: i32,
    data_points: Vec<HistogramDataPoint>,
) -> metric::Data {
    metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
}

/// A message of one resource and one scope.
pub(super) fn request(
    resource: &[(&str, &str)],
    metrics: Vec<Metric>,
) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope {
        name: "lib".to_owned(),
        version: "1.2".to_owned(),
        attributes: texts(&[("kind", "test")]),
        ..InstrumentationScope::default()
    };
    let scope_metrics =
        ScopeMetrics { scope: Some(scope), metrics, schema_url: "http://schema".to_owned() };
    let resource = Resource { attributes: texts(resource), ..Resource::default() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![scope_metrics],
            ..ResourceMetrics::default()
        }],
    }
}

/// All times but those a day and more after [`T_MS`] are taken.
pub(super) fn check_time(t_ms: i64) -> Result<(), String> {
    if t_ms > T_MS + 86_400_000 { Err("too far ahead".to_owned()) } else { Ok(()) }
}

pub(super) fn translated(request: &ExportMetricsServiceRequest, settings: &Settings) -> Translated {
    translate(&request.encode_to_vec(), settings, &check_time).unwrap()
}

/// Labels as PromQL writes them.
fn labels(translated: &Translated, series: usize) -> String {
    let all: Vec<(&str, &str)> = translated.labels(series).collect();
    assert!(all.is_sorted_by(|a, b| a.0 < b.0), "{all:?}");
    let name = all.iter().find(|(name, _)| *name == "__name__").unwrap().1;
    let others = all.iter().filter(|(name, _)| *name != "__name__");
    let others: Vec<String> = others.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{name}{{{}}}", others.join(","))
}

/// One line for each sample, histogram and exemplar: times are told from [`T_MS`] on, starts only
/// if they are known.
pub(super) fn lines(translated: &Translated) -> Vec<String> {
    let mut lines = Vec::new();
    let since = |start_ms: i64| match start_ms {
        0 => String::new(),
        start_ms => format!(" since {}", start_ms - T_MS),
    };
    for series in 0..translated.n_series() {
        let labels = labels(translated, series);
        for sample in translated.samples(series) {
            let value = match model::is_stale_marker(sample.value) {
                true => "stale".to_owned(),
                false => sample.value.to_string(),
            };
            let (t, since) = (sample.t_ms - T_MS, since(sample.start_ms));
            lines.push(format!("{labels} {value} @{t}{since}"));
        }
        for sample in translated.histograms(series) {
            let (histogram, t) = (&sample.histogram, sample.t_ms - T_MS);
            let what = match histogram.is_stale_marker() {
                true => "stale".to_owned(),
                false => format!(
                    "schema {} count {} sum {} zero {} positive {:?} negative {:?}",
                    histogram.layout.schema,
                    histogram.count,
                    histogram.sum,
                    histogram.zero_count,
                    histogram.positive,
                    histogram.negative
                ),
            };
            lines.push(format!("{labels} {what} @{t}{}", since(sample.start_ms)));
        }
        for exemplar in translated.exemplars(series) {
            let (told, t) = (&exemplar.labels, exemplar.t_ms - T_MS);
            lines.push(format!("{labels} # {told} {} @{t}", exemplar.value));
        }
    }
    lines
}
