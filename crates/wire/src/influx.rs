//! Influx: the line protocol of InfluxDB and of the agents that write to one, a point on each line.
//!
//! ```text
//! cpu,host=a\ b usage_user=1.5,cores=8i,ok=t,note="text" 1700000000000000000
//! ```
//!
//! A field that is a number or a boolean is a sample of the metric `measurement_field`; one that is
//! called `value` is one of the metric `measurement`. A text is no sample. A text may hold a line
//! feed, which then ends no line: [`PointEnds`] knows which ones do.
//!
//! Source: <https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/>.

mod ends;
mod line;

pub use ends::PointEnds;
pub use line::{Field, Point, read_line};

/// Bytes of a line that is read.
pub const LINE_BYTES_MAX: usize = 256 << 10;

/// The unit in which a request counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Nanoseconds, where nothing else is said.
    #[default]
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Minutes.
    M,
    /// Hours.
    H,
}

impl Precision {
    /// The unit that a word of either version of the API means.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "ns" | "n" => Self::Ns,
            "us" | "u" | "µ" | "µs" => Self::Us,
            "ms" => Self::Ms,
            "s" => Self::S,
            "m" => Self::M,
            "h" => Self::H,
            _ => return None,
        })
    }

    /// A time in this unit as Unix milliseconds, rounded down; `None` for one beyond all times.
    pub fn to_ms(self, t: i64) -> Option<i64> {
        match self {
            Self::Ns => Some(t.div_euclid(1_000_000)),
            Self::Us => Some(t.div_euclid(1000)),
            Self::Ms => Some(t),
            Self::S => t.checked_mul(1000),
            Self::M => t.checked_mul(60_000),
            Self::H => t.checked_mul(3_600_000),
        }
    }
}

/// The metric that a field's samples are of.
pub fn metric_name(measurement: &str, field: &str) -> String {
    if field == "value" && !measurement.is_empty() {
        return crate::plain_name(measurement);
    }
    crate::plain_name(&format!("{measurement}_{field}"))
}

#[cfg(test)]
mod tests;
