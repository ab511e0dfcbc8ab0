//! The page of stored samples as protobuf, which alone has a form for native histograms.
//!
//! Numbers and bounds are those of a scraped histogram of doubles: counts that were added up or
//! resampled need not be whole. Bounds that a sender chose have no form here either.

use model::{BucketSpan, Histogram, Labels, METRIC_NAME, MetricKind, ResetHint};

use super::super::Escaping;
use super::super::names::NameOf;
use super::super::protobuf::{
    VALUE, bytes_field, double_field, family, message_field, metric, type_number, varint_field,
    with_length, write_label,
};
use super::{INSTANCE, Stamped};

/// What the enum `MetricType` has beside our kinds of metrics.
const GAUGE_HISTOGRAM: u64 = 5;

mod histogram {
    pub(super) const SUM: u32 = 2;
    pub(super) const COUNT: u32 = 4;
    pub(super) const SCHEMA: u32 = 5;
    pub(super) const ZERO_THRESHOLD: u32 = 6;
    pub(super) const ZERO_COUNT: u32 = 8;
    pub(super) const NEGATIVE: Side = Side { span: 9, count: 11 };
    pub(super) const POSITIVE: Side = Side { span: 12, count: 14 };

    /// Fields of the buckets on one side of 0.
    #[derive(Clone, Copy)]
    pub(super) struct Side {
        pub(super) span: u32,
        pub(super) count: u32,
    }
}

mod span {
    pub(super) const OFFSET: u32 = 1;
    pub(super) const LENGTH: u32 = 2;
}

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Numbers.
    Untyped,
    /// Native histograms that count on.
    Histogram,
    /// Native histograms whose counts may fall.
    GaugeHistogram,
}

impl Kind {
    /// That of a histogram; `None` if it has bounds of its sender's choice.
    pub fn of(histogram: &Histogram) -> Option<Self> {
        match histogram.reset_hint {
            _ if histogram.has_custom_bounds() => None,
            ResetHint::Gauge => Some(Self::GaugeHistogram),
            ResetHint::Unknown | ResetHint::Reset | ResetHint::NotReset => Some(Self::Histogram),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Untyped => type_number(MetricKind::Untyped),
            Self::Histogram => type_number(MetricKind::Histogram),
            Self::GaugeHistogram => GAUGE_HISTOGRAM,
        }
    }
}

/// What a series has at a time.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'s> {
    /// A number.
    Value(Stamped),
    /// A native histogram, at Unix milliseconds.
    Histogram(&'s Histogram, i64),
}

/// Appends a metric and samples of its series, which are all of this kind.
pub fn write_family<'s>(
    out: &mut Vec<u8>,
    (name, kind): (&str, Kind),
    samples: impl Iterator<Item = (&'s Labels, Sample<'s>)>,
    escaping: Escaping,
) {
    with_length(out, |out| {
        let name = NameOf::Metric.escape(name, escaping);
        bytes_field(out, family::NAME, name.as_bytes());
        varint_field(out, family::TYPE, kind.number());
        for (labels, sample) in samples {
            message_field(out, family::METRIC, |out| write_metric(out, labels, sample, escaping));
        }
    });
}

fn write_metric(out: &mut Vec<u8>, labels: &Labels, sample: Sample<'_>, escaping: Escaping) {
    for label in labels.iter().filter(|label| label.name != METRIC_NAME) {
        write_label(&NameOf::Label.escape(&label.name, escaping), &label.value, out);
    }
    if labels.get(INSTANCE).is_none() {
        write_label(INSTANCE, "", out);
    }
    let t_ms = match sample {
        Sample::Value(Stamped { value, t_ms }) => {
            message_field(out, metric::UNTYPED, |out| double_field(out, VALUE, value));
            t_ms
        }
        Sample::Histogram(histogram, t_ms) => {
            message_field(out, metric::HISTOGRAM, |out| write_histogram(out, histogram));
            t_ms
        }
    };
    // The two's complement, as protobuf writes an int64.
    varint_field(out, metric::TIMESTAMP_MS, t_ms as u64);
}

fn write_histogram(out: &mut Vec<u8>, one: &Histogram) {
    let layout = &one.layout;
    double_field(out, histogram::SUM, one.sum);
    double_field(out, histogram::COUNT, one.count);
    varint_field(out, histogram::SCHEMA, zigzag(i32::from(layout.schema)));
    double_field(out, histogram::ZERO_THRESHOLD, layout.zero_threshold);
    double_field(out, histogram::ZERO_COUNT, one.zero_count);
    write_side(out, histogram::NEGATIVE, &layout.negative_spans, &one.negative);
    let is_bare = layout.negative_spans.is_empty() && layout.positive_spans.is_empty();
    // Without any of these a reader would take it for one with fixed buckets, of which it has none.
    let nothing = [BucketSpan::default()];
    let positive = if is_bare { &nothing[..] } else { &layout.positive_spans };
    write_side(out, histogram::POSITIVE, positive, &one.positive);
}

fn write_side(out: &mut Vec<u8>, side: histogram::Side, spans: &[BucketSpan], counts: &[f64]) {
    for one in spans {
        message_field(out, side.span, |out| {
            varint_field(out, span::OFFSET, zigzag(one.offset));
            varint_field(out, span::LENGTH, u64::from(one.length));
        });
    }
    for count in counts {
        double_field(out, side.count, *count);
    }
}

/// A number with its sign in the lowest bit.
fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)) as u32)
}

#[cfg(test)]
mod tests;
