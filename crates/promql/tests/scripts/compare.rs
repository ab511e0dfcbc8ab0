//! Comparing what a query gives with what a script expects.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Histogram, Labels, ResetHint};
use promql::{Annotation, Annotations, Point, QueryValue, Value};

use crate::language::{Eval, Item, Times, Wanted};

/// How far numbers may differ in relation to their sum.
const TOLERANCE: f64 = 1e-6;

fn is_almost(a: f64, b: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        return a.is_nan() && b.is_nan();
    }
    if a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

fn same(item: &Item, value: &Value) -> bool {
    match (item, value) {
        (Item::Float(wanted), Value::Float(found)) => is_almost(*wanted, *found),
        (Item::Histogram(wanted), Value::Histogram(found)) => same_histogram(wanted, found),
        _ => false,
    }
}

fn same_histogram(wanted: &Histogram, found: &Histogram) -> bool {
    let buckets = |histogram: &Histogram| -> Vec<[f64; 3]> {
        let counted = histogram.buckets().filter(|bucket| bucket.count != 0.0);
        counted.map(|bucket| [bucket.lower, bucket.upper, bucket.count]).collect()
    };
    let (a, b) = (buckets(wanted), buckets(found));
    let hints = [wanted.reset_hint, found.reset_hint];
    (hints[0] == hints[1] || hints.contains(&ResetHint::Unknown))
        && is_almost(wanted.count, found.count)
        && is_almost(wanted.sum, found.sum)
        && a.len() == b.len()
        && a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| is_almost(*a, *b))
}

type Found = Vec<(Arc<Labels>, BTreeMap<i64, Value>)>;

fn found(value: &QueryValue) -> Found {
    let points = |points: &[Point]| points.iter().map(|p| (p.t_ms, p.value.clone())).collect();
    match value {
        QueryValue::Vector(all) => all
            .iter()
            .map(|series| (series.labels.clone(), points(std::slice::from_ref(&series.point))))
            .collect(),
        QueryValue::Matrix(all) => {
            all.iter().map(|series| (series.labels.clone(), points(&series.points))).collect()
        }
        QueryValue::Scalar { .. } | QueryValue::Text { .. } => Vec::new(),
    }
}

/// What is wrong with an answer; with `only_ms`, of that step alone.
pub(crate) fn differs(eval: &Eval, value: &QueryValue, only_ms: Option<i64>) -> Option<String> {
    let expected = &eval.expected;
    if let Some(wanted) = &expected.text {
        return match value {
            QueryValue::Text { text, .. } if text.as_str() == Some(wanted) => None,
            other => Some(format!("wanted {wanted:?}, got {other:?}")),
        };
    }
    let mut found = found(value);
    if let Some(only_ms) = only_ms {
        for (_, points) in &mut found {
            points.retain(|t_ms, _| *t_ms == only_ms);
        }
        found.retain(|(_, points)| !points.is_empty());
    }
    if let Some(wanted) = expected.scalar {
        let scalar = match (value, only_ms) {
            (QueryValue::Scalar { value, .. }, _) => Some(*value),
            (_, Some(t_ms)) => found.first().and_then(|(_, p)| p.get(&t_ms)?.float()),
            _ => None,
        };
        let is_same = scalar.is_some_and(|scalar| is_almost(wanted, scalar));
        return (!is_same).then(|| format!("wanted {wanted}, got {value:?}"));
    }
    series_differ(eval, &found)
}

fn series_differ(eval: &Eval, found: &Found) -> Option<String> {
    let expected = &eval.expected;
    for (labels, points) in found {
        if !expected.series.iter().any(|(wanted, _)| *wanted == **labels) {
            return Some(format!("unexpected {labels} {points:?}"));
        }
    }
    for (labels, items) in &expected.series {
        let mut same_labels = found.iter().filter(|(other, _)| **other == *labels);
        let Some((_, points)) = same_labels.next() else {
            if matches!(eval.times, Times::Range { .. })
                && items.iter().all(|item| matches!(item, Item::Gap))
            {
                continue;
            }
            return Some(format!("{labels} is missing"));
        };
        if same_labels.next().is_some() {
            return Some(format!("{labels} is there twice"));
        }
        if let Some(text) = points_differ(eval, items, points) {
            return Some(format!("{labels} {text}"));
        }
    }
    let order: Vec<&Labels> = found.iter().map(|(labels, _)| &**labels).collect();
    let wanted: Vec<&Labels> = expected.series.iter().map(|(labels, _)| labels).collect();
    (expected.is_ordered && order != wanted).then(|| format!("order: {order:?}"))
}

fn points_differ(eval: &Eval, items: &[Item], points: &BTreeMap<i64, Value>) -> Option<String> {
    let (start_ms, step_ms) = match (eval.times, eval.expected.range) {
        (_, Some(range)) => range,
        (Times::Range { start_ms, step_ms, .. }, None) => (start_ms, step_ms),
        (Times::Instant { .. }, None) => {
            let value = points.values().next()?;
            let is_same = items.first().is_some_and(|item| same(item, value));
            return (!is_same).then(|| format!("wanted {:?}, got {value:?}", items.first()));
        }
    };
    let mut n_wanted = 0;
    for (i, item) in items.iter().enumerate() {
        let t_ms = start_ms + i as i64 * step_ms;
        match (item, points.get(&t_ms)) {
            (Item::Gap, None) => {}
            (item, Some(value)) if same(item, value) => n_wanted += 1,
            (item, value) => return Some(format!("at {t_ms} ms wanted {item:?}, got {value:?}")),
        }
    }
    (n_wanted < points.len()).then(|| format!("has {} points", points.len()))
}

/// What is wrong with the annotations.
pub(crate) fn annotations_differ(eval: &Eval, found: &Annotations) -> Option<String> {
    let expected = &eval.expected;
    of_kind(&expected.warns, expected.no_warn, &found.warnings)
        .or_else(|| of_kind(&expected.informs, expected.no_info, &found.infos))
}

fn of_kind(wanted: &[Wanted], none: bool, found: &[Annotation]) -> Option<String> {
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    if none && !found.is_empty() {
        return Some(format!("unexpected annotations {found:?}"));
    }
    let missing = wanted.iter().find(|w| !found.iter().any(|found| w.matches(found)));
    if let Some(missing) = missing {
        return Some(format!("no annotation {missing:?} in {found:?}"));
    }
    let unwanted = found.iter().find(|found| !wanted.iter().any(|w| w.matches(found)));
    unwanted.filter(|_| !wanted.is_empty()).map(|found| format!("unexpected annotation {found}"))
}
