//! Usual columns stay as small as they are: a plan that chooses badly shows here.

use super::*;

/// Numbers between 0 and 1 from a fixed seed (SplitMix64).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[track_caller]
fn check_size(bytes_max: [f64; 3], mut next: impl FnMut(&mut Random) -> f64) {
    let mut random = Random(0x5eed);
    let column: Vec<u64> = (0..16_384).map(|_| next(&mut random).to_bits()).collect();
    for (n, bytes_max) in [120, 1024, 8192].into_iter().zip(bytes_max) {
        let (mut bytes, mut hint) = (Vec::new(), Hint::default());
        let mut encoder = values::Encoder::default();
        column.chunks_exact(n).for_each(|chunk| encoder.encode(chunk, &mut hint, &mut bytes));
        let per_sample = bytes.len() as f64 / (column.len() / n * n) as f64;
        assert!(per_sample <= bytes_max, "{per_sample} bytes per sample in chunks of {n}");
    }
}

#[test]
fn gauge_of_two_decimals() {
    let mut at = 5000.0;
    check_size([1.21, 1.16, 1.16], |random| {
        at += (random.normal() * 95.0).round();
        at / 100.0
    });
}

#[test]
fn integer_counter() {
    let mut at = 1e6;
    check_size([0.89, 0.83, 0.83], |random| {
        at += (60.0 + random.normal() * 15.0).round().max(0.0);
        at
    });
}

#[test]
fn integer_counter_with_resets_and_stale_markers() {
    let mut at = 1e6;
    check_size([0.96, 0.94, 0.94], |random| {
        at += (60.0 + random.normal() * 15.0).round().max(0.0);
        if random.uniform() < 0.002 {
            at = 0.0;
        }
        if random.uniform() < 0.004 { f64::from_bits(STALE) } else { at }
    });
}

#[test]
fn cpu_seconds() {
    let mut at = 1e6;
    check_size([1.11, 1.05, 1.05], |random| {
        at += (700.0 + random.normal() * 50.0).round();
        at / 100.0
    });
}

#[test]
fn memory_of_whole_pages() {
    let mut at = 2e5;
    check_size([1.50, 1.43, 1.43], |random| {
        at += (random.normal() * 400.0).round();
        at * 4096.0
    });
}

#[test]
fn integer_walk_of_few_steps() {
    let mut at = 5e4;
    check_size([0.44, 0.39, 0.31], |random| {
        at += (random.uniform() * 5.0).floor() - 2.0;
        at
    });
}

#[test]
fn random_mantissas() {
    check_size([7.05, 7.0, 7.0], Random::uniform);
    let mut sum = 1000.0;
    check_size([5.3, 5.2, 5.2], |random| {
        sum += random.uniform() * 0.1;
        sum
    });
}

#[test]
fn random_mantissas_that_repeat() {
    let mut at = 0.5;
    check_size([1.1, 1.0, 1.0], |random| {
        if random.uniform() < 0.1 {
            at = random.uniform();
        }
        at
    });
}

#[test]
fn constants() {
    check_size([0.076, 0.01, 0.01], |_| 21.37);
}

#[track_caller]
fn check_time_size(bytes_max: f64, mut next: impl FnMut(&mut Random, i64) -> i64) {
    let mut random = Random(0x5eed);
    let column: Vec<i64> = (0..12_000).map(|i| next(&mut random, i)).collect();
    let mut bytes = Vec::new();
    column.chunks_exact(120).for_each(|chunk| times::encode(chunk, &mut bytes));
    let per_sample = bytes.len() as f64 / column.len() as f64;
    assert!(per_sample <= bytes_max, "{per_sample} bytes per time");
}

#[test]
fn regular_times() {
    check_time_size(0.093, |_, i| 1_767_225_600_000 + 15_000 * i);
}

#[test]
fn times_with_jitter() {
    check_time_size(0.475, |random, i| {
        1_767_225_600_000 + 10_000 * i + (random.uniform() * 7.0).floor() as i64 - 3
    });
}

#[test]
fn times_with_jitter_and_a_drifting_clock() {
    check_time_size(0.51, |random, i| {
        1_767_225_600_000 + 10_000 * i + i / 7 + (random.uniform() * 7.0).floor() as i64 - 3
    });
}
