//! The reference store: everything in one ordered map, obviously right and not fast. Tests use it
//! as the oracle of every engine; it keeps nothing on disk and promises nothing about a restart.

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, Matcher, Sample, is_stale_marker};
use parking_lot::Mutex;

use crate::{AppendError, Appender, Commit, Querier, Row, Select, SelectError, Series, SeriesSet};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    series: Mutex<BTreeMap<Labels, BTreeMap<i64, Sample>>>,
}

impl MemoryStore {
    /// Drops every sample before this moment, and series that have none left.
    pub fn drop_before(&self, t_ms: i64) {
        self.series.lock().retain(|_, samples| {
            *samples = samples.split_off(&t_ms);
            !samples.is_empty()
        });
    }

    /// Drops every sample of which this is not true, and series that have none left.
    pub fn retain(&self, keeps: impl Fn(&Labels, &Sample) -> bool) {
        self.series.lock().retain(|labels, samples| {
            samples.retain(|_, sample| keeps(labels, sample));
            !samples.is_empty()
        });
    }

    /// Deletes the samples within these times, both included, of all series that match.
    pub fn delete_series(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) {
        self.retain(|labels, sample| {
            let is_in_range = (start_ms..=end_ms).contains(&sample.t_ms);
            !(is_in_range && matchers.iter().all(|matcher| matcher.matches(labels)))
        });
    }
}

impl Appender for MemoryStore {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        let mut series = self.series.lock();
        for Row { labels, sample } in rows {
            let samples = series.entry(labels).or_default();
            let value_is_there =
                samples.get(&sample.t_ms).is_some_and(|old| !is_stale_marker(old.value));
            if !(is_stale_marker(sample.value) && value_is_there) {
                samples.insert(sample.t_ms, sample);
            }
        }
        Ok(Commit::done())
    }
}

impl Querier for MemoryStore {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let mut found = Vec::new();
        if select.start_ms <= select.end_ms {
            for (labels, samples) in self.series.lock().iter() {
                let in_range = samples.range(select.start_ms..=select.end_ms);
                let samples: Vec<Sample> = in_range.map(|(_, sample)| *sample).collect();
                if !samples.is_empty() && select.matchers.iter().all(|m| m.matches(labels)) {
                    found.push(Ok(Series { labels: labels.clone(), samples }));
                }
            }
        }
        Ok(Box::new(found.into_iter()))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        let series = self.series.lock();
        let matching = series.keys().filter(|labels| matchers.iter().all(|m| m.matches(labels)));
        let values: BTreeSet<&str> = matching.filter_map(|labels| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        let series = self.series.lock();
        let matching = series.keys().filter(|labels| matchers.iter().all(|m| m.matches(labels)));
        let names: BTreeSet<&str> = matching.flatten().map(|label| label.name.as_str()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}
