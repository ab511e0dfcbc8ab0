//! Selecting: the series of a selector, read once for all steps.

use std::sync::Arc;

use model::{HistogramSample, Matcher, Sample, is_stale_marker};
use storage::Select;

use super::answer::{Point, QueryError, Value};
use super::budget::{Held, LABELS_WORK};
use super::evaluator::Evaluator;
use super::extended::interpolated;
use super::native_extended;
use super::native_totals::totals;
use super::row::{Row, held_by};
use super::steps::Steps;
use super::window::{RangeVector, Ranged};
use crate::Span;
use crate::ast::{Expr, Extension, MatrixSelector, Subquery, VectorSelector};
use crate::quote::Quoted;

/// Which time a selector reads at a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// In place of the step's time.
    pub(super) at_ms: Option<i64>,
    /// How far back from there.
    pub(super) offset_ms: i64,
}

impl Reference {
    /// The time that is read at this step.
    pub(super) fn of(self, t_ms: i64) -> i64 {
        self.at_ms.unwrap_or(t_ms).saturating_sub(self.offset_ms)
    }
}

/// About what a histogram takes beside its counts.
const HISTOGRAM_BYTES: usize = 96;

/// What a selector tells of the samples it picks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// Their values.
    Value,
    /// Their times, in seconds.
    Time,
    /// Since when they count, in seconds; 0 if that is not known.
    StartTime,
}

impl Evaluator<'_> {
    /// The series with samples from one moment to another, both inclusive.
    pub(super) fn load(
        &mut self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<Ranged>, QueryError> {
        self.note_read(start_ms);
        let select = Select::both(matchers.to_vec(), start_ms, end_ms);
        let mut series = Vec::new();
        for found in self.querier.select(&select)? {
            let found = found?;
            self.budget.take(held_by(&found.labels, found.samples.len()))?;
            self.take_histograms(&found.histograms)?;
            self.n_read += (found.samples.len() + found.histograms.len()) as u64;
            series.push(Ranged {
                labels: Arc::new(found.labels),
                drops_name: false,
                samples: found.samples,
                histograms: found.histograms,
            });
        }
        Ok(series)
    }

    /// An instant vector at each step.
    pub(super) fn vector_selector(
        &mut self,
        node: &VectorSelector,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        self.picked(node, steps, Pick::Value)
    }

    /// What a selector picks at each step.
    pub(super) fn picked(
        &mut self,
        node: &VectorSelector,
        steps: &Steps,
        pick: Pick,
    ) -> Result<Vec<Row>, QueryError> {
        let reference = self.reference(node)?;
        let lookback_ms = self.options.lookback_ms;
        let start_ms = reference.of(steps.start_ms).saturating_sub(lookback_ms).saturating_add(1);
        let mut end_ms = reference.of(steps.last_ms());
        // Times are those of samples, which are not between them.
        let is_smoothed = node.extension == Some(Extension::Smoothed) && pick == Pick::Value;
        if is_smoothed {
            end_ms = end_ms.saturating_add(lookback_ms);
        }
        let mut rows = Vec::new();
        let start_ms = self.need.start_ms(start_ms, lookback_ms);
        for mut series in self.load(&node.matchers, start_ms, end_ms)? {
            if self.need.is_totals_alone() {
                let window =
                    |t_ms| (reference.of(t_ms).saturating_sub(lookback_ms), reference.of(t_ms));
                series.histograms = totals(&series.histograms, steps.times().map(window));
            }
            let points = match is_smoothed {
                true => self.smoothed(&series, reference, node.span, steps)?,
                false => latest(&series, reference, lookback_ms, steps, pick),
            };
            if points.is_empty() {
                continue;
            }
            self.n_queryable += points.len() as u64;
            self.budget.take(held_by(&series.labels, points.len()))?;
            rows.push(Row { labels: series.labels, drops_name: false, points });
        }
        Ok(rows)
    }

    /// Which time a selector reads.
    pub(super) fn reference(&self, node: &VectorSelector) -> Result<Reference, QueryError> {
        let offset_ms = node.offset.ms(self.whole.times)?;
        Ok(Reference { at_ms: self.at_ms(node.at), offset_ms })
    }

    /// The range vector that a function takes. What the steps look at is counted as they look at it:
    /// of a subquery its own points, not the samples that these were made of.
    pub(super) fn range_arg(
        &mut self,
        expr: &Expr,
        steps: &Steps,
    ) -> Result<RangeVector, QueryError> {
        let n_queryable = self.n_queryable;
        let range = self.range_vector(expr, steps)?;
        self.n_queryable = n_queryable;
        Ok(range)
    }

    /// A range vector for these steps.
    pub(super) fn range_vector(
        &mut self,
        expr: &Expr,
        steps: &Steps,
    ) -> Result<RangeVector, QueryError> {
        match expr {
            Expr::Matrix(node) => self.matrix_selector(node, steps),
            Expr::Subquery(node) => self.subquery(node, steps),
            Expr::Paren(node) => self.range_vector(&node.expr, steps),
            _ => unreachable!("the type checker asked for a range vector"),
        }
    }

    fn matrix_selector(
        &mut self,
        node: &MatrixSelector,
        steps: &Steps,
    ) -> Result<RangeVector, QueryError> {
        let reference = self.reference(&node.selector)?;
        let range_ms = node.range.positive_ms(self.whole.times)?;
        let extension = node.selector.extension;
        let mut range = RangeVector {
            series: Vec::new(),
            reference,
            range_ms,
            extension,
            lookback_ms: self.options.lookback_ms,
        };
        let (start_ms, _) = range.read_ms(steps.start_ms);
        let (_, end_ms) = range.read_ms(steps.last_ms());
        let start_ms = self.need.start_ms(start_ms.saturating_add(1), range.lookback_ms);
        let mut all = self.load(&node.selector.matchers, start_ms, end_ms)?;
        let window = |t_ms| range.read_ms(t_ms);
        for series in &mut all {
            if self.need.is_totals_alone() {
                series.histograms = totals(&series.histograms, steps.times().map(window));
            }
            series.samples.retain(|sample| !is_stale_marker(sample.value));
            series.histograms.retain(|sample| !sample.histogram.is_stale_marker());
        }
        range.series = all;
        Ok(range)
    }

    fn subquery(&mut self, node: &Subquery, steps: &Steps) -> Result<RangeVector, QueryError> {
        let times = self.whole.times;
        let range_ms = node.range.positive_ms(times)?;
        let step_ms = match &node.step {
            None => self.options.subquery_step_ms,
            Some(step) => match step.positive_ms(times)? {
                0 => self.options.subquery_step_ms,
                ms => ms,
            },
        };
        let offset_ms = node.offset.ms(times)?;
        let reference = Reference { at_ms: self.at_ms(node.at), offset_ms };
        let open_ms = reference.of(steps.start_ms).saturating_sub(range_ms);
        let start_ms = open_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        let inner = Steps { start_ms, end_ms: reference.of(steps.last_ms()), step_ms };
        if inner.n() > self.options.samples_max {
            return Err(QueryError::TooManySamples);
        }
        let rows = match inner.n() {
            0 => Vec::new(),
            _ => {
                // Resets between its steps show in the buckets alone.
                let need = self.need;
                self.need = need.with_buckets();
                let rows = self.eval_as_rows(&node.expr, &inner)?;
                self.need = need;
                rows
            }
        };
        let mut series = Vec::with_capacity(rows.len());
        for row in rows {
            self.budget.work(1 + row.points.len())?;
            series.push(Ranged::from(row));
        }
        let lookback_ms = self.options.lookback_ms;
        Ok(RangeVector { series, reference, range_ms, extension: None, lookback_ms })
    }

    /// A value between the samples on both sides of each step; the one before alone will do.
    fn smoothed(
        &mut self,
        series: &Ranged,
        reference: Reference,
        span: Span,
        steps: &Steps,
    ) -> Result<Vec<Point>, QueryError> {
        let lookback_ms = self.options.lookback_ms;
        let floats = series.samples.iter().filter(|sample| !is_stale_marker(sample.value));
        let floats: Vec<Sample> = floats.copied().collect();
        let histograms = series.histograms.iter();
        let histograms: Vec<HistogramSample> =
            histograms.filter(|sample| !sample.histogram.is_stale_marker()).cloned().collect();
        let (remarks, metric) = (&mut self.remarks, series.labels.metric_name());
        let mut points = Vec::new();
        for t_ms in steps.times() {
            self.budget.work(LABELS_WORK)?;
            let read_ms = reference.of(t_ms);
            let ends_ms =
                (read_ms.saturating_sub(lookback_ms), read_ms.saturating_add(lookback_ms));
            let near_floats = near(&floats, ends_ms, |sample| sample.t_ms);
            let near_histograms = near(&histograms, ends_ms, |sample| sample.t_ms);
            if !near_floats.is_empty() && !near_histograms.is_empty() {
                let text = "encountered a mix of histograms and floats for metric name";
                remarks.warn(span, format!("{text} {}", Quoted(metric)));
                continue;
            }
            if let Some((before, after)) = around(near_floats, read_ms, |sample| sample.t_ms) {
                let value =
                    after.map_or(before.value, |after| interpolated(before, after, read_ms));
                points.push(Point { t_ms, value: Value::Float(value) });
            } else if let Some((before, after)) =
                around(near_histograms, read_ms, |sample| sample.t_ms)
            {
                match native_extended::interpolated(before, after, (read_ms, t_ms)) {
                    Ok(point) => points.push(point),
                    Err(()) => native_extended::warn_of_schemas(remarks, span, metric),
                }
            }
        }
        Ok(points)
    }

    /// Counts histograms by their size.
    fn take_histograms(&mut self, histograms: &[HistogramSample]) -> Result<(), QueryError> {
        for sample in histograms {
            let h = &sample.histogram;
            let n_bytes = (h.positive.len() + h.negative.len()) * 8 + HISTOGRAM_BYTES;
            self.budget.take(Held { n_samples: n_bytes / 16, n_series: 0, n_bytes })?;
        }
        Ok(())
    }

    /// Asks for points that are about to be made.
    pub(super) fn take_points(&mut self, n: usize) -> Result<(), QueryError> {
        let n_bytes = n.saturating_mul(size_of::<Point>());
        self.budget.take(Held { n_samples: n, n_series: 0, n_bytes })
    }
}

/// The newest sample of each step, if it is not too old and no end of the series.
pub(super) fn latest(
    series: &Ranged,
    reference: Reference,
    lookback_ms: i64,
    steps: &Steps,
    pick: Pick,
) -> Vec<Point> {
    let (mut n_floats, mut n_histograms) = (0, 0);
    let mut points = Vec::new();
    for t_ms in steps.times() {
        let read_ms = reference.of(t_ms);
        n_floats = passed(&series.samples, n_floats, |sample| sample.t_ms <= read_ms);
        n_histograms = passed(&series.histograms, n_histograms, |sample| sample.t_ms <= read_ms);
        let float = n_floats.checked_sub(1).map(|last| &series.samples[last]);
        let histogram = n_histograms.checked_sub(1).map(|last| &series.histograms[last]);
        let open_ms = read_ms.saturating_sub(lookback_ms);
        if let Some(value) = newest(float, histogram, open_ms, pick) {
            points.push(Point { t_ms, value });
        }
    }
    points
}

/// How many at the beginning of a list hold a condition, if it is known of the first `n`.
pub(super) fn passed<T>(list: &[T], n: usize, holds: impl Fn(&T) -> bool) -> usize {
    n + list[n..].iter().take_while(|sample| holds(sample)).count()
}

/// What is told of the newer of two samples, if it is newer than `open_ms`.
fn newest(
    float: Option<&Sample>,
    histogram: Option<&HistogramSample>,
    open_ms: i64,
    pick: Pick,
) -> Option<Value> {
    let float = float.filter(|sample| sample.t_ms > open_ms);
    let histogram = histogram.filter(|sample| sample.t_ms > open_ms);
    let float_is_newer = match (float, histogram) {
        (Some(float), Some(histogram)) => float.t_ms > histogram.t_ms,
        (float, _) => float.is_some(),
    };
    let (t_ms, start_ms, value) = if float_is_newer {
        let sample = float.filter(|sample| !is_stale_marker(sample.value))?;
        (sample.t_ms, sample.start_ms, Value::Float(sample.value))
    } else {
        let sample = histogram.filter(|sample| !sample.histogram.is_stale_marker())?;
        (sample.t_ms, sample.start_ms, Value::Histogram(sample.histogram.clone()))
    };
    match pick {
        Pick::Value => Some(value),
        Pick::Time => Some(Value::Float(t_ms as f64 / 1000.0)),
        Pick::StartTime => Some(Value::Float(start_ms as f64 / 1000.0)),
    }
}

/// The samples after one moment until another.
fn near<T>(all: &[T], (open_ms, end_ms): (i64, i64), time: impl Fn(&T) -> i64) -> &[T] {
    let start = all.partition_point(|sample| time(sample) <= open_ms);
    let end = all.partition_point(|sample| time(sample) <= end_ms);
    &all[start..end.max(start)]
}

/// The sample at a moment alone, or the last one before it with the next one, if there is one.
fn around<T>(all: &[T], t_ms: i64, time: impl Fn(&T) -> i64) -> Option<(&T, Option<&T>)> {
    let n_before = all.partition_point(|sample| time(sample) <= t_ms);
    let before = all.get(n_before.checked_sub(1)?)?;
    Some((before, all.get(n_before).filter(|_| time(before) != t_ms)))
}
