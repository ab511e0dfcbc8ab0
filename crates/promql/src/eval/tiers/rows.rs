//! Rows: what a leaf is at each step, made of the rollups of its windows.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::Labels;
use storage::rollup::Rolling;
use storage::rollup::over_time::OverTime;
use storage::{
    KeptTier, Rollup, RollupSeries, Scan, Select, SeriesColumns, SeriesVisitor, WantedLabels,
};

use super::super::answer::{Point, QueryError, Value};
use super::super::budget::{Budget, Held};
use super::super::evaluator::{Evaluator, arg_span};
use super::super::over_time::doubt_counter;
use super::super::row::{Row, held_by};
use super::super::steps::Steps;
use super::{Leaf, Note, Told};

/// Joining a rollup is as much work as looking at so many numbers.
const ROLLUP_WORK: usize = 4;

/// What a tier answers.
pub(super) struct TierRows {
    pub(super) rows: Vec<Row>,
    /// When the first native histogram is that was left out, Unix milliseconds.
    pub(super) histograms_ms: Option<i64>,
}

impl Evaluator<'_> {
    /// The rows of a leaf from the rollups of a tier; `None` if there is no such tier.
    pub(super) fn rollup_rows(
        &mut self,
        leaf: &Leaf<'_>,
        tier: KeptTier,
        steps: &Steps,
    ) -> Result<Option<TierRows>, QueryError> {
        let (open_ms, _) = leaf.window(steps.start_ms);
        let (_, end_ms) = leaf.window(steps.last_ms());
        let matchers = leaf.selector.matchers.clone();
        let select = Select::both(matchers, open_ms.saturating_add(1), end_ms);
        let Some(set) = self.querier.rollups(&select, tier.width_ms)? else { return Ok(None) };
        let histograms_ms = self.histograms_ms(leaf, select)?;
        self.history.notes.add(Note::Answered { tier, is_short: tier.from_ms > open_ms });
        let mut rows = Vec::new();
        for series in set {
            let RollupSeries { labels, rollups } = series?;
            let held = self.budget.held();
            self.budget.take(held_by_rollups(&labels, rollups.len()))?;
            self.n_read += rollups.len() as u64;
            let mut points = self.points(leaf, &rollups, steps)?;
            if let Some(from_ms) = histograms_ms.get(&labels) {
                points.retain(|point| leaf.window(point.t_ms).1 < *from_ms);
            }
            self.budget.set_held(held);
            if points.is_empty() {
                continue;
            }
            self.budget.take(held_by(&labels, points.len()))?;
            if let Some((name, arg)) = leaf.call {
                doubt_counter(&mut self.remarks, name, labels.metric_name(), arg_span(arg));
            }
            rows.push(Row { labels: Arc::new(labels), drops_name: drops_name(leaf), points });
        }
        Ok(Some(TierRows { rows, histograms_ms: histograms_ms.into_values().min() }))
    }

    /// The value of each window that has one.
    fn points(
        &mut self,
        leaf: &Leaf<'_>,
        rollups: &[Rollup],
        steps: &Steps,
    ) -> Result<Vec<Point>, QueryError> {
        let mut points = Vec::new();
        let (mut start, mut end) = (0, 0);
        for t_ms in steps.times() {
            let window = leaf.window(t_ms);
            let passed = |from: usize, until_ms: i64| {
                let rest = rollups[from..].iter();
                from + rest.take_while(|rollup| rollup.first_ms <= until_ms).count()
            };
            start = passed(start, window.0);
            end = passed(end.max(start), window.1);
            self.budget.work(1 + (end - start) * ROLLUP_WORK)?;
            if let Some(value) = value(leaf.told, &rollups[start..end], window) {
                points.push(Point { t_ms, value: Value::Float(value) });
            }
            self.n_queryable += (end - start) as u64;
        }
        Ok(points)
    }

    /// The series of a selection that have histograms where samples are left, and since when. Their
    /// rollups say nothing of these, so windows that reach there have no answer.
    fn histograms_ms(
        &mut self,
        leaf: &Leaf<'_>,
        select: Select,
    ) -> Result<HashMap<Labels, i64>, QueryError> {
        let whole_from_ms = self.history.remains.whole_from_ms;
        if select.end_ms < whole_from_ms {
            return Ok(HashMap::new());
        }
        let select = Select { start_ms: select.start_ms.max(whole_from_ms), ..select };
        let labels = WantedLabels::All;
        let scan = Scan { select, labels, newest_only: false, any_order: false };
        let mut search = Search {
            budget: &mut self.budget,
            sees_markers: leaf.call.is_none(),
            key: None,
            found: HashMap::new(),
            failed: None,
        };
        self.querier.scan(&scan, &mut search)?;
        let Search { found, failed, .. } = search;
        if let Some(error) = failed {
            return Err(error);
        }
        if !found.is_empty() {
            self.history.notes.add(Note::Histograms);
        }
        Ok(found)
    }
}

/// A rollup counts as as many samples as have its size.
fn held_by_rollups(labels: &Labels, n: usize) -> Held {
    let n_bytes = n.saturating_mul(size_of::<Rollup>());
    held_by(labels, n_bytes / size_of::<Point>())
}

/// What a window is; `None` if it is nothing.
fn value(told: Told, rollups: &[Rollup], window: (i64, i64)) -> Option<f64> {
    let mut rolling = Rolling::default();
    for rollup in rollups {
        rolling.join(rollup);
    }
    let whole = rolling.take()?;
    match told {
        Told::Over(function) => function.value(&whole, window),
        Told::Timestamp => {
            OverTime::Latest.value(&whole, window)?;
            OverTime::LastTime.value(&whole, window)
        }
        Told::Samples(_) => None,
    }
}

/// Whether what is told is something else than the metric itself.
fn drops_name(leaf: &Leaf<'_>) -> bool {
    !matches!(leaf.told, Told::Over(OverTime::First | OverTime::Last | OverTime::Latest))
}

/// Whom samples are shown to in search of histograms.
struct Search<'b> {
    budget: &'b mut Budget,
    /// Whether the end of a series is something: functions of ranges leave it out.
    sees_markers: bool,
    /// Of the series that comes next.
    key: Option<Labels>,
    /// The time of the first one of each series that has some, Unix milliseconds.
    found: HashMap<Labels, i64>,
    failed: Option<QueryError>,
}

impl Search<'_> {
    fn take(&mut self, series: &SeriesColumns<'_>) -> Result<(), QueryError> {
        let mut seen = series.histograms.iter();
        let first = seen.find(|sample| self.sees_markers || !sample.histogram.is_stale_marker());
        let (Some(labels), Some(first)) = (self.key.take(), first) else {
            return self.budget.check_stop();
        };
        self.budget.take(held_by(&labels, 0))?;
        self.found.insert(labels, first.t_ms);
        Ok(())
    }
}

impl SeriesVisitor for Search<'_> {
    fn key(&mut self, labels: Labels) -> ControlFlow<()> {
        self.key = Some(labels);
        ControlFlow::Continue(())
    }

    fn series(&mut self, series: SeriesColumns<'_>) -> ControlFlow<()> {
        match self.take(&series) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}
