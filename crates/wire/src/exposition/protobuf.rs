//! The protobuf page: `io.prometheus.client.MetricFamily` messages, each after its length.
//!
//! Written by hand: the schema (`io/prometheus/client/metrics.proto` of prometheus/client_model) is
//! small and frozen. Field numbers stand as constants beside the message that has them.

use model::{Label, MetricKind, Point};

use super::distribution::{Distribution, distributions};
use super::plan::Entry;

pub(super) mod family {
    pub(in crate::exposition) const NAME: u32 = 1;
    pub(super) const HELP: u32 = 2;
    pub(in crate::exposition) const TYPE: u32 = 3;
    pub(in crate::exposition) const METRIC: u32 = 4;
}

pub(super) mod metric {
    pub(super) const LABEL: u32 = 1;
    pub(super) const GAUGE: u32 = 2;
    pub(super) const COUNTER: u32 = 3;
    pub(super) const SUMMARY: u32 = 4;
    pub(in crate::exposition) const UNTYPED: u32 = 5;
    pub(in crate::exposition) const TIMESTAMP_MS: u32 = 6;
    pub(in crate::exposition) const HISTOGRAM: u32 = 7;
}

mod label {
    pub(super) const NAME: u32 = 1;
    pub(super) const VALUE: u32 = 2;
}

/// Field 1 of `Gauge`, `Counter` and `Untyped`.
pub(super) const VALUE: u32 = 1;

/// Fields of `Histogram` and of `Summary`, which agree.
mod distribution {
    pub(super) const COUNT: u32 = 1;
    pub(super) const SUM: u32 = 2;
    /// `bucket` or `quantile`.
    pub(super) const PART: u32 = 3;
}

mod bucket {
    pub(super) const COUNT: u32 = 1;
    pub(super) const UPPER_BOUND: u32 = 2;
}

mod quantile {
    pub(super) const QUANTILE: u32 = 1;
    pub(super) const VALUE: u32 = 2;
}

/// Appends the page and returns how many points it leaves out.
pub(super) fn write(entries: &[Entry<'_>], out: &mut Vec<u8>) -> usize {
    let mut left_out = 0;
    for entry in entries {
        with_length(out, |out| left_out += write_family(entry, out));
    }
    left_out
}

fn write_family(entry: &Entry<'_>, out: &mut Vec<u8>) -> usize {
    bytes_field(out, family::NAME, entry.name.as_bytes());
    if !entry.help.is_empty() {
        bytes_field(out, family::HELP, entry.help.as_bytes());
    }
    varint_field(out, family::TYPE, type_number(entry.kind));
    match entry.kind {
        MetricKind::Counter => write_numbers(&entry.points, metric::COUNTER, out),
        MetricKind::Gauge => write_numbers(&entry.points, metric::GAUGE, out),
        MetricKind::Untyped => write_numbers(&entry.points, metric::UNTYPED, out),
        MetricKind::Histogram | MetricKind::Summary => {
            let (all, left_out) = distributions(&entry.points, entry.kind);
            for one in &all {
                message_field(out, family::METRIC, |out| {
                    write_labels(one.labels.iter().copied(), out);
                    write_distribution(one, entry.kind, out);
                });
            }
            left_out
        }
    }
}

/// Single numbers; `field` is the one of their type in `Metric`.
fn write_numbers(points: &[Point], field: u32, out: &mut Vec<u8>) -> usize {
    let mut left_out = 0;
    for point in points {
        if !point.suffix.is_empty() {
            left_out += 1;
            continue;
        }
        message_field(out, family::METRIC, |out| {
            write_labels(point.labels.iter(), out);
            message_field(out, field, |out| double_field(out, VALUE, point.value));
        });
    }
    left_out
}

/// The numbers of the enum `MetricType`.
pub(super) fn type_number(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge => 1,
        MetricKind::Summary => 2,
        MetricKind::Untyped => 3,
        MetricKind::Histogram => 4,
    }
}

fn write_labels<'l>(labels: impl Iterator<Item = &'l Label>, out: &mut Vec<u8>) {
    for label in labels {
        write_label(&label.name, &label.value, out);
    }
}

/// Appends a label of a `Metric`.
pub(super) fn write_label(name: &str, value: &str, out: &mut Vec<u8>) {
    message_field(out, metric::LABEL, |out| {
        bytes_field(out, label::NAME, name.as_bytes());
        bytes_field(out, label::VALUE, value.as_bytes());
    });
}

fn write_distribution(one: &Distribution<'_>, kind: MetricKind, out: &mut Vec<u8>) {
    let is_histogram = kind == MetricKind::Histogram;
    let field = if is_histogram { metric::HISTOGRAM } else { metric::SUMMARY };
    message_field(out, field, |out| {
        if let Some(count) = one.count {
            varint_field(out, distribution::COUNT, count as u64);
        }
        if let Some(sum) = one.sum {
            double_field(out, distribution::SUM, sum);
        }
        for (bound, value) in &one.parts {
            message_field(out, distribution::PART, |out| {
                if is_histogram {
                    varint_field(out, bucket::COUNT, *value as u64);
                    double_field(out, bucket::UPPER_BOUND, *bound);
                } else {
                    double_field(out, quantile::QUANTILE, *bound);
                    double_field(out, quantile::VALUE, *value);
                }
            });
        }
    });
}

const WIRE_VARINT: u32 = 0;
const WIRE_FIXED64: u32 = 1;
const WIRE_BYTES: u32 = 2;

fn key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WIRE_VARINT);
    varint(out, value);
}

pub(super) fn double_field(out: &mut Vec<u8>, field: u32, value: f64) {
    key(out, field, WIRE_FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn bytes_field(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    key(out, field, WIRE_BYTES);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn message_field(out: &mut Vec<u8>, field: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, WIRE_BYTES);
    with_length(out, fill);
}

/// Writes a message behind room for a short length, and makes more room once the length is known:
/// most messages are a label or a number, far below 128 bytes.
pub(super) fn with_length(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    fill(out);
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(10);
        varint(&mut prefix, len as u64);
        out.splice(at..=at, prefix);
    }
}
