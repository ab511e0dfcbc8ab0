//! Rates: how fast values change over a range, and how often they fall or change at all.
//!
//! The samples of a range seldom lie at its ends. `rate`, `increase` and `delta` go on from the
//! first and the last one to the ends, if these are about as far away as samples are from one
//! another, else by half of that; a counter never goes on to below 0.

use model::Sample;

use super::answer::Value;
use super::extended::{self, Reading, first_of};
use super::over_time::RangeCall;
use super::window::Window;
use crate::ast::Extension;
use crate::quote::Quoted;

/// `rate`
pub(super) fn rate(call: &mut RangeCall<'_>) -> Option<Value> {
    changed(call, true, true)
}

/// `increase`
pub(super) fn increase(call: &mut RangeCall<'_>) -> Option<Value> {
    changed(call, true, false)
}

/// `delta`
pub(super) fn delta(call: &mut RangeCall<'_>) -> Option<Value> {
    changed(call, false, false)
}

fn changed(call: &mut RangeCall<'_>, is_counter: bool, is_rate: bool) -> Option<Value> {
    if !call.window.samples.is_empty() && !call.window.histograms.is_empty() {
        call.warn_of_mix();
        return None;
    }
    let range_s = call.range_ms() as f64 / 1000.0;
    if let Some(extension) = call.extension {
        let is_smoothed = extension == Extension::Smoothed;
        let change = extended::change(&call.window, Reading { is_smoothed, is_counter })?;
        return Some(Value::Float(if is_rate { change / range_s } else { change }));
    }
    warn_of_overlaps(call, is_counter);
    let (change, mut factor) = extrapolated(call, is_counter)?;
    if is_rate {
        factor /= range_s;
    }
    Some(Value::Float(change * factor))
}

/// The change between the samples and the factor by which it grows to that over the whole range.
fn extrapolated(call: &RangeCall<'_>, is_counter: bool) -> Option<(f64, f64)> {
    let samples = call.window.samples;
    let (first, last) = (samples.first()?, samples.last()?);
    // What counts since a moment within the range was 0 then.
    let began_within = is_counter
        && first.start_ms != 0
        && first.start_ms > call.window.start_ms
        && first.start_ms < first.t_ms;
    if samples.len() < 2 && !began_within {
        return None;
    }
    let mut change = last.value - first.value;
    if is_counter {
        for i in 1..samples.len() {
            if is_reset(samples, i) {
                change += samples[i - 1].value;
            }
        }
    }
    let mut sampled_s = (last.t_ms - first.t_ms) as f64 / 1000.0;
    let between_s = match samples.len() {
        1 => 0.0,
        n => sampled_s / (n - 1) as f64,
    };
    let mut to_start_s = (first.t_ms - call.window.start_ms) as f64 / 1000.0;
    let mut to_end_s = (call.window.end_ms - last.t_ms) as f64 / 1000.0;
    let far_s = between_s * 1.1;
    if began_within {
        change += first.value;
        sampled_s = (last.t_ms - first.start_ms) as f64 / 1000.0;
        to_start_s = 0.0;
    } else {
        if to_start_s >= far_s {
            to_start_s = between_s / 2.0;
        }
        if is_counter && change > 0.0 && first.value >= 0.0 {
            let to_zero_s = sampled_s * (first.value / change);
            if to_zero_s < to_start_s {
                to_start_s = to_zero_s;
            }
        }
    }
    if to_end_s >= far_s {
        to_end_s = between_s / 2.0;
    }
    Some((change, (sampled_s + to_start_s + to_end_s) / sampled_s))
}

/// Whether a counter began again between a sample and the one before.
fn is_reset(samples: &[Sample], i: usize) -> bool {
    let (before, sample) = (&samples[i - 1], &samples[i]);
    sample.value < before.value || began_again(before, sample)
}

/// Whether the sender says that the counter began again between two samples. One that begins at the
/// sample before does so only if that one knows its own beginning: many senders name the first
/// sample they saw if they know no better.
fn began_again(before: &Sample, sample: &Sample) -> bool {
    let start_ms = sample.start_ms;
    if start_ms == 0 || start_ms >= sample.t_ms {
        return false;
    }
    let knows_start = before.start_ms != 0 && before.start_ms < before.t_ms;
    start_ms > before.t_ms || (start_ms == before.t_ms && knows_start)
}

fn warn_of_overlaps(call: &mut RangeCall<'_>, is_counter: bool) {
    let overlaps = |pair: &[Sample]| {
        let start_ms = pair[1].start_ms;
        start_ms != 0 && start_ms < pair[0].t_ms && start_ms != pair[0].start_ms
    };
    // The first sample's own start is compared with nothing.
    if is_counter && call.window.samples.windows(2).any(overlaps) {
        let text = format!(
            "sample has start time that overlaps with previous sample timestamp for metric {}",
            Quoted(call.metric)
        );
        call.remarks.warn(call.span, text);
    }
}

/// `irate`
pub(super) fn irate(call: &mut RangeCall<'_>) -> Option<Value> {
    let (change, between_ms) = last_change(call, true)?;
    Some(Value::Float(change / (between_ms as f64 / 1000.0)))
}

/// `idelta`
pub(super) fn idelta(call: &mut RangeCall<'_>) -> Option<Value> {
    last_change(call, false).map(|(change, _)| Value::Float(change))
}

/// The change between the last two samples, and the milliseconds between them.
fn last_change(call: &mut RangeCall<'_>, is_counter: bool) -> Option<(f64, i64)> {
    let merged = call.window.merged();
    let [.., before, last] = merged.as_slice() else { return None };
    match (&before.value, &last.value) {
        (Value::Float(_), Value::Float(_)) => {}
        (Value::Histogram(_), Value::Histogram(_)) => return None,
        _ => {
            call.warn_of_mix();
            return None;
        }
    }
    let samples = call.window.samples;
    let i = samples.len() - 1;
    let between_ms = samples[i].t_ms - samples[i - 1].t_ms;
    let change = match is_counter && is_reset(samples, i) {
        true => samples[i].value,
        false => samples[i].value - samples[i - 1].value,
    };
    (between_ms != 0).then_some((change, between_ms))
}

/// `resets`
pub(super) fn resets(call: &mut RangeCall<'_>) -> Option<Value> {
    let samples = from_anchor(call)?;
    if call.window.histograms.is_empty() {
        let n = (1..samples.len()).filter(|i| is_reset(samples, *i)).count();
        return Some(Value::Float(n as f64));
    }
    let n = changes_of_kind(call, |before, value| value < before);
    Some(Value::Float(n as f64))
}

/// `changes`
pub(super) fn changes(call: &mut RangeCall<'_>) -> Option<Value> {
    let samples = from_anchor(call)?;
    let differ = |before: f64, value: f64| value != before && !(value.is_nan() && before.is_nan());
    if call.window.histograms.is_empty() {
        let n = samples.windows(2).filter(|pair| differ(pair[0].value, pair[1].value)).count();
        return Some(Value::Float(n as f64));
    }
    Some(Value::Float(changes_of_kind(call, differ) as f64))
}

/// The samples that are compared, if any sample is in the range: of an anchored one from the last
/// sample before it.
fn from_anchor<'r>(call: &RangeCall<'r>) -> Option<&'r [Sample]> {
    let Window { samples, histograms, start_ms, .. } = call.window;
    if call.extension.is_none() {
        return (!call.window.is_empty()).then_some(samples);
    }
    let last_ms = samples.last().map(|sample| sample.t_ms);
    let last_ms = last_ms.max(histograms.last().map(|sample| sample.t_ms))?;
    let first = first_of(samples, start_ms);
    (last_ms > start_ms).then(|| &samples[first..])
}

/// How often neighbours of both kinds differ: in kind, or in value by this test.
fn changes_of_kind(call: &RangeCall<'_>, differ: impl Fn(f64, f64) -> bool) -> usize {
    let merged = call.window.merged();
    let differs = |pair: &&[super::answer::Point]| match (&pair[0].value, &pair[1].value) {
        (Value::Float(before), Value::Float(value)) => differ(*before, *value),
        (Value::Histogram(before), Value::Histogram(value)) => !before.same_bits(value),
        _ => true,
    };
    merged.windows(2).filter(differs).count()
}
