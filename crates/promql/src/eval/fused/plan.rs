//! Plan: which expressions can be evaluated series by series, and in which stages.

use storage::{Scan, Select, WantedLabels};

use super::super::answer::QueryError;
use super::super::binary_op::floats;
use super::super::evaluator::{Evaluator, args_alone};
use super::super::instant::{greater, lesser, math, rounded};
use super::super::over_time::{Form, RangeArgs, form};
use super::super::steps::Steps;
use super::super::window::RangeVector;
use super::{ABSENT, is_absent};
use crate::ast::{Binary, Call, Expr, MatrixSelector, VectorSelector};
use crate::{BinaryOp, Sign, ValueType};

/// What a sink wants of series.
pub(super) struct Wanted {
    /// Which labels.
    pub(super) labels: WantedLabels,
    /// Whether any order will do.
    pub(super) any_order: bool,
}

/// An expression that is evaluated series by series.
pub(super) struct Stream<'e> {
    pub(super) source: Source<'e>,
    pub(super) stages: Vec<Stage>,
    /// Whether the names of all its rows are dropped at the very end.
    pub(super) drops_name: bool,
}

/// Where the numbers come from: a selector, or a function of its windows.
pub(super) struct Source<'e> {
    /// How windows are cut, without series. Of a selector by itself they are as long as samples
    /// live.
    pub(super) range: RangeVector,
    pub(super) select: Select,
    /// Absent of a selector by itself.
    pub(super) over: Option<Over<'e>>,
}

/// A function of windows.
pub(super) struct Over<'e> {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) params: Vec<Vec<f64>>,
    pub(super) args: RangeArgs<'e>,
}

/// What is computed of the numbers of a series from a step on, each by itself; false if that makes
/// one that stands for none.
pub(super) type Stage = Box<dyn Fn(usize, &mut [f64]) -> bool>;

impl Stream<'_> {
    /// Whether there may be doubts that name the metric.
    pub(super) fn tells_names(&self) -> bool {
        self.source.over.is_some()
    }

    /// What is to be read of a store.
    pub(super) fn scan(&self, steps: &Steps, wanted: Wanted) -> Scan {
        let newest_only = self.source.over.is_none() && steps.n() == 1;
        let Wanted { labels, any_order } = wanted;
        Scan { select: self.source.select.clone(), labels, newest_only, any_order }
    }
}

/// What stands at the end of a chain of stages.
enum Leaf<'e> {
    Instant(&'e VectorSelector),
    Range(&'e Call, &'e MatrixSelector),
}

/// The stages of an expression, the last one first, and what they begin with.
fn shape(expr: &Expr) -> Option<(Vec<&Expr>, Leaf<'_>)> {
    let (mut stages, mut expr) = (Vec::new(), expr);
    loop {
        let inner = match expr {
            Expr::Vector(node) if node.extension.is_none() => {
                return Some((stages, Leaf::Instant(node)));
            }
            Expr::Paren(node) => {
                expr = &node.expr;
                continue;
            }
            Expr::Unary(node) => &node.expr,
            Expr::Binary(node) => vector_side(node)?,
            Expr::Call(node) => match windowed(node) {
                Some(selector) => return Some((stages, Leaf::Range(node, selector))),
                None => mapped(node)?,
            },
            _ => return None,
        };
        stages.push(expr);
        expr = inner;
    }
}

/// The range vector of a function of windows, if it is a plain selector.
fn windowed(node: &Call) -> Option<&MatrixSelector> {
    form(node.function.name)?;
    let at = (0..node.args.len()).find(|at| node.function.arg_type(*at) == Some(ValueType::Matrix));
    match args_alone(&node.args[at?]) {
        Expr::Matrix(selector) if selector.selector.extension.is_none() => Some(selector),
        _ => None,
    }
}

/// The vector of a function of each number.
fn mapped(node: &Call) -> Option<&Expr> {
    let is_known = math(node.function.name).is_some()
        || matches!(node.function.name, "clamp" | "clamp_max" | "clamp_min" | "round");
    is_known.then(|| &node.args[0])
}

/// The vector of an operator whose other side is a scalar.
fn vector_side(node: &Binary) -> Option<&Expr> {
    let is_trim = matches!(node.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
    if node.matching.is_some() || is_trim {
        return None;
    }
    match (node.lhs.value_type(), node.rhs.value_type()) {
        (ValueType::Vector, ValueType::Scalar) => Some(&node.lhs),
        (ValueType::Scalar, ValueType::Vector) => Some(&node.rhs),
        _ => None,
    }
}

impl Evaluator<'_> {
    /// The stream of an expression; `None` if it is none.
    pub(super) fn stream<'e>(
        &mut self,
        expr: &'e Expr,
        steps: &Steps,
    ) -> Result<Option<Stream<'e>>, QueryError> {
        let Some((nodes, leaf)) = shape(expr) else { return Ok(None) };
        let is_of_tier = match &leaf {
            Leaf::Instant(node) => self.is_selector_of_tier(node, steps)?,
            Leaf::Range(call, _) => self.is_call_of_tier(call, steps)?,
        };
        if is_of_tier {
            return Ok(None);
        }
        let (source, keeps_name) = match leaf {
            Leaf::Instant(node) => (self.instant_source(node, steps)?, true),
            Leaf::Range(call, selector) => {
                let keeps_name = matches!(call.function.name, "first_over_time" | "last_over_time");
                (self.range_source(call, selector, steps)?, keeps_name)
            }
        };
        let mut stream = Stream { source, stages: Vec::new(), drops_name: !keeps_name };
        for node in nodes.into_iter().rev() {
            let (stage, drops_name) = self.stage(node, steps)?;
            stream.stages.extend(stage);
            stream.drops_name |= drops_name;
        }
        Ok(Some(stream))
    }

    fn instant_source<'e>(
        &mut self,
        node: &'e VectorSelector,
        steps: &Steps,
    ) -> Result<Source<'e>, QueryError> {
        let lookback_ms = self.options.lookback_ms;
        let range = RangeVector {
            series: Vec::new(),
            reference: self.reference(node)?,
            range_ms: lookback_ms,
            extension: None,
            lookback_ms,
        };
        Ok(Source { select: selected(&range, node, steps), range, over: None })
    }

    fn range_source<'e>(
        &mut self,
        call: &'e Call,
        node: &MatrixSelector,
        steps: &Steps,
    ) -> Result<Source<'e>, QueryError> {
        let (mut params, mut of_range) = (Vec::new(), &call.args[0]);
        for (place, arg) in call.args.iter().enumerate() {
            match call.function.arg_type(place) {
                Some(ValueType::Matrix) => of_range = arg,
                _ => params.push(self.scalars(arg, steps)?),
            }
        }
        let range = RangeVector {
            series: Vec::new(),
            reference: self.reference(&node.selector)?,
            range_ms: node.range.positive_ms(self.whole.times)?,
            extension: None,
            lookback_ms: self.options.lookback_ms,
        };
        let name = call.function.name;
        let Some(form) = form(name) else { unreachable!("it was looked for before") };
        let args = RangeArgs { range: of_range, first: &call.args[0] };
        let over = Some(Over { name, form, params, args });
        Ok(Source { select: selected(&range, &node.selector, steps), range, over })
    }

    /// What a node does with each number, and whether it drops names.
    fn stage(&mut self, node: &Expr, steps: &Steps) -> Result<(Option<Stage>, bool), QueryError> {
        match node {
            Expr::Unary(node) if node.op == Sign::Plus => Ok((None, false)),
            Expr::Unary(_) => Ok((Some(of_each(|value| -value)), true)),
            Expr::Binary(node) => self.with_scalar(node, steps).map(|(s, drops)| (Some(s), drops)),
            Expr::Call(node) => self.mapping(node, steps).map(|stage| (Some(stage), true)),
            _ => unreachable!("only these are stages"),
        }
    }

    fn with_scalar(&mut self, node: &Binary, steps: &Steps) -> Result<(Stage, bool), QueryError> {
        let is_left = node.lhs.value_type() == ValueType::Scalar;
        let of_steps = self.scalars(if is_left { &node.lhs } else { &node.rhs }, steps)?;
        let (op, returns_bool) = (node.op, node.returns_bool);
        let is_filter = op.is_comparison() && !returns_bool;
        let outcome = move |value: f64, scalar: f64| {
            let (lhs, rhs) = if is_left { (scalar, value) } else { (value, scalar) };
            match floats(op, lhs, rhs) {
                (_, holds) if returns_bool => f64::from(u8::from(holds)),
                (_, holds) if is_filter => {
                    if holds {
                        value
                    } else {
                        ABSENT
                    }
                }
                (value, _) => value,
            }
        };
        let stage: Stage = Box::new(move |first, values| {
            for (value, scalar) in values.iter_mut().zip(&of_steps[first..]) {
                if !is_absent(*value) {
                    *value = outcome(*value, *scalar);
                }
            }
            true
        });
        Ok((stage, !is_filter))
    }

    fn mapping(&mut self, node: &Call, steps: &Steps) -> Result<Stage, QueryError> {
        if let Some(function) = math(node.function.name) {
            return Ok(of_each(function));
        }
        let mut bounds = Vec::new();
        for arg in &node.args[1..] {
            bounds.push(self.scalars(arg, steps)?);
        }
        let bound = |at: usize| bounds.get(at).cloned();
        let first = bound(0).unwrap_or_else(|| vec![1.0; steps.n()]);
        Ok(match (node.function.name, bound(1)) {
            ("clamp_max", _) => of_pairs(first, lesser),
            ("clamp_min", _) => of_pairs(first, greater),
            ("clamp", Some(max)) => clamp(first, max),
            _ => of_pairs(first, |nearest, value| rounded(value, nearest)),
        })
    }
}

/// A function of each number.
fn of_each(function: impl Fn(f64) -> f64 + 'static) -> Stage {
    Box::new(move |_, values| {
        let mut is_good = true;
        for value in values.iter_mut().filter(|value| !is_absent(**value)) {
            *value = function(*value);
            is_good &= !is_absent(*value);
        }
        is_good
    })
}

/// A function of a number at each step and each number.
fn of_pairs(of_steps: Vec<f64>, function: impl Fn(f64, f64) -> f64 + 'static) -> Stage {
    Box::new(move |first, values| {
        for (value, of_step) in values.iter_mut().zip(&of_steps[first..]) {
            if !is_absent(*value) {
                *value = function(*of_step, *value);
            }
        }
        true
    })
}

fn clamp(min: Vec<f64>, max: Vec<f64>) -> Stage {
    Box::new(move |first, values| {
        for (value, (min, max)) in values.iter_mut().zip(min[first..].iter().zip(&max[first..])) {
            // Nothing lies between bounds that are the wrong way round.
            let is_range = max >= min || max.is_nan() || min.is_nan();
            if !is_absent(*value) {
                *value = if is_range { greater(*min, lesser(*max, *value)) } else { ABSENT };
            }
        }
        true
    })
}

/// What the windows of all steps need.
fn selected(range: &RangeVector, node: &VectorSelector, steps: &Steps) -> Select {
    let (open_ms, _) = range.read_ms(steps.start_ms);
    let (_, end_ms) = range.read_ms(steps.last_ms());
    Select::both(node.matchers.clone(), open_ms.saturating_add(1), end_ms)
}
