//! Histogram: a native histogram as a message of an answer in one piece.
//!
//! `Histogram{count_float=2, sum=3, schema=4, zero_threshold=5, zero_count_float=7,
//! negative_spans=8, negative_counts=10, positive_spans=11, positive_counts=13, reset_hint=14,
//! timestamp=15, custom_values=16}`, `BucketSpan{offset=1, length=2}`. Counts are doubles here, as
//! they are everywhere with us.

use model::{BucketSpan, HistogramSample, ResetHint};

use super::message::{put_bytes, put_double, put_number, put_varint};

/// Appends the message of a histogram.
pub(crate) fn put_histogram(out: &mut Vec<u8>, sample: &HistogramSample) {
    let (histogram, layout) = (&sample.histogram, &sample.histogram.layout);
    put_double(out, 2, histogram.count);
    put_double(out, 3, histogram.sum);
    put_number(out, 4, zigzag(layout.schema.into()));
    put_double(out, 5, layout.zero_threshold);
    put_double(out, 7, histogram.zero_count);
    put_spans(out, 8, &layout.negative_spans);
    put_row(out, 10, &histogram.negative);
    put_spans(out, 11, &layout.positive_spans);
    put_row(out, 13, &histogram.positive);
    let hint = match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    put_number(out, 14, hint);
    put_number(out, 15, sample.t_ms.cast_unsigned());
    put_row(out, 16, &layout.custom_bounds);
}

fn put_spans(out: &mut Vec<u8>, field: u64, spans: &[BucketSpan]) {
    for span in spans {
        let mut message = Vec::new();
        put_number(&mut message, 1, zigzag(span.offset.into()));
        put_number(&mut message, 2, span.length.into());
        put_bytes(out, field, &message);
    }
}

fn put_row(out: &mut Vec<u8>, field: u64, values: &[f64]) {
    if values.is_empty() {
        return;
    }
    put_varint(out, field << 3 | 2);
    put_varint(out, 8 * values.len() as u64);
    values.iter().for_each(|value| out.extend_from_slice(&value.to_bits().to_le_bytes()));
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
