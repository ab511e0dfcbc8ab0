//! Metrics: one measurement, several of one series at once, or a batch of both.
//!
//! ```json
//! {"service": "api", "metric_type": "cpu", "value": 12.5,
//!  "timestamp": 1700000000, "labels": {"zone": "a"}}
//! ```
//!
//! `timestamp` and `labels` may be missing. `value` and `timestamp` may both be arrays of one
//! length. A batch is an array of such objects, or an object with such an array as `metrics`.

use std::borrow::Cow;
use std::fmt;

use model::{Labels, METRIC_NAME, time};
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::PushError;
use super::json::{KeySeed, Node, NodeSeed, read};
use super::record::{Field, NAME_BYTES_MAX, RecordSeed, required_text, skip_array};

/// Items of one batch.
pub const BATCH_ITEMS_MAX: usize = 10_000;
/// Samples of one body, all its items together.
pub const BATCH_SAMPLES_MAX: usize = 100_000;
/// Labels of one item besides service and metric type. Generous: the ingest limits decide.
pub const LABELS_MAX: usize = 64;
/// Bytes of a label's name.
pub const LABEL_NAME_BYTES_MAX: usize = 256;
/// Bytes of a label's value.
pub const LABEL_VALUE_BYTES_MAX: usize = 4096;
/// Names that `labels` may not set, because the series has them from elsewhere.
pub const RESERVED_LABELS: [&str; 3] = ["service", "metric_type", METRIC_NAME];

/// Bytes of a time given as text.
const TIME_BYTES_MAX: usize = 64;

const FIELDS: [Field; 5] = [
    Field::scalar("service"),
    Field::scalar("metric_type"),
    Field::with_elements("value", BATCH_SAMPLES_MAX),
    Field::with_elements("timestamp", BATCH_SAMPLES_MAX),
    Field::with_elements("labels", LABELS_MAX),
];

/// One value as it was pushed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PushedSample {
    /// Unix milliseconds; `None` when the sender gave no time.
    pub t_ms: Option<i64>,
    /// Finite.
    pub value: f64,
}

/// What was pushed for one series: names within their bounds and not empty, labels with names that
/// are neither reserved nor repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPush<'a> {
    service: Cow<'a, str>,
    metric_type: Cow<'a, str>,
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    samples: Samples,
}

/// Nearly every push has one sample, which needs no allocation.
#[derive(Debug, Clone, PartialEq)]
enum Samples {
    One(PushedSample),
    Many(Vec<PushedSample>),
}

impl MetricPush<'_> {
    /// Who pushed it.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// What it measures: `cpu`, `memory`, or any other word.
    pub fn metric_type(&self) -> &str {
        &self.metric_type
    }

    /// The additional labels, in the sender's order.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The values, in the sender's order; empty when the sender gave empty arrays.
    pub fn samples(&self) -> &[PushedSample] {
        match &self.samples {
            Samples::One(sample) => std::slice::from_ref(sample),
            Samples::Many(samples) => samples,
        }
    }

    /// The series it belongs to: all labels, `service` and `metric_type`, under this metric name.
    pub fn series(&self, metric_name: &str) -> Labels {
        let own = [("service", self.service()), ("metric_type", self.metric_type())];
        Labels::of_metric(metric_name, own.into_iter().chain(self.labels()))
            .expect("names were checked when they were read")
    }
}

/// Reads one metric.
///
/// # Errors
/// What is wrong with the body.
pub fn parse_metric(body: &[u8]) -> Result<MetricPush<'_>, PushError> {
    let seed = RecordSeed { fields: &FIELDS, depth: 0 };
    match read(body, seed)? {
        Ok(fields) => check(fields),
        Err(got) => Err(PushError::shape("", format!("the body must be an object, got {got}"))),
    }
}

/// Reads a batch; it may be empty.
///
/// # Errors
/// What is wrong with the body, or with the first bad item.
pub fn parse_metric_batch(body: &[u8]) -> Result<Vec<MetricPush<'_>>, PushError> {
    read(body, BatchSeed { depth: 0 })?
}

/// Makes a metric of its fields.
fn check(fields: [Node<'_>; 5]) -> Result<MetricPush<'_>, PushError> {
    let [service, metric_type, value, timestamp, labels] = fields;
    Ok(MetricPush {
        service: required_text("service", service, NAME_BYTES_MAX)?,
        metric_type: required_text("metric_type", metric_type, NAME_BYTES_MAX)?,
        samples: check_samples(value, &timestamp)?,
        labels: check_labels(labels)?,
    })
}

fn check_samples(value: Node<'_>, timestamp: &Node<'_>) -> Result<Samples, PushError> {
    let values = match value {
        Node::Array(values) => values,
        Node::LargeArray => return Err(too_many_samples("value")),
        one => {
            let value = check_value("value", &one)?;
            let t_ms = check_time("timestamp", timestamp)?;
            return Ok(Samples::One(PushedSample { t_ms, value }));
        }
    };
    let times = match timestamp {
        Node::Array(times) if times.len() == values.len() => times,
        Node::LargeArray => return Err(too_many_samples("timestamp")),
        other => return Err(unequal_arrays(values.len(), other)),
    };
    let pairs = values.iter().zip(times).enumerate();
    let samples = pairs.map(|(i, (value, time))| {
        let value = check_value(&format!("value[{i}]"), value)?;
        let field = format!("timestamp[{i}]");
        match check_time(&field, time)? {
            Some(t_ms) => Ok(PushedSample { t_ms: Some(t_ms), value }),
            None => Err(PushError::must_be(&field, TIME_FORMS, time.type_name())),
        }
    });
    Ok(Samples::Many(samples.collect::<Result<_, _>>()?))
}

fn too_many_samples(field: &str) -> PushError {
    let reason = format!("field {field:?} has more than {BATCH_SAMPLES_MAX} elements");
    PushError::limit(field, reason)
}

fn unequal_arrays(n_values: usize, timestamp: &Node<'_>) -> PushError {
    let expected = format!("an array of {n_values} times, one for each element of \"value\"");
    match timestamp {
        Node::Array(times) => {
            PushError::must_be("timestamp", &expected, &format!("{} of them", times.len()))
        }
        other => PushError::must_be("timestamp", &expected, other.type_name()),
    }
}

fn check_value(field: &str, node: &Node<'_>) -> Result<f64, PushError> {
    match node.as_f64() {
        Some(value) if value.is_finite() => Ok(value),
        _ if *node == Node::Absent => Err(PushError::missing(field)),
        _ => Err(PushError::must_be(field, "a finite number", node.type_name())),
    }
}

const TIME_FORMS: &str = "Unix seconds or an RFC 3339 text";

/// A time in any form; `None` when there is none.
fn check_time(field: &str, node: &Node<'_>) -> Result<Option<i64>, PushError> {
    let t_ms = match node {
        Node::Absent | Node::Null => return Ok(None),
        Node::Text(text) if text.len() > TIME_BYTES_MAX => {
            return Err(PushError::too_long(field, text.len(), TIME_BYTES_MAX));
        }
        Node::Text(text) => time::parse_time(text).map_err(|error| error.to_string()),
        number => match number.as_f64() {
            Some(seconds) => time::unix_seconds_to_ms(seconds).ok_or_else(|| {
                format!("not a time: {seconds} is too far away for Unix seconds (milliseconds?)")
            }),
            None => return Err(PushError::must_be(field, TIME_FORMS, number.type_name())),
        },
    };
    match t_ms {
        Ok(t_ms) => Ok(Some(t_ms)),
        Err(why) => Err(PushError::shape(field, format!("field {field:?} is {why}"))),
    }
}

type LabelPairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn check_labels(node: Node<'_>) -> Result<LabelPairs<'_>, PushError> {
    let pairs = match node {
        Node::Absent | Node::Null => return Ok(Vec::new()),
        Node::Object(pairs) => pairs,
        Node::LargeObject => {
            let reason = format!("field \"labels\" has more than {LABELS_MAX} elements");
            return Err(PushError::limit("labels", reason));
        }
        other => return Err(PushError::must_be("labels", "an object", other.type_name())),
    };
    let mut labels: LabelPairs<'_> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        check_label_name(&name)?;
        let value = check_label_value(&name, value)?;
        match labels.iter_mut().find(|(known, _)| *known == name) {
            Some((_, earlier)) => *earlier = value,
            None => labels.push((name, value)),
        }
    }
    Ok(labels)
}

fn check_label_name(name: &str) -> Result<(), PushError> {
    if name.is_empty() {
        return Err(PushError::shape("labels", "field \"labels\" has a label without a name"));
    }
    if name.len() > LABEL_NAME_BYTES_MAX {
        let given = name.len();
        let reason = format!(
            "field \"labels\" has a name of {given} bytes, at most {LABEL_NAME_BYTES_MAX} are taken"
        );
        return Err(PushError::limit("labels", reason));
    }
    if RESERVED_LABELS.contains(&name) {
        let reason = format!("label {name:?} is reserved, it cannot be set in \"labels\"");
        return Err(PushError::shape(format!("labels.{name}"), reason));
    }
    Ok(())
}

fn check_label_value<'a>(name: &str, node: Node<'a>) -> Result<Cow<'a, str>, PushError> {
    let text = match node {
        Node::Text(text) => text,
        Node::Bool(true) => Cow::Borrowed("true"),
        Node::Bool(false) => Cow::Borrowed("false"),
        Node::Unsigned(number) => Cow::Owned(number.to_string()),
        Node::Signed(number) => Cow::Owned(number.to_string()),
        // Debug writes 1e300 in five characters, Display in 301.
        Node::Float(number) => Cow::Owned(format!("{number:?}")),
        other => {
            let field = format!("labels.{name}");
            let expected = "a string, a number or a boolean";
            return Err(PushError::must_be(&field, expected, other.type_name()));
        }
    };
    if text.len() > LABEL_VALUE_BYTES_MAX {
        let field = format!("labels.{name}");
        return Err(PushError::too_long(&field, text.len(), LABEL_VALUE_BYTES_MAX));
    }
    Ok(text)
}

type Batch<'a> = Result<Vec<MetricPush<'a>>, PushError>;

/// Reads a whole batch; `depth` is 1 inside `metrics`.
struct BatchSeed {
    depth: usize,
}

impl BatchSeed {
    /// The path of the list.
    fn list(&self) -> &'static str {
        if self.depth == 0 { "" } else { "metrics" }
    }

    fn must_be_a_list(&self, got: &str) -> PushError {
        match self.depth {
            0 => {
                let expected = "an array or an object with the array \"metrics\"";
                PushError::shape("", format!("the body must be {expected}, got {got}"))
            }
            _ => PushError::must_be("metrics", "an array", got),
        }
    }
}

impl<'de> DeserializeSeed<'de> for BatchSeed {
    type Value = Batch<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Batch<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BatchSeed {
    type Value = Batch<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch of metrics")
    }

    other_types_are!(|self, type_name| Err(self.must_be_a_list(type_name)));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch<'de>, A::Error> {
        let mut batch = Err(match self.depth {
            0 => PushError::missing("metrics"),
            _ => self.must_be_a_list("an object"),
        });
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if self.depth == 0 && key == "metrics" {
                batch = map.next_value_seed(Self { depth: 1 })?;
            } else {
                let (depth, budget) = (self.depth + 1, &mut 0);
                map.next_value_seed(NodeSeed { depth, budget })?;
            }
        }
        Ok(batch)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Batch<'de>, A::Error> {
        let (mut metrics, mut n_samples) = (Vec::new(), 0);
        loop {
            let seed = RecordSeed { fields: &FIELDS, depth: self.depth + 1 };
            let Some(record) = seq.next_element_seed(seed)? else {
                return Ok(Ok(metrics));
            };
            let index = metrics.len();
            let metric = match record {
                Ok(fields) => check(fields),
                Err(got) => {
                    Err(PushError::shape("", format!("a metric must be an object, got {got}")))
                }
            };
            let refused = match metric {
                Err(error) => error.in_item(self.list(), index),
                Ok(_) if index == BATCH_ITEMS_MAX => self.too_many("items", BATCH_ITEMS_MAX),
                Ok(metric) => {
                    n_samples += metric.samples().len();
                    metrics.push(metric);
                    if n_samples <= BATCH_SAMPLES_MAX {
                        continue;
                    }
                    self.too_many("samples", BATCH_SAMPLES_MAX)
                }
            };
            // The rest is read all the same: broken JSON is the graver fault.
            skip_array(seq, self.depth)?;
            return Ok(Err(refused));
        }
    }
}

impl BatchSeed {
    fn too_many(&self, what: &str, max: usize) -> PushError {
        PushError::limit(self.list(), format!("the batch has more than {max} {what}"))
    }
}
