//! Fused evaluation: what is computed of each series by itself, and what is added up over all of
//! them, in one pass over columns of samples.
//!
//! ```text
//! tree --plan--> stream: source, stages
//! store --scan--> columns --bounds--> windows --kernels--> a number a step --stages--> sink
//!                                                                      sink: rows, or a fold
//! ```
//!
//! It makes what the plain evaluation makes, to the bit: the same operations in the same order,
//! but of one series at a time and without keeping its samples. Whatever it has no kernel for runs
//! through the plain functions, series by series; whatever cannot be seen so (histograms in an
//! aggregation, operators between vectors) is left to the plain evaluation of that node alone.

mod bounds;
mod cells;
mod change;
mod columns;
mod fold;
pub(super) mod join;
mod kernel;
mod plan;
mod sink;
mod stream;

use model::{METRIC_NAME, STALE_MARKER_BITS, is_stale_marker};
use storage::WantedLabels;

use super::answer::QueryError;
use super::evaluator::Evaluator;
use super::row::Row;
use super::steps::Steps;
use crate::AggregateOp;
use crate::ast::{Aggregate, Expr, Grouping};
use fold::{Folded, fold_of};
use plan::{Stream, Wanted};
use sink::RowSink;
use stream::Outcome;

/// In place of a number where there is none. No function gives it: arithmetic makes other bits of
/// it, and samples that have it are no values.
const ABSENT: f64 = f64::from_bits(STALE_MARKER_BITS);

fn is_absent(value: f64) -> bool {
    is_stale_marker(value)
}

/// More steps at once are left to the plain evaluation, which keeps nothing for each of them.
const STEPS_MAX: usize = 1 << 20;

impl Evaluator<'_> {
    /// The rows of an expression; `None` if it is none that can be evaluated series by series.
    pub(super) fn fused(
        &mut self,
        expr: &Expr,
        steps: &Steps,
    ) -> Result<Option<Vec<Row>>, QueryError> {
        if !self.may_fuse(steps) {
            return Ok(None);
        }
        let Some(stream) = self.stream(expr, steps)? else { return Ok(None) };
        let mut sink = RowSink::new(stream.drops_name);
        let wanted = Wanted { labels: WantedLabels::All, any_order: false };
        let is_done = self.run(&stream, steps, wanted, &mut sink)?;
        Ok(is_done.then(|| sink.into_rows()))
    }

    /// The rows of an aggregation that makes one number of many; `None` if its elements are none
    /// that can be evaluated series by series, or are histograms.
    pub(super) fn fused_fold(
        &mut self,
        node: &Aggregate,
        param: &[f64],
        steps: &Steps,
    ) -> Result<Option<Vec<Row>>, QueryError> {
        if !self.may_fuse(steps) {
            return Ok(None);
        }
        let Some(stream) = self.stream(&node.expr, steps)? else { return Ok(None) };
        let Some(mut fold) = fold_of(node) else { return Ok(None) };
        let wanted = wanted(node, stream.tells_names());
        let is_done = self.run(&stream, steps, wanted, &mut fold)?;
        if !is_done {
            return Ok(None);
        }
        let folded = Folded { param, steps, drops_name: stream.drops_name };
        fold.into_rows(&folded, &mut self.budget).map(Some)
    }

    /// The same of rows that are there; `None` if there are histograms among them, or they differ
    /// in whether their names are dropped.
    pub(super) fn fold_rows(
        &mut self,
        node: &Aggregate,
        param: &[f64],
        rows: &[Row],
        steps: &Steps,
    ) -> Result<Option<Vec<Row>>, QueryError> {
        if !self.may_fuse(steps) {
            return Ok(None);
        }
        let drops_name = rows.first().is_some_and(|row| row.drops_name);
        let is_float = |row: &Row| row.points.iter().all(|point| point.value.float().is_some());
        for row in rows {
            self.budget.work(1 + row.points.len())?;
            if row.drops_name != drops_name || !is_float(row) {
                return Ok(None);
            }
        }
        let Some(mut fold) = fold_of(node) else { return Ok(None) };
        fold.add_rows(rows, steps, &mut self.budget)?;
        fold.into_rows(&Folded { param, steps, drops_name }, &mut self.budget).map(Some)
    }

    fn may_fuse(&self, steps: &Steps) -> bool {
        !self.options.is_plain && (1..=STEPS_MAX).contains(&steps.n())
    }

    /// Runs a stream into a sink; false, and nothing has happened, if the sink cannot take it.
    fn run(
        &mut self,
        stream: &Stream<'_>,
        steps: &Steps,
        wanted: Wanted,
        sink: &mut dyn sink::Sink,
    ) -> Result<bool, QueryError> {
        let (held, remarks) = (self.budget.held(), self.remarks.clone());
        match stream::run(self, stream, steps, wanted, sink)? {
            Outcome::Done => Ok(true),
            Outcome::GaveUp => {
                self.budget.set_held(held);
                self.remarks = remarks;
                Ok(false)
            }
        }
    }
}

/// The labels of which those of a group are made. Doubts name the metric.
fn wanted(node: &Aggregate, tells_names: bool) -> Wanted {
    let Grouping { is_without, labels: mut names } = node.grouping.clone();
    if is_without {
        // The name is dropped from the group, but two metrics are still two keys.
        names.retain(|name| name != METRIC_NAME);
        return Wanted { labels: WantedLabels::Without(names), any_order: false };
    }
    // Only counting is the same in any order, and groups are told in the order of series.
    let counts = matches!(node.op, AggregateOp::Count | AggregateOp::Group);
    let any_order = counts && names.is_empty();
    if tells_names {
        names.push(METRIC_NAME.to_owned());
    }
    Wanted { labels: WantedLabels::Only(names), any_order }
}
