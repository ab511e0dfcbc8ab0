//! A store that holds what a script loads.

use std::collections::BTreeMap;

use model::{HistogramSample, Labels, Matcher, STALE_MARKER_BITS, Sample};
use storage::{Querier, Select, SelectError, Series, SeriesSet};

use crate::language::{Item, Load};

#[derive(Debug, Clone, Default)]
pub(crate) struct Store(BTreeMap<Labels, BTreeMap<i64, Stored>>);

/// A sample of either kind.
#[derive(Debug, Clone)]
enum Stored {
    Float(Sample),
    Histogram(HistogramSample),
}

impl Store {
    pub(crate) fn load(&mut self, load: &Load) {
        for series in &load.series {
            let samples = self.0.entry(series.labels.clone()).or_default();
            for (i, item) in series.items.iter().enumerate() {
                let t_ms = i as i64 * load.step_ms;
                let offset = series.start_offsets_ms.get(i).copied().flatten();
                let start_ms = offset.map_or(0, |offset| t_ms + offset);
                let float = |value| Stored::Float(Sample { t_ms, value, start_ms });
                let stored = match item {
                    Item::Gap => continue,
                    Item::Float(value) => float(*value),
                    Item::Stale => float(f64::from_bits(STALE_MARKER_BITS)),
                    Item::Histogram(histogram) => {
                        let histogram = histogram.clone();
                        Stored::Histogram(HistogramSample { t_ms, start_ms, histogram })
                    }
                };
                samples.insert(t_ms, stored);
            }
        }
    }
}

impl Querier for Store {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let mut found = Vec::new();
        for (labels, samples) in &self.0 {
            if !select.matchers.iter().all(|matcher| matcher.matches(labels)) {
                continue;
            }
            let range = select.start_ms..=select.end_ms;
            if range.is_empty() {
                continue;
            }
            let mut series = Series::of_floats(labels.clone(), Vec::new());
            for (_, stored) in samples.range(range) {
                match stored {
                    Stored::Float(sample) => series.samples.push(*sample),
                    Stored::Histogram(sample) => series.histograms.push(sample.clone()),
                }
            }
            if !series.samples.is_empty() || !series.histograms.is_empty() {
                found.push(Ok(series));
            }
        }
        Ok(Box::new(found.into_iter()))
    }

    fn label_values(&self, _: &str, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }
}
