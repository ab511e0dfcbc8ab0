//! Each kind of point with each of its oddities.

use expect_test::{Expect, expect};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, Summary, SummaryDataPoint, exemplar, metric as proto, number_data_point,
};
use prost::Message as _;

use super::make::{
    CUMULATIVE, SECOND_NS, T_MS, T_NS, check_time, explicit, gauge, histogram, lines, metric,
    number, request, sum, texts, translated,
};
use crate::otlp::{Promotion, Settings, Strategy, translate};

#[track_caller]
fn check_with(settings: &Settings, metrics: Vec<Metric>, expected: &Expect) {
    let translated = translated(&request(&[], metrics), settings);
    let mut told = lines(&translated);
    let refusals = translated.refusals();
    if refusals.n_points > 0 || !refusals.reasons.is_empty() {
        told.push(format!("refused {}: {}", refusals.n_points, refusals.reasons.join("; ")));
    }
    expected.assert_eq(&told.join("\n"));
}

#[track_caller]
fn check(metrics: Vec<Metric>, expected: &Expect) {
    check_with(&Settings::default(), metrics, expected);
}

#[test]
fn numbers_become_gauges_and_counters() {
    let whole = NumberDataPoint {
        value: Some(number_data_point::Value::AsInt(-7)),
        attributes: texts(&[("http.method", "GET")]),
        ..number(0, 0.0)
    };
    let unknown_start = NumberDataPoint { start_time_unix_nano: T_NS, ..number(0, 3.0) };
    let zero =
        NumberDataPoint { value: Some(number_data_point::Value::AsInt(0)), ..number(1, 0.0) };
    check(
        vec![
            metric("temp", "Cel", gauge(vec![whole, zero])),
            metric("requests", "1", sum(CUMULATIVE, true, vec![number(0, 5.0), unknown_start])),
            metric("queue", "{jobs}", sum(CUMULATIVE, false, vec![number(2, 4.0)])),
        ],
        &expect![[r#"
            temp_celsius{http_method=GET} -7 @0
            temp_celsius{} 0 @1000
            requests_total{} 5 @0 since -60000
            requests_total{} 3 @0
            queue{} 4 @2000"#]],
    );
}

#[test]
fn what_has_no_value_ends_its_series() {
    let flags = 1;
    let number = NumberDataPoint { value: None, flags, ..number(0, 0.0) };
    let explicit = HistogramDataPoint { flags, sum: None, ..explicit(&[], &[]) };
    let exponential = ExponentialHistogramDataPoint { flags, ..exponential(0, &[]) };
    let summary = SummaryDataPoint { flags, ..summary() };
    check(
        vec![
            metric("g", "", gauge(vec![number])),
            metric("h", "", histogram(CUMULATIVE, vec![explicit])),
            metric("e", "", exponential_histogram(vec![exponential])),
            metric("s", "", proto::Data::Summary(Summary { data_points: vec![summary] })),
        ],
        &expect![[r#"
            g{} stale @0
            h_bucket{le=+Inf} stale @0 since -60000
            h_count{} stale @0 since -60000
            h_sum{} stale @0 since -60000
            e{} stale @0 since -60000
            s{quantile=0.5} stale @0
            s{quantile=0.99} stale @0
            s_count{} stale @0 since -60000
            s_sum{} stale @0 since -60000"#]],
    );
}

#[test]
fn nobody_else_can_end_a_series() {
    let forged = f64::from_bits(model::STALE_MARKER_BITS);
    check(vec![metric("g", "", gauge(vec![number(0, forged)]))], &expect!["g{} NaN @0"]);
}

fn observation(value: f64, trace: u8) -> Exemplar {
    Exemplar {
        trace_id: vec![trace; 16],
        time_unix_nano: T_NS,
        value: Some(exemplar::Value::AsDouble(value)),
        ..Exemplar::default()
    }
}

#[test]
fn histograms_become_a_series_per_bucket() {
    let point = HistogramDataPoint {
        attributes: texts(&[("path", "/"), ("le", "hidden")]),
        exemplars: vec![observation(0.7, 1), observation(9.0, 2), observation(0.1, 3)],
        ..explicit(&[2, 1, 4], &[0.5, 1.0])
    };
    let without_sum = HistogramDataPoint { sum: None, ..explicit(&[3], &[]) };
    let counted_only = HistogramDataPoint { count: 5, ..explicit(&[], &[]) };
    check(
        vec![metric("d", "s", histogram(CUMULATIVE, vec![point, without_sum, counted_only]))],
        &expect![[r#"
            d_seconds_bucket{le=0.5,path=/} 2 @0 since -60000
            d_seconds_bucket{le=0.5,path=/} # {trace_id="03030303030303030303030303030303"} 0.1 @0
            d_seconds_bucket{le=1,path=/} 3 @0 since -60000
            d_seconds_bucket{le=1,path=/} # {trace_id="01010101010101010101010101010101"} 0.7 @0
            d_seconds_bucket{le=+Inf,path=/} 7 @0 since -60000
            d_seconds_bucket{le=+Inf,path=/} # {trace_id="02020202020202020202020202020202"} 9 @0
            d_seconds_count{path=/} 7 @0 since -60000
            d_seconds_sum{path=/} 1.5 @0 since -60000
            d_seconds_bucket{le=+Inf} 3 @0 since -60000
            d_seconds_count{} 3 @0 since -60000
            d_seconds_bucket{le=+Inf} 5 @0 since -60000
            d_seconds_count{} 5 @0 since -60000
            d_seconds_sum{} 1.5 @0 since -60000"#]],
    );
}

#[test]
fn bounds_without_end_are_written_as_everywhere() {
    let point = explicit(&[1, 2, 3, 0], &[f64::NEG_INFINITY, -0.5, f64::INFINITY]);
    check(
        vec![metric("d", "", histogram(CUMULATIVE, vec![point]))],
        &expect![[r#"
            d_bucket{le=-Inf} 1 @0 since -60000
            d_bucket{le=-0.5} 3 @0 since -60000
            d_bucket{le=+Inf} 6 @0 since -60000
            d_count{} 6 @0 since -60000
            d_sum{} 1.5 @0 since -60000"#]],
    );
}

#[test]
fn histograms_become_native_ones_on_request() {
    let settings = Settings { native_buckets: true, ..Settings::default() };
    let point = HistogramDataPoint {
        exemplars: vec![observation(0.7, 1)],
        ..explicit(&[2, 0, 4], &[0.5, 1.0])
    };
    check_with(
        &settings,
        vec![metric("d", "s", histogram(CUMULATIVE, vec![point]))],
        &expect![[r#"
            d_seconds{} schema -53 count 6 sum 1.5 zero 0 positive [2.0, 0.0, 4.0] negative [] @0 since -60000
            d_seconds{} # {trace_id="01010101010101010101010101010101"} 0.7 @0"#]],
    );
}

fn exponential(scale: i32, counts: &[u64]) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        start_time_unix_nano: T_NS - 60 * SECOND_NS,
        time_unix_nano: T_NS,
        count: counts.iter().sum::<u64>() + 1,
        sum: Some(10.0),
        scale,
        zero_count: 1,
        positive: Some(Buckets { offset: 1, bucket_counts: counts.to_vec() }),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn exponential_histogram(data_points: Vec<ExponentialHistogramDataPoint>) -> proto::Data {
    let aggregation_temporality = CUMULATIVE;
    proto::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
}

#[test]
fn exponential_histograms_become_native_ones() {
    let negative = ExponentialHistogramDataPoint {
        count: 6,
        negative: Some(Buckets { offset: -3, bucket_counts: vec![3] }),
        ..exponential(0, &[0, 2])
    };
    check(
        vec![metric(
            "e",
            "By",
            exponential_histogram(vec![negative, exponential(10, &[1; 4]), exponential(-5, &[1])]),
        )],
        &expect![[r#"
            e_bytes{} schema 0 count 6 sum 10 zero 1 positive [2.0] negative [3.0] @0 since -60000
            e_bytes{} schema 8 count 5 sum 10 zero 1 positive [3.0, 1.0] negative [] @0 since -60000
            refused 1: metric "e_bytes": an exponential histogram of scale -5, which is below -4"#]],
    );
}

fn summary() -> SummaryDataPoint {
    let quantile = |quantile, value| ValueAtQuantile { quantile, value };
    SummaryDataPoint {
        start_time_unix_nano: T_NS - 60 * SECOND_NS,
        time_unix_nano: T_NS,
        count: 4,
        sum: 2.5,
        quantile_values: vec![quantile(0.5, 0.1), quantile(0.99, 1.0)],
        ..SummaryDataPoint::default()
    }
}

#[test]
fn summaries_become_a_series_per_quantile() {
    check(
        vec![metric("s", "ms", proto::Data::Summary(Summary { data_points: vec![summary()] }))],
        &expect![[r#"
            s_milliseconds{quantile=0.5} 0.1 @0
            s_milliseconds{quantile=0.99} 1 @0
            s_milliseconds_count{} 4 @0 since -60000
            s_milliseconds_sum{} 2.5 @0 since -60000"#]],
    );
}

#[test]
fn sums_have_exemplars_and_gauges_have_none() {
    let late = Exemplar { time_unix_nano: T_NS + 1_000_000, ..observation(1.0, 9) };
    let point = NumberDataPoint { exemplars: vec![observation(1.0, 1), late], ..number(0, 1.0) };
    check(
        vec![
            metric("c", "", sum(CUMULATIVE, true, vec![point.clone(), number(1, 2.0)])),
            metric("f", "", sum(CUMULATIVE, false, vec![point.clone()])),
            metric("g", "", gauge(vec![point])),
        ],
        &expect![[r#"
            c_total{} 1 @0 since -60000
            c_total{} # {trace_id="01010101010101010101010101010101"} 1 @0
            c_total{} 2 @1000 since -60000
            f{} 1 @0
            f{} # {trace_id="01010101010101010101010101010101"} 1 @0
            g{} 1 @0"#]],
    );
}

#[test]
fn bad_points_are_refused_alone() {
    let timeless = NumberDataPoint { time_unix_nano: 0, ..number(0, 1.0) };
    let ahead = number(2 * 86_400, 1.0);
    let nothing = NumberDataPoint { value: None, ..number(0, 0.0) };
    let nameless = NumberDataPoint { attributes: texts(&[("", "x")]), ..number(0, 1.0) };
    let good = number(0, 1.0);
    check(
        vec![
            metric("a", "", gauge(vec![timeless, good.clone(), ahead, nothing.clone(), nameless])),
            metric("...", "", gauge(vec![good.clone(), good.clone()])),
            metric("b", "", sum(0, true, vec![good.clone()])),
            metric("b", "", sum(3, true, vec![nothing])),
            metric(
                "c",
                "",
                histogram(CUMULATIVE, vec![explicit(&[1, 2], &[]), explicit(&[1, 1], &[2.0])]),
            ),
            Metric::default(),
            metric("last", "", gauge(vec![good])),
        ],
        &expect![[r#"
            a{} 1 @0
            c_bucket{le=2} 1 @0 since -60000
            c_bucket{le=+Inf} 2 @0 since -60000
            c_count{} 2 @0 since -60000
            c_sum{} 1.5 @0 since -60000
            last{} 1 @0
            refused 9: metric "a": a point without a time; metric "a": too far ahead; metric "a": a point without a value; metric "a": attribute "" has no character that a name may have; metric "...": metric "..." has no character that a name may have"#]],
    );
}

const RESOURCE: [(&str, &str); 4] = [
    ("service.name", "shop"),
    ("service.namespace", "prod"),
    ("service.instance.id", "i-1"),
    ("host.name", "h1"),
];

#[track_caller]
fn check_resource(settings: &Settings, expected: &Expect) {
    let metrics = vec![metric("up.time", "s", gauge(vec![number(0, 1.0)]))];
    let translated = translated(&request(&RESOURCE, metrics), settings);
    expected.assert_eq(&lines(&translated).join("\n"));
    assert_eq!(translated.point(0), Some(0));
    assert_eq!(translated.point(translated.n_series() - 1), None, "target_info is of no point");
}

#[test]
fn a_resource_becomes_job_instance_and_target_info() {
    check_resource(
        &Settings::default(),
        &expect![[r#"
            up_time_seconds{instance=i-1,job=prod/shop} 1 @0
            target_info{host_name=h1,instance=i-1,job=prod/shop} 1 @0"#]],
    );
    let all = Settings {
        strategy: Strategy::NoTranslation,
        promotion: Promotion::AllBut(vec!["service.name".to_owned()]),
        keep_identifying: true,
        promote_scope: true,
        native_buckets: true,
    };
    check_resource(
        &all,
        &expect![[r#"
            up.time{host.name=h1,instance=i-1,job=prod/shop,otel_scope_kind=test,otel_scope_name=lib,otel_scope_schema_url=http://schema,otel_scope_version=1.2,service.instance.id=i-1,service.namespace=prod} 1 @0
            target_info{host.name=h1,instance=i-1,job=prod/shop,service.instance.id=i-1,service.name=shop,service.namespace=prod} 1 @0"#]],
    );
}

#[test]
fn target_info_spans_the_points_of_its_resource() {
    let times = |times_s: &[u64]| {
        let points = times_s.iter().map(|after_s| number(*after_s, 1.0)).collect();
        let request = request(&RESOURCE, vec![metric("a", "", gauge(points))]);
        let translated = translated(&request, &Settings::default());
        let info = (0..translated.n_series()).find(|series| translated.point(*series).is_none());
        let samples = info.map_or(&[][..], |info| translated.samples(info));
        samples.iter().map(|one| (one.t_ms - T_MS) / 1000).collect::<Vec<_>>()
    };
    assert_eq!(times(&[5]), [5]);
    assert_eq!(times(&[400, 0, 10]), [0, 150, 300, 400]);
    assert_eq!(times(&[0, 300]), [0, 150, 300]);
    let far = times(&[0, 80_000]);
    assert_eq!((far.len(), far[0], far[48]), (49, 72_800, 80_000));
    assert!(times(&[2 * 86_400]).is_empty(), "no point of it was taken");
}

#[test]
fn metadata_say_what_metrics_are() {
    let metrics = vec![
        metric("temp", "Cel", gauge(vec![number(0, 1.0)])),
        metric("bytes", "By/s", sum(CUMULATIVE, true, vec![number(0, 1.0)])),
        metric("queue", "", sum(CUMULATIVE, false, vec![number(0, 1.0)])),
        metric("h", "s", histogram(CUMULATIVE, vec![explicit(&[1], &[])])),
        metric("e", "", exponential_histogram(vec![exponential(0, &[1])])),
        metric("s", "", proto::Data::Summary(Summary { data_points: vec![summary()] })),
        metric("none", "", gauge(vec![])),
        metric("refused", "", sum(0, true, vec![number(0, 1.0)])),
    ];
    let translated = translated(&request(&RESOURCE, metrics), &Settings::default());
    let told = translated.metadata().map(|(name, metadata)| {
        format!("{name} {} {:?} {:?}", metadata.kind.as_str(), metadata.help, metadata.unit)
    });
    expect![[r#"
        temp_celsius gauge "About temp." "celsius"
        bytes_per_second_total counter "About bytes." "bytes_per_second"
        queue gauge "About queue." ""
        h_seconds histogram "About h." "seconds"
        e histogram "About e." ""
        s summary "About s." ""
        target_info info "Target metadata" """#]]
    .assert_eq(&told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn long_descriptions_are_cut_between_characters() {
    let mut long = metric("a", "", gauge(vec![number(0, 1.0)]));
    long.description = "ü".repeat(5000);
    let translated = translated(&request(&[], vec![long]), &Settings::default());
    let (_, metadata) = translated.metadata().next().unwrap();
    assert_eq!(metadata.help.len(), 4096);
}

/// The same message with the fields of each message in the other order.
#[test]
fn fields_may_come_in_any_order() {
    let metrics = vec![metric("a", "s", sum(CUMULATIVE, true, vec![number(0, 1.0)]))];
    let request = request(&RESOURCE, metrics);
    let all = &request.resource_metrics[0];
    let field = |number: u8, bytes: Vec<u8>| {
        let mut out = vec![number << 3 | 2];
        super::super::answer::push_varint(&mut out, bytes.len() as u64);
        [out, bytes].concat()
    };
    let scope = &all.scope_metrics[0];
    let metric = &scope.metrics[0];
    let Some(proto::Data::Sum(sum)) = &metric.data else { unreachable!() };
    let sum = [b"\x18\x01\x10\x02".to_vec(), field(1, sum.data_points[0].encode_to_vec())];
    let metric = [field(7, sum.concat()), field(3, b"s".to_vec()), field(1, b"a".to_vec())];
    let scope =
        [field(2, metric.concat()), field(1, scope.scope.as_ref().unwrap().encode_to_vec())];
    let resource =
        [field(2, scope.concat()), field(1, all.resource.as_ref().unwrap().encode_to_vec())];
    let turned = field(1, resource.concat());
    let settings = Settings::default();
    let read = |message: &[u8]| lines(&translate(message, &settings, &check_time).unwrap());
    assert_eq!(read(&turned), read(&request.encode_to_vec()));
}
