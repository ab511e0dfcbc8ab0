//! Doubts: what is told beside an answer, of which place in the query, and how often.

mod series;

use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, Matcher};
use promql::{Answer, Engine, Options};
use series::Loaded;
use storage::{Querier, Select, SelectError, Series, SeriesSet};

const CARS: &str = "cars{road=\"a\"} 1 2 3 4 5 6\ncars{road=\"b\"} 2 4 6 8 10 12";

fn engine() -> Engine {
    Engine::new(Arc::new(Loaded::new(CARS)), Options::default())
}

#[track_caller]
fn check(answer: &Answer, wanted: &[&str]) {
    let all = answer.annotations.warnings.iter().chain(&answer.annotations.infos);
    let told: Vec<String> = all.map(ToString::to_string).collect();
    assert_eq!(told, wanted);
}

/// What is told of a query at 5 minutes.
#[track_caller]
fn instant(query: &str, wanted: &[&str]) {
    check(&engine().instant(query, 300_000).expect("the query has a value"), wanted);
}

/// What is told of a query each minute from 0 to 5.
#[track_caller]
fn range(query: &str, wanted: &[&str]) {
    check(&engine().range(query, 0, 300_000, 60_000).expect("the query has a value"), wanted);
}

#[test]
fn of_an_argument_the_place_within_its_parentheses_is_told() {
    let counter = |place: &str| {
        format!(
            "PromQL info: metric might not be a counter, name does not end in \
             _total/_sum/_count/_bucket: \"cars\" ({place})"
        )
    };
    instant("rate(cars[5m])", &[&counter("1:6")]);
    instant("rate(((cars[5m])))", &[&counter("1:8")]);
    // The fast evaluation and the plain one say the same.
    let options = Options { is_plain: true, ..Options::default() };
    let plain = Engine::new(Arc::new(Loaded::new(CARS)), options);
    check(&plain.instant("rate(((cars[5m])))", 300_000).unwrap(), &[&counter("1:8")]);
    let quantile = |place: &str| {
        format!("PromQL warning: quantile value should be between 0 and 1, got 2 ({place})")
    };
    instant("quantile(((2)), cars)", &[&quantile("1:12")]);
    instant("quantile_over_time((2), cars[5m])", &[&quantile("1:21")]);
    instant("histogram_quantile((2), none)", &[&quantile("1:21")]);
    let bound = "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"\" \
                 for metric name \"cars\" (1:26)";
    instant("histogram_quantile(0.5, ((cars)))", &[&bound.replace("1:26", "1:27")]);
    instant("histogram_quantile(0.5, (cars))", &[bound]);
}

#[test]
fn of_parameters_that_change_only_those_beyond_either_end_are_told() {
    let quantile = |q: &str| {
        format!("PromQL warning: quantile value should be between 0 and 1, got {q} (1:10)")
    };
    range("quantile(time() / 60 + 2, cars)", &[&quantile("7")]);
    range("quantile(-time() / 60 - 2, cars)", &[&quantile("-7")]);
    range("quantile(time() / 60 - 2, cars)", &[&quantile("-2"), &quantile("3")]);
    let ratio = |got: &str, bound: &str| {
        format!(
            "PromQL warning: ratio value should be between -1 and 1, got {got}, capping to \
             {bound} (1:13)"
        )
    };
    range("limit_ratio(time() / 60 + 2, cars)", &[&ratio("7", "1")]);
    range("limit_ratio(-time() / 60 - 2, cars)", &[&ratio("-7", "-1")]);
    range("limit_ratio(time() / 60 - 2, cars)", &[&ratio("-2", "-1"), &ratio("3", "1")]);
    range("limit_ratio(time() / 300, cars)", &[]);
}

#[test]
fn sorting_is_doubted_where_there_is_more_than_one_step() {
    let sorted = |place: &str| {
        format!(
            "PromQL warning: sort is ineffective for range queries since results are always \
             ordered by labels ({place})"
        )
    };
    range("1 + sort(cars)", &[&sorted("1:5")]);
    range("sort_by_label_desc(cars, \"road\")", &[&sorted("1:1")]);
    instant("max_over_time(sort_desc(cars)[3m:1m])", &[&sorted("1:15")]);
    instant("sort(cars)", &[]);
    // Evaluated once, for all steps.
    range("sort(cars @ 60)", &[]);
    let one_step = engine().range("sort(cars)", 60_000, 60_000, 60_000).unwrap();
    check(&one_step, &[]);
}

/// A series of histograms alone.
struct Histograms;

impl Querier for Histograms {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let sample = HistogramSample {
            t_ms: select.end_ms,
            start_ms: 0,
            histogram: Arc::new(Histogram { count: 1.0, sum: 1.0, ..Histogram::default() }),
        };
        let labels = Labels::new([("__name__", "sizes")]).expect("one label");
        let series = Series { labels, samples: Vec::new(), histograms: vec![sample] };
        Ok(Box::new([Ok(series)].into_iter()))
    }

    fn label_values(&self, _: &str, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }
}

#[test]
fn what_picks_elements_is_told_itself_other_aggregations_by_what_they_are_of() {
    let engine = Engine::new(Arc::new(Histograms), Options::default());
    let ignored = |query: &str, op: &str, place: &str| {
        let text = format!("PromQL info: ignored histogram in {op} aggregation ({place})");
        check(&engine.instant(query, 300_000).unwrap(), &[&text]);
    };
    ignored("1 + topk(2, sizes)", "topk", "1:5");
    ignored("1 + bottomk by (a) (2, sizes)", "bottomk", "1:5");
    ignored("1 + max(sizes)", "max", "1:9");
    ignored("1 + quantile(0.5, (sizes))", "quantile", "1:20");
}
