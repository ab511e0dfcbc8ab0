use model::{STALE_MARKER_BITS, Sample};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use storage::Rollup;
use storage::rollup::roll;

use super::{decode, encode};
use crate::codec::values::Encoder;

const WIDTH_MS: i64 = 300_000;

fn bytes_of(rollups: &[Rollup]) -> Vec<u8> {
    let mut bytes = vec![7; 2];
    encode(rollups, &mut Encoder::default(), &mut bytes);
    bytes.split_off(2)
}

fn times(rollups: &[Rollup]) -> Vec<i64> {
    rollups.iter().map(|rollup| rollup.first_ms).collect()
}

fn check(rollups: &[Rollup]) {
    let mut back = Vec::new();
    decode(&bytes_of(rollups), &times(rollups), &mut back).unwrap();
    assert_eq!(back.len(), rollups.len());
    for (one, other) in back.iter().zip(rollups) {
        assert!(one.same_bits(other), "{one:?} is not {other:?}");
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        10 => (-1_000..100_000_i32).prop_map(f64::from),
        10 => (-1_000..100_000_i32).prop_map(|v| f64::from(v) / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(f64::from_bits(STALE_MARKER_BITS)),
        1 => prop_oneof![Just(-0.0), Just(f64::INFINITY), Just(f64::NAN), Just(i64::MAX as f64)],
    ]
}

/// Samples of one kind, with a few of another among them.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let kinds = prop_oneof![
        4 => btree_map(0..40_000_000_i64, value(), 0..300),
        1 => btree_map(0..40_000_000_i64, (0..9_i32).prop_map(f64::from), 0..300),
        1 => btree_map(0..40_000_000_i64, any::<f64>(), 0..300),
        1 => btree_map(any::<i64>(), value(), 0..50),
    ];
    kinds.prop_map(|samples| samples.into_iter().map(|(t, v)| Sample::new(t, v)).collect())
}

proptest! {
    #[test]
    fn rollups_come_back_bit_by_bit(samples in samples()) {
        check(&roll(&samples, WIDTH_MS));
    }

    #[test]
    fn counters_come_back_bit_by_bit(
        steps in vec((1..60_000_i64, 0..1_000_u32, 0..200_u32), 1..300),
        unit in prop_oneof![Just(1.0), Just(0.01), Just(0.1 + 0.2)],
    ) {
        let (mut t_ms, mut total) = (0, 0);
        let sample = |(distance, step, dice): (i64, u32, u32)| {
            t_ms += distance;
            total = if dice == 0 { step } else { total + step };
            Sample::new(t_ms, f64::from(total) * unit)
        };
        let samples: Vec<Sample> = steps.into_iter().map(sample).collect();
        check(&roll(&samples, WIDTH_MS));
    }

    #[test]
    fn any_bytes_do_no_harm(
        bytes in vec(any::<u8>(), 0..120),
        times in vec(any::<i64>(), 0..20),
    ) {
        let mut out = Vec::new();
        if decode(&bytes, &times, &mut out).is_ok() {
            prop_assert_eq!(out.len(), times.len());
            // What is read may be joined without further checks.
            let mut rolling = storage::rollup::Rolling::default();
            out.iter().for_each(|rollup| rolling.join(rollup));
        } else {
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn damaged_bytes_do_no_harm(samples in samples(), at in any::<prop::sample::Index>(), flip in 1..=u8::MAX) {
        let rollups = roll(&samples, WIDTH_MS);
        prop_assume!(!rollups.is_empty());
        let mut bytes = bytes_of(&rollups);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let _any = decode(&bytes, &times(&rollups), &mut Vec::new());
        bytes.truncate(at);
        prop_assert!(decode(&bytes, &times(&rollups), &mut Vec::new()).is_err());
    }
}

/// One chunk of each form, to the byte.
#[test]
fn the_bytes_stay_what_they_are() {
    let samples = |values: [f64; 4]| -> Vec<Rollup> {
        let at = (1..).map(|nth| nth * 150_000);
        roll(&at.zip(values).map(|(t, v)| Sample::new(t, v)).collect::<Vec<_>>(), WIDTH_MS)
    };
    let hex = |rollups: &[Rollup]| {
        bytes_of(rollups).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let scaled = samples([1.25, 1.5, 1.0, 2.0]);
    let plain = samples([0.1 + 0.2, 1e300, f64::NAN, f64::from_bits(STALE_MARKER_BITS)]);
    check(&scaled);
    check(&plain);
    expect_test::expect!["0203000004050000e0a712000000000006080163af0101050801324b0200000000"]
        .assert_eq(&hex(&scaled));
    expect_test::expect!["ff040001020107080100f0930901000400010002001100343333333333d33f000000000000f87f11009c7500883ce4377e000000000000f87f000011009c7500883ce4377e000000000000f87f"].assert_eq(&hex(&plain));
}

/// Bytes of a rollup; `cargo test -p tsdb --lib rollups::tests::sizes -- --nocapture`.
#[test]
fn sizes() {
    let mut seed = 1_u64;
    let mut dice = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / (1_u64 << 31) as f64
    };
    let (mut total, mut walk, mut cpu) = (0.0, 5000.0, 0.0);
    let mut mixes: Vec<(&str, Vec<Sample>)> = Vec::new();
    let names = [
        "counter",
        "gauge, 2 decimals, walk",
        "gauge, 2 decimals, noise",
        "cpu seconds",
        "random mantissa",
        "constant",
    ];
    for name in names {
        let mut samples = Vec::new();
        for nth in 0..31 * 5760_i64 {
            let value = match name {
                "counter" => {
                    total += (dice() * 40.0).floor();
                    total
                }
                "gauge, 2 decimals, walk" => {
                    walk += (dice() * 41.0 - 20.0).round();
                    walk / 100.0
                }
                "gauge, 2 decimals, noise" => ((50.0 + 10.0 * dice()) * 100.0).round() / 100.0,
                "cpu seconds" => {
                    cpu += (dice() * 300.0).floor();
                    (cpu) / 100.0
                }
                "random mantissa" => dice(),
                _ => 1.0,
            };
            samples.push(Sample::new(nth * 15_000 + 7_000 + (dice() * 3.0) as i64, value));
        }
        mixes.push((name, samples));
    }
    for (name, samples) in mixes {
        let fine = roll(&samples, WIDTH_MS);
        let coarse = storage::rollup::widen(&fine, 3_600_000);
        let day = fine.chunks(288).next().unwrap();
        let per = |rollups: &[Rollup]| bytes_of(rollups).len() as f64 / rollups.len() as f64;
        println!("| {name} | {:.2} | {:.2} | {:.2} |", per(day), per(&fine[..4096]), per(&coarse));
        assert!(per(&fine[..4096]) < 40.0);
    }
}
