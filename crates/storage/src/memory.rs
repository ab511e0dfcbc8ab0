//! The reference store: everything in one ordered map, obviously right and not fast. Tests use it
//! as the oracle of every engine; it keeps nothing on disk and promises nothing about a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Exemplar, Histogram, HistogramSample, Labels, Matcher, Metadata, Sample, is_stale_marker,
};
use parking_lot::Mutex;

use crate::{
    AppendError, Appender, Batch, BatchAppended, Commit, Kinds, LimitError, Querier, Rejected, Row,
    Select, SelectError, Series, SeriesExemplars, SeriesSet,
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    series: Mutex<BTreeMap<Labels, BTreeMap<i64, Point>>>,
    exemplars: Mutex<BTreeMap<Labels, Vec<Exemplar>>>,
    metadata: Mutex<BTreeMap<String, Metadata>>,
}

/// What a series has at one time.
#[derive(Debug, Clone)]
enum Point {
    Float(Sample),
    Histogram(HistogramSample),
}

impl Point {
    /// Whether the values are the same to the bit, whatever since when they count.
    fn same_value(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.value.to_bits() == b.value.to_bits(),
            (Self::Histogram(a), Self::Histogram(b)) => a.histogram.same_bits(&b.histogram),
            _ => false,
        }
    }

    fn is_stale_marker(&self) -> bool {
        match self {
            Self::Float(sample) => is_stale_marker(sample.value),
            Self::Histogram(sample) => sample.histogram.is_stale_marker(),
        }
    }
}

fn conflict(index: usize, t_ms: i64) -> Rejected {
    Rejected { index, cause: LimitError::Conflict { t_ms } }
}

/// Of two at one time a value beats a stale marker, otherwise the later wins.
fn add(points: &mut BTreeMap<i64, Point>, t_ms: i64, point: Point) {
    let value_is_there = points.get(&t_ms).is_some_and(|old| !old.is_stale_marker());
    if !(point.is_stale_marker() && value_is_there) {
        points.insert(t_ms, point);
    }
}

impl MemoryStore {
    /// Drops every sample before this moment, and series that have none left.
    pub fn drop_before(&self, t_ms: i64) {
        self.series.lock().retain(|_, points| {
            *points = points.split_off(&t_ms);
            !points.is_empty()
        });
    }

    /// Whether a series has another value at this time.
    fn conflicts(&self, labels: &Labels, t_ms: i64, point: &Point) -> bool {
        let series = self.series.lock();
        let there = series.get(labels).and_then(|points| points.get(&t_ms));
        there.is_some_and(|there| {
            !there.is_stale_marker() && !point.is_stale_marker() && !there.same_value(point)
        })
    }

    /// Appends native histograms of one series. Of a stale marker nothing is kept but its times.
    pub fn append_histograms(&self, labels: &Labels, samples: &[HistogramSample]) {
        let mut series = self.series.lock();
        for sample in samples {
            let mut sample = sample.clone();
            if sample.histogram.is_stale_marker() {
                sample.histogram = Arc::new(Histogram::stale_marker());
            }
            let points = series.entry(labels.clone()).or_default();
            add(points, sample.t_ms, Point::Histogram(sample));
        }
    }

    /// Drops every sample, of a series and a time, of which this is not true, and series that have
    /// none left.
    pub fn retain(&self, keeps: impl Fn(&Labels, i64) -> bool) {
        self.series.lock().retain(|labels, samples| {
            samples.retain(|t_ms, _| keeps(labels, *t_ms));
            !samples.is_empty()
        });
    }

    /// Deletes the samples within these times, both included, of all series that match.
    pub fn delete_series(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) {
        self.retain(|labels, t_ms| {
            let is_in_range = (start_ms..=end_ms).contains(&t_ms);
            !(is_in_range && matchers.iter().all(|matcher| matcher.matches(labels)))
        });
    }
}

impl Appender for MemoryStore {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        let mut series = self.series.lock();
        for Row { labels, sample } in rows {
            add(series.entry(labels).or_default(), sample.t_ms, Point::Float(sample));
        }
        Ok(Commit::done())
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        let (mut good, mut rejected) = (Vec::new(), Vec::new());
        for index in 0..batch.n_series() {
            let mut pairs = Vec::new();
            match batch.labels(index, &mut pairs) {
                Ok(()) => {
                    let labels = Labels::new(pairs);
                    good.push((index, labels.expect("a batch hands out good labels only")));
                }
                Err(cause) => rejected.push(Rejected { index, cause }),
            }
        }
        let (mut n_floats, mut n_histograms, mut n_exemplars) = (0, 0, 0);
        let keeps_first = batch.keeps_first();
        for (index, labels) in &good {
            for sample in batch.samples(*index) {
                if keeps_first && self.conflicts(labels, sample.t_ms, &Point::Float(*sample)) {
                    rejected.push(conflict(*index, sample.t_ms));
                    continue;
                }
                n_floats += 1;
                self.append(vec![Row { labels: labels.clone(), sample: *sample }])?;
            }
        }
        for (index, labels) in &good {
            for sample in batch.histograms(*index) {
                let point = Point::Histogram(sample.clone());
                if keeps_first && self.conflicts(labels, sample.t_ms, &point) {
                    rejected.push(conflict(*index, sample.t_ms));
                    continue;
                }
                n_histograms += 1;
                self.append_histograms(labels, std::slice::from_ref(sample));
            }
        }
        for (index, labels) in good {
            let exemplars = batch.exemplars(index);
            if !exemplars.is_empty() && self.series.lock().contains_key(&labels) {
                n_exemplars += exemplars.len() as u64;
                self.exemplars.lock().entry(labels).or_default().extend_from_slice(exemplars);
            }
        }
        rejected.sort_by_key(|one| one.index);
        let n_samples = n_floats + n_histograms;
        let commit = Commit::done();
        Ok(BatchAppended { commit, n_samples, n_histograms, n_exemplars, rejected })
    }

    fn append_metadata(&self, metrics: &[(&str, Metadata)]) -> Result<Commit, AppendError> {
        let owned = metrics.iter().map(|(metric, said)| ((*metric).to_owned(), said.clone()));
        self.metadata.lock().extend(owned);
        Ok(Commit::done())
    }
}

fn all_hold(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

impl Querier for MemoryStore {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let mut found = Vec::new();
        if select.start_ms <= select.end_ms {
            for (labels, points) in self.series.lock().iter() {
                let mut series = Series::of_floats(labels.clone(), Vec::new());
                for (_, point) in points.range(select.start_ms..=select.end_ms) {
                    match point {
                        Point::Float(sample) => series.samples.push(*sample),
                        Point::Histogram(sample) if select.kinds == Kinds::Both => {
                            series.histograms.push(sample.clone());
                        }
                        Point::Histogram(_) => {}
                    }
                }
                let is_empty = series.samples.is_empty() && series.histograms.is_empty();
                if !is_empty && all_hold(&select.matchers, labels) {
                    found.push(Ok(series));
                }
            }
        }
        Ok(Box::new(found.into_iter()))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        let series = self.series.lock();
        let matching = series.keys().filter(|labels| all_hold(matchers, labels));
        let values: BTreeSet<&str> = matching.filter_map(|labels| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        let series = self.series.lock();
        let matching = series.keys().filter(|labels| all_hold(matchers, labels));
        let names: BTreeSet<&str> = matching.flatten().map(|label| label.name.as_str()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn exemplars(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        let all = self.exemplars.lock();
        let matching = all.iter().filter(|(labels, _)| all_hold(matchers, labels));
        let in_range = matching.map(|(labels, exemplars)| {
            let mut exemplars = exemplars.clone();
            exemplars.retain(|exemplar| (start_ms..=end_ms).contains(&exemplar.t_ms));
            exemplars.sort_by_key(|exemplar| exemplar.t_ms);
            SeriesExemplars { labels: labels.clone(), exemplars }
        });
        Ok(in_range.filter(|series| !series.exemplars.is_empty()).collect())
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<(String, Metadata)>, SelectError> {
        let all = self.metadata.lock();
        let wanted = all.iter().filter(|(name, _)| metric.is_none_or(|metric| metric == **name));
        Ok(wanted.map(|(name, said)| (name.clone(), said.clone())).collect())
    }
}
