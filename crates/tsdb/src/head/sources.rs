//! Sources: how many series each sender began, for the bound on series per source.

use std::collections::HashMap;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    numbers: HashMap<String, u32>,
    /// By number: how many series.
    n_series: Vec<u64>,
    /// By slot: one more than the number, 0 for none.
    of_slots: Vec<u32>,
}

impl Sources {
    /// How many series this source began.
    pub(crate) fn n_series(&self, source: &str) -> u64 {
        self.numbers.get(source).map_or(0, |number| self.n_series[*number as usize])
    }

    /// Notes that a source began a series.
    pub(crate) fn add(&mut self, source: &str, slot: u32) {
        let number = match self.numbers.get(source) {
            Some(number) => *number,
            None => {
                let next = self.n_series.len() as u32;
                self.n_series.push(0);
                self.numbers.insert(source.to_owned(), next);
                next
            }
        };
        self.n_series[number as usize] += 1;
        let at = slot as usize;
        if self.of_slots.len() <= at {
            self.of_slots.resize(at + 1, 0);
        }
        self.of_slots[at] = number + 1;
    }

    /// Forgets series that are gone.
    pub(crate) fn remove(&mut self, slots: &[u32]) {
        for slot in slots {
            let Some(number) = self.of_slots.get_mut(*slot as usize) else { continue };
            if let Some(number) = std::mem::take(number).checked_sub(1) {
                self.n_series[number as usize] -= 1;
            }
        }
    }
}
