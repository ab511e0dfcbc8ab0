//! Family: all points of one metric name with its help and type, as an exposition page shows them.
//!
//! Collectors produce families; `wire` writes them as text, and the ingest path turns their points
//! into samples.

use std::borrow::Cow;

use crate::Labels;

/// What kind of numbers a metric holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows, or restarts from zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets with `le`, a sum and a count.
    Histogram,
    /// Quantiles computed by the sender, a sum and a count.
    Summary,
    /// The sender did not say.
    Untyped,
}

/// One number of a family.
#[derive(Debug, Clone)]
pub struct Point {
    /// What follows the family's name: empty, or `_bucket`, `_sum`, `_count`.
    pub suffix: &'static str,
    /// Labels without the metric name.
    pub labels: Labels,
    /// The number.
    pub value: f64,
}

/// All points of one metric.
#[derive(Debug, Clone)]
pub struct Family {
    /// The metric's full name, unit and `_total` included.
    pub name: Cow<'static, str>,
    /// One sentence for a reader.
    pub help: Cow<'static, str>,
    /// The type.
    pub kind: MetricKind,
    /// The points, in the order the producer gave them.
    pub points: Vec<Point>,
}

impl Family {
    /// A family without points yet.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        kind: MetricKind,
    ) -> Self {
        Self { name: name.into(), help: help.into(), kind, points: Vec::new() }
    }

    /// A gauge family without points yet.
    pub fn gauge(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(name, help, MetricKind::Gauge)
    }

    /// A counter family without points yet.
    pub fn counter(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(name, help, MetricKind::Counter)
    }

    /// This family with one more point without labels.
    #[must_use]
    pub fn with_value(mut self, value: f64) -> Self {
        self.push(Labels::default(), value);
        self
    }

    /// Adds a point.
    pub fn push(&mut self, labels: Labels, value: f64) {
        self.points.push(Point { suffix: "", labels, value });
    }

    /// Adds a point with these label pairs; pairs with an empty value are dropped.
    ///
    /// # Panics
    /// When a name repeats: collectors write their label names down as constants.
    pub fn push_with<const N: usize>(&mut self, pairs: [(&'static str, &str); N], value: f64) {
        match Labels::new(pairs) {
            Ok(labels) => self.push(labels, value),
            Err(error) => panic!("family {}: {error}", self.name),
        }
    }
}
