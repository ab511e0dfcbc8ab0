use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Labels, METRIC_NAME, Matcher, Sample};

use super::AliasQuerier;
use crate::memory::MemoryStore;
use crate::rollup::roll;
use crate::{
    Appender, Querier, RollupSeries, RollupSet, Row, Scan, Select, SelectError, SeriesColumns,
    SeriesSet, SeriesVisitor, WantedLabels,
};

fn pushed() -> AliasQuerier {
    let store = Arc::new(MemoryStore::default());
    let labels = |name: &str, pairs: &[(&str, &str)]| {
        Labels::of_metric(name, pairs.iter().copied()).unwrap()
    };
    let rows = [
        labels("service_metric", &[("service", "api"), ("metric_type", "cpu")]),
        labels("service_metric", &[("service", "db"), ("metric_type", "cpu")]),
        labels("service_metric", &[("service", "db"), ("metric_type", "disk")]),
        labels("cpu", &[("host", "a")]),
    ];
    let rows = rows.map(|labels| Row { labels, sample: Sample::new(1, 1.0) });
    store.append(rows.into()).unwrap().wait().unwrap();
    AliasQuerier::new(store)
}

fn names(querier: &AliasQuerier, matchers: Vec<Matcher>) -> Vec<String> {
    let select = Select::floats(matchers, 0, 9);
    querier.select(&select).unwrap().map(|s| s.unwrap().labels.to_string()).collect()
}

#[test]
fn a_plain_name_finds_pushed_and_ordinary_series() {
    let all = names(&pushed(), vec![Matcher::equal(METRIC_NAME, "cpu")]);
    assert_eq!(all, [r#"cpu{host="a"}"#, r#"cpu{service="api"}"#, r#"cpu{service="db"}"#]);
    let one = vec![Matcher::equal(METRIC_NAME, "cpu"), Matcher::equal("service", "db")];
    assert_eq!(names(&pushed(), one), [r#"cpu{service="db"}"#]);
}

#[test]
fn labels_and_scans_have_the_aliases_as_selections_do() {
    let matchers = vec![Matcher::equal(METRIC_NAME, "cpu")];
    let all = names(&pushed(), matchers.clone());
    let select = Select::floats(matchers, 0, 9);
    let labels = pushed().series(&select).unwrap();
    assert_eq!(labels.map(|labels| labels.unwrap().to_string()).collect::<Vec<_>>(), all);
    let mut seen = Seen::default();
    let scan = Scan { select, labels: WantedLabels::All, newest_only: false, any_order: false };
    pushed().scan(&scan, &mut seen).unwrap();
    assert_eq!(seen.0, all);
}

/// The keys of a scan.
#[derive(Default)]
struct Seen(Vec<String>);

impl SeriesVisitor for Seen {
    fn key(&mut self, labels: Labels) -> ControlFlow<()> {
        self.0.push(labels.to_string());
        ControlFlow::Continue(())
    }

    fn series(&mut self, _: SeriesColumns<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn the_stored_name_shows_each_series_once() {
    let all = names(&pushed(), vec![Matcher::equal(METRIC_NAME, "service_metric")]);
    assert_eq!(all.len(), 3);
}

#[test]
fn names_list_the_aliases() {
    let names = pushed().label_values(METRIC_NAME, &[]).unwrap();
    assert_eq!(names, ["cpu", "disk", "service_metric"]);
}

#[test]
fn an_aliased_series_has_the_labels_it_shows() {
    let names = |metric| pushed().label_names(&[Matcher::equal(METRIC_NAME, metric)]).unwrap();
    assert_eq!(names("cpu"), [METRIC_NAME, "host", "service"]);
    assert_eq!(names("service_metric"), [METRIC_NAME, "metric_type", "service"]);
    assert_eq!(names("none"), Vec::<String>::new());
}

/// The reference store with a tier.
struct Tiered(MemoryStore);

impl Querier for Tiered {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        self.0.select(select)
    }

    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        let rolled = self.0.select(select)?.map(move |series| {
            let series = series?;
            Ok(RollupSeries { labels: series.labels, rollups: roll(&series.samples, width_ms) })
        });
        Ok(Some(Box::new(rolled)))
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        self.0.label_names(matchers)
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        self.0.label_values(name, matchers)
    }
}

#[test]
fn rollups_have_plain_names_too() {
    let store = MemoryStore::default();
    let row = |labels: Labels| Row { labels, sample: Sample::new(7, 2.0) };
    let pushed = [("service", "api"), ("metric_type", "cpu")];
    let rows = [
        row(Labels::of_metric("service_metric", pushed).unwrap()),
        row(Labels::of_metric("cpu", [("host", "a")]).unwrap()),
    ];
    store.append(rows.into()).unwrap().wait().unwrap();
    let select = Select::floats(vec![Matcher::equal(METRIC_NAME, "cpu")], 1, 10);
    assert!(
        AliasQuerier::new(Arc::new(MemoryStore::default())).rollups(&select, 10).unwrap().is_none()
    );
    let set = AliasQuerier::new(Arc::new(Tiered(store))).rollups(&select, 10).unwrap().unwrap();
    let found: Vec<_> =
        set.map(Result::unwrap).map(|s| (s.labels.to_string(), s.rollups[0].sum)).collect();
    let expected =
        [(r#"cpu{host="a"}"#.to_owned(), 2.0), (r#"cpu{service="api"}"#.to_owned(), 2.0)];
    assert_eq!(found, expected);
}
