//! Page: the metrics of one push, by family.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use model::{Histogram, Labels, METRIC_NAME, MetadataKind};

use crate::openmetrics::{Dialect, Kind, Line, ORDINARY_NAN_BITS, Page, PageError, SampleLine};

/// Series of one push.
pub(super) const SERIES_MAX: usize = 100_000;

/// Metrics of one name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PushedFamily {
    /// What they are.
    pub kind: MetadataKind,
    /// A sentence on them; may be empty.
    pub help: String,
    /// Its series, metric name included, and their values.
    pub series: Vec<(Labels, PushedValue)>,
}

/// What a series is pushed with.
#[derive(Debug, Clone)]
pub enum PushedValue {
    /// A number.
    Number(f64),
    /// A native histogram, which is valid.
    Histogram(Arc<Histogram>),
}

impl PushedValue {
    /// The number, or how many observations there were.
    pub fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Histogram(histogram) => histogram.count,
        }
    }
}

impl From<f64> for PushedValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl PartialEq for PushedValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one == other,
            (Self::Histogram(one), Self::Histogram(other)) => one.same_bits(other),
            _ => false,
        }
    }
}

/// Families by name.
pub type PushedPage = BTreeMap<String, PushedFamily>;

/// A page cannot be a group's.
#[derive(Debug, thiserror::Error)]
pub enum PageFault {
    /// It is no page.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A sample says when it is of. It would grow old where the Pushgateway's would not.
    #[error("line {line}: a pushed metric has no timestamp; it is of the time of its push")]
    Timestamp {
        /// Which one, from 1.
        line: u64,
    },
    /// A sample that is no series, or one that was there before.
    #[error("line {line}: {reason}")]
    Series {
        /// Which one, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A line behind the page of a kept group that is no histogram of it.
    #[error("histogram {number} of a kept group cannot be read")]
    Histogram {
        /// Which one, from 1.
        number: usize,
    },
}

/// Reads a page of at most 100,000 series.
///
/// # Errors
/// See [`PageFault`].
pub fn read_page(bytes: &[u8], dialect: Dialect) -> Result<PushedPage, PageFault> {
    let mut lines = Page::new(bytes, dialect);
    let mut page = PushedPage::new();
    let mut seen = HashSet::new();
    loop {
        let number = lines.line_number() + 1;
        // What stands before a line decides what family it is of.
        let (kind, family) = (lines.kind(), lines.family().to_owned());
        match lines.next()? {
            None => return Ok(page),
            Some(Line::Sample(sample)) => {
                let labels = series(number, &sample)?;
                if seen.len() == SERIES_MAX || !seen.insert(labels.clone()) {
                    let full = format!("more than {SERIES_MAX} series");
                    let twice = format!("{labels} is there before");
                    let reason = if seen.len() == SERIES_MAX { full } else { twice };
                    return Err(PageFault::Series { line: number, reason });
                }
                let name = family_of(sample.name, &family, kind).to_owned();
                page.entry(name).or_default().series.push((labels, sample.value.into()));
            }
            Some(Line::Type { family, kind }) => {
                page.entry(family.to_owned()).or_default().kind = kind.into();
            }
            Some(Line::Help { family, text }) => {
                page.entry(family.to_owned()).or_default().help = text.into_owned();
            }
            Some(Line::Unit { .. } | Line::Created(_) | Line::Nothing | Line::Eof) => {}
        }
    }
}

fn series(line: u64, sample: &SampleLine<'_>) -> Result<Labels, PageFault> {
    if sample.t_ms.is_some() {
        return Err(PageFault::Timestamp { line });
    }
    let pairs = sample.labels.iter().chain([(METRIC_NAME, sample.name)]);
    Labels::new(pairs).map_err(|error| PageFault::Series { line, reason: error.to_string() })
}

/// The family of a sample that follows the description of one.
fn family_of<'a>(sample: &'a str, described: &'a str, kind: Kind) -> &'a str {
    let suffixes: &[&str] = match kind {
        Kind::Histogram | Kind::GaugeHistogram => {
            &["_bucket", "_sum", "_count", "_gsum", "_gcount"]
        }
        Kind::Summary => &["_sum", "_count"],
        Kind::Counter => &["_total"],
        Kind::Info => &["_info"],
        _ => &[],
    };
    let behind = sample.strip_prefix(described).filter(|_| !described.is_empty());
    if behind.is_some_and(|suffix| suffixes.contains(&suffix)) { described } else { sample }
}

impl From<Kind> for MetadataKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unknown => Self::Unknown,
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Histogram => Self::Histogram,
            Kind::GaugeHistogram => Self::GaugeHistogram,
            Kind::Summary => Self::Summary,
            Kind::Info => Self::Info,
            Kind::StateSet => Self::StateSet,
        }
    }
}

/// A value without the power to end its series.
pub(super) fn ordinary(value: f64) -> f64 {
    if value.is_nan() { f64::from_bits(ORDINARY_NAN_BITS) } else { value }
}
