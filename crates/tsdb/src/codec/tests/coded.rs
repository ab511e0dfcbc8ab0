//! The entropy code: symbols come back from nearly as few bits as they are worth, and no bytes do
//! harm.

use super::*;
use crate::codec::ans::{self, Frequencies, N_SYMBOLS};
use crate::codec::cursor::Cursor;

/// Symbols of few or many kinds, evenly or very unevenly.
fn symbols() -> impl Strategy<Value = Vec<u8>> {
    let kinds = vec(0..N_SYMBOLS as u8, 1..N_SYMBOLS);
    let picks = vec((any::<prop::sample::Index>(), 0..6_u32), 2..3000);
    (kinds, picks).prop_map(|(kinds, picks)| {
        // A power of a number below 1 is small more often than not.
        let pick = |(at, power): &(prop::sample::Index, u32)| {
            kinds[(0..*power).fold(at.index(kinds.len()), |at, _| at * at / kinds.len())]
        };
        picks.iter().map(pick).collect()
    })
}

fn counts(symbols: &[u8]) -> [u32; N_SYMBOLS] {
    let mut counts = [0; N_SYMBOLS];
    symbols.iter().for_each(|symbol| counts[usize::from(*symbol)] += 1);
    counts
}

proptest! {
    #[test]
    fn symbols_come_back(symbols in symbols(), shift in 0..=58_u32, low: u64) {
        let counts = counts(&symbols);
        let Some(frequencies) = Frequencies::of(&counts) else {
            prop_assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1);
            return Ok(());
        };
        let mut bytes = Vec::new();
        ans::encode(&frequencies, &symbols, &mut bytes);
        let low = low & ((1 << shift) - 1);
        let mut numbers = vec![low; symbols.len()];
        ans::decode_over(&mut Cursor::new(&bytes), shift, &mut numbers).unwrap();
        let expected: Vec<u64> = symbols.iter().map(|s| u64::from(*s) << shift | low).collect();
        prop_assert_eq!(numbers, expected);
        let n_bits = frequencies.n_bits(&counts, 1);
        prop_assert!((bytes.len() * 8).abs_diff(n_bits) <= 32 + n_bits / 50, "{n_bits}");
        let n = symbols.len() as f64;
        let worth = |count: &u32| if *count == 0 { 0.0 } else {
            f64::from(*count) * (n / f64::from(*count)).log2()
        };
        let entropy: f64 = counts.iter().map(worth).sum();
        let table = 8.0 * 70.0;
        prop_assert!((bytes.len() * 8) as f64 <= entropy * 1.05 + n * 0.02 + table, "{entropy}");
    }

    #[test]
    fn a_damaged_code_does_no_harm(
        symbols in symbols(),
        flips in vec((any::<prop::sample::Index>(), 0..8_u32), 0..4),
        cut: prop::sample::Index,
        n_more in 0..9_usize,
    ) {
        let Some(frequencies) = Frequencies::of(&counts(&symbols)) else { return Ok(()) };
        let mut bytes = Vec::new();
        ans::encode(&frequencies, &symbols, &mut bytes);
        let cut = cut.index(bytes.len());
        let cut = ans::decode_over(&mut Cursor::new(&bytes[..cut]), 3, &mut vec![0; symbols.len()]);
        prop_assert!(cut.is_err());
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let mut numbers = vec![0; symbols.len() + n_more];
        let _ = ans::decode_over(&mut Cursor::new(&bytes), 58, &mut numbers);
    }

    #[test]
    fn any_bytes_as_a_code_do_no_harm(bytes in vec(any::<u8>(), 0..100), n in 0..2000_usize) {
        let _ = ans::decode_over(&mut Cursor::new(&bytes), 0, &mut vec![0; n]);
    }

    /// Steps whose range is worth less than its bits, some far outside of it.
    #[test]
    fn coded_columns_come_back(
        steps in vec(prop_oneof![60 => -2..=2_i64, 6 => -40..40_i64, 1 => any::<i64>()], 192..2500),
        factor in prop_oneof![Just(1_i64), Just(4096), any::<i64>()],
        from: i64,
    ) {
        let sum = |at: &mut i64, step: &i64| {
            *at = at.wrapping_add(step.wrapping_mul(factor));
            Some(*at)
        };
        let walk: Vec<i64> = steps.iter().scan(from, sum).collect();
        check_times(&walk);
        check_starts(&walk, &steps);
        check_values(&walk.iter().map(|at| *at as u64).collect::<Vec<_>>(), Hint(u8::MAX));
        let small = walk.iter().map(|at| ((at % (1 << 50)) as f64 / 100.0).to_bits());
        check_values(&small.collect::<Vec<_>>(), Hint::default());
    }
}

#[test]
fn a_walk_of_few_steps_is_coded() {
    let steps = (0..480_u64).map(|i| ((i * i * 2_654_435_761) >> 20) % 5);
    let walk = steps.scan(1e6, |at, step| {
        *at += step as f64 - 2.0;
        Some(f64::to_bits(*at))
    });
    let walk: Vec<u64> = walk.collect();
    let (bytes, _) = encode_values(&walk, Hint::default());
    assert_eq!(bytes[..3], [0x20, 0x21, 0], "decimals; steps with a code; no packed bits");
    // 2.32 bits each are 139.
    assert!(bytes.len() < 165, "{}", bytes.len());
    // Too short for a table.
    let (bytes, _) = encode_values(&walk[..191], Hint::default());
    assert_eq!(bytes[..3], [0x20, 0x01, 3]);
}

#[test]
fn a_code_that_makes_no_sense_is_refused() {
    let decode = |bytes: &[u8]| {
        let error = ans::decode_over(&mut Cursor::new(bytes), 0, &mut [0; 4]).unwrap_err();
        error.flaw
    };
    // From symbol 1 to symbol 1.
    assert_eq!(decode(&[0x41, 0x10, 1, 0, 0, 0, 0]), Flaw::Entropy);
    // Frequencies of nine bits.
    assert_eq!(decode(&[0x40, 0x90, 1, 1, 0, 0, 0, 0]), Flaw::Entropy);
    // 256 slots for the first of two, in eight bits.
    assert_eq!(decode(&[0x40, 0x80]), Flaw::Missing);
    // No slot for the first, all for the last.
    assert_eq!(decode(&[0x40, 0x10, 0, 0, 0, 0, 0]), Flaw::Entropy);
    // 128 each, states that do not end in slot 0.
    assert_eq!(decode(&[0x40, 0x80, 128, 1, 0, 0, 0, 0]), Flaw::Entropy);
    // Packed bits and a symbol that have more than 64 bits together.
    let wide = values::decode(&[0x20, 0x20, 59, 0], 1, &mut Vec::new()).unwrap_err();
    assert_eq!(wide.flaw, Flaw::Width(59));
}
