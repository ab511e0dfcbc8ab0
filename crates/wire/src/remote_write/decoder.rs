//! Decoder: a `WriteRequest`, series by series, with what is wrong with each.
//!
//! `WriteRequest{timeseries=1, metadata=3}`, `TimeSeries{labels=1, samples=2, exemplars=3,
//! histograms=4}`, `Label{name=1, value=2}`, `Sample{value=1, timestamp=2}`.

use model::Sample;

use super::fields::{FieldError, Fields, Span, Value};

/// Labels of one series. Far above what is stored, so that the store's own bound gives the reason.
pub const LABELS_MAX: usize = 256;
/// Samples of one message.
pub const SAMPLES_MAX: usize = 1 << 20;

/// Why a message is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message is no protobuf of a WriteRequest: {cause}")]
pub struct MessageError {
    /// Where and what.
    #[from]
    #[source]
    pub cause: FieldError,
}

/// One series that names something: its labels are sorted by name, each name once, nothing empty.
#[derive(Debug, Clone, Copy)]
pub struct Series<'d, 'a> {
    /// Which one of the message, from 0.
    pub index: usize,
    /// Name and value.
    pub labels: &'d [(&'a str, &'a str)],
    /// In the order in which they were sent; may be none.
    pub samples: &'d [Sample],
}

/// Why one series is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("series {index}: {kind}")]
pub struct SeriesError {
    /// Which one, from 0.
    pub index: usize,
    /// What is wrong.
    pub kind: SeriesErrorKind,
}

/// What can be wrong with a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesErrorKind {
    /// A label without a name.
    #[error("a label has an empty name")]
    EmptyName,
    /// The same name twice.
    #[error("label {name:?} is given twice")]
    DuplicateName {
        /// The name, its first 64 characters.
        name: String,
    },
    /// A name or a value that is no text.
    #[error("label {n_label} is not UTF-8")]
    NotUtf8 {
        /// Which label, from 0, as sent.
        n_label: usize,
    },
    /// More labels than anyone stores.
    #[error("more than {LABELS_MAX} labels")]
    TooManyLabels,
    /// More samples than are taken at once.
    #[error("the message has more than {SAMPLES_MAX} samples")]
    TooManySamples,
    /// Its bytes are no message.
    #[error("no protobuf of a TimeSeries: {0}")]
    Malformed(#[from] FieldError),
}

/// What else a message held, so far as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples of the series that were handed out.
    pub samples: u64,
    /// Native histograms; not read.
    pub histograms: u64,
    /// Exemplars; not read.
    pub exemplars: u64,
    /// Descriptions of metrics; not read.
    pub metadata: u64,
}

/// Goes through a message. [`Decoder::next`] lends one series at a time.
#[derive(Debug)]
pub struct Decoder<'a> {
    message: Fields<'a>,
    n_series: usize,
    next_index: usize,
    labels: Vec<(&'a str, &'a str)>,
    samples: Vec<Sample>,
    counts: Counts,
}

impl<'a> Decoder<'a> {
    /// Looks over the outline of a message.
    ///
    /// # Errors
    /// The outline is broken somewhere: nothing of the message can be trusted.
    pub fn new(message: &'a [u8]) -> Result<Self, MessageError> {
        let fields = Fields::new(message);
        let n_series = count_series(fields.clone())?;
        Ok(Self {
            message: fields,
            n_series,
            next_index: 0,
            labels: Vec::new(),
            samples: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// How many series the message has, bad ones among them.
    pub fn n_series(&self) -> usize {
        self.n_series
    }

    /// What was read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The next series, or why it is left out; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "what it lends ends with the next call")]
    pub fn next(&mut self) -> Option<Result<Series<'_, 'a>, SeriesError>> {
        let span = self.next_series()?;
        let index = self.next_index;
        self.next_index += 1;
        Some(match self.read_series(span) {
            Ok(()) => Ok(Series { index, labels: &self.labels, samples: &self.samples }),
            Err(kind) => Err(SeriesError { index, kind }),
        })
    }

    fn next_series(&mut self) -> Option<Span> {
        loop {
            match self.message.next().expect("the outline was looked over")? {
                (1, Value::Bytes(span)) => return Some(span),
                (3, _) => self.counts.metadata += 1,
                _ => {}
            }
        }
    }

    /// Reads one series into `labels` and `samples`.
    fn read_series(&mut self, span: Span) -> Result<(), SeriesErrorKind> {
        self.labels.clear();
        self.samples.clear();
        let mut fields = self.message.within(span);
        let mut n_labels = 0;
        let mut is_sorted = true;
        let mut usual = UsualLabels::of(&fields);
        while let Some(label) = usual.next() {
            n_labels += 1;
            is_sorted &= self.push_label(label)?;
        }
        fields.skip(usual.at);
        while let Some((sample, n_bytes)) = usual_sample(fields.rest()) {
            self.push_sample(sample)?;
            fields.skip(n_bytes);
        }
        let (mut histograms, mut exemplars) = (0, 0);
        let mut offset = fields.offset();
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(span)) => {
                    let label = read_label(fields.within(span))?;
                    let label = label.ok_or(SeriesErrorKind::NotUtf8 { n_label: n_labels })?;
                    n_labels += 1;
                    is_sorted &= self.push_label(label)?;
                }
                (2, Value::Bytes(span)) => {
                    let sample = read_sample(fields.within(span))?;
                    self.push_sample(sample)?;
                }
                (3, Value::Bytes(_)) => exemplars += 1,
                (4, Value::Bytes(_)) => histograms += 1,
                (1..=4, _) => return Err(Fields::wrong_type(offset, number).into()),
                _ => {}
            }
            offset = fields.offset();
        }
        if !is_sorted {
            sort_labels(&mut self.labels)?;
        }
        self.counts.samples += self.samples.len() as u64;
        self.counts.histograms += histograms;
        self.counts.exemplars += exemplars;
        Ok(())
    }

    /// Keeps a label; says whether its name stands behind that of the one before it.
    #[inline]
    fn push_label(&mut self, label: (&'a str, &'a str)) -> Result<bool, SeriesErrorKind> {
        if label.0.is_empty() {
            return Err(SeriesErrorKind::EmptyName);
        }
        if label.1.is_empty() {
            // The label is absent: that is what an empty value means everywhere.
            return Ok(true);
        }
        if self.labels.len() == LABELS_MAX {
            return Err(SeriesErrorKind::TooManyLabels);
        }
        let is_behind = self.labels.last().is_none_or(|before| before.0 < label.0);
        self.labels.push(label);
        Ok(is_behind)
    }

    #[inline]
    fn push_sample(&mut self, sample: Sample) -> Result<(), SeriesErrorKind> {
        if self.counts.samples + self.samples.len() as u64 == SAMPLES_MAX as u64 {
            return Err(SeriesErrorKind::TooManySamples);
        }
        self.samples.push(sample);
        Ok(())
    }
}

/// Walks over the outline and counts the series.
fn count_series(mut fields: Fields<'_>) -> Result<usize, FieldError> {
    let mut n_series = 0;
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(_)) => n_series += 1,
            (1 | 3, Value::Varint(_) | Value::Fixed64(_) | Value::Fixed32 | Value::Group) => {
                return Err(Fields::wrong_type(offset, number));
            }
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(n_series)
}

/// The labels that a series begins with, as long as they have the form that every sender gives them:
/// name before value, and neither of 128 bytes or more. All bytes between the texts are ASCII then,
/// so one check that all of it is text does for all labels, at half the time of one check each.
struct UsualLabels<'a> {
    text: &'a str,
    at: usize,
}

/// Field 1, length-delimited: a label in a series, and a name in a label.
const TAG_1: u8 = 0x0a;
/// Field 2, length-delimited: a value in a label.
const TAG_2: u8 = 0x12;

impl<'a> UsualLabels<'a> {
    #[inline]
    fn of(fields: &Fields<'a>) -> Self {
        let rest = fields.rest();
        let mut end = 0;
        while let Some(&[TAG_1, length]) = rest.get(end..end + 2) {
            end += 2 + usize::from(length);
        }
        let text = rest.get(..end).and_then(|labels| str::from_utf8(labels).ok());
        Self { text: text.unwrap_or_default(), at: 0 }
    }

    /// The next label; `None` at the end of what has the usual form.
    #[inline]
    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let bytes = self.text.as_bytes();
        let &[TAG_1, length, TAG_1, n_name] = bytes.get(self.at..self.at + 4)? else {
            return None;
        };
        let name_end = self.at + 4 + usize::from(n_name);
        let &[TAG_2, n_value] = bytes.get(name_end..name_end + 2)? else { return None };
        let value_end = name_end + 2 + usize::from(n_value);
        if value_end != self.at + 2 + usize::from(length) {
            return None;
        }
        let name = self.text.get(self.at + 4..name_end)?;
        let value = self.text.get(name_end + 2..value_end)?;
        self.at = value_end;
        Some((name, value))
    }
}

/// Name and value of a label; `None` if one of them is no text.
fn read_label(mut fields: Fields<'_>) -> Result<Option<(&str, &str)>, FieldError> {
    let (mut name, mut value) = (Some(""), Some(""));
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Bytes(span)) => name = str::from_utf8(fields.bytes(span)).ok(),
            (2, Value::Bytes(span)) => value = str::from_utf8(fields.bytes(span)).ok(),
            (1 | 2, _) => return Err(Fields::wrong_type(offset, number)),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(name.zip(value))
}

/// A sample in the form that every sender gives it, value before time and neither left out, and how
/// many bytes of the series it takes.
#[inline]
fn usual_sample(series: &[u8]) -> Option<(Sample, usize)> {
    /// Field 1, eight bytes, and field 2, a number.
    const VALUE_TAG: u8 = 0x09;
    const TIME_TAG: u8 = 0x10;
    let (&[TAG_2, length, VALUE_TAG], rest) = series.split_first_chunk()? else { return None };
    let (value, rest) = rest.split_first_chunk::<8>()?;
    let (&TIME_TAG, rest) = rest.split_first()? else { return None };
    let (&last, others) = rest.get(..usize::from(length).checked_sub(10)?)?.split_last()?;
    // Nine bytes of seven bits never overflow; a time before 1970 has ten.
    if others.len() > 8 || last >= 0x80 || others.iter().any(|byte| *byte < 0x80) {
        return None;
    }
    let add_byte = |t_ms: i64, byte: &u8| t_ms << 7 | i64::from(byte & 0x7f);
    let t_ms = others.iter().rev().fold(i64::from(last), add_byte);
    let sample = Sample::new(t_ms, f64::from_bits(u64::from_le_bytes(*value)));
    Some((sample, 2 + usize::from(length)))
}

fn read_sample(mut fields: Fields<'_>) -> Result<Sample, FieldError> {
    let mut sample = Sample::new(0, 0.0);
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Fixed64(bits)) => sample.value = f64::from_bits(bits),
            (2, Value::Varint(t_ms)) => sample.t_ms = t_ms.cast_signed(),
            (1 | 2, _) => return Err(Fields::wrong_type(offset, number)),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(sample)
}

/// Sorts labels that were sent in another order: Prometheus takes them too.
fn sort_labels(labels: &mut [(&str, &str)]) -> Result<(), SeriesErrorKind> {
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            let name = pair[0].0.chars().take(64).collect();
            Err(SeriesErrorKind::DuplicateName { name })
        }
    }
}
