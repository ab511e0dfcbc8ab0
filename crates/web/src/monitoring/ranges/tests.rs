use model::{Labels, Sample};
use serde_json::{Value, json};
use storage::memory::MemoryStore;
use storage::{Appender as _, Row};

use super::{BATCH_POINTS_MAX, answer_all, body};
use crate::monitoring::series::{POINTS_MAX, SERIES_MAX};

const MINUTE_MS: i64 = 60_000;

/// A store with `n` series of each metric, whose value at minute `i` is `i` times its number.
fn store(metrics: &[(&str, usize)]) -> MemoryStore {
    let store = MemoryStore::default();
    for &(metric, n) in metrics {
        for series in 0..n {
            let number = series.to_string();
            let labels = Labels::of_metric(metric, [("n", number.as_str())]).unwrap();
            let sample = |i: i64| Sample::new(i * MINUTE_MS, i as f64 * (series + 1) as f64);
            let row = |i| Row { labels: labels.clone(), sample: sample(i) };
            store.append((0..3).map(row).collect()).unwrap();
        }
    }
    store
}

fn ask(store: &MemoryStore, points: usize, queries: &Value) -> Value {
    let body = json!({"start": 0, "end": 120, "points": points, "queries": queries});
    let batch = body::read(body.to_string().as_bytes(), 0).unwrap();
    serde_json::to_value(answer_all(store, batch)).unwrap()
}

fn points(result: &Value, series: usize) -> Vec<Option<f64>> {
    let points = result["series"][series]["points"].as_array().unwrap();
    points.iter().map(|point| point[1].as_f64()).collect()
}

#[test]
fn answers_stand_in_the_order_of_the_questions_on_one_grid() {
    let store = store(&[("a", 2), ("b", 1)]);
    let said = ask(
        &store,
        3,
        &json!([
            {"id": "z", "metric": "b"},
            {"id": "sum", "metric": "a", "sum": true},
            {"id": "rate", "metric": "a", "labels": ["n!=0"], "rate": true},
            {"id": "none", "metric": "c"},
        ]),
    );
    assert_eq!((&said["start_ms"], &said["end_ms"]), (&json!(0), &json!(120_000)));
    assert_eq!(said["step_ms"], json!(MINUTE_MS));
    let results = said["results"].as_array().unwrap();
    let ids: Vec<&str> = results.iter().map(|result| result["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["z", "sum", "rate", "none"]);
    assert_eq!(results[0]["series"][0]["labels"], json!({"n": "0"}));
    assert_eq!(points(&results[0], 0), [Some(0.0), Some(1.0), Some(2.0)]);
    assert_eq!(points(&results[1], 0), [Some(0.0), Some(3.0), Some(6.0)]);
    assert_eq!(points(&results[2], 0), [None, Some(2.0 / 60.0), Some(2.0 / 60.0)]);
    assert_eq!(results[3]["metric"], "c");
    assert_eq!(results[3]["series"], json!([]));
    assert!(results.iter().all(|result| result.get("error").is_none()), "{said}");
}

#[test]
fn a_question_with_too_many_series_fails_alone() {
    let store = store(&[("many", SERIES_MAX + 1), ("few", 1)]);
    let queries = json!([
        {"id": "few", "metric": "few"},
        {"id": "many", "metric": "many"},
        {"id": "fewer", "metric": "many", "labels": ["n!=0"]},
    ]);
    let said = ask(&store, 3, &queries);
    assert_eq!(said["results"][0]["series"].as_array().unwrap().len(), 1);
    let failed = &said["results"][1];
    assert_eq!(failed["id"], "many");
    assert!(failed.get("series").is_none(), "{failed}");
    assert_eq!(failed["error"]["error"], "Unprocessable Entity");
    assert_eq!(failed["error"]["field"], "queries[1].labels");
    assert_eq!(failed["error"]["index"], 1);
    assert!(failed["error"]["detail"].as_str().unwrap().contains("more than 1000 series"));
    assert_eq!(said["results"][2]["series"].as_array().unwrap().len(), SERIES_MAX);
}

/// A batch is no way around the bound of one question.
#[test]
fn all_answers_together_are_bounded() {
    let store = store(&[("wide", 700), ("one", 1)]);
    let body = json!({"start": 0, "end": 1_999 * 3600, "points": POINTS_MAX, "queries": [
        {"id": "first", "metric": "wide"},
        {"id": "second", "metric": "wide"},
        {"id": "summed", "metric": "wide", "sum": true},
        {"id": "third", "metric": "one"},
    ]});
    let batch = body::read(body.to_string().as_bytes(), 0).unwrap();
    let n_points = batch.window.grid().n_points;
    assert!((BATCH_POINTS_MAX / 1400..=BATCH_POINTS_MAX / 700).contains(&n_points), "{n_points}");
    let said = answer_all(&store, batch);
    let answered: Vec<bool> = said.results.iter().map(|result| result.series.is_some()).collect();
    assert_eq!(answered, [true, false, true, true]);
    let error = serde_json::to_value(&said.results[1].error).unwrap();
    assert_eq!(error["field"], "queries[1]");
    assert!(error["detail"].as_str().unwrap().contains("several batches"), "{error}");
}
