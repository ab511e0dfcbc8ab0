//! Tiers: windows that begin before the samples that are left are answered from rollups, where
//! these answer as the samples did.
//!
//! Only the leaves of a query know: a selector, and a function of a range of one. Each asks, before
//! it is evaluated in either way, whether its windows lack samples, and if so, whether a tier has
//! the answer. An expression is evaluated for the steps at which some window within it lacks samples,
//! then for all others, so that what is whole is evaluated as ever.

mod notes;
mod parts;
mod rows;

use storage::rollup::over_time::{OverTime, TierUse, Windows};
use storage::{KeptTier, Querier, Remains};

use self::notes::{Note, Notes};
use super::answer::QueryError;
use super::engine::Options;
use super::evaluator::{Evaluator, args_alone};
use super::row::Row;
use super::select::Reference;
use super::steps::Steps;
use super::{absent, over_time};
use crate::ValueType;
use crate::ast::{Call, Expr, VectorSelector};

/// What is left of samples that are gone, and what came of it for one query.
#[derive(Debug)]
pub(super) struct History {
    remains: Remains,
    pub(super) notes: Notes,
}

impl History {
    pub(super) fn of(querier: &dyn Querier, options: &Options) -> Self {
        let remains = match options.tier_use {
            TierUse::Auto => querier.remains(),
            TierUse::Raw => Remains::default(),
        };
        Self { remains, notes: Notes::default() }
    }

    /// Whether there is a time of which samples are gone.
    fn is_cut(&self) -> bool {
        self.remains.whole_from_ms > i64::MIN
    }
}

/// What is told of the windows of a leaf.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// What a function makes of it.
    Over(OverTime),
    /// The time of the newest sample, if the series has not ended.
    Timestamp,
    /// What needs the samples, by the name of the function; empty if it has none.
    Samples(&'static str),
}

/// A selector and how its windows are cut.
struct Leaf<'e> {
    selector: &'e VectorSelector,
    told: Told,
    reference: Reference,
    range_ms: i64,
    /// The function of a range and its argument.
    call: Option<(&'static str, &'e Expr)>,
}

impl Leaf<'_> {
    /// The window of a step: open on the left.
    fn window(&self, t_ms: i64) -> (i64, i64) {
        let end_ms = self.reference.of(t_ms);
        (end_ms.saturating_sub(self.range_ms), end_ms)
    }

    fn windows(&self, steps: &Steps) -> Windows {
        let (start_ms, end_ms) = match self.reference.at_ms {
            Some(at_ms) => (at_ms, at_ms),
            None => (steps.start_ms, steps.last_ms()),
        };
        let (step_ms, offset_ms) = (steps.step_ms, self.reference.offset_ms);
        Windows { start_ms, end_ms, step_ms, range_ms: self.range_ms, offset_ms }
    }
}

/// The function that rollups answer, of this name.
fn over(name: &str) -> Option<OverTime> {
    Some(match name {
        "avg_over_time" => OverTime::Avg,
        "count_over_time" => OverTime::Count,
        "delta" => OverTime::Delta,
        "first_over_time" => OverTime::First,
        "increase" => OverTime::Increase,
        "last_over_time" => OverTime::Last,
        "max_over_time" => OverTime::Max,
        "min_over_time" => OverTime::Min,
        "absent_over_time" | "present_over_time" => OverTime::Present,
        "rate" => OverTime::Rate,
        "resets" => OverTime::Resets,
        "sum_over_time" => OverTime::Sum,
        "ts_of_first_over_time" => OverTime::FirstTime,
        "ts_of_last_over_time" => OverTime::LastTime,
        _ => return None,
    })
}

impl Evaluator<'_> {
    /// The rows of a leaf, if windows of it lack samples and a tier has the answer. What is no leaf,
    /// lacks nothing or has no answer is evaluated as ever.
    pub(super) fn tier_rows(
        &mut self,
        expr: &Expr,
        steps: &Steps,
    ) -> Result<Option<Vec<Row>>, QueryError> {
        if !self.history.is_cut() {
            return Ok(None);
        }
        let Some(leaf) = self.leaf(expr)? else { return Ok(None) };
        let Some(tier) = self.tier_of(&leaf, steps) else { return Ok(None) };
        let Some(found) = self.rollup_rows(&leaf, tier, steps)? else { return Ok(None) };
        match expr {
            Expr::Call(call) if call.function.name == "absent_over_time" => {
                let since_ms = found.histograms_ms.unwrap_or(i64::MAX);
                let has_histogram = |t_ms: i64| leaf.window(t_ms).1 >= since_ms;
                let is_there: Vec<bool> = steps.times().map(has_histogram).collect();
                self.absent_of(call, (&found.rows, is_there), steps).map(Some)
            }
            _ => Ok(Some(found.rows)),
        }
    }

    /// Whether a tier will be asked for a selector by itself.
    pub(super) fn is_selector_of_tier(
        &mut self,
        node: &VectorSelector,
        steps: &Steps,
    ) -> Result<bool, QueryError> {
        if !self.history.is_cut() {
            return Ok(false);
        }
        let leaf = self.selector_leaf(node, Told::Over(OverTime::Latest))?;
        Ok(self.tier_of(&leaf, steps).is_some())
    }

    /// Whether a tier will be asked for a function.
    pub(super) fn is_call_of_tier(
        &mut self,
        node: &Call,
        steps: &Steps,
    ) -> Result<bool, QueryError> {
        if !self.history.is_cut() {
            return Ok(false);
        }
        let leaf = self.call_leaf(node)?;
        Ok(leaf.is_some_and(|leaf| self.tier_of(&leaf, steps).is_some()))
    }

    /// Notes that samples are read from this moment on, Unix milliseconds, whatever is gone of them.
    pub(super) fn note_read(&mut self, start_ms: i64) {
        if self.history.is_cut() && self.history.remains.lacks(start_ms.saturating_sub(1)) {
            self.history.notes.add_if_none();
        }
    }

    /// The tier that answers a leaf whose windows lack samples; if there is none, that is noted.
    fn tier_of(&mut self, leaf: &Leaf<'_>, steps: &Steps) -> Option<KeptTier> {
        let History { remains, notes } = &mut self.history;
        if !remains.lacks(leaf.window(steps.start_ms).0) {
            return None;
        }
        let function = match leaf.told {
            Told::Over(function) => function,
            Told::Timestamp => OverTime::LastTime,
            Told::Samples(name) => {
                notes.add(Note::NeedsSamples { name });
                return None;
            }
        };
        let chosen = remains.choose(function, &leaf.windows(steps)).map(|(tier, _)| tier);
        if chosen.is_none() {
            let is_plain = leaf.call.is_none();
            notes.add(Note::OffGrid { lookback_ms: is_plain.then_some(leaf.range_ms) });
        }
        chosen
    }

    fn leaf<'e>(&self, expr: &'e Expr) -> Result<Option<Leaf<'e>>, QueryError> {
        match expr {
            Expr::Vector(node) => self.selector_leaf(node, Told::Over(OverTime::Latest)).map(Some),
            Expr::Call(node) => self.call_leaf(node),
            _ => Ok(None),
        }
    }

    fn selector_leaf<'e>(
        &self,
        node: &'e VectorSelector,
        told: Told,
    ) -> Result<Leaf<'e>, QueryError> {
        Ok(Leaf {
            selector: node,
            told: if node.extension.is_none() { told } else { Told::Samples("") },
            reference: self.reference(node)?,
            range_ms: self.options.lookback_ms,
            call: None,
        })
    }

    /// A function of a range of a selector, or `timestamp` of one.
    fn call_leaf<'e>(&self, node: &'e Call) -> Result<Option<Leaf<'e>>, QueryError> {
        let name = node.function.name;
        if let ("timestamp", Some(Expr::Vector(selector))) =
            (name, node.args.first().map(args_alone))
        {
            return self.selector_leaf(selector, Told::Timestamp).map(Some);
        }
        if name != "absent_over_time" && over_time::form(name).is_none() {
            return Ok(None);
        }
        let is_range = |at: &usize| node.function.arg_type(*at) == Some(ValueType::Matrix);
        let Some(at) = (0..node.args.len()).find(is_range) else { return Ok(None) };
        let arg = &node.args[at];
        let Expr::Matrix(matrix) = args_alone(arg) else { return Ok(None) };
        let told = match over(name) {
            Some(function) if matrix.selector.extension.is_none() => Told::Over(function),
            _ => Told::Samples(name),
        };
        Ok(Some(Leaf {
            selector: &matrix.selector,
            told,
            reference: self.reference(&matrix.selector)?,
            range_ms: matrix.range.positive_ms(self.whole.times)?,
            call: Some((name, arg)),
        }))
    }

    /// What `absent_over_time` makes of the windows in which something is: a number of some row, or
    /// what is known to be there otherwise.
    fn absent_of(
        &mut self,
        node: &Call,
        (rows, mut is_there): (&[Row], Vec<bool>),
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        for row in rows {
            self.budget.work(1 + row.points.len())?;
            for point in &row.points {
                is_there[steps.place(point.t_ms)] = true;
            }
        }
        self.take_points(steps.n())?;
        Ok(absent::rows(args_alone(&node.args[0]), &is_there, steps))
    }
}
