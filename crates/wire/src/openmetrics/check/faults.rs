//! Faults: where a page is wrong, as many places as a person would want to read at once.

use std::fmt;

use super::PROBLEMS_MAX;

/// A place in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: u64,
    /// Characters, from 1.
    pub(super) column: usize,
}

impl Place {
    /// Where a part of a line begins; the line's beginning, if the part was copied from it.
    pub(super) fn of(line: u64, text: &str, part: &str) -> Self {
        let at = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
        let before = at.and_then(|at| text.get(..at));
        Self { line, column: before.map_or(0, |before| before.chars().count()) + 1 }
    }
}

/// One thing that is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// The character of the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.reason)
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    listed: Vec<Problem>,
    n_found: u64,
}

impl Faults {
    /// One more.
    pub(super) fn add(&mut self, place: Place, reason: impl Into<String>) {
        self.n_found += 1;
        if self.listed.len() < PROBLEMS_MAX {
            let Place { line, column } = place;
            self.listed.push(Problem { line, column, reason: reason.into() });
        }
    }

    /// The listed ones, and how many there were.
    pub(super) fn into_parts(self) -> (Vec<Problem>, u64) {
        (self.listed, self.n_found)
    }
}
