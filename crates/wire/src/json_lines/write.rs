//! Write: a series as a line.

use std::io::Write as _;

use model::{Labels, STALE_MARKER_BITS, Sample};

use super::STALE_NAN;
use crate::openmetrics::ORDINARY_NAN_BITS;

const TAKES_ALL: &str = "a Vec takes any bytes";

/// What becomes of NaNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nans {
    /// Each keeps its bits; only Pharos reads those that are not ordinary.
    Exact,
    /// All are `null`, which everybody reads.
    Plain,
}

/// Appends a line with its end. The samples of a long series go into several lines: what a reader
/// takes is bounded.
pub fn write_line(labels: &Labels, samples: &[Sample], nans: Nans, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"metric\":{");
    for (at, label) in labels.iter().enumerate() {
        comma(out, at);
        write_text(out, &label.name);
        out.push(b':');
        write_text(out, &label.value);
    }
    out.extend_from_slice(b"},\"values\":[");
    for (at, sample) in samples.iter().enumerate() {
        comma(out, at);
        write_value(out, sample.value, nans);
    }
    write_times(out, "timestamps", samples.iter().map(|sample| sample.t_ms));
    if samples.iter().any(|sample| sample.start_ms != 0) {
        write_times(out, "start_timestamps", samples.iter().map(|sample| sample.start_ms));
    }
    out.extend_from_slice(b"]}\n");
}

fn comma(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

/// Ends an array and writes another, but for its end.
fn write_times(out: &mut Vec<u8>, name: &str, times: impl Iterator<Item = i64>) {
    write!(out, "],\"{name}\":[").expect(TAKES_ALL);
    for (at, t_ms) in times.enumerate() {
        comma(out, at);
        write!(out, "{t_ms}").expect(TAKES_ALL);
    }
}

fn write_value(out: &mut Vec<u8>, value: f64, nans: Nans) {
    let bits = value.to_bits();
    if value.is_nan() {
        match (nans, bits) {
            (Nans::Plain, _) | (_, ORDINARY_NAN_BITS) => out.extend_from_slice(b"null"),
            (_, STALE_MARKER_BITS) => write!(out, "\"{STALE_NAN}\"").expect(TAKES_ALL),
            _ => write!(out, "\"NaN({bits:016x})\"").expect(TAKES_ALL),
        }
    } else if value.is_infinite() {
        let text: &[u8] = if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" };
        out.extend_from_slice(text);
    } else if value == value.trunc() && value.abs() < 1e15 {
        // Without ".0"; -0 keeps its sign, which is a number in JSON.
        write!(out, "{value:.0}").expect(TAKES_ALL);
    } else {
        // The shortest digits that read back the same.
        write!(out, "{value:?}").expect(TAKES_ALL);
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(&mut *out, text).expect(TAKES_ALL);
}
