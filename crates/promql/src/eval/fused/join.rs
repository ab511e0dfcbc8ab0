//! Join: an operator between two vectors of numbers, pair by pair instead of step by step.
//!
//! Where no two rows of a side could ever be each other's rivals, what meets at one step meets at
//! all of them: each pair is found once, and its values are computed in a row.

use std::collections::HashSet;
use std::sync::Arc;

use model::Labels;

use super::super::answer::{Point, QueryError, Value};
use super::super::binary::{Join, is_trim};
use super::super::binary_op::{floats, truth};
use super::super::budget::{Budget, LABELS_WORK};
use super::super::evaluator::Evaluator;
use super::super::row::Row;
use crate::ast::Card;

/// The rows of an operator; `None` if rows may be rivals, or are no numbers.
pub(in super::super) fn rows(
    evaluator: &mut Evaluator<'_>,
    join: &Join<'_>,
) -> Result<Option<Vec<Row>>, QueryError> {
    if evaluator.options.is_plain || !join.matching.fill.is_none() || is_trim(join.node) {
        return Ok(None);
    }
    let is_float = |row: &Row| row.points.iter().all(|point| point.value.float().is_some());
    if !join.many.iter().chain(join.one).all(is_float) {
        return Ok(None);
    }
    let Some(pairs) = pairs(join, &mut evaluator.budget)? else { return Ok(None) };
    let mut out = Vec::with_capacity(pairs.len());
    for Pair { many, one, labels } in pairs {
        evaluator.budget.check_stop()?;
        let (many, one) = (&join.many[many], &join.one[one]);
        let (met_ms, points) = met(join, many, one);
        evaluator.take_points(points.len())?;
        let is_comparison = join.node.op.is_comparison();
        let drops_name = is_comparison && (join.node.returns_bool || many.drops_name);
        // In the order of first meetings, whether they give something or not.
        out.push((met_ms, Row { labels, drops_name, points }));
    }
    out.retain(|(_, row)| !row.points.is_empty());
    out.sort_by_key(|(met_ms, _)| *met_ms);
    Ok(Some(out.into_iter().map(|(_, row)| row).collect()))
}

/// Two rows that meet wherever both have a value.
struct Pair {
    many: usize,
    one: usize,
    labels: Arc<Labels>,
}

/// The pairs in the order of the many side; `None` if rows may be rivals.
fn pairs(join: &Join<'_>, budget: &mut Budget) -> Result<Option<Vec<Pair>>, QueryError> {
    let mut partners = vec![None; join.groups.labels.len()];
    for (one, group) in join.groups.rhs.iter().enumerate() {
        if partners[*group].replace(one).is_some() {
            return Ok(None);
        }
    }
    let is_one_to_one = join.matching.card == Card::OneToOne;
    let mut has_met = vec![false; partners.len()];
    let (mut pairs, mut known) = (Vec::new(), HashSet::new());
    for (many, group) in join.groups.lhs.iter().enumerate() {
        budget.work(2 * LABELS_WORK)?;
        let Some(one) = partners[*group] else { continue };
        if std::mem::replace(&mut has_met[*group], true) && is_one_to_one {
            return Ok(None);
        }
        let labels = join.result_labels(&join.many[many].labels, &join.one[one].labels);
        let labels = Arc::new(labels);
        if !known.insert(Arc::clone(&labels)) {
            return Ok(None);
        }
        pairs.push(Pair { many, one, labels });
    }
    Ok(Some(pairs))
}

/// When two rows meet first, and what the operator makes of their values.
fn met(join: &Join<'_>, many: &Row, one: &Row) -> (i64, Vec<Point>) {
    let is_turned = join.matching.card == Card::OneToMany;
    let (mut met_ms, mut points) = (i64::MAX, Vec::new());
    let mut partners = one.points.iter().peekable();
    for Point { t_ms, value } in &many.points {
        while partners.next_if(|partner| partner.t_ms < *t_ms).is_some() {}
        let Some(partner) = partners.next_if(|partner| partner.t_ms == *t_ms) else { continue };
        met_ms = met_ms.min(*t_ms);
        let (Some(many), Some(one)) = (value.float(), partner.value.float()) else { continue };
        let (lhs, rhs) = if is_turned { (one, many) } else { (many, one) };
        let value = match floats(join.node.op, lhs, rhs) {
            (_, holds) if join.node.returns_bool => truth(holds),
            (value, true) => Value::Float(value),
            (_, false) => continue,
        };
        points.push(Point { t_ms: *t_ms, value });
    }
    (met_ms, points)
}
