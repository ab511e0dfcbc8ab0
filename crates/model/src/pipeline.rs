//! Pipeline: one run of a data or training pipeline, from its first report to its end.

use std::fmt;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PipelineStatus {
    /// Under way; further reports continue this run.
    Running,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
}

/// A word that is no pipeline status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPipelineStatus {
    /// What was given.
    pub given: String,
}

impl fmt::Display for UnknownPipelineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown status {:?}, expected running, completed or failed", self.given)
    }
}

impl std::error::Error for UnknownPipelineStatus {}

impl PipelineStatus {
    /// Reads a status in any case.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, UnknownPipelineStatus> {
        match text.to_ascii_lowercase().as_str() {
            "running" => Ok(Self::Running),
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            _ => Err(UnknownPipelineStatus { given: text.to_owned() }),
        }
    }

    /// The word as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Whether a report with this status ends the run.
    pub fn is_end(self) -> bool {
        self != Self::Running
    }
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// Given by the store, rising.
    pub id: i64,
    /// `data_ingestion`, `preprocessing`, `training`, `evaluation`, or any other word.
    pub pipeline_type: String,
    /// The service it runs in, if the sender said so.
    pub service: Option<String>,
    /// Where the run is.
    pub status: PipelineStatus,
    /// The first report, Unix milliseconds.
    pub started_ms: i64,
    /// The report that ended it, Unix milliseconds.
    pub ended_ms: Option<i64>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// The last free-form object the sender gave, as JSON text.
    pub metadata_json: Option<String>,
}
