//! How small and how fast the codec of sealed chunks is:
//! `cargo run --release -p tsdb --example codec`
//!
//! Columns are drawn from a fixed seed. `entropy` is what no codec without knowledge of the
//! generator can go below, for those classes whose steps are independent.

#![expect(clippy::print_stdout, reason = "printing figures is its purpose")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "the codec is private to the crate")]

#[path = "../src/codec/mod.rs"]
mod codec;

use std::f64::consts::{E, PI};
use std::hint::black_box;
use std::time::Duration;

use codec::values::Hint;
use stdx::Env;

/// Samples of a class, cut into chunks; few enough for the second cache.
const N_SAMPLES: usize = 1 << 16;
const CHUNK_SAMPLES: [usize; 3] = [120, 1024, 8192];
/// The best of so many runs counts: other work on the machine only ever slows one down.
const N_RUNS: usize = 60;
const SEED: u64 = 0x5eed;

fn main() {
    let env = Env::system();
    println!("class | bytes of entropy | samples/chunk | bytes/sample | encode M/s | decode M/s");
    println!("--- | --- | --- | --- | --- | ---");
    for class in classes() {
        let column: Vec<u64> = class.values.iter().map(|value| value.to_bits()).collect();
        for n in CHUNK_SAMPLES {
            let mut encoder = codec::values::Encoder::default();
            let mut encode = |column: &[u64], hint: &mut Hint, out: &mut Vec<u8>| {
                encoder.encode(column, hint, out);
            };
            report(
                class.name,
                class.entropy,
                n,
                &measure(&env, &column, n, &mut encode, |bytes, n, out| {
                    codec::values::decode(bytes, n, out).expect("it was encoded just now");
                }),
            );
        }
    }
    for (name, entropy, column) in time_columns() {
        for n in CHUNK_SAMPLES {
            report(
                name,
                entropy,
                n,
                &measure(&env, &column, n, encode_times, |bytes, n, out| {
                    codec::times::decode(bytes, n, out).expect("it was encoded just now");
                }),
            );
        }
    }
}

fn encode_times(column: &[i64], _: &mut Hint, out: &mut Vec<u8>) {
    codec::times::encode(column, out);
}

struct Figures {
    bytes_per_sample: f64,
    encode_per_us: f64,
    decode_per_us: f64,
}

fn report(name: &str, entropy: Option<f64>, n: usize, figures: &Figures) {
    let Figures { bytes_per_sample, encode_per_us, decode_per_us } = figures;
    let entropy = entropy.map_or_else(String::new, |bits| format!("{:.2}", bits / 8.0));
    println!(
        "{name} | {entropy} | {n} | {bytes_per_sample:.3} | {encode_per_us:.0} | {decode_per_us:.0}"
    );
}

fn measure<T: Copy + PartialEq + std::fmt::Debug>(
    env: &Env,
    column: &[T],
    chunk_samples: usize,
    mut encode: impl FnMut(&[T], &mut Hint, &mut Vec<u8>),
    decode: impl Fn(&[u8], usize, &mut Vec<T>),
) -> Figures {
    let chunks: Vec<&[T]> = column.chunks_exact(chunk_samples).collect();
    let n_samples = (chunks.len() * chunk_samples) as f64;
    let (mut encode_best, mut decode_best) = (Duration::MAX, Duration::MAX);
    let (mut bytes, mut decoded) = (Vec::new(), Vec::new());
    let mut ends = Vec::new();
    for _ in 0..N_RUNS {
        bytes.clear();
        ends.clear();
        let mut hint = Hint::default();
        let began = env.clock.monotonic();
        for chunk in &chunks {
            encode(black_box(chunk), &mut hint, &mut bytes);
            ends.push(bytes.len());
        }
        encode_best = encode_best.min(env.clock.monotonic() - began);
        let began = env.clock.monotonic();
        let mut begin = 0;
        for end in &ends {
            decoded.clear();
            decode(black_box(&bytes[begin..*end]), chunk_samples, &mut decoded);
            black_box(&decoded);
            begin = *end;
        }
        decode_best = decode_best.min(env.clock.monotonic() - began);
    }
    let last = chunks.last().expect("a class fills many chunks");
    assert_eq!(&decoded, last, "what comes back is what was");
    let per_us = |took: Duration| n_samples / took.as_secs_f64() / 1e6;
    Figures {
        bytes_per_sample: bytes.len() as f64 / n_samples,
        encode_per_us: per_us(encode_best),
        decode_per_us: per_us(decode_best),
    }
}

struct Class {
    name: &'static str,
    /// Bits per sample.
    entropy: Option<f64>,
    values: Vec<f64>,
}

fn classes() -> Vec<Class> {
    let mut random = Random(SEED);
    let mut class = |name, entropy, next: &mut dyn FnMut(&mut Random) -> f64| {
        let values = (0..N_SAMPLES).map(|_| next(&mut random)).collect();
        Class { name, entropy, values }
    };
    let (mut gauge, mut count, mut cpu, mut memory, mut walk, mut sum) =
        (5000.0, 1e6, 1e6, 2e5, 5e4, 1000.0);
    let mut noise = 10.0;
    vec![
        class("gauge, 2 decimals", normal_bits(95.0), &mut |random| {
            gauge += (random.normal() * 95.0).round();
            gauge / 100.0
        }),
        class("integer counter", normal_bits(15.0), &mut |random| {
            count += (60.0 + random.normal() * 15.0).round().max(0.0);
            count
        }),
        class("cpu seconds", normal_bits(50.0), &mut |random| {
            cpu += (700.0 + random.normal() * 50.0).round();
            cpu / 100.0
        }),
        class("memory bytes", normal_bits(400.0), &mut |random| {
            memory += (random.normal() * 400.0).round();
            memory * 4096.0
        }),
        class("integer walk, steps of -2 to 2", Some(5_f64.log2()), &mut |random| {
            walk += (random.uniform() * 5.0).floor() - 2.0;
            walk
        }),
        class("counter with resets and stale markers", None, &mut |random| {
            count += (60.0 + random.normal() * 15.0).round().max(0.0);
            if random.uniform() < 0.002 {
                count = 0.0;
            }
            if random.uniform() < 0.004 { f64::from_bits(0x7ff0_0000_0000_0002) } else { count }
        }),
        class("random mantissa, 0 to 1", Some(53.0), &mut |random| random.uniform()),
        class("random mantissa, walk", None, &mut |random| {
            noise = 10.0 + (noise - 10.0) * 0.9 + random.normal();
            noise
        }),
        class("random mantissa, sum", None, &mut |random| {
            sum += random.uniform() * 0.1;
            sum
        }),
        class("constant", Some(0.0), &mut |_| 21.37),
    ]
}

fn time_columns() -> Vec<(&'static str, Option<f64>, Vec<i64>)> {
    let mut random = Random(SEED);
    let mut times = |jitter_ms: f64, gap: f64| {
        let mut at = 1_767_225_600_000;
        let mut next = |_| {
            at += if random.uniform() < gap { 150_000 } else { 15_000 };
            at + ((random.uniform() * 2.0 - 1.0) * (jitter_ms + 0.5)).round() as i64
        };
        (0..N_SAMPLES).map(&mut next).collect()
    };
    vec![
        ("times, regular", Some(0.0), times(-0.5, 0.0)),
        ("times, 3 ms of jitter", Some(7_f64.log2()), times(3.0, 0.0)),
        ("times, 3 ms of jitter, a gap in 500", None, times(3.0, 0.002)),
    ]
}

/// Entropy of a normal distribution, rounded to whole numbers.
fn normal_bits(deviation: f64) -> Option<f64> {
    Some((deviation * (2.0 * PI * E).sqrt()).log2())
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From 0 to 1.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (2.0 * PI * self.uniform()).cos()
    }
}
