//! Rates: how fast values change over a range, and how often they fall or change at all.
//!
//! The samples of a range seldom lie at its ends. `rate`, `increase` and `delta` go on from the
//! first and the last one to the ends, if these are about as far away as samples are from one
//! another, else by half of that; a counter never goes on to below 0.

use model::{HistogramSample, Sample};

use super::answer::Value;
use super::extended::{self, Reading, first_of, first_of_times};
use super::native::{Native, are_equal};
use super::native_extended;
use super::native_rate;
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
        let reading = Reading { is_smoothed, is_counter };
        if !call.window.histograms.is_empty() {
            let change = native_extended::change(call, reading)?;
            let change = if is_rate { change.divided(range_s) } else { change };
            return Some(Value::Histogram(change.into_histogram()));
        }
        let change = extended::change(&call.window, reading)?;
        return Some(Value::Float(if is_rate { change / range_s } else { change }));
    }
    if !call.window.histograms.is_empty() {
        return native_rate::changed(call, is_counter, is_rate);
    }
    warn_of_overlaps(call, call.window.samples, is_counter);
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
    let mut extent = Extent {
        n: samples.len(),
        first_ms: first.t_ms,
        last_ms: last.t_ms,
        start_ms: first.start_ms,
        first_value: first.value,
        change: 0.0,
    };
    let began_within = is_counter && extent.began_within(&call.window);
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
    if began_within {
        change += first.value;
    }
    extent.change = change;
    Some((change, factor(&call.window, &extent, is_counter)))
}

/// Where the samples of a range lie, and what they say of a counter's zero.
pub(super) struct Extent {
    pub(super) n: usize,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// Since when the first one counts; 0 if that is not known.
    pub(super) start_ms: i64,
    pub(super) first_value: f64,
    pub(super) change: f64,
}

impl Extent {
    /// Whether the first one counts since a moment within the range: the counter was 0 then.
    pub(super) fn began_within(&self, window: &Window<'_>) -> bool {
        self.start_ms != 0 && self.start_ms > window.start_ms && self.start_ms < self.first_ms
    }
}

/// By how much the change between the samples grows to that over the whole range.
pub(super) fn factor(window: &Window<'_>, extent: &Extent, is_counter: bool) -> f64 {
    let mut sampled_s = (extent.last_ms - extent.first_ms) as f64 / 1000.0;
    let between_s = match extent.n {
        0 | 1 => 0.0,
        n => sampled_s / (n - 1) as f64,
    };
    let mut to_start_s = (extent.first_ms - window.start_ms) as f64 / 1000.0;
    let mut to_end_s = (window.end_ms - extent.last_ms) as f64 / 1000.0;
    let far_s = between_s * 1.1;
    if is_counter && extent.began_within(window) {
        sampled_s = (extent.last_ms - extent.start_ms) as f64 / 1000.0;
        to_start_s = 0.0;
    } else {
        if to_start_s >= far_s {
            to_start_s = between_s / 2.0;
        }
        if is_counter && extent.change > 0.0 && extent.first_value >= 0.0 {
            let to_zero_s = sampled_s * (extent.first_value / extent.change);
            if to_zero_s < to_start_s {
                to_start_s = to_zero_s;
            }
        }
    }
    if to_end_s >= far_s {
        to_end_s = between_s / 2.0;
    }
    (sampled_s + to_start_s + to_end_s) / sampled_s
}

/// Whether a counter began again between a sample and the one before.
fn is_reset(samples: &[Sample], i: usize) -> bool {
    is_reset_after(&samples[i - 1], &samples[i])
}

fn is_reset_after(before: &Sample, sample: &Sample) -> bool {
    sample.value < before.value || began_again(before.into(), sample.into())
}

/// When a sample is and since when it counts.
#[derive(Clone, Copy)]
pub(super) struct Times {
    t_ms: i64,
    start_ms: i64,
}

impl From<&Sample> for Times {
    fn from(sample: &Sample) -> Self {
        Self { t_ms: sample.t_ms, start_ms: sample.start_ms }
    }
}

impl From<&HistogramSample> for Times {
    fn from(sample: &HistogramSample) -> Self {
        Self { t_ms: sample.t_ms, start_ms: sample.start_ms }
    }
}

/// Whether the sender says that the counter began again between two samples. One that begins at the
/// sample before does so only if that one knows its own beginning: many senders name the first
/// sample they saw if they know no better.
pub(super) fn began_again(before: Times, sample: Times) -> bool {
    let start_ms = sample.start_ms;
    if start_ms == 0 || start_ms >= sample.t_ms {
        return false;
    }
    let knows_start = before.start_ms != 0 && before.start_ms < before.t_ms;
    start_ms > before.t_ms || (start_ms == before.t_ms && knows_start)
}

/// Says that a sample of a counter counts since before the one before it.
pub(super) fn warn_of_overlaps<'s, S>(call: &mut RangeCall<'_>, all: &'s [S], is_counter: bool)
where
    Times: From<&'s S>,
{
    let overlaps = |pair: &'s [S]| {
        let (before, sample) = (Times::from(&pair[0]), Times::from(&pair[1]));
        let start_ms = sample.start_ms;
        start_ms != 0 && start_ms < before.t_ms && start_ms != before.start_ms
    };
    // The first sample's own start is compared with nothing.
    if is_counter && all.windows(2).any(overlaps) {
        let text = format!(
            "sample has start time that overlaps with previous sample timestamp for metric {}",
            Quoted(call.metric)
        );
        call.remarks.warn(call.span, text);
    }
}

/// `irate`
pub(super) fn irate(call: &mut RangeCall<'_>) -> Option<Value> {
    if ends_in_histograms(call)? {
        return native_rate::last_change(call, true);
    }
    let (change, between_ms) = last_change(call, true)?;
    Some(Value::Float(change / (between_ms as f64 / 1000.0)))
}

/// `idelta`
pub(super) fn idelta(call: &mut RangeCall<'_>) -> Option<Value> {
    if ends_in_histograms(call)? {
        return native_rate::last_change(call, false);
    }
    last_change(call, false).map(|(change, _)| Value::Float(change))
}

/// Whether the last two samples are histograms; none of different kinds.
fn ends_in_histograms(call: &mut RangeCall<'_>) -> Option<bool> {
    let merged = call.window.merged();
    let [.., before, last] = merged.as_slice() else { return None };
    match (before.value.float(), last.value.float()) {
        (Some(_), Some(_)) => Some(false),
        (None, None) => Some(true),
        _ => {
            call.warn_of_mix();
            None
        }
    }
}

/// The change between the last two samples, and the milliseconds between them.
fn last_change(call: &mut RangeCall<'_>, is_counter: bool) -> Option<(f64, i64)> {
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
    let is_histogram_reset = |before: &HistogramSample, sample: &HistogramSample| {
        let native = |sample: &HistogramSample| Native::from(&*sample.histogram);
        began_again(before.into(), sample.into()) || native(sample).is_reset_after(&native(before))
    };
    Some(Value::Float(changes_of_kind(call, is_reset_after, is_histogram_reset) as f64))
}

/// `changes`
pub(super) fn changes(call: &mut RangeCall<'_>) -> Option<Value> {
    let samples = from_anchor(call)?;
    let differ = |before: f64, value: f64| value != before && !(value.is_nan() && before.is_nan());
    if call.window.histograms.is_empty() {
        let n = samples.windows(2).filter(|pair| differ(pair[0].value, pair[1].value)).count();
        return Some(Value::Float(n as f64));
    }
    let n = changes_of_kind(
        call,
        |before, sample| differ(before.value, sample.value),
        |before, sample| !are_equal(&before.histogram, &sample.histogram),
    );
    Some(Value::Float(n as f64))
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
    (last_ms > start_ms).then(|| &samples[first_of(samples, start_ms)..])
}

/// A sample of either kind.
#[derive(Clone, Copy)]
enum Seen<'r> {
    Float(&'r Sample),
    Histogram(&'r HistogramSample),
}

impl Seen<'_> {
    fn t_ms(&self) -> i64 {
        match self {
            Self::Float(sample) => sample.t_ms,
            Self::Histogram(sample) => sample.t_ms,
        }
    }
}

/// How often neighbours of both kinds differ: in kind, or by these tests.
fn changes_of_kind(
    call: &RangeCall<'_>,
    differ: impl Fn(&Sample, &Sample) -> bool,
    histograms_differ: impl Fn(&HistogramSample, &HistogramSample) -> bool,
) -> usize {
    let floats = call.window.samples.iter().map(Seen::Float);
    let histograms = call.window.histograms.iter().map(Seen::Histogram);
    let mut merged: Vec<Seen<'_>> = floats.chain(histograms).collect();
    merged.sort_by_key(Seen::t_ms);
    let first = match call.extension {
        None => 0,
        Some(_) => first_of_times(&merged, call.window.start_ms, Seen::t_ms),
    };
    let differs = |pair: &&[Seen<'_>]| match (pair[0], pair[1]) {
        (Seen::Float(before), Seen::Float(sample)) => differ(before, sample),
        (Seen::Histogram(before), Seen::Histogram(sample)) => histograms_differ(before, sample),
        _ => true,
    };
    merged[first..].windows(2).filter(differs).count()
}
