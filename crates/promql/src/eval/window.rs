//! Windows: the samples of a range vector that a function sees at a step.

use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, ResetHint, Sample};

use super::answer::{Point, Value};
use super::extended;
use super::row::Row;
use super::select::{Reference, passed};
use crate::ast::Extension;

/// One series of a range vector, over all steps.
#[derive(Debug)]
pub(super) struct Ranged {
    pub(super) labels: Arc<Labels>,
    pub(super) drops_name: bool,
    /// In the order of time.
    pub(super) samples: Vec<Sample>,
    /// In the order of time, none at the time of a sample.
    pub(super) histograms: Vec<HistogramSample>,
}

/// What a subquery evaluated. It is not known since when the values count.
impl From<Row> for Ranged {
    fn from(row: Row) -> Self {
        let (mut samples, mut histograms) = (Vec::new(), Vec::new());
        for Point { t_ms, value } in row.points {
            match value {
                Value::Float(value) => samples.push(Sample::new(t_ms, value)),
                Value::Histogram(histogram) => {
                    let histogram = without_hint(histogram);
                    histograms.push(HistogramSample { t_ms, start_ms: 0, histogram });
                }
            }
        }
        Self { labels: row.labels, drops_name: row.drops_name, samples, histograms }
    }
}

/// Whether the counts began again is said of the sample before, which may have been left out.
fn without_hint(histogram: Arc<Histogram>) -> Arc<Histogram> {
    match histogram.reset_hint {
        ResetHint::Reset | ResetHint::NotReset => {
            Arc::new(Histogram { reset_hint: ResetHint::Unknown, ..(*histogram).clone() })
        }
        ResetHint::Unknown | ResetHint::Gauge => histogram,
    }
}

/// Series and how to cut a window of them for each step.
#[derive(Debug)]
pub(super) struct RangeVector {
    pub(super) series: Vec<Ranged>,
    pub(super) reference: Reference,
    pub(super) range_ms: i64,
    pub(super) extension: Option<Extension>,
    pub(super) lookback_ms: i64,
}

impl RangeVector {
    /// What is read for a step: after the one moment, until the other.
    pub(super) fn read_ms(&self, t_ms: i64) -> (i64, i64) {
        let end_ms = self.reference.of(t_ms);
        let start_ms = end_ms.saturating_sub(self.range_ms);
        let lookback_ms = self.lookback_ms;
        match self.extension {
            None => (start_ms, end_ms),
            Some(Extension::Anchored) => (start_ms.saturating_sub(lookback_ms), end_ms),
            Some(Extension::Smoothed) => {
                (start_ms.saturating_sub(lookback_ms), end_ms.saturating_add(lookback_ms))
            }
        }
    }

    /// The windows of one series.
    pub(super) fn windows<'r>(&'r self, series: &'r Ranged) -> Windows<'r> {
        Windows { range: self, series, samples: (0, 0), histograms: (0, 0) }
    }

    /// The window of one series at one step.
    pub(super) fn window<'r>(&'r self, series: &'r Ranged, t_ms: i64) -> Window<'r> {
        self.windows(series).at(t_ms)
    }
}

/// Windows of one series. Both ends of each kind of sample only move forward.
pub(super) struct Windows<'r> {
    range: &'r RangeVector,
    series: &'r Ranged,
    samples: (usize, usize),
    histograms: (usize, usize),
}

/// What a function sees at a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'r> {
    pub(super) samples: &'r [Sample],
    pub(super) histograms: &'r [HistogramSample],
    /// The range itself: after this moment.
    pub(super) start_ms: i64,
    /// Until this moment.
    pub(super) end_ms: i64,
    /// The time of evaluation.
    pub(super) t_ms: i64,
}

impl<'r> Windows<'r> {
    /// The window of a step. Times must rise from call to call.
    pub(super) fn at(&mut self, t_ms: i64) -> Window<'r> {
        let (open_ms, until_ms) = self.range.read_ms(t_ms);
        let series = self.series;
        let end_ms = self.range.reference.of(t_ms);
        Window {
            samples: moved(&series.samples, &mut self.samples, |sample| {
                (sample.t_ms <= open_ms, sample.t_ms <= until_ms)
            }),
            histograms: moved(&series.histograms, &mut self.histograms, |sample| {
                (sample.t_ms <= open_ms, sample.t_ms <= until_ms)
            }),
            start_ms: end_ms.saturating_sub(self.range.range_ms),
            end_ms,
            t_ms,
        }
    }
}

/// Moves both ends of a window: past what is too old, and to the last that is not too new.
fn moved<'r, T>(
    all: &'r [T],
    ends: &mut (usize, usize),
    is_old_and_come: impl Fn(&T) -> (bool, bool),
) -> &'r [T] {
    ends.0 = passed(all, ends.0, |sample| is_old_and_come(sample).0);
    ends.1 = passed(all, ends.1.max(ends.0), |sample| is_old_and_come(sample).1);
    &all[ends.0..ends.1]
}

impl Window<'_> {
    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty()
    }

    /// Both kinds of samples in the order of time.
    pub(super) fn merged(&self) -> Vec<Point> {
        let floats = self.samples.iter();
        let floats =
            floats.map(|sample| Point { t_ms: sample.t_ms, value: Value::Float(sample.value) });
        let histograms = self.histograms.iter().map(|sample| Point {
            t_ms: sample.t_ms,
            value: Value::Histogram(sample.histogram.clone()),
        });
        let mut points: Vec<Point> = floats.chain(histograms).collect();
        points.sort_by_key(|point| point.t_ms);
        points
    }

    /// What a range vector by itself shows.
    pub(super) fn points(&self, extension: Option<Extension>) -> Vec<Point> {
        match extension {
            None => self.merged(),
            Some(extension) => extended::points(self, extension == Extension::Smoothed),
        }
    }
}
