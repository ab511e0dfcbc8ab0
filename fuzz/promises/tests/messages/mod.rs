//! Right messages of the binary formats, written field by field as their specifications draw them.

/// Messages of remote write, and the same as blocks of snappy.
pub(crate) fn writes() -> Vec<Vec<u8>> {
    let plain = [write_v1(), Vec::new()];
    let blocks = plain.iter().map(|message| snappy(message));
    blocks.chain(plain.iter().cloned()).collect()
}

/// Answers of remote read: samples in a block.
pub(crate) fn read_answers() -> Vec<Vec<u8>> {
    let result = message(1, &message(1, &series()));
    vec![snappy(&result), result]
}

fn write_v1() -> Vec<u8> {
    let mut out = message(1, &series());
    out.extend(message(1, &[label("__name__", "b"), label("job", "x"), sample(-2.0, 5)].concat()));
    out
}

fn series() -> Vec<u8> {
    [
        label("__name__", "up"),
        label("job", "node"),
        sample(1.0, 1_700_000_000_000),
        sample(0.0, 1_700_000_015_000),
    ]
    .concat()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    message(1, &[message(1, name.as_bytes()), message(2, value.as_bytes())].concat())
}

fn sample(value: f64, t_ms: u64) -> Vec<u8> {
    message(2, &[double(1, value), int(2, t_ms)].concat())
}

/// A field of a length and so many bytes.
pub(crate) fn message(field: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(field << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend_from_slice(bytes);
    out
}

/// A field of eight bytes.
pub(crate) fn double(field: u64, value: f64) -> Vec<u8> {
    let mut out = varint(field << 3 | 1);
    out.extend(value.to_le_bytes());
    out
}

/// A field of a varint.
pub(crate) fn int(field: u64, value: u64) -> Vec<u8> {
    let mut out = varint(field << 3);
    out.extend(varint(value));
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn snappy(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("room for a short message")
}
