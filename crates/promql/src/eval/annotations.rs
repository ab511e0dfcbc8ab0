//! Annotations: doubts about a query or its data that do not keep it from having a value.

use std::collections::BTreeMap;
use std::fmt;

use model::time::format_rfc3339;

use super::format::short;
use crate::{Place, Span};

/// How many of each kind are told; of the rest only how many they are.
const TOLD_MAX: usize = 10;
/// How many of each kind are told apart.
const KNOWN_MAX: usize = 1000;

/// One doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// What there is to say.
    pub text: String,
    /// Of which part of the query; none of what is left out.
    pub place: Option<Place>,
    prefix: &'static str,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix, self.text)?;
        match self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

impl Annotation {
    /// Of what the store has, whatever the query is.
    pub(super) fn of_store(text: String) -> Self {
        Self { text, place: None, prefix: "" }
    }
}

/// All doubts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The query or the data are probably wrong.
    pub warnings: Vec<Annotation>,
    /// They may be.
    pub infos: Vec<Annotation>,
}

/// How serious a doubt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Warning,
    Info,
}

/// What was repaired in the buckets of classic histograms, over all steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repair {
    /// The least upper bound of a bucket that was raised.
    pub(super) bound_min: f64,
    /// The greatest.
    pub(super) bound_max: f64,
    /// By how much at most.
    pub(super) diff_max: f64,
}

#[derive(Debug, Clone, Copy)]
struct Repairs {
    all: Repair,
    n: usize,
    start_ms: i64,
    end_ms: i64,
}

/// Doubts while they are gathered: each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Remarks {
    warnings: BTreeMap<(usize, String), ()>,
    infos: BTreeMap<(usize, String), ()>,
    repairs: BTreeMap<(usize, String), Repairs>,
}

impl Remarks {
    pub(super) fn warn(&mut self, span: Span, text: impl Into<String>) {
        self.add(Level::Warning, span, text.into());
    }

    pub(super) fn info(&mut self, span: Span, text: impl Into<String>) {
        self.add(Level::Info, span, text.into());
    }

    fn add(&mut self, level: Level, span: Span, text: String) {
        let known = match level {
            Level::Warning => &mut self.warnings,
            Level::Info => &mut self.infos,
        };
        if known.len() < KNOWN_MAX {
            known.insert((span.start, text), ());
        }
    }

    /// The buckets of this metric were repaired at this time.
    pub(super) fn repaired(&mut self, span: Span, metric: &str, repair: Repair, t_ms: i64) {
        let key = (span.start, metric.to_owned());
        if self.repairs.len() >= KNOWN_MAX && !self.repairs.contains_key(&key) {
            return;
        }
        let first = Repairs { all: repair, n: 0, start_ms: t_ms, end_ms: t_ms };
        let known = self.repairs.entry(key).or_insert(first);
        known.n += 1;
        known.all.bound_min = known.all.bound_min.min(repair.bound_min);
        known.all.bound_max = known.all.bound_max.max(repair.bound_max);
        known.all.diff_max = known.all.diff_max.max(repair.diff_max);
        known.start_ms = known.start_ms.min(t_ms);
        known.end_ms = known.end_ms.max(t_ms);
    }

    /// What is told of them.
    pub(super) fn told(mut self, query: &str) -> Annotations {
        for ((start, metric), repairs) in std::mem::take(&mut self.repairs) {
            let text = repairs.text(&metric);
            self.info(Span::new(start, start), text);
        }
        Annotations {
            warnings: listed(query, self.warnings, "warning"),
            infos: listed(query, self.infos, "info"),
        }
    }
}

impl Repairs {
    fn text(&self, metric: &str) -> String {
        let Repair { bound_min, bound_max, diff_max } = self.all;
        format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see \
             https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)\
             {}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            of_metric(metric),
            short(bound_min),
            short(bound_max),
            two_digits(diff_max),
            self.n,
            format_rfc3339(self.start_ms),
            format_rfc3339(self.end_ms),
        )
    }
}

/// A number with two significant digits, as `%.2g` writes it.
fn two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    if rounded.abs() < 100.0 {
        return short(rounded);
    }
    let text = format!("{rounded:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{digits}e+{exponent:0>2}"),
        None => text,
    }
}

/// Which metric is meant, if that is known.
pub(super) fn of_metric(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    format!(" for metric name {}", crate::quote::Quoted(name))
}

fn listed(
    query: &str,
    known: BTreeMap<(usize, String), ()>,
    kind: &'static str,
) -> Vec<Annotation> {
    let prefix = match kind {
        "warning" => "PromQL warning: ",
        _ => "PromQL info: ",
    };
    let n_left_out = known.len().saturating_sub(TOLD_MAX);
    let annotation = |((start, text), ()): ((usize, String), ())| Annotation {
        text,
        place: Some(Place::of(query, start)),
        prefix,
    };
    let mut told: Vec<Annotation> = known.into_iter().take(TOLD_MAX).map(annotation).collect();
    if n_left_out > 0 {
        let text = format!("{n_left_out} more {kind} annotations omitted");
        told.push(Annotation { text, place: None, prefix: "" });
    }
    told
}
