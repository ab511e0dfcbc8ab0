//! The plan of a page: under which name and type each family appears.
//!
//! Each name belongs to one family. A histogram or summary `x` also owns the names of its samples
//! (`x_bucket`, `x_sum`, `x_count`), and an OpenMetrics counter `x_total` is the family `x`. Where
//! two families want one name, a counter gives way by becoming `unknown` under its full name, and
//! what still clashes is left out: for a scraper, one bad family is a bad page.

use std::borrow::Cow;
use std::collections::HashMap;

use model::{Family, MetricKind, Point};

use super::names::{NameOf, escape_labels};
use super::{Format, LeftOut, Syntax};

/// A family as it will be written.
pub(super) struct Entry<'a> {
    /// The full name, escaped; a counter's ends in `_total`.
    pub(super) name: Cow<'a, str>,
    /// One sentence, or nothing.
    pub(super) help: &'a str,
    /// The type it is written as.
    pub(super) kind: MetricKind,
    /// The points, label names escaped.
    pub(super) points: Cow<'a, [Point]>,
}

/// What to write, in order, and what that leaves out.
pub(super) struct Plan<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) left_out: LeftOut,
}

/// Decides for all families of a page.
pub(super) fn plan<'a>(families: impl IntoIterator<Item = &'a Family>, format: Format) -> Plan<'a> {
    let shown = families.into_iter().filter(|family| !family.points.is_empty());
    let named: Vec<(&Family, Cow<'_, str>)> = shown
        .map(|family| (family, NameOf::Metric.escape(&family.name, format.escaping)))
        .collect();
    let names = Names {
        first: first_of_each_name(&named),
        openmetrics: format.syntax == Syntax::OpenMetrics,
    };
    let kinds: Vec<Option<MetricKind>> =
        named.iter().map(|(family, name)| names.kind_of(family, name)).collect();
    let mut plan = Plan { entries: Vec::with_capacity(named.len()), left_out: LeftOut::default() };
    for ((family, name), kind) in named.into_iter().zip(kinds) {
        let Some(kind) = kind else {
            plan.left_out.families += 1;
            continue;
        };
        let (points, n_lost) = escape_labels(&family.points, format.escaping);
        plan.left_out.points += n_lost;
        if !points.is_empty() {
            plan.entries.push(Entry { name, help: &family.help, kind, points });
        }
    }
    plan
}

fn first_of_each_name<'a>(named: &'a [(&'a Family, Cow<'a, str>)]) -> HashMap<&'a str, &'a Family> {
    let mut first = HashMap::with_capacity(named.len());
    for (family, name) in named {
        first.entry(name.as_ref()).or_insert(*family);
    }
    first
}

/// All names of a page and the first family with each.
struct Names<'a> {
    first: HashMap<&'a str, &'a Family>,
    openmetrics: bool,
}

impl Names<'_> {
    /// The type to write a family as; `None` when it must be left out.
    fn kind_of(&self, family: &Family, name: &str) -> Option<MetricKind> {
        let is_first = self.first.get(name).is_some_and(|first| std::ptr::eq(*first, family));
        if name.is_empty() || !is_first || self.is_sample_of_another(name) {
            return None;
        }
        let is_counter = family.kind == MetricKind::Counter;
        if is_counter && self.openmetrics && !self.can_be_openmetrics_counter(family, name) {
            return Some(MetricKind::Untyped);
        }
        Some(family.kind)
    }

    /// Whether a histogram or summary writes, or reserves, samples of this name.
    fn is_sample_of_another(&self, name: &str) -> bool {
        let Some((base, suffix)) = name.rfind('_').map(|at| name.split_at(at)) else {
            return false;
        };
        let Some(owner) = self.first.get(base) else {
            return false;
        };
        match (owner.kind, suffix) {
            (MetricKind::Histogram, "_bucket" | "_sum" | "_count") => true,
            (MetricKind::Summary, "_sum" | "_count") => true,
            (MetricKind::Histogram | MetricKind::Summary, "_created") => self.openmetrics,
            _ => false,
        }
    }

    /// OpenMetrics wants `_total`, a family name of its own without it, and values from 0 on.
    fn can_be_openmetrics_counter(&self, family: &Family, name: &str) -> bool {
        let Some(base) = name.strip_suffix("_total") else {
            return false;
        };
        let taken = |name: &str| self.first.contains_key(name) || self.is_sample_of_another(name);
        let only_grows = family.points.iter().all(|point| point.value >= 0.0);
        !base.is_empty() && only_grows && !taken(base) && !taken(&format!("{base}_created"))
    }
}
