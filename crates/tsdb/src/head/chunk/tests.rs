//! The chunk codec is exact for every bit of every value and every time, and small for usual ones.

use model::STALE_MARKER_BITS;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn check_returns(samples: &[Sample]) {
    let chunk = Chunk::of(samples);
    let found: Vec<Sample> = chunk.samples().collect();
    let same = |(a, b): (&Sample, &Sample)| a.same_bits(b);
    assert!(
        found.len() == samples.len() && found.iter().zip(samples).all(same),
        "{found:?} instead of {samples:?}"
    );
    assert_eq!(chunk.first_ms(), samples[0].t_ms);
    assert_eq!(chunk.last_ms(), samples[samples.len() - 1].t_ms);
}

/// Every class of values: numbers, zeros, subnormals, infinities, NaNs with any payload.
fn any_value() -> impl Strategy<Value = f64> {
    let bits = prop_oneof![
        any::<u64>(),
        any::<f64>().prop_map(f64::to_bits),
        (0..1000_u32).prop_map(|n| f64::from(n).to_bits()),
        (0..1_u64 << 52).prop_map(|payload| f64::NAN.to_bits() | payload),
        (1..1_u64 << 52).prop_map(|subnormal| subnormal),
        prop_oneof![
            Just(STALE_MARKER_BITS),
            Just((-0.0_f64).to_bits()),
            Just(0),
            Just(1),
            Just(u64::MAX),
            Just(f64::INFINITY.to_bits()),
            Just(f64::NEG_INFINITY.to_bits()),
        ],
    ];
    bits.prop_map(f64::from_bits)
}

fn any_start() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(1_767_225_600_000), any::<i64>()]
}

/// Rising times, from regular ones to the extremes of the range.
fn any_times() -> impl Strategy<Value = Vec<i64>> {
    let regular = (any::<i32>(), 1..100_000_i64, vec(-50..50_i64, 1..200)).prop_map(
        |(first, step, jitters)| {
            let at = |(i, jitter): (i64, &i64)| i64::from(first) + i * step * 200 + jitter;
            (0..).zip(&jitters).map(at).collect()
        },
    );
    let extreme = proptest::collection::btree_set(
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -9..9_i64],
        1..200,
    );
    prop_oneof![regular, extreme.prop_map(|set| set.into_iter().collect())]
}

proptest! {
    #[test]
    fn samples_return(
        times in any_times(),
        values in vec(any_value(), 200),
        starts in prop_oneof![vec(Just(0), 200), vec(any_start(), 200)],
    ) {
        let rest = values.iter().zip(&starts);
        let samples: Vec<Sample> = times
            .iter()
            .zip(rest)
            .map(|(t_ms, (value, start_ms))| Sample {
                t_ms: *t_ms,
                value: *value,
                start_ms: *start_ms,
            })
            .collect();
        check_returns(&samples);
    }
}

#[test]
fn deltas_begin_where_the_last_one_ended() {
    let sample = |i: i64| Sample { t_ms: 10_000 * i, value: 1.0, start_ms: 10_000 * (i - 1) };
    let samples: Vec<Sample> = (1..=100).map(sample).collect();
    check_returns(&samples);
    let without: Vec<Sample> =
        samples.iter().map(|sample| Sample::new(sample.t_ms, sample.value)).collect();
    let bytes = |samples: &[Sample]| Chunk::of(samples).bytes.len();
    assert!(bytes(&samples) < bytes(&without) + 50);
}

#[test]
fn a_steady_series_takes_two_bits_a_sample() {
    let samples: Vec<Sample> =
        (0..120).map(|i| Sample::new(1_767_225_600_000 + i * 10_000, 0.25)).collect();
    let chunk = Chunk::of(&samples);
    // The first value and the first step are in full.
    assert!(chunk.bytes.len() <= 8 + 3 + 30, "{}", chunk.bytes.len());
}

#[test]
fn a_chunk_takes_so_many_samples_and_starts_only_if_begun_with_one() {
    let mut writer = ChunkWriter::begin(&Sample::new(0, 0.0), false);
    let with_start = Sample { t_ms: 1000, value: 0.0, start_ms: 1 };
    assert!(!writer.takes(&with_start));
    assert!(ChunkWriter::begin(&with_start, true).takes(&with_start));
    for i in 1..i64::from(CHUNK_SAMPLES_MAX) {
        let sample = Sample::new(i, 0.0);
        assert!(writer.takes(&sample));
        writer.push(&sample);
    }
    assert!(!writer.takes(&Sample::new(1000, 0.0)));
}
