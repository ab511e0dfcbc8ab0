//! Reports: what travels alone and at once, in the order it was said. States of services and
//! pipelines, and alerts.

use serde_json::{Map, Value, json};

/// Bytes of an endpoint that Pharos takes.
const ENDPOINT_BYTES_MAX: usize = 2048;
/// Bytes of an alert's title that Pharos takes.
const TITLE_BYTES_MAX: usize = 1024;
/// Bytes of a message that Pharos takes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a pipeline's metadata that Pharos takes.
const METADATA_BYTES_MAX: usize = 64 << 10;

/// How a service says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceState {
    /// It serves.
    Up,
    /// It does not.
    Down,
    /// It cannot tell.
    Unknown,
}

impl ServiceState {
    /// As it is written: `up`, `down` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// Where a run of a pipeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PipelineState {
    /// It has begun, or goes on.
    Running,
    /// It has ended well.
    Completed,
    /// It has ended badly.
    Failed,
}

impl PipelineState {
    /// As it is written: `running`, `completed` or `failed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Texts name these: a state in other words is an error that says which words there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWord(&'static str);

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "must be {}", self.0)
    }
}

impl std::error::Error for UnknownWord {}

impl std::str::FromStr for ServiceState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Up, Self::Down, Self::Unknown]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(UnknownWord("up, down or unknown"))
    }
}

impl std::str::FromStr for PipelineState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Running, Self::Completed, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(UnknownWord("running, completed or failed"))
    }
}

/// How urgent an alert is, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it today.
    Warning,
    /// Something does not work.
    Error,
    /// Come now.
    Critical,
}

impl Severity {
    /// As it is written: `info`, `warning`, `error` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Of a number (1 info, 2 warning, 3 and above critical) or a word in any case, also `low`,
    /// `medium` and `high`. What is neither is a warning: an alert must not be lost for its word.
    pub fn of(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "info" | "low" => Self::Info,
            "error" | "high" => Self::Error,
            "3" | "4" | "critical" => Self::Critical,
            _ => Self::Warning,
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A report that waits to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

impl Report {
    fn new(path: &'static str, body: Value) -> Self {
        Self { path, body }
    }

    pub(crate) fn status(service: &str, state: ServiceState, endpoint: Option<&str>) -> Self {
        let mut body = json!({ "name": service, "status": state.as_str() });
        if let Some(endpoint) = endpoint {
            body["endpoint"] = json!(cut(endpoint, ENDPOINT_BYTES_MAX));
        }
        Self::new("/services/", body)
    }

    pub(crate) fn pipeline(service: &str, run: &PipelineReport<'_>) -> Self {
        let mut body = json!({
            "service": service,
            "pipeline_type": cut(run.pipeline_type, 256),
            "status": run.state.as_str(),
        });
        if !run.metadata.is_empty() {
            let fits = json!(run.metadata).to_string().len() <= METADATA_BYTES_MAX;
            let metadata = if fits { json!(run.metadata) } else { json!({ "too_long": true }) };
            body["metadata"] = metadata;
        }
        if let Some(message) = run.error_message {
            body["error_message"] = json!(cut(message, MESSAGE_BYTES_MAX));
        }
        Self::new("/pipelines/", body)
    }

    pub(crate) fn alert(service: &str, title: &str, message: &str, severity: Severity) -> Self {
        let body = json!({
            "title": if title.is_empty() { "alert" } else { cut(title, TITLE_BYTES_MAX) },
            "message": cut(message, MESSAGE_BYTES_MAX),
            "severity": severity.as_str(),
            "service": service,
        });
        Self::new("/alerts/", body)
    }
}

/// What is said of a pipeline's run.
pub(crate) struct PipelineReport<'a> {
    pub(crate) pipeline_type: &'a str,
    pub(crate) state: PipelineState,
    pub(crate) metadata: &'a Map<String, Value>,
    pub(crate) error_message: Option<&'a str>,
}

/// At most so many bytes of a text, cut between characters: a long message must not cost the alert.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_have_an_order_and_three_dialects() {
        assert!(Severity::Info < Severity::Warning && Severity::Error < Severity::Critical);
        let words = ["1", "low", "2", "MEDIUM", "High", "3", "4", "what?"];
        let read: Vec<&str> = words.iter().map(|word| Severity::of(word).as_str()).collect();
        let expected =
            ["info", "info", "warning", "warning", "error", "critical", "critical", "warning"];
        assert_eq!(read, expected);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("äää", 3), "ä");
        assert_eq!(cut("äää", 6), "äää");
        let report = Report::alert("s", &"ß".repeat(2000), "m", Severity::Info);
        assert_eq!(report.body["title"].as_str().map(str::len), Some(1024));
    }

    #[test]
    fn metadata_too_long_for_pharos_does_not_cost_the_report() {
        let metadata = Map::from_iter([("log".to_owned(), json!("x".repeat(70_000)))]);
        let run = PipelineReport {
            pipeline_type: "training",
            state: PipelineState::Running,
            metadata: &metadata,
            error_message: None,
        };
        assert_eq!(Report::pipeline("s", &run).body["metadata"]["too_long"], json!(true));
    }
}
