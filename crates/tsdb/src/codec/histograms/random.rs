//! Histograms of every kind, for tests of whatever writes them.

use std::sync::Arc;

use model::{
    BucketLayout, BucketSpan, Histogram, ResetHint, SCHEMA_CUSTOM, SCHEMA_MAX, SCHEMA_MIN,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

fn spans() -> impl Strategy<Value = Vec<BucketSpan>> {
    let first = prop_oneof![-300..300_i32, Just(i32::MIN), Just(i32::MAX - 50)];
    let rest = vec((0..9_i32, 0..6_u32), 0..4);
    (first, 0..6_u32, rest, any::<bool>()).prop_map(|(offset, length, rest, is_none)| {
        if is_none {
            return Vec::new();
        }
        let rest = rest.into_iter().map(|(offset, length)| BucketSpan { offset, length });
        [BucketSpan { offset, length }].into_iter().chain(rest).collect()
    })
}

fn exponential() -> impl Strategy<Value = BucketLayout> {
    let zero_threshold = prop_oneof![Just(0.0), Just(-0.0), Just(2_f64.powi(-128)), 0.0..1.0];
    let spans = (spans(), spans());
    (SCHEMA_MIN..=SCHEMA_MAX, zero_threshold, spans).prop_map(|(schema, zero_threshold, spans)| {
        let (positive_spans, negative_spans) = spans;
        let custom_bounds = Vec::new();
        BucketLayout { schema, zero_threshold, positive_spans, negative_spans, custom_bounds }
    })
}

fn custom() -> impl Strategy<Value = BucketLayout> {
    let bounds = btree_set(-100..100_i32, 0..20);
    (bounds, any::<prop::sample::Index>(), 1..100_i32).prop_map(|(bounds, offset, scale)| {
        let custom_bounds: Vec<f64> =
            bounds.into_iter().map(|bound| f64::from(bound) / f64::from(scale)).collect();
        let offset = offset.index(custom_bounds.len() + 1);
        let length = (custom_bounds.len() + 1 - offset) as u32;
        let positive_spans = vec![BucketSpan { offset: offset as i32, length }];
        let schema = SCHEMA_CUSTOM;
        BucketLayout { schema, positive_spans, custom_bounds, ..BucketLayout::default() }
    })
}

fn layout() -> impl Strategy<Value = Arc<BucketLayout>> {
    let any = prop_oneof![exponential(), custom()];
    any.prop_filter("valid", |layout| layout.validate().is_ok()).prop_map(Arc::new)
}

fn count() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..1000_u64).prop_map(|count| count as f64),
        1 => Just(0.0),
        1 => (0..1_u64 << 54).prop_map(|count| count as f64),
    ]
}

/// Among others what no counter has: fractions, NaN with any bits, infinity.
fn odd_count() -> impl Strategy<Value = f64> {
    prop_oneof![
        count(),
        0.0..1e6_f64,
        Just(-0.0),
        Just(f64::INFINITY),
        (1_u64..1 << 52).prop_map(|payload| f64::from_bits(0x7ff0_0000_0000_0000 | payload)),
    ]
}

fn hint() -> impl Strategy<Value = ResetHint> {
    let hints = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];
    prop::sample::select(hints.to_vec())
}

fn sum() -> impl Strategy<Value = f64> {
    prop_oneof![-1e6..1e6_f64, any::<u64>().prop_map(f64::from_bits)]
}

/// Histograms of one layout; some are stale markers, with or without that layout.
fn of_layout(layout: Arc<BucketLayout>, n: usize) -> impl Strategy<Value = Vec<Histogram>> {
    let (n_positive, n_negative) = layout.n_buckets();
    let n_counts = 2 + n_positive as usize + n_negative as usize;
    let row = prop_oneof![3 => vec(count(), n_counts), 1 => vec(odd_count(), n_counts)];
    let adds_up = any::<bool>();
    let one =
        (row, sum(), hint(), adds_up, 0..20_u8).prop_map(move |(row, sum, hint, adds, kind)| {
            let mut histogram = Histogram {
                reset_hint: hint,
                layout: Arc::clone(&layout),
                count: row[0],
                sum,
                zero_count: row[1],
                positive: row[2..2 + n_positive as usize].to_vec(),
                negative: row[2 + n_positive as usize..].to_vec(),
            };
            if layout.schema == SCHEMA_CUSTOM {
                histogram.zero_count = 0.0;
            }
            if adds {
                histogram.count = row[1..].iter().sum();
            }
            match kind {
                0 => Histogram::stale_marker(),
                1 => Histogram { sum: Histogram::stale_marker().sum, ..histogram },
                _ => histogram,
            }
        });
    vec(one, 1..=n)
}

/// Up to 50 histograms that share a layout.
pub(crate) fn run() -> impl Strategy<Value = Vec<Histogram>> {
    layout().prop_flat_map(|layout| of_layout(layout, 50))
}

/// Any histogram.
pub(crate) fn histogram() -> impl Strategy<Value = Histogram> {
    layout()
        .prop_flat_map(|layout| of_layout(layout, 1))
        .prop_map(|mut run| run.pop().expect("there is one"))
}
