//! Every column comes back bit for bit, and no bytes do harm.

use proptest::collection::vec;
use proptest::prelude::*;

use super::values::Hint;
use super::{CodecError, Flaw, decimal, pack, starts, times, values};

const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A run of doubles of one class, as bits.
fn class() -> impl Strategy<Value = Vec<u64>> {
    let n = 0..300_usize;
    prop_oneof![
        vec(any::<u64>(), n.clone()),
        vec(any::<f64>().prop_map(f64::to_bits), n.clone()),
        (any::<u64>(), n.clone()).prop_map(|(bits, n)| vec![bits; n]),
        vec(special(), n.clone()),
        (any::<i64>(), vec(-100..100_i64, n.clone())).prop_map(|(from, steps)| {
            let walk = steps.into_iter().scan(from, |at, step| {
                *at = at.wrapping_add(step);
                Some(*at as f64)
            });
            walk.map(f64::to_bits).collect()
        }),
        (0..18_i32, any::<i32>(), vec(-500..500_i64, n.clone())).prop_map(
            |(digits, from, steps)| {
                let mut at = i64::from(from);
                let mut decimal = |step| {
                    at += step;
                    format!("{at}e-{digits}").parse::<f64>().unwrap().to_bits()
                };
                steps.into_iter().map(&mut decimal).collect()
            }
        ),
        // Counters that are reset.
        vec(prop_oneof![20 => 0..50_i64, 1 => Just(-1)], n.clone()).prop_map(|steps| {
            let mut at = 1_000_000_i64;
            let mut count = |step| {
                at = if step < 0 { 0 } else { at + step };
                (at as f64).to_bits()
            };
            steps.into_iter().map(&mut count).collect()
        }),
        vec(0.0..1.0_f64, n).prop_map(|values| values.into_iter().map(f64::to_bits).collect()),
    ]
}

fn special() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(STALE),
        Just(f64::NAN.to_bits()),
        (0_u64..1 << 52).prop_map(|payload| 0x7ff0_0000_0000_0000 | payload),
        (0_u64..1 << 52).prop_map(|payload| 0xfff0_0000_0000_0000 | payload),
        Just((-0.0_f64).to_bits()),
        Just(0),
        Just(f64::INFINITY.to_bits()),
        Just(f64::NEG_INFINITY.to_bits()),
        1_u64..1 << 52,
        Just(f64::MAX.to_bits()),
        Just(f64::MIN_POSITIVE.to_bits()),
        Just((i64::MAX as f64).to_bits()),
        Just((i64::MIN as f64).to_bits()),
        (0..64_u32).prop_map(|shift| ((1_u64 << shift) as f64).to_bits()),
        (0..2048_u64, any::<bool>())
            .prop_map(|(ulps, down)| if down { (1_u64 << 51) - ulps } else { (1 << 51) + ulps })
            .prop_map(|int| (int as f64 / 10.0).to_bits()),
    ]
}

/// Classes behind each other, with others' values sprinkled in.
fn column() -> impl Strategy<Value = Vec<u64>> {
    let sprinkled = vec((any::<prop::sample::Index>(), special()), 0..8);
    (vec(class(), 1..6), sprinkled).prop_map(|(classes, sprinkled)| {
        let mut column = classes.concat();
        for (at, bits) in sprinkled {
            if !column.is_empty() {
                let at = at.index(column.len());
                column[at] = bits;
            }
        }
        column
    })
}

fn encode_values(column: &[u64], mut hint: Hint) -> (Vec<u8>, Hint) {
    let mut bytes = Vec::new();
    values::Encoder::default().encode(column, &mut hint, &mut bytes);
    (bytes, hint)
}

/// As earlier writers wrote long columns.
fn encode_long(column: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values::Encoder::default().encode_long(column, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn check_values(column: &[u64], hint: Hint) -> Hint {
    let (bytes, hint) = encode_values(column, hint);
    let mut decoded = vec![7];
    values::decode(&bytes, column.len(), &mut decoded).unwrap();
    assert_eq!(decoded[0], 7, "what was there before stays");
    assert_eq!(&decoded[1..], column);
    assert!(bytes.len() <= 9 * column.len() + 8 + column.len() / 256, "much larger than raw");
    hint
}

fn check_times(column: &[i64]) {
    let mut bytes = Vec::new();
    times::encode(column, &mut bytes);
    let mut decoded = vec![7];
    times::decode(&bytes, column.len(), &mut decoded).unwrap();
    assert_eq!(&decoded[1..], column);
}

fn check_starts(column: &[i64], times: &[i64]) {
    let mut bytes = Vec::new();
    starts::encode(column, times, &mut bytes);
    let mut decoded = vec![7];
    starts::decode(&bytes, times, &mut decoded).unwrap();
    assert_eq!(&decoded[1..], column);
}

proptest! {
    #[test]
    fn values_come_back(column in column(), hint: u8) {
        let learnt = check_values(&column, Hint(hint));
        check_values(&column, learnt);
        check_values(&column, Hint::default());
    }

    #[test]
    fn times_come_back(mut column in vec(any::<i64>(), 0..2500)) {
        check_times(&column);
        column.sort_unstable();
        check_times(&column);
    }

    #[test]
    fn regular_times_come_back(
        first: i64,
        step in 1..100_000_i64,
        jitter in vec(-5..5_i64, 0..2500),
        gap in 0..2500_usize,
    ) {
        let time = |(i, jitter): (usize, &i64)| {
            let i = if i < gap { i } else { i + 7 } as i64;
            first.wrapping_add(i.wrapping_mul(step)).wrapping_add(*jitter)
        };
        check_times(&jitter.iter().enumerate().map(time).collect::<Vec<_>>());
    }

    #[test]
    fn starts_come_back(column in vec((any::<i64>(), prop_oneof![Just(0_i64), any::<i64>()]), 0..2500)) {
        let (times, starts): (Vec<_>, Vec<_>) = column.into_iter().unzip();
        check_starts(&starts, &times);
        check_starts(&times, &starts);
        check_starts(&times, &times);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..600), first: u8, n in 0..3000_usize) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.first_mut() {
            // Most of the 256 are no tag: keep to those that are.
            *byte = first % 0x61;
        }
        decode_everything(&bytes, n);
    }

    #[test]
    fn damaged_bytes_do_no_harm(
        column in column(),
        flips in vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
        cut: prop::sample::Index,
        n_more in 0..3_usize,
    ) {
        let (mut bytes, _) = encode_values(&column, Hint::default());
        for (at, bit) in flips {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
        }
        decode_everything(&bytes, column.len() + n_more);
        bytes.truncate(cut.index(bytes.len() + 1));
        decode_everything(&bytes, column.len());
    }

    #[test]
    fn a_cut_or_a_surplus_is_an_error(column in column(), cut: prop::sample::Index, more: u8) {
        let (mut bytes, _) = encode_values(&column, Hint::default());
        let mut decoded = vec![7];
        let cut = &bytes[..cut.index(bytes.len() + 1)];
        if cut.len() < bytes.len() {
            prop_assert!(values::decode(cut, column.len(), &mut decoded).is_err());
        }
        bytes.push(more);
        prop_assert!(values::decode(&bytes, column.len(), &mut decoded).is_err());
        prop_assert_eq!(decoded, vec![7], "an error leaves nothing behind");
    }
}

/// Long enough for the entropy coder, and worth it.
fn long_column() -> impl Strategy<Value = Vec<u64>> {
    let steps = vec(prop_oneof![8 => Just(0), 3 => -1..=1_i64, 1 => -100..100_i64], 4096..6000);
    let sprinkled = vec((any::<prop::sample::Index>(), special()), 0..4);
    (any::<i32>(), 0..4_i32, steps, sprinkled).prop_map(|(from, digits, steps, sprinkled)| {
        let mut at = i64::from(from);
        let mut decimal = |step| {
            at += step;
            (at as f64 / 10_f64.powi(digits)).to_bits()
        };
        let mut column: Vec<u64> = steps.into_iter().map(&mut decimal).collect();
        for (at, bits) in sprinkled {
            let at = at.index(column.len());
            column[at] = bits;
        }
        column
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn long_columns_come_back(column in long_column(), hint: u8) {
        check_values(&column, Hint(hint));
        let mut decoded = Vec::new();
        values::decode(&encode_long(&column), column.len(), &mut decoded).unwrap();
        prop_assert_eq!(decoded, column);
    }

    #[test]
    fn damaged_long_columns_do_no_harm(
        column in long_column(),
        flips in vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
        in_head: bool,
        cut: prop::sample::Index,
    ) {
        let mut bytes = encode_long(&column);
        let n_hit = if in_head { bytes.len().min(64) } else { bytes.len() };
        for (at, bit) in flips {
            bytes[at.index(n_hit)] ^= 1 << bit;
        }
        decode_everything(&bytes, column.len());
        decode_everything(&bytes, column.len() - 1);
        bytes.truncate(cut.index(bytes.len()));
        decode_everything(&bytes, column.len());
    }

    #[test]
    fn any_bytes_as_entropy_code_do_no_harm(bytes in vec(any::<u8>(), 0..300)) {
        // As a tag, the exponent, the head of the coder and its version.
        let bytes = [&[0, 0x60, 0, 1, b'p', b'c', b'o', b'!', 3][..], &bytes[..]].concat();
        decode_everything(&bytes, 5000);
    }
}

proptest! {
    #[test]
    fn decimals_are_quotients(column in column(), exponent in 0..=decimal::EXPONENT_MAX) {
        let (mut ints, mut misses) = (Vec::new(), Vec::new());
        decimal::to_ints(&column, exponent, &mut ints, &mut misses);
        for (i, (bits, int)) in column.iter().zip(&ints).enumerate() {
            let power: f64 = format!("1e{exponent}").parse().unwrap();
            let is_quotient = (*int as f64 / power).to_bits() == *bits;
            prop_assert!(is_quotient || misses.contains(&(i as u32)));
        }
    }

    /// Most are small, and then there is a faster way.
    #[test]
    fn whole_numbers_of_a_fraction_are_quotients(
        ints in vec(prop_oneof![9 => -(1_i64 << 26)..1 << 26, 1 => -(1_i64 << 51)..1 << 51], 0..40),
        exponent in 0..=decimal::EXPONENT_MAX,
    ) {
        are_quotients(&ints, exponent);
    }

    #[test]
    fn the_exponent_is_the_number_of_digits(int in 1..1_000_000_000_000_i64, digits in 0..18_u8) {
        let value: f64 = format!("{int}e-{digits}").parse().unwrap();
        let n_zeros = int.to_string().chars().rev().take_while(|digit| *digit == '0').count();
        let expected = usize::from(digits).saturating_sub(n_zeros) as u8;
        prop_assert_eq!(decimal::exponent_of(value.to_bits()), Some(expected));
        prop_assert_eq!(decimal::exponent_of((-value).to_bits()), Some(expected));
    }

    #[test]
    fn packed_numbers_come_back(numbers in vec(any::<u64>(), 0..200), width in 0..=64_u32) {
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        let masked: Vec<u64> = numbers.iter().map(|number| number & mask).collect();
        let mut bytes = Vec::new();
        pack::pack(numbers.iter().copied(), width, &mut bytes);
        prop_assert_eq!(bytes.len(), pack::packed_len(numbers.len(), width));
        let mut unpacked = vec![7; numbers.len()];
        pack::unpack(&bytes, width, &mut unpacked);
        prop_assert_eq!(unpacked, masked);
    }
}

/// The whole numbers around which the faster way ends, and one in a few below.
#[test]
fn small_numbers_of_a_fraction_are_quotients() {
    for exponent in 0..=decimal::EXPONENT_MAX {
        for sign in [1, -1] {
            let ints: Vec<i64> = (0..1_i64 << 26).step_by(997).map(|int| sign * int).collect();
            are_quotients(&ints, exponent);
            for last in (1_i64 << 26) - 2..=(1 << 26) + 2 {
                are_quotients(&[sign * last, 1, 3], exponent);
            }
        }
    }
}

fn are_quotients(ints: &[i64], exponent: u8) {
    let mut words: Vec<u64> = ints.iter().map(|int| *int as u64).collect();
    decimal::from_ints(&mut words, exponent);
    let power: f64 = format!("1e{exponent}").parse().unwrap();
    for (int, word) in ints.iter().zip(words) {
        assert_eq!(word, (*int as f64 / power).to_bits(), "{int} of 1e-{exponent}");
    }
}

fn decode_everything(bytes: &[u8], n: usize) {
    let mut words = Vec::new();
    if values::decode(bytes, n, &mut words).is_ok() {
        assert_eq!(words.len(), n);
    }
    let mut numbers = Vec::new();
    if times::decode(bytes, n, &mut numbers).is_ok() {
        assert_eq!(numbers.len(), n);
    }
    let times = vec![0; n];
    let _ = starts::decode(bytes, &times, &mut numbers);
    // Memory follows the bytes, not the number of samples.
    let _ = values::decode(bytes, usize::MAX, &mut words);
}

mod coded;
mod golden;
mod sizes;

fn value_error(bytes: &[u8], n: usize) -> CodecError {
    values::decode(bytes, n, &mut Vec::new()).unwrap_err()
}

#[test]
fn errors_say_what_and_where() {
    let error = |flaw, at| CodecError { flaw, at };
    assert_eq!(value_error(&[0x99], 3), error(Flaw::Tag(0x99), 0));
    assert_eq!(value_error(&[], 3), error(Flaw::Missing, 0));
    assert_eq!(value_error(&[0x10, 0], 3), error(Flaw::Surplus, 1));
    assert_eq!(value_error(&[0x10], 0), error(Flaw::Surplus, 0));
    assert_eq!(value_error(&[0x21, 0x05, 0, 0], 3), error(Flaw::Form(5), 1));
    assert_eq!(value_error(&[0x21, 0x40, 0, 0], 3), error(Flaw::Form(0x40), 1));
    assert_eq!(value_error(&[0x21, 0x00, 65, 0], 3), error(Flaw::Width(65), 2));
    assert_eq!(value_error(&[0x21, 0x00, 0x80, 0], 3), error(Flaw::Width(128), 2));
    // A second step where there is one sample alone.
    assert_eq!(value_error(&[0x21, 0x02, 0, 0, 0, 0], 1), error(Flaw::Form(2), 6));
    // Four exceptions of three, then one for the fourth.
    assert_eq!(value_error(&[0x41, 4, 0], 3), error(Flaw::Position(4), 2));
    assert_eq!(value_error(&[0x41, 1, 3, 0], 3), error(Flaw::Position(3), 3));
    // The second sub-block.
    assert_eq!(value_error(&[1, 0x10, 0x99], 1025), error(Flaw::Tag(0x99), 2));
    assert_eq!(value_error(&[2, 0x10, 0x99, 0x10], 1025), error(Flaw::Surplus, 2));
    assert_eq!(value_error(&[0, 0x50], 1025), error(Flaw::Tag(0x50), 1));
    let endless = [&[0x21, 0, 0][..], &[0xff; 10]].concat();
    assert_eq!(value_error(&endless, 3), error(Flaw::Varint, 13));
    let text = error(Flaw::Tag(0x99), 7).to_string();
    assert_eq!(text, "unknown tag 0x99 at byte 7 of the column");
    let start = starts::decode(&[0x04], &[1, 2], &mut Vec::new());
    assert_eq!(start, Err(error(Flaw::Tag(4), 0)));
    let time = times::decode(&[0x07, 0, 0], 1, &mut Vec::new());
    assert_eq!(time, Err(error(Flaw::Form(7), 0)));
}

#[test]
fn a_hint_follows_its_series() {
    let tenths: Vec<u64> = (0..50).map(|i| (f64::from(i) / 10.0).to_bits()).collect();
    let cents: Vec<u64> = (0..50).map(|i| (f64::from(i * i) / 100.0).to_bits()).collect();
    let noise: Vec<u64> = (1..50).map(|i| f64::from(i).sqrt().recip().to_bits()).collect();
    let first = check_values(&tenths, Hint::default());
    assert_eq!(first, Hint(2));
    let finer = check_values(&cents, first);
    assert_eq!(finer, Hint(3));
    assert_eq!(check_values(&tenths, finer), Hint(3), "too fine costs nothing");
    let large: Vec<u64> = (0..50).map(|i| (1e15 + f64::from(i * i)).to_bits()).collect();
    assert_eq!(check_values(&large, Hint(5)), Hint(1), "too fine for such numbers");
    let lost = check_values(&noise, finer);
    assert_eq!(lost, Hint(u8::MAX));
    assert_eq!(check_values(&cents, lost), Hint(3), "found again");
}
