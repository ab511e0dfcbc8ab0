//! Classic histograms: buckets that are series of their own, told apart by the label `le`. Native
//! ones answer the same questions, by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Histogram, Labels};

use super::annotations::{Remarks, Repair, of_metric};
use super::answer::{Point, QueryError, Value, unfit};
use super::budget::LABELS_WORK;
use super::collect::Collector;
use super::evaluator::{Evaluator, arg_span, text_of};
use super::format::label_value;
use super::labels;
use super::native_shape::{self, Blur};
use super::quantile;
use super::row::{Row, StepView};
use super::steps::Steps;
use crate::Span;
use crate::ast::{Call, Expr};
use crate::quote::Quoted;

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";
/// Counts that differ by less, in relation to their sum, are the same but for rounding.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// A bucket: how many observations were not above its bound.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// What a histogram has at a step.
#[derive(Default)]
struct Found<'v> {
    buckets: Vec<Bucket>,
    native: Option<&'v Histogram>,
}

impl Found<'_> {
    fn is_empty(&self) -> bool {
        self.buckets.is_empty() && self.native.is_none()
    }

    /// What it takes to answer one question.
    fn work(&self) -> usize {
        // Buckets are put in order.
        LABELS_WORK + 8 * self.buckets.len()
    }
}

/// What is asked of each histogram.
enum Question<'a> {
    Quantile(&'a [f64]),
    /// A label to be added that says which it is, and the quantiles.
    Quantiles(&'a str, &'a [Vec<f64>]),
    Fraction(&'a [f64], &'a [f64]),
}

/// Where doubts stand.
#[derive(Clone, Copy)]
struct Spans {
    /// Of the vector.
    vector: Span,
    /// Of the first argument: what native histograms say of observations that are no numbers.
    first: Span,
}

impl Spans {
    fn of(args: &[Expr], vector: usize) -> Self {
        Self { vector: arg_span(&args[vector]), first: arg_span(&args[0]) }
    }
}

/// Rows of buckets, and the histogram that each belongs to.
struct Groups {
    /// The group and the bound of each row; no bound of rows that are no buckets.
    of_rows: Vec<(usize, Option<f64>)>,
    /// The labels of each histogram, its name among them, and whether that is to be dropped.
    labels: Vec<Arc<Labels>>,
}

impl Evaluator<'_> {
    /// `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`.
    pub(super) fn classic(&mut self, node: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let args = &node.args;
        match node.function.name {
            "histogram_fraction" => {
                let lower = self.scalars(&args[0], steps)?;
                let upper = self.scalars(&args[1], steps)?;
                let rows = self.eval_as_rows(&args[2], steps)?;
                let question = Question::Fraction(&lower, &upper);
                self.answers(&rows, &question, steps, Spans::of(args, 2))
            }
            "histogram_quantile" => {
                let q = self.asked(&args[0], steps)?;
                let rows = self.eval_as_rows(&args[1], steps)?;
                self.answers(&rows, &Question::Quantile(&q), steps, Spans::of(args, 1))
            }
            _ => {
                let label = text_of(&args[1]).to_lossy();
                if label.is_empty() {
                    return unfit("invalid label name \"\"");
                }
                let mut asked = Vec::new();
                for arg in &args[2..] {
                    asked.push(self.asked(arg, steps)?);
                }
                let rows = self.eval_as_rows(&args[0], steps)?;
                let question = Question::Quantiles(&label, &asked);
                self.answers(&rows, &question, steps, Spans::of(args, 0))
            }
        }
    }

    /// Which quantile is asked for at each step.
    fn asked(&mut self, arg: &Expr, steps: &Steps) -> Result<Vec<f64>, QueryError> {
        let asked = self.scalars(arg, steps)?;
        for q in &asked {
            quantile::doubt(&mut self.remarks, *q, arg_span(arg));
        }
        Ok(asked)
    }

    fn answers(
        &mut self,
        rows: &[Row],
        question: &Question<'_>,
        steps: &Steps,
        spans: Spans,
    ) -> Result<Vec<Row>, QueryError> {
        let groups = self.groups(rows, spans.vector)?;
        let mut out = Collector::default();
        let (mut view, mut now) = (StepView::new(rows), Vec::new());
        let mut found: Vec<Found<'_>> = Vec::new();
        found.resize_with(groups.labels.len(), Found::default);
        for (i, t_ms) in steps.times().enumerate() {
            self.budget.check_stop()?;
            view.at(t_ms, &mut now);
            let mut order = Vec::new();
            for (row, value) in &now {
                self.budget.work(1)?;
                let (group, bound) = groups.of_rows[*row];
                let found = &mut found[group];
                if found.is_empty() {
                    order.push(group);
                }
                match (value, bound) {
                    (Value::Histogram(native), _) => found.native = Some(native),
                    (Value::Float(count), Some(bound)) => {
                        found.buckets.push(Bucket { bound, count: *count });
                    }
                    (Value::Float(_), None) => {}
                }
            }
            for group in order {
                let found = std::mem::take(&mut found[group]);
                if !found.is_empty() {
                    self.budget.work(found.work())?;
                    let labels = &groups.labels[group];
                    self.answer((labels, t_ms, i), found, question, &mut out, spans)?;
                }
            }
        }
        Ok(out.rows())
    }

    /// Finds out which rows are buckets of which histogram.
    fn groups(&mut self, rows: &[Row], span: Span) -> Result<Groups, QueryError> {
        let mut places: HashMap<Arc<Labels>, usize> = HashMap::new();
        let mut groups = Groups { of_rows: Vec::new(), labels: Vec::new() };
        for row in rows {
            self.budget.work(LABELS_WORK + row.points.len())?;
            let has_floats = row.points.iter().any(|point| point.value.float().is_some());
            let text = row.labels.get(BOUND).unwrap_or_default();
            let bound = bound_of(text).filter(|_| has_floats);
            if has_floats && bound.is_none() {
                let text = format!(
                    "bucket label \"le\" is missing or has a malformed value of {}{}",
                    Quoted(text),
                    of_metric(row.labels.metric_name())
                );
                self.remarks.warn(span, text);
            }
            let labels = match bound {
                Some(_) => Arc::new(labels::without(&row.labels, &[BOUND.to_owned()])),
                None => row.labels.clone(),
            };
            let place = *places.entry(labels.clone()).or_insert_with(|| {
                groups.labels.push(labels);
                groups.labels.len() - 1
            });
            groups.of_rows.push((place, bound));
        }
        Ok(groups)
    }

    fn answer(
        &mut self,
        (labels, t_ms, i): (&Arc<Labels>, i64, usize),
        mut found: Found<'_>,
        question: &Question<'_>,
        out: &mut Collector,
        spans: Spans,
    ) -> Result<(), QueryError> {
        if !found.buckets.is_empty() && found.native.is_some() {
            let text = "vector contains a mix of classic and native histograms";
            let metric = labels.metric_name();
            self.remarks.warn(spans.vector, format!("{text}{}", of_metric(metric)));
            return Ok(());
        }
        let mut put = |labels: &Arc<Labels>, value: f64| {
            let place = out.place(labels);
            out.add(place, true, Point { t_ms, value: Value::Float(value) })
        };
        let mut repair = None;
        let buckets = &mut found.buckets;
        let remarks = &mut self.remarks;
        let metric = labels.metric_name();
        let mut quantile = |q: f64| match found.native {
            Some(native) => {
                let (value, blur) = native_shape::quantile(q, native);
                tell_blur(blur, metric, (&mut *remarks, spans.first));
                value
            }
            None => quantile_of(q, buckets, &mut repair),
        };
        match question {
            Question::Fraction(lower, upper) => {
                let value = match found.native {
                    Some(native) => {
                        let (value, has_nan) = native_shape::fraction(lower[i], upper[i], native);
                        if has_nan {
                            let text = "input to histogram_fraction has NaN observations, which \
                                        are excluded from all fractions";
                            remarks.info(spans.first, format!("{text}{}", of_metric(metric)));
                        }
                        value
                    }
                    None => fraction(lower[i], upper[i], buckets),
                };
                put(labels, value)?;
            }
            Question::Quantile(q) => put(labels, quantile(q[i]))?,
            Question::Quantiles(name, asked) => {
                for q in *asked {
                    self.budget.work(LABELS_WORK)?;
                    let labels = Labels::clone(labels).with(name, &label_value(q[i]));
                    put(&Arc::new(labels), quantile(q[i]))?;
                }
            }
        }
        if let Some(repair) = repair {
            self.remarks.repaired(spans.vector, labels.metric_name(), repair, t_ms);
        }
        Ok(())
    }
}

/// Says what observations that are no numbers do to a quantile.
fn tell_blur(blur: Option<Blur>, metric: &str, (remarks, span): (&mut Remarks, Span)) {
    let text = match blur {
        None => return,
        Some(Blur::Unknown) => "input to histogram_quantile has NaN observations, result is NaN",
        Some(Blur::Skewed) => {
            "input to histogram_quantile has NaN observations, result is skewed higher"
        }
    };
    remarks.info(span, format!("{text}{}", of_metric(metric)));
}

/// The bound that a label's value names. `NaN` is one, and nothing is known of a histogram that has
/// it; with a sign it is none.
fn bound_of(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_signed_nan = digits.len() < text.len() && digits.eq_ignore_ascii_case("nan");
    text.parse().ok().filter(|_| !is_signed_nan)
}

/// Puts buckets in order, those of one bound together.
fn in_order(buckets: &mut Vec<Bucket>) {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.dedup_by(|bucket, kept| {
        let is_same = bucket.bound == kept.bound;
        if is_same {
            kept.count += bucket.count;
        }
        is_same
    });
}

/// Whether the last bucket has everything.
fn is_complete(buckets: &[Bucket]) -> bool {
    buckets.last().is_some_and(|bucket| bucket.bound == f64::INFINITY)
}

fn quantile_of(q: f64, buckets: &mut Vec<Bucket>, repair: &mut Option<Repair>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    in_order(buckets);
    if !is_complete(buckets) {
        return f64::NAN;
    }
    if let Some(found) = raise_what_falls(buckets) {
        *repair = Some(found);
    }
    let [.., last_but_one, last] = buckets.as_slice() else { return f64::NAN };
    if last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let mut rank = q * last.count;
    let at = buckets[..buckets.len() - 1].partition_point(|bucket| bucket.count < rank);
    if at == buckets.len() - 1 {
        return last_but_one.bound;
    }
    let Bucket { bound: end, mut count } = buckets[at];
    let start = match at.checked_sub(1) {
        None if end <= 0.0 => return end,
        None => 0.0,
        Some(before) => {
            count -= buckets[before].count;
            rank -= buckets[before].count;
            buckets[before].bound
        }
    };
    start + (end - start) * (rank / count)
}

/// Counts can only rise with the bound. Where they fall, buckets were read at different times or
/// rounded: they are raised to the count before.
fn raise_what_falls(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut before = buckets.first()?.count;
    for bucket in &mut buckets[1..] {
        if bucket.count == before || is_almost(before, bucket.count) {
            bucket.count = before;
            continue;
        }
        if bucket.count < before {
            let diff = before - bucket.count;
            let known = repair.get_or_insert(Repair {
                bound_min: bucket.bound,
                bound_max: bucket.bound,
                diff_max: diff,
            });
            known.bound_max = bucket.bound;
            known.diff_max = known.diff_max.max(diff);
            bucket.count = before;
            continue;
        }
        before = bucket.count;
    }
    repair
}

fn is_almost(a: f64, b: f64) -> bool {
    if a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DIFFERENCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DIFFERENCE
}

/// The part of all observations that lies between two values.
fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    in_order(buckets);
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if !is_complete(buckets) || total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let part = (rank_of(upper, buckets) - rank_of(lower, buckets)) / total;
    if total.is_nan() { f64::NAN } else { part }
}

/// How many observations are below a value, in line between the bounds around it.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    let mut rank = 0.0;
    let mut start = match buckets.first() {
        Some(first) if first.bound > 0.0 => 0.0,
        _ => f64::NEG_INFINITY,
    };
    for bucket in buckets {
        if start >= value {
            break;
        }
        if bucket.bound > value {
            // A bucket without a beginning counts as a whole.
            rank = match start.is_infinite() {
                true => bucket.count,
                false => rank + (bucket.count - rank) * (value - start) / (bucket.bound - start),
            };
            break;
        }
        (rank, start) = (bucket.count, bucket.bound);
    }
    if rank > total { total } else { rank }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, bound_of, fraction, quantile_of};

    fn buckets(list: &[(f64, f64)]) -> Vec<Bucket> {
        list.iter().map(|(bound, count)| Bucket { bound: *bound, count: *count }).collect()
    }

    #[test]
    fn quantiles_lie_in_line_between_bounds() {
        let of = |q: f64, list: &[(f64, f64)]| quantile_of(q, &mut buckets(list), &mut None);
        let three = [(f64::INFINITY, 4.0), (2.0, 3.0), (1.0, 1.0)];
        assert_eq!(of(0.25, &three), 1.0);
        assert_eq!(of(0.5, &three), 1.5);
        assert_eq!(of(1.0, &three), 2.0);
        assert!(of(0.5, &three[1..]).is_nan() && of(0.5, &[(f64::INFINITY, 1.0)]).is_nan());
        assert_eq!(of(0.1, &[(-1.0, 1.0), (f64::INFINITY, 1.0)]), -1.0);
    }

    #[test]
    fn counts_that_fall_are_raised_and_told() {
        let mut repair = None;
        let mut list = buckets(&[(1.0, 4.0), (2.0, 2.0), (3.0, 8.0), (f64::INFINITY, 8.0)]);
        assert_eq!(quantile_of(0.75, &mut list, &mut repair), 2.5);
        let repair = repair.unwrap();
        assert_eq!((repair.bound_min, repair.bound_max, repair.diff_max), (2.0, 2.0, 2.0));
        let mut silent = None;
        let mut list = buckets(&[(1.0, 1.0), (2.0, 1.0 - 1e-15), (f64::INFINITY, 1.0)]);
        quantile_of(0.5, &mut list, &mut silent);
        assert!(silent.is_none());
    }

    #[test]
    fn fractions_are_differences_of_ranks() {
        let list = [(1.0, 1.0), (2.0, 3.0), (f64::INFINITY, 4.0)];
        let of = |lower, upper| fraction(lower, upper, &mut buckets(&list));
        assert_eq!(of(0.0, 2.0), 0.75);
        assert_eq!(of(0.5, 1.5), 0.375);
        assert_eq!(of(2.0, 1.0), 0.0);
        assert_eq!(of(f64::NEG_INFINITY, f64::INFINITY), 1.0);
        assert!(of(f64::NAN, 1.0).is_nan());
    }

    #[test]
    fn bounds_are_numbers() {
        assert_eq!((bound_of("0.5"), bound_of("+Inf")), (Some(0.5), Some(f64::INFINITY)));
        assert_eq!((bound_of(""), bound_of("x"), bound_of("+NaN")), (None, None, None));
        assert!(bound_of("NaN").is_some_and(f64::is_nan));
    }
}
