//! Limits: how large a series' identity may be and how far its clock may be off.

use model::{Labels, METRIC_NAME};

use crate::Row;

/// A pushed sample may be at most this far ahead of our clock: one bad clock would otherwise make
/// its series out of order for ever.
pub const PUSH_AHEAD_MAX_MS: i64 = 24 * 3600 * 1000;

/// Bounds on one row.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Labels of one series, the metric name included.
    pub labels_max: usize,
    /// Bytes of a label's name.
    pub label_name_bytes_max: usize,
    /// Bytes of a label's value, the metric name among them.
    pub label_value_bytes_max: usize,
    /// How old a sample may be, milliseconds; `None` when everything is kept.
    pub age_ms_max: Option<i64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            labels_max: 40,
            label_name_bytes_max: 128,
            label_value_bytes_max: 4096,
            age_ms_max: None,
        }
    }
}

/// Why something is not taken. The variants are the closed set of reasons in
/// `pharos_ingest_rejected_total`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No metric name.
    #[error("the metric name is empty")]
    NoMetricName,
    /// Too many labels.
    #[error("{given} labels, at most {max} are taken")]
    LabelCount {
        /// How many there are.
        given: usize,
        /// How many may be.
        max: usize,
    },
    /// A label name that is too long.
    #[error("label name {name:?}... has {given} bytes, at most {max} are taken")]
    LabelNameLength {
        /// The start of the name.
        name: String,
        /// Its bytes.
        given: usize,
        /// The bound.
        max: usize,
    },
    /// A label value that is too long.
    #[error("the value of label {name:?} has {given} bytes, at most {max} are taken")]
    LabelValueLength {
        /// The label.
        name: String,
        /// Its bytes.
        given: usize,
        /// The bound.
        max: usize,
    },
    /// A NUL character, which no tool downstream expects.
    #[error("label {name:?} contains a NUL character")]
    Nul {
        /// The label.
        name: String,
    },
    /// Labels that name no series: an empty name, the same name twice, bytes that are no text.
    #[error("{reason}")]
    BadLabels {
        /// What is wrong with them.
        reason: String,
    },
    /// A native histogram.
    #[error("native histograms are not stored")]
    NativeHistogram,
    /// An exemplar.
    #[error("exemplars are not stored")]
    Exemplar,
    /// A time too far ahead.
    #[error("timestamp is {ahead_ms} ms ahead of this server's clock, at most one day is taken")]
    TooFarAhead {
        /// How far.
        ahead_ms: i64,
    },
    /// A time that retention would drop at once.
    #[error("timestamp is {age_ms} ms old, older than the retention of {max_ms} ms")]
    TooOld {
        /// How old.
        age_ms: i64,
        /// The retention.
        max_ms: i64,
    },
}

impl LimitError {
    /// The word for this reason in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoMetricName => "no_metric_name",
            Self::LabelCount { .. } => "label_count",
            Self::LabelNameLength { .. } => "label_name_length",
            Self::LabelValueLength { .. } => "label_value_length",
            Self::Nul { .. } => "nul",
            Self::BadLabels { .. } => "bad_labels",
            Self::NativeHistogram => "native_histogram",
            Self::Exemplar => "exemplar",
            Self::TooFarAhead { .. } => "too_far_ahead",
            Self::TooOld { .. } => "too_old",
        }
    }

    /// Every word that [`LimitError::reason`] can give.
    pub const REASONS: [&'static str; 10] = [
        "no_metric_name",
        "label_count",
        "label_name_length",
        "label_value_length",
        "nul",
        "bad_labels",
        "native_histogram",
        "exemplar",
        "too_far_ahead",
        "too_old",
    ];
}

impl Limits {
    /// Checks one row against the clock.
    ///
    /// # Errors
    /// The first bound it breaks.
    pub fn check(&self, row: &Row, now_ms: i64) -> Result<(), LimitError> {
        self.check_labels(&row.labels)?;
        let ahead_ms = row.sample.t_ms.saturating_sub(now_ms);
        if ahead_ms > PUSH_AHEAD_MAX_MS {
            return Err(LimitError::TooFarAhead { ahead_ms });
        }
        match self.age_ms_max {
            Some(max_ms) if ahead_ms.saturating_neg() > max_ms => {
                Err(LimitError::TooOld { age_ms: ahead_ms.saturating_neg(), max_ms })
            }
            _ => Ok(()),
        }
    }

    /// Checks what names a series.
    ///
    /// # Errors
    /// The first bound it breaks.
    pub fn check_labels(&self, labels: &Labels) -> Result<(), LimitError> {
        if labels.get(METRIC_NAME).is_none() {
            return Err(LimitError::NoMetricName);
        }
        if labels.len() > self.labels_max {
            return Err(LimitError::LabelCount { given: labels.len(), max: self.labels_max });
        }
        for label in labels {
            let (given, max) = (label.name.len(), self.label_name_bytes_max);
            if given > max {
                let name = label.name.chars().take(32).collect();
                return Err(LimitError::LabelNameLength { name, given, max });
            }
            let (given, max) = (label.value.len(), self.label_value_bytes_max);
            if given > max {
                return Err(LimitError::LabelValueLength { name: label.name.clone(), given, max });
            }
            if label.name.contains('\0') || label.value.contains('\0') {
                return Err(LimitError::Nul { name: label.name.replace('\0', "\\0") });
            }
        }
        Ok(())
    }
}
