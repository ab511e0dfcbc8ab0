//! Sample: one value of one series at one moment.

/// The bits that mark a series as ended (the "stale" NaN of the Prometheus remote-write protocol).
/// Only the bits tell it from an ordinary NaN.
pub const STALE_MARKER_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One value at one moment. Values keep all 64 bits, NaN payloads and -0.0 included.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Unix milliseconds.
    pub t_ms: i64,
    /// The value; bits matter, see [`STALE_MARKER_BITS`].
    pub value: f64,
    /// Since when a counter counts, Unix milliseconds; 0 when the sender did not say.
    pub start_ms: i64,
}

impl Sample {
    /// A sample whose sender named no start time.
    pub fn new(t_ms: i64, value: f64) -> Self {
        Self { t_ms, value, start_ms: 0 }
    }

    /// Whether the two are the same to the bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        self.t_ms == other.t_ms
            && self.start_ms == other.start_ms
            && self.value.to_bits() == other.value.to_bits()
    }
}

/// Whether a value is the stale marker rather than a number (or an ordinary NaN).
pub fn is_stale_marker(value: f64) -> bool {
    value.to_bits() == STALE_MARKER_BITS
}
