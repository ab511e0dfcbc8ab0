//! Scanning: series shown one after the other, in columns, to who folds them and keeps none.
//!
//! A query that adds up twenty thousand series needs neither their samples at one time nor the
//! texts of their labels: it needs to know which of them belong together. So a reader says which
//! labels it wants, each different set of these is a *key* that is shown once, and every series
//! comes with the number of its key and with samples that live as long as the call.

use std::collections::HashMap;
use std::ops::ControlFlow;

use model::{HistogramSample, Label, Labels};

use crate::{Select, SelectError, Series, SeriesSet};

/// Which labels of the series a reader wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedLabels {
    /// All: each series has a key of its own.
    All,
    /// These alone.
    Only(Vec<String>),
    /// All but these.
    Without(Vec<String>),
}

impl WantedLabels {
    /// Whether labels of this name are wanted.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
            Self::Without(names) => !names.iter().any(|known| known == name),
        }
    }

    /// What of these labels is wanted.
    pub fn of(&self, labels: Labels) -> Labels {
        if *self == Self::All {
            return labels;
        }
        let pair = |label: &Label| (label.name.clone(), label.value.clone());
        let wanted = labels.iter().filter(|label| self.has(&label.name)).map(pair);
        Labels::new(wanted).expect("a part of a label set is one")
    }
}

/// What to show.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Which series, and which of their samples.
    pub select: Select,
    /// What makes their keys.
    pub labels: WantedLabels,
    /// Of each series the newest sample in the range alone, of whichever kind it is.
    pub newest_only: bool,
    /// The series may come in any order.
    pub any_order: bool,
}

/// The samples of one series, for the time of a call. At least one of the two kinds is there.
#[derive(Debug, Clone, Copy)]
pub struct SeriesColumns<'c> {
    /// The number of its key.
    pub key: usize,
    /// When its numbers are, rising, Unix milliseconds.
    pub times: &'c [i64],
    /// Of series of one scan, those with the same number have the same times; 0 says nothing.
    pub times_id: u64,
    /// As many numbers as times.
    pub values: &'c [f64],
    /// Since when they count, Unix milliseconds, 0 if that is not known; empty if it is known of
    /// none.
    pub starts: &'c [i64],
    /// Its native histograms in time order.
    pub histograms: &'c [HistogramSample],
}

/// Whom series are shown to. Either call may end the scan.
pub trait SeriesVisitor {
    /// A key that no series before had. Keys are numbered from 0 in the order in which they come.
    fn key(&mut self, labels: Labels) -> ControlFlow<()>;

    /// A series. They come in the order of their labels, unless any will do.
    fn series(&mut self, series: SeriesColumns<'_>) -> ControlFlow<()>;
}

/// Numbers the keys of series that come with all of their labels.
#[derive(Debug, Default)]
pub struct Keys {
    numbers: HashMap<Labels, usize>,
    n: usize,
}

impl Keys {
    /// The number of a series' key, which is shown if it is new; `None` ends the scan.
    pub fn number(
        &mut self,
        labels: Labels,
        wanted: &WantedLabels,
        visitor: &mut dyn SeriesVisitor,
    ) -> Option<usize> {
        let key = wanted.of(labels);
        if *wanted != WantedLabels::All {
            if let Some(number) = self.numbers.get(&key) {
                return Some(*number);
            }
            self.numbers.insert(key.clone(), self.n);
        }
        self.n += 1;
        visitor.key(key).is_continue().then_some(self.n - 1)
    }
}

/// Shows series that were selected for a scan.
///
/// # Errors
/// The first one of the set.
pub fn scan_series(
    set: SeriesSet,
    scan: &Scan,
    visitor: &mut dyn SeriesVisitor,
) -> Result<(), SelectError> {
    let mut keys = Keys::default();
    let (mut times, mut values, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for series in set {
        let mut series = series?;
        if scan.newest_only {
            keep_newest(&mut series);
        }
        let Some(key) = keys.number(series.labels, &scan.labels, visitor) else { break };
        times.clear();
        times.extend(series.samples.iter().map(|sample| sample.t_ms));
        values.clear();
        values.extend(series.samples.iter().map(|sample| sample.value));
        starts.clear();
        if series.samples.iter().any(|sample| sample.start_ms != 0) {
            starts.extend(series.samples.iter().map(|sample| sample.start_ms));
        }
        let (times, values, starts) = (&times[..], &values[..], &starts[..]);
        let histograms = &series.histograms[..];
        let columns = SeriesColumns { key, times, times_id: 0, values, starts, histograms };
        if visitor.series(columns).is_break() {
            break;
        }
    }
    Ok(())
}

/// Drops all samples but the newest.
fn keep_newest(series: &mut Series) {
    let float_ms = series.samples.last().map(|sample| sample.t_ms);
    let histogram_ms = series.histograms.last().map(|sample| sample.t_ms);
    if float_ms > histogram_ms {
        series.histograms.clear();
        series.samples.drain(..series.samples.len() - 1);
    } else {
        series.samples.clear();
        series.histograms.drain(..series.histograms.len().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
