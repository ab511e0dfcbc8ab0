//! Fold: an aggregation that makes one number of many, as the members come series by series.
//!
//! A group has cells from the first to the last step at which it has members, so that series that
//! lived for an hour cost an hour. Groups are told in the order in which the plain evaluation meets
//! them, which goes step by step.

use std::collections::HashMap;
use std::sync::Arc;

use model::Labels;

use super::super::aggregate::group_labels;
use super::super::answer::{Point, QueryError, Value};
use super::super::budget::{Budget, Held};
use super::super::row::Row;
use super::super::steps::Steps;
use super::ABSENT;
use super::cells::{Avg, Cell, Count, Extreme, Members, Sum, Variance};
use super::sink::Sink;
use crate::AggregateOp;
use crate::ast::{Aggregate, Grouping};

/// What the rows of a fold need beside it.
pub(super) struct Folded<'f> {
    /// The aggregation's parameter at each step, if it has one.
    pub(super) param: &'f [f64],
    /// Where the members were evaluated.
    pub(super) steps: &'f Steps,
    /// Whether the names of all members are to be dropped.
    pub(super) drops_name: bool,
}

/// See the head of this file.
pub(super) struct Fold<'f> {
    grouping: &'f Grouping,
    places: HashMap<Labels, usize>,
    labels: Vec<Arc<Labels>>,
    /// By key.
    of_keys: Vec<usize>,
    groups: Box<dyn Groups>,
    n_members: usize,
}

/// The fold of an aggregation; `None` if it picks elements or counts values.
pub(super) fn fold_of(node: &Aggregate) -> Option<Fold<'_>> {
    let groups: Box<dyn Groups> = match node.op {
        AggregateOp::Sum => Box::new(Vec::<Group<Sum>>::new()),
        AggregateOp::Avg => Box::new(Vec::<Group<Avg>>::new()),
        AggregateOp::Min => Box::new(Vec::<Group<Extreme<false>>>::new()),
        AggregateOp::Max => Box::new(Vec::<Group<Extreme<true>>>::new()),
        AggregateOp::Count => Box::new(Vec::<Group<Count<false>>>::new()),
        AggregateOp::Group => Box::new(Vec::<Group<Count<true>>>::new()),
        AggregateOp::Stddev => Box::new(Vec::<Group<Variance<true>>>::new()),
        AggregateOp::Stdvar => Box::new(Vec::<Group<Variance<false>>>::new()),
        AggregateOp::Quantile => Box::new(Vec::<Group<Members>>::new()),
        _ => return None,
    };
    Some(Fold {
        grouping: &node.grouping,
        places: HashMap::new(),
        labels: Vec::new(),
        of_keys: Vec::new(),
        groups,
        n_members: 0,
    })
}

impl Fold<'_> {
    /// The group of a label set, added if it is new.
    fn group_of(&mut self, labels: &Labels) -> usize {
        let key = group_labels(self.grouping, labels);
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.labels.len();
        self.labels.push(Arc::new(key.clone()));
        self.places.insert(key, place);
        self.groups.push();
        place
    }

    /// Takes rows of numbers.
    pub(super) fn add_rows(
        &mut self,
        rows: &[Row],
        steps: &Steps,
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        let mut values = Vec::new();
        for row in rows {
            budget.check_stop()?;
            let Some(first) = row.points.first() else { continue };
            let first = steps.place(first.t_ms);
            values.clear();
            for point in &row.points {
                let passed_ms = point.t_ms.wrapping_sub(steps.start_ms) as u64;
                let place = (passed_ms / steps.step_ms as u64) as usize;
                values.resize(place - first, ABSENT);
                values.push(point.value.float().unwrap_or(ABSENT));
            }
            let group = self.group_of(&row.labels);
            self.add(group, first, &values, budget)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        group: usize,
        first: usize,
        values: &[f64],
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        let needs = self.groups.needs(group, first, values);
        if needs != Held::default() {
            budget.take(needs)?;
        }
        self.groups.add(group, (first, self.n_members), values);
        self.n_members += 1;
        Ok(())
    }

    /// The rows of the groups that have members.
    ///
    /// # Errors
    /// The query should stop.
    pub(super) fn into_rows(
        self,
        folded: &Folded<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.groups.rows(folded, budget)?;
        rows.sort_unstable_by_key(|(met, _, _)| *met);
        let row = |(_, group, points): (Met, usize, Vec<Point>)| Row {
            labels: self.labels[group].clone(),
            drops_name: folded.drops_name,
            points,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

impl Sink for Fold<'_> {
    fn key(&mut self, labels: &Arc<Labels>) -> Result<(), QueryError> {
        let group = self.group_of(labels);
        self.of_keys.push(group);
        Ok(())
    }

    fn numbers(
        &mut self,
        key: usize,
        (first, values): (usize, &[f64]),
        _t_ms: &[i64],
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        self.add(self.of_keys[key], first, values, budget)
    }

    fn points(
        &mut self,
        _key: usize,
        _points: Vec<Point>,
        _budget: &mut Budget,
    ) -> Result<bool, QueryError> {
        Ok(false)
    }
}

/// At which step a group is met first, and by which member.
type Met = (usize, usize);

/// One group.
struct Group<C> {
    met: Met,
    /// The step of the first cell.
    first: usize,
    cells: Vec<C>,
}

impl<C> Group<C> {
    /// By how many cells it grows for members at these steps: before and after those it has.
    fn growth(&self, first: usize, n: usize) -> (usize, usize) {
        if self.cells.is_empty() {
            return (0, n);
        }
        let end = self.first + self.cells.len();
        (self.first.saturating_sub(first), (first + n).saturating_sub(end))
    }
}

/// All groups of a fold, whatever it computes.
trait Groups {
    /// Adds a group without members.
    fn push(&mut self);

    /// What the members of a series at consecutive steps take.
    fn needs(&self, group: usize, first: usize, values: &[f64]) -> Held;

    /// Takes the members of a series, the first of which is there, at consecutive steps.
    fn add(&mut self, group: usize, met: Met, values: &[f64]);

    /// Where each group that has members was met, its number, and its points.
    ///
    /// # Errors
    /// The query should stop.
    fn rows(
        &self,
        folded: &Folded<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<(Met, usize, Vec<Point>)>, QueryError>;
}

impl<C: Cell> Groups for Vec<Group<C>> {
    fn push(&mut self) {
        self.push(Group { met: (usize::MAX, 0), first: 0, cells: Vec::new() });
    }

    fn needs(&self, group: usize, first: usize, values: &[f64]) -> Held {
        let (before, after) = self[group].growth(first, values.len());
        let n = before + after;
        // What a cell keeps beside itself is a number a member, if anything.
        let n_beside = if std::mem::needs_drop::<C>() { values.len() } else { 0 };
        let n_bytes = n * size_of::<C>() + n_beside * size_of::<f64>();
        Held { n_samples: n + n_beside, n_series: 0, n_bytes }
    }

    fn add(&mut self, group: usize, met: Met, values: &[f64]) {
        let group = &mut self[group];
        let (first, _) = met;
        let (before, after) = group.growth(first, values.len());
        if before > 0 {
            group.cells.splice(0..0, std::iter::repeat_n(C::EMPTY, before));
        }
        group.cells.resize(group.cells.len() + after, C::EMPTY);
        if group.met.0 == usize::MAX {
            group.first = first;
        }
        group.first = group.first.min(first);
        group.met = group.met.min(met);
        let start = first - group.first;
        C::add_all(&mut group.cells[start..start + values.len()], values);
    }

    fn rows(
        &self,
        folded: &Folded<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<(Met, usize, Vec<Point>)>, QueryError> {
        let groups = self.iter().enumerate().filter(|(_, group)| !group.cells.is_empty());
        let mut rows = Vec::new();
        for (number, group) in groups {
            let mut points = Vec::with_capacity(group.cells.len());
            for (cell, step) in group.cells.iter().zip(group.first..) {
                budget.work(cell.work())?;
                if !cell.is_empty() {
                    let param = folded.param.get(step).copied().unwrap_or(f64::NAN);
                    let value = Value::Float(cell.value(param));
                    points.push(Point { t_ms: folded.steps.at(step), value });
                }
            }
            rows.push((group.met, number, points));
        }
        Ok(rows)
    }
}
