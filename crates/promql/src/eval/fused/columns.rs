//! Columns: the numbers of one series without its stale markers.

use fearless_simd::{Level, dispatch};
use model::Sample;
use storage::SeriesColumns;

use super::is_absent;

/// Numbers in rising time, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers<'c> {
    /// Unix milliseconds.
    pub(super) times: &'c [i64],
    /// As many.
    pub(super) values: &'c [f64],
    /// Since when they count, Unix milliseconds; empty if it is known of none.
    pub(super) starts: &'c [i64],
}

impl<'c> Numbers<'c> {
    /// Those of a series, stale markers among them.
    pub(super) fn of(series: &SeriesColumns<'c>) -> Self {
        Self { times: series.times, values: series.values, starts: series.starts }
    }

    /// Since when one of them counts; 0 if that is not known.
    pub(super) fn start_ms(&self, at: usize) -> i64 {
        self.starts.get(at).copied().unwrap_or(0)
    }

    /// As samples.
    pub(super) fn samples(&self) -> impl Iterator<Item = Sample> {
        (0..self.times.len()).map(|at| Sample {
            t_ms: self.times[at],
            value: self.values[at],
            start_ms: self.start_ms(at),
        })
    }
}

/// Memory for a series of which something is taken out.
#[derive(Debug, Default)]
pub(super) struct Kept {
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
}

impl Kept {
    /// The numbers without stale markers: as they are, if there is none.
    pub(super) fn without_markers<'c>(&'c mut self, all: Numbers<'c>) -> Numbers<'c> {
        if !dispatch!(Level::new(), _ => has_marker(all.values)) {
            return all;
        }
        self.times.clear();
        self.values.clear();
        self.starts.clear();
        for (at, value) in all.values.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
            self.times.push(all.times[at]);
            self.values.push(*value);
            if !all.starts.is_empty() {
                self.starts.push(all.start_ms(at));
            }
        }
        Numbers { times: &self.times, values: &self.values, starts: &self.starts }
    }
}

/// Whether there is a stale marker. All are looked at, which is faster than to stop at the first.
#[inline(always)]
fn has_marker(values: &[f64]) -> bool {
    values.iter().fold(false, |found, value| found | is_absent(*value))
}
