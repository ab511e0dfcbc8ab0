//! Times: when the numbers of one series are, while they come from one source after the other.
//!
//! Series that are scraped together share the columns of their times. As long as a series is made of
//! whole parts of columns, only those are noted; and if they are the parts of the series before, its
//! times stand here already.

use std::ops::Range;
use std::sync::Arc;

/// A part of a column of a block.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) column: Arc<Vec<i64>>,
    pub(crate) range: Range<usize>,
}

impl Part {
    fn times(&self) -> &[i64] {
        &self.column[self.range.clone()]
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.column, &other.column) && self.range == other.range
    }
}

/// See the head of this file. Unix milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// What is noted of this series.
    parts: Vec<Part>,
    /// Whether `joined` has the times of this series, rather than of one before.
    is_joined: bool,
    joined: Vec<i64>,
    /// What those are made of; nothing if not of parts alone.
    joined_of: Vec<Part>,
    /// Another one for other times; the first is 1.
    id: u64,
}

impl Times {
    /// Begins with the next series.
    pub(crate) fn clear(&mut self) {
        self.parts.clear();
        self.is_joined = false;
    }

    /// Appends one.
    #[inline]
    pub(crate) fn push(&mut self, t_ms: i64) {
        self.change().push(t_ms);
    }

    /// Appends a part of a column.
    pub(crate) fn extend(&mut self, part: Part) {
        if self.is_joined {
            self.change().extend_from_slice(part.times());
        } else if !part.range.is_empty() {
            self.parts.push(part);
        }
    }

    /// Drops all but so many.
    pub(crate) fn truncate(&mut self, n: usize) {
        self.change().truncate(n);
    }

    /// Drops so many at the beginning.
    pub(crate) fn drop_first(&mut self, n: usize) {
        self.change().drain(..n);
    }

    /// One of them.
    pub(crate) fn get(&self, at: usize) -> Option<i64> {
        if self.is_joined {
            return self.joined.get(at).copied();
        }
        let mut at = at;
        for part in &self.parts {
            match part.times().get(at) {
                Some(t_ms) => return Some(*t_ms),
                None => at -= part.range.len(),
            }
        }
        None
    }

    /// All of them, and a number: of series of one scan, those with the same number have the same
    /// times.
    pub(crate) fn join(&mut self) -> (&[i64], u64) {
        if !self.is_joined {
            self.is_joined = true;
            if self.joined_of.is_empty() || self.joined_of != self.parts {
                self.id += 1;
                self.joined.clear();
                self.parts.iter().for_each(|part| self.joined.extend_from_slice(part.times()));
                std::mem::swap(&mut self.joined_of, &mut self.parts);
            }
        }
        (&self.joined, self.id)
    }

    /// The times of this series, which are then no longer those of the parts.
    #[inline]
    fn change(&mut self) -> &mut Vec<i64> {
        if !self.is_joined {
            self.join();
        }
        if !self.joined_of.is_empty() {
            self.joined_of.clear();
            self.id += 1;
        }
        &mut self.joined
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Part, Times};

    fn part(column: &Arc<Vec<i64>>, range: std::ops::Range<usize>) -> Part {
        Part { column: Arc::clone(column), range }
    }

    #[test]
    fn series_of_the_same_parts_have_the_same_number() {
        let (a, b) = (Arc::new(vec![1, 2, 3]), Arc::new(vec![7, 8]));
        let mut times = Times::default();
        let of = |times: &mut Times, parts: &[Part]| {
            times.clear();
            parts.iter().for_each(|part| times.extend(part.clone()));
            let (all, id) = times.join();
            (all.to_vec(), id)
        };
        let both = [part(&a, 0..3), part(&b, 0..2)];
        let first = of(&mut times, &both);
        assert_eq!(first.0, [1, 2, 3, 7, 8]);
        assert_eq!(of(&mut times, &both), first);
        let other = of(&mut times, &[part(&a, 1..3)]);
        assert!(other.0 == [2, 3] && other.1 != first.1);
        let again = of(&mut times, &both);
        assert!(again.0 == first.0 && again.1 != other.1);
    }

    #[test]
    fn what_is_changed_is_not_taken_for_its_parts() {
        let a = Arc::new(vec![1, 2, 3]);
        let mut times = Times::default();
        times.extend(part(&a, 0..3));
        let before = times.join().1;
        times.push(9);
        let (all, id) = times.join();
        assert!(all == [1, 2, 3, 9] && id != before);
        times.clear();
        times.extend(part(&a, 0..3));
        assert_eq!((times.get(2), times.get(3)), (Some(3), None));
        let (all, later) = times.join();
        assert!(all == [1, 2, 3] && later != id);
        times.clear();
        times.push(4);
        times.extend(part(&a, 1..2));
        times.truncate(2);
        times.drop_first(1);
        let (all, last) = times.join();
        assert!(all == [2] && last != later);
        times.clear();
        times.push(5);
        let (all, id) = times.join();
        assert!(all == [5] && id != last);
    }
}
