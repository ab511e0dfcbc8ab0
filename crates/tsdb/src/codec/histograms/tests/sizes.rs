//! Usual runs stay as small as they are, and the figures of `docs/formats/chunk.md` are printed.

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
}

/// Requests that take a time around a middle, so that buckets in the middle count most.
fn latencies(layout: &Arc<BucketLayout>, n: usize, per_scrape: f64) -> Vec<Histogram> {
    let mut random = Random(0x5eed);
    let (n_buckets, _) = n_buckets(layout);
    let middle = n_buckets as f64 / 2.0;
    let weight = |at: usize| (-((at as f64 - middle) / (middle / 2.5)).powi(2)).exp();
    let total: f64 = (0..n_buckets).map(weight).sum();
    let mut now = whole(layout, &vec![0.0; n_buckets]);
    let mut next = || {
        for (at, count) in now.positive.iter_mut().enumerate() {
            let expected = per_scrape * weight(at) / total;
            let more = (expected + (random.uniform() - 0.5) * (12.0 * expected).sqrt()).round();
            *count += more.max(0.0);
            now.sum += more.max(0.0) * (0.001 * 1.09_f64.powi(at as i32)) * random.uniform();
        }
        now.count = derived_count(&now);
        now.clone()
    };
    (0..n).map(|_| next()).collect()
}

/// Eight bytes for each number, and the layout each time: what it takes in memory.
fn raw_bytes(run: &[Histogram]) -> usize {
    let numbers: usize = run.iter().map(|it| 8 * n_columns(&it.layout)).sum();
    numbers + run.len() * (8 + 8 + 8)
}

#[track_caller]
fn check_size(name: &str, run: &[Histogram], [bytes_max, one_bytes_max]: [f64; 2]) {
    let n = run.len() as f64;
    let size = encoded(run).len() as f64 / n;
    let mut ones = Vec::new();
    run.iter().for_each(|histogram| encode_one(histogram, &mut ones));
    let one = ones.len() as f64 / n;
    let raw = raw_bytes(run) as f64 / n;
    println!("{name} | {} | {raw:.0} | {one:.0} | {size:.1} |", run.len());
    assert!(size <= bytes_max, "{name}: {size} bytes for each histogram of a run");
    assert!(one <= one_bytes_max, "{name}: {one} bytes for a histogram by itself");
}

#[test]
fn exponential_buckets() {
    let busy = latencies(&layout_of(40), 120, 3000.0);
    check_size("40 buckets, 3000 requests", &busy, [32.5, 95.0]);
    let busy = latencies(&layout_of(40), 1024, 3000.0);
    check_size("40 buckets, 3000 requests", &busy, [29.8, 113.0]);
    let calm = latencies(&layout_of(40), 1024, 20.0);
    check_size("40 buckets, 20 requests", &calm, [12.0, 73.0]);
    let fine = latencies(&layout_of(160), 1024, 3000.0);
    check_size("160 buckets, 3000 requests", &fine, [81.0, 300.0]);
}

#[test]
fn custom_buckets() {
    let layout = Arc::new(BucketLayout {
        schema: SCHEMA_CUSTOM,
        positive_spans: vec![BucketSpan { offset: 0, length: 12 }],
        custom_bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0].to_vec(),
        ..BucketLayout::default()
    });
    check_size("12 custom buckets", &latencies(&layout, 1024, 500.0), [12.8, 71.0]);
}

#[test]
fn a_histogram_that_rests_costs_nothing() {
    let run = vec![latencies(&layout_of(40), 5, 3000.0)[4].clone(); 1024];
    check_size("40 buckets at rest", &run, [0.25, 81.0]);
}
