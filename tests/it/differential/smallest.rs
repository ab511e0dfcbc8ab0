//! Smallest: a query that is answered differently, taken apart down to the one expression whose
//! parts are all answered alike, at one moment.

use crate::differential::TOLERANCE;
use crate::differential::answer::{Difference, difference};
use crate::differential::query::{At, Expr, Subquery};
use crate::differential::sides::{Pair, Question, Sides, Times};

/// Subqueries without a step take this one.
const SUBQUERY_STEP_MS: i64 = 60_000;

/// The expression, what both say of it, and what they say of its parts.
pub(crate) struct Smallest {
    pub(crate) question: Question,
    pub(crate) pair: Pair,
    pub(crate) difference: Difference,
    pub(crate) parts: Vec<Pair>,
}

impl Smallest {
    /// Whether what goes into the expression is the same to the last bit.
    pub(crate) fn is_exact(&self) -> bool {
        self.parts.iter().all(|part| difference(&part.ours, &part.theirs, 0.0).is_none())
    }

    /// The values that differ, ours and theirs; none where one side has none.
    pub(crate) fn different_values(&self) -> Vec<(Option<f64>, Option<f64>)> {
        let (Some(ours), Some(theirs)) = (self.pair.ours.rows(), self.pair.theirs.rows()) else {
            return Vec::new();
        };
        let value = |rows: &crate::differential::answer::Rows, labels| {
            rows.series.get(labels).and_then(|samples| samples.first()).map(|(_, value)| *value)
        };
        let all = ours.series.keys().chain(theirs.series.keys().filter(|labels| !ours.series.contains_key(*labels)));
        let pairs = all.map(|labels| (value(ours, labels), value(theirs, labels)));
        let same = |(a, b): &(Option<f64>, Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => crate::differential::answer::close(*a, *b, TOLERANCE),
            _ => false,
        };
        pairs.filter(|pair| !same(pair)).collect()
    }
}

/// Takes a question apart that is answered with this difference.
pub(crate) fn smallest(sides: &Sides, question: &Question, pair: Pair, first: Difference) -> Smallest {
    let mut found = Smallest { question: question.clone(), pair, difference: first, parts: Vec::new() };
    if let Times::Range { start_ms, end_ms, step_ms } = question.times {
        found.question.expr = question.expr.fixed(start_ms, end_ms);
        let steps = moments(&found.difference, start_ms, end_ms, step_ms);
        let expr = found.question.expr.clone();
        match at_one_of(sides, &expr, &steps) {
            Some(at) => found = at,
            // It differs only when it is asked over a range.
            None => return found,
        }
    } else if let Times::At(t_ms) = question.times {
        found.question.expr = question.expr.fixed(t_ms, t_ms);
    }
    while let Some(part) = part_that_differs(sides, &mut found) {
        found = part;
    }
    found
}

/// The first part that is answered differently; otherwise remembers what all parts are.
fn part_that_differs(sides: &Sides, whole: &mut Smallest) -> Option<Smallest> {
    let Times::At(t_ms) = whole.question.times else { return None };
    whole.parts.clear();
    for part in whole.question.expr.parts() {
        let moments = match &whole.question.expr {
            Expr::Subquery(subquery) => inner_moments(subquery, t_ms, &whole.difference),
            _ => vec![t_ms],
        };
        if let Some(found) = at_one_of(sides, part, &moments) {
            return Some(found);
        }
        let question = Question { expr: part.clone(), times: Times::At(t_ms) };
        whole.parts.push(sides.ask(&question));
    }
    None
}

/// The expression at the first of these moments at which it is answered differently.
fn at_one_of(sides: &Sides, expr: &Expr, moments: &[i64]) -> Option<Smallest> {
    moments.iter().find_map(|t_ms| {
        let question = Question { expr: expr.clone(), times: Times::At(*t_ms) };
        let pair = sides.ask(&question);
        let difference = difference(&pair.ours, &pair.theirs, TOLERANCE)?;
        Some(Smallest { question, pair, difference, parts: Vec::new() })
    })
}

/// The moment of a difference; all steps if one side refuses.
fn moments(difference: &Difference, start_ms: i64, end_ms: i64, step_ms: i64) -> Vec<i64> {
    match difference.t_ms {
        Some(t_ms) => vec![t_ms],
        None => (start_ms..=end_ms).step_by(step_ms as usize).collect(),
    }
}

/// The same for the steps of a subquery that is looked at from this moment.
fn inner_moments(subquery: &Subquery, t_ms: i64, difference: &Difference) -> Vec<i64> {
    let from_ms = match subquery.when.at {
        Some(At::Ms(at_ms)) => at_ms,
        _ => t_ms,
    } - subquery.when.offset_ms;
    let step_ms = subquery.step_s.map_or(SUBQUERY_STEP_MS, |step_s| i64::from(step_s) * 1000);
    let first_ms = (from_ms - i64::from(subquery.range_s) * 1000).div_euclid(step_ms) * step_ms;
    moments(difference, first_ms + step_ms, from_ms, step_ms)
}
