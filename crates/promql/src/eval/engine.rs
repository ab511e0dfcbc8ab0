//! Engine: queries in, answers out.

use std::sync::Arc;

use storage::Querier;
use storage::rollup::over_time::TierUse;

use super::answer::{Answer, Point, QueryError, QueryValue, SeriesPoints, SeriesValue, Value};
use super::budget::{Budget, LABELS_WORK, StopCheck};
use super::collect::Collector;
use super::evaluator::{Evaluator, WholeQuery, args_alone};
use super::labels::{text, without_metadata};
use super::paced;
use super::row::{Evaluated, Row};
use super::steps::Steps;
use super::window::RangeVector;
use crate::ast::Expr;
use crate::{QueryTimes, ValueType, parse};

/// How to evaluate.
#[derive(Debug, Clone)]
pub struct Options {
    /// How old a sample may be and still be the value of its series, in milliseconds.
    pub lookback_ms: i64,
    /// Milliseconds between the evaluations of a subquery that names no step.
    pub subquery_step_ms: i64,
    /// How many samples a query may hold at once.
    pub samples_max: usize,
    /// How many series a query may hold at once.
    pub series_max: usize,
    /// How many bytes a query may hold at once, about.
    pub bytes_max: usize,
    /// When to give up.
    pub stop: StopCheck,
    /// Whether to evaluate step by step alone, and keep all samples: what the fast evaluation is
    /// compared with. The values are the same.
    pub is_plain: bool,
    /// Whether rollups answer where samples are gone.
    pub tier_use: TierUse,
}

/// As Prometheus has it: 5 minutes back, subqueries by the minute, 50 million samples.
impl Default for Options {
    fn default() -> Self {
        Self {
            lookback_ms: 5 * 60_000,
            subquery_step_ms: 60_000,
            samples_max: 50_000_000,
            series_max: 5_000_000,
            bytes_max: 4 << 30,
            stop: StopCheck::never(),
            is_plain: false,
            tier_use: TierUse::Auto,
        }
    }
}

/// Evaluates queries over stored series. Made for a query or for many; making one costs nothing.
#[derive(Clone)]
pub struct Engine {
    querier: Arc<dyn Querier>,
    options: Options,
}

impl Engine {
    /// Evaluates over what this querier reads.
    pub fn new(querier: Arc<dyn Querier>, options: Options) -> Self {
        Self { querier, options }
    }

    /// The value of a query at a time in Unix milliseconds.
    ///
    /// # Errors
    /// The text is no query, the data do not fit it, or it takes more than the options allow.
    pub fn instant(&self, query: &str, t_ms: i64) -> Result<Answer, QueryError> {
        let expr = parse(query)?;
        let whole = WholeQuery { start_ms: t_ms, end_ms: t_ms, times: QueryTimes::default() };
        let mut evaluator = Evaluator::new(&*self.querier, &self.options, whole);
        let steps = Steps::one(t_ms);
        let value = match expr.value_type() {
            ValueType::Matrix => matrix(&mut evaluator, &expr, &steps)?,
            _ => match evaluator.eval(&expr, &steps)? {
                Evaluated::Scalars(values) => {
                    QueryValue::Scalar { t_ms, value: values.first().copied().unwrap_or(f64::NAN) }
                }
                Evaluated::Text(text) => QueryValue::Text { t_ms, text },
                Evaluated::Rows(rows) => vector(rows, &mut evaluator.budget)?,
            },
        };
        Ok(told(query, value, evaluator))
    }

    /// The values of a query from a start to an end, in Unix milliseconds, with so many
    /// milliseconds between two.
    ///
    /// # Errors
    /// As [`Self::instant`]; the end lies before the start, or the step is no step.
    pub fn range(
        &self,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<Answer, QueryError> {
        let expr = parse(query)?;
        if end_ms < start_ms {
            return Err(QueryError::Times {
                reason: "end timestamp must not be before start time",
            });
        }
        if step_ms <= 0 {
            let reason = "zero or negative query resolution step widths are not accepted. Try a \
                          positive integer";
            return Err(QueryError::Times { reason });
        }
        let found = expr.value_type();
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            return Err(QueryError::RangeOf { found });
        }
        let times = QueryTimes { step_ms, range_ms: end_ms.saturating_sub(start_ms) };
        let whole = WholeQuery { start_ms, end_ms, times };
        let mut evaluator = Evaluator::new(&*self.querier, &self.options, whole);
        let steps = Steps { start_ms, end_ms, step_ms };
        let rows = evaluator.eval_as_rows(&expr, &steps)?;
        let rows = named(rows, &mut evaluator.budget)?;
        let value = QueryValue::Matrix(sorted(rows, &mut evaluator.budget)?);
        Ok(told(query, value, evaluator))
    }
}

/// The value, and what was noted on the way to it.
fn told(query: &str, value: QueryValue, evaluator: Evaluator<'_>) -> Answer {
    let samples = evaluator.sample_stats();
    let mut annotations = evaluator.remarks.told(query);
    evaluator.history.tell(&mut annotations);
    Answer { value, annotations, samples }
}

/// Drops the names that are marked. Rows that become the same are put together, if no time
/// coincides.
fn named(rows: Vec<Row>, budget: &mut Budget) -> Result<Vec<Row>, QueryError> {
    let mut out = Collector::default();
    for row in rows {
        budget.work(LABELS_WORK)?;
        let labels = match row.drops_name {
            true => Arc::new(without_metadata(&row.labels)),
            false => row.labels,
        };
        out.join(&labels, (false, row.points), budget)?;
    }
    out.joined_rows(budget)
}

fn vector(rows: Vec<Row>, budget: &mut Budget) -> Result<QueryValue, QueryError> {
    let values = named(rows, budget)?
        .into_iter()
        .filter_map(|mut row| Some(SeriesValue { labels: row.labels, point: row.points.pop()? }));
    Ok(QueryValue::Vector(values.collect()))
}

fn sorted(rows: Vec<Row>, budget: &mut Budget) -> Result<Vec<SeriesPoints>, QueryError> {
    let series =
        rows.into_iter().map(|row| SeriesPoints { labels: row.labels, points: row.points });
    let mut series: Vec<SeriesPoints> = series.collect();
    paced::sort(&mut series, budget, |a, b| a.labels.cmp(&b.labels))?;
    Ok(series)
}

/// A range vector by itself: the samples within the range.
fn matrix(
    evaluator: &mut Evaluator<'_>,
    expr: &Expr,
    steps: &Steps,
) -> Result<QueryValue, QueryError> {
    let range: RangeVector = evaluator.range_vector(args_alone(expr), steps)?;
    let mut rows = Vec::new();
    for series in &range.series {
        let window = range.window(series, steps.start_ms);
        evaluator.budget.work(1 + window.samples.len() + window.histograms.len())?;
        let points = window.points(range.extension);
        if matches!(args_alone(expr), Expr::Matrix(_)) {
            evaluator.n_queryable += points.len() as u64;
        }
        rows.push(Row { labels: series.labels.clone(), drops_name: series.drops_name, points });
    }
    rows.retain(|row| !row.points.is_empty());
    let budget = &mut evaluator.budget;
    let rows = named(rows, budget)?;
    Ok(QueryValue::Matrix(sorted(rows, budget)?))
}

/// `{a="b"} 1 @2`, for messages of tests.
impl std::fmt::Display for SeriesValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", text(&self.labels), self.point)
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Value::Float(value) => f.write_str(&super::format::plain(*value)),
            Value::Histogram(histogram) => {
                write!(f, "{{count:{}, sum:{}}}", histogram.count, histogram.sum)
            }
        }
    }
}
