//! Histogram chunk: native histograms of one series that share a layout, in doubles.
//!
//! A count (u16, the highest byte first) and a byte of flags, whose upper two bits say how the first
//! histogram follows the one before the chunk; the layout; then each histogram: time, count, zero
//! count, sum, the buckets above 0, those below. The first is written in full, the others as what
//! differs: times by the difference of differences, all else by the bits.
//!
//! Source: `tsdb/docs/format/chunks.md` of Prometheus, "Float histogram chunk data".

use model::{BucketLayout, BucketSpan, Histogram, HistogramSample, ResetHint};

use super::bits::{BitWriter, XorRow};
use super::chunk::CHUNK_SAMPLES_MAX;

/// The counts began again before the first histogram.
const RESET: u8 = 0b1000_0000;
/// The counts may fall.
const GAUGE: u8 = 0b1100_0000;

/// How many histograms from the first on can be in one chunk: those of one layout whose counts do
/// not fall, because a reader takes each but the first for a continuation. At least one, if there is
/// one.
pub(super) fn run_len(samples: &[HistogramSample]) -> usize {
    let follows = |pair: &&[HistogramSample]| {
        let (before, now) = (&*pair[0].histogram, &*pair[1].histogram);
        let (was_gauge, is_gauge) = (is_gauge(before), is_gauge(now));
        before.is_stale_marker() == now.is_stale_marker()
            && was_gauge == is_gauge
            && (now.is_stale_marker() || before.same_layout(now))
            && (is_gauge || now.reset_hint != ResetHint::Reset && !falls(before, now))
    };
    let n_following = samples.windows(2).take(CHUNK_SAMPLES_MAX - 1).take_while(follows).count();
    samples.len().min(n_following + 1)
}

fn is_gauge(histogram: &Histogram) -> bool {
    histogram.reset_hint == ResetHint::Gauge
}

/// Whether some count of two histograms of one layout is lower in the second.
fn falls(before: &Histogram, now: &Histogram) -> bool {
    let any_falls = |before: &[f64], now: &[f64]| before.iter().zip(now).any(|(b, n)| n < b);
    now.count < before.count
        || now.zero_count < before.zero_count
        || any_falls(&before.positive, &now.positive)
        || any_falls(&before.negative, &now.negative)
}

/// The chunk of these histograms, which [`run_len`] says can be in one. `is_reset` tells that the
/// first one's counts are known to have begun again.
pub(super) fn encode_histograms(run: &[HistogramSample], is_reset: bool) -> Vec<u8> {
    let Some(first) = run.first() else { return vec![0, 0, 0] };
    let flags = match first.histogram.reset_hint {
        ResetHint::Gauge => GAUGE,
        ResetHint::Reset => RESET,
        _ if is_reset => RESET,
        _ => 0,
    };
    let mut head = (run.len() as u16).to_be_bytes().to_vec();
    head.push(flags);
    let mut out = BitWriter::behind(head);
    put_layout(&mut out, &first.histogram.layout);
    put_int(&mut out, first.t_ms);
    let mut rows: Vec<XorRow> =
        numbers(&first.histogram).map(|number| XorRow::begin(number, &mut out)).collect();
    let (mut before_ms, mut delta_ms) = (first.t_ms, 0);
    for sample in &run[1..] {
        let delta = sample.t_ms.wrapping_sub(before_ms);
        put_int(&mut out, delta.wrapping_sub(delta_ms));
        for (row, number) in rows.iter_mut().zip(numbers(&sample.histogram)) {
            row.put(number, &mut out);
        }
        (before_ms, delta_ms) = (sample.t_ms, delta);
    }
    out.into_bytes()
}

/// All numbers of a histogram in their order. A stale marker has no buckets.
fn numbers(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let heads = [histogram.count, histogram.zero_count, histogram.sum];
    let n_buckets = if histogram.is_stale_marker() { 0 } else { usize::MAX };
    let buckets = histogram.positive.iter().chain(&histogram.negative);
    heads.into_iter().chain(buckets.copied().take(n_buckets))
}

fn put_layout(out: &mut BitWriter, layout: &BucketLayout) {
    put_zero_threshold(out, layout.zero_threshold);
    put_int(out, layout.schema.into());
    put_spans(out, &layout.positive_spans);
    put_spans(out, &layout.negative_spans);
    if layout.schema == model::SCHEMA_CUSTOM {
        put_uint(out, layout.custom_bounds.len() as u64);
        layout.custom_bounds.iter().for_each(|bound| put_bound(out, *bound));
    }
}

fn put_spans(out: &mut BitWriter, spans: &[BucketSpan]) {
    put_uint(out, spans.len() as u64);
    for span in spans {
        put_uint(out, span.length.into());
        put_int(out, span.offset.into());
    }
}

/// A byte for 0 and for powers of two from 2^-243 to 2^10, nine bytes for others.
fn put_zero_threshold(out: &mut BitWriter, threshold: f64) {
    let bits = threshold.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i64 - 1022, bits << 12);
    if bits == 0 {
        out.put(0, 8);
    } else if threshold > 0.0 && fraction == 0 && (-242..=11).contains(&exponent) {
        out.put((exponent + 243).cast_unsigned(), 8);
    } else {
        out.put(255, 8);
        out.put(bits, 64);
    }
}

/// A few bytes for a multiple of a thousandth, else all bits behind a zero.
fn put_bound(out: &mut BitWriter, bound: f64) {
    const THOUSANDTHS_MAX: f64 = 33_554_430.0;
    let thousandths = (bound * 1000.0).round();
    let fits = (0.0..=THOUSANDTHS_MAX).contains(&thousandths);
    // By the bits, so that the sign of a zero stays.
    if fits && (thousandths as u64 as f64 / 1000.0).to_bits() == bound.to_bits() {
        return put_uint(out, thousandths as u64 + 1);
    }
    out.put(0, 1);
    out.put(bound.to_bits(), 64);
}

/// How many bits numbers have that are small enough for them, each class behind one more 1.
const CLASSES: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

fn put_uint(out: &mut BitWriter, number: u64) {
    put_class(out, number, number == 0, |n_bits| number < 1 << n_bits);
}

fn put_int(out: &mut BitWriter, number: i64) {
    // The highest number of so many bits stands for itself, as in the times of other chunks.
    let fits = |n: u32| -((1_i64 << (n - 1)) - 1) <= number && number <= 1 << (n - 1);
    put_class(out, number.cast_unsigned(), number == 0, fits);
}

fn put_class(out: &mut BitWriter, bits: u64, is_zero: bool, fits: impl Fn(u32) -> bool) {
    if is_zero {
        return out.put(0, 1);
    }
    match CLASSES.iter().position(|n_bits| fits(*n_bits)) {
        Some(class) => {
            let n_ones = class as u32 + 1;
            out.put(((1 << n_ones) - 1) << 1, n_ones + 1);
            out.put(bits, CLASSES[class]);
        }
        None => {
            out.put(0xff, 8);
            out.put(bits, 64);
        }
    }
}

#[cfg(test)]
mod tests;
