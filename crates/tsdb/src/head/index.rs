//! Index: which series there are, found by all of their labels or by some of them.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use model::{Label, Labels, MatchOp, Matcher};

use super::Series;
use crate::wal::SeriesRef;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_labels: HashSet<ByLabels>,
    slots: Vec<Option<Arc<Series>>>,
    free_slots: Vec<u32>,
    /// Label name, label value, the slots of the series that have them, rising.
    postings: BTreeMap<String, BTreeMap<String, Vec<u32>>>,
    generation: u32,
}

/// A series that is hashed and compared by its labels.
#[derive(Debug)]
struct ByLabels(Arc<Series>);

impl Borrow<Labels> for ByLabels {
    fn borrow(&self) -> &Labels {
        self.0.labels()
    }
}

impl Hash for ByLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.labels().hash(state);
    }
}

impl PartialEq for ByLabels {
    fn eq(&self, other: &Self) -> bool {
        self.0.labels() == other.0.labels()
    }
}

impl Eq for ByLabels {}

impl Index {
    /// The generation of new references.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Every series, in the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.slots.iter().flatten()
    }

    /// The series with exactly these labels.
    pub(crate) fn get(&self, labels: &Labels) -> Option<&Arc<Series>> {
        self.by_labels.get(labels).map(|found| &found.0)
    }

    /// Adds a series that is not there yet, under a new reference.
    pub(crate) fn add(&mut self, labels: Labels) -> Arc<Series> {
        let slot = self.take_slot();
        self.insert(Series::new(SeriesRef::new(self.generation, slot), slot, labels))
    }

    /// Adds a series that is not there yet, under the reference that the log knows it by; its slot
    /// in memory is another.
    pub(crate) fn restore(&mut self, reference: SeriesRef, labels: Labels) -> Arc<Series> {
        let slot = self.take_slot();
        self.insert(Series::new(reference, slot, labels))
    }

    /// New references will be of a generation later than this one, so that they differ from all
    /// that were handed out up to it.
    pub(crate) fn begin_generation_after(&mut self, spent: u32) {
        let next = spent.checked_add(1);
        self.generation = next.expect("four billion generations outlast every data directory");
    }

    fn take_slot(&mut self) -> u32 {
        self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("memory ends before four billion series")
        })
    }

    fn insert(&mut self, series: Series) -> Arc<Series> {
        let slot = series.slot();
        for label in series.labels() {
            let values = self.postings.entry(label.name.clone()).or_default();
            let slots = values.entry(label.value.clone()).or_default();
            if let Err(at) = slots.binary_search(&slot) {
                slots.insert(at, slot);
            }
        }
        let series = Arc::new(series);
        self.slots[slot as usize] = Some(Arc::clone(&series));
        let is_new = self.by_labels.insert(ByLabels(Arc::clone(&series)));
        assert!(is_new, "series {} was added twice", series.labels());
        series
    }

    /// Removes series and begins a new generation, in which their slots may be used again.
    pub(crate) fn remove(&mut self, dead: &[Arc<Series>]) {
        if dead.is_empty() {
            return;
        }
        for series in dead {
            self.by_labels.remove(series.labels());
            self.slots[series.slot() as usize] = None;
            self.free_slots.push(series.slot());
        }
        self.remove_postings(dead);
        self.begin_generation_after(self.generation);
    }

    /// Visits each list once, however many of its series are dead.
    fn remove_postings(&mut self, dead: &[Arc<Series>]) {
        let labels: HashSet<&Label> = dead.iter().flat_map(|series| series.labels()).collect();
        let slots = &self.slots;
        for label in labels {
            let Some(values) = self.postings.get_mut(&label.name) else {
                continue;
            };
            if let Some(listed) = values.get_mut(&label.value) {
                listed.retain(|slot| slots[*slot as usize].is_some());
                if listed.is_empty() {
                    values.remove(&label.value);
                }
            }
            if values.is_empty() {
                self.postings.remove(&label.name);
            }
        }
    }

    /// The series that match, in no particular order.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<Arc<Series>> {
        let mut listed: Vec<&[u32]> = Vec::new();
        for matcher in matchers.iter().filter(|m| is_listed(m)) {
            listed.push(self.slots_with(&matcher.name, matcher.value()));
        }
        let others: Vec<&Matcher> = matchers.iter().filter(|m| !is_listed(m)).collect();
        let meets_others =
            |series: &&Arc<Series>| others.iter().all(|m| m.matches(series.labels()));
        // The shortest list leads, so the work is its length times a few binary searches.
        listed.sort_unstable_by_key(|slots| slots.len());
        let Some((shortest, longer)) = listed.split_first() else {
            return self.iter().filter(meets_others).cloned().collect();
        };
        let in_longer = |slot: &&u32| longer.iter().all(|slots| slots.binary_search(slot).is_ok());
        let slots = shortest.iter().filter(in_longer);
        let series = slots.filter_map(|slot| self.slots[*slot as usize].as_ref());
        series.filter(meets_others).cloned().collect()
    }

    fn slots_with(&self, name: &str, value: &str) -> &[u32] {
        let values = self.postings.get(name);
        values.and_then(|values| values.get(value)).map_or(&[], Vec::as_slice)
    }

    /// All values of a label, sorted.
    pub(crate) fn values_of(&self, name: &str) -> Vec<String> {
        let values = self.postings.get(name);
        values.map_or_else(Vec::new, |values| values.keys().cloned().collect())
    }
}

/// Whether postings answer this matcher. The empty value means an absent label, which they lack.
fn is_listed(matcher: &Matcher) -> bool {
    matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
}
