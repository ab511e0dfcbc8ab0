//! Random series: counters that begin again, gauges, whatever a double can be, stale markers, gaps,
//! late beginnings, native histograms.

use std::sync::Arc;

use model::{
    BucketLayout, BucketSpan, Histogram, HistogramSample, Labels, ResetHint, STALE_MARKER_BITS,
    Sample,
};
use storage::memory::MemoryStore;
use storage::{Appender, Row};

use crate::random::Random;

/// Samples lie between 0 and here, milliseconds.
pub(crate) const END_MS: i64 = 1_200_000;
const METRICS: [&str; 6] = ["a_total", "a_total", "b_bucket", "g", "h", "m"];

/// A store with a few series.
pub(crate) fn store(random: &mut Random) -> MemoryStore {
    let store = MemoryStore::default();
    let has_histograms = random.once_in(4);
    for _ in 0..4 + random.below(10) {
        let labels = labels(random);
        let times = times(random);
        let kind = if has_histograms { random.below(8) } else { random.below(6) };
        if kind < 7 {
            let samples = samples(random, &times, kind);
            let row = |sample| Row { labels: labels.clone(), sample };
            store.append(samples.into_iter().map(row).collect()).unwrap();
        }
        if kind >= 6 {
            let some = |_: &&i64| random.once_in(2) || kind == 7;
            let times: Vec<i64> = times.iter().filter(some).copied().collect();
            store.append_histograms(&labels, &histograms(random, &times));
        }
    }
    store
}

fn labels(random: &mut Random) -> Labels {
    let metric = random.of(&METRICS);
    let mut pairs = vec![("x", random.of(&["1", "2", "3"]).to_owned())];
    if random.once_in(2) {
        pairs.push(("y", random.of(&["p", "q"]).to_owned()));
    }
    if metric == "b_bucket" {
        pairs.push(("le", random.of(&["0.1", "1", "2.5", "+Inf", "bad"]).to_owned()));
    }
    Labels::of_metric(metric, pairs).unwrap()
}

fn times(random: &mut Random) -> Vec<i64> {
    let pace_ms = [5_000, 15_000, 15_000, 30_000, 60_000, 1_000][random.below(6) as usize];
    let jitter_ms = if random.once_in(3) { pace_ms as u64 / 3 } else { 1 };
    let gaps = if random.once_in(3) { 6 } else { u64::MAX };
    let mut t_ms = match random.below(6) {
        0 | 1 => 0,
        2..=4 => random.below(60_000) as i64,
        _ => random.below(END_MS as u64) as i64,
    };
    // Series that are scraped together have the same times.
    if random.once_in(2) {
        t_ms = t_ms / 15_000 * 15_000;
    }
    let end_ms = if random.once_in(4) { t_ms + 200_000 } else { END_MS };
    let mut times = Vec::new();
    while t_ms < end_ms && times.len() < 120 {
        if !random.once_in(gaps) {
            times.push(t_ms + random.below(jitter_ms) as i64);
        } else if random.once_in(3) {
            t_ms += 400_000;
        }
        t_ms += pace_ms;
    }
    times.dedup();
    times
}

fn samples(random: &mut Random, times: &[i64], kind: u64) -> Vec<Sample> {
    let (has_markers, has_starts) = (random.once_in(3), random.once_in(6));
    let mut value = if random.once_in(3) { 0.0 } else { random.below(1000) as f64 };
    let mut start_ms = 0;
    let mut samples = Vec::new();
    for t_ms in times {
        value = match kind {
            0 | 1 if random.once_in(12) => random.below(3) as f64,
            0 | 1 => value + random.below(50) as f64,
            2 => (random.below(20_000) as f64 - 10_000.0) / 100.0,
            3 => value,
            4 => f64::from_bits(random.next() >> 12 | 0x3fe0_0000_0000_0000) * 1e3 - 900.0,
            _ => odd(random),
        };
        if has_starts && random.once_in(8) {
            start_ms = t_ms - random.below(90_000) as i64;
        }
        let is_marker = has_markers && random.once_in(9);
        let value = if is_marker { f64::from_bits(STALE_MARKER_BITS) } else { value };
        samples.push(Sample { t_ms: *t_ms, value, start_ms });
    }
    samples
}

/// Values that arithmetic trips over.
fn odd(random: &mut Random) -> f64 {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        f64::MAX,
        -f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        1e308,
        1e16,
        1.0,
        -1.5,
        0.1,
    ];
    odd[random.below(odd.len() as u64) as usize]
}

fn histograms(random: &mut Random, times: &[i64]) -> Vec<HistogramSample> {
    let layout = Arc::new(BucketLayout {
        schema: random.below(2) as i8,
        zero_threshold: 0.001,
        positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
        ..BucketLayout::default()
    });
    let reset_hint = if random.once_in(3) { ResetHint::Gauge } else { ResetHint::Unknown };
    let mut counts = [0.0, 0.0, 0.0];
    let sample = |t_ms: &i64| {
        for count in &mut counts {
            *count = if random.once_in(20) { 0.0 } else { *count + random.below(5) as f64 };
        }
        let [zero_count, one, two] = counts;
        let histogram = Histogram {
            reset_hint,
            layout: layout.clone(),
            count: zero_count + one + two,
            sum: one * 1.5 + two * 3.0,
            zero_count,
            positive: vec![one, two],
            negative: Vec::new(),
        };
        let is_marker = random.once_in(25);
        let histogram = if is_marker { Histogram::stale_marker() } else { histogram };
        HistogramSample { t_ms: *t_ms, start_ms: 0, histogram: Arc::new(histogram) }
    };
    times.iter().map(sample).collect()
}
