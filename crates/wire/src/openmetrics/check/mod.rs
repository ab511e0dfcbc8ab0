//! Check: whether a page keeps all rules of its format, and what people regret about it later.
//!
//! A scrape takes what can be understood. This goes further: the rules that reach over lines are
//! held too - which names a family may have, that its lines stand together, that buckets add up,
//! that no sample comes twice - and every fault is told with line and column, as many as there are.
//! What is right but unwise is a [`Hint`], in the words that Prometheus' own tool has for it.

mod buckets;
mod family;
mod faults;
mod hints;
mod rules;

use std::io::BufRead;

pub use faults::Problem;
pub use hints::Hint;

use super::{Dialect, Line, LineParser};
use crate::lines::{Lines, LinesError};
use family::Families;
use faults::{Faults, Place};

/// How strictly a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strictness {
    /// As a scrape: every line can be read, and an OpenMetrics page has its end.
    Lenient,
    /// By all rules of the format.
    Strict,
}

/// What a page is like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Families, those without a description among them.
    pub n_families: u64,
    /// Samples.
    pub n_samples: u64,
    /// What is wrong, in the order in which it was seen; at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// How much is wrong, what is not listed included.
    pub n_problems: u64,
    /// What is right but unwise.
    pub hints: Vec<Hint>,
}

/// Problems that are listed.
pub const PROBLEMS_MAX: usize = 50;

/// Reads a page to its end and says what is wrong with it.
pub fn check(input: impl BufRead, dialect: Dialect, strictness: Strictness) -> Checked {
    let mut checker = Checker {
        dialect,
        parser: match strictness {
            Strictness::Lenient => LineParser::default(),
            Strictness::Strict => LineParser::strict(),
        },
        families: Families::new(dialect, strictness),
        faults: Faults::default(),
        n_samples: 0,
        has_ended: false,
    };
    let mut lines = Lines::new(input, super::LINE_BYTES_MAX);
    let end = loop {
        let line = lines.number() + 1;
        match lines.next() {
            Ok(Some(bytes)) => checker.line(line, bytes),
            Ok(None) => break line,
            Err(error) => {
                checker.faults.add(Place { line, column: 1 }, source_fault(&error));
                break line;
            }
        }
    };
    checker.finish(end)
}

fn source_fault(error: &LinesError) -> String {
    match error {
        LinesError::Io { cause, .. } => format!("cannot read on: {cause}"),
        LinesError::TooLong { max, .. } => format!("the line is longer than {max} bytes"),
    }
}

/// A page while it is read.
struct Checker {
    dialect: Dialect,
    parser: LineParser,
    families: Families,
    faults: Faults,
    n_samples: u64,
    has_ended: bool,
}

impl Checker {
    fn line(&mut self, line: u64, bytes: &[u8]) {
        let start = Place { line, column: 1 };
        if self.has_ended {
            return self.faults.add(start, "nothing may follow \"# EOF\"");
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let place = Place { line, column: before.chars().count() + 1 };
                self.families.spoil();
                return self.faults.add(place, "bytes that are not UTF-8");
            }
        };
        let text = match self.dialect {
            Dialect::Prometheus => text.strip_suffix('\r').unwrap_or(text),
            Dialect::OpenMetrics => text,
        };
        let found = match self.parser.parse(text, self.dialect) {
            Ok(found) => found,
            Err(error) => {
                self.families.spoil();
                let reason = match text.is_empty() {
                    true => "a blank line".to_owned(),
                    false => format!("expected {}, found {}", error.expected, error.found),
                };
                return self.faults.add(Place { line, column: error.column }, reason);
            }
        };
        match found {
            Line::Eof => self.has_ended = true,
            Line::Nothing => {}
            Line::Sample(sample) | Line::Created(sample) => {
                self.n_samples += 1;
                self.families.sample(line, text, &sample, &mut self.faults);
            }
            Line::Type { family, kind } => {
                self.families.kind(start, family, kind, &mut self.faults);
            }
            Line::Help { family, text } => {
                self.families.help(start, family, &text, &mut self.faults);
            }
            Line::Unit { family, unit } => {
                self.families.unit(start, family, unit, &mut self.faults);
            }
        }
    }

    fn finish(mut self, line: u64) -> Checked {
        if self.dialect == Dialect::OpenMetrics && !self.has_ended {
            let reason = "the page ends without \"# EOF\": it was cut off, or is not OpenMetrics";
            self.faults.add(Place { line, column: 1 }, reason);
        }
        let (n_families, hints) = self.families.finish(&mut self.faults);
        let (problems, n_problems) = self.faults.into_parts();
        Checked { n_families, n_samples: self.n_samples, problems, n_problems, hints }
    }
}

#[cfg(test)]
mod tests;
