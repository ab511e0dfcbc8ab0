//! Gathered: the samples of one series while they come from one source after the other.
//!
//! Sources mostly follow each other in time and have numbers alone: those are put at the end of
//! columns. Where two overlap, or there are histograms, they are merged.

use model::{HistogramSample, Sample};

use crate::query::mixed::Mixed;
use crate::query::times::{Part, Times};

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) times: Times,
    /// The bits of as many.
    pub(crate) values: Vec<u64>,
    /// Unix milliseconds, 0 for none; empty if no sample has one.
    pub(crate) starts: Vec<i64>,
    /// In rising time.
    pub(crate) histograms: Vec<HistogramSample>,
}

impl Gathered {
    /// Forgets all, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.starts.clear();
        self.histograms.clear();
    }

    /// Whether there is no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.histograms.is_empty()
    }

    /// Appends a number.
    #[inline]
    pub(crate) fn push(&mut self, sample: &Sample) {
        if sample.start_ms != 0 || !self.starts.is_empty() {
            self.starts.resize(self.values.len(), 0);
            self.starts.push(sample.start_ms);
        }
        self.times.push(sample.t_ms);
        self.values.push(sample.value.to_bits());
    }

    /// Appends what is of either kind.
    pub(crate) fn extend(&mut self, mixed: Mixed) {
        mixed.samples.iter().for_each(|sample| self.push(sample));
        self.histograms.extend(mixed.histograms);
    }

    /// Adds the times of numbers whose values were just appended, and their start times, which may
    /// be none.
    pub(crate) fn complete(&mut self, times: Part, starts: &[i64]) {
        if !starts.is_empty() {
            self.starts.resize(self.values.len() - starts.len(), 0);
            self.starts.extend_from_slice(starts);
        } else if !self.starts.is_empty() {
            self.starts.resize(self.values.len(), 0);
        }
        self.times.extend(times);
    }

    /// How many samples of both kinds there are.
    pub(crate) fn lens(&self) -> (usize, usize) {
        (self.values.len(), self.histograms.len())
    }

    /// Takes out what was appended since there were so many.
    fn split_off(&mut self, (n_numbers, n_histograms): (usize, usize)) -> Mixed {
        let (times, _) = self.times.join();
        let samples = (n_numbers..times.len()).map(|at| Sample {
            t_ms: times[at],
            value: f64::from_bits(self.values[at]),
            start_ms: self.starts.get(at).copied().unwrap_or(0),
        });
        let samples = samples.collect();
        self.times.truncate(n_numbers);
        self.values.truncate(n_numbers);
        self.starts.truncate(n_numbers);
        self.tidy();
        Mixed { samples, histograms: self.histograms.split_off(n_histograms) }
    }

    /// Changes what was appended since there were so many.
    pub(crate) fn change_since(&mut self, lens: (usize, usize), change: impl FnOnce(&mut Mixed)) {
        let mut mixed = self.split_off(lens);
        change(&mut mixed);
        self.extend(mixed);
    }

    /// Makes one series of what was appended since there were so many and of what was there
    /// before, which came from an earlier source.
    pub(crate) fn settle_since(&mut self, lens: (usize, usize)) {
        let time = |at: usize| self.times.get(at);
        let last_ms = lens.0.checked_sub(1).and_then(time);
        let follows = time(lens.0).is_none_or(|first_ms| last_ms < Some(first_ms));
        if follows && self.histograms.is_empty() {
            return;
        }
        let later = self.split_off(lens);
        let earlier = self.split_off((0, 0));
        self.extend(earlier.merge(later));
    }

    /// Drops all samples but the newest, of whichever kind.
    pub(crate) fn keep_newest(&mut self) {
        let n = self.values.len();
        let numbers_ms = n.checked_sub(1).and_then(|last| self.times.get(last));
        let histograms_ms = self.histograms.last().map(|sample| sample.t_ms);
        let is_number = numbers_ms > histograms_ms;
        let n_dropped = if is_number { n - 1 } else { n };
        self.times.drop_first(n_dropped);
        self.values.drain(..n_dropped);
        self.starts.drain(..n_dropped.min(self.starts.len()));
        let n_histograms = if is_number { 0 } else { 1 };
        self.histograms.drain(..self.histograms.len().saturating_sub(n_histograms));
    }

    /// Forgets start times if no sample has one.
    pub(crate) fn tidy(&mut self) {
        if self.starts.iter().all(|start_ms| *start_ms == 0) {
            self.starts.clear();
        }
    }
}
