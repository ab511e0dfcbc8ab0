//! History: what was ever written at one time of one series, and therefore what may be there.
//!
//! An acknowledged write has happened; any other one may have. So the states that are allowed
//! after a crash are those that some choice among the unacknowledged writes leads to.

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, Sample, is_stale_marker};
use storage::{Row, Series};

/// One call of append.
pub(super) type BatchId = usize;

#[derive(Debug, Clone, Copy)]
struct Written {
    sample: Sample,
    /// `None` once it is known to be durable.
    batch: Option<BatchId>,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct History {
    series: BTreeMap<Labels, BTreeMap<i64, Vec<Written>>>,
    n_batches: usize,
    sizes: Vec<usize>,
    acknowledged: BTreeSet<BatchId>,
}

impl History {
    /// Notes rows that the store has taken.
    pub(super) fn append(&mut self, rows: &[Row]) -> BatchId {
        let batch = self.n_batches;
        self.n_batches += 1;
        self.sizes.push(rows.len());
        for Row { labels, sample } in rows {
            let times = self.series.entry(labels.clone()).or_default();
            times
                .entry(sample.t_ms)
                .or_default()
                .push(Written { sample: *sample, batch: Some(batch) });
        }
        batch
    }

    /// Notes that rows are durable, and says how many.
    pub(super) fn acknowledge(&mut self, batch: BatchId) -> usize {
        self.acknowledged.insert(batch);
        self.sizes[batch]
    }

    /// Forgets what is older than a moment.
    pub(super) fn drop_before(&mut self, floor_ms: i64) {
        self.series.retain(|_, times| {
            *times = times.split_off(&floor_ms);
            !times.is_empty()
        });
    }

    /// Says what of this must not be, if anything.
    pub(super) fn judge(&self, found: &[Series]) -> Result<(), String> {
        for Series { labels, samples, .. } in found {
            let times = self.series.get(labels);
            for sample in samples {
                if times.is_none_or(|times| !times.contains_key(&sample.t_ms)) {
                    return Err(format!("{labels} has {sample:?}, which nobody appended"));
                }
            }
        }
        for (labels, times) in &self.series {
            let samples = samples_of(found, labels);
            for (t_ms, writes) in times {
                let at = samples.binary_search_by_key(t_ms, |s| s.t_ms);
                let found = at.ok().map(|at| samples[at]);
                if !self.allowed(writes).iter().any(|state| same(*state, found)) {
                    return Err(format!(
                        "{labels} at {t_ms} is {found:?} after {writes:?}, of which {:?} \
                         are acknowledged",
                        self.acknowledged_of(writes)
                    ));
                }
            }
        }
        Ok(())
    }

    /// What was found is durable and all there is.
    pub(super) fn settle(&mut self, found: &[Series]) {
        self.series.clear();
        for Series { labels, samples, .. } in found {
            let times = self.series.entry(labels.clone()).or_default();
            for sample in samples {
                let written = Written { sample: *sample, batch: None };
                times.insert(sample.t_ms, vec![written]);
            }
        }
    }

    fn is_durable(&self, written: &Written) -> bool {
        let acknowledged = |batch: BatchId| self.acknowledged.contains(&batch);
        written.batch.is_none_or(acknowledged)
    }

    fn acknowledged_of(&self, writes: &[Written]) -> Vec<bool> {
        writes.iter().map(|w| self.is_durable(w)).collect()
    }

    fn allowed(&self, writes: &[Written]) -> Vec<Option<Sample>> {
        let mut states = vec![None];
        for written in writes {
            let mut after: Vec<Option<Sample>> = Vec::new();
            for state in states {
                let taken = Some(written_over(state, written.sample));
                let skipped = (!self.is_durable(written)).then_some(state);
                for state in [Some(taken), skipped].into_iter().flatten() {
                    if !after.iter().any(|known| same(*known, state)) {
                        after.push(state);
                    }
                }
            }
            states = after;
        }
        states
    }
}

/// A value beats a stale marker, otherwise the later write wins.
fn written_over(before: Option<Sample>, sample: Sample) -> Sample {
    match before {
        Some(before) if is_stale_marker(sample.value) && !is_stale_marker(before.value) => before,
        _ => sample,
    }
}

fn same(a: Option<Sample>, b: Option<Sample>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.same_bits(&b),
        _ => false,
    }
}

fn samples_of<'f>(found: &'f [Series], labels: &Labels) -> &'f [Sample] {
    let at = found.binary_search_by(|s| s.labels.cmp(labels));
    at.map_or(&[], |at| &found[at].samples)
}
