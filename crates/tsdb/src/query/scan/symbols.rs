//! Symbols: one number for each label, whichever source of a scan it comes from.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::source::Source;

/// See the head of this file.
pub(super) struct Symbols {
    /// By name the values.
    names: HashMap<Arc<str>, HashMap<Arc<str>, u32>>,
    /// Name and value by number.
    labels: Vec<(Arc<str>, Arc<str>)>,
    /// By source and by its own number, one more than ours; 0 where that is not known yet.
    of_sources: Vec<Vec<u32>>,
}

impl Symbols {
    /// Of labels of so many sources.
    pub(super) fn new(n_sources: usize) -> Self {
        let of_sources = vec![Vec::new(); n_sources];
        Self { names: HashMap::new(), labels: Vec::new(), of_sources }
    }

    /// Appends the labels of the series that a source stands at; false if one cannot be read.
    pub(super) fn of_tags(
        &mut self,
        (nth, source): (usize, &mut Source),
        out: &mut Vec<u32>,
    ) -> bool {
        for at in 0..source.tags().len() {
            let tag = source.tags()[at];
            let known = &mut self.of_sources[nth];
            if known.len() <= tag as usize {
                known.resize(tag as usize + 1, 0);
            }
            if known[tag as usize] == 0 {
                let Some((name, value)) = source.label(tag) else { return false };
                let number = self.number(name, value);
                self.of_sources[nth][tag as usize] = number + 1;
            }
            out.push(self.of_sources[nth][tag as usize] - 1);
        }
        true
    }

    fn number(&mut self, name: &str, value: &str) -> u32 {
        if !self.names.contains_key(name) {
            self.names.insert(name.into(), HashMap::new());
        }
        let number = self.labels.len() as u32;
        let Some(values) = self.names.get_mut(name) else { return number };
        if let Some(known) = values.get(value) {
            return *known;
        }
        let value: Arc<str> = value.into();
        values.insert(Arc::clone(&value), number);
        let name = self.names.get_key_value(name).map(|(name, _)| Arc::clone(name));
        self.labels.push((name.unwrap_or_default(), value));
        number
    }

    /// The label with this number.
    pub(super) fn label(&self, symbol: u32) -> (String, String) {
        let (name, value) = &self.labels[symbol as usize];
        (name.to_string(), value.to_string())
    }

    /// Compares the labels of two series as [`model::Labels`] are compared.
    pub(super) fn compare(&self, a: &[u32], b: &[u32]) -> Ordering {
        let differing = a.iter().zip(b).find(|(a, b)| a != b);
        match differing {
            Some((a, b)) => self.labels[*a as usize].cmp(&self.labels[*b as usize]),
            None => a.len().cmp(&b.len()),
        }
    }
}
