//! Running a stream: each series of a scan becomes numbers at steps, which go to a sink.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::Labels;
use storage::{SeriesColumns, SeriesVisitor};

use super::super::answer::{Point, QueryError};
use super::super::budget::Held;
use super::super::evaluator::{Evaluator, arg_span};
use super::super::native_totals::totals;
use super::super::over_time::doubt_counter;
use super::super::row::held_by;
use super::super::select::{Pick, latest};
use super::super::steps::Steps;
use super::super::window::Ranged;
use super::bounds::{Grid, Known};
use super::columns::{Kept, Numbers};
use super::kernel::{At, Kernel};
use super::plan::{Stream, Wanted};
use super::sink::Sink;
use super::{ABSENT, is_absent};

/// How a run ended.
pub(super) enum Outcome {
    Done,
    /// The sink cannot take what the series have.
    GaveUp,
}

/// Asking whether to go on costs as much as so many samples do.
const SERIES_WEIGHT: usize = 16;
/// It is asked for each series, or less often for very small ones.
const CHECKED_WEIGHT: usize = 1024;

/// Where windows overlap so that all steps together see more numbers of one series than this, it is
/// asked in between, too: some milliseconds.
const SEEN_MAX: u64 = 1 << 22;

/// Runs a stream into a sink.
pub(super) fn run(
    evaluator: &mut Evaluator<'_>,
    stream: &Stream<'_>,
    steps: &Steps,
    wanted: Wanted,
    sink: &mut dyn Sink,
) -> Result<Outcome, QueryError> {
    let n_bytes = steps.n().saturating_mul(size_of::<[i64; 8]>());
    evaluator.budget.take(Held { n_bytes, ..Held::default() })?;
    let querier = evaluator.querier;
    let source = &stream.source;
    let kernel = match &source.over {
        Some(over) => Kernel::of(over.name, source.range.range_ms),
        None => Some(Kernel::Last),
    };
    let mut scan = stream.scan(steps, wanted);
    // What a histogram says of the one before depends on more than the newest one.
    let need = evaluator.need;
    scan.newest_only &= !need.is_totals_alone();
    scan.select.start_ms = need.start_ms(scan.select.start_ms, source.range.lookback_ms);
    let counted = (evaluator.n_read, evaluator.n_queryable);
    let mut runner = Runner {
        evaluator,
        stream,
        steps,
        grid: Grid::new(&source.range, steps),
        sink,
        kernel,
        is_newest: scan.newest_only,
        keys: Vec::new(),
        doubted: Vec::new(),
        kept: Kept::default(),
        known: Known::default(),
        last_times: None,
        values: Vec::new(),
        weight: CHECKED_WEIGHT,
        failed: None,
        gave_up: false,
    };
    querier.scan(&scan, &mut runner)?;
    let (failed, gave_up) = (runner.failed.take(), runner.gave_up);
    match failed {
        Some(error) => Err(error),
        None if gave_up => {
            // Who evaluates it instead counts it all.
            (evaluator.n_read, evaluator.n_queryable) = counted;
            Ok(Outcome::GaveUp)
        }
        None => Ok(Outcome::Done),
    }
}

/// Whom the store shows the series of a stream.
struct Runner<'r, 'q, 'e> {
    evaluator: &'r mut Evaluator<'q>,
    stream: &'r Stream<'e>,
    steps: &'r Steps,
    grid: Grid,
    sink: &'r mut dyn Sink,
    /// Of the source's function, if it has one.
    kernel: Option<Kernel>,
    /// Whether what is shown of a series is its value at the only step.
    is_newest: bool,
    keys: Vec<Arc<Labels>>,
    /// By key, whether it was said that it does not read like a counter.
    doubted: Vec<bool>,
    kept: Kept,
    known: Known,
    /// The times that were seen last, by their number, and that of their windows.
    last_times: Option<(u64, usize)>,
    /// Of one series.
    values: Vec<f64>,
    /// Of what was done since it was asked last whether to go on.
    weight: usize,
    failed: Option<QueryError>,
    gave_up: bool,
}

impl SeriesVisitor for Runner<'_, '_, '_> {
    fn key(&mut self, labels: Labels) -> ControlFlow<()> {
        match self.add_key(labels) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn series(&mut self, series: SeriesColumns<'_>) -> ControlFlow<()> {
        match self.take(&series) {
            Ok(true) => return ControlFlow::Continue(()),
            Ok(false) => self.gave_up = true,
            Err(error) => self.failed = Some(error),
        }
        ControlFlow::Break(())
    }
}

impl Runner<'_, '_, '_> {
    fn add_key(&mut self, labels: Labels) -> Result<(), QueryError> {
        self.evaluator.budget.take(held_by(&labels, 0))?;
        let labels = Arc::new(labels);
        self.sink.key(&labels)?;
        self.keys.push(labels);
        self.doubted.push(false);
        Ok(())
    }

    /// Evaluates a series; false if it cannot go on.
    fn take(&mut self, series: &SeriesColumns<'_>) -> Result<bool, QueryError> {
        let n_samples = series.times.len() + series.histograms.len();
        self.check(n_samples)?;
        self.evaluator.n_read += n_samples as u64;
        self.evaluator.budget.hold_shortly(n_samples);
        let knows_starts = !series.starts.is_empty();
        match &self.kernel {
            Some(kernel)
                if series.histograms.is_empty() && !(knows_starts && kernel.is_of_starts()) =>
            {
                self.take_numbers(series)
            }
            _ => self.take_samples(series),
        }
    }

    /// Whether there is room for the samples of one series, and to go on.
    fn check(&mut self, n_samples: usize) -> Result<(), QueryError> {
        self.weight += SERIES_WEIGHT + n_samples;
        if self.weight < CHECKED_WEIGHT {
            return Ok(());
        }
        self.weight = 0;
        let budget = &mut self.evaluator.budget;
        let held = budget.held();
        let n_bytes = n_samples.saturating_mul(size_of::<model::Sample>());
        budget.take(Held { n_samples, n_series: 0, n_bytes })?;
        budget.set_held(held);
        Ok(())
    }

    /// A series of numbers, by the kernel.
    fn take_numbers(&mut self, series: &SeriesColumns<'_>) -> Result<bool, QueryError> {
        if let ([value], true) = (series.values, self.is_newest) {
            self.values.clear();
            self.values.push(*value);
            self.evaluator.n_queryable += u64::from(!is_absent(*value));
            return self.finish(series.key, 0);
        }
        let Some(kernel) = &mut self.kernel else { return Ok(false) };
        let mut numbers = Numbers::of(series);
        // Of a selector by itself a marker is what says that there is no value.
        if self.stream.source.over.is_some() {
            numbers = self.kept.without_markers(numbers);
        }
        let is_whole = numbers.times.len() == series.times.len();
        let (nth, is_new) = match self.last_times {
            Some((id, nth)) if is_whole && id == series.times_id => (nth, false),
            _ => self.known.find(numbers.times, &self.grid),
        };
        self.last_times = (is_whole && series.times_id != 0).then_some((series.times_id, nth));
        let bounds = self.known.get(nth);
        self.values.clear();
        self.values.resize(bounds.len(), ABSENT);
        let first = bounds.first;
        let n_parts = match kernel.is_of_whole_windows() {
            true => (bounds.n_seen / SEEN_MAX) as usize + 1,
            false => 1,
        };
        let n_steps = bounds.len().div_ceil(n_parts).max(1);
        for (part, values) in self.values.chunks_mut(n_steps).enumerate() {
            if part > 0 {
                self.evaluator.budget.check_stop()?;
            }
            let at = At { bounds, grid: &self.grid, nth, is_new, n_before: part * n_steps };
            kernel.fill(numbers, at, values);
        }
        self.evaluator.n_queryable += match &self.stream.source.over {
            Some(_) => bounds.n_seen,
            None => self.values.iter().filter(|value| !is_absent(**value)).count() as u64,
        };
        if self.stream.source.over.is_some() && self.values.iter().any(|value| !is_absent(*value)) {
            self.doubt(series.key);
        }
        self.finish(series.key, first)
    }

    /// A series by the plain functions.
    fn take_samples(&mut self, series: &SeriesColumns<'_>) -> Result<bool, QueryError> {
        let source = &self.stream.source;
        let mut numbers = Numbers::of(series);
        if source.over.is_some() {
            numbers = self.kept.without_markers(numbers);
        }
        let mut ranged = Ranged {
            labels: self.keys[series.key].clone(),
            drops_name: false,
            samples: numbers.samples().collect(),
            histograms: match self.evaluator.need.is_totals_alone() {
                true => {
                    let windows = self.steps.times().map(|t_ms| source.range.read_ms(t_ms));
                    totals(series.histograms, windows)
                }
                false => series.histograms.to_vec(),
            },
        };
        let points = match &source.over {
            Some(over) => {
                ranged.histograms.retain(|sample| !sample.histogram.is_stale_marker());
                let of = (&source.range, &ranged, over.args);
                let params = &over.params;
                self.evaluator.row_over(over.name, over.form, of, params, self.steps)?.points
            }
            None => {
                let (reference, lookback_ms) = (source.range.reference, source.range.lookback_ms);
                let points = latest(&ranged, reference, lookback_ms, self.steps, Pick::Value);
                self.evaluator.n_queryable += points.len() as u64;
                points
            }
        };
        if points.iter().any(|point| point.value.float().is_some()) {
            self.doubt(series.key);
        }
        self.take_points(series.key, points)
    }

    /// The values of a series before all stages.
    fn take_points(&mut self, key: usize, points: Vec<Point>) -> Result<bool, QueryError> {
        let Some(first) = points.first() else { return Ok(true) };
        if points.iter().any(|point| point.value.float().is_none()) {
            // Stages are of numbers.
            return Ok(self.stream.stages.is_empty()
                && self.sink.points(key, points, &mut self.evaluator.budget)?);
        }
        let first = self.steps.place(first.t_ms);
        self.values.clear();
        let mut steps = self.grid.t_ms[first..].iter();
        for point in &points {
            let n_passed = steps.by_ref().take_while(|t_ms| **t_ms != point.t_ms).count();
            self.values.resize(self.values.len() + n_passed, ABSENT);
            self.values.push(point.value.float().unwrap_or(ABSENT));
        }
        self.finish(key, first)
    }

    /// Hands the values of a series on, which begin at a step.
    fn finish(&mut self, key: usize, first: usize) -> Result<bool, QueryError> {
        for stage in &self.stream.stages {
            if !stage(first, &mut self.values) {
                return Ok(false);
            }
        }
        let is_there = |value: &f64| !is_absent(*value);
        let Some(start) = self.values.iter().position(is_there) else { return Ok(true) };
        let end = self.values.iter().rposition(is_there).map_or(start, |last| last + 1);
        let numbers = (first + start, &self.values[start..end]);
        self.sink.numbers(key, numbers, &self.grid.t_ms, &mut self.evaluator.budget)?;
        Ok(true)
    }

    /// Says once of a key that it does not read like a counter.
    fn doubt(&mut self, key: usize) {
        let Some(over) = &self.stream.source.over else { return };
        if !std::mem::replace(&mut self.doubted[key], true) {
            let metric = self.keys[key].metric_name();
            let span = arg_span(over.args.range);
            doubt_counter(&mut self.evaluator.remarks, over.name, metric, span);
        }
    }
}
