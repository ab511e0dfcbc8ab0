//! Asking for samples: matchers and a time range in, series out, one at a time.

use model::{Exemplar, HistogramSample, Labels, Matcher, Metadata, Sample};

use crate::{Cardinality, Remains, RollupSeries, Scan, SeriesVisitor, scan_series};

/// Which kinds of samples to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Numbers alone, for who knows no other. What histograms there are is not looked at, so a
    /// number may be seen that a histogram of the same time has replaced.
    #[default]
    Floats,
    /// Numbers and native histograms.
    Both,
}

/// What to read.
#[derive(Debug, Clone)]
pub struct Select {
    /// All must hold; at least one.
    pub matchers: Vec<Matcher>,
    /// First moment, inclusive, Unix milliseconds.
    pub start_ms: i64,
    /// Last moment, inclusive, Unix milliseconds.
    pub end_ms: i64,
    /// Which kinds of samples.
    pub kinds: Kinds,
}

impl Select {
    /// Asks for the numbers within these times, both inclusive, Unix milliseconds.
    pub fn floats(matchers: Vec<Matcher>, start_ms: i64, end_ms: i64) -> Self {
        Self { matchers, start_ms, end_ms, kinds: Kinds::Floats }
    }

    /// The same for numbers and native histograms.
    pub fn both(matchers: Vec<Matcher>, start_ms: i64, end_ms: i64) -> Self {
        Self { kinds: Kinds::Both, ..Self::floats(matchers, start_ms, end_ms) }
    }
}

/// One series within the selected range.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its numbers in time order.
    pub samples: Vec<Sample>,
    /// Its native histograms in time order. Each time stands once in one of the two rows, of which
    /// at least one is not empty.
    pub histograms: Vec<HistogramSample>,
}

impl Series {
    /// A series of numbers.
    pub fn of_floats(labels: Labels, samples: Vec<Sample>) -> Self {
        Self { labels, samples, histograms: Vec::new() }
    }
}

/// The exemplars of one series.
#[derive(Debug, Clone)]
pub struct SeriesExemplars {
    /// The labels of the series.
    pub labels: Labels,
    /// In time order; never empty.
    pub exemplars: Vec<Exemplar>,
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

/// The labels of series in their order.
pub type LabelsSet = Box<dyn Iterator<Item = Result<Labels, SelectError>> + Send>;

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

    /// Shows the series of a selection one after the other, see [`Scan`]: what [`Self::select`]
    /// would give, without more memory than for one of them.
    ///
    /// # Errors
    /// The engine's own.
    fn scan(&self, scan: &Scan, visitor: &mut dyn SeriesVisitor) -> Result<(), SelectError> {
        scan_series(self.select(&scan.select)?, scan, visitor)
    }

    /// The labels of the series that match, of all series if there are no matchers, and that may have
    /// a sample in the range. Who knows without reading samples says it sooner, and of some too much.
    ///
    /// # Errors
    /// The engine's own.
    fn series(&self, select: &Select) -> Result<LabelsSet, SelectError> {
        let series = self.select(select)?;
        Ok(Box::new(series.map(|series| series.map(|series| series.labels))))
    }

    /// The rollups of this width, of the series that match and have a sample in the range, whose
    /// bounds lie on the grid: `start_ms` is the first moment of a span, `end_ms` the last one.
    /// They are those of the numbers among the samples of [`Kinds::Both`] that [`Self::select`]
    /// would give, wherever these still exist, and those that remain of the samples that do not. `None` if the engine keeps no such tier,
    /// or the bounds do not lie on its grid. Which queries they answer says
    /// [`crate::rollup::over_time::choose`].
    ///
    /// # Errors
    /// The engine's own.
    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        let _none = (select, width_ms);
        Ok(None)
    }

    /// From when on all samples are there, and which tiers have rollups of those that are not. An
    /// engine that drops nothing says nothing.
    fn remains(&self) -> Remains {
        Remains::default()
    }

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

    /// The exemplars within these times (Unix milliseconds, both inclusive) of all series that match,
    /// in the order of their labels. Only the newest are kept, so there may be none.
    ///
    /// # Errors
    /// The engine's own.
    fn exemplars(
        &self,
        _matchers: &[Matcher],
        _start_ms: i64,
        _end_ms: i64,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        Ok(Vec::new())
    }

    /// What senders have said of a metric, or of each, in the order of their names.
    ///
    /// # Errors
    /// The engine's own.
    fn metadata(&self, _metric: Option<&str>) -> Result<Vec<(String, Metadata)>, SelectError> {
        Ok(Vec::new())
    }

    /// Where the series in memory come from, at most so many of each kind listed; `None` if the
    /// engine does not count.
    fn cardinality(&self, _n_listed_max: usize) -> Option<Cardinality> {
        None
    }
}
