use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, Labels, ResetHint, SCHEMA_CUSTOM};
use prost::Message as _;

use super::{Kind, Sample, Stamped, write_family};
use crate::exposition::Escaping;

/// The messages as their schema has them, for the fields that are written.
mod schema {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct MetricFamily {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(int32, tag = "3")]
        pub(super) r#type: i32,
        #[prost(message, repeated, tag = "4")]
        pub(super) metric: Vec<Metric>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub(super) label: Vec<Pair>,
        #[prost(message, optional, tag = "5")]
        pub(super) untyped: Option<Untyped>,
        #[prost(int64, tag = "6")]
        pub(super) timestamp_ms: i64,
        #[prost(message, optional, tag = "7")]
        pub(super) histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Pair {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Untyped {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Histogram {
        #[prost(double, tag = "2")]
        pub(super) sum: f64,
        #[prost(double, tag = "4")]
        pub(super) count: f64,
        #[prost(sint32, tag = "5")]
        pub(super) schema: i32,
        #[prost(double, tag = "6")]
        pub(super) zero_threshold: f64,
        #[prost(double, tag = "8")]
        pub(super) zero_count: f64,
        #[prost(message, repeated, tag = "9")]
        pub(super) negative_span: Vec<Span>,
        #[prost(double, repeated, packed = "false", tag = "11")]
        pub(super) negative_count: Vec<f64>,
        #[prost(message, repeated, tag = "12")]
        pub(super) positive_span: Vec<Span>,
        #[prost(double, repeated, packed = "false", tag = "14")]
        pub(super) positive_count: Vec<f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(sint32, tag = "1")]
        pub(super) offset: i32,
        #[prost(uint32, tag = "2")]
        pub(super) length: u32,
    }
}

fn family(head: (&str, Kind), labels: &Labels, samples: &[Sample<'_>]) -> schema::MetricFamily {
    let mut out = Vec::new();
    let samples = samples.iter().map(|sample| (labels, *sample));
    write_family(&mut out, head, samples, Escaping::Values);
    let mut rest = &out[..];
    let family = schema::MetricFamily::decode_length_delimited(&mut rest).unwrap();
    assert!(rest.is_empty(), "one message");
    family
}

fn spans(all: &[(i32, u32)]) -> Vec<BucketSpan> {
    all.iter().map(|(offset, length)| BucketSpan { offset: *offset, length: *length }).collect()
}

fn some() -> Histogram {
    let layout = BucketLayout {
        schema: -2,
        zero_threshold: 0.001,
        positive_spans: spans(&[(-3, 1), (4, 2)]),
        negative_spans: spans(&[(5, 1)]),
        ..BucketLayout::default()
    };
    Histogram {
        layout: Arc::new(layout),
        count: 10.5,
        sum: -3.25,
        zero_count: 2.0,
        positive: vec![1.0, 2.5, 3.0],
        negative: vec![2.0],
        ..Histogram::default()
    }
}

#[test]
fn numbers_have_their_time_and_an_instance() {
    let labels = Labels::new([("__name__", "a.b"), ("c.d", "e")]).unwrap();
    let value = Sample::Value(Stamped { value: 1.5, t_ms: -6000 });
    let family = family(("a.b", Kind::Untyped), &labels, &[value]);
    assert_eq!((family.name.as_str(), family.r#type), ("U__a_2e_b", 3));
    let metric = &family.metric[0];
    let pairs: Vec<(&str, &str)> =
        metric.label.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
    assert_eq!(pairs, [("U__c_2e_d", "e"), ("instance", "")]);
    assert_eq!(metric.untyped.as_ref().unwrap().value, 1.5);
    assert_eq!((metric.timestamp_ms, &metric.histogram), (-6000, &None));
}

#[test]
fn histograms_have_all_that_they_have() {
    let labels = Labels::new([("__name__", "h"), ("instance", "i")]).unwrap();
    let one = some();
    let sample = Sample::Histogram(&one, 1_700_000_000_000);
    let family = family(("h", Kind::GaugeHistogram), &labels, &[sample, sample]);
    assert_eq!((family.r#type, family.metric.len()), (5, 2));
    let metric = &family.metric[1];
    assert_eq!((metric.timestamp_ms, metric.label.len()), (1_700_000_000_000, 1));
    let span = |offset, length| schema::Span { offset, length };
    let expected = schema::Histogram {
        sum: -3.25,
        count: 10.5,
        schema: -2,
        zero_threshold: 0.001,
        zero_count: 2.0,
        negative_span: vec![span(5, 1)],
        negative_count: vec![2.0],
        positive_span: vec![span(-3, 1), span(4, 2)],
        positive_count: vec![1.0, 2.5, 3.0],
    };
    assert_eq!(metric.histogram.as_ref(), Some(&expected));
}

#[test]
fn a_histogram_without_buckets_is_told_from_one_with_fixed_buckets() {
    let labels = Labels::new([("__name__", "h")]).unwrap();
    let sample = Sample::Histogram(&Histogram::default(), 0);
    let family = family(("h", Kind::Histogram), &labels, &[sample]);
    let histogram = family.metric[0].histogram.as_ref().unwrap();
    assert_eq!(histogram.positive_span, [schema::Span::default()]);
}

#[test]
fn kinds_follow_what_the_sender_knows() {
    let of = |reset_hint| Kind::of(&Histogram { reset_hint, ..some() });
    assert_eq!(of(ResetHint::Gauge), Some(Kind::GaugeHistogram));
    for hint in [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset] {
        assert_eq!(of(hint), Some(Kind::Histogram));
    }
    let layout = BucketLayout { schema: SCHEMA_CUSTOM, ..BucketLayout::default() };
    assert_eq!(Kind::of(&Histogram { layout: Arc::new(layout), ..some() }), None);
}
