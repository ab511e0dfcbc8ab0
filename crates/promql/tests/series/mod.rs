//! Series for tests: `name{labels} 1 2 _ stale`, a sample each minute from 0.

use model::{Labels, Matcher, STALE_MARKER_BITS, Sample};
use promql::parse_selector;
use storage::{Querier, Select, SelectError, Series, SeriesSet};

#[derive(Debug)]
pub(crate) struct Loaded(Vec<Series>);

impl Loaded {
    pub(crate) fn new(lines: &str) -> Self {
        let mut all: Vec<Series> = lines.lines().map(series).collect();
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Self(all)
    }
}

fn series(line: &str) -> Series {
    let (head, values) = line.trim().split_once(' ').expect("values follow the labels");
    let matchers = parse_selector(head).expect("labels are written as a selector");
    let pairs = matchers.iter().map(|m| (m.name.clone(), m.value().to_owned()));
    let value = |word: &str| match word {
        "_" => None,
        "stale" => Some(f64::from_bits(STALE_MARKER_BITS)),
        number => Some(number.parse().expect("a value is a number")),
    };
    let samples = values.split(' ').enumerate();
    let samples =
        samples.filter_map(|(i, word)| Some(Sample::new(i as i64 * 60_000, value(word)?)));
    Series::of_floats(Labels::new(pairs).expect("each label once"), samples.collect())
}

impl Querier for Loaded {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let select = select.clone();
        let within = move |series: &Series| {
            let is_in = |s: &&Sample| s.t_ms >= select.start_ms && s.t_ms <= select.end_ms;
            let samples: Vec<Sample> = series.samples.iter().filter(is_in).copied().collect();
            let matches = select.matchers.iter().all(|matcher| matcher.matches(&series.labels));
            (matches && !samples.is_empty())
                .then(|| Ok(Series::of_floats(series.labels.clone(), samples)))
        };
        let found: Vec<_> = self.0.iter().filter_map(within).collect();
        Ok(Box::new(found.into_iter()))
    }

    fn label_values(&self, _: &str, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }
}
