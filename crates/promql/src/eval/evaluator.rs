//! Evaluator: walks down the tree; each node becomes rows over the steps it is asked for.

use storage::Querier;

use super::annotations::Remarks;
use super::answer::{Point, QueryError, SampleStats, Value};
use super::budget::{Budget, Held};
use super::engine::Options;
use super::native::Native;
use super::native_totals::Need;
use super::row::{Evaluated, Row};
use super::steps::Steps;
use super::tiers::History;
use super::{binary, labels};
use crate::ast::{At, Binary, Expr, Unary};
use crate::{QueryTimes, Sign, Span, Text};

/// The times of the whole query, which subqueries see too.
#[derive(Debug, Clone, Copy)]
pub(super) struct WholeQuery {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) times: QueryTimes,
}

/// One query on its way.
pub(super) struct Evaluator<'q> {
    pub(super) querier: &'q dyn Querier,
    pub(super) options: &'q Options,
    pub(super) whole: WholeQuery,
    pub(super) budget: Budget,
    pub(super) remarks: Remarks,
    /// What is asked for of the histograms below the node that is evaluated.
    pub(super) need: Need,
    /// What is left of samples that are gone.
    pub(super) history: History,
    /// Samples that were read.
    pub(super) n_read: u64,
    /// Samples that all steps looked at.
    pub(super) n_queryable: u64,
}

impl<'q> Evaluator<'q> {
    pub(super) fn new(querier: &'q dyn Querier, options: &'q Options, whole: WholeQuery) -> Self {
        let budget = Budget::new(options);
        Self {
            querier,
            options,
            whole,
            budget,
            remarks: Remarks::default(),
            need: Need::default(),
            history: History::of(querier, options),
            n_read: 0,
            n_queryable: 0,
        }
    }

    /// How many samples it took until now.
    pub(super) fn sample_stats(&self) -> SampleStats {
        let n_peak = self.budget.n_samples_peak() as u64;
        SampleStats { n_queryable: self.n_queryable, n_read: self.n_read, n_peak }
    }

    /// The value of an expression at these steps.
    pub(super) fn eval(&mut self, expr: &Expr, steps: &Steps) -> Result<Evaluated, QueryError> {
        let (before, need) = (self.budget.held(), self.need);
        if let Expr::Call(node) = expr {
            self.need = need.within(node);
        }
        let value = match steps.n() > 1 && !is_of_time(expr) {
            true => self.once(expr, steps)?,
            false => match self.in_parts(expr, steps)? {
                Some(value) => value,
                None => self.node(expr, steps)?,
            },
        };
        // What the node needed on its way to the value is free again.
        self.budget.set_held(before.plus(value.held()));
        self.need = need;
        Ok(value)
    }

    fn node(&mut self, expr: &Expr, steps: &Steps) -> Result<Evaluated, QueryError> {
        if let Some(rows) = self.tier_rows(expr, steps)? {
            return Ok(Evaluated::Rows(rows));
        }
        if let Some(rows) = self.fused(expr, steps)? {
            return Ok(Evaluated::Rows(rows));
        }
        match expr {
            Expr::Aggregate(node) => self.aggregate(node, steps).map(Evaluated::Rows),
            Expr::Binary(node) => self.chain(node, steps),
            Expr::Call(node) => self.call(node, steps),
            Expr::Number(node) => self.constant(node.value, steps),
            Expr::Paren(node) => self.eval(&node.expr, steps),
            Expr::Text(node) => Ok(Evaluated::Text(node.value.clone())),
            Expr::Unary(node) => self.unary(node, steps),
            Expr::Vector(node) => self.vector_selector(node, steps).map(Evaluated::Rows),
            // The type checker lets range vectors stand only where functions take them.
            Expr::Matrix(_) | Expr::Subquery(_) => {
                unreachable!("a range vector is evaluated by who asks for it")
            }
        }
    }

    /// What does not depend on the time of evaluation is evaluated once and repeated.
    fn once(&mut self, expr: &Expr, steps: &Steps) -> Result<Evaluated, QueryError> {
        let n = steps.n();
        let n_queryable = self.n_queryable;
        let value = self.eval(expr, &Steps::one(steps.start_ms))?;
        // Each step looks at what was looked at once.
        let n_once = self.n_queryable - n_queryable;
        self.n_queryable = n_queryable.saturating_add(n_once.saturating_mul(n as u64));
        match value {
            Evaluated::Scalars(values) => {
                self.constant(values.first().copied().unwrap_or(f64::NAN), steps)
            }
            Evaluated::Text(text) => Ok(Evaluated::Text(text)),
            Evaluated::Rows(mut rows) => {
                for row in &mut rows {
                    self.budget.take(Held {
                        n_samples: n,
                        n_series: 0,
                        n_bytes: n.saturating_mul(size_of::<Point>()),
                    })?;
                    let Some(point) = row.points.pop() else { continue };
                    row.points.reserve_exact(n);
                    for t_ms in steps.times() {
                        self.budget.work(1)?;
                        row.points.push(Point { t_ms, value: point.value.clone() });
                    }
                }
                Ok(Evaluated::Rows(rows))
            }
        }
    }

    /// The same number at each step.
    pub(super) fn constant(&mut self, value: f64, steps: &Steps) -> Result<Evaluated, QueryError> {
        self.take_scalars(steps)?;
        Ok(Evaluated::Scalars(vec![value; steps.n()]))
    }

    /// Asks for a number at each step.
    pub(super) fn take_scalars(&mut self, steps: &Steps) -> Result<(), QueryError> {
        let n_samples = steps.n();
        let n_bytes = n_samples.saturating_mul(size_of::<f64>());
        self.budget.take(Held { n_samples, n_series: 0, n_bytes })
    }

    /// Operators that follow one another lean to the left: the leftmost side comes first, then one
    /// operator after the other, without recursion.
    fn chain(&mut self, node: &Binary, steps: &Steps) -> Result<Evaluated, QueryError> {
        let mut operators = vec![node];
        let mut leftmost = &node.lhs;
        while let Expr::Binary(inner) = leftmost {
            operators.push(inner);
            leftmost = &inner.lhs;
        }
        // Whatever stands below an operator that trims needs buckets.
        let need = self.need;
        let outermost = operators.iter().position(|operator| binary::is_trim(operator));
        let below = |depth: usize| match outermost {
            Some(place) if place < depth => need.with_buckets(),
            _ => need,
        };
        self.need = below(operators.len());
        let mut value = self.eval(leftmost, steps)?;
        while let Some(operator) = operators.pop() {
            self.need = below(operators.len() + 1);
            let rhs = self.eval(&operator.rhs, steps)?;
            value = binary::apply(self, operator, (value, rhs), steps)?;
        }
        self.need = need;
        Ok(value)
    }

    fn unary(&mut self, node: &Unary, steps: &Steps) -> Result<Evaluated, QueryError> {
        let value = self.eval(&node.expr, steps)?;
        if node.op == Sign::Plus {
            return Ok(value);
        }
        Ok(match value {
            Evaluated::Scalars(values) => {
                Evaluated::Scalars(values.into_iter().map(|value| -value).collect())
            }
            Evaluated::Text(text) => Evaluated::Text(text),
            Evaluated::Rows(mut rows) => {
                for row in &mut rows {
                    row.drops_name = true;
                    for point in &mut row.points {
                        self.budget.work(point.value.work())?;
                        point.value = negated(&point.value);
                    }
                }
                Evaluated::Rows(rows)
            }
        })
    }

    /// An instant vector at each step; a scalar is one without labels.
    pub(super) fn eval_as_rows(
        &mut self,
        expr: &Expr,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        match self.eval(expr, steps)? {
            Evaluated::Rows(rows) => Ok(rows),
            Evaluated::Scalars(values) => Ok(vec![self.row_of(&values, steps)?]),
            Evaluated::Text(_) => Ok(Vec::new()),
        }
    }

    /// A row without labels that has these values, which are counted already.
    pub(super) fn row_of(&mut self, values: &[f64], steps: &Steps) -> Result<Row, QueryError> {
        let n_bytes = values.len().saturating_mul(size_of::<Point>());
        self.budget.take(Held { n_bytes, ..Held::default() })?;
        let mut points = Vec::with_capacity(values.len());
        for (t_ms, value) in steps.times().zip(values) {
            self.budget.work(1)?;
            points.push(Point { t_ms, value: Value::Float(*value) });
        }
        Ok(Row { labels: labels::none(), drops_name: false, points })
    }

    /// A number at each step of an expression that is a scalar.
    pub(super) fn scalars(&mut self, expr: &Expr, steps: &Steps) -> Result<Vec<f64>, QueryError> {
        match self.eval(expr, steps)? {
            Evaluated::Scalars(values) => Ok(values),
            _ => unreachable!("the type checker asked for a scalar"),
        }
    }

    /// The time behind `@`, in Unix milliseconds.
    pub(super) fn at_ms(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Time { ms } => ms,
            At::Start => self.whole.start_ms,
            At::End => self.whole.end_ms,
        })
    }
}

fn negated(value: &Value) -> Value {
    match value {
        Value::Float(value) => Value::Float(-value),
        Value::Histogram(histogram) => {
            Value::Histogram(Native::from(&**histogram).times(-1.0).into_histogram())
        }
    }
}

/// An argument without the parentheses around it.
pub(super) fn args_alone(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(node) = expr {
        expr = &node.expr;
    }
    expr
}

/// Where an argument stands: within the parentheses around it, which vanish before it is evaluated.
pub(super) fn arg_span(expr: &Expr) -> Span {
    args_alone(expr).span()
}

/// An argument that is a text.
pub(super) fn text_of(expr: &Expr) -> &Text {
    match args_alone(expr) {
        Expr::Text(node) => &node.value,
        _ => unreachable!("the type checker asked for a text"),
    }
}

/// Functions whose value depends on the time of evaluation, whatever their arguments are.
const OF_TIME: [&str; 11] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// Whether the value may change with the time of evaluation.
fn is_of_time(expr: &Expr) -> bool {
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        match expr {
            Expr::Vector(node) if node.at.is_none() => return true,
            Expr::Matrix(node) if node.selector.at.is_none() => return true,
            Expr::Subquery(node) if node.at.is_none() => return true,
            // Fixed, whatever stands within.
            Expr::Subquery(_) => {}
            Expr::Call(node) if OF_TIME.contains(&node.function.name) => return true,
            // The second argument selects labels, and its time is that of the first.
            Expr::Call(node) if node.function.name == "info" => waiting.extend(&node.args[..1]),
            _ => waiting.extend(expr.children()),
        }
    }
    false
}
