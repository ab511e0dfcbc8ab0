//! The plain reading of a message, field by field: what [`super::Reader`] must agree with.

use model::Sample;

use super::fields::{FieldError, FieldErrorKind, Fields, Span, Value};
use super::{Counts, LABELS_MAX, MessageError, SAMPLES_MAX, SeriesError, SeriesErrorKind};

/// One series that names something: its labels are sorted by name, each name once, nothing empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'d, 'a> {
    /// Which one of the message, from 0.
    pub(super) index: usize,
    /// Name and value.
    pub(super) labels: &'d [(&'a str, &'a str)],
    /// In the order in which they were sent; may be none.
    pub(super) samples: &'d [Sample],
}

/// Goes through a message. [`Decoder::next`] lends one series at a time.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    message: Fields<'a>,
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
    pub(super) fn new(message: &'a [u8]) -> Result<Self, MessageError> {
        let fields = Fields::new(message);
        check_outline(fields.clone())?;
        Ok(Self {
            message: fields,
            next_index: 0,
            labels: Vec::new(),
            samples: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// What was read so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The next series, or why it is left out; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Result<Series<'_, 'a>, SeriesError>> {
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

/// Walks over the outline.
fn check_outline(mut fields: Fields<'_>) -> Result<(), FieldError> {
    let mut offset = fields.offset();
    let (mut says_something, mut of_v2) = (false, None);
    while let Some((number, value)) = fields.next()? {
        says_something |= matches!(number, 1 | 3);
        match (number, value) {
            (5, Value::Bytes(_)) if of_v2.is_none() => of_v2 = Some(offset),
            (1 | 3, Value::Varint(_) | Value::Fixed64(_) | Value::Fixed32 | Value::Group) => {
                return Err(Fields::wrong_type(offset, number));
            }
            _ => {}
        }
        offset = fields.offset();
    }
    let kind = FieldErrorKind::OtherVersion { field: 5, version: "2.0", said: "" };
    match of_v2.filter(|_| !says_something) {
        Some(offset) => Err(FieldError { offset, kind }),
        None => Ok(()),
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
