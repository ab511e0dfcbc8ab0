//! Operators between expressions: scalars, vectors, and how the elements of two vectors meet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::Labels;

use super::answer::{Point, QueryError, Value, unfit};
use super::binary_op::{Doubt, floats, truth, values};
use super::budget::{Budget, LABELS_WORK};
use super::collect::Collector;
use super::evaluator::Evaluator;
use super::labels::{self, without_metadata};
use super::row::{Evaluated, Row, StepView};
use super::steps::Steps;
use super::{fused, set};
use crate::ast::{Binary, Card, Matching};

/// The value of an operator whose sides are known.
pub(super) fn apply(
    evaluator: &mut Evaluator<'_>,
    node: &Binary,
    sides: (Evaluated, Evaluated),
    steps: &Steps,
) -> Result<Evaluated, QueryError> {
    use Evaluated::{Rows, Scalars};
    match sides {
        (Scalars(lhs), Scalars(rhs)) => {
            evaluator.budget.work(lhs.len())?;
            scalars(node, &lhs, &rhs)
        }
        (Rows(rows), Scalars(of_steps)) => {
            with_scalar(evaluator, node, rows, (&of_steps, false), steps).map(Rows)
        }
        (Scalars(of_steps), Rows(rows)) => {
            with_scalar(evaluator, node, rows, (&of_steps, true), steps).map(Rows)
        }
        (Rows(lhs), Rows(rhs)) => {
            let Some(matching) = &node.matching else {
                unreachable!("two vectors always match somehow")
            };
            let rows = match node.op.is_set() {
                true => set::apply(evaluator, node.op, matching, (&lhs, &rhs), steps)?,
                false => {
                    let join = Join::new(node, matching, (&lhs, &rhs), &mut evaluator.budget)?;
                    match fused::join::rows(evaluator, &join)? {
                        Some(rows) => rows,
                        None => join.rows(evaluator, steps)?,
                    }
                }
            };
            Ok(Rows(rows))
        }
        _ => unreachable!("the type checker lets no text be an operand"),
    }
}

fn scalars(node: &Binary, lhs: &[f64], rhs: &[f64]) -> Result<Evaluated, QueryError> {
    use crate::BinaryOp::{TrimLower, TrimUpper};
    if matches!(node.op, TrimLower | TrimUpper) {
        return unfit(format!("operator \"{}\" not allowed for Scalar operations", node.op));
    }
    let value = |(lhs, rhs): (&f64, &f64)| match floats(node.op, *lhs, *rhs) {
        (_, holds) if node.op.is_comparison() => f64::from(u8::from(holds)),
        (value, _) => value,
    };
    Ok(Evaluated::Scalars(lhs.iter().zip(rhs).map(value).collect()))
}

/// A vector with a scalar, which may stand on the left.
fn with_scalar(
    evaluator: &mut Evaluator<'_>,
    node: &Binary,
    rows: Vec<Row>,
    (of_steps, is_left): (&[f64], bool),
    steps: &Steps,
) -> Result<Vec<Row>, QueryError> {
    let is_filter = node.op.is_comparison() && !node.returns_bool;
    let mut out = Vec::new();
    for mut row in rows {
        row.drops_name |= !is_filter && !is_trim(node);
        for point in std::mem::take(&mut row.points) {
            evaluator.budget.work(point.value.work())?;
            let step = steps.place(point.t_ms);
            let scalar = Value::Float(of_steps[step]);
            let sides = if is_left { (&scalar, &point.value) } else { (&point.value, &scalar) };
            let mut tell = |doubt: Doubt| doubt.note(&mut evaluator.remarks, node.span);
            let value = match values(node.op, sides.0, sides.1, &mut tell) {
                Some(outcome) if node.returns_bool => truth(outcome.holds),
                // A comparison lets elements of the vector pass, on whichever side that is.
                Some(outcome) if is_filter && outcome.holds => point.value,
                Some(outcome) if !is_filter => outcome.value,
                Some(_) | None => continue,
            };
            row.points.push(Point { t_ms: point.t_ms, value });
        }
        if !row.points.is_empty() {
            out.push(row);
        }
    }
    Ok(out)
}

/// Whether it trims histograms.
pub(super) fn is_trim(node: &Binary) -> bool {
    matches!(node.op, crate::BinaryOp::TrimLower | crate::BinaryOp::TrimUpper)
}

/// Which elements belong together: groups, counted over both sides.
pub(super) struct MatchGroups {
    pub(super) lhs: Vec<usize>,
    pub(super) rhs: Vec<usize>,
    /// The labels that the elements of each group share.
    pub(super) labels: Vec<Arc<Labels>>,
}

impl MatchGroups {
    pub(super) fn new(
        matching: &Matching,
        (lhs, rhs): (&[Row], &[Row]),
        budget: &mut Budget,
    ) -> Result<Self, QueryError> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut all = Vec::new();
        let mut group_of = |row: &Row| {
            budget.work(2 * LABELS_WORK)?;
            let key = match matching.is_on {
                true => labels::only(&row.labels, &matching.labels),
                false => labels::without_and_name(&row.labels, &matching.labels),
            };
            Ok(*places.entry(key).or_insert_with_key(|key| {
                all.push(Arc::new(key.clone()));
                all.len() - 1
            }))
        };
        let lhs = lhs.iter().map(&mut group_of).collect::<Result<_, QueryError>>()?;
        let rhs = rhs.iter().map(&mut group_of).collect::<Result<_, QueryError>>()?;
        Ok(Self { lhs, rhs, labels: all })
    }
}

/// A side of an element that was filled in has no row.
const FILLED: usize = usize::MAX;

/// Two vectors whose elements meet one to one, or many to one. What `group_right` writes on the
/// right is the many side here, which is called the left one.
pub(super) struct Join<'j> {
    pub(super) node: &'j Binary,
    pub(super) matching: &'j Matching,
    pub(super) many: &'j [Row],
    pub(super) one: &'j [Row],
    pub(super) groups: MatchGroups,
    out: Collector,
    /// The labels of a pair's result and its row, as they stay the same over all steps.
    pairs: HashMap<(usize, usize, usize), usize>,
}

/// What meets at a step.
#[derive(Default)]
struct Met {
    /// Groups that have given an element, if each may give one alone.
    groups: HashSet<usize>,
    /// Groups whose one side has met an element.
    ones: HashSet<usize>,
    /// Groups and rows of the result that have given an element.
    rows: HashSet<(usize, Arc<Labels>)>,
    /// What there was to say last: of one step no more is told.
    doubt: Option<Doubt>,
}

impl<'j> Join<'j> {
    fn new(
        node: &'j Binary,
        matching: &'j Matching,
        (lhs, rhs): (&'j [Row], &'j [Row]),
        budget: &mut Budget,
    ) -> Result<Self, QueryError> {
        let (many, one) = if matching.card == Card::OneToMany { (rhs, lhs) } else { (lhs, rhs) };
        let groups = MatchGroups::new(matching, (many, one), budget)?;
        let (out, pairs) = (Collector::default(), HashMap::new());
        Ok(Self { node, matching, many, one, groups, out, pairs })
    }

    fn rows(
        mut self,
        evaluator: &mut Evaluator<'_>,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        let (mut many_view, mut one_view) = (StepView::new(self.many), StepView::new(self.one));
        let (mut many, mut one) = (Vec::new(), Vec::new());
        for t_ms in steps.times() {
            evaluator.budget.check_stop()?;
            many_view.at(t_ms, &mut many);
            one_view.at(t_ms, &mut one);
            self.step(evaluator, t_ms, &many, &one)?;
        }
        Ok(self.out.rows())
    }

    fn step(
        &mut self,
        evaluator: &mut Evaluator<'_>,
        t_ms: i64,
        many: &[(usize, &Value)],
        one: &[(usize, &Value)],
    ) -> Result<(), QueryError> {
        let fill = self.matching.fill;
        let may_fill = !fill.is_none();
        if (many.is_empty() || one.is_empty()) && !may_fill {
            return Ok(());
        }
        let partners = self.partners(one, &mut evaluator.budget)?;
        let mut met = Met::default();
        // Filled by the side that is written, whichever the many side is.
        let filled_one = fill.rhs.map(Value::Float);
        for (row, value) in many {
            evaluator.budget.work(LABELS_WORK)?;
            let group = self.groups.lhs[*row];
            let partner = partners.get(&group).copied();
            let partner = match (partner, &filled_one) {
                (Some(partner), _) => partner,
                (None, Some(value)) => (FILLED, value),
                (None, None) => continue,
            };
            met.ones.insert(group);
            self.meet(evaluator, t_ms, (*row, *value), partner, group, &mut met)?;
        }
        if let Some(filled_many) = fill.lhs.map(Value::Float) {
            for (row, value) in one {
                let group = self.groups.rhs[*row];
                if !met.ones.contains(&group) {
                    let many = (FILLED, &filled_many);
                    self.meet(evaluator, t_ms, many, (*row, *value), group, &mut met)?;
                }
            }
        }
        if let Some(doubt) = met.doubt {
            doubt.note(&mut evaluator.remarks, self.node.span);
        }
        Ok(())
    }

    /// The element of the one side of each group.
    fn partners<'v>(
        &self,
        one: &[(usize, &'v Value)],
        budget: &mut Budget,
    ) -> Result<HashMap<usize, (usize, &'v Value)>, QueryError> {
        let mut partners: HashMap<usize, (usize, &Value)> = HashMap::with_capacity(one.len());
        for (row, value) in one {
            budget.work(LABELS_WORK / 4)?;
            let group = self.groups.rhs[*row];
            if let Some((other, _)) = partners.insert(group, (*row, *value)) {
                return self.found_duplicate(group, other, *row);
            }
        }
        Ok(partners)
    }

    fn found_duplicate<T>(&self, group: usize, a: usize, b: usize) -> Result<T, QueryError> {
        let side = if self.matching.card == Card::OneToMany { "left" } else { "right" };
        let mut both = [a, b].map(|row| labels::text(&self.one[row].labels));
        both.sort_unstable();
        let group = labels::text(&self.groups.labels[group]);
        unfit(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the \
             operation: [{}, {}];many-to-many matching not allowed: matching labels must be \
             unique on one side",
            both[0], both[1]
        ))
    }

    fn meet(
        &mut self,
        evaluator: &mut Evaluator<'_>,
        t_ms: i64,
        many: (usize, &Value),
        one: (usize, &Value),
        group: usize,
        met: &mut Met,
    ) -> Result<(), QueryError> {
        let is_turned = self.matching.card == Card::OneToMany;
        let (lhs, rhs) = if is_turned { (one.1, many.1) } else { (many.1, one.1) };
        let mut tell = |doubt: Doubt| met.doubt = Some(doubt);
        let Some(outcome) = values(self.node.op, lhs, rhs, &mut tell) else { return Ok(()) };
        // Elements that a comparison filters out have met all the same.
        let place = self.place(many.0, one.0, group);
        self.check_once(place, group, met)?;
        let value = match self.node.returns_bool {
            true => truth(outcome.holds),
            false if outcome.holds => outcome.value,
            false => return Ok(()),
        };
        evaluator.take_points(1)?;
        let carried = self.many.get(many.0).is_some_and(|row| row.drops_name);
        let drops_name = self.node.op.is_comparison() && (self.node.returns_bool || carried);
        self.out.add(place, drops_name, Point { t_ms, value })
    }

    /// Elements must not meet so that their results are the same.
    fn check_once(&self, place: usize, group: usize, met: &mut Met) -> Result<(), QueryError> {
        if self.matching.card == Card::OneToOne {
            return match met.groups.insert(group) {
                true => Ok(()),
                false => unfit(
                    "multiple matches for labels: many-to-one matching must be explicit \
                     (group_left/group_right)",
                ),
            };
        }
        match met.rows.insert((group, self.out.labels(place))) {
            true => Ok(()),
            false => {
                unfit("multiple matches for labels: grouping labels must ensure unique matches")
            }
        }
    }

    /// The row of a pair's result.
    fn place(&mut self, many: usize, one: usize, group: usize) -> usize {
        let key = (many, one, group);
        if let Some(place) = self.pairs.get(&key) {
            return *place;
        }
        let shared = &self.groups.labels[group];
        let many_labels = self.many.get(many).map_or(shared, |row| &row.labels);
        let one_labels = self.one.get(one).map_or(shared, |row| &row.labels);
        let labels = self.result_labels(many_labels, one_labels);
        let place = self.out.place(&Arc::new(labels));
        self.pairs.insert(key, place);
        place
    }

    /// The labels of a pair's result.
    pub(super) fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        let mut result = match self.node.op.is_comparison() || is_trim(self.node) {
            true => many.clone(),
            false => without_metadata(many),
        };
        if matching.card == Card::OneToOne {
            result = match matching.is_on {
                true => labels::only(&result, &matching.labels),
                false => labels::without(&result, &matching.labels),
            };
        }
        for name in &matching.include {
            let value = one.get(name).unwrap_or_default();
            if !name.is_empty() {
                result = result.with(name, value);
            }
        }
        result
    }
}
