//! Checks: the store's answers against the reference's.

use std::fmt::Write as _;

use model::{Labels, Sample};
use storage::{Querier, Select, Series};

use super::{Outcome, Simulator, disguise};

impl Simulator {
    pub(super) fn compare_select(&mut self) -> Outcome {
        let select = self.traffic.select(self.now_ms());
        let found = read(self.db(), &select)?;
        let expected = read(&self.reference, &select)?;
        self.report.n_selects += 1;
        self.trace.write(&found.len().to_le_bytes());
        match difference(&found, &expected) {
            Some(what) => Err(format!("{what}\nin {select:?}")),
            None => Ok(()),
        }
    }

    pub(super) fn compare_label_values(&mut self) -> Outcome {
        let name = self.traffic.label_name();
        let matchers = self.traffic.matchers();
        let ask = |querier: &dyn Querier| {
            let values = querier.label_values(&name, &matchers);
            values.map_err(|error| error.to_string())
        };
        let (found, expected) = (ask(self.db())?, ask(&self.reference)?);
        if found == expected {
            return Ok(());
        }
        Err(format!("values of {name} under {matchers:?}: {found:?} instead of {expected:?}"))
    }

    pub(super) fn compare_label_names(&mut self) -> Outcome {
        let matchers = self.traffic.matchers();
        let ask = |querier: &dyn Querier| {
            let names = querier.label_names(&matchers);
            names.map_err(|error| error.to_string())
        };
        let (found, expected) = (ask(self.db())?, ask(&self.reference)?);
        if found == expected {
            return Ok(());
        }
        Err(format!("names under {matchers:?}: {found:?} instead of {expected:?}"))
    }
}

pub(super) fn read(querier: &dyn Querier, select: &Select) -> Result<Vec<Series>, String> {
    let set = querier.select(select).map_err(|error| error.to_string())?;
    set.map(|series| disguise::plain(series.map_err(|error| error.to_string())?)).collect()
}

pub(super) fn everything(querier: &dyn Querier) -> Result<Vec<Series>, String> {
    let all = Select::both(Vec::new(), i64::MIN, i64::MAX);
    read(querier, &all)
}

/// How an answer differs from the one that is expected, if it does.
pub(super) fn difference(found: &[Series], expected: &[Series]) -> Option<String> {
    let same_samples = |a: &Series, b: &Series| {
        let same = |(a, b): (&Sample, &Sample)| a.same_bits(b);
        a.samples.len() == b.samples.len() && a.samples.iter().zip(&b.samples).all(same)
    };
    let same = |(a, b): (&Series, &Series)| a.labels == b.labels && same_samples(a, b);
    if found.len() == expected.len() && found.iter().zip(expected).all(same) {
        return None;
    }
    let mut what = String::from("found, not expected:\n");
    list(&mut what, &without(found, expected));
    what.push_str("expected, not found:\n");
    list(&mut what, &without(expected, found));
    Some(what)
}

/// The samples of some series that are not among these others, to the bit.
pub(super) fn without(series: &[Series], others: &[Series]) -> Vec<Series> {
    let mut left = series.to_vec();
    for series in &mut left {
        series.samples.retain(|sample| {
            sample_at(others, &series.labels, sample.t_ms).is_none_or(|s| !s.same_bits(sample))
        });
    }
    left.retain(|series| !series.samples.is_empty());
    left
}

/// The sample of a series at a moment.
pub(super) fn sample_at(all: &[Series], labels: &Labels, t_ms: i64) -> Option<Sample> {
    let series = all.binary_search_by(|s| s.labels.cmp(labels)).ok()?;
    let samples = &all[series].samples;
    let at = samples.binary_search_by_key(&t_ms, |s| s.t_ms).ok()?;
    Some(samples[at])
}

pub(super) fn list(text: &mut String, series: &[Series]) {
    for Series { labels, samples, .. } in series {
        let _infallible = writeln!(text, "  {labels} {samples:?}");
    }
}
