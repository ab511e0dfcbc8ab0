//! Rates of native histograms: the change of all counts at once.

use model::{HistogramSample, ResetHint};

use super::answer::Value;
use super::native::{Meeting, Native};
use super::native_extended::warn_of_schemas;
use super::native_sum::tell;
use super::over_time::RangeCall;
use super::rate::{Extent, began_again, factor};
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
    if all.len() < 2 && !began_within {
        return None;
    }
    doubt_hints(call, all, is_counter);
    let natives: Vec<Native> = all.iter().map(|sample| Native::from(&*sample.histogram)).collect();
    let mut change = minus(call, natives[natives.len() - 1].clone(), natives[0].clone())?;
    for i in 1..natives.len() {
        let is_reset = natives[i].is_reset_after(&natives[i - 1])
            || began_again((&all[i - 1]).into(), (&all[i]).into());
        if is_counter && is_reset {
            change = plus(call, change, natives[i - 1].clone())?;
        }
    }
    if began_within {
        change = plus(call, change, natives[0].clone())?;
    }
    extent.change = change.count;
    let mut factor = factor(&call.window, &extent, is_counter);
    if is_rate {
        factor /= call.range_ms() as f64 / 1000.0;
    }
    let mut change = change.times(factor);
    change.hint = ResetHint::Gauge;
    Some(Value::Histogram(change.into_histogram()))
}

/// `irate` and `idelta` of two histograms.
pub(super) fn last_change(call: &mut RangeCall<'_>, is_counter: bool) -> Option<Value> {
    let [.., before, last] = call.window.histograms else { return None };
    doubt_hints(call, &call.window.histograms[call.window.histograms.len() - 2..], is_counter);
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
pub(super) fn doubt_hints(call: &mut RangeCall<'_>, all: &[HistogramSample], is_counter: bool) {
    let is_gauge = |sample: &HistogramSample| sample.histogram.reset_hint == ResetHint::Gauge;
    let (is_wrong, kind) = match is_counter {
        true => (all.iter().any(is_gauge), "counter"),
        false => (!all.iter().all(is_gauge), "gauge"),
    };
    if is_wrong {
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
