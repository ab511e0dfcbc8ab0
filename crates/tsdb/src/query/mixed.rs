//! Mixed: the samples of one series, numbers and native histograms, each kind in a row of its own.
//!
//! Two sources of one series become one here: of two samples at one time a value beats a stale
//! marker, whatever the kinds, otherwise the later source wins.

use std::iter::Peekable;

use model::{HistogramSample, Sample, is_stale_marker};

use crate::head::merge;

/// See the head of this file. Each row rises in time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mixed {
    /// The numbers.
    pub(crate) samples: Vec<Sample>,
    /// The histograms.
    pub(crate) histograms: Vec<HistogramSample>,
}

/// One sample of either kind.
#[derive(Debug, Clone)]
pub(crate) enum Point {
    /// A number.
    Float(Sample),
    /// A native histogram.
    Histogram(HistogramSample),
}

impl Point {
    /// When, Unix milliseconds.
    pub(crate) fn t_ms(&self) -> i64 {
        match self {
            Self::Float(sample) => sample.t_ms,
            Self::Histogram(sample) => sample.t_ms,
        }
    }

    fn is_stale_marker(&self) -> bool {
        match self {
            Self::Float(sample) => is_stale_marker(sample.value),
            Self::Histogram(sample) => sample.histogram.is_stale_marker(),
        }
    }

    /// Which of two at one time stays, this one or the one that came later.
    pub(crate) fn or_later(self, later: Self) -> Self {
        if later.is_stale_marker() && !self.is_stale_marker() { self } else { later }
    }
}

impl Mixed {
    /// Numbers alone.
    pub(crate) fn of_floats(samples: Vec<Sample>) -> Self {
        Self { samples, histograms: Vec::new() }
    }

    /// Whether there is no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty()
    }

    /// One of two, in each of which a time stands once.
    pub(crate) fn merge(self, later: Self) -> Self {
        if self.is_empty() {
            return later;
        }
        if self.histograms.is_empty() && later.histograms.is_empty() {
            return Self::of_floats(merge(self.samples.into_iter(), &later.samples));
        }
        let mut merged = Self::default();
        let mut later = later.into_points().peekable();
        for point in self.into_points() {
            while let Some(between) = later.next_if(|next| next.t_ms() < point.t_ms()) {
                merged.push(between);
            }
            let same_time = later.next_if(|next| next.t_ms() == point.t_ms());
            merged.push(match same_time {
                Some(later) => point.or_later(later),
                None => point,
            });
        }
        later.for_each(|point| merged.push(point));
        merged
    }

    /// Its points in rising time.
    pub(crate) fn into_points(self) -> impl Iterator<Item = Point> {
        let floats = self.samples.into_iter().peekable();
        Points { floats, histograms: self.histograms.into_iter().peekable() }
    }

    fn push(&mut self, point: Point) {
        match point {
            Point::Float(sample) => self.samples.push(sample),
            Point::Histogram(sample) => self.histograms.push(sample),
        }
    }
}

struct Points<F: Iterator<Item = Sample>, H: Iterator<Item = HistogramSample>> {
    floats: Peekable<F>,
    histograms: Peekable<H>,
}

impl<F: Iterator<Item = Sample>, H: Iterator<Item = HistogramSample>> Iterator for Points<F, H> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        let next_ms = self.histograms.peek().map(|sample| sample.t_ms);
        let is_first = |sample: &Sample| next_ms.is_none_or(|t_ms| sample.t_ms < t_ms);
        match self.floats.next_if(is_first) {
            Some(sample) => Some(Point::Float(sample)),
            None => self.histograms.next().map(Point::Histogram),
        }
    }
}
