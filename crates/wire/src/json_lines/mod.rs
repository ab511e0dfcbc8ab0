//! JSON lines: series as VictoriaMetrics exports and imports them, a series or a part of one on
//! each line.
//!
//! ```json
//! {"metric":{"__name__":"up","job":"x"},"values":[1,null],"timestamps":[1549891472010,1549891487724]}
//! ```
//!
//! What JSON has no number for is written so that it can be told apart: the ordinary NaN is `null`,
//! infinities are `"Infinity"` and `"-Infinity"`, as VictoriaMetrics has them; the marker of an
//! ended series is `"StaleNaN"` and any other NaN shows its bits, `"NaN(7ff8000000000005)"`, which
//! VictoriaMetrics does not read. Times since when counters count stand in a third array,
//! `start_timestamps`, which VictoriaMetrics passes over.
//!
//! Source: <https://docs.victoriametrics.com/#json-line-format>.

mod read;
mod write;

pub use read::{LineError, SeriesLine, read_line};
pub use write::{Nans, write_line};

/// Bytes of a line that is read.
pub const LINE_BYTES_MAX: usize = 10 << 20;

/// How the marker of an ended series is written.
const STALE_NAN: &str = "StaleNaN";

#[cfg(test)]
mod tests;
