use std::sync::Arc;

use model::{Labels, METRIC_NAME, Matcher, Sample};

use super::AliasQuerier;
use crate::memory::MemoryStore;
use crate::{Appender, Querier, Row, Select};

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
