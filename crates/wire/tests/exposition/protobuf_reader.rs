//! A reader of length-delimited `io.prometheus.client.MetricFamily` messages, for tests.

use std::fmt::Write as _;

/// A field's value.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("{other:?} is no message"),
        }
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }

    fn double(self) -> f64 {
        match self {
            Self::Double(value) => value,
            other => panic!("{other:?} is no double"),
        }
    }
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().expect("a whole varint");
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(n);
    *rest = after;
    taken
}

/// The fields of a message, in order.
fn fields(mut message: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut message)),
            1 => Value::Double(f64::from_le_bytes(take(&mut message, 8).try_into().unwrap())),
            2 => {
                let len = varint(&mut message) as usize;
                Value::Bytes(take(&mut message, len))
            }
            wire_type => panic!("wire type {wire_type}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

/// A family with plain values: name, type number, and of each metric its labels and value.
pub(crate) type PlainFamily = (String, u64, Vec<(Vec<(String, String)>, f64)>);

/// The families of a page that has neither histograms nor summaries.
pub(crate) fn plain_families(mut page: &[u8]) -> Vec<PlainFamily> {
    let mut families = Vec::new();
    while !page.is_empty() {
        let len = varint(&mut page) as usize;
        let mut family = (String::new(), u64::MAX, Vec::new());
        for (number, value) in fields(take(&mut page, len)) {
            match (number, value) {
                (1, name) => family.0 = name.text(),
                (2, _) => {}
                (3, Value::Varint(number)) => family.1 = number,
                (4, metric) => family.2.push(plain_metric(metric.bytes())),
                field => panic!("{field:?} in a family"),
            }
        }
        families.push(family);
    }
    families
}

fn plain_metric(message: &[u8]) -> (Vec<(String, String)>, f64) {
    let (mut labels, mut number) = (Vec::new(), None);
    for (field, value) in fields(message) {
        match (field, &fields(value.bytes())[..]) {
            (1, [(1, name), (2, value)]) => labels.push((name.text(), value.text())),
            (2 | 3 | 5, [(1, value)]) => number = Some(value.double()),
            other => panic!("{other:?} in a metric"),
        }
    }
    (labels, number.expect("a metric has a value"))
}

/// A page as text: field names of the schema, one value per line.
pub(crate) fn dump(mut page: &[u8]) -> String {
    let mut out = String::new();
    while !page.is_empty() {
        let len = varint(&mut page) as usize;
        out.push_str("family\n");
        dump_message(take(&mut page, len), "family", 1, &mut out);
    }
    out
}

fn dump_message(message: &[u8], kind: &str, depth: usize, out: &mut String) {
    for (number, value) in fields(message) {
        let name = match (kind, number) {
            ("family", 1) | ("label", 1) => "name",
            ("family", 2) => "help",
            ("family", 3) => "type",
            ("family", 4) => "metric",
            ("metric", 1) => "label",
            ("metric", 2) => "gauge",
            ("metric", 3) => "counter",
            ("metric", 4) => "summary",
            ("metric", 5) => "untyped",
            ("metric", 7) => "histogram",
            ("label" | "quantile", 2) | ("gauge" | "counter" | "untyped", 1) => "value",
            ("histogram" | "summary", 1) => "sample_count",
            ("histogram" | "summary", 2) => "sample_sum",
            ("histogram", 3) => "bucket",
            ("summary", 3) => "quantile",
            ("bucket", 1) => "cumulative_count",
            ("bucket", 2) => "upper_bound",
            ("quantile", 1) => "quantile",
            other => panic!("unknown field {other:?}"),
        };
        let indent = "  ".repeat(depth);
        match value {
            Value::Varint(value) => writeln!(out, "{indent}{name} {value}").unwrap(),
            Value::Double(value) => writeln!(out, "{indent}{name} {value:?}").unwrap(),
            Value::Bytes(_) if matches!(name, "name" | "help" | "value") => {
                writeln!(out, "{indent}{name} {:?}", value.text()).unwrap();
            }
            Value::Bytes(message) => {
                writeln!(out, "{indent}{name}").unwrap();
                dump_message(message, name, depth + 1, out);
            }
        }
    }
}
