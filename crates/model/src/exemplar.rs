//! Exemplar: one observation that was counted, with what leads to its trace.

use std::fmt;

use crate::Labels;

/// Characters that the names and values of an exemplar's labels may have together.
pub const EXEMPLAR_CHARS_MAX: usize = 128;

/// One observation of a series at one moment.
#[derive(Debug, Clone)]
pub struct Exemplar {
    /// What leads elsewhere, `trace_id` as a rule; not the labels of the series.
    pub labels: Labels,
    /// What was observed.
    pub value: f64,
    /// When, Unix milliseconds.
    pub t_ms: i64,
}

/// An exemplar's labels are too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExemplarError {
    /// Characters of names and values, counted no further than to the first one too many.
    pub n_chars: usize,
}

impl fmt::Display for ExemplarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "label length for exemplar exceeds maximum of {EXEMPLAR_CHARS_MAX} UTF-8 characters"
        )
    }
}

impl std::error::Error for ExemplarError {}

impl Exemplar {
    /// Whether its labels are as short as OpenMetrics wants them. What stands around them when they
    /// are written, as quotes and commas, does not count.
    ///
    /// # Errors
    /// They are longer.
    pub fn validate(&self) -> Result<(), ExemplarError> {
        let texts = self.labels.iter().flat_map(|label| [&label.name, &label.value]);
        let n_chars = texts.flat_map(|text| text.chars()).take(EXEMPLAR_CHARS_MAX + 1).count();
        if n_chars > EXEMPLAR_CHARS_MAX { Err(ExemplarError { n_chars }) } else { Ok(()) }
    }

    /// Whether two are the same to the bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        self.labels == other.labels
            && self.value.to_bits() == other.value.to_bits()
            && self.t_ms == other.t_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(value: &str) -> Exemplar {
        Exemplar { labels: Labels::new([("trace_id", value)]).unwrap(), value: 1.0, t_ms: 0 }
    }

    #[test]
    fn labels_are_counted_in_characters() {
        let longest = EXEMPLAR_CHARS_MAX - "trace_id".len();
        assert_eq!(exemplar(&"ü".repeat(longest)).validate(), Ok(()));
        let error = exemplar(&"x".repeat(longest + 1)).validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "label length for exemplar exceeds maximum of 128 UTF-8 characters"
        );
    }

    #[test]
    fn equal_means_to_the_bit() {
        let nan = |payload| Exemplar { value: f64::from_bits(payload), ..exemplar("a") };
        assert!(nan(0x7ff8_0000_0000_0001).same_bits(&nan(0x7ff8_0000_0000_0001)));
        assert!(!nan(0x7ff8_0000_0000_0001).same_bits(&nan(0x7ff8_0000_0000_0002)));
        assert!(!exemplar("a").same_bits(&exemplar("b")));
        assert!(!exemplar("a").same_bits(&Exemplar { t_ms: 1, ..exemplar("a") }));
    }
}
