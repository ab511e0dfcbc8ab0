//! Set operators: `and`, `or` and `unless` between two vectors.

use super::answer::{Point, QueryError};
use super::binary::MatchGroups;
use super::budget::LABELS_WORK;
use super::collect::Collector;
use super::evaluator::Evaluator;
use super::row::{Row, StepView};
use super::steps::Steps;
use crate::BinaryOp;
use crate::ast::Matching;

/// The elements that stay of both sides.
pub(super) fn apply(
    evaluator: &mut Evaluator<'_>,
    op: BinaryOp,
    matching: &Matching,
    (lhs, rhs): (&[Row], &[Row]),
    steps: &Steps,
) -> Result<Vec<Row>, QueryError> {
    let groups = MatchGroups::new(matching, (lhs, rhs), &mut evaluator.budget)?;
    let mut out = Collector::default();
    let mut places_of = |rows: &[Row]| -> Result<Vec<usize>, QueryError> {
        let mut place = |row: &Row| {
            evaluator.budget.work(LABELS_WORK)?;
            Ok(out.place(&row.labels))
        };
        rows.iter().map(&mut place).collect()
    };
    let lhs_places = places_of(lhs)?;
    let rhs_places = places_of(if op == BinaryOp::Or { rhs } else { &[] })?;
    let (mut lhs_view, mut rhs_view) = (StepView::new(lhs), StepView::new(rhs));
    let (mut left, mut right) = (Vec::new(), Vec::new());
    // Which groups have an element at the step, on the side that decides.
    let mut is_met = vec![false; groups.labels.len()];
    for t_ms in steps.times() {
        evaluator.budget.check_stop()?;
        lhs_view.at(t_ms, &mut left);
        rhs_view.at(t_ms, &mut right);
        is_met.fill(false);
        match op {
            BinaryOp::Or => left.iter().for_each(|(row, _)| is_met[groups.lhs[*row]] = true),
            _ => right.iter().for_each(|(row, _)| is_met[groups.rhs[*row]] = true),
        }
        evaluator.take_points(left.len())?;
        for (row, value) in &left {
            evaluator.budget.work(1)?;
            let stays = match op {
                BinaryOp::And => is_met[groups.lhs[*row]],
                BinaryOp::Unless => !is_met[groups.lhs[*row]],
                _ => true,
            };
            if stays {
                let point = Point { t_ms, value: (*value).clone() };
                out.add(lhs_places[*row], lhs[*row].drops_name, point)?;
            }
        }
        for (row, value) in right.iter().filter(|_| op == BinaryOp::Or) {
            evaluator.budget.work(1)?;
            if !is_met[groups.rhs[*row]] {
                let point = Point { t_ms, value: (*value).clone() };
                out.add(rhs_places[*row], rhs[*row].drops_name, point)?;
            }
        }
    }
    Ok(out.rows())
}
