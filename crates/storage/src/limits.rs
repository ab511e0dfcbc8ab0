//! Limits: how large a series' identity may be, how far its clock may be off, and how many series
//! there may be.

use std::ops::RangeInclusive;
use std::time::Duration;

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

/// Bounds on how many series an engine keeps. The engine enforces them, as it alone knows which
/// series are new; `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Series of the whole store.
    pub total: Option<u64>,
    /// Series of one metric name.
    pub per_metric: Option<u64>,
    /// Series that one source began: a key, or a way in.
    pub per_source: Option<u64>,
}

/// The moments of which samples are taken, at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    now_ms: i64,
    earliest_ms: i64,
    latest_ms: i64,
}

impl Times {
    /// Whether samples of all these moments are taken, Unix milliseconds.
    pub fn contain(&self, times_ms: &RangeInclusive<i64>) -> bool {
        self.earliest_ms <= *times_ms.start() && *times_ms.end() <= self.latest_ms
    }

    /// Checks the time of one sample, Unix milliseconds.
    ///
    /// # Errors
    /// [`LimitError::TooFarAhead`] or [`LimitError::TooOld`].
    #[inline]
    pub fn check(&self, t_ms: i64) -> Result<(), LimitError> {
        if t_ms > self.latest_ms {
            return Err(LimitError::TooFarAhead { ahead_ms: t_ms.saturating_sub(self.now_ms) });
        }
        if t_ms < self.earliest_ms {
            let age_ms = self.now_ms.saturating_sub(t_ms);
            let max_ms = self.now_ms.saturating_sub(self.earliest_ms);
            return Err(LimitError::TooOld { age_ms, max_ms });
        }
        Ok(())
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
    /// A native histogram that is none, or is too large.
    #[error("{reason}")]
    NativeHistogram {
        /// What is wrong with it.
        reason: String,
    },
    /// An exemplar that is none, or is too long.
    #[error("{reason}")]
    Exemplar {
        /// What is wrong with it.
        reason: String,
    },
    /// Metadata of a metric that are none, or are too long.
    #[error("{reason}")]
    Metadata {
        /// What is wrong with them.
        reason: String,
    },
    /// A point that is no sample.
    #[error("{reason}")]
    BadPoint {
        /// What is wrong with it.
        reason: String,
    },
    /// A time too far ahead.
    #[error(
        "timestamp is {} ahead of this server's clock, at most one day is taken",
        whole_seconds(*ahead_ms)
    )]
    TooFarAhead {
        /// How far.
        ahead_ms: i64,
    },
    /// A time that retention would drop at once.
    #[error(
        "timestamp is {} old, older than the retention of {}",
        whole_seconds(*age_ms),
        whole_seconds(*max_ms)
    )]
    TooOld {
        /// How old.
        age_ms: i64,
        /// The retention.
        max_ms: i64,
    },
    /// Another value than the one that the series has at this time.
    #[error("another value than the one of the same time, {t_ms} ms")]
    Conflict {
        /// The time, Unix milliseconds.
        t_ms: i64,
    },
    /// A series that a rule of relabelling drops.
    #[error("a rule of relabelling drops the series")]
    Relabel,
    /// A new series where the store has no room for one.
    #[error("a new series, but the store has all of the {max} series it may have")]
    SeriesTotal {
        /// The bound.
        max: u64,
    },
    /// A new series of a metric that has no room for one.
    #[error("a new series, but metric {metric:?} has all of the {max} series it may have")]
    SeriesOfMetric {
        /// The metric name.
        metric: String,
        /// The bound.
        max: u64,
    },
    /// A new series from a source that may send no further one.
    #[error("a new series, but source {source_name:?} has all of the {max} series it may have")]
    SeriesOfSource {
        /// The source: the name of a key, or of a way in.
        source_name: String,
        /// The bound.
        max: u64,
    },
}

/// A distance in time as a person reads it. Of more than a second, milliseconds say nothing.
fn whole_seconds(distance_ms: i64) -> String {
    let distance_ms = distance_ms.unsigned_abs();
    let rest_ms = if distance_ms < 1000 { 0 } else { distance_ms % 1000 };
    model::format_duration(Duration::from_millis(distance_ms - rest_ms))
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
            Self::NativeHistogram { .. } => "native_histogram",
            Self::Exemplar { .. } => "exemplar",
            Self::Metadata { .. } => "metadata",
            Self::BadPoint { .. } => "bad_point",
            Self::TooFarAhead { .. } => "too_far_ahead",
            Self::TooOld { .. } => "too_old",
            Self::Conflict { .. } => "conflict",
            Self::Relabel => "relabel",
            Self::SeriesTotal { .. } => "series_limit",
            Self::SeriesOfMetric { .. } => "metric_series_limit",
            Self::SeriesOfSource { .. } => "source_series_limit",
        }
    }

    /// Whether it concerns one sample rather than its whole series.
    pub fn is_of_one_sample(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    /// Every word that [`LimitError::reason`] can give.
    pub const REASONS: [&'static str; 17] = [
        "no_metric_name",
        "label_count",
        "label_name_length",
        "label_value_length",
        "nul",
        "bad_labels",
        "native_histogram",
        "exemplar",
        "metadata",
        "bad_point",
        "too_far_ahead",
        "too_old",
        "conflict",
        "relabel",
        "series_limit",
        "metric_series_limit",
        "source_series_limit",
    ];
}

impl Limits {
    /// Checks one row against the clock.
    ///
    /// # Errors
    /// The first bound it breaks.
    pub fn check(&self, row: &Row, now_ms: i64) -> Result<(), LimitError> {
        self.check_labels(&row.labels)?;
        self.times(now_ms).check(row.sample.t_ms)
    }

    /// The moments of which samples are taken at `now_ms`, Unix milliseconds.
    pub fn times(&self, now_ms: i64) -> Times {
        let earliest_ms = self.age_ms_max.map_or(i64::MIN, |max_ms| now_ms.saturating_sub(max_ms));
        Times { now_ms, earliest_ms, latest_ms: now_ms.saturating_add(PUSH_AHEAD_MAX_MS) }
    }

    /// Checks what names a series.
    ///
    /// # Errors
    /// The first bound it breaks.
    pub fn check_labels(&self, labels: &Labels) -> Result<(), LimitError> {
        self.check_each(labels.iter().map(|label| (label.name.as_str(), label.value.as_str())))
    }

    /// Checks the labels of one series: names and values.
    ///
    /// # Errors
    /// The first bound they break.
    pub fn check_pairs(&self, pairs: &[(&str, &str)]) -> Result<(), LimitError> {
        self.check_each(pairs.iter().copied())
    }

    fn check_each<'a>(
        &self,
        pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<(), LimitError> {
        if !pairs.clone().any(|(name, _)| name == METRIC_NAME) {
            return Err(LimitError::NoMetricName);
        }
        if pairs.len() > self.labels_max {
            return Err(LimitError::LabelCount { given: pairs.len(), max: self.labels_max });
        }
        pairs.into_iter().try_for_each(|(name, value)| self.check_label(name, value))
    }

    fn check_label(&self, name: &str, value: &str) -> Result<(), LimitError> {
        let (given, max) = (name.len(), self.label_name_bytes_max);
        if given > max {
            let name = name.chars().take(32).collect();
            return Err(LimitError::LabelNameLength { name, given, max });
        }
        let (given, max) = (value.len(), self.label_value_bytes_max);
        if given > max {
            return Err(LimitError::LabelValueLength { name: name.to_owned(), given, max });
        }
        if name.contains('\0') || value.contains('\0') {
            return Err(LimitError::Nul { name: name.replace('\0', "\\0") });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
