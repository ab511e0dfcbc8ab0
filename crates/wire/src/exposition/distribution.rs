//! Distributions: the points of a histogram or summary put together again, one per label set.
//!
//! A family holds them as single points (`_bucket` with `le`, `_sum`, `_count`, or a bare one with
//! `quantile`); OpenMetrics and protobuf want those of one label set in one place and complete.

use std::collections::BTreeMap;

use model::{Label, MetricKind, Point};

/// One histogram or summary.
#[derive(Debug, Default)]
pub(super) struct Distribution<'a> {
    /// Its labels, without `le` or `quantile`.
    pub(super) labels: Vec<&'a Label>,
    /// Upper bounds with cumulative counts, or quantiles with values, rising. A histogram's last
    /// bound is infinite.
    pub(super) parts: Vec<(f64, f64)>,
    /// The sum of all observations.
    pub(super) sum: Option<f64>,
    /// How many observations there were. A histogram always knows.
    pub(super) count: Option<f64>,
}

/// The distributions of a family's points in the order in which they first appear, and how many points
/// belong in none.
pub(super) fn distributions(points: &[Point], kind: MetricKind) -> (Vec<Distribution<'_>>, usize) {
    let mut groups = Groups::default();
    let left_out = points.iter().filter(|point| groups.add(point, kind).is_none()).count();
    for distribution in &mut groups.all {
        distribution.parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        distribution.parts.dedup_by(|b, a| a.0 == b.0);
        if kind == MetricKind::Histogram {
            distribution.close();
        }
    }
    (groups.all, left_out)
}

/// The label that tells the parts of one distribution apart.
pub(super) fn part_label(kind: MetricKind) -> &'static str {
    if kind == MetricKind::Histogram { "le" } else { "quantile" }
}

#[derive(Default)]
struct Groups<'a> {
    all: Vec<Distribution<'a>>,
    by_labels: BTreeMap<Vec<&'a Label>, usize>,
}

impl<'a> Groups<'a> {
    /// Notes one point; `None` when a family of this type has no place for it.
    fn add(&mut self, point: &'a Point, kind: MetricKind) -> Option<()> {
        let part_label = part_label(kind);
        match (kind, point.suffix) {
            (_, "_sum") => self.of_labels(point, part_label).sum = Some(point.value),
            (_, "_count") => self.of_labels(point, part_label).count = Some(point.value),
            (MetricKind::Histogram, "_bucket") | (MetricKind::Summary, "") => {
                let bound = read_bound(point.labels.get(part_label)?)?;
                let group = self.of_labels(point, part_label);
                group.parts.push((bound, point.value));
            }
            _ => return None,
        }
        Some(())
    }

    fn of_labels(&mut self, point: &'a Point, part_label: &str) -> &mut Distribution<'a> {
        let own = |label: &&Label| label.name != part_label;
        let labels = || point.labels.iter().filter(own);
        // Points of one label set usually follow each other.
        let at = match self.all.last() {
            Some(last) if last.labels.iter().copied().eq(labels()) => self.all.len() - 1,
            _ => *self.by_labels.entry(labels().collect()).or_insert_with_key(|labels| {
                let labels = labels.clone();
                self.all.push(Distribution { labels, ..Distribution::default() });
                self.all.len() - 1
            }),
        };
        &mut self.all[at]
    }
}

impl Distribution<'_> {
    /// Gives a histogram its infinite bucket and the count that goes with it.
    fn close(&mut self) {
        let last = self.parts.last().copied();
        let total = match last {
            Some((bound, total)) if bound == f64::INFINITY => total,
            _ => {
                // A count below the last bucket would not be cumulative.
                let total = last.map_or(0.0, |(_, total)| total);
                let total = self.count.map_or(total, |count| count.max(total));
                self.parts.push((f64::INFINITY, total));
                total
            }
        };
        self.count = Some(total);
    }
}

fn read_bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}
