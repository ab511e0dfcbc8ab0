//! Asking for samples: matchers and a time range in, series out, one at a time.

use model::{Labels, Matcher, Sample};

use crate::Cardinality;

/// What to read.
#[derive(Debug, Clone)]
pub struct Select {
    /// All must hold; at least one.
    pub matchers: Vec<Matcher>,
    /// First moment, inclusive, Unix milliseconds.
    pub start_ms: i64,
    /// Last moment, inclusive, Unix milliseconds.
    pub end_ms: i64,
}

/// One series within the selected range.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its samples in time order, each time once; never empty.
    pub samples: Vec<Sample>,
}

/// Why a selection cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SelectError {
    /// The engine failed.
    #[error("cannot read series: {reason}")]
    Unavailable {
        /// What it said.
        reason: String,
    },
}

/// Series in the order of their labels.
pub type SeriesSet = Box<dyn Iterator<Item = Result<Series, SelectError>> + Send>;

/// Reads samples.
pub trait Querier: Send + Sync {
    /// The series that match and have a sample in the range. What was appended before the call is
    /// seen; what is appended while the set is read may or may not be.
    ///
    /// # Errors
    /// The engine's own.
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError>;

    /// The values of one label over all series that match (all series if there are no matchers),
    /// sorted, each once.
    ///
    /// # Errors
    /// The engine's own.
    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError>;

    /// The names of the labels of all series that match (all series if there are no matchers),
    /// sorted, each once.
    ///
    /// # Errors
    /// The engine's own.
    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError>;

    /// Where the series in memory come from, at most so many of each kind listed; `None` if the
    /// engine does not count.
    fn cardinality(&self, _n_listed_max: usize) -> Option<Cardinality> {
        None
    }
}
