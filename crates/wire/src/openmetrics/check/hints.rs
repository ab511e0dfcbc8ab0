//! Hints: what is right but unwise, in the words of Prometheus' own tool (`promtool check metrics`),
//! so that who silences a line of the one silences it in the other.
//!
//! Source: <https://prometheus.io/docs/practices/naming/>.

use std::fmt;

use super::super::{Dialect, Kind};

/// Units that are the base of others.
const BASE_UNITS: [&str; 10] = [
    "amperes", "bytes", "celsius", "grams", "joules", "kelvin", "meters", "metres", "seconds",
    "volts",
];
/// Units that are not, with their base.
const OTHER_UNITS: [(&str, &str); 14] = [
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];
/// What makes another unit of a unit.
const PREFIXES: [&str; 18] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega",
    "mibi", "giga", "gibi", "tera", "tebi", "peta", "pebi",
];
const ABBREVIATIONS: [&str; 14] =
    ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];
const KINDS: [&str; 5] = ["counter", "gauge", "summary", "histogram", "gauge_histogram"];

/// Something about a family that people regret later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// The family's name.
    pub metric: String,
    /// What is unwise about it.
    pub text: String,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.text)
    }
}

/// What hints go by.
#[derive(Debug, Default)]
pub(super) struct Traits {
    pub(super) has_help: bool,
    /// A label whose name is in camel case.
    pub(super) has_camel_label: bool,
    /// The label `le`, other than of a bucket.
    pub(super) has_bound_label: bool,
    /// The label `quantile`, other than of a summary.
    pub(super) has_quantile_label: bool,
}

impl Traits {
    /// Looks at the label of a sample.
    pub(super) fn label(&mut self, name: &str) {
        self.has_camel_label |= is_camel(name);
        self.has_bound_label |= name == "le";
        self.has_quantile_label |= name == "quantile";
    }

    /// What there is to say of a family.
    pub(super) fn hints(&self, name: &str, kind: Kind, dialect: Dialect) -> Vec<String> {
        let mut all = Vec::new();
        if !self.has_help {
            all.push("no help text".to_owned());
        }
        if let Some((base, unit)) = other_unit(name) {
            all.push(format!("use base unit {base:?} instead of {unit:?}"));
        }
        // In OpenMetrics the suffix is not part of a family's name.
        if dialect == Dialect::Prometheus {
            all.extend(total_suffix(name, kind).map(str::to_owned));
        }
        if kind != Kind::Unknown {
            all.extend(self.reserved(name, kind).into_iter().map(str::to_owned));
        }
        all.extend(spelling(name));
        if self.has_camel_label {
            all.push("label names should be written in 'snake_case' not 'camelCase'".to_owned());
        }
        all
    }

    /// Names that belong to distributions.
    fn reserved(&self, name: &str, kind: Kind) -> Vec<&'static str> {
        let is_histogram = matches!(kind, Kind::Histogram | Kind::GaugeHistogram);
        let is_summary = kind == Kind::Summary;
        let is_distribution = is_histogram || is_summary;
        let rules = [
            (
                !is_histogram && name.ends_with("_bucket"),
                "non-histogram metrics should not have \"_bucket\" suffix",
            ),
            (
                !is_distribution && name.ends_with("_count"),
                "non-histogram and non-summary metrics should not have \"_count\" suffix",
            ),
            (
                !is_distribution && name.ends_with("_sum"),
                "non-histogram and non-summary metrics should not have \"_sum\" suffix",
            ),
            (
                !is_histogram && self.has_bound_label,
                "non-histogram metrics should not have \"le\" label",
            ),
            (
                !is_summary && self.has_quantile_label,
                "non-summary metrics should not have \"quantile\" label",
            ),
        ];
        rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, text)| text).collect()
    }
}

fn total_suffix(name: &str, kind: Kind) -> Option<&'static str> {
    match (kind, name.ends_with("_total")) {
        (Kind::Counter, false) => Some("counter metrics should have \"_total\" suffix"),
        (Kind::Counter | Kind::Unknown, _) | (_, false) => None,
        (_, true) => Some("non-counter metrics should not have \"_total\" suffix"),
    }
}

/// How the name is written.
fn spelling(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let has_word = |word: &str| {
        let word = format!("_{word}");
        lower.ends_with(&word) || lower.contains(&format!("{word}_"))
    };
    let mut all: Vec<String> = KINDS
        .iter()
        .filter(|kind| has_word(kind))
        .map(|kind| format!("metric name should not include type '{kind}'"))
        .collect();
    if name.contains(':') {
        all.push("metric names should not contain ':'".to_owned());
    }
    if is_camel(name) {
        all.push("metric names should be written in 'snake_case' not 'camelCase'".to_owned());
    }
    if ABBREVIATIONS.iter().any(|unit| has_word(unit)) {
        all.push("metric names should not contain abbreviated units".to_owned());
    }
    all
}

/// The first unit in a name, if it is not a base unit, after its base.
fn other_unit(name: &str) -> Option<(&'static str, &str)> {
    let (unit, base) = name.split('_').find_map(|word| {
        let prefixed = || PREFIXES.iter().find_map(|prefix| base_of(word.strip_prefix(prefix)?));
        Some((word, base_of(word).or_else(prefixed)?))
    })?;
    (unit != base).then_some((base, unit))
}

fn base_of(unit: &str) -> Option<&'static str> {
    let base = BASE_UNITS.iter().find(|base| **base == unit).copied();
    base.or_else(|| OTHER_UNITS.iter().find(|(other, _)| *other == unit).map(|(_, base)| *base))
}

fn is_camel(name: &str) -> bool {
    name.as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}
