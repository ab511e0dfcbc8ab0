//! Parts: the steps at which windows lack samples, and those at which all are whole, evaluated one
//! after the other and put together again.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::super::answer::QueryError;
use super::super::budget::{Budget, LABELS_WORK};
use super::super::evaluator::Evaluator;
use super::super::row::{Evaluated, Row};
use super::super::select::Reference;
use super::super::steps::Steps;
use crate::ast::Expr;

impl Evaluator<'_> {
    /// The value of an expression in two parts, if some of its steps lack samples and others do not.
    pub(in super::super) fn in_parts(
        &mut self,
        expr: &Expr,
        steps: &Steps,
    ) -> Result<Option<Evaluated>, QueryError> {
        if !self.history.is_cut() || steps.n() < 2 {
            return Ok(None);
        }
        let n_old = self.n_lacking(expr, steps)?;
        if n_old == 0 || n_old == steps.n() {
            return Ok(None);
        }
        let old = self.eval(expr, &Steps { end_ms: steps.at(n_old - 1), ..*steps })?;
        let new = self.eval(expr, &Steps { start_ms: steps.at(n_old), ..*steps })?;
        Ok(Some(match (old, new) {
            (Evaluated::Scalars(mut values), Evaluated::Scalars(new)) => {
                values.extend(new);
                Evaluated::Scalars(values)
            }
            (Evaluated::Rows(old), Evaluated::Rows(new)) => {
                Evaluated::Rows(joined(old, new, &mut self.budget)?)
            }
            (_, new) => new,
        }))
    }

    /// At how many steps, from the first on, some window within an expression lacks samples. What is
    /// within a subquery has steps of its own.
    fn n_lacking(&self, expr: &Expr, steps: &Steps) -> Result<usize, QueryError> {
        let (mut waiting, mut n_max) = (vec![expr], 0);
        while let Some(expr) = waiting.pop() {
            match expr {
                Expr::Vector(node) => {
                    let lookback_ms = self.options.lookback_ms;
                    n_max = n_max.max(self.n_before(self.reference(node)?, lookback_ms, steps));
                }
                Expr::Matrix(node) => {
                    let range_ms = node.range.positive_ms(self.whole.times)?;
                    let reference = self.reference(&node.selector)?;
                    n_max = n_max.max(self.n_before(reference, range_ms, steps));
                }
                Expr::Subquery(_) => {}
                Expr::Call(node) if node.function.name == "info" => waiting.extend(&node.args[..1]),
                _ => waiting.extend(expr.children()),
            }
        }
        Ok(n_max)
    }

    /// The same of one selector: the later the step, the later its window.
    fn n_before(&self, reference: Reference, range_ms: i64, steps: &Steps) -> usize {
        let lacks = |step: usize| {
            let end_ms = reference.of(steps.at(step));
            self.history.remains.lacks(end_ms.saturating_sub(range_ms))
        };
        let (mut low, mut high) = (0, steps.n());
        while low < high {
            let middle = low + (high - low) / 2;
            if lacks(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Rows of earlier steps and of later ones. Where both are in the order of their labels, as a
/// selector has them, so is the whole: sums depend on the order.
fn joined(old: Vec<Row>, new: Vec<Row>, budget: &mut Budget) -> Result<Vec<Row>, QueryError> {
    let is_sorted = |rows: &[Row]| rows.is_sorted_by(|a, b| a.labels < b.labels);
    if !is_sorted(&old) || !is_sorted(&new) {
        return joined_by_labels(old, new, budget);
    }
    let mut rows = Vec::with_capacity(old.len().max(new.len()));
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        budget.work(LABELS_WORK)?;
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.labels.cmp(&new.labels),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(rows),
        };
        let earlier = old.next_if(|_| order.is_le());
        let later = new.next_if(|_| order.is_ge());
        rows.extend(match (earlier, later) {
            (Some(earlier), Some(later)) => Some(followed(earlier, later)),
            (earlier, later) => earlier.or(later),
        });
    }
}

fn joined_by_labels(
    mut rows: Vec<Row>,
    new: Vec<Row>,
    budget: &mut Budget,
) -> Result<Vec<Row>, QueryError> {
    let places = rows.iter().enumerate().map(|(place, row)| (Arc::clone(&row.labels), place));
    let mut places: HashMap<_, _> = places.collect();
    for later in new {
        budget.work(LABELS_WORK)?;
        match places.remove(&later.labels) {
            Some(place) => {
                rows[place].points.extend(later.points);
                rows[place].drops_name = later.drops_name;
            }
            None => rows.push(later),
        }
    }
    Ok(rows)
}

/// One row of both; the last step decides whether its name is dropped.
fn followed(mut earlier: Row, later: Row) -> Row {
    earlier.points.extend(later.points);
    Row { drops_name: later.drops_name, ..earlier }
}
