//! Identities: which series there are, found by all of their labels or by some of them.

use std::collections::{BTreeMap, HashMap};

use model::{Labels, MatchOp, Matcher};

/// What [`Identities::find_or_add`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) slot: u32,
    pub(crate) is_new: bool,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    by_labels: HashMap<Labels, u32>,
    slots: Vec<Option<Labels>>,
    free_slots: Vec<u32>,
    /// Label name, label value, the slots of the series that have them, rising.
    postings: BTreeMap<String, BTreeMap<String, Vec<u32>>>,
    bytes: usize,
}

impl Identities {
    pub(crate) fn find_or_add(&mut self, pairs: &[(&str, &str)]) -> Found {
        let labels =
            Labels::new(pairs.iter().copied()).expect("labels are checked where they enter");
        if let Some(slot) = self.by_labels.get(&labels) {
            return Found { slot: *slot, is_new: false };
        }
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        for label in &labels {
            let values = self.postings.entry(label.name.clone()).or_default();
            let slots = values.entry(label.value.clone()).or_default();
            if let Err(at) = slots.binary_search(&slot) {
                slots.insert(at, slot);
            }
        }
        self.bytes += bytes_of(&labels);
        self.by_labels.insert(labels.clone(), slot);
        self.slots[slot as usize] = Some(labels);
        Found { slot, is_new: true }
    }

    pub(crate) fn remove(&mut self, slots: &[u32]) {
        for slot in slots {
            let Some(labels) = self.slots[*slot as usize].take() else { continue };
            self.by_labels.remove(&labels);
            self.bytes -= bytes_of(&labels);
            self.free_slots.push(*slot);
            for label in &labels {
                let Some(values) = self.postings.get_mut(&label.name) else { continue };
                if let Some(listed) = values.get_mut(&label.value) {
                    listed.retain(|s| s != slot);
                    if listed.is_empty() {
                        values.remove(&label.value);
                    }
                }
                if values.is_empty() {
                    self.postings.remove(&label.name);
                }
            }
        }
    }

    fn of(&self, slot: u32) -> &Labels {
        self.slots[slot as usize].as_ref().expect("the slot is taken")
    }

    pub(crate) fn labels(&self, slot: u32) -> Labels {
        self.of(slot).clone()
    }

    pub(crate) fn pairs(&self, slot: u32) -> impl Iterator<Item = (&str, &str)> {
        self.of(slot).iter().map(|label| (label.name.as_str(), label.value.as_str()))
    }

    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<u32> {
        let mut listed: Vec<&[u32]> = Vec::new();
        for matcher in matchers.iter().filter(|m| is_listed(m)) {
            let values = self.postings.get(&matcher.name);
            listed.push(values.and_then(|v| v.get(&matcher.value)).map_or(&[], Vec::as_slice));
        }
        let meets = |slot: &u32| {
            self.slots[*slot as usize]
                .as_ref()
                .is_some_and(|l| matchers.iter().all(|m| m.matches(l)))
        };
        listed.sort_unstable_by_key(|slots| slots.len());
        match listed.first() {
            Some(shortest) => shortest.iter().copied().filter(meets).collect(),
            None => (0..self.slots.len() as u32).filter(meets).collect(),
        }
    }

    pub(crate) fn sort_by_labels(&self, slots: &mut [u32]) {
        slots.sort_unstable_by(|a, b| self.of(*a).cmp(self.of(*b)));
    }

    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher]) -> Vec<String> {
        let slots = self.matching(matchers);
        let mut values: Vec<String> =
            slots.iter().filter_map(|slot| self.of(*slot).get(name).map(str::to_owned)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    pub(crate) fn find(&self, pairs: &[(&str, &str)]) -> Option<u32> {
        self.by_labels.get(&Labels::new(pairs.iter().copied()).ok()?).copied()
    }

    pub(crate) fn n_series_with(&self, name: &str, value: &str) -> usize {
        self.postings.get(name).and_then(|values| values.get(value)).map_or(0, Vec::len)
    }

    pub(crate) fn n_series(&self) -> usize {
        self.by_labels.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes_of(labels: &Labels) -> usize {
    labels.iter().map(|label| label.name.len() + label.value.len() + 84).sum::<usize>() + 100
}

fn is_listed(matcher: &Matcher) -> bool {
    matcher.op == MatchOp::Equal && !matcher.value.is_empty()
}
