//! Trace: a querier that notes how often it was asked, what it gave and how long that took.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Matcher, Metadata};
use parking_lot::Mutex;
use stdx::Clock;
use storage::{
    Cardinality, LabelsSet, Querier, Remains, RollupSeries, RollupSet, Scan, Select, SelectError,
    Series, SeriesColumns, SeriesExemplars, SeriesSet, SeriesVisitor,
};

/// What was read of the store.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Selected {
    pub(super) n_selects: usize,
    pub(super) n_series: usize,
    pub(super) n_samples: usize,
    pub(super) took: Duration,
}

/// A querier, noted or not.
pub(super) struct Traced {
    querier: Arc<dyn Querier>,
    notes: Option<Notes>,
}

type Notes = Arc<Mutex<Selected>>;

impl Traced {
    /// Notes what is read if somebody wants to know: reading two clocks for each series takes time.
    pub(super) fn of(querier: &Arc<dyn Querier>, clock: &Arc<dyn Clock>, is_wanted: bool) -> Self {
        if !is_wanted {
            return Self { querier: Arc::clone(querier), notes: None };
        }
        let notes = Notes::default();
        let noting = Noting {
            inner: Arc::clone(querier),
            clock: Arc::clone(clock),
            notes: Arc::clone(&notes),
        };
        Self { querier: Arc::new(noting), notes: Some(notes) }
    }

    pub(super) fn querier(&self) -> Arc<dyn Querier> {
        Arc::clone(&self.querier)
    }

    /// What was noted so far.
    pub(super) fn selected(&self) -> Selected {
        self.notes.as_ref().map(|notes| *notes.lock()).unwrap_or_default()
    }
}

struct Noting {
    inner: Arc<dyn Querier>,
    clock: Arc<dyn Clock>,
    notes: Notes,
}

impl Querier for Noting {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let began = self.clock.monotonic();
        let set = self.inner.select(select);
        let mut notes = self.notes.lock();
        notes.n_selects += 1;
        notes.took += self.clock.monotonic() - began;
        drop(notes);
        let (clock, notes) = (Arc::clone(&self.clock), Arc::clone(&self.notes));
        let n_samples = |series: &Series| series.samples.len() + series.histograms.len();
        Ok(Box::new(NotedSet { inner: set?, n_samples, clock, notes }))
    }

    fn scan(&self, scan: &Scan, visitor: &mut dyn SeriesVisitor) -> Result<(), SelectError> {
        let began = self.clock.monotonic();
        let mut noted =
            NotedVisitor { inner: visitor, clock: &*self.clock, seen: Selected::default() };
        let ended = self.inner.scan(scan, &mut noted);
        let seen = noted.seen;
        let mut notes = self.notes.lock();
        notes.n_selects += 1;
        notes.n_series += seen.n_series;
        notes.n_samples += seen.n_samples;
        // What the visitor did meanwhile is not reading.
        notes.took += (self.clock.monotonic() - began).saturating_sub(seen.took);
        ended
    }

    fn series(&self, select: &Select) -> Result<LabelsSet, SelectError> {
        self.inner.series(select)
    }

    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        let began = self.clock.monotonic();
        let set = self.inner.rollups(select, width_ms);
        let mut notes = self.notes.lock();
        notes.n_selects += 1;
        notes.took += self.clock.monotonic() - began;
        drop(notes);
        let (clock, notes) = (Arc::clone(&self.clock), Arc::clone(&self.notes));
        let Some(inner) = set? else { return Ok(None) };
        let n_samples = |series: &RollupSeries| series.rollups.len();
        Ok(Some(Box::new(NotedSet { inner, n_samples, clock, notes })))
    }

    fn remains(&self) -> Remains {
        self.inner.remains()
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        self.inner.label_values(name, matchers)
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        self.inner.label_names(matchers)
    }

    fn exemplars(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        self.inner.exemplars(matchers, start_ms, end_ms)
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<(String, Metadata)>, SelectError> {
        self.inner.metadata(metric)
    }

    fn cardinality(&self, n_listed_max: usize) -> Option<Cardinality> {
        self.inner.cardinality(n_listed_max)
    }
}

/// Whom a scan shows series to; counts them, and the time that they took there.
struct NotedVisitor<'v> {
    inner: &'v mut dyn SeriesVisitor,
    clock: &'v dyn Clock,
    seen: Selected,
}

impl SeriesVisitor for NotedVisitor<'_> {
    fn key(&mut self, labels: Labels) -> ControlFlow<()> {
        self.inner.key(labels)
    }

    fn series(&mut self, series: SeriesColumns<'_>) -> ControlFlow<()> {
        self.seen.n_series += 1;
        self.seen.n_samples += series.times.len() + series.histograms.len();
        let began = self.clock.monotonic();
        let flow = self.inner.series(series);
        self.seen.took += self.clock.monotonic() - began;
        flow
    }
}

struct NotedSet<T> {
    inner: Box<dyn Iterator<Item = Result<T, SelectError>> + Send>,
    n_samples: fn(&T) -> usize,
    clock: Arc<dyn Clock>,
    notes: Notes,
}

impl<T> Iterator for NotedSet<T> {
    type Item = Result<T, SelectError>;

    fn next(&mut self) -> Option<Self::Item> {
        let began = self.clock.monotonic();
        let next = self.inner.next();
        let mut notes = self.notes.lock();
        notes.took += self.clock.monotonic() - began;
        if let Some(Ok(series)) = &next {
            notes.n_series += 1;
            notes.n_samples += (self.n_samples)(series);
        }
        next
    }
}
