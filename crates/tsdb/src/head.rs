//! The head: every sample that is kept, compressed in memory, and the index over its series.
//!
//! The log has a sample before the head does, and both take samples in the same order, so that a
//! replay ends where the process ended. It never reads the clock or the disk.

mod bits;
mod chunk;
#[cfg_attr(not(test), expect(dead_code, reason = "it takes the index's place in the next step"))]
mod identity;
mod index;
mod series;
mod timeline;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Matcher;
use parking_lot::RwLock;

pub(crate) use index::Index;
pub(crate) use series::Series;
pub(crate) use timeline::merge;

/// See the head of this file.
pub(crate) struct Head {
    index: RwLock<Index>,
}

impl Head {
    /// Everything that was recovered; new series get references of this generation.
    pub(crate) fn new(index: Index) -> Self {
        let index = RwLock::new(index);
        Self { index }
    }

    /// The index, to be held for as short as possible.
    pub(crate) fn index(&self) -> &RwLock<Index> {
        &self.index
    }

    /// The series that match, in the order of their labels.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<Arc<Series>> {
        let mut found = self.index.read().matching(matchers);
        found.sort_unstable_by(|a, b| a.labels().cmp(b.labels()));
        found
    }

    /// Every series, in the order of their slots.
    pub(crate) fn all(&self) -> Vec<Arc<Series>> {
        self.index.read().iter().cloned().collect()
    }

    /// The values of one label, sorted, each once.
    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher]) -> Vec<String> {
        let index = self.index.read();
        if matchers.is_empty() {
            return index.values_of(name);
        }
        let found = index.matching(matchers);
        drop(index);
        let mut values: Vec<&str> =
            found.iter().filter_map(|series| series.labels().get(name)).collect();
        values.sort_unstable();
        values.dedup();
        values.into_iter().map(str::to_owned).collect()
    }

    /// The names of labels, sorted, each once.
    pub(crate) fn label_names(&self, matchers: &[Matcher]) -> Vec<String> {
        let found = self.index.read().matching(matchers);
        let names = found.iter().flat_map(|series| series.labels()).map(|label| &label.name);
        let names: BTreeSet<&String> = names.collect();
        names.into_iter().cloned().collect()
    }
}
