//! Version 2: a `io.prometheus.write.v2.Request`, whose texts stand in one table of symbols.
//!
//! `Request{symbols=4, timeseries=5}`, `TimeSeries{labels_refs=1, samples=2, histograms=3,
//! exemplars=4, metadata=5, created_timestamp=6}`, `Sample{value=1, timestamp=2,
//! start_timestamp=3}`.
//!
//! The labels of a series are written out as the label fields of version 1. So a series is spelled
//! the same whichever version names it, what reads labels need not know of symbols, and a sender
//! that changes its version makes no series new. How much is written out has a bound: a few bytes
//! of a message can point to a long symbol a million times.

use model::Sample;

use super::super::fields::{FieldError, FieldErrorKind, Fields, Span, Value};
use super::super::{
    LABEL_BYTES_MAX, LABELS_MAX, MessageError, SERIES_LABEL_BYTES_MAX, SYMBOLS_MAX,
};
use super::super::{SeriesErrorKind, usual};
use super::{Entry, Place, Reader, Request, Version};

/// Field 1, length-delimited: the references to labels in a series, a label, the name in a label.
const TAG_1: u8 = 0x0a;
/// Field 2, length-delimited: the value in a label.
const TAG_2: u8 = 0x12;
/// The label that names a metric.
const NAME: &[u8] = b"__name__";

/// The table, and what is noted while series are read with it.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Where each symbol lies in the message.
    pub(super) symbols: Vec<Place>,
    /// Whether something was said already of the metric with this name; as long as `symbols`.
    is_described: Vec<bool>,
    /// Which symbol is `__name__`.
    name: Option<u32>,
    /// The references of one series.
    refs: Vec<u32>,
    /// What is said of metrics.
    pub(super) descriptions: Vec<Description>,
    /// Since when the histograms of a series count, where the series says it; rising by index.
    pub(super) starts: Vec<(u32, i64)>,
}

/// What a series says of its metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Description {
    /// The name of the metric.
    pub(super) name: Place,
    /// The message of the metadata.
    pub(super) metadata: Place,
    /// Whether it is said of samples, which carry the family's name with a suffix, rather than of
    /// native histograms, which carry it bare.
    pub(super) is_of_samples: bool,
}

impl Table {
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.is_described.clear();
        self.name = None;
        self.refs.clear();
        self.descriptions.clear();
        self.starts.clear();
    }

    pub(super) fn shrink_to(&mut self, items_max: usize) {
        self.symbols.shrink_to(items_max);
        self.is_described.shrink_to(items_max);
        self.descriptions.shrink_to(items_max / 2);
        self.starts.shrink_to(items_max / 2);
    }

    fn push(&mut self, message: &[u8], symbol: Span) -> Result<(), FieldErrorKind> {
        if self.symbols.len() == SYMBOLS_MAX {
            return Err(FieldErrorKind::TooManySymbols);
        }
        if message[symbol.start..symbol.end] == *NAME {
            self.name = Some(self.symbols.len() as u32);
        }
        self.symbols.push(Place::new(symbol.start, symbol.end));
        Ok(())
    }

    /// Where a symbol lies.
    pub(super) fn symbol(&self, reference: u32) -> Option<Place> {
        self.symbols.get(reference as usize).copied()
    }

    /// Takes a packed row of references.
    fn push_row(&mut self, row: &[u8]) -> Result<(), SeriesErrorKind> {
        let mut at = 0;
        while let Some(&low) = row.get(at) {
            at += 1;
            let mut reference = u32::from(low & 0x7f);
            if low >= 0x80 {
                let mut more = low;
                let mut shift = 7;
                while more >= 0x80 {
                    more = *row.get(at).ok_or(SeriesErrorKind::References)?;
                    at += 1;
                    // What has more than 32 bits is beyond every table.
                    let part = u64::from(more & 0x7f) << shift;
                    reference |= u32::try_from(part).map_err(|_| SeriesErrorKind::References)?;
                    shift += 7;
                    if shift > 35 {
                        return Err(SeriesErrorKind::References);
                    }
                }
            }
            self.push_reference(reference)?;
        }
        Ok(())
    }

    fn push_reference(&mut self, reference: u32) -> Result<(), SeriesErrorKind> {
        if self.refs.len() == 2 * LABELS_MAX {
            return Err(SeriesErrorKind::TooManyLabels);
        }
        self.refs.push(reference);
        Ok(())
    }

    /// Writes out the labels of the references; where they lie in `joined`.
    fn spell(&self, message: &[u8], joined: &mut Vec<u8>) -> Result<Place, SeriesErrorKind> {
        let (pairs, rest) = self.refs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(SeriesErrorKind::References);
        }
        // Before anything is copied, so that a refused series costs nothing.
        let mut n_bytes = 0;
        for [name, value] in pairs {
            n_bytes += label_bytes(self.text(*name)?.len(), self.text(*value)?.len()).1;
        }
        if n_bytes > SERIES_LABEL_BYTES_MAX || joined.len() + n_bytes > LABEL_BYTES_MAX {
            return Err(SeriesErrorKind::LabelBytes);
        }
        let start = joined.len();
        joined.reserve(n_bytes);
        for [name, value] in pairs {
            let (name, value) = (self.text(*name)?, self.text(*value)?);
            put_head(joined, TAG_1, label_bytes(name.len(), value.len()).0);
            for (tag, text) in [(TAG_1, name), (TAG_2, value)] {
                put_head(joined, tag, text.len());
                joined.extend_from_slice(&message[text]);
            }
        }
        Ok(Place::new(start, joined.len()))
    }

    fn text(&self, reference: u32) -> Result<std::ops::Range<usize>, SeriesErrorKind> {
        self.symbol(reference).map(Place::range).ok_or(SeriesErrorKind::References)
    }

    /// Notes what a series says of its metric, once for each name.
    fn describe(&mut self, metadata: Span, is_of_samples: bool) {
        let mut pairs = self.refs.as_chunks::<2>().0.iter();
        let Some([_, name]) = pairs.find(|[name, _]| Some(*name) == self.name) else { return };
        if self.is_described.len() < self.symbols.len() {
            self.is_described.resize(self.symbols.len(), false);
        }
        let is_described = &mut self.is_described[*name as usize];
        if !*is_described {
            *is_described = true;
            let metadata = Place::new(metadata.start, metadata.end);
            let name = self.symbols[*name as usize];
            self.descriptions.push(Description { name, metadata, is_of_samples });
        }
    }
}

/// What a label takes within its field, and with the field's head.
fn label_bytes(n_name: usize, n_value: usize) -> (usize, usize) {
    let inner = head_bytes(n_name) + n_name + head_bytes(n_value) + n_value;
    (inner, head_bytes(inner) + inner)
}

/// Bytes of a tag and a length.
fn head_bytes(length: usize) -> usize {
    1 + (usize::BITS - (length | 1).leading_zeros()).div_ceil(7) as usize
}

fn put_head(out: &mut Vec<u8>, tag: u8, mut length: usize) {
    out.push(tag);
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// What stands in a series besides its labels and samples.
#[derive(Debug, Default)]
struct Said {
    metadata: Option<Span>,
    /// Since when it counts, in an old draft of the format; 0 for unknown.
    created_ms: i64,
}

const SERIES_OF_V1: FieldErrorKind = FieldErrorKind::OtherVersion {
    field: 1,
    version: "1.0",
    said: "no proto, or proto=prometheus.WriteRequest, stands",
};

impl Reader {
    /// Reads a message of version 2. What is wrong within one series leaves out that series alone.
    ///
    /// # Errors
    /// The outline is broken somewhere: nothing of the message can be trusted.
    pub fn read_v2<'r>(&'r mut self, message: &'r [u8]) -> Result<Request<'r>, MessageError> {
        self.clear();
        self.read_symbols(message).map_err(MessageError::of_v2)?;
        let mut fields = Fields::new(message);
        let mut index = 0;
        while let Some((number, value)) = fields.next().map_err(MessageError::of_v2)? {
            if let (5, Value::Bytes(span)) = (number, value) {
                self.read_series_v2(message, index, span);
                index += 1;
            }
        }
        Ok(Request { message, read: self, version: Version::Two })
    }

    /// Reads the table, which may stand before, behind and between the series, and looks over the
    /// outline.
    fn read_symbols(&mut self, message: &[u8]) -> Result<(), FieldError> {
        if u32::try_from(message.len()).is_err() {
            return Err(FieldError { offset: 0, kind: FieldErrorKind::TooLong });
        }
        let mut fields = Fields::new(message);
        let (mut offset, mut n_series, mut of_v1) = (0, 0_usize, None);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(_)) => of_v1 = of_v1.or(Some(offset)),
                (5, Value::Bytes(_)) => n_series += 1,
                (4, Value::Bytes(symbol)) => {
                    let pushed = self.table.push(message, symbol);
                    pushed.map_err(|kind| FieldError { offset, kind })?;
                }
                (4 | 5, value) if !matches!(value, Value::Bytes(_)) => {
                    return Err(Fields::wrong_type(offset, number));
                }
                _ => {}
            }
            offset = fields.offset();
        }
        match of_v1.filter(|_| n_series == 0) {
            // Taken for a message without series, it would be lost without a word.
            Some(offset) => Err(FieldError { offset, kind: SERIES_OF_V1 }),
            None => Ok(()),
        }
    }

    fn read_series_v2(&mut self, message: &[u8], index: usize, span: Span) {
        let marks = self.marks();
        if let Err(kind) = self.try_series_v2(message, index, span) {
            self.leave_out(&marks, index, kind);
        }
    }

    fn try_series_v2(
        &mut self,
        message: &[u8],
        index: usize,
        span: Span,
    ) -> Result<(), SeriesErrorKind> {
        let marks = self.marks();
        let said = self.read_parts_v2(message, span)?;
        if self.marks().has_no_more_items_than(&marks) {
            return Err(SeriesErrorKind::NoSamples);
        }
        let labels = self.table.spell(message, &mut self.joined)?;
        if said.created_ms != 0 {
            let unset = self.samples[marks.samples..].iter_mut().filter(|s| s.start_ms == 0);
            unset.for_each(|sample| sample.start_ms = said.created_ms);
            self.table.starts.push((index as u32, said.created_ms));
        }
        if self.samples.len() == marks.samples {
            // Nobody will ask for its labels, so what is wrong with them must be told now.
            let span = Span { start: labels.start as usize, end: labels.end as usize };
            let labels = Fields::new(&self.joined).within(span);
            super::labels::read(labels, &mut Vec::new())?;
        }
        if let Some(metadata) = said.metadata {
            self.table.describe(metadata, self.histograms.len() == marks.histograms);
        }
        self.push_entries(
            &marks,
            Entry { index: index as u32, is_joined: true, labels, items: Place::default() },
        );
        Ok(())
    }

    /// Reads all fields of a series: first those that every sender begins with.
    fn read_parts_v2(&mut self, message: &[u8], span: Span) -> Result<Said, SeriesErrorKind> {
        self.table.refs.clear();
        let mut said = Said::default();
        let mut fields = Fields::new(message).within(span);
        if let Some(&[TAG_1, length]) = fields.rest().first_chunk::<2>()
            && length < 0x80
            && let Some(row) = fields.rest().get(2..2 + usize::from(length))
        {
            self.table.push_row(row)?;
            fields.skip(2 + row.len());
            while let Some((sample, n_bytes)) = usual::started_sample(fields.rest()) {
                self.refuse_more_items()?;
                self.push_sample(sample);
                fields.skip(n_bytes);
            }
        }
        let mut offset = fields.offset();
        while let Some((number, value)) = fields.next()? {
            self.take_part_v2((number, value), &fields, (offset, &mut said))?;
            offset = fields.offset();
        }
        Ok(said)
    }

    fn take_part_v2(
        &mut self,
        (number, value): (u32, Value),
        fields: &Fields<'_>,
        (offset, said): (usize, &mut Said),
    ) -> Result<(), SeriesErrorKind> {
        match (number, value) {
            (1, Value::Bytes(span)) => self.table.push_row(fields.bytes(span))?,
            (1, Value::Varint(reference)) => {
                let reference = u32::try_from(reference);
                self.table.push_reference(reference.map_err(|_| SeriesErrorKind::References)?)?;
            }
            (2, Value::Bytes(span)) => {
                let sample = read_sample_v2(fields.within(span))?;
                self.refuse_more_items()?;
                self.push_sample(sample);
            }
            (3, Value::Bytes(span)) => {
                self.refuse_more_items()?;
                self.histograms.push(Place::new(span.start, span.end));
            }
            (4, Value::Bytes(span)) => {
                self.refuse_more_items()?;
                self.exemplars.push(Place::new(span.start, span.end));
            }
            // An empty one says nothing; senders that know nothing write it all the same.
            (5, Value::Bytes(span)) if span.start < span.end => said.metadata = Some(span),
            (5, Value::Bytes(_)) => {}
            (6, Value::Varint(created_ms)) => said.created_ms = created_ms.cast_signed(),
            (1..=6, _) => return Err(Fields::wrong_type(offset, number).into()),
            _ => {}
        }
        Ok(())
    }
}

fn read_sample_v2(mut fields: Fields<'_>) -> Result<Sample, FieldError> {
    let mut sample = Sample::new(0, 0.0);
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Fixed64(bits)) => sample.value = f64::from_bits(bits),
            (2, Value::Varint(t_ms)) => sample.t_ms = t_ms.cast_signed(),
            (3, Value::Varint(start_ms)) => sample.start_ms = start_ms.cast_signed(),
            (1..=3, _) => return Err(Fields::wrong_type(offset, number)),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(sample)
}

#[cfg(test)]
mod tests;
