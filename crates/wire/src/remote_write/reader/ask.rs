//! Ask: what a message said, series by series.

use model::{Exemplar, HistogramSample, Metadata, Sample};

use super::super::exemplar::{BadExemplar, read_exemplar, read_exemplar_v2};
use super::super::fields::{Fields, Span};
use super::super::histogram::{BadHistogram, read_histogram};
use super::super::metadata::{BadMetadata, metadata, metadata_v2};
use super::super::{Counts, SeriesError, SeriesErrorKind, labels};
use super::{Entry, Place, Reader, Request, Version};

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
        let metadata = self.read.counts.metadata + self.read.table.descriptions.len() as u64;
        Counts { samples, metadata, ..self.read.counts }
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

    /// Reads a native histogram of the series with this index in the message.
    ///
    /// # Errors
    /// See [`read_histogram`].
    pub fn read_histogram(
        &self,
        index: usize,
        message: &[u8],
    ) -> Result<HistogramSample, BadHistogram> {
        let mut sample = read_histogram(message)?;
        if sample.start_ms == 0 {
            let starts = &self.read.table.starts;
            let at = starts.binary_search_by_key(&(index as u32), |(index, _)| *index);
            sample.start_ms = at.map_or(0, |at| starts[at].1);
        }
        Ok(sample)
    }

    /// Reads an exemplar of the series with this index in the message. One without a time has that
    /// of the last sample beside it.
    ///
    /// # Errors
    /// See [`read_exemplar`].
    pub fn read_exemplar(&self, index: usize, message: &[u8]) -> Result<Exemplar, BadExemplar> {
        if self.version == Version::One {
            return read_exemplar(message);
        }
        let mut exemplar = read_exemplar_v2(message, |reference| self.symbol(reference))?;
        if exemplar.t_ms == 0 {
            exemplar.t_ms = self.last_ms(index).unwrap_or(0);
        }
        Ok(exemplar)
    }

    /// The time of the last sample or native histogram of a series.
    fn last_ms(&self, index: usize) -> Option<i64> {
        let items_of = |series: &[Entry]| {
            let at = series.binary_search_by_key(&(index as u32), |entry| entry.index);
            at.ok().map(|at| series[at].items.range())
        };
        if let Some(items) = items_of(&self.read.series) {
            return self.read.samples[items].last().map(|sample| sample.t_ms);
        }
        let last = self.read.histograms[items_of(&self.read.histogram_series)?].last()?;
        read_histogram(&self.message[last.range()]).ok().map(|sample| sample.t_ms)
    }

    /// A text of version 2.
    fn symbol(&self, reference: u32) -> Option<&[u8]> {
        self.read.table.symbol(reference).map(|place| &self.message[place.range()])
    }

    /// What the message says of metrics: their names and what they are. Version 2 says it with
    /// every series; here each name comes once.
    pub fn metadata(&self) -> Box<dyn Iterator<Item = Result<(&str, Metadata), BadMetadata>> + '_> {
        if self.version == Version::One {
            return Box::new(metadata(self.message));
        }
        let descriptions = self.read.table.descriptions.iter();
        Box::new(descriptions.map(|described| {
            let name = &self.message[described.name.range()];
            let message = &self.message[described.metadata.range()];
            let symbol = |reference| self.symbol(reference);
            metadata_v2((name, described.is_of_samples), message, symbol)
        }))
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
