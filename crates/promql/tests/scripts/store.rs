//! A store that holds what a script loads.

use std::collections::BTreeMap;

use model::{Labels, Matcher, STALE_MARKER_BITS, Sample};
use storage::{Querier, Select, SelectError, Series, SeriesSet};

use crate::language::{Item, Load};

#[derive(Debug, Clone, Default)]
pub(crate) struct Store(BTreeMap<Labels, BTreeMap<i64, Sample>>);

impl Store {
    pub(crate) fn load(&mut self, load: &Load) {
        for series in &load.series {
            let samples = self.0.entry(series.labels.clone()).or_default();
            for (i, item) in series.items.iter().enumerate() {
                let t_ms = i as i64 * load.step_ms;
                let value = match item {
                    Item::Float(value) => *value,
                    Item::Stale => f64::from_bits(STALE_MARKER_BITS),
                    Item::Gap | Item::Histogram => continue,
                };
                let offset = series.start_offsets_ms.get(i).copied().flatten();
                let start_ms = offset.map_or(0, |offset| t_ms + offset);
                samples.insert(t_ms, Sample { t_ms, value, start_ms });
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
            let samples: Vec<Sample> = samples.range(range).map(|(_, s)| *s).collect();
            if !samples.is_empty() {
                found.push(Ok(Series { labels: labels.clone(), samples }));
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
