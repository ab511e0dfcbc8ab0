//! Service: something that reports its own state.

use std::fmt;

/// The state a service reports, or is given when it falls silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceStatus {
    /// Working.
    Up,
    /// Said to be down.
    Down,
    /// Never said, or silent for too long.
    Unknown,
}

/// A word that is no service status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownServiceStatus {
    /// What was given.
    pub given: String,
}

impl fmt::Display for UnknownServiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown status {:?}, expected up, down or unknown", self.given)
    }
}

impl std::error::Error for UnknownServiceStatus {}

impl ServiceStatus {
    /// Reads a status in any case.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, UnknownServiceStatus> {
        match text.to_ascii_lowercase().as_str() {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "unknown" => Ok(Self::Unknown),
            _ => Err(UnknownServiceStatus { given: text.to_owned() }),
        }
    }

    /// The word as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// A service as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Given by the store, rising.
    pub id: i64,
    /// Unique.
    pub name: String,
    /// The last known state.
    pub status: ServiceStatus,
    /// The last sign of life, Unix milliseconds.
    pub last_check_ms: i64,
    /// When `status` last became another word, Unix milliseconds.
    pub last_status_change_ms: i64,
    /// Where it listens, if it said so.
    pub endpoint: Option<String>,
}
