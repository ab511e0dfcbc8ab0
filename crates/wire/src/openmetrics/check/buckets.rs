//! Buckets: whether the samples of one distribution add up.

use super::super::{Dialect, Kind};
use super::rules::Member;

/// What was seen of a distribution: the samples of one label set without `le` and `quantile`.
#[derive(Debug)]
pub(super) struct Buckets {
    /// The line of its first sample.
    pub(super) line: u64,
    dialect: Dialect,
    /// The bound and the value of the bucket, or the quantile, that came last.
    last: Option<(f64, f64)>,
    has_negative_bound: bool,
    count: Option<f64>,
    sum: Option<f64>,
    /// The order of bounds or values was broken; told once.
    is_disordered: bool,
}

impl Buckets {
    /// None so far.
    pub(super) fn new(line: u64, dialect: Dialect) -> Self {
        let (last, count, sum) = (None, None, None);
        Self { line, dialect, last, has_negative_bound: false, count, sum, is_disordered: false }
    }

    /// One more sample of it; what is wrong with its place among the others.
    pub(super) fn add(&mut self, member: &Member<'_, '_>) -> Option<&'static str> {
        let value = member.sample.value;
        match member.suffix {
            "_count" | "_gcount" => self.count = Some(value),
            "_sum" | "_gsum" => self.sum = Some(value),
            "_bucket" => return self.bucket(part(member, "le")?, value),
            // OpenMetrics asks for no order of quantiles.
            "" if self.dialect == Dialect::Prometheus => {
                return self.quantile(part(member, "quantile")?);
            }
            _ => {}
        }
        None
    }

    fn bucket(&mut self, bound: f64, value: f64) -> Option<&'static str> {
        self.has_negative_bound |= bound < 0.0;
        let before = self.last.replace((bound, value));
        let (last_bound, last_value) = before?;
        let fault = if bound <= last_bound {
            "the bounds of buckets rise from line to line"
        } else if value < last_value {
            "a bucket counts at least what the one before it does"
        } else {
            return None;
        };
        (!std::mem::replace(&mut self.is_disordered, true)).then_some(fault)
    }

    fn quantile(&mut self, quantile: f64) -> Option<&'static str> {
        let before = self.last.replace((quantile, 0.0));
        let has_fallen = before.is_some_and(|(last, _)| quantile <= last);
        (has_fallen && !std::mem::replace(&mut self.is_disordered, true))
            .then_some("quantiles rise from line to line")
    }

    /// What is wrong with all of it together.
    pub(super) fn fault(&self, kind: Kind) -> Option<&'static str> {
        if !matches!(kind, Kind::Histogram | Kind::GaugeHistogram) {
            return None;
        }
        let Some((f64::INFINITY, in_all)) = self.last else {
            return Some("the bucket le=\"+Inf\" is missing, or not the last one");
        };
        if self.count.is_some_and(|count| count != in_all) {
            return Some("the count is not that of the bucket le=\"+Inf\"");
        }
        if self.dialect == Dialect::Prometheus {
            return None;
        }
        match (kind, self.sum, self.count) {
            (_, Some(_), None) => Some("a sum stands without its count"),
            (_, None, Some(_)) => Some("a count stands without its sum"),
            (Kind::Histogram, Some(_), _) if self.has_negative_bound => {
                Some("with negative bounds there is no sum: it may fall")
            }
            (Kind::GaugeHistogram, Some(sum), _) if sum < 0.0 && !self.has_negative_bound => {
                Some("the sum is negative, the bounds are not")
            }
            _ => None,
        }
    }
}

/// The number in a label.
fn part(member: &Member<'_, '_>, name: &str) -> Option<f64> {
    let (_, value) = member.sample.labels.iter().find(|(n, _)| *n == name)?;
    value.parse().ok()
}
