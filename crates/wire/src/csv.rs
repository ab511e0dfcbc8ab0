//! CSV: rows of comma-separated values, of which a format says what stands in which column.
//!
//! ```text
//! format=1:time:unix_s,2:label:host,3:metric:cpu_usage,4:metric:mem_usage
//! 1700000000,a,0.5,1024
//! ```
//!
//! The format is that of VictoriaMetrics' import: `column:kind:context`, columns counted from 1. A
//! value may stand in double quotes, in which `""` is a quote; a row does not reach over lines.
//!
//! Source: <https://docs.victoriametrics.com/#how-to-import-csv-data>.

mod format;
mod row;

pub use format::{Format, FormatError};
pub use row::{Row, read_row};

/// Bytes of a row that is read.
pub const ROW_BYTES_MAX: usize = 1 << 20;

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// Unix seconds, with a fraction or without.
    UnixS,
    /// Unix milliseconds.
    UnixMs,
    /// Unix microseconds.
    UnixUs,
    /// Unix nanoseconds.
    UnixNs,
    /// As in `2026-01-31T12:00:00Z`.
    Rfc3339,
}

#[cfg(test)]
mod tests;
