use model::{STALE_MARKER_BITS, Sample};
use proptest::prelude::*;

use super::{Before, Samples, encode};

fn bytes_of(samples: &[Sample], base_ms: i64) -> Vec<u8> {
    let mut before = Before::first(base_ms);
    let mut bytes = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        bytes.extend_from_slice(encode(&mut before, sample, at == 0).as_slice());
    }
    bytes
}

fn assert_comes_back(samples: &[Sample], base_ms: i64) {
    let mut bytes = bytes_of(samples, base_ms);
    bytes.extend_from_slice(&[0; 31]);
    let back: Vec<Sample> = Samples::new(&bytes, base_ms).collect();
    let bits = |samples: &[Sample]| -> Vec<_> {
        samples.iter().map(|s| (s.t_ms, s.value.to_bits(), s.start_ms)).collect()
    };
    assert_eq!(bits(&back), bits(samples));
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1000_i64..1000).prop_map(|n| n as f64),
        any::<i64>().prop_map(|n| n as f64),
        ((-100_000_i64..100_000), 0_i32..8).prop_map(|(n, e)| n as f64 / 10_f64.powi(e)),
        prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 2.0]),
        Just(f64::from_bits(STALE_MARKER_BITS)),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -100_000_i64..100_000, Just(i64::MIN), Just(i64::MAX)]
}

proptest! {
    #[test]
    fn every_sample_comes_back_to_the_bit(
        base_ms in time(),
        rows in prop::collection::vec((time(), value(), prop_oneof![Just(0), time()]), 0..60),
    ) {
        let samples: Vec<Sample> = rows
            .into_iter()
            .map(|(t_ms, value, start_ms)| Sample { t_ms, value, start_ms })
            .collect();
        assert_comes_back(&samples, base_ms);
    }

    #[test]
    fn steady_samples_come_back(
        step in 1_i64..100_000,
        values in prop::collection::vec(value(), 1..200),
    ) {
        let at = |(n, value): (usize, &f64)| Sample {
            t_ms: 1_700_000_000_000 + step * n as i64,
            value: *value,
            start_ms: 0,
        };
        let samples: Vec<Sample> = values.iter().enumerate().map(at).collect();
        assert_comes_back(&samples, 1_700_000_000_000);
    }
}

fn size_of_run(value: impl Fn(i64) -> f64) -> usize {
    let sample =
        |n: i64| Sample { t_ms: 1_700_000_000_000 + n * 15_000, value: value(n), start_ms: 0 };
    let samples: Vec<Sample> = (0..100).map(sample).collect();
    assert_comes_back(&samples, 1_700_000_000_000);
    bytes_of(&samples, 1_700_000_000_000).len()
}

/// What memory per series is planned with.
#[test]
fn common_series_are_small() {
    assert!(size_of_run(|_| 1.0) <= 110);
    assert!(size_of_run(|n| (n * 90) as f64) <= 210);
    assert!(size_of_run(|n| (n * 2_000) as f64) <= 310);
    assert!(size_of_run(|n| (2_000 + n * n % 700) as f64 / 100.0) <= 320);
}
