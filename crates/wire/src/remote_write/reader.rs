//! Reader: a `WriteRequest` in one pass, into flat lists that the next message uses again.
//!
//! `WriteRequest{timeseries=1, metadata=3}`, `TimeSeries{labels=1, samples=2, exemplars=3,
//! histograms=4}`, `Sample{value=1, timestamp=2}`.
//!
//! Of the labels of a series only the place is kept: its *spelling*, the bytes of its label fields.
//! Who knows a spelling knows the series; who does not asks [`Request::labels`].

use model::{Metadata, Sample};

use super::fields::{FieldError, FieldErrorKind, Fields, Span, Value};
use super::labels::{self, read_label};
use super::{
    BadMetadata, Counts, FAULTS_TOLD_MAX, MessageError, SAMPLES_MAX, SeriesError, SeriesErrorKind,
    metadata, usual,
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
    /// The label fields of series that have other fields between them, put together.
    joined: Vec<u8>,
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
        while at < message.len() {
            let span = match usual::series(message, at) {
                Some((start, end)) => Some(Span { start, end }),
                None => self.other_field(message, &mut at)?,
            };
            let Some(span) = span else { continue };
            at = span.end;
            if !self.read_usual(message, index, span) {
                self.read_fields(message, index, span);
            }
            index += 1;
        }
        Ok(Request { message, read: self })
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
    }

    /// Reads over a field that does not begin as usual; where the series lies, if it is one.
    #[cold]
    fn other_field(&mut self, message: &[u8], at: &mut usize) -> Result<Option<Span>, FieldError> {
        let offset = *at;
        let mut fields = Fields::new(message);
        fields.skip(offset);
        let field = fields.next()?;
        *at = fields.offset();
        match field {
            Some((1, Value::Bytes(span))) => return Ok(Some(span)),
            Some((3, Value::Bytes(_))) => self.counts.metadata += 1,
            Some((number @ (1 | 3), _)) => return Err(Fields::wrong_type(offset, number)),
            _ => {}
        }
        Ok(None)
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
        let before = (self.samples.len(), self.histograms.len(), self.joined.len());
        let n_exemplars = self.exemplars.len();
        if let Err(kind) = self.try_fields(message, index, span) {
            self.samples.truncate(before.0);
            self.histograms.truncate(before.1);
            self.joined.truncate(before.2);
            self.exemplars.truncate(n_exemplars);
            self.n_faults += 1;
            if self.faults.len() < FAULTS_TOLD_MAX {
                self.faults.push(SeriesError { index, kind });
            }
        }
    }

    fn try_fields(
        &mut self,
        message: &[u8],
        index: usize,
        span: Span,
    ) -> Result<(), SeriesErrorKind> {
        let (n_samples, n_histograms) = (self.samples.len(), self.histograms.len());
        let n_exemplars = self.exemplars.len();
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
        let (samples, histograms) = (self.samples.len(), self.histograms.len());
        let exemplars = self.exemplars.len();
        if samples == n_samples {
            // Nobody will ask for its labels, so what is wrong with them must be told now.
            let labels = Fields::new(run.holder(message, &self.joined)).within(run.span());
            labels::read(labels, &mut Vec::new())?;
        }
        let index = index as u32;
        let (is_joined, labels) = (run.is_joined, run.place());
        let entry = |start, end| {
            let items = Place::new(start, end);
            (start < end).then_some(Entry { index, is_joined, labels, items })
        };
        self.series.extend(entry(n_samples, samples));
        self.histogram_series.extend(entry(n_histograms, histograms));
        self.exemplar_series.extend(entry(n_exemplars, exemplars));
        self.counts.histograms += (histograms - n_histograms) as u64;
        self.counts.exemplars += (exemplars - n_exemplars) as u64;
        Ok(())
    }

    fn refuse_more_items(&self) -> Result<(), SeriesErrorKind> {
        match self.samples.len() + self.histograms.len() + self.exemplars.len() < SAMPLES_MAX {
            true => Ok(()),
            false => Err(SeriesErrorKind::TooManySamples),
        }
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

/// Series are counted from 0 among those that have samples; a series of which something else is
/// told is named by its [`Request::index`] in the message.
impl Request<'_> {
    /// How many series have samples and a sound form.
    #[inline]
    pub fn n_series(&self) -> usize {
        self.read.series.len()
    }

    /// Which one of the message this series is, from 0.
    pub fn index(&self, series: usize) -> usize {
        self.read.series[series].index as usize
    }

    /// The bytes of its label fields: whatever else is sent with them, the same bytes name the same
    /// series.
    #[inline]
    pub fn spelling(&self, series: usize) -> &[u8] {
        let entry = &self.read.series[series];
        &self.holder(entry)[entry.labels.range()]
    }

    /// Its samples, in the order in which they were sent; at least one.
    #[inline]
    pub fn samples(&self, series: usize) -> &[Sample] {
        &self.read.samples[self.read.series[series].items.range()]
    }

    /// Puts its labels into `labels`, which is empty: sorted by name, each name once, nothing empty.
    ///
    /// # Errors
    /// They name nothing.
    pub fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), SeriesErrorKind> {
        self.labels_of(&self.read.series[series], labels)
    }

    fn labels_of<'b>(
        &'b self,
        entry: &Entry,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), SeriesErrorKind> {
        let range = entry.labels.range();
        let span = Span { start: range.start, end: range.end };
        labels::read(Fields::new(self.holder(entry)).within(span), labels)
    }

    /// The bytes that the labels of a series lie in.
    #[inline]
    fn holder(&self, entry: &Entry) -> &[u8] {
        if entry.is_joined { &self.read.joined } else { self.message }
    }

    /// Two moments between which all samples lie; `None` without samples.
    pub fn times_ms(&self) -> Option<std::ops::RangeInclusive<i64>> {
        (self.n_series() > 0).then_some(self.read.earliest_ms..=self.read.latest_ms)
    }

    /// Leaves out the samples to which `keep` says no, given the number of their series in the
    /// message. Series that have none left go, so that others take their numbers.
    pub fn retain_samples(&mut self, mut keep: impl FnMut(usize, &Sample) -> bool) {
        let Reader { samples, series, .. } = &mut *self.read;
        let mut n_kept = 0;
        series.retain_mut(|entry| {
            let start = n_kept;
            for at in entry.items.range() {
                let sample = samples[at];
                if keep(entry.index as usize, &sample) {
                    samples[n_kept] = sample;
                    n_kept += 1;
                }
            }
            entry.items = Place::new(start, n_kept);
            start < n_kept
        });
        samples.truncate(n_kept);
    }

    /// Why series are left out, the first of them, rising by index.
    pub fn faults(&self) -> &[SeriesError] {
        &self.read.faults
    }

    /// How many series are left out.
    pub fn n_faults(&self) -> u64 {
        self.read.n_faults
    }

    /// What else the message held.
    pub fn counts(&self) -> Counts {
        let samples = self.read.samples.len() as u64;
        Counts { samples, ..self.read.counts }
    }

    /// The series that have native histograms: their index in the message, their spelling, and the
    /// bytes of each histogram. They may have samples too.
    pub fn histograms(&self) -> impl Iterator<Item = (usize, &[u8], impl Iterator<Item = &[u8]>)> {
        self.items(&self.read.histogram_series, &self.read.histograms)
    }

    /// The same for those that have exemplars.
    pub fn exemplars(&self) -> impl Iterator<Item = (usize, &[u8], impl Iterator<Item = &[u8]>)> {
        self.items(&self.read.exemplar_series, &self.read.exemplars)
    }

    fn items<'b>(
        &'b self,
        series: &'b [Entry],
        places: &'b [Place],
    ) -> impl Iterator<Item = (usize, &'b [u8], impl Iterator<Item = &'b [u8]>)> {
        series.iter().map(|entry| {
            let places = &places[entry.items.range()];
            let bytes = places.iter().map(|place| &self.message[place.range()]);
            (entry.index as usize, &self.holder(entry)[entry.labels.range()], bytes)
        })
    }

    /// What the message says of metrics, see [`super::metadata`].
    pub fn metadata(&self) -> impl Iterator<Item = Result<(&str, Metadata), BadMetadata>> {
        metadata(self.message)
    }
}

/// Puts the labels of a spelling into `labels`, which is empty: sorted by name, each name once,
/// nothing empty.
///
/// # Errors
/// They name nothing.
pub fn read_labels<'b>(
    spelling: &'b [u8],
    labels: &mut Vec<(&'b str, &'b str)>,
) -> Result<(), SeriesErrorKind> {
    labels::read(Fields::new(spelling), labels)
}
