//! Right messages of the binary formats, written field by field as their specifications draw them.

/// Messages of remote write, and the same as blocks of snappy.
pub(crate) fn writes() -> Vec<Vec<u8>> {
    let plain = [write_v1(), write_v2(), Vec::new()];
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

/// Symbols first, then a series with references to them, a sample and what the metric is.
fn write_v2() -> Vec<u8> {
    let symbols = ["", "__name__", "up", "job", "node", "About up."];
    let mut out: Vec<u8> = symbols.iter().flat_map(|text| message(4, text.as_bytes())).collect();
    let metadata = [int(1, 2), int(3, 5)].concat();
    let sample = [double(1, 1.0), int(2, 1_700_000_000_000), int(3, 1_600_000_000_000)].concat();
    let series = [message(1, &[1, 2, 3, 4]), message(2, &sample), message(5, &metadata)].concat();
    out.extend(message(5, &series));
    out
}

/// A message of OTLP: a gauge with one point of one resource.
pub(crate) fn telemetry() -> Vec<u8> {
    let text = |text: &str| message(1, text.as_bytes());
    let attribute = [text("service.name"), message(2, &text("trainer"))].concat();
    let point = [fixed64(3, 1_700_000_000_000_000_000), double(4, 0.25)].concat();
    let metric = [text("loss"), message(5, &message(1, &point))].concat();
    let scope = message(2, &metric);
    message(1, &[message(1, &message(1, &attribute)), message(2, &scope)].concat())
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

/// The same of a whole number.
fn fixed64(field: u64, value: u64) -> Vec<u8> {
    double(field, f64::from_bits(value))
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
