//! Translated: what a message became: series with their samples, in flat lists, and an account of
//! the points that became nothing.

use std::ops::Range;

use model::{Exemplar, HistogramSample, Metadata, Sample};

use super::labels::{Base, read_spelling};
use super::points::Head;
use super::{LABEL_BYTES_MAX, MessageError, REASONS_MAX, SERIES_MAX};

/// Of which point a series is, for those that are of none: `target_info`.
const NO_POINT: u32 = u32::MAX;

/// Where bytes or items begin and end. All lists are bounded far below 4 GiB.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: u32,
    end: u32,
}

impl Place {
    fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A series with what it has at one time.
#[derive(Debug, Clone, Copy)]
struct Entry {
    point: u32,
    spelling: Place,
    samples: Place,
    histograms: Place,
    exemplars: Place,
}

/// What the series of a point have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct PointNote {
    pub(super) head: Head,
    /// Whether its values are to be added to those before.
    pub(super) is_delta: bool,
}

/// Points that were refused, and the first reasons in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    /// How many.
    pub n_points: u64,
    /// Why, each reason once.
    pub reasons: Vec<String>,
}

impl Refusals {
    /// Notes that points were refused. A warning is a reason without points.
    pub fn note(&mut self, n_points: u64, reason: &str) {
        self.n_points += n_points;
        if self.reasons.len() < REASONS_MAX && !self.reasons.iter().any(|known| known == reason) {
            self.reasons.push(reason.to_owned());
        }
    }
}

/// See the head of this file. Series are spelled by their labels, in their order, each name and
/// each value followed by the byte 0xFF.
#[derive(Debug, Default)]
pub struct Translated {
    series: Vec<Entry>,
    spellings: Vec<u8>,
    samples: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    exemplars: Vec<Exemplar>,
    points: Vec<PointNote>,
    metadata: Vec<(String, Metadata)>,
    refusals: Refusals,
}

/// How long the lists were at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark([usize; 6]);

impl Translated {
    /// How many series there are. One series may come several times.
    pub fn n_series(&self) -> usize {
        self.series.len()
    }

    /// How a series is spelled.
    pub fn spelling(&self, series: usize) -> &[u8] {
        &self.spellings[self.series[series].spelling.range()]
    }

    /// The labels of a series, sorted by name.
    pub fn labels(&self, series: usize) -> impl Iterator<Item = (&str, &str)> {
        read_spelling(self.spelling(series))
    }

    /// The samples of a series.
    pub fn samples(&self, series: usize) -> &[Sample] {
        &self.samples[self.series[series].samples.range()]
    }

    /// The native histograms of a series.
    pub fn histograms(&self, series: usize) -> &[HistogramSample] {
        &self.histograms[self.series[series].histograms.range()]
    }

    /// The exemplars of a series.
    pub fn exemplars(&self, series: usize) -> &[Exemplar] {
        &self.exemplars[self.series[series].exemplars.range()]
    }

    /// Whether some series has native histograms.
    pub fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Whether some series has exemplars.
    pub fn has_exemplars(&self) -> bool {
        !self.exemplars.is_empty()
    }

    /// Whether some points are to be added up before the series can be stored.
    pub fn has_deltas(&self) -> bool {
        self.points.iter().any(|point| point.is_delta)
    }

    /// Which point a series is of, from 0 among those that were not refused; `None` if it describes
    /// the resource.
    pub fn point(&self, series: usize) -> Option<usize> {
        let point = self.series[series].point;
        (point != NO_POINT).then_some(point as usize)
    }

    /// What metrics are, by name.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &Metadata)> {
        self.metadata.iter().map(|(name, metadata)| (name.as_str(), metadata))
    }

    /// The points that were refused.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// See [`Translated::refusals`].
    pub(super) fn refusals_mut(&mut self) -> &mut Refusals {
        &mut self.refusals
    }

    pub(super) fn push_metadata(&mut self, name: &str, metadata: Metadata) {
        self.metadata.push((name.to_owned(), metadata));
    }

    /// Begins a point: series that are pushed now are of it.
    pub(super) fn begin(&mut self, note: PointNote) {
        self.points.push(note);
    }

    /// How long all lists are.
    pub(super) fn mark(&self) -> Mark {
        Mark([
            self.series.len(),
            self.spellings.len(),
            self.samples.len(),
            self.histograms.len(),
            self.exemplars.len(),
            self.points.len(),
        ])
    }

    /// Leaves out what came after a mark.
    pub(super) fn truncate(&mut self, Mark(lengths): Mark) {
        self.series.truncate(lengths[0]);
        self.spellings.truncate(lengths[1]);
        self.samples.truncate(lengths[2]);
        self.histograms.truncate(lengths[3]);
        self.exemplars.truncate(lengths[4]);
        self.points.truncate(lengths[5]);
    }

    /// Adds an exemplar to the series that is pushed next.
    pub(super) fn push_exemplar(&mut self, exemplar: Exemplar) {
        self.exemplars.push(exemplar);
    }

    /// Adds a series of the point with one sample and the exemplars since the series before.
    pub(super) fn push_sample(
        &mut self,
        base: &Base,
        (metric, other): ([&str; 2], Option<&str>),
        sample: Sample,
    ) -> Result<(), MessageError> {
        let n_samples = self.samples.len();
        self.samples.push(sample);
        let point = self.points.len().wrapping_sub(1) as u32;
        self.push(base, (metric, other), point, (n_samples, self.histograms.len()))
    }

    /// Adds a series of the point with one native histogram and the exemplars since the series
    /// before.
    pub(super) fn push_histogram(
        &mut self,
        base: &Base,
        metric: &str,
        sample: HistogramSample,
    ) -> Result<(), MessageError> {
        let n_histograms = self.histograms.len();
        self.histograms.push(sample);
        let point = self.points.len().wrapping_sub(1) as u32;
        self.push(base, ([metric, ""], None), point, (self.samples.len(), n_histograms))
    }

    /// Adds a series that is of no point.
    pub(super) fn push_info(
        &mut self,
        base: &Base,
        metric: &str,
        samples: impl IntoIterator<Item = Sample>,
    ) -> Result<(), MessageError> {
        let n_samples = self.samples.len();
        self.samples.extend(samples);
        self.push(base, ([metric, ""], None), NO_POINT, (n_samples, self.histograms.len()))
    }

    fn push(
        &mut self,
        base: &Base,
        (metric, other): ([&str; 2], Option<&str>),
        point: u32,
        (n_samples, n_histograms): (usize, usize),
    ) -> Result<(), MessageError> {
        let start = self.spellings.len();
        base.spell(metric, other, &mut self.spellings);
        let n_exemplars = self.series.last().map_or(0, |before| before.exemplars.end as usize);
        self.series.push(Entry {
            point,
            spelling: Place::new(start, self.spellings.len()),
            samples: Place::new(n_samples, self.samples.len()),
            histograms: Place::new(n_histograms, self.histograms.len()),
            exemplars: Place::new(n_exemplars, self.exemplars.len()),
        });
        match (self.series.len() > SERIES_MAX, self.spellings.len() > LABEL_BYTES_MAX) {
            (true, _) => Err(MessageError::TooManySeries),
            (_, true) => Err(MessageError::TooManyLabels),
            _ => Ok(()),
        }
    }

    /// Looks at each series of a point that is to be added up, with its spelling and what it has
    /// now, which `add` may change. What it refuses is left out with its whole point.
    pub(super) fn add_each<E: std::fmt::Display>(
        &mut self,
        mut add: impl FnMut(&PointNote, &[u8], &mut [Sample], &mut [HistogramSample]) -> Result<(), E>,
    ) {
        let mut refused = Vec::new();
        for entry in &self.series {
            let Some(note) = self.points.get(entry.point as usize) else { continue };
            if !note.is_delta || refused.last() == Some(&entry.point) {
                continue;
            }
            let spelling = &self.spellings[entry.spelling.range()];
            let samples = &mut self.samples[entry.samples.range()];
            let histograms = &mut self.histograms[entry.histograms.range()];
            if let Err(reason) = add(note, spelling, samples, histograms) {
                refused.push(entry.point);
                self.refusals.note(1, &reason.to_string());
            }
        }
        // The series of a point lie together, so the points rise.
        self.series.retain(|entry| refused.binary_search(&entry.point).is_err());
    }
}
