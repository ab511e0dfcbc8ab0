//! Metadata: what a metric is, as its source describes it.

use crate::MetricKind;

/// What kind of metric a source says it has. OpenMetrics knows more kinds than a page of ours shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MetadataKind {
    /// The source did not say.
    #[default]
    Unknown,
    /// Only grows, or restarts from zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size.
    Histogram,
    /// The same, where observations may go away again.
    GaugeHistogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// A constant 1 whose labels tell something.
    Info,
    /// One series for each state, 1 for those that hold.
    StateSet,
}

impl MetadataKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// As it stands in OpenMetrics and in answers of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

impl From<MetricKind> for MetadataKind {
    fn from(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter,
            MetricKind::Gauge => Self::Gauge,
            MetricKind::Histogram => Self::Histogram,
            MetricKind::Summary => Self::Summary,
            MetricKind::Untyped => Self::Unknown,
        }
    }
}

/// What a source says of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// What kind it is of.
    pub kind: MetadataKind,
    /// A sentence for a reader; may be empty.
    pub help: String,
    /// Its unit, as `seconds`; may be empty.
    pub unit: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let mut names: Vec<&str> = MetadataKind::ALL.map(MetadataKind::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MetadataKind::ALL.len());
        assert_eq!(MetadataKind::from(MetricKind::Untyped), MetadataKind::Unknown);
        assert_eq!(MetadataKind::from(MetricKind::Summary).as_str(), "summary");
    }
}
