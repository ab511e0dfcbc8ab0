//! The other side of the wire, for tests: writes messages byte by byte, right ones and odd ones.

use model::Sample;

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
