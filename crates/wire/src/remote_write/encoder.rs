//! The other side of the wire, for tests: writes messages byte by byte, right ones and odd ones.

use model::{BucketSpan, Histogram, ResetHint, Sample};

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field with a number: wire type 0.
pub(super) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field) << 3);
    varint(out, value);
}

/// A field with eight bytes: wire type 1.
pub(super) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    varint(out, u64::from(field) << 3 | 1);
    out.extend(value.to_bits().to_le_bytes());
}

/// A field with bytes: wire type 2.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    varint(out, u64::from(field) << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

pub(super) fn label(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, name);
    bytes(&mut out, 2, value);
    out
}

pub(super) fn sample(sample: Sample) -> Vec<u8> {
    let mut out = Vec::new();
    double(&mut out, 1, sample.value);
    number(&mut out, 2, sample.t_ms.cast_unsigned());
    out
}

pub(super) fn series(labels: &[(&str, &str)], samples: &[Sample]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in labels {
        bytes(&mut out, 1, &label(name.as_bytes(), value.as_bytes()));
    }
    for one in samples {
        bytes(&mut out, 2, &sample(*one));
    }
    out
}

/// A message of these series.
pub(super) fn message<S: AsRef<[u8]>>(all: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut out = Vec::new();
    for one in all {
        bytes(&mut out, 1, one.as_ref());
    }
    out
}

pub(super) fn compress(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// A field with numbers, each a varint, in a row.
pub(super) fn packed_numbers(out: &mut Vec<u8>, field: u32, values: &[u64]) {
    let mut row = Vec::new();
    values.iter().for_each(|value| varint(&mut row, *value));
    bytes(out, field, &row);
}

/// A field with doubles in a row.
pub(super) fn packed_doubles(out: &mut Vec<u8>, field: u32, values: &[f64]) {
    let row: Vec<u8> = values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
    bytes(out, field, &row);
}

pub(super) fn span(span: BucketSpan) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, 1, zigzag(span.offset.into()));
    number(&mut out, 2, span.length.into());
    out
}

/// A histogram, in whole numbers if it is asked to.
pub(super) fn histogram(histogram: &Histogram, t_ms: i64, is_whole: bool) -> Vec<u8> {
    let layout = &histogram.layout;
    let mut out = Vec::new();
    if is_whole {
        number(&mut out, 1, histogram.count as u64);
        number(&mut out, 6, histogram.zero_count as u64);
    } else {
        double(&mut out, 2, histogram.count);
        double(&mut out, 7, histogram.zero_count);
    }
    double(&mut out, 3, histogram.sum);
    number(&mut out, 4, zigzag(layout.schema.into()));
    double(&mut out, 5, layout.zero_threshold);
    layout.negative_spans.iter().for_each(|one| bytes(&mut out, 8, &span(*one)));
    layout.positive_spans.iter().for_each(|one| bytes(&mut out, 11, &span(*one)));
    for (field, counts) in [(9, &histogram.negative), (12, &histogram.positive)] {
        if is_whole {
            packed_numbers(&mut out, field, &deltas(counts));
        } else {
            packed_doubles(&mut out, field + 1, counts);
        }
    }
    let hint = match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    number(&mut out, 14, hint);
    number(&mut out, 15, t_ms.cast_unsigned());
    packed_doubles(&mut out, 16, &layout.custom_bounds);
    out
}

fn deltas(counts: &[f64]) -> Vec<u64> {
    let before = std::iter::once(&0.0).chain(counts);
    counts.iter().zip(before).map(|(now, before)| zigzag(*now as i64 - *before as i64)).collect()
}
