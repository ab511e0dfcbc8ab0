//! Keys, and what is newest, on a store that does nothing but select.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, Matcher, Sample};

use super::{Scan, SeriesColumns, SeriesVisitor, WantedLabels};
use crate::memory::MemoryStore;
use crate::{AliasQuerier, Appender, Querier, Row, Select};

/// Writes down what it is shown, up to so many series.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    n_series_left: usize,
}

impl SeriesVisitor for Notes {
    fn key(&mut self, labels: Labels) -> ControlFlow<()> {
        self.lines.push(format!("key {labels}"));
        ControlFlow::Continue(())
    }

    fn series(&mut self, series: SeriesColumns<'_>) -> ControlFlow<()> {
        let SeriesColumns { key, times, values, starts, histograms, .. } = series;
        let histograms: Vec<i64> = histograms.iter().map(|sample| sample.t_ms).collect();
        self.lines.push(format!("{key}: {times:?} {values:?} {starts:?} {histograms:?}"));
        self.n_series_left -= 1;
        if self.n_series_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn store() -> MemoryStore {
    let store = MemoryStore::default();
    let labels = |job: &str, instance: &str| {
        Labels::of_metric("up", [("instance", instance), ("job", job)]).unwrap()
    };
    let row = |job: &str, instance: &str, t_ms, value, start_ms| Row {
        labels: labels(job, instance),
        sample: Sample { t_ms, value, start_ms },
    };
    let rows = vec![
        row("a", "1", 1, 1.0, 0),
        row("a", "1", 3, 2.0, 2),
        row("b", "2", 1, 3.0, 0),
        row("a", "3", 2, 4.0, 0),
    ];
    store.append(rows).unwrap();
    let histogram = Arc::new(Histogram::stale_marker());
    let sample = HistogramSample { t_ms: 4, start_ms: 0, histogram };
    store.append_histograms(&labels("a", "3"), &[sample]);
    store
}

fn shown(
    querier: &dyn Querier,
    labels: WantedLabels,
    newest_only: bool,
    n_max: usize,
) -> Vec<String> {
    let select = Select::both(vec![Matcher::equal("__name__", "up")], 0, 10);
    let mut notes = Notes { lines: Vec::new(), n_series_left: n_max };
    querier.scan(&Scan { select, labels, newest_only, any_order: false }, &mut notes).unwrap();
    notes.lines
}

#[test]
fn series_come_in_order_with_the_numbers_of_their_keys() {
    let wanted = WantedLabels::Only(vec!["job".to_owned()]);
    assert_eq!(
        shown(&store(), wanted, false, 9),
        [
            "key {job=\"a\"}",
            "0: [1, 3] [1.0, 2.0] [0, 2] []",
            "key {job=\"b\"}",
            "1: [1] [3.0] [] []",
            "0: [2] [4.0] [] [4]",
        ]
    );
    let wanted = WantedLabels::Without(vec!["instance".to_owned()]);
    let keys = shown(&store(), wanted, false, 9);
    assert_eq!((&*keys[0], &*keys[2]), ("key up{job=\"a\"}", "key up{job=\"b\"}"));
}

#[test]
fn the_newest_sample_stands_alone() {
    assert_eq!(
        shown(&store(), WantedLabels::Only(Vec::new()), true, 9),
        ["key {}", "0: [3] [2.0] [2] []", "0: [1] [3.0] [] []", "0: [] [] [] [4]"]
    );
}

#[test]
fn a_visitor_ends_the_scan() {
    assert_eq!(shown(&store(), WantedLabels::All, false, 1).len(), 2);
}

#[test]
fn pushed_metrics_are_scanned_by_their_plain_names() {
    let store = store();
    let before = shown(&store, WantedLabels::All, false, 9);
    let store = Arc::new(store);
    let aliases = AliasQuerier::new(store.clone());
    assert_eq!(shown(&aliases, WantedLabels::All, false, 9), before);
    let pairs = [("metric_type", "up"), ("service", "s")];
    let labels = Labels::of_metric("service_metric", pairs).unwrap();
    store.append(vec![Row { labels, sample: Sample::new(5, 6.0) }]).unwrap();
    let lines = shown(&aliases, WantedLabels::All, false, 9);
    assert_eq!(lines[6..], ["key up{service=\"s\"}", "3: [5] [6.0] [] []"]);
}
