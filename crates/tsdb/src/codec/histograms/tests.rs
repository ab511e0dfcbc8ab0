//! Every run and every single histogram comes back bit for bit, and no bytes do harm.

use model::{BucketSpan, SCHEMA_CUSTOM};
use proptest::collection::vec;
use proptest::prelude::*;

use super::random::{histogram, run};
use super::*;

mod golden;
mod sizes;

fn encoded(run: &[Histogram]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(run, &mut bytes);
    bytes
}

fn decoded(bytes: &[u8], n: usize) -> Vec<Histogram> {
    let mut out = Vec::new();
    decode(bytes, n, &mut out).unwrap();
    out
}

/// What comes back for a histogram: stale markers lose their layout.
fn canonical(histogram: &Histogram) -> Histogram {
    if histogram.is_stale_marker() { Histogram::stale_marker() } else { histogram.clone() }
}

#[track_caller]
fn assert_same(some: &[Histogram], others: &[Histogram]) {
    assert_eq!(some.len(), others.len());
    for (at, (one, other)) in some.iter().zip(others).enumerate() {
        assert!(one.same_bits(&canonical(other)), "histogram {at}: {one:?} is not {other:?}");
    }
}

fn whole(layout: &Arc<BucketLayout>, counts: &[f64]) -> Histogram {
    let positive = counts.to_vec();
    let count = counts.iter().sum();
    Histogram { layout: Arc::clone(layout), positive, count, ..Histogram::default() }
}

fn layout_of(n_buckets: u32) -> Arc<BucketLayout> {
    let positive_spans = vec![BucketSpan { offset: 0, length: n_buckets }];
    Arc::new(BucketLayout { positive_spans, ..BucketLayout::default() })
}

proptest! {
    #[test]
    fn a_run_comes_back(run in run()) {
        let bytes = encoded(&run);
        assert_same(&decoded(&bytes, run.len()), &run);
    }

    #[test]
    fn a_single_histogram_comes_back(histogram in histogram()) {
        let mut bytes = Vec::new();
        encode_one(&histogram, &mut bytes);
        prop_assert!(bytes.len() <= one_bytes_max(&histogram));
        assert_same(&[decode_one(&bytes).unwrap()], std::slice::from_ref(&histogram));
        let (mut layout, mut numbers) = (Vec::new(), Vec::new());
        encode_layout(&histogram.layout, &mut layout);
        encode_numbers(&histogram, &mut numbers);
        let layout = Arc::new(decode_layout(&layout).unwrap());
        prop_assert!(layout.same_bits(&histogram.layout));
        assert_same(&[decode_numbers(&numbers, &layout).unwrap()], &[histogram]);
    }

    #[test]
    fn missing_and_surplus_bytes_are_noticed(run in run(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encoded(&run);
        let mut out = Vec::new();
        let shorter = &bytes[..cut.index(bytes.len())];
        prop_assert!(decode(shorter, run.len(), &mut out).is_err());
        bytes.push(0);
        prop_assert!(decode(&bytes, run.len(), &mut out).is_err());
        prop_assert!(out.is_empty(), "something came out of damaged bytes");
        let mut one = Vec::new();
        encode_one(&run[0], &mut one);
        prop_assert!(decode_one(&one[..cut.index(one.len())]).is_none());
        one.push(0);
        prop_assert!(decode_one(&one).is_none());
    }

    #[test]
    fn damaged_bytes_do_no_harm(
        run in run(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        n in 0..70_000_usize,
    ) {
        let (mut bytes, mut one) = (encoded(&run), Vec::new());
        encode_one(&run[0], &mut one);
        for (at, byte) in changes {
            let (in_run, in_one) = (at.index(bytes.len()), at.index(one.len()));
            bytes[in_run] = byte;
            one[in_one] = byte;
        }
        for n in [run.len(), n] {
            let mut out = Vec::new();
            if decode(&bytes, n, &mut out).is_ok() {
                prop_assert_eq!(out.len(), n);
            }
        }
        if let Some(histogram) = decode_one(&one) {
            prop_assert!(histogram.layout.validate().is_ok());
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200), n in 0..1000_usize) {
        let mut out = Vec::new();
        if decode(&bytes, n, &mut out).is_ok() {
            prop_assert_eq!(out.len(), n);
        }
        let _any = (decode_one(&bytes), decode_layout(&bytes));
        let _any = decode_numbers(&bytes, &layout_of(3));
    }
}

#[test]
fn a_run_ends_where_the_layout_changes_and_goes_on_over_stale_markers() {
    let (two, three) = (layout_of(2), layout_of(3));
    let stale = Histogram::stale_marker();
    let run = [
        stale.clone(),
        whole(&two, &[1.0, 2.0]),
        stale.clone(),
        whole(&layout_of(2), &[1.0, 3.0]),
        whole(&three, &[1.0, 3.0, 0.0]),
        stale.clone(),
    ];
    assert_eq!(run_len(&run), 4);
    assert_same(&decoded(&encoded(&run[..4]), 4), &run[..4]);
    assert_eq!(run_len(&run[4..]), 2);
    assert_eq!(run_len::<Histogram>(&[]), 0);
    assert_eq!(encoded(&[]), [0_u8; 0]);
    assert_same(&decoded(&[], 0), &[]);
    let stales = vec![stale; 100];
    assert_eq!(run_len(&stales), 100);
    assert_same(&decoded(&encoded(&stales), 100), &stales);
}

#[test]
fn shared_histograms_are_a_run_too() {
    let layout = layout_of(1);
    let shared: Vec<Arc<Histogram>> =
        [1.0, 2.0].iter().map(|count| Arc::new(whole(&layout, &[*count]))).collect();
    let mut bytes = Vec::new();
    encode(&shared, &mut bytes);
    let out = decoded(&bytes, 2);
    assert!(out[0].same_bits(&shared[0]) && out[1].same_bits(&shared[1]));
    assert!(Arc::ptr_eq(&out[0].layout, &out[1].layout), "a run shares its layout in memory too");
}

#[test]
fn a_run_of_many_buckets_is_cut_short() {
    let layout = layout_of(8192);
    let histogram = Arc::new(whole(&layout, &[1.0; 8192]));
    let many = vec![histogram; 200];
    let n = run_len(&many);
    assert_eq!(n, NUMBERS_MAX / 8195);
    let mut bytes = Vec::new();
    encode(&many[..n], &mut bytes);
    assert_eq!(decoded(&bytes, n).len(), n);
    let mut out = Vec::new();
    let error = decode(&bytes, n + 1, &mut out).unwrap_err();
    assert_eq!(error.flaw, Flaw::Layout, "a few bytes must not ask for any memory");
}

#[test]
fn a_count_that_is_no_sum_is_kept() {
    let layout = layout_of(2);
    let mut run = vec![whole(&layout, &[1.0, 2.0]), whole(&layout, &[2.0, 2.0])];
    let short = encoded(&run).len();
    run[1].count = 5.0;
    assert!(encoded(&run).len() > short);
    assert_same(&decoded(&encoded(&run), 2), &run);
    // The sign of a NaN that comes out of an addition is not the same everywhere.
    run[1].count = f64::NAN;
    run[1].positive[0] = f64::NAN;
    assert_same(&decoded(&encoded(&run), 2), &run);
}

#[test]
fn a_layout_that_is_none_is_not_read() {
    let valid = BucketLayout { schema: SCHEMA_CUSTOM, ..BucketLayout::default() };
    let mut bytes = Vec::new();
    encode_layout(&valid, &mut bytes);
    assert!(decode_layout(&bytes).is_some());
    bytes[0] = 9;
    assert!(decode_layout(&bytes).is_none());
}

#[test]
fn a_stale_marker_with_counts_is_not_read() {
    let layout = layout_of(1);
    let mut numbers = Vec::new();
    encode_numbers(&whole(&layout, &[1.0]), &mut numbers);
    assert!(decode_numbers(&numbers, &layout).is_some());
    numbers[1..9].copy_from_slice(&STALE_MARKER_BITS.to_le_bytes());
    assert!(decode_numbers(&numbers, &layout).is_none());
}

#[test]
fn a_hint_for_none_or_for_too_many_is_damage() {
    let take = |bytes: &[u8], n| hints::decode(&mut Cursor::new(bytes), n).map_err(|it| it.flaw);
    assert_eq!(take(&[3 << 2 | 3], 3), Ok(vec![ResetHint::Gauge; 3]));
    assert_eq!(
        take(&[2 << 2 | 1, 1 << 2 | 2], 3).unwrap()[1..],
        [ResetHint::Reset, ResetHint::NotReset]
    );
    assert_eq!(take(&[4 << 2], 3), Err(Flaw::Position(4)));
    assert_eq!(take(&[0], 3), Err(Flaw::Position(0)));
}
