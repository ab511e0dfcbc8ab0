//! Histograms of both forms come through, and what is none is refused with its reason.

use model::STALE_MARKER_BITS;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::encoder::{self, bytes, double, number, packed_numbers, span, zigzag};
use super::*;

fn read(message: &[u8]) -> Result<HistogramSample, String> {
    read_histogram(message).map_err(|error| error.to_string())
}

#[track_caller]
fn check_refused(message: &[u8], reason: &str) {
    let error = read(message).unwrap_err();
    assert!(error.contains(reason), "{error}");
}

fn usual() -> Histogram {
    let layout = BucketLayout {
        schema: 2,
        zero_threshold: 0.5,
        positive_spans: vec![
            BucketSpan { offset: -2, length: 2 },
            BucketSpan { offset: 3, length: 1 },
        ],
        negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
        custom_bounds: Vec::new(),
    };
    Histogram {
        reset_hint: ResetHint::Unknown,
        layout: Arc::new(layout),
        count: 24.0,
        sum: 12.5,
        zero_count: 4.0,
        positive: vec![9.0, 1.0, 7.0],
        negative: vec![3.0],
    }
}

fn custom() -> Histogram {
    let layout = BucketLayout {
        schema: model::SCHEMA_CUSTOM,
        positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
        custom_bounds: vec![0.1, 1.0],
        ..BucketLayout::default()
    };
    let positive = vec![1.0, 2.0, 3.0];
    Histogram { layout: Arc::new(layout), count: 6.0, sum: 9.0, positive, ..Histogram::default() }
}

/// A change of what is sent.
fn sent(change: impl FnOnce(&mut Histogram)) -> Vec<u8> {
    let mut histogram = usual();
    change(&mut histogram);
    encoder::histogram(&histogram, 1000, true)
}

#[rustfmt::skip]
const GOLDEN: &[u8] = &[
    0x08, 24,                                           // count
    0x19, 0, 0, 0, 0, 0, 0, 0x29, 0x40,                 // sum 12.5
    0x20, 4,                                            // schema 2
    0x29, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f,                 // zero threshold 0.5
    0x30, 4,                                            // zero count
    0x42, 2, 0x10, 1,                                   // a negative span from 0 on
    0x4a, 1, 6,                                         // negative: 3
    0x5a, 4, 0x08, 3, 0x10, 2, 0x5a, 4, 0x08, 6, 0x10, 1, // positive spans
    0x62, 3, 18, 15, 12,                                // positive: 9, -8, +6
    0x70, 0, 0x78, 0xe8, 0x07,                          // hint, time
];

#[test]
fn golden_bytes_are_read() {
    let sample = read(GOLDEN).unwrap();
    let histogram = Arc::new(usual());
    assert!(sample.same_bits(&HistogramSample { t_ms: 1000, start_ms: 0, histogram }));
}

#[test]
fn rows_need_not_be_packed() {
    let mut message = sent(|histogram| {
        Arc::make_mut(&mut histogram.layout).positive_spans.clear();
        histogram.positive.clear();
    });
    for one in &usual().layout.positive_spans {
        bytes(&mut message, 11, &span(*one));
    }
    number(&mut message, 12, zigzag(9));
    packed_numbers(&mut message, 12, &[zigzag(-8), zigzag(6)]);
    assert!(read(&message).unwrap().histogram.same_bits(&usual()));
    let mut message = encoder::histogram(&Histogram { positive: vec![], ..usual() }, 1000, false);
    usual().positive.iter().for_each(|count| double(&mut message, 13, *count));
    assert!(read(&message).unwrap().histogram.same_bits(&usual()));
}

#[test]
fn the_count_that_is_set_says_the_form() {
    // Counts beside deltas are of the other form, and so is a zero count.
    let mut message = encoder::histogram(&usual(), 1000, false);
    packed_numbers(&mut message, 12, &[zigzag(100)]);
    assert!(read(&message).unwrap().histogram.same_bits(&usual()));
    let mut message = encoder::histogram(&usual(), 1000, true);
    number(&mut message, 6, 99);
    double(&mut message, 7, 4.0);
    check_refused(&message, "20 observations found in buckets, but the Count field is 24");
    // The one that comes last counts: what is left are doubles that no span asks for.
    let mut message = encoder::histogram(&usual(), 1000, true);
    double(&mut message, 2, 24.0);
    check_refused(&message, "spans need 3 buckets, have 0 buckets");
}

#[test]
fn hints_that_hold_on_their_own_are_kept() {
    let hint = |reset_hint| {
        let message = encoder::histogram(&Histogram { reset_hint, ..usual() }, 0, true);
        read(&message).unwrap().histogram.reset_hint
    };
    assert_eq!(hint(ResetHint::Reset), ResetHint::Reset);
    assert_eq!(hint(ResetHint::Gauge), ResetHint::Gauge);
    assert_eq!(hint(ResetHint::NotReset), ResetHint::Unknown, "what it was sent after may be lost");
}

#[test]
fn a_stale_marker_is_one_whatever_else_it_says() {
    let stale = f64::from_bits(STALE_MARKER_BITS);
    for message in [
        sent(|histogram| histogram.sum = stale),
        sent(|histogram| (histogram.sum, histogram.positive) = (stale, vec![])),
        encoder::histogram(&Histogram { sum: stale, ..custom() }, 1000, false),
    ] {
        assert!(read(&message).unwrap().histogram.same_bits(&Histogram::stale_marker()));
    }
}

#[test]
fn a_reserved_schema_becomes_our_finest() {
    let fine = sent(|histogram| Arc::make_mut(&mut histogram.layout).schema = 10);
    let histogram = read(&fine).unwrap().histogram;
    assert_eq!(histogram.validate(), Ok(()));
    assert_eq!((histogram.layout.schema, &histogram.positive[..]), (8, &[10.0, 7.0][..]));
    // Spans are checked before anything is put together.
    let few = sent(|histogram| {
        Arc::make_mut(&mut histogram.layout).schema = 10;
        histogram.positive.truncate(1);
        histogram.count = 16.0;
    });
    check_refused(&few, "spans need 3 buckets, have 1 buckets");
    for schema in [53, -5, -54, i32::MAX, i32::MIN] {
        let mut message = GOLDEN.to_vec();
        number(&mut message, 4, zigzag(schema.into()));
        check_refused(&message, &format!("got schema {schema}"));
    }
}

#[test]
fn what_is_no_histogram_is_refused() {
    check_refused(
        &sent(|histogram| histogram.positive[1] = -1.0),
        "bucket number 2 has observation count of -1",
    );
    check_refused(
        &sent(|histogram| histogram.count = 23.0),
        "24 observations found in buckets, but the Count field is 23",
    );
    check_refused(
        &sent(|histogram| (histogram.sum, histogram.count) = (f64::NAN, 23.0)),
        "should be at least the number of observations",
    );
    assert!(read(&sent(|it| (it.sum, it.count) = (f64::NAN, 25.0))).is_ok());
    check_refused(
        &sent(|histogram| {
            Arc::make_mut(&mut histogram.layout).positive_spans[1].offset = -1;
        }),
        "span number 2 with offset -1",
    );
    check_refused(
        &encoder::histogram(&Histogram { count: -1.0, ..usual() }, 0, false),
        "observation count is -1",
    );
    let mut bounds = custom();
    Arc::make_mut(&mut bounds.layout).custom_bounds.reverse();
    check_refused(
        &encoder::histogram(&bounds, 0, true),
        "custom buckets: previous bound is 1 and current is 0.1",
    );
}

#[test]
fn rows_without_end_are_refused_early() {
    let mut message = GOLDEN.to_vec();
    packed_numbers(&mut message, 12, &[0; 8192]);
    check_refused(&message, "histogram has more than 8192 buckets");
    let mut message = GOLDEN.to_vec();
    (0..8192).for_each(|_| bytes(&mut message, 11, &[]));
    check_refused(&message, "histogram has more than 8192 spans");
    let mut message = GOLDEN.to_vec();
    encoder::packed_doubles(&mut message, 16, &[0.0; 8193]);
    check_refused(&message, "custom buckets: more than 8192 bounds");
    let mut message = GOLDEN.to_vec();
    let length = u32::MAX;
    bytes(&mut message, 11, &span(BucketSpan { offset: 0, length }));
    check_refused(&message, "histogram has more than 8192 buckets");
    // Many deltas that are as large as they can be do not overflow.
    let mut message = GOLDEN.to_vec();
    packed_numbers(&mut message, 12, &[zigzag(i64::MAX); 4000]);
    check_refused(&message, "spans need 3 buckets, have 4003 buckets");
}

#[test]
fn a_field_of_another_type_is_named() {
    for (message, reason) in [
        (&[0x0d, 0, 0, 0, 0][..], "byte 0: field 1 has another type"),
        (&[0x08, 0, 0x18, 0], "byte 2: field 3 has another type"),
        (&[0x62, 1, 0x80], "byte 2: the message ends within a field"),
        (&[0x6a, 3, 1, 2, 3], "byte 2: the message ends within a field"),
        (&[0x5a, 2, 0x0d, 0], "the message ends within a field"),
        (&[0x5a, 5, 0x0d, 0, 0, 0, 0], "byte 2: field 1 has another type"),
    ] {
        check_refused(message, reason);
        check_refused(message, "no protobuf of a Histogram");
    }
    // Fields that nobody knows are skipped.
    assert!(read(&[GOLDEN, &[0x88, 0x01, 7, 0xfa, 0x01, 1, 0]].concat()).is_ok());
}

/// Whole counts that add up, in one span for each side.
fn whole() -> impl Strategy<Value = Histogram> {
    let counts = || vec((0..1_u64 << 40).prop_map(|count| count as f64), 0..30);
    let parts = (counts(), counts(), -4..9_i8, -500..500_i32, any::<u32>(), any::<f64>());
    parts.prop_map(|(positive, negative, schema, offset, zero_count, sum)| {
        let span = |counts: &[f64]| vec![BucketSpan { offset, length: counts.len() as u32 }];
        let layout = BucketLayout {
            schema,
            zero_threshold: 0.125,
            positive_spans: span(&positive),
            negative_spans: span(&negative),
            custom_bounds: Vec::new(),
        };
        let zero_count = f64::from(zero_count);
        let count = positive.iter().chain(&negative).sum::<f64>() + zero_count;
        let (layout, reset_hint) = (Arc::new(layout), ResetHint::Gauge);
        Histogram { reset_hint, layout, count, sum, zero_count, positive, negative }
    })
}

proptest! {
    #[test]
    fn both_forms_come_through(histogram in whole(), t_ms in any::<i64>(), scale in 0.0..3.0_f64) {
        let sample = read(&encoder::histogram(&histogram, t_ms, true)).unwrap();
        prop_assert!(sample.histogram.same_bits(&histogram));
        prop_assert_eq!(sample.t_ms, t_ms);
        let mut scaled = histogram;
        scaled.count *= scale;
        scaled.positive.iter_mut().chain(&mut scaled.negative).for_each(|count| *count *= scale);
        let sample = read(&encoder::histogram(&scaled, t_ms, false)).unwrap();
        prop_assert!(sample.histogram.same_bits(&scaled));
    }

    #[test]
    fn damaged_bytes_end_in_a_histogram_or_a_reason(
        histogram in whole(),
        is_whole in any::<bool>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut message = encoder::histogram(&histogram, 0, is_whole);
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        message.truncate(cut.index(message.len() + 1));
        if let Ok(sample) = read(&message) {
            prop_assert_eq!(sample.histogram.validate(), Ok(()));
        }
    }

    #[test]
    fn any_bytes_end_in_a_histogram_or_a_reason(message in vec(any::<u8>(), 0..100)) {
        if let Ok(sample) = read(&message) {
            prop_assert_eq!(sample.histogram.validate(), Ok(()));
        }
    }
}
