//! Bounds, buckets and rules, against what Prometheus says of the same histograms.

use std::sync::Arc;

use super::*;

fn span(offset: i32, length: u32) -> BucketSpan {
    BucketSpan { offset, length }
}

/// Two spans above 0, one below, a zero bucket.
fn usual() -> Histogram {
    let layout = BucketLayout {
        schema: 1,
        zero_threshold: 0.001,
        positive_spans: vec![span(0, 2), span(1, 1)],
        negative_spans: vec![span(-1, 2)],
        custom_bounds: Vec::new(),
    };
    Histogram {
        reset_hint: ResetHint::NotReset,
        layout: Arc::new(layout),
        count: 21.0,
        sum: 18.4,
        zero_count: 2.0,
        positive: vec![1.0, 3.0, 5.0],
        negative: vec![4.0, 6.0],
    }
}

fn custom() -> Histogram {
    let layout = BucketLayout {
        schema: SCHEMA_CUSTOM,
        positive_spans: vec![span(0, 1), span(1, 1)],
        custom_bounds: vec![0.5, 1.0],
        ..BucketLayout::default()
    };
    Histogram { layout: Arc::new(layout), positive: vec![7.0, 8.0], count: 15.0, ..usual_empty() }
}

fn usual_empty() -> Histogram {
    Histogram { sum: 1.0, ..Histogram::default() }
}

fn with_layout(mut histogram: Histogram, change: impl FnOnce(&mut BucketLayout)) -> Histogram {
    change(Arc::make_mut(&mut histogram.layout));
    histogram
}

#[track_caller]
fn check_refused(histogram: &Histogram, reason: &str) {
    assert_eq!(histogram.validate().map_err(|error| error.to_string()), Err(reason.to_owned()));
}

/// As Prometheus writes them.
fn told(buckets: impl Iterator<Item = Bucket>) -> String {
    let one = |bucket: Bucket| {
        let (open, close) = (
            if bucket.lower_inclusive { '[' } else { '(' },
            if bucket.upper_inclusive { ']' } else { ')' },
        );
        format!("{open}{},{}{close}:{}", bucket.lower, bucket.upper, bucket.count)
    };
    buckets.map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn buckets_rise_from_the_most_negative() {
    assert_eq!(usual().validate(), Ok(()));
    assert_eq!(
        told(usual().buckets()),
        "[-1,-0.7071067811865475):6 [-0.7071067811865475,-0.5):4 [-0.001,0.001]:2 \
         (0.7071067811865475,1]:1 (1,1.414213562373095]:3 (2,2.82842712474619]:5"
    );
}

#[test]
fn an_empty_zero_bucket_is_left_out_and_a_wide_one_cuts_its_neighbours() {
    let mut histogram = usual();
    histogram.zero_count = 0.0;
    assert!(!told(histogram.buckets()).contains("[-0.001"));
    let wide = with_layout(usual(), |layout| layout.zero_threshold = 0.75);
    assert_eq!(
        told(wide.buckets()),
        "[-1,-0.75):6 [-0.7071067811865475,-0.75):4 [-0.75,0.75]:2 (0.75,1]:1 \
         (1,1.414213562373095]:3 (2,2.82842712474619]:5"
    );
}

#[test]
fn custom_buckets_reach_from_and_to_infinity() {
    assert_eq!(custom().validate(), Ok(()));
    assert_eq!(told(custom().buckets()), "[-inf,0.5]:7 (1,inf]:8");
}

#[test]
fn empty_spans_and_far_indexes_are_walked() {
    let gaps = with_layout(usual(), |layout| {
        layout.positive_spans = vec![span(-3, 0), span(2, 0), span(0, 1), span(0, 0), span(4, 2)];
    });
    let indexes: Vec<i32> = gaps.positive_buckets().map(|bucket| bucket.index).collect();
    assert_eq!(indexes, [-1, 4, 5]);
    let far = with_layout(usual(), |layout| {
        layout.positive_spans = vec![span(i32::MIN, 1), span(i32::MAX, 1), span(i32::MAX, 1)];
    });
    assert_eq!(far.positive_buckets().count(), 3);
}

#[test]
fn bounds_end_at_the_largest_finite_number() {
    // (schema, index, bound): the last regular bucket ends at the largest double, the next counts
    // infinity.
    let cases = [
        (0, 0, 1.0),
        (0, 1024, f64::MAX),
        (0, 1025, f64::INFINITY),
        (0, -1074, 5e-324),
        (0, -1075, 0.0),
        (0, i32::MAX, f64::INFINITY),
        (0, i32::MIN, 0.0),
        (8, 1024 << 8, f64::MAX),
        (8, (1024 << 8) - 1, 0.9972960560854698 * 2_f64.powi(1023) * 2.0),
        (8, 256, 2.0),
        (8, -1, 0.9972960560854698),
        (-1, 1, 4.0),
        (-1, 512, f64::MAX),
        (-1, 513, f64::INFINITY),
        (-4, 1, 65536.0),
        (-4, -1, 1.0 / 65536.0),
        (-4, 64, f64::MAX),
        (-4, i32::MIN, 0.0),
        (-4, i32::MAX, f64::INFINITY),
    ];
    for (schema, index, bound) in cases {
        assert_eq!(bounds::exponential(index, schema), bound, "schema {schema}, index {index}");
    }
    assert!(bounds::exponential(1, 9).is_nan() && bounds::exponential(1, -5).is_nan());
}

#[test]
fn bounds_are_the_powers_that_they_stand_for() {
    for schema in SCHEMA_MIN..=SCHEMA_MAX {
        for index in -2000..2000 {
            let bound = bounds::exponential(index, schema);
            let power = f64::from(index) * 2_f64.powi(-i32::from(schema));
            if (-1000.0..1000.0).contains(&power) {
                let ratio = bound / power.exp2();
                assert!((ratio - 1.0).abs() < 1e-14, "schema {schema}, index {index}: {ratio}");
            }
        }
    }
}

#[test]
fn layouts_that_are_none_are_refused() {
    let refused = |change: fn(&mut BucketLayout), reason: &str| {
        check_refused(&with_layout(usual(), change), reason);
    };
    refused(
        |layout| layout.schema = 9,
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, \
         or -53 for custom buckets, got schema 9",
    );
    refused(
        |layout| layout.positive_spans[1].offset = -1,
        "span number 2 with offset -1: histogram has a span whose offset is negative",
    );
    refused(
        |layout| layout.negative_spans[0].length = 3,
        "spans need 3 buckets, have 2 buckets: \
         histogram spans specify different number of buckets than provided",
    );
    refused(
        |layout| layout.positive_spans[0].length = u32::MAX,
        "histogram has more than 8192 buckets",
    );
    refused(
        |layout| layout.positive_spans = vec![span(0, 0); 8193],
        "histogram has more than 8192 spans",
    );
    refused(
        |layout| layout.positive_spans = vec![span(i32::MAX, 1)],
        "histogram has a bucket index of more than 32 bits",
    );
    refused(|layout| layout.zero_threshold = -1.0, "histogram has a zero threshold of -1");
    refused(|layout| layout.zero_threshold = f64::NAN, "histogram has a zero threshold of NaN");
    refused(
        |layout| layout.custom_bounds = vec![1.0],
        "histogram with exponential schema must not have custom bounds",
    );
}

#[test]
fn custom_layouts_that_are_none_are_refused() {
    let refused = |change: fn(&mut BucketLayout), reason: &str| {
        check_refused(&with_layout(custom(), change), &format!("custom buckets: {reason}"));
    };
    refused(|layout| layout.custom_bounds[1] = f64::NAN, "histogram custom bounds must not be NaN");
    refused(
        |layout| layout.custom_bounds[1] = f64::INFINITY,
        "histogram custom bounds must be finite",
    );
    refused(
        |layout| layout.custom_bounds[1] = 0.5,
        "previous bound is 0.5 and current is 0.5: \
         histogram custom bounds must be in strictly increasing order",
    );
    refused(
        |layout| layout.custom_bounds.truncate(1),
        "only 1 custom bounds defined which is insufficient to cover total span length of 3: \
         histogram custom bounds are too few",
    );
    refused(|layout| layout.custom_bounds = vec![0.0; 8193], "more than 8192 bounds");
    refused(|layout| layout.zero_threshold = 0.1, "must have zero count and zero threshold of 0");
    refused(
        |layout| layout.negative_spans = vec![span(0, 0)],
        "must not have negative spans or buckets",
    );
    let below = with_layout(custom(), |layout| layout.positive_spans[0].offset = -1);
    check_refused(
        &below,
        "span number 1 with offset -1: histogram has a span whose offset is negative",
    );
    check_refused(
        &Histogram { zero_count: 1.0, ..custom() },
        "custom buckets: must have zero count and zero threshold of 0",
    );
}

#[test]
fn counts_below_zero_are_refused_and_nan_is_taken() {
    check_refused(
        &Histogram { negative: vec![0.0, -1.0], ..usual() },
        "bucket number 2 has observation count of -1: \
         histogram has a bucket whose observation count is negative",
    );
    check_refused(
        &Histogram { zero_count: -1.0, ..usual() },
        "zero bucket has observation count of -1: \
         histogram has a bucket whose observation count is negative",
    );
    check_refused(
        &Histogram { count: -0.5, ..usual() },
        "observation count is -0.5: histogram's observation count is negative",
    );
    let nan = Histogram { positive: vec![f64::NAN; 3], count: f64::NAN, ..usual() };
    assert_eq!(nan.validate(), Ok(()));
}

#[test]
fn whole_counts_add_up_unless_an_observation_was_nan() {
    let check = |sum, count, in_buckets| {
        Histogram::check_whole_counts(sum, count, in_buckets).map_err(|error| error.to_string())
    };
    assert_eq!(check(1.0, 5, 5), Ok(()));
    assert_eq!(check(f64::NAN, 5, 4), Ok(()));
    assert_eq!(
        check(1.0, 5, 4).unwrap_err(),
        "4 observations found in buckets, but the Count field is 5: histogram's observation count \
         should equal the number of observations found in the buckets (in absence of NaN)"
    );
    assert_eq!(
        check(f64::NAN, 5, 6).unwrap_err(),
        "6 observations found in buckets, but the Count field is 5: histogram's observation count \
         should be at least the number of observations found in the buckets"
    );
}

#[test]
fn equal_means_to_the_bit() {
    let same = usual();
    let changes: [fn(&mut Histogram); 9] = [
        |it| it.reset_hint = ResetHint::Gauge,
        |it| it.count = 20.0,
        |it| it.sum = f64::NAN,
        |it| it.zero_count = -0.0,
        |it| it.positive[2] = 6.0,
        |it| it.negative[0] = 6.0,
        |it| Arc::make_mut(&mut it.layout).zero_threshold = -0.0,
        |it| Arc::make_mut(&mut it.layout).positive_spans[0] = BucketSpan { offset: 1, length: 2 },
        |it| Arc::make_mut(&mut it.layout).schema = 2,
    ];
    assert!(same.same_bits(&usual()));
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = usual();
        change(&mut other);
        assert!(!same.same_bits(&other), "change {at}");
        assert!(other.same_bits(&other.clone()), "change {at}");
    }
    // A count may not slip from one field to the next.
    let shifted = Histogram { positive: vec![], negative: vec![1.0], ..usual() };
    let other = Histogram { positive: vec![1.0], negative: vec![], ..usual() };
    assert!(shifted.same_layout(&other) && !shifted.same_bits(&other));
    let moved = with_layout(custom(), |layout| layout.custom_bounds[0] = 0.25);
    assert!(!moved.same_layout(&custom()));
}

#[test]
fn the_stale_marker_is_known_by_the_bits_of_its_sum() {
    assert!(Histogram::stale_marker().is_stale_marker());
    assert_eq!(Histogram::stale_marker().validate(), Ok(()));
    assert!(!Histogram { sum: f64::NAN, ..usual() }.is_stale_marker());
    let sample = |t_ms, start_ms| HistogramSample {
        t_ms,
        start_ms,
        histogram: Arc::new(Histogram::stale_marker()),
    };
    assert!(sample(1, 0).same_bits(&sample(1, 0)));
    assert!(!sample(1, 0).same_bits(&sample(2, 0)));
    assert!(!sample(1, 0).same_bits(&sample(1, 1)));
}

/// How many observations lie at or below a bound.
fn up_to(histogram: &Histogram, bound: f64) -> f64 {
    let below = histogram.buckets().filter(|bucket| bucket.upper <= bound);
    below.map(|bucket| bucket.count).sum()
}

#[test]
fn a_coarser_schema_counts_the_same_below_its_bounds() {
    let layout = BucketLayout {
        schema: 3,
        positive_spans: vec![span(-9, 12), span(0, 3), span(20, 2), span(1, 1)],
        negative_spans: vec![span(5, 4)],
        ..BucketLayout::default()
    };
    let fine = Histogram {
        layout: Arc::new(layout),
        positive: (1..=18).map(f64::from).collect(),
        negative: vec![1.0, 2.0, 3.0, 4.0],
        ..usual_empty()
    };
    assert_eq!(fine.validate(), Ok(()));
    for schema in SCHEMA_MIN..3 {
        let coarse = fine.clone().coarser(schema);
        assert_eq!(coarse.validate(), Ok(()), "schema {schema}");
        for bucket in coarse.buckets() {
            let (one, other) = (up_to(&fine, bucket.upper), up_to(&coarse, bucket.upper));
            assert_eq!(one, other, "schema {schema} up to {}", bucket.upper);
        }
    }
    assert!(fine.clone().coarser(3).same_bits(&fine));
    assert!(fine.clone().coarser(8).same_bits(&fine));
    assert!(custom().coarser(0).same_bits(&custom()));
    let reserved = with_layout(usual(), |layout| layout.schema = 52).coarser(SCHEMA_MAX);
    assert_eq!(reserved.validate(), Ok(()));
    assert_eq!(reserved.layout.schema, SCHEMA_MAX);
}

#[test]
fn far_indexes_are_made_coarser_without_harm() {
    let far = with_layout(usual(), |layout| {
        layout.schema = 8;
        layout.positive_spans = vec![span(i32::MIN, 1), span(i32::MAX, 1), span(i32::MAX, 1)];
    });
    assert_eq!(far.clone().coarser(-4).positive, far.positive);
    let short = Histogram { positive: vec![1.0], ..far };
    assert_eq!(short.coarser(7).positive, [1.0]);
}
