//! Functions of range vectors: which there are, how they are called, and the plain ones.

use std::sync::Arc;

use model::Sample;

use super::annotations::Remarks;
use super::answer::{Point, QueryError, Value, unfit};
use super::evaluator::{Evaluator, arg_span, args_alone};
use super::format::fixed;
use super::kahan::{self, KahanSum, Mean};
use super::native_sum::NativeSum;
use super::row::Row;
use super::steps::Steps;
use super::window::{RangeVector, Ranged, Window};
use super::{quantile, rate, regression};
use crate::ast::{Call, Expr, Extension};
use crate::quote::Quoted;
use crate::{Span, ValueType};

/// What a function of a range vector is given at a step.
pub(super) struct RangeCall<'c> {
    pub(super) window: Window<'c>,
    /// Its scalars, in the order of its arguments.
    pub(super) params: &'c [f64],
    pub(super) metric: &'c str,
    /// Of the range vector.
    pub(super) span: Span,
    /// Of the first argument, which may be another one.
    pub(super) first_span: Span,
    pub(super) extension: Option<Extension>,
    pub(super) remarks: &'c mut Remarks,
    /// Why the query has no value, if a parameter is none that can be computed with.
    pub(super) refusal: Option<String>,
}

/// Where the arguments of a function of a range vector stand.
#[derive(Clone, Copy)]
pub(super) struct RangeArgs<'e> {
    /// The range vector.
    pub(super) range: &'e Expr,
    /// The first one.
    pub(super) first: &'e Expr,
}

impl RangeCall<'_> {
    /// How long the range is, in milliseconds.
    pub(super) fn range_ms(&self) -> i64 {
        self.window.end_ms - self.window.start_ms
    }

    /// Says that the range has floats and histograms, and that this gives nothing.
    pub(super) fn warn_of_mix(&mut self) {
        let text = format!(
            "encountered a mix of histograms and floats for metric name {}",
            Quoted(self.metric)
        );
        self.remarks.warn(self.span, text);
    }

    fn first_param(&self) -> f64 {
        self.params.first().copied().unwrap_or(f64::NAN)
    }
}

type OfWindow = fn(&mut RangeCall<'_>) -> Option<Value>;
type OfFloats = fn(&[Sample], &RangeCall<'_>) -> Option<f64>;

/// How a function computes.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// From samples of both kinds.
    Window(OfWindow),
    /// From floats, which are at least one; histograms are left out.
    Floats(OfFloats),
}

/// The function of this name, if it takes a range vector.
pub(super) fn form(name: &str) -> Option<Form> {
    use Form::{Floats, Window};
    Some(match name {
        "avg_over_time" => Window(average),
        "changes" => Window(rate::changes),
        "count_over_time" => Window(|call| counted(&call.window)),
        "delta" => Window(rate::delta),
        "deriv" => Floats(|samples, _| regression::deriv(samples)),
        "double_exponential_smoothing" => Window(smoothed),
        "first_over_time" => Window(|call| first(&call.window).map(|point| point.value)),
        "idelta" => Window(rate::idelta),
        "increase" => Window(rate::increase),
        "irate" => Window(rate::irate),
        "last_over_time" => Window(|call| last(&call.window).map(|point| point.value)),
        "mad_over_time" => Floats(|samples, _| Some(quantile::deviation(&values(samples)))),
        "max_over_time" => Floats(|samples, _| extreme(samples, |a, b| a > b).map(|s| s.value)),
        "min_over_time" => Floats(|samples, _| extreme(samples, |a, b| a < b).map(|s| s.value)),
        "predict_linear" => Floats(|samples, call| {
            regression::predicted(samples, call.window.t_ms, call.first_param())
        }),
        "present_over_time" => {
            Window(|call| (!call.window.is_empty()).then_some(Value::Float(1.0)))
        }
        "quantile_over_time" => Window(quantile_over_time),
        "rate" => Window(rate::rate),
        "resets" => Window(rate::resets),
        "stddev_over_time" => Floats(|samples, _| Some(variance(of(samples)).sqrt())),
        "stdvar_over_time" => Floats(|samples, _| Some(variance(of(samples)))),
        "sum_over_time" => Window(sum),
        "ts_of_first_over_time" => Window(|call| first(&call.window).map(|point| seconds(&point))),
        "ts_of_last_over_time" => Window(|call| last(&call.window).map(|point| seconds(&point))),
        "ts_of_max_over_time" => {
            Floats(|samples, _| extreme(samples, |a, b| a >= b).map(|s| s.t_ms as f64 / 1000.0))
        }
        "ts_of_min_over_time" => {
            Floats(|samples, _| extreme(samples, |a, b| a <= b).map(|s| s.t_ms as f64 / 1000.0))
        }
        _ => return None,
    })
}

impl Evaluator<'_> {
    /// The rows of a function of a range vector; `None` if the function takes none.
    pub(super) fn range_call(
        &mut self,
        node: &Call,
        steps: &Steps,
    ) -> Result<Option<Vec<Row>>, QueryError> {
        let Some(form) = form(node.function.name) else { return Ok(None) };
        let mut params = Vec::new();
        let mut of_range = None;
        for (place, arg) in node.args.iter().enumerate() {
            match node.function.arg_type(place) {
                Some(ValueType::Matrix) => of_range = Some(arg),
                _ => params.push(self.scalars(arg, steps)?),
            }
        }
        let Some(arg) = of_range else { return Ok(None) };
        check_extension(node.function.name, args_alone(arg))?;
        let args = RangeArgs { range: arg, first: &node.args[0] };
        let range = self.range_arg(arg, steps)?;
        let mut rows = Vec::new();
        for series in &range.series {
            self.budget.check_stop()?;
            let row =
                self.row_over(node.function.name, form, (&range, series, args), &params, steps)?;
            self.take_points(row.points.len())?;
            if row.points.iter().any(|point| point.value.float().is_some()) {
                let metric = row.labels.metric_name();
                doubt_counter(&mut self.remarks, node.function.name, metric, arg_span(arg));
            }
            if !row.points.is_empty() {
                rows.push(row);
            }
        }
        Ok(Some(rows))
    }

    /// The row of one series.
    pub(super) fn row_over(
        &mut self,
        name: &str,
        form: Form,
        (range, series, args): (&RangeVector, &Ranged, RangeArgs<'_>),
        params: &[Vec<f64>],
        steps: &Steps,
    ) -> Result<Row, QueryError> {
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        let mut row = Row::new(Arc::clone(&series.labels), series.drops_name || !keeps_name);
        let mut windows = range.windows(series);
        let mut at_step = vec![0.0; params.len()];
        for (i, t_ms) in steps.times().enumerate() {
            for (value, of_steps) in at_step.iter_mut().zip(params) {
                *value = of_steps[i];
            }
            let mut call = RangeCall {
                window: windows.at(t_ms),
                params: &at_step,
                metric: series.labels.metric_name(),
                span: arg_span(args.range),
                first_span: arg_span(args.first),
                extension: range.extension,
                remarks: &mut self.remarks,
                refusal: None,
            };
            let n_seen = call.window.samples.len() + call.window.histograms.len();
            let value = form.value(&mut call);
            if let Some(reason) = call.refusal {
                return unfit(reason);
            }
            row.points.extend(value.map(|value| Point { t_ms, value }));
            self.n_queryable += n_seen as u64;
            self.budget.work(n_seen + 1)?;
        }
        Ok(row)
    }
}

/// Says of a metric that has numbers, if it is taken for a counter and does not read like one.
pub(super) fn doubt_counter(remarks: &mut Remarks, name: &str, metric: &str, span: Span) {
    let is_named_so =
        ["_total", "_sum", "_count", "_bucket"].iter().any(|ending| metric.ends_with(ending));
    if !matches!(name, "rate" | "increase") || metric.is_empty() || is_named_so {
        return;
    }
    let text = format!(
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
        Quoted(metric)
    );
    remarks.info(span, text);
}

impl Form {
    fn value(self, call: &mut RangeCall<'_>) -> Option<Value> {
        match self {
            Self::Window(of_window) => of_window(call),
            Self::Floats(of_floats) => {
                let samples = floats_beside(call, call.span)?;
                of_floats(samples, call).map(Value::Float)
            }
        }
    }
}

/// The floats of a range that has some; histograms beside them are told of, and left out.
fn floats_beside<'c>(call: &mut RangeCall<'c>, span: Span) -> Option<&'c [Sample]> {
    let samples = call.window.samples;
    if samples.is_empty() {
        return None;
    }
    if !call.window.histograms.is_empty() {
        let text = format!(
            "ignored histograms in a range containing both floats and histograms for metric name {}",
            Quoted(call.metric)
        );
        call.remarks.info(span, text);
    }
    Some(samples)
}

/// `quantile_over_time`: that a part is none is said where there is something to take a part of.
fn quantile_over_time(call: &mut RangeCall<'_>) -> Option<Value> {
    let (q, span) = (call.first_param(), call.first_span);
    let samples = floats_beside(call, span)?;
    quantile::doubt(call.remarks, q, span);
    Some(Value::Float(quantile::of(q, values(samples))))
}

/// `double_exponential_smoothing`: its factors are looked at wherever there is a sample of any kind.
/// One that is no number passes, and nothing is known then.
fn smoothed(call: &mut RangeCall<'_>) -> Option<Value> {
    if call.window.is_empty() {
        return None;
    }
    for (what, factor) in ["smoothing", "trend"].iter().zip(call.params) {
        if *factor <= 0.0 || *factor >= 1.0 {
            call.refusal = Some(format!(
                "invalid {what} factor. Expected: 0 < {}f < 1, got: {}",
                &what[..1],
                fixed(*factor)
            ));
            return None;
        }
    }
    let samples = floats_beside(call, call.span)?;
    regression::smoothed(samples, call.params).map(Value::Float)
}

/// Few functions know what to do with samples outside of their range.
fn check_extension(name: &str, arg: &Expr) -> Result<(), QueryError> {
    let Expr::Matrix(node) = arg else { return Ok(()) };
    let Some(extension) = node.selector.extension else { return Ok(()) };
    let known: &[&str] = match extension {
        Extension::Anchored => &["changes", "delta", "increase", "rate", "resets"],
        Extension::Smoothed => &["delta", "increase", "rate"],
    };
    if known.contains(&name) {
        return Ok(());
    }
    unfit(format!(
        "{} modifier can only be used with: {} - not with {name}",
        extension.as_str(),
        known.join(", ")
    ))
}

fn of(samples: &[Sample]) -> impl Iterator<Item = f64> {
    samples.iter().map(|sample| sample.value)
}

fn values(samples: &[Sample]) -> Vec<f64> {
    of(samples).collect()
}

fn seconds(point: &Point) -> Value {
    Value::Float(point.t_ms as f64 / 1000.0)
}

fn first(window: &Window<'_>) -> Option<Point> {
    window.merged().into_iter().next()
}

fn last(window: &Window<'_>) -> Option<Point> {
    window.merged().pop()
}

fn counted(window: &Window<'_>) -> Option<Value> {
    let n = window.samples.len() + window.histograms.len();
    (n > 0).then_some(Value::Float(n as f64))
}

fn average(call: &mut RangeCall<'_>) -> Option<Value> {
    if let Some(mean) = of_histograms(call, true) {
        return Some(mean);
    }
    let samples = only_floats(call)?;
    let mut mean = Mean::default();
    for sample in samples {
        mean.add(sample.value);
    }
    Some(Value::Float(mean.value()))
}

fn sum(call: &mut RangeCall<'_>) -> Option<Value> {
    if let Some(sum) = of_histograms(call, false) {
        return Some(sum);
    }
    let samples = only_floats(call)?;
    Some(Value::Float(kahan::sum(samples.iter().map(|sample| sample.value))))
}

/// The sum or the mean of a range that has histograms alone.
fn of_histograms(call: &mut RangeCall<'_>, is_mean: bool) -> Option<Value> {
    if !call.window.samples.is_empty() {
        return None;
    }
    let mut sum = NativeSum::new(is_mean);
    for sample in call.window.histograms {
        sum.add(&sample.histogram);
    }
    let result = sum.result(call.metric, (call.remarks, call.span))?;
    Some(Value::Histogram(result.into_histogram()))
}

/// The floats of a range that has nothing else.
fn only_floats<'c>(call: &mut RangeCall<'c>) -> Option<&'c [Sample]> {
    let samples = call.window.samples;
    if !call.window.histograms.is_empty() {
        if !samples.is_empty() {
            call.warn_of_mix();
        }
        return None;
    }
    (!samples.is_empty()).then_some(samples)
}

/// The sample that beats all before it. A NaN is beaten by anything.
fn extreme(samples: &[Sample], beats: impl Fn(f64, f64) -> bool) -> Option<Sample> {
    let (first, rest) = samples.split_first()?;
    let better = |best: Sample, sample: &Sample| match beats(sample.value, best.value)
        || best.value.is_nan()
    {
        true => *sample,
        false => best,
    };
    Some(rest.iter().fold(*first, better))
}

/// The mean square of the distance from the mean, by Welford's method with corrected sums.
pub(super) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut mean, mut squares) = (0.0, KahanSum::default(), KahanSum::default());
    for value in values {
        n += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean = mean.plus(delta / n);
        squares = squares.plus(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / n
}
