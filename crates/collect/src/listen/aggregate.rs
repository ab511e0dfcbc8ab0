//! Aggregate: what the events of StatsD add up to, series by series.
//!
//! A counter, and a histogram of observations, only grow, as they would in a program that is scraped;
//! a gauge stays as it is; a set is counted anew after each flush. A series of which nothing is heard
//! for some minutes is forgotten, and marked as ended where it was stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Histogram, HistogramSample, Labels, STALE_MARKER_BITS, Sample};
use storage::{LimitError, SpelledBatch};
use wire::statsd::{Change, Metric, Values};

use super::distinct::Distinct;
use super::sketch::Sketch;

/// Series that are counted at one time.
const SERIES_MAX: usize = 100_000;
/// Memory of sketches and sets is larger, so there are fewer of them.
const LARGE_SERIES_MAX: usize = 10_000;
/// A series of which nothing is heard for so long is forgotten.
const SILENT_MAX: Duration = Duration::from_secs(300);

/// See the head of this file.
#[derive(Default)]
pub(super) struct Aggregate {
    series: HashMap<Labels, Series>,
    n_large: usize,
}

struct Series {
    state: State,
    /// When something was heard of it last, by the monotonic clock.
    heard: Duration,
    /// Since when it counts, Unix milliseconds.
    start_ms: i64,
    is_stored: bool,
}

enum State {
    Counter(f64),
    Gauge(f64),
    Observed(Box<Sketch>),
    Members(Distinct),
}

/// Why an event is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// As many series as there may be are counted already.
    #[error("as many series as there may be are counted already")]
    Full,
    /// The series is of another type.
    #[error("the series is of another type")]
    Type,
    /// Its labels are none, or break a bound.
    #[error(transparent)]
    Labels(LimitError),
}

impl Aggregate {
    /// How many series are counted.
    pub(super) fn n_series(&self) -> usize {
        self.series.len()
    }

    /// Takes an event. `check` says what is wrong with the labels of a new series.
    pub(super) fn take(
        &mut self,
        metric: &Metric<'_>,
        moment: Moment,
        check: impl FnOnce(&Labels) -> Result<(), LimitError>,
    ) -> Result<(), Refusal> {
        let pairs = metric.tags.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
        let labels = Labels::of_metric(&metric.name, pairs).map_err(|error| {
            Refusal::Labels(LimitError::BadLabels { reason: error.to_string() })
        })?;
        if let Some(first) = metric.measured.first()
            && !self.series.contains_key(&labels)
        {
            let state = State::new(&first.values);
            let is_full = self.series.len() >= SERIES_MAX
                || (state.is_large() && self.n_large >= LARGE_SERIES_MAX);
            if is_full {
                return Err(Refusal::Full);
            }
            check(&labels).map_err(Refusal::Labels)?;
            self.n_large += usize::from(state.is_large());
            let (heard, start_ms) = (moment.monotonic, moment.now_ms);
            let series = Series { state, heard, start_ms, is_stored: false };
            self.series.insert(labels.clone(), series);
        }
        let series = self.series.get_mut(&labels).ok_or(Refusal::Full)?;
        series.heard = moment.monotonic;
        let mut measured = metric.measured.iter();
        measured.try_for_each(|one| series.state.take(&one.values, one.weight))
    }

    /// Hands out what every series has, and forgets those that are silent. `each` is handed a batch
    /// with one more series after each call.
    pub(super) fn flush(
        &mut self,
        moment: Moment,
        batch: &mut SpelledBatch,
        mut each: impl FnMut(&mut SpelledBatch),
    ) {
        let Self { series, n_large } = self;
        series.retain(|labels, series| {
            let is_silent = moment.monotonic.saturating_sub(series.heard) > SILENT_MAX;
            match is_silent {
                true if series.is_stored => series.state.push_end(labels, moment.now_ms, batch),
                true => {}
                false => series.push(labels, moment.now_ms, batch),
            }
            each(batch);
            *n_large -= usize::from(is_silent && series.state.is_large());
            !is_silent
        });
    }
}

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now_ms: i64,
    pub(super) monotonic: Duration,
}

impl State {
    fn new(values: &Values<'_>) -> Self {
        match values {
            Values::Count(_) => Self::Counter(0.0),
            Values::Gauge(_) => Self::Gauge(0.0),
            Values::Observed(_) => Self::Observed(Box::default()),
            Values::Members(_) => Self::Members(Distinct::default()),
        }
    }

    fn is_large(&self) -> bool {
        matches!(self, Self::Observed(_) | Self::Members(_))
    }

    fn take(&mut self, values: &Values<'_>, weight: f64) -> Result<(), Refusal> {
        match (self, values) {
            (Self::Counter(total), Values::Count(values)) => {
                // What falls is no counter; a sender that counts down would look like a restart.
                *total += values.iter().filter(|value| **value > 0.0).sum::<f64>() * weight;
            }
            (Self::Gauge(value), Values::Gauge(changes)) => {
                for change in changes {
                    match change {
                        Change::Set(to) => *value = *to,
                        Change::Add(by) => *value += by,
                    }
                }
            }
            (Self::Observed(sketch), Values::Observed(values)) => {
                values.iter().for_each(|value| sketch.observe(*value, weight));
            }
            (Self::Members(set), Values::Members(members)) => {
                members.iter().for_each(|member| set.insert(member));
            }
            _ => return Err(Refusal::Type),
        }
        Ok(())
    }

    fn push_end(&self, labels: &Labels, t_ms: i64, batch: &mut SpelledBatch) {
        if let Self::Observed(_) = self {
            let histogram = Arc::new(Histogram::stale_marker());
            push(labels, &[], batch);
            batch.push_histogram(HistogramSample { t_ms, start_ms: 0, histogram });
        } else {
            let value = f64::from_bits(STALE_MARKER_BITS);
            push(labels, &[Sample::new(t_ms, value)], batch);
        }
    }
}

impl Series {
    fn push(&mut self, labels: &Labels, t_ms: i64, batch: &mut SpelledBatch) {
        let start_ms = self.start_ms;
        match &mut self.state {
            State::Counter(value) => {
                push(labels, &[Sample { t_ms, value: *value, start_ms }], batch);
            }
            State::Gauge(value) => push(labels, &[Sample::new(t_ms, *value)], batch),
            State::Members(set) => {
                push(labels, &[Sample::new(t_ms, set.count())], batch);
                set.clear();
            }
            State::Observed(sketch) => {
                let histogram = Arc::new(sketch.histogram());
                push(labels, &[], batch);
                batch.push_histogram(HistogramSample { t_ms, start_ms, histogram });
            }
        }
        self.is_stored = true;
    }
}

fn push(labels: &Labels, samples: &[Sample], batch: &mut SpelledBatch) {
    let mut pairs: Vec<(&str, &str)> =
        labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect();
    batch.push(&mut pairs, samples).expect("labels are sorted and each is there once");
}
