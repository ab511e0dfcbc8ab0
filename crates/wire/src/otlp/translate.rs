//! Translate: the points of a message as series of Prometheus.
//!
//! A gauge or a sum is one series; a histogram with bounds is one per bucket, one for the count and
//! one for the sum, or a native histogram on request; an exponential histogram is a native one; a
//! summary is one series per quantile. Each resource that had a point has a `target_info`.

use std::fmt::Write as _;
use std::sync::Arc;

use model::{
    Exemplar, Histogram, HistogramSample, Metadata, MetadataKind, STALE_MARKER_BITS, Sample,
    is_stale_marker,
};

use super::labels::{Base, LabelsError, Surroundings, target_info};
use super::message::{Data, Metric, Shape, each, read_resource, read_scope};
use super::names::{NameKind, metric_name, unit_name};
use super::native::{BadHistogram, Explicit};
use super::points::{
    COUNTS_MAX, Head, Scratch, read_explicit, read_exponential, read_number, read_summary,
};
use super::translated::PointNote;
use super::{HELP_BYTES_MAX, MessageError, Settings, Translated};
use crate::remote_write::fields::Fields;

/// Whether a sample of this time, Unix milliseconds, is taken; if not, why.
pub type TimeCheck<'c> = &'c dyn Fn(i64) -> Result<(), String>;

/// How often `target_info` is repeated between the first and the last point: half of how far a
/// query looks back.
const INFO_STEP_MS: i64 = 150_000;
/// How far before the last point `target_info` begins, however old the first point is.
const INFO_SPAN_MS_MAX: i64 = 7_200_000;

/// Translates a message. Nothing outside of it changes; points of delta temporality still have to
/// be added up, see [`Translated::has_deltas`].
///
/// # Errors
/// The message is not well-formed, or larger than is taken: nothing of it should be stored.
pub fn translate(
    message: &[u8],
    settings: &Settings,
    check_time: TimeCheck<'_>,
) -> Result<Translated, MessageError> {
    let mut translator = Translator {
        settings,
        check_time,
        out: Translated::default(),
        scratch: Scratch::default(),
        base: Base::default(),
        text: String::new(),
        taken_ms: None,
    };
    each(Fields::new(message), 1, |fields| translator.resource(fields))?;
    Ok(translator.out)
}

struct Translator<'m, 's> {
    settings: &'s Settings,
    check_time: TimeCheck<'s>,
    out: Translated,
    scratch: Scratch<'m>,
    base: Base,
    /// The value of a label.
    text: String,
    /// The first and the last time of the points of the resource.
    taken_ms: Option<(i64, i64)>,
}

/// A metric whose points can be taken.
struct Family<'a, 'm> {
    name: String,
    around: &'a Surroundings<'m>,
    shape: Shape,
    is_delta: bool,
    is_monotonic: bool,
}

/// Why a point is no sample.
enum Fault {
    /// Nothing of the message can be trusted.
    Message(MessageError),
    /// This point alone is wrong.
    Point(String),
}

impl From<MessageError> for Fault {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

fn point_fault(reason: impl std::fmt::Display) -> Fault {
    Fault::Point(reason.to_string())
}

impl<'m> Translator<'m, '_> {
    fn resource(&mut self, fields: Fields<'m>) -> Result<(), MessageError> {
        let resource = read_resource(fields.clone())?;
        let around = Surroundings::of_resource(&resource, self.settings);
        let around = around.map_err(|error| error.to_string());
        self.taken_ms = None;
        each(fields, 2, |fields| self.scope(fields, &around))?;
        let Some(taken_ms) = self.taken_ms else { return Ok(()) };
        match target_info(&resource, self.settings) {
            Ok(None) => Ok(()),
            Ok(Some(base)) => self.push_info(&base, taken_ms),
            Err(error) => {
                let reason = format!("no target_info for a resource: {error}");
                self.out.refusals_mut().note(0, &reason);
                Ok(())
            }
        }
    }

    /// The last point has its `target_info` too, wherever it lies.
    fn push_info(
        &mut self,
        base: &Base,
        (first_ms, last_ms): (i64, i64),
    ) -> Result<(), MessageError> {
        let first_ms = first_ms.max(last_ms.saturating_sub(INFO_SPAN_MS_MAX));
        let n_steps = (last_ms - first_ms + INFO_STEP_MS - 1) / INFO_STEP_MS;
        let before = (0..n_steps).map(|step| first_ms + step * INFO_STEP_MS);
        let all = before.chain([last_ms]).map(|t_ms| Sample::new(t_ms, 1.0));
        self.out.push_info(base, "target_info", all)?;
        let help = "Target metadata".to_owned();
        let kind = MetadataKind::Info;
        self.out.push_metadata("target_info", Metadata { kind, help, unit: String::new() });
        Ok(())
    }

    fn scope(
        &mut self,
        fields: Fields<'m>,
        around: &Result<Surroundings<'m>, String>,
    ) -> Result<(), MessageError> {
        if !self.settings.promote_scope {
            return each(fields, 2, |fields| self.metric(fields, around));
        }
        let scope = read_scope(fields.clone())?;
        let with_scope = |around: &Surroundings<'m>| {
            let all = around.with_scope(&scope, self.settings.strategy);
            all.map_err(|error: LabelsError| error.to_string())
        };
        let around = around.as_ref().map_err(Clone::clone).and_then(with_scope);
        each(fields, 2, |fields| self.metric(fields, &around))
    }

    fn metric(
        &mut self,
        fields: Fields<'m>,
        around: &Result<Surroundings<'m>, String>,
    ) -> Result<(), MessageError> {
        let metric = Metric::read(fields)?;
        let Some(data) = &metric.data else { return Ok(()) };
        let family = around.as_ref().map_err(Clone::clone).and_then(|around| {
            let family = Family::of(&metric, data, around, self.settings);
            family.map_err(|reason| format!("metric {:?}: {reason}", shortened(metric.name, 64)))
        });
        let mut has_taken = false;
        each(data.fields.clone(), 1, |point| match &family {
            Err(reason) => {
                self.out.refusals_mut().note(1, reason);
                Ok(())
            }
            Ok(family) => {
                has_taken |= self.point(point, family)?;
                Ok(())
            }
        })?;
        if let (true, Ok(family)) = (has_taken, family) {
            self.out.push_metadata(&family.name, family.metadata(&metric, self.settings));
        }
        Ok(())
    }

    /// Takes a point, or refuses it; whether it was taken.
    fn point(&mut self, fields: Fields<'m>, family: &Family<'_, 'm>) -> Result<bool, MessageError> {
        let mark = self.out.mark();
        let taken = match family.shape {
            Shape::Gauge | Shape::Sum => self.number(fields, family),
            Shape::Explicit => self.explicit(fields, family),
            Shape::Exponential => self.exponential(fields, family),
            Shape::Summary => self.summary(fields, family),
        };
        let reason = match taken {
            Ok(t_ms) => {
                let (first, last) = self.taken_ms.unwrap_or((t_ms, t_ms));
                self.taken_ms = Some((first.min(t_ms), last.max(t_ms)));
                return Ok(true);
            }
            Err(Fault::Message(error)) => return Err(error),
            Err(Fault::Point(reason)) => reason,
        };
        self.out.truncate(mark);
        let reason = format!("metric {:?}: {reason}", shortened(&family.name, 128));
        self.out.refusals_mut().note(1, &reason);
        Ok(false)
    }

    /// Begins a point; its time.
    fn begin(
        &mut self,
        head: Head,
        family: &Family<'_, 'm>,
        other: Option<&'static str>,
    ) -> Result<i64, Fault> {
        if head.time_ns == 0 {
            return Err(point_fault("a point without a time"));
        }
        let t_ms = head.t_ms();
        (self.check_time)(t_ms).map_err(Fault::Point)?;
        let (attributes, strategy) = (&self.scratch.attributes, self.settings.strategy);
        self.base.fill(attributes, family.around, strategy, other).map_err(point_fault)?;
        // A series that ends adds nothing.
        self.out.begin(PointNote { head, is_delta: family.is_delta && !head.is_stale() });
        Ok(t_ms)
    }

    fn number(&mut self, fields: Fields<'m>, family: &Family<'_, 'm>) -> Result<i64, Fault> {
        let (head, value) = read_number(fields, &mut self.scratch)?;
        let t_ms = self.begin(head, family, None)?;
        let value = match value {
            _ if head.is_stale() => f64::from_bits(STALE_MARKER_BITS),
            Some(value) => not_stale(value),
            None => return Err(point_fault("a point without a value")),
        };
        let start_ms = if family.is_monotonic { head.start_ms() } else { 0 };
        // As in Prometheus: a sum has exemplars whether it may fall or not, a gauge has none.
        if family.shape == Shape::Sum {
            self.exemplars(t_ms)?.into_iter().for_each(|one| self.out.push_exemplar(one));
        }
        let sample = Sample { t_ms, value, start_ms };
        self.out.push_sample(&self.base, ([&family.name, ""], None), sample)?;
        Ok(t_ms)
    }

    fn explicit(&mut self, fields: Fields<'m>, family: &Family<'_, 'm>) -> Result<i64, Fault> {
        let (head, point) = read_explicit(fields, &mut self.scratch)?;
        point.check().map_err(point_fault)?;
        if self.settings.native_buckets {
            return self.native(head, family, || point.native());
        }
        let t_ms = self.begin(head, family, Some("le"))?;
        self.buckets(head, &point, &family.name)?;
        let mut push = |suffix: &str, value: f64| {
            let sample = sample_of(head, value);
            self.out.push_sample(&self.base, ([&family.name, suffix], None), sample)
        };
        push("_count", point.count as f64)?;
        // A series that ends may have had a sum.
        if let Some(sum) = point.sum.or(head.is_stale().then_some(0.0)) {
            push("_sum", not_stale(sum))?;
        }
        Ok(t_ms)
    }

    /// One series per bucket, each with the exemplars that are new in it.
    fn buckets(&mut self, head: Head, point: &Explicit, name: &str) -> Result<(), Fault> {
        let mut exemplars = self.exemplars(head.t_ms())?;
        exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut exemplars = exemplars.into_iter().peekable();
        for (bound, count) in point.cumulative() {
            while let Some(one) = exemplars.next_if(|one| one.value <= bound) {
                self.out.push_exemplar(one);
            }
            write_bound(&mut self.text, bound);
            let series = ([name, "_bucket"], Some(self.text.as_str()));
            self.out.push_sample(&self.base, series, sample_of(head, count as f64))?;
        }
        exemplars.for_each(|one| self.out.push_exemplar(one));
        let series = ([name, "_bucket"], Some("+Inf"));
        self.out.push_sample(&self.base, series, sample_of(head, point.count as f64))?;
        Ok(())
    }

    fn exponential(&mut self, fields: Fields<'m>, family: &Family<'_, 'm>) -> Result<i64, Fault> {
        let (head, point) = read_exponential(fields, &mut self.scratch)?;
        self.native(head, family, || point.native())
    }

    fn native(
        &mut self,
        head: Head,
        family: &Family<'_, 'm>,
        histogram: impl FnOnce() -> Result<Histogram, BadHistogram>,
    ) -> Result<i64, Fault> {
        let t_ms = self.begin(head, family, None)?;
        let histogram = match head.is_stale() {
            true => Histogram::stale_marker(),
            false => histogram().map_err(point_fault)?,
        };
        self.exemplars(t_ms)?.into_iter().for_each(|one| self.out.push_exemplar(one));
        let (start_ms, histogram) = (head.start_ms(), Arc::new(histogram));
        let sample = HistogramSample { t_ms, start_ms, histogram };
        self.out.push_histogram(&self.base, &family.name, sample)?;
        Ok(t_ms)
    }

    fn summary(&mut self, fields: Fields<'m>, family: &Family<'_, 'm>) -> Result<i64, Fault> {
        let (head, point) = read_summary(fields, &mut self.scratch)?;
        if point.quantiles.len() > COUNTS_MAX {
            return Err(point_fault("a summary with too many quantiles"));
        }
        let t_ms = self.begin(head, family, Some("quantile"))?;
        for (quantile, value) in &point.quantiles {
            write_bound(&mut self.text, *quantile);
            let series = ([family.name.as_str(), ""], Some(self.text.as_str()));
            let sample = Sample { start_ms: 0, ..sample_of(head, not_stale(*value)) };
            self.out.push_sample(&self.base, series, sample)?;
        }
        for (suffix, value) in [("_count", point.count as f64), ("_sum", not_stale(point.sum))] {
            let series = ([family.name.as_str(), suffix], None);
            self.out.push_sample(&self.base, series, sample_of(head, value))?;
        }
        Ok(t_ms)
    }

    /// The exemplars of the point that can be kept.
    fn exemplars(&self, t_ms: i64) -> Result<Vec<Exemplar>, MessageError> {
        let mut all = Vec::new();
        for fields in &self.scratch.exemplars {
            let exemplar = super::exemplar::read_exemplar(fields.clone(), t_ms)?;
            // Nothing is observed after the point that counts it. Old ones are the store's to refuse.
            all.extend(exemplar.filter(|one| one.t_ms <= t_ms));
        }
        Ok(all)
    }
}

impl<'a, 'm> Family<'a, 'm> {
    /// A metric's name and how its points are to be taken; or why none of them can be.
    fn of(
        metric: &Metric<'m>,
        data: &Data<'m>,
        around: &'a Surroundings<'m>,
        settings: &Settings,
    ) -> Result<Self, String> {
        let is_delta = match (data.shape, data.temporality) {
            (Shape::Gauge | Shape::Summary, _) | (_, 2) => false,
            (_, 1) => true,
            (_, other) => return Err(format!("no aggregation temporality has the number {other}")),
        };
        let is_monotonic = data.shape == Shape::Sum && data.is_monotonic;
        let kind = match data.shape {
            Shape::Gauge => NameKind::Gauge,
            _ if is_monotonic => NameKind::Counter,
            _ => NameKind::Other,
        };
        let name = metric_name(settings.strategy, metric.name, metric.unit, kind);
        let name = name.map_err(|error| error.to_string())?;
        Ok(Self { name, around, shape: data.shape, is_delta, is_monotonic })
    }

    fn metadata(&self, metric: &Metric<'m>, settings: &Settings) -> Metadata {
        let kind = match self.shape {
            Shape::Sum if self.is_monotonic => MetadataKind::Counter,
            Shape::Gauge | Shape::Sum => MetadataKind::Gauge,
            Shape::Explicit | Shape::Exponential => MetadataKind::Histogram,
            Shape::Summary => MetadataKind::Summary,
        };
        let help = shortened(metric.description, HELP_BYTES_MAX).to_owned();
        Metadata { kind, help, unit: unit_name(settings.strategy, metric.unit) }
    }
}

/// The value of `le` or `quantile`, as Prometheus writes it for points of OpenTelemetry: plain digits.
fn write_bound(text: &mut String, bound: f64) {
    text.clear();
    let _ = match bound.is_infinite() {
        true => text.write_str(if bound > 0.0 { "+Inf" } else { "-Inf" }),
        false => write!(text, "{bound}"),
    };
}

/// A sample of a count since a start.
fn sample_of(head: Head, value: f64) -> Sample {
    let value = if head.is_stale() { f64::from_bits(STALE_MARKER_BITS) } else { value };
    Sample { t_ms: head.t_ms(), value, start_ms: head.start_ms() }
}

/// A value that says nothing about the end of its series: that is the flag's to say.
fn not_stale(value: f64) -> f64 {
    if is_stale_marker(value) { f64::NAN } else { value }
}

/// The start of a text, of at most so many bytes.
fn shortened(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
