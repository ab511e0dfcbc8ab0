//! Alias: a pushed metric is stored once, as `service_metric{service,metric_type}`, and can be
//! asked for by its plain name too.

use std::sync::Arc;

use model::{Labels, METRIC_NAME, MatchOp, Matcher, Metadata};

use crate::{
    Cardinality, LabelsSet, Querier, Remains, RollupSeries, RollupSet, Scan, Select, SelectError,
    Series, SeriesExemplars, SeriesSet, SeriesVisitor, scan_series,
};

/// The name under which all pushed metrics are stored.
pub const PUSHED_METRIC: &str = "service_metric";
/// The label that holds the plain name.
const PLAIN_NAME_LABEL: &str = "metric_type";

/// A querier that answers `cpu{...}` with the stored series `service_metric{metric_type="cpu",...}`
/// as well, named `cpu`.
pub struct AliasQuerier(Arc<dyn Querier>);

impl AliasQuerier {
    /// Aliases over another querier.
    pub fn new(inner: Arc<dyn Querier>) -> Self {
        Self(inner)
    }
}

impl Querier for AliasQuerier {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let stored = self.0.select(select)?;
        let Some((plain_name, matchers)) = aliased(&select.matchers) else {
            return Ok(stored);
        };
        let aliased = Select { matchers, ..*select };
        let renamed = self.0.select(&aliased)?.map(move |series| {
            let series = series?;
            Ok(Series { labels: renamed(series.labels, &plain_name), ..series })
        });
        let mut all: Vec<_> = stored.chain(renamed).collect::<Result<_, _>>()?;
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Box::new(all.into_iter().map(Ok)))
    }

    fn scan(&self, scan: &Scan, visitor: &mut dyn SeriesVisitor) -> Result<(), SelectError> {
        // Few plain names are those of pushed metrics.
        if let Some((_, matchers)) = aliased(&scan.select.matchers) {
            let aliased = Select { matchers, ..scan.select };
            if self.0.select(&aliased)?.next().is_some() {
                return scan_series(self.select(&scan.select)?, scan, visitor);
            }
        }
        self.0.scan(scan, visitor)
    }

    fn series(&self, select: &Select) -> Result<LabelsSet, SelectError> {
        let stored = self.0.series(select)?;
        let Some((plain_name, matchers)) = aliased(&select.matchers) else {
            return Ok(stored);
        };
        let aliased = Select { matchers, ..*select };
        let renamed = self.0.series(&aliased)?.map(move |labels| Ok(renamed(labels?, &plain_name)));
        let mut all: Vec<_> = stored.chain(renamed).collect::<Result<_, _>>()?;
        all.sort();
        Ok(Box::new(all.into_iter().map(Ok)))
    }

    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        let Some(stored) = self.0.rollups(select, width_ms)? else { return Ok(None) };
        let Some((plain_name, matchers)) = aliased(&select.matchers) else {
            return Ok(Some(stored));
        };
        let aliased = Select { matchers, ..*select };
        let Some(aliased) = self.0.rollups(&aliased, width_ms)? else { return Ok(None) };
        let mut aliased = aliased.peekable();
        // Few plain names are those of pushed metrics, and long history is not to be held at once.
        if aliased.peek().is_none() {
            return Ok(Some(stored));
        }
        let renamed = aliased.map(move |series| {
            let RollupSeries { labels, rollups } = series?;
            Ok(RollupSeries { labels: renamed(labels, &plain_name), rollups })
        });
        let mut all: Vec<_> = stored.chain(renamed).collect::<Result<_, _>>()?;
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Some(Box::new(all.into_iter().map(Ok))))
    }

    fn remains(&self) -> Remains {
        self.0.remains()
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        let mut values = self.0.label_values(name, matchers)?;
        if name == METRIC_NAME {
            let pushed = Matcher::equal(METRIC_NAME, PUSHED_METRIC);
            values.extend(self.0.label_values(PLAIN_NAME_LABEL, &[pushed])?);
            values.sort_unstable();
            values.dedup();
        }
        Ok(values)
    }

    fn exemplars(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        // Pushed metrics have none.
        self.0.exemplars(matchers, start_ms, end_ms)
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<(String, Metadata)>, SelectError> {
        self.0.metadata(metric)
    }

    fn cardinality(&self, n_listed_max: usize) -> Option<Cardinality> {
        self.0.cardinality(n_listed_max)
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        let mut names = self.0.label_names(matchers)?;
        if let Some((_, matchers)) = aliased(matchers) {
            let of_aliased = self.0.label_names(&matchers)?.into_iter();
            names.extend(of_aliased.filter(|name| name != PLAIN_NAME_LABEL));
            names.sort_unstable();
            names.dedup();
        }
        Ok(names)
    }
}

/// The labels of a stored series under its plain name.
fn renamed(labels: Labels, plain_name: &str) -> Labels {
    labels.with(METRIC_NAME, plain_name).with(PLAIN_NAME_LABEL, "")
}

/// The plain name that the matchers ask for and those of the stored series behind it; `None` when
/// they name no single metric, or the stored name itself.
pub(crate) fn aliased(matchers: &[Matcher]) -> Option<(String, Vec<Matcher>)> {
    let by_name = |m: &&Matcher| m.name == METRIC_NAME && m.op() == MatchOp::Equal;
    let plain_name = matchers.iter().find(by_name)?.value().to_owned();
    if plain_name == PUSHED_METRIC {
        return None;
    }
    let others = matchers.iter().filter(|m| m.name != METRIC_NAME).cloned();
    let stored = [
        Matcher::equal(METRIC_NAME, PUSHED_METRIC),
        Matcher::equal(PLAIN_NAME_LABEL, plain_name.as_str()),
    ];
    Some((plain_name, stored.into_iter().chain(others).collect()))
}

#[cfg(test)]
mod tests;
