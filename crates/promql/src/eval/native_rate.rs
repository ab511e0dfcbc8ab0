//! Rates of native histograms: the change of all counts at once.

use model::{Histogram, HistogramSample, ResetHint};

use super::answer::Value;
use super::native::{Meeting, Native};
use super::native_extended::warn_of_schemas;
use super::native_sum::tell;
use super::over_time::RangeCall;
use super::rate::{Extent, began_again, factor, warn_of_overlaps};
use crate::quote::Quoted;

/// `rate`, `increase` and `delta` of a range of histograms alone.
pub(super) fn changed(call: &mut RangeCall<'_>, is_counter: bool, is_rate: bool) -> Option<Value> {
    let all = call.window.histograms;
    let (first, last) = (all.first()?, all.last()?);
    let mut extent = Extent {
        n: all.len(),
        first_ms: first.t_ms,
        last_ms: last.t_ms,
        start_ms: first.start_ms,
        first_value: first.histogram.count,
        change: 0.0,
    };
    let began_within = is_counter && extent.began_within(&call.window);
    let first = Native::from(&*first.histogram);
    let change = match (all.len(), began_within) {
        (1, false) => return None,
        (1, true) => first,
        (_, false) => between(call, all, is_counter)?,
        (_, true) => {
            let change = between(call, all, is_counter)?;
            plus(call, change, first)?
        }
    };
    extent.change = change.count;
    let mut factor = factor(&call.window, &extent, is_counter);
    if is_rate {
        factor /= call.range_ms() as f64 / 1000.0;
    }
    Some(Value::Histogram(change.times(factor).into_histogram()))
}

/// The change from the first of two or more histograms to the last.
fn between(call: &mut RangeCall<'_>, all: &[HistogramSample], is_counter: bool) -> Option<Native> {
    let natives: Vec<Native> = all.iter().map(|sample| Native::from(&*sample.histogram)).collect();
    let is_reset = |i: usize| {
        natives[i].is_reset_after(&natives[i - 1])
            || began_again((&all[i - 1]).into(), (&all[i]).into())
    };
    let last = natives.len() - 1;
    // Of a first one that nothing goes on from, not even the layout counts.
    let is_cut_off = is_counter && is_reset(1);
    let first = if is_cut_off { natives[1].emptied() } else { natives[0].clone() };
    let relevant = if is_counter { &natives[1..] } else { &natives[last..] };
    doubt_samples(call, all, (&first, relevant), is_counter)?;
    let mut change = natives[last].clone();
    let schemas = relevant.iter().map(Native::schema);
    change.coarsen(schemas.fold(first.schema(), i8::min));
    change = minus(call, change, first)?;
    for i in 1 + usize::from(is_cut_off)..natives.len() {
        if is_counter && is_reset(i) {
            change = plus(call, change, natives[i - 1].clone())?;
        }
    }
    warn_of_overlaps(call, all, is_counter);
    change.hint = ResetHint::Gauge;
    Some(change)
}

/// Says what is wrong with the histograms of a range; `None` if they have no change. They are the
/// first one, as far as it counts, and those behind it.
fn doubt_samples(
    call: &mut RangeCall<'_>,
    all: &[HistogramSample],
    (first, relevant): (&Native, &[Native]),
    is_counter: bool,
) -> Option<()> {
    let (last, within) = relevant.split_last()?;
    let hint = |sample: &HistogramSample| sample.histogram.reset_hint;
    let ends = [&all[0], &all[all.len() - 1]].map(hint);
    let ends_differ = last.is_custom() != first.is_custom();
    let is_mixed = ends_differ || within.iter().any(|one| one.is_custom() != first.is_custom());
    match is_counter {
        true if is_mixed && !ends_differ => {}
        true if is_mixed => doubt_hints(call, ends, true),
        true => doubt_hints(call, all.iter().map(hint), true),
        false if is_mixed => {}
        false => doubt_hints(call, ends, false),
    }
    if is_mixed {
        warn_of_schemas(call.remarks, call.span, call.metric);
        return None;
    }
    Some(())
}

/// `irate` and `idelta` of two histograms.
pub(super) fn last_change(call: &mut RangeCall<'_>, is_counter: bool) -> Option<Value> {
    let [.., before, last] = call.window.histograms else { return None };
    let hint = |histogram: &Histogram| histogram.reset_hint;
    doubt_hints(call, [hint(&before.histogram), hint(&last.histogram)], is_counter);
    let between_s = (last.t_ms - before.t_ms) as f64 / 1000.0;
    let (older, newer) = (Native::from(&*before.histogram), Native::from(&*last.histogram));
    let is_reset = newer.is_reset_after(&older) || began_again(before.into(), last.into());
    let mut change = match is_counter && is_reset {
        true => newer,
        false => minus(call, newer, older)?,
    };
    change.hint = ResetHint::Gauge;
    let change = if is_counter { change.divided(between_s) } else { change };
    (between_s != 0.0).then(|| Value::Histogram(change.into_histogram()))
}

/// Says that histograms are of the wrong kind for a function.
pub(super) fn doubt_hints(
    call: &mut RangeCall<'_>,
    hints: impl IntoIterator<Item = ResetHint>,
    is_counter: bool,
) {
    let is_wrong = |hint: ResetHint| (hint == ResetHint::Gauge) == is_counter;
    if hints.into_iter().any(is_wrong) {
        let kind = if is_counter { "counter" } else { "gauge" };
        let metric = Quoted(call.metric);
        let text = format!("this native histogram metric is not a {kind}: {metric}");
        call.remarks.warn(call.span, text);
    }
}

/// A difference, with what there is to say of it.
pub(super) fn minus(call: &mut RangeCall<'_>, a: Native, b: Native) -> Option<Native> {
    met(call, a.minus(b), "subtraction")
}

/// A sum, with what there is to say of it.
pub(super) fn plus(call: &mut RangeCall<'_>, a: Native, b: Native) -> Option<Native> {
    met(call, a.plus(b), "addition")
}

fn met(
    call: &mut RangeCall<'_>,
    result: Option<(Native, Meeting)>,
    operation: &str,
) -> Option<Native> {
    let Some((native, meeting)) = result else {
        warn_of_schemas(call.remarks, call.span, call.metric);
        return None;
    };
    // Hints of a range contradict each other wherever the counts began again.
    let meeting = Meeting { hints_conflicted: false, ..meeting };
    tell(meeting, operation, (call.remarks, call.span));
    Some(native)
}
