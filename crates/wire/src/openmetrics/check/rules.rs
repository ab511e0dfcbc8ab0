//! Rules: what one sample may say, by the kind of its family.

use super::super::{Dialect, Kind, SampleLine};

/// The samples that a family of a kind has, by what follows the family's name.
pub(super) fn suffixes(kind: Kind, dialect: Dialect) -> &'static [&'static str] {
    match (dialect, kind) {
        (Dialect::OpenMetrics, Kind::Counter) => &["_total", "_created"],
        (Dialect::OpenMetrics, Kind::Summary) => &["", "_count", "_sum", "_created"],
        (Dialect::OpenMetrics, Kind::Histogram) => &["_bucket", "_count", "_sum", "_created"],
        (Dialect::OpenMetrics, Kind::GaugeHistogram) => &["_bucket", "_gcount", "_gsum"],
        (Dialect::OpenMetrics, Kind::Info) => &["_info"],
        (Dialect::Prometheus, Kind::Summary) => &["", "_count", "_sum"],
        (Dialect::Prometheus, Kind::Histogram) => &["_bucket", "_count", "_sum"],
        _ => &[""],
    }
}

/// What is wrong with a sample, and the part of the line that says so.
pub(super) struct Wrong<'l> {
    /// A part of the line.
    pub(super) part: &'l str,
    /// What is wrong with it.
    pub(super) reason: String,
}

fn wrong<'l>(part: &'l str, reason: impl Into<String>) -> Option<Wrong<'l>> {
    Some(Wrong { part, reason: reason.into() })
}

/// A sample and the place that it has in its family.
#[derive(Clone, Copy)]
pub(super) struct Member<'a, 'l> {
    pub(super) sample: &'a SampleLine<'l>,
    /// The family's name.
    pub(super) family: &'a str,
    /// Its kind.
    pub(super) kind: Kind,
    /// What follows the family's name.
    pub(super) suffix: &'a str,
}

impl<'l> Member<'_, 'l> {
    /// What is wrong with it, whatever stands around it.
    pub(super) fn fault(&self, dialect: Dialect) -> Option<Wrong<'l>> {
        let general = self.repeated_label().or_else(|| self.part_label(dialect));
        match dialect {
            Dialect::Prometheus => general,
            Dialect::OpenMetrics => general.or_else(|| self.value()).or_else(|| self.exemplar()),
        }
    }

    /// The value of a label, if the sample has it.
    fn label(&self, name: &str) -> Option<&'l str> {
        self.sample.labels.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    fn repeated_label(&self) -> Option<Wrong<'l>> {
        let mut names: Vec<&str> = self.sample.labels.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = twice[1];
            return wrong(name, format!("the label {name:?} stands here twice"));
        }
        match names.first() {
            Some(&"") => wrong(self.sample.name, "a label without a name"),
            _ => None,
        }
    }

    /// The label that tells the samples of one distribution or set of states apart.
    fn part_label(&self, dialect: Dialect) -> Option<Wrong<'l>> {
        let name = self.sample.name;
        match (self.kind, self.suffix) {
            (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => match self.label("le") {
                None => wrong(name, "a bucket needs the label le"),
                Some(le) => bound_fault(le, dialect),
            },
            (Kind::Summary, "") => match self.label("quantile") {
                None => wrong(
                    name,
                    "a sample of a summary needs the label quantile, or the suffix _sum or _count",
                ),
                Some(text) => match text.parse::<f64>() {
                    Ok(quantile) if (0.0..=1.0).contains(&quantile) => None,
                    _ => wrong(text, format!("the quantile {text:?} is no number from 0 to 1")),
                },
            },
            (Kind::StateSet, _) if self.label(self.family).is_none() => {
                wrong(name, format!("a state needs the label {:?}, its family's name", self.family))
            }
            _ => None,
        }
    }

    /// What the kind says of the value.
    fn value(&self) -> Option<Wrong<'l>> {
        let SampleLine { value, value_text: part, .. } = *self.sample;
        let is_counted = matches!(self.suffix, "_bucket" | "_count" | "_gcount");
        let only_rises = is_counted || matches!(self.suffix, "_total" | "_sum");
        match self.kind {
            Kind::Info if value != 1.0 => wrong(part, "the value of an info is 1"),
            Kind::StateSet if value != 0.0 && value != 1.0 => {
                wrong(part, "the value of a state is 0 or 1")
            }
            Kind::Info | Kind::StateSet | Kind::Gauge | Kind::Unknown => None,
            _ if (only_rises || self.suffix == "_gsum") && value.is_nan() => {
                wrong(part, "what is counted or summed is a number, not NaN")
            }
            _ if only_rises && value < 0.0 => {
                wrong(part, "what is counted or summed up is not negative")
            }
            _ if is_counted && value.trunc() != value => wrong(part, "a count is a whole number"),
            Kind::Summary if self.suffix.is_empty() && value < 0.0 => {
                wrong(part, "the value of a quantile is not negative")
            }
            _ => None,
        }
    }

    /// Only what counts events can have an example of one.
    fn exemplar(&self) -> Option<Wrong<'l>> {
        self.sample.exemplar?;
        match (self.kind, self.suffix) {
            (Kind::Histogram | Kind::GaugeHistogram, "_bucket") | (Kind::Counter, "_total") => None,
            _ => wrong(self.sample.name, "only buckets and totals of counters have exemplars"),
        }
    }
}

fn bound_fault(le: &str, dialect: Dialect) -> Option<Wrong<'_>> {
    match le.parse::<f64>() {
        Err(_) => wrong(le, format!("the bound {le:?} is no number")),
        Ok(bound) if bound.is_nan() => wrong(le, "the bound of a bucket is not NaN"),
        Ok(f64::INFINITY) if le != "+Inf" && dialect == Dialect::OpenMetrics => {
            wrong(le, "the bound that holds everything is written +Inf")
        }
        Ok(_) => None,
    }
}
