//! Aggregations: one value of the elements of each group.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Histogram, Labels};

use super::answer::{Point, QueryError, Value, unfit};
use super::binary_op::label_text;
use super::budget::{Budget, LABELS_WORK};
use super::collect::Collector;
use super::evaluator::{Evaluator, arg_span, text_of};
use super::kahan::{KahanSum, Mean};
use super::labels;
use super::native_sum::NativeSum;
use super::quantile;
use super::row::{Row, StepView};
use super::steps::Steps;
use crate::AggregateOp;
use crate::ast::{Aggregate, Grouping};

/// The labels of the group that a series belongs to.
pub(super) fn group_labels(grouping: &Grouping, labels: &Labels) -> Labels {
    match grouping.is_without {
        true => labels::without_and_name(labels, &grouping.labels),
        false => labels::only(labels, &grouping.labels),
    }
}

/// Which group each row belongs to.
pub(super) struct Groups {
    pub(super) of_rows: Vec<usize>,
    pub(super) labels: Vec<Arc<Labels>>,
}

impl Groups {
    pub(super) fn new(
        grouping: &Grouping,
        rows: &[Row],
        budget: &mut Budget,
    ) -> Result<Self, QueryError> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut all: Vec<Arc<Labels>> = Vec::new();
        let mut of_rows = Vec::with_capacity(rows.len());
        for row in rows {
            budget.work(LABELS_WORK)?;
            let labels = group_labels(grouping, &row.labels);
            of_rows.push(*places.entry(labels).or_insert_with_key(|labels| {
                all.push(Arc::new(labels.clone()));
                all.len() - 1
            }));
        }
        Ok(Self { of_rows, labels: all })
    }
}

/// The elements of a group at a step.
#[derive(Debug, Default)]
struct Members {
    floats: Vec<f64>,
    histograms: Vec<Arc<Histogram>>,
    metric: String,
    drops_name: bool,
}

impl Members {
    /// What it takes to make one value of them.
    fn work(&self) -> usize {
        LABELS_WORK + self.floats.len() + self.histograms.len() * LABELS_WORK
    }
}

impl Evaluator<'_> {
    /// The rows of an aggregation.
    pub(super) fn aggregate(
        &mut self,
        node: &Aggregate,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Quantile, Topk};
        match node.op {
            CountValues => self.count_values(node, steps),
            Topk | Bottomk | Limitk | LimitRatio => self.pick(node, steps),
            Quantile => {
                let param = self.aggregate_param(node, steps)?;
                let span = node.param.as_ref().map_or(node.span, arg_span);
                quantile::doubt_extremes(&mut self.remarks, &param, span);
                self.fold(node, &param, steps)
            }
            _ => self.fold(node, &[], steps),
        }
    }

    /// The parameter at each step.
    pub(super) fn aggregate_param(
        &mut self,
        node: &Aggregate,
        steps: &Steps,
    ) -> Result<Vec<f64>, QueryError> {
        match &node.param {
            Some(param) => self.scalars(param, steps),
            None => Ok(vec![f64::NAN; steps.n()]),
        }
    }

    fn fold(
        &mut self,
        node: &Aggregate,
        param: &[f64],
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        if let Some(rows) = self.fused_fold(node, param, steps)? {
            return Ok(rows);
        }
        let rows = self.eval_as_rows(&node.expr, steps)?;
        if let Some(rows) = self.fold_rows(node, param, &rows, steps)? {
            return Ok(rows);
        }
        let groups = Groups::new(&node.grouping, &rows, &mut self.budget)?;
        let mut out = Collector::default();
        let (mut view, mut now) = (StepView::new(&rows), Vec::new());
        let mut members: Vec<Members> = Vec::new();
        members.resize_with(groups.labels.len(), Members::default);
        for (i, t_ms) in steps.times().enumerate() {
            self.budget.check_stop()?;
            view.at(t_ms, &mut now);
            let mut order = Vec::new();
            for (row, value) in &now {
                self.budget.work(1)?;
                let group = groups.of_rows[*row];
                let members = &mut members[group];
                if members.floats.is_empty() && members.histograms.is_empty() {
                    order.push(group);
                }
                members.drops_name |= rows[*row].drops_name;
                match value {
                    Value::Float(value) => members.floats.push(*value),
                    Value::Histogram(histogram) => {
                        members.histograms.push(histogram.clone());
                        rows[*row].labels.metric_name().clone_into(&mut members.metric);
                    }
                }
            }
            self.take_points(order.len())?;
            for group in order {
                let members = std::mem::take(&mut members[group]);
                self.budget.work(members.work())?;
                let q = param.get(i).copied().unwrap_or(f64::NAN);
                if let Some(value) = self.folded(node, &members, q) {
                    let place = out.place(&groups.labels[group]);
                    let point = Point { t_ms, value };
                    out.add(place, members.drops_name, point)?;
                }
            }
        }
        Ok(out.rows())
    }

    /// One value of a group's elements.
    fn folded(&mut self, node: &Aggregate, members: &Members, q: f64) -> Option<Value> {
        let n = members.floats.len() + members.histograms.len();
        match node.op {
            AggregateOp::Count => return Some(Value::Float(n as f64)),
            AggregateOp::Group => return Some(Value::Float(1.0)),
            AggregateOp::Sum | AggregateOp::Avg if !members.histograms.is_empty() => {
                return self.folded_histograms(node, members);
            }
            op if !members.histograms.is_empty() => {
                let text = format!("ignored histogram in {op} aggregation");
                self.remarks.info(arg_span(&node.expr), text);
            }
            _ => {}
        }
        folded_floats(node.op, &members.floats, q).map(Value::Float)
    }

    /// The sum or the mean of a group's histograms.
    fn folded_histograms(&mut self, node: &Aggregate, members: &Members) -> Option<Value> {
        let span = arg_span(&node.expr);
        if !members.floats.is_empty() {
            let text = "encountered a mix of histograms and floats for aggregation";
            self.remarks.warn(span, text);
            return None;
        }
        let mut sum = NativeSum::new(node.op == AggregateOp::Avg);
        for histogram in &members.histograms {
            sum.add(histogram);
        }
        let result = sum.result(&members.metric, (&mut self.remarks, span))?;
        Some(Value::Histogram(result.into_histogram()))
    }

    /// How many elements have each value.
    fn count_values(&mut self, node: &Aggregate, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let Some(param) = &node.param else { unreachable!("the parser asked for a label") };
        let Some(label) = text_of(param).as_str().filter(|label| !label.is_empty()) else {
            return unfit(format!("invalid label name {}", text_of(param)));
        };
        let mut grouping = node.grouping.clone();
        if !grouping.is_without {
            grouping.labels.push(label.to_owned());
        }
        let rows = self.eval_as_rows(&node.expr, steps)?;
        let mut out = Collector::default();
        let (mut view, mut now) = (StepView::new(&rows), Vec::new());
        for t_ms in steps.times() {
            self.budget.check_stop()?;
            view.at(t_ms, &mut now);
            self.take_points(now.len())?;
            let mut counts: Vec<(usize, f64)> = Vec::new();
            let mut at: HashMap<usize, usize> = HashMap::new();
            for (row, value) in &now {
                self.budget.work(4 * LABELS_WORK)?;
                let labels = Labels::clone(&rows[*row].labels).with(label, &label_text(value));
                let place = out.place(&Arc::new(group_labels(&grouping, &labels)));
                let at = *at.entry(place).or_insert_with(|| {
                    counts.push((place, 0.0));
                    counts.len() - 1
                });
                counts[at].1 += 1.0;
            }
            for (place, n) in counts {
                out.add(place, false, Point { t_ms, value: Value::Float(n) })?;
            }
        }
        Ok(out.rows())
    }
}

/// One number of a group's numbers, if it has any.
fn folded_floats(op: AggregateOp, values: &[f64], q: f64) -> Option<f64> {
    let (first, rest) = values.split_first()?;
    Some(match op {
        AggregateOp::Sum => {
            let sum = rest.iter().fold(KahanSum::new(*first), |sum, value| sum.plus(*value));
            sum.sum + sum.lost
        }
        AggregateOp::Avg => {
            let mut mean = Mean::default();
            values.iter().for_each(|value| mean.add(*value));
            mean.value()
        }
        AggregateOp::Min => extreme(*first, rest, |value, best| value < best),
        AggregateOp::Max => extreme(*first, rest, |value, best| value > best),
        AggregateOp::Stddev => variance(values).sqrt(),
        AggregateOp::Stdvar => variance(values),
        _ => quantile::of(q, values.to_vec()),
    })
}

/// The value that beats all before it; anything beats a NaN.
fn extreme(first: f64, rest: &[f64], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |best: f64, value: &f64| {
        if beats(*value, best) || best.is_nan() { *value } else { best }
    };
    rest.iter().fold(first, better)
}

/// The mean square of the distance from the mean, by Welford's method.
fn variance(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let (mut n, mut mean) = (1.0, *first);
    let mut squares = if first.is_finite() { 0.0 } else { f64::NAN };
    for value in rest {
        n += 1.0;
        let delta = value - mean;
        mean += delta / n;
        squares += delta * (value - mean);
    }
    squares / n
}

#[cfg(test)]
mod tests {
    use super::{extreme, variance};

    #[test]
    fn no_number_is_beaten_by_any() {
        assert_eq!(extreme(f64::NAN, &[2.0, f64::NAN, 1.0], |a, b| a < b), 1.0);
        assert!(extreme(f64::NAN, &[f64::NAN], |a, b| a < b).is_nan());
    }

    #[test]
    fn variances_are_of_the_population() {
        assert_eq!(variance(&[1.0, 2.0, 3.0, 4.0]), 1.25);
        assert_eq!(variance(&[5.0]), 0.0);
        assert!(variance(&[f64::INFINITY]).is_nan());
    }
}
