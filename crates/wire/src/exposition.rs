//! Exposition: families of points as the page that a scraper reads.
//!
//! [`negotiate`] picks a [`Format`] from the request's `Accept`, [`write()`] appends the page to a
//! buffer that the caller reuses. Before anything is written, `plan` decides for all families
//! together under which name and type each appears, because one clash voids a whole scrape.

mod distribution;
pub mod federation;
mod names;
mod negotiate;
pub(crate) mod number;
mod plan;
mod protobuf;
mod text;

use model::Family;

pub use negotiate::{ACCEPT_BYTES_MAX, ACCEPT_CLAUSES_MAX, negotiate};

/// How a page is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// The Prometheus text format, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily` messages, each after its length.
    Protobuf,
}

/// What becomes of names that are not `[a-zA-Z_:][a-zA-Z0-9_:]*` (labels: without the colon).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// A character that may not stand there becomes `_`.
    Underscores,
    /// Names are written as they are, in quotes where the text formats need them.
    AllowUtf8,
    /// `.` becomes `_dot_`, `_` becomes `__`, any other bad character `__`.
    Dots,
    /// Names with a bad character get the prefix `U__`, their `_` becomes `__` and a bad character
    /// `_hex_`, which can be read back.
    Values,
}

/// A syntax and an escaping: all that a page's bytes depend on besides the families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// How the page is laid out.
    pub syntax: Syntax,
    /// What becomes of unusual names.
    pub escaping: Escaping,
}

impl Format {
    /// What everybody can read: text 0.0.4 with underscores.
    pub const DEFAULT: Self = Self { syntax: Syntax::Text, escaping: Escaping::Underscores };

    /// The `Content-Type` of a page in this format.
    pub fn content_type(self) -> &'static str {
        macro_rules! with_escaping {
            ($base:literal) => {
                match self.escaping {
                    Escaping::Underscores => concat!($base, "; escaping=underscores"),
                    Escaping::AllowUtf8 => concat!($base, "; escaping=allow-utf-8"),
                    Escaping::Dots => concat!($base, "; escaping=dots"),
                    Escaping::Values => concat!($base, "; escaping=values"),
                }
            };
        }
        match self.syntax {
            Syntax::Text => with_escaping!("text/plain; version=0.0.4; charset=utf-8"),
            Syntax::OpenMetrics => {
                with_escaping!("application/openmetrics-text; version=1.0.0; charset=utf-8")
            }
            Syntax::Protobuf => with_escaping!(
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            ),
        }
    }
}

/// What a page had to leave out so that the rest of it can be read. Not zero means that a producer
/// of families has a fault worth finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Families without a name, or whose written name is that of another family or of one of its
    /// samples.
    pub families: usize,
    /// Points that do not belong in a family of their type: a wrong suffix, no readable `le` or
    /// `quantile`, or labels or a label set that escaping makes the same as others.
    pub points: usize,
}

/// Appends the families as one page, in the order given. Families without points are not shown.
#[must_use = "what was left out is to be counted"]
pub fn write<'a>(
    families: impl IntoIterator<Item = &'a Family>,
    format: Format,
    out: &mut Vec<u8>,
) -> LeftOut {
    let plan = plan::plan(families, format);
    let text = |dialect, out| text::write(&plan.entries, dialect, format.escaping, out);
    let n_points = match format.syntax {
        Syntax::Text => text(text::Dialect::Prometheus, out),
        Syntax::OpenMetrics => text(text::Dialect::OpenMetrics, out),
        Syntax::Protobuf => protobuf::write(&plan.entries, out),
    };
    LeftOut { points: plan.left_out.points + n_points, ..plan.left_out }
}

#[cfg(test)]
mod tests;
