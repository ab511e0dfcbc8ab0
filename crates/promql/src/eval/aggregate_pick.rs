//! Aggregations that pick elements and leave them as they are: `topk`, `bottomk`, `limitk` and
//! `limit_ratio`.

use super::aggregate::Groups;
use super::answer::{Point, QueryError, Value, unfit};
use super::budget::{Budget, LABELS_WORK};
use super::collect::Collector;
use super::evaluator::{Evaluator, arg_span};
use super::format::short;
use super::hash;
use super::quantile::extremes;
use super::rank::{Heap, Rank};
use super::row::{Row, StepView};
use super::steps::Steps;
use crate::AggregateOp;
use crate::ast::Aggregate;

/// Counts up to the one and from the other on are none, as Prometheus has it: -2^63, and the last
/// number before 2^63.
const UNDERFLOW: f64 = -9_223_372_036_854_775_808.0;
const OVERFLOW: f64 = 9_223_372_036_854_774_784.0;

/// The place of a row and its value at a step.
type Member<'v> = (usize, &'v Value);

impl Evaluator<'_> {
    /// The elements that are picked of each group.
    pub(super) fn pick(&mut self, node: &Aggregate, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let param = self.aggregate_param(node, steps)?;
        match node.op {
            AggregateOp::LimitRatio => self.check_ratios(node, &param)?,
            _ => check_counts(&param)?,
        }
        let rows = self.eval_as_rows(&node.expr, steps)?;
        let groups = Groups::new(&node.grouping, &rows, &mut self.budget)?;
        let mut out = Collector::default();
        let (mut view, mut now) = (StepView::new(&rows), Vec::new());
        let parts = parts(node, &rows, &mut self.budget)?;
        for (t_ms, param) in steps.times().zip(param) {
            self.budget.check_stop()?;
            view.at(t_ms, &mut now);
            let mut members: Vec<Vec<Member<'_>>> = vec![Vec::new(); groups.labels.len()];
            let mut order = Vec::new();
            for (row, value) in &now {
                self.budget.work(1)?;
                let group = groups.of_rows[*row];
                if members[group].is_empty() {
                    order.push(group);
                }
                members[group].push((*row, *value));
            }
            for group in order {
                let members = std::mem::take(&mut members[group]);
                self.budget.work(LABELS_WORK + members.len())?;
                let picked = match node.op {
                    AggregateOp::LimitRatio => {
                        let is_let = |member: &Member<'_>| is_in(param, parts[member.0]);
                        self.let_through(members.into_iter().filter(is_let))?
                    }
                    // Below 1 nothing; a float as large as any length stays large.
                    AggregateOp::Limitk => {
                        self.let_through(members.into_iter().take(param as usize))?
                    }
                    _ => self.extremes(node, members, param)?,
                };
                self.take_points(picked.len())?;
                for (row, value) in picked {
                    self.budget.work(LABELS_WORK)?;
                    let place = out.place(&rows[row].labels);
                    let point = Point { t_ms, value: value.clone() };
                    out.add(place, rows[row].drops_name, point)?;
                }
            }
        }
        Ok(out.rows())
    }

    /// The floats with the largest or smallest values, these first; NaN last.
    fn extremes<'v>(
        &mut self,
        node: &Aggregate,
        members: Vec<Member<'v>>,
        k: f64,
    ) -> Result<Vec<Member<'v>>, QueryError> {
        let is_falling = node.op == AggregateOp::Topk;
        let rank = if is_falling { Rank::Largest } else { Rank::Smallest };
        let mut heap = Heap::new(rank);
        for member in members {
            let Some(value) = member.1.float() else {
                let text = format!("ignored histogram in {} aggregation", node.op);
                self.remarks.info(node.span, text);
                continue;
            };
            heap.offer(k as usize, value, member, &mut self.budget)?;
        }
        heap.into_sorted(&mut self.budget)
    }

    /// The elements that are let through, in the order that a heap of them has.
    fn let_through<'v>(
        &mut self,
        members: impl Iterator<Item = Member<'v>>,
    ) -> Result<Vec<Member<'v>>, QueryError> {
        let mut heap = Heap::new(Rank::Largest);
        for member in members {
            // A histogram ranks as 0.
            let value = member.1.float().unwrap_or_default();
            heap.offer(usize::MAX, value, member, &mut self.budget)?;
        }
        Ok(heap.into_elements())
    }

    fn check_ratios(&mut self, node: &Aggregate, ratios: &[f64]) -> Result<(), QueryError> {
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return unfit("Ratio value is NaN");
        }
        let span = node.param.as_ref().map_or(node.span, arg_span);
        let (min, max) = extremes(ratios);
        for (ratio, bound) in [(max, 1.0), (min, -1.0)] {
            // Only beyond its own end: a least one above 1 is not told beside the greatest.
            if ratio * bound > 1.0 {
                let (ratio, bound) = (short(ratio), short(bound));
                let text = format!(
                    "ratio value should be between -1 and 1, got {ratio}, capping to {bound}"
                );
                self.remarks.warn(span, text);
            }
        }
        Ok(())
    }
}

/// How many are to be picked must be a number that can be counted to.
fn check_counts(counts: &[f64]) -> Result<(), QueryError> {
    if counts.iter().any(|k| k.is_nan()) {
        return unfit("Parameter value is NaN");
    }
    let (min, max) = extremes(counts);
    if max >= 1.0 && min <= UNDERFLOW {
        return unfit(format!("Scalar value {} underflows int64", short(min)));
    }
    if max >= OVERFLOW {
        return unfit(format!("Scalar value {} overflows int64", short(max)));
    }
    Ok(())
}

/// Where each row lies between 0 and 1 by its labels, if that is asked for.
fn parts(node: &Aggregate, rows: &[Row], budget: &mut Budget) -> Result<Vec<f64>, QueryError> {
    let mut parts = Vec::new();
    for row in rows.iter().filter(|_| node.op == AggregateOp::LimitRatio) {
        budget.work(LABELS_WORK)?;
        parts.push(hash::labels(&row.labels) as f64 / u64::MAX as f64);
    }
    Ok(parts)
}

/// Whether a row is in a part of all: of the lower end, or with a negative ratio of the upper one.
fn is_in(ratio: f64, part: f64) -> bool {
    let ratio = ratio.clamp(-1.0, 1.0);
    if ratio >= 0.0 { part < ratio } else { part >= 1.0 + ratio }
}

#[cfg(test)]
mod tests {
    use super::{check_counts, is_in};

    #[test]
    fn a_ratio_and_its_complement_are_everything() {
        for part in [0.0, 0.3, 0.5, 0.999] {
            assert_ne!(is_in(0.5, part), is_in(-0.5, part));
            assert!(is_in(7.0, part) && is_in(-1.0, part) && !is_in(0.0, part));
        }
    }

    #[test]
    fn counts_are_checked() {
        let error = |k: f64| check_counts(&[k]).unwrap_err().to_string();
        assert_eq!(error(f64::NAN), "Parameter value is NaN");
        assert_eq!(error(1e20), "Scalar value 1e+20 overflows int64");
        assert!(check_counts(&[-1e30]).is_ok());
    }
}
