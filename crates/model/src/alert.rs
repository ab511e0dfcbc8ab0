//! Alert: something a person should know, and how urgent it is.

use std::fmt;

/// How urgent an alert is; the order is the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warning,
    /// Something is broken.
    Error,
    /// Get up.
    Critical,
}

/// A word or number that is no severity in any dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSeverity {
    /// What was given.
    pub given: String,
}

impl fmt::Display for UnknownSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown severity {:?}, expected 1 (info), 2 (warning), 3 (critical), or one of \
             info, low, warning, medium, error, high, critical",
            self.given
        )
    }
}

impl std::error::Error for UnknownSeverity {}

impl Severity {
    /// Reads a severity in any dialect: 1-4, low/medium/high/critical, info/warning/error/critical,
    /// in any case.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, UnknownSeverity> {
        match text.to_ascii_lowercase().as_str() {
            "1" | "info" | "low" => Ok(Self::Info),
            "2" | "warning" | "medium" => Ok(Self::Warning),
            "error" | "high" => Ok(Self::Error),
            "3" | "4" | "critical" => Ok(Self::Critical),
            _ => Err(UnknownSeverity { given: text.to_owned() }),
        }
    }

    /// The canonical word, as in the label `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The number of the climate dialect, which knows three: error and critical are both 3.
    pub fn as_climate_number(self) -> u8 {
        match self {
            Self::Info => 1,
            Self::Warning => 2,
            Self::Error | Self::Critical => 3,
        }
    }
}

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Given by the store, rising.
    pub id: i64,
    /// The service it is about, if any.
    pub service: Option<String>,
    /// The pipeline run whose failure raised it, if any.
    pub pipeline_run: Option<i64>,
    /// One line.
    pub title: String,
    /// What happened and what to do.
    pub message: String,
    /// How urgent.
    pub severity: Severity,
    /// The severity as the sender wrote it.
    pub severity_raw: String,
    /// When it was raised, Unix milliseconds.
    pub raised_ms: i64,
    /// Who acknowledged it, and when (Unix milliseconds).
    pub acknowledged: Option<(String, i64)>,
}

#[cfg(test)]
mod tests {
    use super::Severity;

    #[test]
    fn every_dialect_reads_onto_one_ladder() {
        let read = |words: &[&str], want: Severity| {
            for word in words {
                assert_eq!(Severity::parse(word), Ok(want), "{word}");
            }
        };
        read(&["1", "INFO", "low"], Severity::Info);
        read(&["2", "Warning", "MEDIUM"], Severity::Warning);
        read(&["HIGH", "error"], Severity::Error);
        read(&["3", "4", "CRITICAL"], Severity::Critical);
        assert!(Severity::parse("5").is_err());
        assert!(Severity::Error < Severity::Critical);
    }
}
