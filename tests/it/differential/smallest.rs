//! Smallest: a query that is answered differently, taken apart down to the one expression whose
//! parts are all answered alike: at one moment, or over a range if it takes one.

use std::collections::BTreeMap;

use crate::differential::TOLERANCE;
use crate::differential::answer::{Answer, Difference, close, difference};
use crate::differential::query::{At, Expr, Subquery};
use crate::differential::sides::{Pair, Question, Sides, Times};

/// Subqueries without a step take this one.
const SUBQUERY_STEP_MS: i64 = 60_000;
const N_ASKED_AGAIN: usize = 8;

/// The expression, what both say of it, and what they say of its parts.
pub(crate) struct Smallest {
    pub(crate) question: Question,
    pub(crate) pair: Pair,
    pub(crate) difference: Difference,
    pub(crate) parts: Vec<Pair>,
}

impl Smallest {
    /// The question, if it is answered differently.
    fn find(sides: &Sides, question: Question) -> Option<Self> {
        let pair = sides.ask(&question);
        let difference = difference(&pair.ours, &pair.theirs, TOLERANCE)?;
        Some(Self { question, pair, difference, parts: Vec::new() })
    }

    /// Whether what goes into the expression is the same to the last bit, each time. Over a range
    /// Prometheus 2 adds up in an order that is another one each time.
    pub(crate) fn is_exact(&self, sides: &Sides) -> bool {
        let times = self.question.times;
        let n_more = if matches!(times, Times::Range { .. }) { N_ASKED_AGAIN } else { 0 };
        let is_same = |pair: &Pair| difference(&pair.ours, &pair.theirs, 0.0).is_none();
        let again = |part: &&Expr| is_same(&sides.ask(&Question { expr: (*part).clone(), times }));
        let parts = self.question.expr.parts();
        self.parts.iter().all(is_same) && (0..n_more).all(|_| parts.iter().all(again))
    }

    /// The values that differ, ours and theirs; none where one side has none.
    pub(crate) fn different_values(&self) -> Vec<(Option<f64>, Option<f64>)> {
        let mut all = BTreeMap::new();
        for (labels, t_ms, value) in self.pair.ours.samples() {
            all.insert((labels, t_ms), (Some(value), None));
        }
        for (labels, t_ms, value) in self.pair.theirs.samples() {
            all.entry((labels, t_ms)).or_insert((None, None)).1 = Some(value);
        }
        let same = |pair: &(Option<f64>, Option<f64>)| matches!(pair, (Some(a), Some(b)) if close(*a, *b, TOLERANCE));
        all.into_values().filter(|pair| !same(pair)).collect()
    }
}

/// Takes a question apart that is answered with this difference.
pub(crate) fn smallest(
    sides: &Sides,
    question: &Question,
    pair: Pair,
    first: Difference,
) -> Smallest {
    let (start_ms, end_ms) = match question.times {
        Times::At(t_ms) => (t_ms, t_ms),
        Times::Range { start_ms, end_ms, .. } => (start_ms, end_ms),
    };
    let question = Question { expr: question.expr.fixed(start_ms, end_ms), times: question.times };
    let mut found = Smallest { question, pair, difference: first, parts: Vec::new() };
    while let Some(smaller) = at_one_moment(sides, &found).or_else(|| part(sides, &found)) {
        found = smaller;
    }
    let times = found.question.times;
    let ask = |part: &Expr| sides.ask(&Question { expr: part.clone(), times });
    found.parts = found.question.expr.parts().into_iter().map(ask).collect();
    found
}

/// The same at the first moment of a range at which it is answered differently.
fn at_one_moment(sides: &Sides, found: &Smallest) -> Option<Smallest> {
    let Times::Range { start_ms, end_ms, step_ms } = found.question.times else { return None };
    moments(&found.difference, (start_ms, end_ms, step_ms)).into_iter().find_map(|t_ms| {
        let question = Question { times: Times::At(t_ms), ..found.question.clone() };
        Smallest::find(sides, question)
    })
}

/// The first part that is answered differently.
fn part(sides: &Sides, whole: &Smallest) -> Option<Smallest> {
    if let (Expr::Subquery(subquery), Times::At(t_ms)) =
        (&whole.question.expr, whole.question.times)
    {
        // What it takes at its steps.
        let (start_ms, end_ms, step_ms) = inner_steps(subquery, t_ms);
        let times = Times::Range { start_ms, end_ms, step_ms };
        return Smallest::find(sides, Question { expr: subquery.of.clone(), times });
    }
    let parts = whole.question.expr.parts().into_iter();
    let mut questions =
        parts.map(|part| Question { expr: part.clone(), times: whole.question.times });
    questions.find_map(|question| Smallest::find(sides, question))
}

/// The moment of a difference; all steps if one side refuses.
fn moments(difference: &Difference, (start_ms, end_ms, step_ms): (i64, i64, i64)) -> Vec<i64> {
    match difference.t_ms {
        Some(t_ms) => vec![t_ms],
        None => (start_ms..=end_ms).step_by(step_ms as usize).collect(),
    }
}

/// The first and the last step of a subquery that is looked at from this moment, and their distance.
pub(crate) fn inner_steps(subquery: &Subquery, t_ms: i64) -> (i64, i64, i64) {
    let from_ms = match subquery.when.at {
        Some(At::Ms(at_ms)) => at_ms,
        _ => t_ms,
    } - subquery.when.offset_ms;
    let step_ms = subquery.step_s.map_or(SUBQUERY_STEP_MS, |step_s| i64::from(step_s) * 1000);
    let before_ms = (from_ms - i64::from(subquery.range_s) * 1000).div_euclid(step_ms) * step_ms;
    (before_ms + step_ms, from_ms.div_euclid(step_ms) * step_ms, step_ms)
}

/// What is the same as to its values, whatever they are of.
pub(crate) fn sorted_values(answer: &Answer) -> Vec<(i64, u64)> {
    let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value };
    let mut values: Vec<(i64, u64)> =
        answer.samples().map(|(_, t_ms, value)| (t_ms, canonical(value).to_bits())).collect();
    values.sort_unstable();
    values
}
