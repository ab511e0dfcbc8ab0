//! Absence: a series that exists where others do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Labels, METRIC_NAME, MatchOp, Matcher};

use super::answer::{Point, Value};
use super::row::Row;
use super::steps::Steps;
use crate::ast::Expr;

/// A 1 at each step at which nothing is there.
pub(super) fn rows(arg: &Expr, is_there: &[bool], steps: &Steps) -> Vec<Row> {
    let absent = steps.times().zip(is_there).filter(|(_, is_there)| !**is_there);
    let points: Vec<Point> =
        absent.map(|(t_ms, _)| Point { t_ms, value: Value::Float(1.0) }).collect();
    if points.is_empty() {
        return Vec::new();
    }
    vec![Row { labels: Arc::new(labels(arg)), drops_name: false, points }]
}

/// What a selector says of the labels of the series that it looks for: of each label the first value
/// that it must equal, unless a later matcher says something else of it. The order counts, as it does
/// in Prometheus.
fn labels(arg: &Expr) -> Labels {
    let matchers: &[Matcher] = match arg {
        Expr::Vector(node) => &node.matchers,
        Expr::Matrix(node) => &node.selector.matchers,
        _ => &[],
    };
    let mut known: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != METRIC_NAME) {
        match known.get_mut(matcher.name.as_str()) {
            Some(value) => *value = None,
            None if matcher.op() == MatchOp::Equal => {
                known.insert(&matcher.name, Some(matcher.value()));
            }
            None => {}
        }
    }
    let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Labels::new(known).expect("each label is taken once")
}
