//! Calls: finds what a function's name stands for, and evaluates its arguments.

use model::Histogram;

use super::answer::{QueryError, Value, unfit};
use super::evaluator::{Evaluator, args_alone};
use super::instant::{greater, lesser, math, rounded};
use super::row::{Evaluated, Row, StepView};
use super::select::Pick;
use super::steps::Steps;
use super::{absent, dates, native_shape};
use crate::ast::{Call, Expr};

impl Evaluator<'_> {
    /// The value of a call at each step.
    pub(super) fn call(&mut self, node: &Call, steps: &Steps) -> Result<Evaluated, QueryError> {
        let name = node.function.name;
        if name == "absent_over_time" {
            return self.absent_over_time(node, steps).map(Evaluated::Rows);
        }
        if let Some(rows) = self.range_call(node, steps)? {
            return Ok(Evaluated::Rows(rows));
        }
        if let Some(function) = math(name) {
            let rows = self.eval_as_rows(&node.args[0], steps)?;
            let rows = self.mapped(rows, |_, value| Some(function(value)))?;
            return Ok(Evaluated::Rows(rows));
        }
        if let Some(function) = native_shape::statistic(name) {
            let rows = self.eval_as_rows(&node.args[0], steps)?;
            return self.of_histograms(rows, function).map(Evaluated::Rows);
        }
        if let Some(function) = dates::function(name) {
            return self.date(node, function, steps).map(Evaluated::Rows);
        }
        if let Some(values) = self.scalar_call(node, steps)? {
            return Ok(Evaluated::Scalars(values));
        }
        self.vector_call(node, steps).map(Evaluated::Rows)
    }

    /// The numbers of a function that gives a scalar; `None` if it gives none.
    fn scalar_call(&mut self, node: &Call, steps: &Steps) -> Result<Option<Vec<f64>>, QueryError> {
        let whole = self.whole;
        let is_instant = whole.start_ms == whole.end_ms;
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let constant = match node.function.name {
            "pi" => std::f64::consts::PI,
            "start" => seconds(whole.start_ms),
            "end" => seconds(whole.end_ms),
            "range" => seconds(whole.end_ms.saturating_sub(whole.start_ms)),
            "step" => seconds(if is_instant { 0 } else { whole.times.step_ms }),
            "time" => {
                self.take_scalars(steps)?;
                return Ok(Some(steps.times().map(seconds).collect()));
            }
            "scalar" => return self.scalar(node, steps).map(Some),
            "min_of" | "max_of" => {
                let a = self.scalars(&node.args[0], steps)?;
                let b = self.scalars(&node.args[1], steps)?;
                let pick = if node.function.name == "min_of" { lesser } else { greater };
                return Ok(Some(a.into_iter().zip(b).map(|(a, b)| pick(a, b)).collect()));
            }
            _ => return Ok(None),
        };
        self.take_scalars(steps)?;
        Ok(Some(vec![constant; steps.n()]))
    }

    /// The only number of each step, else none.
    fn scalar(&mut self, node: &Call, steps: &Steps) -> Result<Vec<f64>, QueryError> {
        let rows = self.eval_as_rows(&node.args[0], steps)?;
        self.take_scalars(steps)?;
        let (mut view, mut now) = (StepView::new(&rows), Vec::new());
        let mut values = Vec::with_capacity(steps.n());
        for t_ms in steps.times() {
            self.budget.work(rows.len())?;
            view.at(t_ms, &mut now);
            let mut floats = now.iter().filter_map(|(_, value)| value.float());
            values.push(match (floats.next(), floats.next()) {
                (Some(only), None) => only,
                _ => f64::NAN,
            });
        }
        Ok(values)
    }

    fn vector_call(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        match node.function.name {
            "absent" => self.absent(node, steps),
            "clamp" | "clamp_max" | "clamp_min" => self.clamp(node, steps),
            "histogram_fraction" | "histogram_quantile" | "histogram_quantiles" => {
                self.classic(node, steps)
            }
            "info" => self.info(node, steps),
            "label_join" => self.label_join(node, steps),
            "label_replace" => self.label_replace(node, steps),
            "round" => self.round(node, steps),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => self.sort(node, steps),
            "start_timestamp" => self.time_of(node, steps, Pick::StartTime),
            "timestamp" => self.time_of(node, steps, Pick::Time),
            "vector" => {
                let values = self.scalars(&node.args[0], steps)?;
                Ok(vec![self.row_of(&values, steps)?])
            }
            name => unfit(format!("function \"{name}\" cannot be evaluated")),
        }
    }

    /// `timestamp` and `start_timestamp`: of a selector the samples', else that of evaluation.
    fn time_of(&mut self, node: &Call, steps: &Steps, pick: Pick) -> Result<Vec<Row>, QueryError> {
        let mut rows = match args_alone(&node.args[0]) {
            Expr::Vector(selector) => self.picked(selector, steps, pick)?,
            _ if pick == Pick::StartTime => Vec::new(),
            other => self.eval_as_rows(other, steps)?,
        };
        let is_selector = matches!(args_alone(&node.args[0]), Expr::Vector(_));
        for row in &mut rows {
            self.budget.work(1 + row.points.len())?;
            row.drops_name = true;
            for point in row.points.iter_mut().filter(|_| !is_selector) {
                point.value = Value::Float(point.t_ms as f64 / 1000.0);
            }
        }
        Ok(rows)
    }

    /// A function of a date: of the values, or of the time of evaluation.
    fn date(
        &mut self,
        node: &Call,
        function: fn(f64) -> f64,
        steps: &Steps,
    ) -> Result<Vec<Row>, QueryError> {
        if let Some(arg) = node.args.first() {
            let rows = self.eval_as_rows(arg, steps)?;
            return self.mapped(rows, |_, value| Some(function(value)));
        }
        self.take_points(steps.n())?;
        let values: Vec<f64> = steps.times().map(|t_ms| function(t_ms as f64 / 1000.0)).collect();
        Ok(vec![self.row_of(&values, steps)?])
    }

    fn clamp(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let rows = self.eval_as_rows(&node.args[0], steps)?;
        let bound = self.scalars(&node.args[1], steps)?;
        let place = |t_ms: i64| steps.place(t_ms);
        match node.function.name {
            "clamp_max" => self.mapped(rows, |t, value| Some(lesser(bound[place(t)], value))),
            "clamp_min" => self.mapped(rows, |t, value| Some(greater(bound[place(t)], value))),
            _ => {
                let max = self.scalars(&node.args[2], steps)?;
                self.mapped(rows, |t, value| {
                    let (min, max) = (bound[place(t)], max[place(t)]);
                    // Nothing lies between bounds that are the wrong way round.
                    let is_range = max >= min || max.is_nan() || min.is_nan();
                    is_range.then(|| greater(min, lesser(max, value)))
                })
            }
        }
    }

    fn round(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let rows = self.eval_as_rows(&node.args[0], steps)?;
        let nearest = match node.args.get(1) {
            Some(arg) => self.scalars(arg, steps)?,
            None => vec![1.0; steps.n()],
        };
        let place = |t_ms: i64| steps.place(t_ms);
        self.mapped(rows, |t, value| Some(rounded(value, nearest[place(t)])))
    }

    fn absent(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let rows = self.eval_as_rows(&node.args[0], steps)?;
        let mut is_there = vec![false; steps.n()];
        for row in &rows {
            self.budget.work(1 + row.points.len())?;
            for point in &row.points {
                is_there[steps.place(point.t_ms)] = true;
            }
        }
        self.take_points(steps.n())?;
        Ok(absent::rows(args_alone(&node.args[0]), &is_there, steps))
    }

    fn absent_over_time(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let range = self.range_arg(&node.args[0], steps)?;
        let mut is_there = vec![false; steps.n()];
        for series in &range.series {
            self.budget.check_stop()?;
            let mut windows = range.windows(series);
            for (is_there, t_ms) in is_there.iter_mut().zip(steps.times()) {
                self.budget.work(1)?;
                let window = windows.at(t_ms);
                *is_there |= !window.is_empty();
                self.n_queryable += (window.samples.len() + window.histograms.len()) as u64;
            }
        }
        self.take_points(steps.n())?;
        Ok(absent::rows(args_alone(&node.args[0]), &is_there, steps))
    }

    /// Each histogram by itself; floats are left out.
    fn of_histograms(
        &mut self,
        rows: Vec<Row>,
        function: fn(&Histogram) -> f64,
    ) -> Result<Vec<Row>, QueryError> {
        self.mapped_values(rows, |_, value| match value {
            Value::Histogram(histogram) => Some(function(histogram)),
            Value::Float(_) => None,
        })
    }

    /// Each float by itself, with its time; histograms are left out.
    fn mapped(
        &mut self,
        rows: Vec<Row>,
        function: impl Fn(i64, f64) -> Option<f64>,
    ) -> Result<Vec<Row>, QueryError> {
        self.mapped_values(rows, |t_ms, value| function(t_ms, value.float()?))
    }

    /// Each value by itself, with its time. Rows of which nothing is left go.
    fn mapped_values(
        &mut self,
        mut rows: Vec<Row>,
        function: impl Fn(i64, &Value) -> Option<f64>,
    ) -> Result<Vec<Row>, QueryError> {
        for row in &mut rows {
            row.drops_name = true;
            let mut is_stopped = Ok(());
            row.points.retain_mut(|point| {
                if is_stopped.is_ok() {
                    is_stopped = self.budget.work(point.value.work());
                }
                let value = is_stopped.is_ok().then(|| function(point.t_ms, &point.value));
                let Some(value) = value.flatten() else { return false };
                point.value = Value::Float(value);
                true
            });
            is_stopped?;
        }
        rows.retain(|row| !row.points.is_empty());
        Ok(rows)
    }
}
