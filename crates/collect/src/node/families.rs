//! Families whose names are made from the kernel's own words, gathered by name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::{Family, Labels, MetricKind};

/// The bound on families made from one subject's files; the widest real one, hwmon, stays below 200.
const FAMILIES_MAX: usize = 2048;

/// Families by name. A label set appears once in each, whatever the files repeat.
#[derive(Default)]
pub(super) struct Families {
    by_name: BTreeMap<String, Family>,
}

impl Families {
    /// Adds a point to the family of this name, which is made when it is new.
    pub(super) fn add(
        &mut self,
        name: String,
        (help, kind): (&'static str, MetricKind),
        labels: Labels,
        value: f64,
    ) {
        let full = self.by_name.len() >= FAMILIES_MAX;
        match self.by_name.entry(name) {
            Entry::Vacant(_) if full => {}
            Entry::Vacant(entry) => {
                let mut family = Family::new(entry.key().clone(), help, kind);
                family.push(labels, value);
                entry.insert(family);
            }
            Entry::Occupied(mut entry) => {
                let family = entry.get_mut();
                if family.points.iter().all(|point| point.labels != labels) {
                    family.push(labels, value);
                }
            }
        }
    }

    /// Adds the only point of the family of this name.
    pub(super) fn set(
        &mut self,
        name: String,
        description: (&'static str, MetricKind),
        value: f64,
    ) {
        self.add(name, description, Labels::default(), value);
    }

    pub(super) fn finish(self, out: &mut Vec<Family>) {
        out.extend(self.by_name.into_values());
    }
}
