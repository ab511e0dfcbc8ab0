//! Protobuf: the metrics of one push as messages, each after its length, which is how client
//! libraries in Go push.
//!
//! A histogram may have classic buckets, which are a series each, and native ones, which are one
//! series together; one that has both is both. Field numbers: `io/prometheus/client/metrics.proto` of prometheus/client_model.

use std::collections::HashSet;
use std::sync::Arc;

use model::{Histogram, Labels, METRIC_NAME, MetadataKind};

use super::native::{as_gauge, read_native};
use super::page::{PushedFamily, PushedPage, PushedValue, SERIES_MAX, ordinary};
use crate::openmetrics::bound_text;
use crate::remote_write::fields::{FieldError, Fields, Value};

/// Labels of one metric. Far above what is stored.
const LABELS_MAX: usize = 1024;

/// Messages that cannot be a group's.
#[derive(Debug, thiserror::Error)]
pub enum ProtobufFault {
    /// They are none.
    #[error("no protobuf of a MetricFamily: {0}")]
    Fields(#[from] FieldError),
    /// The length before a message is none, or says more than there is.
    #[error("byte {offset}: no length of a message")]
    Length {
        /// Where it begins, from 0.
        offset: usize,
    },
    /// A family that a group cannot have.
    #[error("family {name:?}: {reason}")]
    Family {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads messages of at most 100,000 series.
///
/// # Errors
/// See [`ProtobufFault`].
pub fn read_protobuf(bytes: &[u8]) -> Result<PushedPage, ProtobufFault> {
    let mut page = PushedPage::new();
    let mut seen = HashSet::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = message_end(bytes, &mut at).ok_or(ProtobufFault::Length { offset: at })?;
        let (name, family) = family(&bytes[at..end])?;
        let fault = |reason| ProtobufFault::Family { name: name.clone(), reason };
        for (series, _) in &family.series {
            if seen.len() == SERIES_MAX {
                return Err(fault(format!("more than {SERIES_MAX} series")));
            }
            if !seen.insert(series.clone()) {
                return Err(fault(format!("{series} is there before")));
            }
        }
        if page.insert(name.clone(), family).is_some() {
            return Err(fault("is there twice".to_owned()));
        }
        at = end;
    }
    Ok(page)
}

/// Reads a length, and says where the message behind it ends.
fn message_end(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut length = 0_usize;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return at.checked_add(length).filter(|end| *end <= bytes.len());
        }
    }
    None
}

/// The part of a metric that its family's type names.
#[derive(Clone, Copy)]
enum Type {
    Number(u32),
    Summary,
    Histogram { is_gauge: bool },
}

fn family(bytes: &[u8]) -> Result<(String, PushedFamily), ProtobufFault> {
    let mut fields = Fields::new(bytes);
    let (mut name, mut help, mut kind) = (String::new(), String::new(), 0);
    let mut metrics = Vec::new();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => name = text(fields.bytes(span), "name")?,
            (2, Value::Bytes(span)) => help = text(fields.bytes(span), "help")?,
            (3, Value::Varint(number)) => kind = number,
            (4, Value::Bytes(span)) => metrics.push(span),
            _ => {}
        }
    }
    let (kind, of) = match kind {
        0 => (MetadataKind::Counter, Type::Number(3)),
        1 => (MetadataKind::Gauge, Type::Number(2)),
        2 => (MetadataKind::Summary, Type::Summary),
        4 => (MetadataKind::Histogram, Type::Histogram { is_gauge: false }),
        5 => (MetadataKind::GaugeHistogram, Type::Histogram { is_gauge: true }),
        _ => (MetadataKind::Unknown, Type::Number(5)),
    };
    let mut series = Vec::new();
    for span in metrics {
        metric(fields.bytes(span), &name, of, &mut series)?;
    }
    if name.is_empty() {
        return Err(ProtobufFault::Family { name, reason: "it has no name".to_owned() });
    }
    Ok((name, PushedFamily { kind, help, series }))
}

type SeriesList = Vec<(Labels, PushedValue)>;

fn metric(bytes: &[u8], name: &str, of: Type, out: &mut SeriesList) -> Result<(), ProtobufFault> {
    let fault =
        |reason: &str| ProtobufFault::Family { name: name.to_owned(), reason: reason.to_owned() };
    let mut fields = Fields::new(bytes);
    let mut pairs = Vec::new();
    let mut part = None;
    while let Some((number, value)) = fields.next()? {
        match (number, value, of) {
            (1, Value::Bytes(_), _) if pairs.len() == LABELS_MAX => {
                return Err(fault("a metric with more than 1024 labels"));
            }
            (1, Value::Bytes(span), _) => pairs.push(label(fields.bytes(span))?),
            (6, Value::Varint(_), _) => {
                return Err(fault(
                    "a pushed metric has no timestamp; it is of the time of its push",
                ));
            }
            (wanted, Value::Bytes(span), Type::Number(own)) if wanted == own => part = Some(span),
            (4, Value::Bytes(span), Type::Summary) => part = Some(span),
            (7, Value::Bytes(span), Type::Histogram { .. }) => part = Some(span),
            _ => {}
        }
    }
    let part = part.ok_or_else(|| fault("a metric without a value of the family's type"))?;
    let labels = Labels::new(pairs).map_err(|error| fault(&error.to_string()))?;
    let metric = Metric { name, labels };
    let part = fields.bytes(part);
    match of {
        Type::Number(_) => {
            let value = number(Fields::new(part), 1)?.unwrap_or(0.0);
            out.push(metric.point("", None, value));
        }
        Type::Summary => {
            distribution(Fields::new(part), "", "quantile", &metric, out)?;
        }
        Type::Histogram { is_gauge } => {
            let native = read_native(part).map_err(|error| fault(&error.to_string()))?;
            let is_native = native.is_some();
            out.extend(native.map(|native| metric.native(native, is_gauge)));
            // Sum and count of one that is native alone stand in its one series.
            if !is_native || has_classic_buckets(part)? {
                distribution(Fields::new(part), "_bucket", "le", &metric, out)?;
            }
        }
    }
    Ok(())
}

/// Whose points are being read.
struct Metric<'n> {
    name: &'n str,
    labels: Labels,
}

impl Metric<'_> {
    fn point(&self, suffix: &str, more: Option<(&str, f64)>, value: f64) -> (Labels, PushedValue) {
        let mut labels = self.labels.clone().with(METRIC_NAME, &format!("{}{suffix}", self.name));
        if let Some((label, bound)) = more {
            labels = labels.with(label, &bound_text(bound));
        }
        (labels, ordinary(value).into())
    }

    fn native(&self, histogram: Histogram, is_gauge: bool) -> (Labels, PushedValue) {
        let histogram = if is_gauge { as_gauge(histogram) } else { histogram };
        let labels = self.labels.clone().with(METRIC_NAME, self.name);
        (labels, PushedValue::Histogram(Arc::new(histogram)))
    }
}

fn has_classic_buckets(histogram: &[u8]) -> Result<bool, FieldError> {
    let mut fields = Fields::new(histogram);
    while let Some((number, _)) = fields.next()? {
        if number == 3 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The parts of a summary, or of a histogram: they have the same numbers, but what stands in a part
/// is the other way round.
fn distribution(
    mut fields: Fields<'_>,
    suffix: &str,
    label: &str,
    metric: &Metric<'_>,
    out: &mut SeriesList,
) -> Result<(), ProtobufFault> {
    let is_histogram = label == "le";
    let (mut count, mut sum, mut has_parts, mut has_infinity) = (0.0, 0.0, false, false);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, Value::Varint(whole)) if count == 0.0 => count = whole as f64,
            (2, Value::Fixed64(bits)) => sum = f64::from_bits(bits),
            (4, Value::Fixed64(bits)) if is_histogram && bits != 0 => count = f64::from_bits(bits),
            (3, Value::Bytes(span)) => {
                let part = || fields.within(span);
                let (bound, value) = if is_histogram {
                    let whole = number(part(), 1)?.unwrap_or(0.0);
                    let fraction = number(part(), 4)?.filter(|count| *count > 0.0);
                    (number(part(), 2)?.unwrap_or(0.0), fraction.unwrap_or(whole))
                } else {
                    (number(part(), 1)?.unwrap_or(0.0), number(part(), 2)?.unwrap_or(0.0))
                };
                has_parts = true;
                has_infinity |= bound == f64::INFINITY;
                out.push(metric.point(suffix, Some((label, bound)), value));
            }
            _ => {}
        }
    }
    if is_histogram && has_parts && !has_infinity {
        out.push(metric.point(suffix, Some((label, f64::INFINITY)), count));
    }
    out.push(metric.point("_sum", None, sum));
    out.push(metric.point("_count", None, count));
    Ok(())
}

/// The last number that a field has.
fn number(mut fields: Fields<'_>, wanted: u32) -> Result<Option<f64>, FieldError> {
    let mut found = None;
    // Fields of a part are read by their own end alone.
    while let Some((field, value)) = fields.next()? {
        match value {
            Value::Fixed64(bits) if field == wanted => found = Some(f64::from_bits(bits)),
            Value::Varint(whole) if field == wanted => found = Some(whole as f64),
            _ => {}
        }
    }
    Ok(found)
}

fn label(bytes: &[u8]) -> Result<(String, String), ProtobufFault> {
    let mut fields = Fields::new(bytes);
    let (mut name, mut value) = (String::new(), String::new());
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Bytes(span)) => name = text(fields.bytes(span), "name of a label")?,
            (2, Value::Bytes(span)) => value = text(fields.bytes(span), "value of a label")?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn text(bytes: &[u8], what: &str) -> Result<String, ProtobufFault> {
    let text = str::from_utf8(bytes).map_err(|_| ProtobufFault::Family {
        name: String::new(),
        reason: format!("the {what} is not UTF-8"),
    })?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use model::{Family, Labels, MetricKind, Point};
    use proptest::prelude::*;

    use super::{PushedPage, read_protobuf};
    use crate::exposition::{Escaping, Format, Syntax, write};
    use crate::openmetrics::Dialect;
    use crate::pushgateway::{PushedValue, read_group, read_page, write_group};

    fn families() -> Vec<Family> {
        let mut runs = Family::counter("runs_total", "Runs.");
        runs.push_with([("mode", "a")], 3.0);
        runs.push_with([("mode", "b")], 4.5);
        let mut took = Family::new("took", "Took.", MetricKind::Histogram);
        let mut push = |suffix: &'static str, le: Option<&str>, value: f64| {
            let labels = le.map_or(Labels::default(), |le| Labels::default().with("le", le));
            took.points.push(Point { suffix, labels, value });
        };
        push("_bucket", Some("0.5"), 1.0);
        push("_bucket", Some("+Inf"), 3.0);
        push("_sum", None, 7.5);
        push("_count", None, 3.0);
        vec![runs, took, Family::gauge("now", "").with_value(-1.0)]
    }

    fn page(syntax: Syntax) -> Vec<u8> {
        let mut out = Vec::new();
        let format = Format { syntax, escaping: Escaping::AllowUtf8 };
        let _nothing = write(&families(), format, &mut out);
        out
    }

    /// Our own pages say the same in both forms.
    #[test]
    fn messages_are_read_as_the_text_is() {
        let text = read_page(&page(Syntax::Text), Dialect::Prometheus).unwrap();
        assert_eq!(read_protobuf(&page(Syntax::Protobuf)).unwrap(), text);
        assert_eq!(read_protobuf(b"").unwrap(), PushedPage::new());
    }

    /// `MetricFamily{name="m", type=GAUGE, metric={gauge={value=1}, more}}` after its length.
    fn family(more: &[u8]) -> Vec<u8> {
        let mut metric = vec![0x12, 9, 0x09];
        metric.extend(1.0_f64.to_le_bytes());
        metric.extend(more);
        let mut family = vec![0x0a, 1, b'm', 0x18, 1, 0x22, metric.len() as u8];
        family.extend(metric);
        family.insert(0, family.len() as u8);
        family
    }

    #[test]
    fn messages_that_no_group_can_have_are_refused() {
        assert_eq!(read_protobuf(&family(&[])).unwrap()["m"].series[0].1, 1.0.into());
        for (bytes, told) in [
            (family(&[0x30, 5]), "family \"m\": a pushed metric has no timestamp"),
            ([family(&[]), family(&[])].concat(), "family \"m\": m{} is there before"),
            (vec![9, 0x0a], "byte 1: no length of a message"),
            (vec![0xff; 9], "byte 5: no length of a message"),
            (vec![2, 0x0a, 7], "no protobuf of a MetricFamily"),
            (vec![2, 0x22, 0], "a metric without a value"),
            (vec![2, 0x18, 1], "family \"\": it has no name"),
            (vec![3, 0x0a, 1, 0xff], "the name is not UTF-8"),
        ] {
            let fault = read_protobuf(&bytes).unwrap_err().to_string();
            assert!(fault.contains(told), "{fault}");
        }
    }

    /// A bucket for all is made where the sender has none, as libraries in Go do.
    #[test]
    fn a_histogram_has_a_bucket_for_all() {
        let histogram = [0x3a, 13, 0x08, 5, 0x1a, 9, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        let mut bytes = vec![0x0a, 1, b'h', 0x18, 4, 0x22, histogram.len() as u8];
        bytes.extend(histogram);
        bytes.insert(0, bytes.len() as u8);
        let page = read_protobuf(&bytes).unwrap();
        let told: Vec<String> = page["h"]
            .series
            .iter()
            .map(|(labels, value)| format!("{labels} {}", value.number()))
            .collect();
        let expected =
            ["h_bucket{le=\"1.0\"} 0", "h_bucket{le=\"+Inf\"} 5", "h_sum{} 0", "h_count{} 5"];
        assert_eq!(told, expected);
    }

    /// `MetricFamily{name="h", type=kind, metric={histogram={parts}}}` after its length.
    fn histogram(kind: u8, parts: &[u8]) -> Vec<u8> {
        let metric = [&[0x3a, parts.len() as u8][..], parts].concat();
        let family = [&[0x0a, 1, b'h', 0x18, kind, 0x22, metric.len() as u8][..], &metric].concat();
        [&[family.len() as u8][..], &family].concat()
    }

    /// `{count=5, schema=0, positive_span={0, 1}, positive_delta=5}`.
    const NATIVE: [u8; 12] = [0x08, 5, 0x28, 0, 0x62, 4, 0x08, 0, 0x10, 1, 0x68, 10];
    /// `{bucket={upper=1}}`.
    const CLASSIC: [u8; 11] = [0x1a, 9, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];

    #[test]
    fn native_buckets_are_one_series_beside_classic_ones() {
        let names = |bytes: &[u8]| {
            let page = read_protobuf(bytes).unwrap();
            assert_eq!(read_group(&write_group(&page)).unwrap(), page, "as it is kept");
            let series = &page["h"].series;
            let names = series.iter().map(|(labels, value)| {
                let is_native = matches!(value, PushedValue::Histogram(h) if h.positive == [5.0]);
                format!("{labels}{}", if is_native { " native" } else { "" })
            });
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&histogram(4, &NATIVE)), "h{} native");
        let both = names(&histogram(4, &[&NATIVE[..], &CLASSIC].concat()));
        let expected = "h{} native h_bucket{le=\"1.0\"} h_bucket{le=\"+Inf\"} h_sum{} h_count{}";
        assert_eq!(both, expected);
        let page = read_protobuf(&histogram(5, &NATIVE)).unwrap();
        let PushedValue::Histogram(gauge) = &page["h"].series[0].1 else { panic!("{page:?}") };
        assert_eq!(gauge.reset_hint, model::ResetHint::Gauge);
        let wrong = [0x08, 5, 0x62, 4, 0x08, 0, 0x10, 2, 0x68, 10];
        let fault = read_protobuf(&histogram(4, &wrong)).unwrap_err().to_string();
        assert!(fault.starts_with("family \"h\": "), "{fault}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_page_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read_protobuf(&bytes);
        }

        #[test]
        fn damaged_messages_are_a_page_or_a_fault(at in any::<proptest::sample::Index>(), to in any::<u8>()) {
            let mut bytes = page(Syntax::Protobuf);
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(page) = read_protobuf(&bytes) {
                let kept = write_group(&page);
                prop_assert!(read_group(&kept).is_ok(), "{kept}");
            }
        }
    }
}
