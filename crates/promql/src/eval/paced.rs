//! Paced: sorting of long lists that ends when the query should.

use std::cmp::Ordering;

use super::answer::QueryError;
use super::budget::{Budget, LABELS_WORK};

/// So many items are sorted in one go.
const RUN: usize = 512;

/// Sorts a list; what compares equal keeps its order. Every comparison counts as one of label sets.
///
/// # Errors
/// The query should stop.
pub(super) fn sort<T>(
    items: &mut Vec<T>,
    budget: &mut Budget,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<(), QueryError> {
    budget.work(items.len().min(RUN) * LABELS_WORK)?;
    if items.len() <= RUN {
        items.sort_by(compare);
        return Ok(());
    }
    let compare = |a: usize, b: usize| compare(&items[a], &items[b]);
    let mut order: Vec<usize> = (0..items.len()).collect();
    for run in order.chunks_mut(RUN) {
        budget.work(run.len() * LABELS_WORK)?;
        run.sort_by(|a, b| compare(*a, *b));
    }
    let mut length = RUN;
    while length < order.len() {
        order = merged(&order, length, budget, &compare)?;
        length *= 2;
    }
    let mut unsorted: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| unsorted[at].take()));
    Ok(())
}

/// Neighbours of runs of this length, made one.
fn merged(
    order: &[usize],
    length: usize,
    budget: &mut Budget,
    compare: &impl Fn(usize, usize) -> Ordering,
) -> Result<Vec<usize>, QueryError> {
    let mut out = Vec::with_capacity(order.len());
    for pair in order.chunks(2 * length) {
        let (mut a, mut b) = pair.split_at(length.min(pair.len()));
        while let (Some((first_a, rest_a)), Some((first_b, rest_b))) =
            (a.split_first(), b.split_first())
        {
            budget.work(LABELS_WORK)?;
            if compare(*first_a, *first_b).is_le() {
                out.push(*first_a);
                a = rest_a;
            } else {
                out.push(*first_b);
                b = rest_b;
            }
        }
        out.extend_from_slice(a);
        out.extend_from_slice(b);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::super::budget::{Budget, StopCheck, Stopped};
    use super::super::engine::Options;
    use super::{RUN, sort};

    /// Numbers in no order, of which many are the same.
    fn numbers(n: usize) -> Vec<(u32, usize)> {
        (0..n).map(|at| ((at as u32).wrapping_mul(2_654_435_769) % 1_000, at)).collect()
    }

    #[test]
    fn lists_of_any_length_are_sorted_and_equals_stay_in_order() {
        for n in [0, 1, RUN, RUN + 1, 2 * RUN, 3 * RUN + 1, 16 * RUN - 1] {
            let mut budget = Budget::new(&Options::default());
            let (mut sorted, mut expected) = (numbers(n), numbers(n));
            sort(&mut sorted, &mut budget, |a, b| a.0.cmp(&b.0)).unwrap();
            expected.sort_by_key(|(number, _)| *number);
            assert_eq!(sorted, expected, "{n} items");
        }
    }

    #[test]
    fn a_query_can_be_stopped_at_any_moment_of_sorting() {
        let asks = Arc::new(AtomicUsize::new(0));
        let mut n_asks_max = 0;
        loop {
            let (counted, n) = (Arc::clone(&asks), n_asks_max);
            asks.store(0, Relaxed);
            let stop = StopCheck::new(move || {
                (counted.fetch_add(1, Relaxed) >= n).then_some(Stopped::TimedOut)
            });
            let mut budget = Budget::new(&Options { stop, ..Options::default() });
            if sort(&mut numbers(8 * RUN), &mut budget, |a, b| a.0.cmp(&b.0)).is_ok() {
                break;
            }
            n_asks_max += 1;
        }
        // Once for each run, and as often for each of three merges.
        assert!(n_asks_max >= 4 * 8, "asked {n_asks_max} times");
    }
}
