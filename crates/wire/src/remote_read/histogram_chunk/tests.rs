//! A plain reader of these chunks, written from their description, says what went in.

use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, HistogramSample, ResetHint};
use proptest::prelude::*;

use super::{encode_histograms, run_len};

struct Bits<'c> {
    bytes: &'c [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, n_bits: u32) -> u64 {
        (0..n_bits).fold(0, |number, _| {
            let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
            self.at += 1;
            number << 1 | u64::from(bit)
        })
    }

    /// How many bits the number has that follows; `None` for 0.
    fn class(&mut self) -> Option<u32> {
        let n_ones = (0..8).take_while(|_| self.take(1) == 1).count();
        [None, Some(3), Some(6), Some(9), Some(12), Some(18), Some(25), Some(56), Some(64)][n_ones]
    }

    fn uint(&mut self) -> u64 {
        self.class().map_or(0, |n_bits| self.take(n_bits))
    }

    fn int(&mut self) -> i64 {
        let Some(n_bits) = self.class() else { return 0 };
        let bits = self.take(n_bits);
        if n_bits == 64 {
            return bits.cast_signed();
        }
        let is_negative = bits > 1 << (n_bits - 1);
        bits.cast_signed() - if is_negative { 1 << n_bits } else { 0 }
    }

    fn double(&mut self) -> f64 {
        f64::from_bits(self.take(64))
    }

    fn spans(&mut self) -> Vec<BucketSpan> {
        let n = self.uint();
        (0..n)
            .map(|_| {
                let length = self.uint() as u32;
                BucketSpan { offset: self.int() as i32, length }
            })
            .collect()
    }

    fn layout(&mut self) -> BucketLayout {
        let zero_threshold = match self.take(8) {
            0 => 0.0,
            255 => self.double(),
            exponent => 0.5 * 2f64.powi(exponent as i32 - 243),
        };
        let schema = self.int() as i8;
        let (positive_spans, negative_spans) = (self.spans(), self.spans());
        let n_bounds = if schema == -53 { self.uint() } else { 0 };
        let bound = |_| match self.uint() {
            0 => self.double(),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        };
        let custom_bounds = (0..n_bounds).map(bound).collect();
        BucketLayout { schema, zero_threshold, positive_spans, negative_spans, custom_bounds }
    }

    /// The next of a row of doubles.
    fn xor(&mut self, (bits, window): &mut (u64, (u32, u32))) -> f64 {
        if self.take(1) == 1 {
            if self.take(1) == 1 {
                let leading = self.take(5) as u32;
                let n = self.take(6) as u32;
                *window = (leading, if n == 0 { 64 } else { n });
            }
            let changed = self.take(window.1);
            *bits ^= changed << (64 - window.0 - window.1);
        }
        f64::from_bits(*bits)
    }
}

/// Flags, layout, and each histogram's time and numbers.
fn read(chunk: &[u8]) -> (u8, BucketLayout, Vec<(i64, Vec<u64>)>) {
    let n = u16::from_be_bytes([chunk[0], chunk[1]]);
    let mut bits = Bits { bytes: &chunk[3..], at: 0 };
    let layout = bits.layout();
    let (positive, negative) = layout.n_buckets();
    let n_numbers = 3 + positive + negative;
    let (mut t_ms, mut delta_ms) = (bits.int(), 0_i64);
    let mut rows: Vec<(u64, (u32, u32))> =
        (0..n_numbers).map(|_| (bits.take(64), (0, 0))).collect();
    let mut all = vec![(t_ms, rows.iter().map(|row| row.0).collect())];
    for _ in 1..n {
        delta_ms = delta_ms.wrapping_add(bits.int());
        t_ms = t_ms.wrapping_add(delta_ms);
        all.push((t_ms, rows.iter_mut().map(|row| bits.xor(row).to_bits()).collect()));
    }
    (chunk[2], layout, all)
}

fn numbers(histogram: &Histogram) -> Vec<u64> {
    super::numbers(histogram).map(f64::to_bits).collect()
}

fn histogram(counts: &[f64]) -> Histogram {
    let span = BucketSpan { offset: -3, length: counts.len() as u32 };
    let layout = BucketLayout {
        schema: 2,
        zero_threshold: 0.001,
        positive_spans: vec![span],
        ..BucketLayout::default()
    };
    let count: f64 = counts.iter().sum();
    Histogram {
        layout: Arc::new(layout),
        count,
        sum: count * 1.5,
        positive: counts.to_vec(),
        ..Histogram::default()
    }
}

fn at(t_ms: i64, histogram: Histogram) -> HistogramSample {
    HistogramSample { t_ms, start_ms: 0, histogram: Arc::new(histogram) }
}

#[test]
fn a_run_ends_where_a_reader_would_be_misled() {
    let hinted = |hint, counts: &[f64]| Histogram { reset_hint: hint, ..histogram(counts) };
    let runs = |all: Vec<Histogram>| {
        let mut samples: Vec<_> = all.into_iter().map(|one| at(0, one)).collect();
        let mut runs = Vec::new();
        while !samples.is_empty() {
            runs.push(run_len(&samples));
            samples.drain(..run_len(&samples));
        }
        runs
    };
    assert_eq!(run_len(&[]), 0);
    assert_eq!(runs(vec![histogram(&[1.0]), histogram(&[1.0]), histogram(&[2.0])]), [3]);
    assert_eq!(runs(vec![histogram(&[1.0]), histogram(&[1.0, 2.0])]), [1, 1], "another layout");
    assert_eq!(runs(vec![histogram(&[1.0, 2.0]), histogram(&[2.0, 1.0])]), [1, 1], "a bucket fell");
    assert_eq!(runs(vec![histogram(&[2.0]), hinted(ResetHint::Reset, &[3.0])]), [1, 1]);
    assert_eq!(runs(vec![hinted(ResetHint::Gauge, &[3.0]), hinted(ResetHint::Gauge, &[1.0])]), [2]);
    assert_eq!(runs(vec![histogram(&[2.0]), hinted(ResetHint::Gauge, &[3.0])]), [1, 1]);
    let stale = Histogram::stale_marker;
    assert_eq!(runs(vec![histogram(&[2.0]), stale(), stale(), histogram(&[2.0])]), [1, 2, 1]);
    assert_eq!(runs(vec![histogram(&[1.0]); 250]), [120, 120, 10]);
}

#[test]
fn flags_say_how_a_chunk_follows() {
    let flags = |hint, is_reset| {
        let one = at(5, Histogram { reset_hint: hint, ..histogram(&[1.0]) });
        encode_histograms(&[one], is_reset)[2]
    };
    assert_eq!(flags(ResetHint::Unknown, false), 0);
    assert_eq!(flags(ResetHint::NotReset, false), 0);
    assert_eq!(flags(ResetHint::Unknown, true), 0x80);
    assert_eq!(flags(ResetHint::Reset, false), 0x80);
    assert_eq!(flags(ResetHint::Gauge, true), 0xc0);
}

fn any_layout() -> impl Strategy<Value = (BucketLayout, usize)> {
    let threshold = prop_oneof![
        Just(0.0),
        Just(2f64.powi(-128)),
        Just(1024.0),
        Just(2048.0),
        Just(0.001),
        Just(2f64.powi(-243)),
        Just(2f64.powi(-244)),
        Just(5e-324),
    ];
    let spans = || {
        prop::collection::vec((any::<i32>(), 0_u32..4), 0..4).prop_map(|all| {
            let span = |(offset, length)| BucketSpan { offset, length };
            all.into_iter().map(span).collect::<Vec<_>>()
        })
    };
    let bound = prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(0.005),
        Just(33_554.43),
        Just(33_554.431),
        any::<f64>()
    ];
    let custom = prop::option::of(prop::collection::vec(bound, 0..4));
    (-4_i8..=8, threshold, spans(), spans(), custom).prop_map(
        |(schema, zero_threshold, positive_spans, negative_spans, custom)| {
            let layout = BucketLayout {
                schema: if custom.is_some() { -53 } else { schema },
                zero_threshold,
                positive_spans,
                negative_spans,
                custom_bounds: custom.unwrap_or_default(),
            };
            let (positive, negative) = layout.n_buckets();
            (layout, (positive + negative) as usize)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (layout, n_buckets) in any_layout(),
        rows in prop::collection::vec((any::<i64>(), prop::collection::vec(any::<u64>(), 27)), 1..20),
    ) {
        let layout = Arc::new(layout);
        let n_positive = layout.n_buckets().0 as usize;
        let sample = |(t_ms, bits): (i64, Vec<u64>)| {
            let numbers: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            let (positive, negative) = numbers[3..3 + n_buckets].split_at(n_positive);
            at(t_ms, Histogram {
                layout: Arc::clone(&layout),
                count: numbers[0],
                zero_count: numbers[1],
                sum: numbers[2],
                positive: positive.to_vec(),
                negative: negative.to_vec(),
                ..Histogram::default()
            })
        };
        let run: Vec<_> = rows.into_iter().map(sample).collect();
        let (_, read_layout, all) = read(&encode_histograms(&run, false));
        prop_assert!(read_layout.same_bits(&layout), "{read_layout:?}");
        let expected: Vec<_> = run.iter().map(|one| (one.t_ms, numbers(&one.histogram))).collect();
        prop_assert_eq!(all, expected);
    }
}
