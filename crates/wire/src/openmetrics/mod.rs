//! OpenMetrics: the text formats read back, line by line, as a scrape of Prometheus reads them:
//! OpenMetrics 1.0 nearly to the letter, and the older Prometheus text 0.0.4 leniently, as it is met in
//! the wild.
//!
//! [`LineParser`] takes one line and lends what stands on it: names and values are borrowed from
//! the line, and only texts with escapes are copied, into a buffer that is used again. [`Page`]
//! goes through a whole page from any source in bounded memory, knows the type of the family at
//! hand, and so tells a `_created` line from a sample, and a bound from another label: as in Prometheus,
//! `le="1"` of a histogram and `quantile="1"` of a summary become `"1.0"`, so that a series is the same one
//! however its exporter writes numbers. What contradicts the syntax is an error with
//! line, column and what was expected there. [`check()`] holds a page to all rules of its format, those
//! over many lines included, and says what people regret later. [`write_series`] is the way back for stored histories.
//!
//! Source: <https://prometheus.io/docs/specs/om/open_metrics_spec/> and
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod check;
pub(crate) mod cursor;
mod line;
mod number;
mod page;
mod write;

pub use check::{Checked, Hint, PROBLEMS_MAX, Problem, Strictness, check};
pub use cursor::SyntaxError;
pub use line::LineParser;
pub(crate) use number::bound_text;
pub use number::{ORDINARY_NAN_BITS, parse_float, seconds_to_ms};
pub use page::{LINE_BYTES_MAX, Page, PageError, PageRules};
pub use write::{Lost, write_series};

use std::borrow::Cow;

/// Which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenMetrics 1.0: timestamps in seconds, `# EOF` at the end, single blanks.
    OpenMetrics,
    /// Text 0.0.4: timestamps in milliseconds, any blanks, comments, a trailing comma, CR LF.
    Prometheus,
}

/// What a family's samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Not said: `unknown`, or `untyped` in the older format.
    #[default]
    Unknown,
    /// Only rises.
    Counter,
    /// Any value.
    Gauge,
    /// Counts below bounds.
    Histogram,
    /// Counts below bounds that may fall.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// Texts about the target.
    Info,
    /// One of several states.
    StateSet,
}

impl Kind {
    /// The type that a word means in a dialect.
    fn of_word(word: &str, dialect: Dialect) -> Option<Self> {
        let is_openmetrics = dialect == Dialect::OpenMetrics;
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "summary" => Self::Summary,
            "unknown" if is_openmetrics => Self::Unknown,
            "gaugehistogram" if is_openmetrics => Self::GaugeHistogram,
            "info" if is_openmetrics => Self::Info,
            "stateset" if is_openmetrics => Self::StateSet,
            "untyped" if !is_openmetrics => Self::Unknown,
            _ => return None,
        })
    }

    /// What the name of a sample that has a bound adds to the family's, and the label of the bound.
    fn bound_label(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Histogram | Self::GaugeHistogram => Some(("_bucket", "le")),
            Self::Summary => Some(("", "quantile")),
            _ => None,
        }
    }

    /// Whether its samples may come with the time since when they count.
    fn has_created(self) -> bool {
        matches!(self, Self::Counter | Self::Histogram | Self::Summary)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'l> {
    /// A sample.
    Sample(SampleLine<'l>),
    /// A `_created` line: since when the samples of its family with these labels count, Unix
    /// seconds in its value. A [`LineParser`] calls it a sample; only a [`Page`] knows better.
    Created(SampleLine<'l>),
    /// `# TYPE family kind`.
    Type {
        /// The family.
        family: &'l str,
        /// What it says of it.
        kind: Kind,
    },
    /// `# HELP family text`.
    Help {
        /// The family.
        family: &'l str,
        /// The text, unescaped.
        text: Cow<'l, str>,
    },
    /// `# UNIT family unit`.
    Unit {
        /// The family.
        family: &'l str,
        /// The unit, a suffix of the family's name.
        unit: &'l str,
    },
    /// Nothing to know: a blank line or another comment. Only in the older format.
    Nothing,
    /// `# EOF`.
    Eof,
}

/// A sample as it stands on its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleLine<'l> {
    /// The sample's name; with labels it is never empty.
    pub name: &'l str,
    /// Its other labels in the order of the line. They may repeat a name or be empty: what makes a
    /// series is decided where one is made.
    pub labels: Pairs<'l>,
    /// The value. Every NaN is the ordinary one: a text cannot mark a series as ended.
    pub value: f64,
    /// Unix milliseconds, if the line says when.
    pub t_ms: Option<i64>,
    /// An example of what was counted, if the line has one.
    pub exemplar: Option<Exemplar<'l>>,
    /// The value as it is written.
    pub value_text: &'l str,
    /// The time as it is written, with blanks before it in the older format.
    pub time_text: Option<&'l str>,
}

/// An example of what a sample counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'l> {
    /// Where to find it, such as a trace's id.
    pub labels: Pairs<'l>,
    /// Its value.
    pub value: f64,
    /// Unix milliseconds, if the line says when.
    pub t_ms: Option<i64>,
}

/// Names and values, borrowed.
#[derive(Clone, Copy, Default)]
pub struct Pairs<'l> {
    spans: &'l [(Span, Span)],
    line: &'l str,
    /// Where texts are that had escapes.
    unescaped: &'l str,
}

/// A part of the line, or of the texts without escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    is_unescaped: bool,
}

impl Span {
    fn of<'l>(self, line: &'l str, unescaped: &'l str) -> &'l str {
        let text = if self.is_unescaped { unescaped } else { line };
        &text[self.start..self.end]
    }
}

impl<'l> Pairs<'l> {
    /// The pairs in the order of the line.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'l str, &'l str)> + use<'l> {
        let Self { spans, line, unescaped } = *self;
        spans.iter().map(move |(name, value)| (name.of(line, unescaped), value.of(line, unescaped)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

impl PartialEq for Pairs<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
