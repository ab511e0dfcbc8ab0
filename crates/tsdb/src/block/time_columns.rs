//! Time columns: the series of one scrape share their timestamps, so each row of times is written
//! once and chunks refer to a slice of it.
//!
//! A chunk's times are looked up as a whole, then by a few of them: every column is indexed by its
//! first time and by about one in sixteen others, picked by the time itself, so that any longer
//! slice contains one. What is found is compared in full.
//!
//! A column that many chunks use is written a second time, far from the first: the page it stands
//! on must not take all of them with it.

use std::collections::{HashMap, VecDeque};

/// Times that are kept for comparison, 8 bytes each; the oldest column goes first.
const TIMES_KEPT_MAX: usize = 1 << 20;
/// So many times of a chunk are looked up before it gets its own column.
const PROBES_MAX: usize = 4;

/// So many times of a row, about, make its hash.
const HASHED_TIMES: usize = 8;
/// A column that so many chunks use is spared: it is written twice.
const SPARED_USES_MIN: u32 = 64;

/// A slice of a column in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeSlice {
    /// Where the column stands.
    pub(super) column: u64,
    /// The index of its first time.
    pub(super) first: u32,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct TimeColumns {
    kept: VecDeque<Column>,
    /// How many columns were forgotten: the number of the first that is kept.
    n_forgotten: u64,
    n_times: usize,
    /// The column and the place in it that was found last: neighbours often have the same times.
    last: (u64, u32),
    by_content: HashMap<u64, u64>,
    by_time: HashMap<i64, (u64, u32)>,
}

#[derive(Debug)]
pub(super) struct Column {
    /// Where it stands.
    pub(super) offset: u64,
    /// All of it.
    pub(super) times: Vec<i64>,
    n_uses: u32,
}

impl Column {
    /// Whether it must be written a second time.
    pub(super) fn is_spared(&self) -> bool {
        self.n_uses >= SPARED_USES_MIN
    }
}

impl TimeColumns {
    /// Where these times are already written; a use more.
    pub(super) fn find(&mut self, times: &[i64]) -> Option<TimeSlice> {
        let (number, slice) = self.look_up(times)?;
        self.kept[(number - self.n_forgotten) as usize].n_uses += 1;
        self.last = (number, slice.first);
        Some(slice)
    }

    fn look_up(&self, times: &[i64]) -> Option<(u64, TimeSlice)> {
        let (number, first) = self.last;
        if let Some(found) = self.compare(number, first, times) {
            return Some(found);
        }
        let whole = self.by_content.get(&hash_of(times)).map(|number| (*number, 0));
        let probes = times.iter().enumerate().filter(|(at, t)| *at == 0 || is_indexed(**t));
        let parts = probes.take(PROBES_MAX).filter_map(|(at, t)| {
            let (number, in_column) = self.by_time.get(t)?;
            Some((*number, in_column.checked_sub(at as u32)?))
        });
        whole
            .into_iter()
            .chain(parts)
            .find_map(|(number, first)| self.compare(number, first, times))
    }

    fn compare(&self, number: u64, first: u32, times: &[i64]) -> Option<(u64, TimeSlice)> {
        let column = self.kept.get(number.checked_sub(self.n_forgotten)? as usize)?;
        let slice = column.times.get(first as usize..)?.get(..times.len())?;
        (slice == times).then_some((number, TimeSlice { column: column.offset, first }))
    }

    /// Remembers a column that was written and has one use; returns those that are forgotten for it.
    pub(super) fn keep(&mut self, offset: u64, times: &[i64]) -> Vec<Column> {
        let number = self.n_forgotten + self.kept.len() as u64;
        self.by_content.insert(hash_of(times), number);
        for (at, t) in indexed(times) {
            self.by_time.insert(t, (number, at));
        }
        self.n_times += times.len();
        self.kept.push_back(Column { offset, times: times.to_vec(), n_uses: 1 });
        let mut forgotten = Vec::new();
        while self.n_times > TIMES_KEPT_MAX {
            forgotten.push(self.forget_oldest());
        }
        forgotten
    }

    /// All that are still remembered.
    pub(super) fn into_columns(self) -> impl Iterator<Item = Column> {
        self.kept.into_iter()
    }

    fn forget_oldest(&mut self) -> Column {
        let oldest = self.kept.pop_front().expect("times are kept, so a column is");
        let number = self.n_forgotten;
        self.n_forgotten += 1;
        self.n_times -= oldest.times.len();
        let hash = hash_of(&oldest.times);
        if self.by_content.get(&hash) == Some(&number) {
            self.by_content.remove(&hash);
        }
        for (_, t) in indexed(&oldest.times) {
            if self.by_time.get(&t).is_some_and(|(of, _)| *of == number) {
                self.by_time.remove(&t);
            }
        }
        oldest
    }
}

fn indexed(times: &[i64]) -> impl Iterator<Item = (u32, i64)> + '_ {
    let all = times.iter().enumerate();
    all.filter(|(at, t)| *at == 0 || is_indexed(**t)).map(|(at, t)| (at as u32, *t))
}

/// About one in sixteen times.
fn is_indexed(t: i64) -> bool {
    mix(t as u64) >> 60 == 0
}

/// Of a few times, evenly taken: rows of the same length that differ elsewhere alone are rare.
fn hash_of(times: &[i64]) -> u64 {
    let few = times.iter().step_by(times.len() / HASHED_TIMES + 1).chain(times.last());
    few.fold(times.len() as u64, |hash, t| mix(hash.rotate_left(29) ^ *t as u64))
}

/// Fibonacci hashing (Knuth): the high bits depend on all bits. What it finds is compared, so a
/// collision costs a column and nothing else.
fn mix(x: u64) -> u64 {
    (x ^ x >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
