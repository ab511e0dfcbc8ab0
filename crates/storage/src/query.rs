//! Asking for samples: matchers and a time range in, series out, one at a time.

use model::{Labels, Matcher, Sample};

use crate::RollupSeries;

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

/// Rollups of series in the order of their labels.
pub type RollupSet = Box<dyn Iterator<Item = Result<RollupSeries, SelectError>> + Send>;

/// Reads samples.
pub trait Querier: Send + Sync {
    /// The series that match and have a sample in the range. What was appended before the call is
    /// seen; what is appended while the set is read may or may not be.
    ///
    /// # Errors
    /// The engine's own.
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError>;

    /// The rollups of this width, of the series that match and have a sample in the range, whose
    /// bounds lie on the grid: `start_ms` is the first moment of a span, `end_ms` the last one.
    /// They are those of the samples that [`Self::select`] would give, wherever these still exist,
    /// and those that remain of the samples that do not. `None` if the engine keeps no such tier,
    /// or the bounds do not lie on its grid. Which queries they answer says
    /// [`crate::rollup::over_time::choose`].
    ///
    /// # Errors
    /// The engine's own.
    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        let _none = (select, width_ms);
        Ok(None)
    }

    /// The values of one label over all series that match (all series if there are no matchers),
    /// sorted, each once.
    ///
    /// # Errors
    /// The engine's own.
    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError>;
}
