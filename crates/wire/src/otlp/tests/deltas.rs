//! Delta points: what they add up to, and what a sender that repeats itself does to it.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, metric as proto,
};

use super::make::{
    DELTA, SECOND_NS, T_MS, T_NS, explicit, gauge, histogram, lines, metric, number, request, sum,
    texts, translated,
};
use crate::otlp::{DELTA_IDLE_MS_MAX, Deltas, Settings};

/// What a message becomes, refusals among it. The totals are kept.
fn add_at(deltas: &mut Deltas, now_ms: i64, metrics: Vec<Metric>) -> Vec<String> {
    let mut translated = translated(&request(&[], metrics), &Settings::default());
    assert!(translated.has_deltas());
    deltas.add_up(&mut translated, now_ms);
    deltas.keep();
    let mut told = lines(&translated);
    let refusals = translated.refusals();
    told.extend(refusals.reasons.iter().map(|why| format!("{} {why}", refusals.n_points)));
    told
}

fn counter(after_s: u64, value: f64) -> Vec<Metric> {
    vec![metric("c", "", sum(DELTA, true, vec![number(after_s, value)]))]
}

#[test]
fn a_counter_counts_from_its_first_point_on() {
    let mut deltas = Deltas::default();
    let mut add = |after_s, value| add_at(&mut deltas, T_MS, counter(after_s, value));
    assert_eq!(add(0, 5.0), ["c_total{} 5 @0 since -60000"]);
    assert_eq!(add(10, 2.0), ["c_total{} 7 @10000 since -60000"]);
    // Sent again, because the answer was lost.
    assert_eq!(add(10, 2.0), ["c_total{} 7 @10000 since -60000"]);
    assert_eq!(add(20, 0.5), ["c_total{} 7.5 @20000 since -60000"]);
    let late = "1 a delta point that is older than the one before it in its series";
    assert_eq!(add(15, 1.0), [late]);
    assert_eq!(add(30, 1.0), ["c_total{} 8.5 @30000 since -60000"]);
}

#[test]
fn a_sum_that_may_fall_is_a_gauge_without_a_beginning() {
    let mut deltas = Deltas::default();
    let mut add = |after_s, value| {
        let point = NumberDataPoint { attributes: texts(&[("q", "a")]), ..number(after_s, value) };
        add_at(&mut deltas, T_MS, vec![metric("queue", "", sum(DELTA, false, vec![point]))])
    };
    assert_eq!(add(0, 5.0), ["queue{q=a} 5 @0"]);
    assert_eq!(add(1, -2.0), ["queue{q=a} 3 @1000"]);
}

#[test]
fn points_of_one_message_add_up_too() {
    let points = vec![number(0, 1.0), number(1, 2.0), number(1, 2.0), number(2, 4.0)];
    let told =
        add_at(&mut Deltas::default(), T_MS, vec![metric("c", "", sum(DELTA, true, points))]);
    let values: Vec<&str> = told.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(values, ["1", "3", "3", "7"]);
}

#[test]
fn what_could_not_be_stored_was_never_added() {
    let mut deltas = Deltas::default();
    add_at(&mut deltas, T_MS, counter(0, 5.0));
    for _ in 0..3 {
        let mixed = vec![
            metric("c", "", sum(DELTA, true, vec![number(10, 2.0), number(20, 2.0)])),
            metric("new", "", sum(DELTA, true, vec![number(10, 2.0)])),
        ];
        let mut translated = translated(&request(&[], mixed), &Settings::default());
        deltas.add_up(&mut translated, T_MS);
        assert_eq!(lines(&translated)[1], "c_total{} 9 @20000 since -60000");
        deltas.roll_back();
        assert_eq!(deltas.n_series(), 1);
    }
    assert_eq!(add_at(&mut deltas, T_MS, counter(5, 1.0)), ["c_total{} 6 @5000 since -60000"]);
}

/// A call that never said what became of it has stored nothing, for instance after a panic.
#[test]
fn a_call_that_ended_without_a_word_is_taken_back() {
    let mut deltas = Deltas::default();
    let mut lost = translated(&request(&[], counter(0, 100.0)), &Settings::default());
    deltas.add_up(&mut lost, T_MS);
    assert_eq!(add_at(&mut deltas, T_MS, counter(0, 1.0)), ["c_total{} 1 @0 since -60000"]);
}

#[test]
fn totals_are_forgotten_when_nothing_comes() {
    let mut deltas = Deltas::default();
    add_at(&mut deltas, T_MS, counter(0, 5.0));
    let busy_ms = T_MS + DELTA_IDLE_MS_MAX - 1;
    assert_eq!(add_at(&mut deltas, busy_ms, counter(1, 1.0)), ["c_total{} 6 @1000 since -60000"]);
    let later = vec![metric("other", "", sum(DELTA, true, vec![number(2, 1.0)]))];
    add_at(&mut deltas, busy_ms + DELTA_IDLE_MS_MAX, later);
    assert_eq!(deltas.n_series(), 1);
    let fresh = NumberDataPoint { start_time_unix_nano: T_NS + 2 * SECOND_NS, ..number(3, 1.0) };
    let again = vec![metric("c", "", sum(DELTA, true, vec![fresh]))];
    let told = add_at(&mut deltas, busy_ms + DELTA_IDLE_MS_MAX, again);
    assert_eq!(told, ["c_total{} 1 @3000 since 2000"]);
}

#[test]
fn histograms_add_up_bucket_by_bucket() {
    let mut deltas = Deltas::default();
    let mut add = |after_s: u64, counts: &[u64]| {
        let point = HistogramDataPoint {
            time_unix_nano: T_NS + after_s * SECOND_NS,
            ..explicit(counts, &[1.0])
        };
        add_at(&mut deltas, T_MS, vec![metric("h", "", histogram(DELTA, vec![point]))])
    };
    add(0, &[1, 2]);
    let told = add(1, &[3, 0]);
    assert_eq!(
        told,
        [
            "h_bucket{le=1} 4 @1000 since -60000",
            "h_bucket{le=+Inf} 6 @1000 since -60000",
            "h_count{} 6 @1000 since -60000",
            "h_sum{} 3 @1000 since -60000",
        ]
    );
    let late = add(0, &[1, 1]);
    assert_eq!(late, ["1 a delta point that is older than the one before it in its series"]);
}

fn exponential(after_s: u64, scale: i32, offset: i32, counts: &[u64]) -> Vec<Metric> {
    let point = ExponentialHistogramDataPoint {
        start_time_unix_nano: T_NS - 60 * SECOND_NS,
        time_unix_nano: T_NS + after_s * SECOND_NS,
        count: counts.iter().sum::<u64>() + 1,
        sum: Some(1.0),
        scale,
        zero_count: 1,
        positive: Some(Buckets { offset, bucket_counts: counts.to_vec() }),
        ..ExponentialHistogramDataPoint::default()
    };
    let (data_points, aggregation_temporality) = (vec![point], DELTA);
    let data = ExponentialHistogram { data_points, aggregation_temporality };
    vec![metric("e", "", proto::Data::ExponentialHistogram(data))]
}

#[test]
fn exponential_histograms_add_up_at_the_coarser_scale() {
    let mut deltas = Deltas::default();
    add_at(&mut deltas, T_MS, exponential(0, 1, 0, &[1, 2, 3]));
    let told = add_at(&mut deltas, T_MS, exponential(1, 0, 1, &[10]));
    // At scale 0 the first has buckets 1: 1+2, 2: 3.
    assert_eq!(
        told,
        ["e{} schema 0 count 18 sum 2 zero 2 positive [3.0, 13.0] negative [] @1000 since -60000"]
    );
    let told = add_at(&mut deltas, T_MS, exponential(2, 3, 100, &[1]));
    assert!(told[0].starts_with("e{} schema 0 count 20 sum 3 zero 3"), "{told:?}");
}

#[test]
fn only_deltas_are_added_up() {
    let request = request(&[], vec![metric("g", "", gauge(vec![number(0, 1.0)]))]);
    assert!(!translated(&request, &Settings::default()).has_deltas());
    let ended = NumberDataPoint { flags: 1, ..number(0, 1.0) };
    let ended = super::make::request(&[], vec![metric("c", "", sum(DELTA, true, vec![ended]))]);
    assert!(!translated(&ended, &Settings::default()).has_deltas());
}
