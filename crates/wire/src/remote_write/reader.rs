//! Reader: a `WriteRequest` in one pass, into flat lists that the next message uses again. A message
//! of version 2 is read into the same lists (`v2`).
//!
//! `WriteRequest{timeseries=1, metadata=3}`, `TimeSeries{labels=1, samples=2, exemplars=3,
//! histograms=4}`, `Sample{value=1, timestamp=2}`.
//!
//! Of the labels of a series only the place is kept: its *spelling*, the bytes of its label fields.
//! Who knows a spelling knows the series; who does not asks [`Request::labels`].

mod ask;
mod v2;

pub use ask::read_labels;
use model::Sample;

use super::fields::{FieldError, FieldErrorKind, Fields, Span, Value};
use super::labels::{self, read_label};
use super::{
    Counts, FAULTS_TOLD_MAX, MessageError, SAMPLES_MAX, SeriesError, SeriesErrorKind, usual,
};

/// The memory that messages are read into.
#[derive(Debug, Default)]
pub struct Reader {
    samples: Vec<Sample>,
    series: Vec<Entry>,
    histograms: Vec<Place>,
    histogram_series: Vec<Entry>,
    exemplars: Vec<Place>,
    exemplar_series: Vec<Entry>,
    /// The label fields of series that have other fields between them, put together, and all of
    /// those that version 2 names by symbols.
    joined: Vec<u8>,
    /// What version 2 has besides.
    table: v2::Table,
    faults: Vec<SeriesError>,
    n_faults: u64,
    counts: Counts,
    earliest_ms: i64,
    latest_ms: i64,
}

/// Where bytes or items begin and end. A message is shorter than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    start: u32,
    end: u32,
}

impl Place {
    #[inline]
    fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    #[inline]
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A series that has items: samples, native histograms, or exemplars.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Which one of the message.
    index: u32,
    /// Whether its labels lie in `joined` rather than in the message.
    is_joined: bool,
    labels: Place,
    items: Place,
}

/// A message that was read.
#[derive(Debug)]
pub struct Request<'r> {
    message: &'r [u8],
    read: &'r mut Reader,
    version: Version,
}

/// Which message it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where version 2 has its series.
const SERIES_FIELD_V2: u32 = 5;
const SERIES_OF_V2: FieldErrorKind = FieldErrorKind::OtherVersion {
    field: SERIES_FIELD_V2,
    version: "2.0",
    said: "proto=io.prometheus.write.v2.Request stands",
};

/// A field of the outline that does not begin as usual.
enum Other {
    /// A series, and where it lies.
    Series(Span),
    /// What would be a series in the other version.
    SeriesOfV2,
    /// Metadata, or what nobody knows.
    Unknown,
}

impl Reader {
    /// Reads a message. What is wrong within one series leaves out that series alone.
    ///
    /// # Errors
    /// The outline is broken somewhere: nothing of the message can be trusted.
    pub fn read<'r>(&'r mut self, message: &'r [u8]) -> Result<Request<'r>, MessageError> {
        self.clear();
        if u32::try_from(message.len()).is_err() {
            return Err(FieldError { offset: 0, kind: FieldErrorKind::TooLong }.into());
        }
        let (mut at, mut index) = (0, 0);
        let mut of_v2 = None;
        while at < message.len() {
            let offset = at;
            let span = match usual::series(message, at) {
                Some((start, end)) => Some(Span { start, end }),
                None => match self.other_field(message, &mut at)? {
                    Other::Series(span) => Some(span),
                    Other::SeriesOfV2 => {
                        of_v2 = of_v2.or(Some(offset));
                        None
                    }
                    Other::Unknown => None,
                },
            };
            let Some(span) = span else { continue };
            at = span.end;
            if !self.read_usual(message, index, span) {
                self.read_fields(message, index, span);
            }
            index += 1;
        }
        match of_v2.filter(|_| index == 0 && self.counts.metadata == 0) {
            // Taken for a message without series, it would be lost without a word.
            Some(offset) => Err(FieldError { offset, kind: SERIES_OF_V2 }.into()),
            None => Ok(Request { message, read: self, version: Version::One }),
        }
    }

    /// Forgets a message. Its memory is kept.
    fn clear(&mut self) {
        self.samples.clear();
        self.series.clear();
        self.histograms.clear();
        self.histogram_series.clear();
        self.exemplars.clear();
        self.exemplar_series.clear();
        self.joined.clear();
        self.table.clear();
        self.faults.clear();
        self.n_faults = 0;
        self.counts = Counts::default();
        (self.earliest_ms, self.latest_ms) = (i64::MAX, i64::MIN);
    }

    /// Gives back memory, so that at most about `bytes_max` stay for the next message.
    pub fn shrink_to(&mut self, bytes_max: usize) {
        self.clear();
        // Equal parts, as a sample and what is noted of its series are about equally large.
        let items_max = bytes_max / 4 / size_of::<Entry>();
        self.samples.shrink_to(items_max);
        self.series.shrink_to(items_max);
        self.histogram_series.shrink_to(items_max / 2);
        self.exemplars.shrink_to(items_max / 2);
        self.exemplar_series.shrink_to(items_max / 2);
        self.histograms.shrink_to(items_max / 2);
        self.joined.shrink_to(bytes_max / 4);
        self.table.shrink_to(items_max / 2);
    }

    /// Reads over a field that does not begin as usual, and says what it is.
    #[cold]
    fn other_field(&mut self, message: &[u8], at: &mut usize) -> Result<Other, FieldError> {
        let offset = *at;
        let mut fields = Fields::new(message);
        fields.skip(offset);
        let field = fields.next()?;
        *at = fields.offset();
        match field {
            Some((1, Value::Bytes(span))) => return Ok(Other::Series(span)),
            Some((SERIES_FIELD_V2, Value::Bytes(_))) => return Ok(Other::SeriesOfV2),
            Some((3, Value::Bytes(_))) => self.counts.metadata += 1,
            Some((number @ (1 | 3), _)) => return Err(Fields::wrong_type(offset, number)),
            _ => {}
        }
        Ok(Other::Unknown)
    }

    /// Reads a series of labels and samples in the usual form; otherwise leaves all as it was.
    #[inline]
    fn read_usual(&mut self, message: &[u8], index: usize, span: Span) -> bool {
        let series = &message[span.start..span.end];
        let n_label_bytes = usual::label_bytes(series);
        let Some(mut rest) = series.get(n_label_bytes..) else { return false };
        let n_before = self.samples.len();
        while let Some((sample, n_bytes)) = usual::sample(rest) {
            self.push_sample(sample);
            rest = &rest[n_bytes..];
        }
        let n_samples = self.samples.len();
        let n_others = self.histograms.len() + self.exemplars.len();
        let is_too_much = n_samples + n_others > SAMPLES_MAX;
        if !rest.is_empty() || n_samples == n_before || is_too_much {
            self.samples.truncate(n_before);
            return false;
        }
        self.series.push(Entry {
            index: index as u32,
            is_joined: false,
            labels: Place::new(span.start, span.start + n_label_bytes),
            items: Place::new(n_before, n_samples),
        });
        true
    }

    #[inline]
    fn push_sample(&mut self, sample: Sample) {
        self.earliest_ms = self.earliest_ms.min(sample.t_ms);
        self.latest_ms = self.latest_ms.max(sample.t_ms);
        self.samples.push(sample);
    }

    /// Reads a series of any form.
    fn read_fields(&mut self, message: &[u8], index: usize, span: Span) {
        let marks = self.marks();
        if let Err(kind) = self.try_fields(message, index, span) {
            self.leave_out(&marks, index, kind);
        }
    }

    /// How much there is of everything.
    fn marks(&self) -> Marks {
        Marks {
            samples: self.samples.len(),
            histograms: self.histograms.len(),
            exemplars: self.exemplars.len(),
            joined: self.joined.len(),
        }
    }

    /// Forgets what a series has added since `marks`, and notes why.
    #[cold]
    fn leave_out(&mut self, marks: &Marks, index: usize, kind: SeriesErrorKind) {
        self.samples.truncate(marks.samples);
        self.histograms.truncate(marks.histograms);
        self.exemplars.truncate(marks.exemplars);
        self.joined.truncate(marks.joined);
        self.n_faults += 1;
        if self.faults.len() < FAULTS_TOLD_MAX {
            self.faults.push(SeriesError { index, kind });
        }
    }

    /// Notes a series under whatever it has added since `marks`.
    fn push_entries(&mut self, marks: &Marks, series: Entry) {
        let (samples, histograms) = (self.samples.len(), self.histograms.len());
        let exemplars = self.exemplars.len();
        let entry = |start, end| {
            let items = Place::new(start, end);
            (start < end).then_some(Entry { items, ..series })
        };
        self.series.extend(entry(marks.samples, samples));
        self.histogram_series.extend(entry(marks.histograms, histograms));
        self.exemplar_series.extend(entry(marks.exemplars, exemplars));
        self.counts.histograms += (histograms - marks.histograms) as u64;
        self.counts.exemplars += (exemplars - marks.exemplars) as u64;
    }

    fn try_fields(
        &mut self,
        message: &[u8],
        index: usize,
        span: Span,
    ) -> Result<(), SeriesErrorKind> {
        let marks = self.marks();
        let mut run = Run::default();
        let mut fields = Fields::new(message).within(span);
        let mut offset = fields.offset();
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(span)) => {
                    // So that a broken label is told here, with its place in the message.
                    read_label(fields.within(span))?;
                    run.add(offset, fields.offset(), message, &mut self.joined);
                }
                (2, Value::Bytes(span)) => {
                    let sample = read_sample(fields.within(span))?;
                    self.refuse_more_items()?;
                    self.push_sample(sample);
                }
                (3, Value::Bytes(span)) => {
                    self.refuse_more_items()?;
                    self.exemplars.push(Place::new(span.start, span.end));
                }
                (4, Value::Bytes(span)) => {
                    self.refuse_more_items()?;
                    self.histograms.push(Place::new(span.start, span.end));
                }
                (1..=4, _) => return Err(Fields::wrong_type(offset, number).into()),
                _ => {}
            }
            offset = fields.offset();
        }
        if self.samples.len() == marks.samples {
            // Nobody will ask for its labels, so what is wrong with them must be told now.
            let labels = Fields::new(run.holder(message, &self.joined)).within(run.span());
            labels::read(labels, &mut Vec::new())?;
        }
        let (is_joined, labels) = (run.is_joined, run.place());
        let items = Place::default();
        self.push_entries(&marks, Entry { index: index as u32, is_joined, labels, items });
        Ok(())
    }

    fn refuse_more_items(&self) -> Result<(), SeriesErrorKind> {
        match self.samples.len() + self.histograms.len() + self.exemplars.len() < SAMPLES_MAX {
            true => Ok(()),
            false => Err(SeriesErrorKind::TooManySamples),
        }
    }
}

/// How much there was of everything before a series.
struct Marks {
    samples: usize,
    histograms: usize,
    exemplars: usize,
    joined: usize,
}

impl Marks {
    fn has_no_more_items_than(&self, before: &Self) -> bool {
        let items = |marks: &Self| marks.samples + marks.histograms + marks.exemplars;
        items(self) == items(before)
    }
}

/// The label fields of one series: a run of bytes in the message, or put together elsewhere.
#[derive(Default)]
struct Run {
    is_joined: bool,
    start: usize,
    end: usize,
}

impl Run {
    /// Adds the label field from `start` to `end` of the message.
    fn add(&mut self, start: usize, end: usize, message: &[u8], joined: &mut Vec<u8>) {
        if !self.is_joined && self.start == self.end {
            (self.start, self.end) = (start, end);
            return;
        }
        if !self.is_joined && self.end == start {
            self.end = end;
            return;
        }
        if !self.is_joined {
            let joined_start = joined.len();
            joined.extend_from_slice(&message[self.start..self.end]);
            (self.is_joined, self.start) = (true, joined_start);
        }
        joined.extend_from_slice(&message[start..end]);
        self.end = joined.len();
    }

    /// The bytes that the run lies in.
    fn holder<'a>(&self, message: &'a [u8], joined: &'a [u8]) -> &'a [u8] {
        if self.is_joined { joined } else { message }
    }

    fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }

    fn place(&self) -> Place {
        Place::new(self.start, self.end)
    }
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
