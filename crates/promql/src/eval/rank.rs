//! Ranking: which of many elements have the largest or smallest values, and in which order they are
//! told.
//!
//! Of equal values it is the way there that tells which stay: those kept so far are a heap, and what
//! ranks above its root takes the root's place. Prometheus does the same, so that the same elements
//! are picked.

use std::cmp::Ordering;

use super::answer::QueryError;
use super::budget::{Budget, LABELS_WORK};
use super::paced;

/// So many elements are put in order by insertion, more of them by merging. It matters where values
/// are no numbers.
const INSERTED_MAX: usize = 12;

/// Which values are told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Largest,
    Smallest,
}

impl Rank {
    /// Whether a value ranks below another. What is no number ranks below anything, even its like.
    fn is_below(self, a: f64, b: f64) -> bool {
        match self {
            _ if a.is_nan() => true,
            Self::Largest => a < b,
            Self::Smallest => a > b,
        }
    }

    /// The order in which two values are told. What is no number comes last.
    fn order(self, a: f64, b: f64) -> Ordering {
        match (a.is_nan(), b.is_nan(), self) {
            (false, false, Self::Largest) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
            (false, false, Self::Smallest) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (a, b, _) => a.cmp(&b),
        }
    }
}

/// Elements with their values, of which the first ranks below all others, and each below the two at
/// twice its place.
#[derive(Debug)]
pub(super) struct Heap<T> {
    rank: Rank,
    elements: Vec<(f64, T)>,
}

impl<T> Heap<T> {
    pub(super) fn new(rank: Rank) -> Self {
        Self { rank, elements: Vec::new() }
    }

    /// Adds an element. Once there are `n_max`, it takes the place of the first if it ranks above it,
    /// and is left out if not.
    ///
    /// # Errors
    /// The query should stop.
    pub(super) fn offer(
        &mut self,
        n_max: usize,
        value: f64,
        element: T,
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        budget.work(1 + (1 + self.elements.len()).ilog2() as usize)?;
        if self.elements.len() < n_max {
            self.elements.push((value, element));
            self.rise();
        } else if let Some(first) = self.elements.first_mut()
            && !value.is_nan()
            && self.rank.is_below(first.0, value)
        {
            *first = (value, element);
            self.sink();
        }
        Ok(())
    }

    /// Moves the last element up to where it belongs.
    fn rise(&mut self) {
        let mut at = self.elements.len() - 1;
        while at > 0 {
            let above = (at - 1) / 2;
            if !self.is_below(at, above) {
                return;
            }
            self.elements.swap(at, above);
            at = above;
        }
    }

    /// Moves the first element down to where it belongs.
    fn sink(&mut self) {
        let mut at = 0;
        while 2 * at + 1 < self.elements.len() {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let is_right = right < self.elements.len() && self.is_below(right, left);
            let next = if is_right { right } else { left };
            if !self.is_below(next, at) {
                return;
            }
            self.elements.swap(at, next);
            at = next;
        }
    }

    fn is_below(&self, a: usize, b: usize) -> bool {
        self.rank.is_below(self.elements[a].0, self.elements[b].0)
    }

    /// The elements in the order of the heap.
    pub(super) fn into_elements(self) -> Vec<T> {
        self.elements.into_iter().map(|(_, element)| element).collect()
    }

    /// The elements in the order in which they are told.
    ///
    /// # Errors
    /// The query should stop.
    pub(super) fn into_sorted(self, budget: &mut Budget) -> Result<Vec<T>, QueryError> {
        sorted(self.rank, self.elements, budget)
    }
}

/// Elements in the order in which their values are told. Equal values keep their order.
///
/// # Errors
/// The query should stop.
pub(super) fn sorted<T>(
    rank: Rank,
    mut elements: Vec<(f64, T)>,
    budget: &mut Budget,
) -> Result<Vec<T>, QueryError> {
    if elements.len() > INSERTED_MAX {
        paced::sort(&mut elements, budget, |a, b| rank.order(a.0, b.0))?;
    } else {
        budget.work(elements.len() * LABELS_WORK)?;
        for mut at in 1..elements.len() {
            while at > 0 && rank.is_below(elements[at - 1].0, elements[at].0) {
                elements.swap(at - 1, at);
                at -= 1;
            }
        }
    }
    Ok(elements.into_iter().map(|(_, element)| element).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::super::engine::Options;
    use super::{Budget, Heap, Rank, sorted};

    fn budget() -> Budget {
        Budget::new(&Options::default())
    }

    /// The places of so many of the values.
    fn picked(rank: Rank, n: usize, values: &[f64]) -> Vec<usize> {
        let (mut heap, mut budget) = (Heap::new(rank), budget());
        for (place, value) in values.iter().enumerate() {
            heap.offer(n, *value, place, &mut budget).unwrap();
        }
        heap.into_sorted(&mut budget).unwrap()
    }

    #[test]
    fn of_equal_values_a_larger_one_takes_the_place_of_the_root() {
        use Rank::{Largest, Smallest};
        assert_eq!(picked(Largest, 2, &[5.0, 5.0, 8.0]), [2, 1]);
        assert_eq!(picked(Largest, 3, &[5.0, 5.0, 5.0, 8.0, 8.0]), [3, 4, 2]);
        assert_eq!(picked(Smallest, 2, &[8.0, 8.0, 5.0]), [2, 1]);
        assert_eq!(picked(Largest, 2, &[5.0, 5.0, 5.0]), [0, 1]);
        assert_eq!(picked(Smallest, 0, &[5.0]), [0; 0]);
    }

    #[test]
    fn no_numbers_give_way_and_are_told_last() {
        let nan = f64::NAN;
        let values = [nan, 5.0, nan, 5.0, nan, 8.0];
        assert_eq!(picked(Rank::Largest, 5, &values), [5, 3, 1, 2, 0]);
        assert_eq!(picked(Rank::Largest, 3, &values), [5, 1, 3]);
        assert_eq!(picked(Rank::Smallest, 1, &[3.0, nan]), [0]);
        let ranked = |rank| {
            let values = values.into_iter().enumerate().map(|(place, value)| (value, place));
            sorted(rank, values.collect(), &mut budget()).unwrap()
        };
        assert_eq!(ranked(Rank::Smallest), [1, 3, 5, 4, 2, 0]);
        assert_eq!(ranked(Rank::Largest), [5, 1, 3, 4, 2, 0]);
    }

    proptest! {
        #[test]
        fn what_is_picked_has_the_values_that_sorting_all_puts_first(
            mut values: Vec<i8>, n in 0_usize..40, is_largest: bool
        ) {
            let rank = if is_largest { Rank::Largest } else { Rank::Smallest };
            let floats: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            let picked = picked(rank, n, &floats);
            let found: Vec<i8> = picked.iter().map(|place| values[*place]).collect();
            values.sort_unstable();
            if is_largest {
                values.reverse();
            }
            values.truncate(n);
            assert_eq!(found, values);
        }

        #[test]
        fn equal_values_keep_their_order(values: Vec<bool>, is_largest in any::<bool>()) {
            let rank = if is_largest { Rank::Largest } else { Rank::Smallest };
            let float = |value: bool| f64::from(u8::from(value));
            let pairs = values.iter().enumerate().map(|(place, value)| (float(*value), place));
            let found = sorted(rank, pairs.collect(), &mut budget()).unwrap();
            let mut wanted: Vec<usize> = (0..values.len()).collect();
            wanted.sort_by_key(|place| (values[*place] != is_largest, *place));
            assert_eq!(found, wanted);
        }
    }
}
