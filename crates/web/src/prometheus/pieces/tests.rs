//! Whatever is cut where, the parts together are the answer.

use std::sync::Arc;

use model::{Histogram, Labels};
use promql::{Point, QueryValue, SeriesPoints, SeriesValue, Text, Value};
use serde_json::{Value as Json, json};

use super::{POINTS_AT_ONCE, Pieces, items, of_value};

/// All parts, and the largest.
fn parts(mut pieces: Box<dyn Pieces>) -> (String, usize) {
    let (mut all, mut largest) = (Vec::new(), 0);
    loop {
        let before = all.len();
        let more = pieces.write(&mut all);
        largest = largest.max(all.len() - before);
        if !more {
            return (String::from_utf8(all).unwrap(), largest);
        }
    }
}

fn of(value: QueryValue) -> Json {
    serde_json::from_str(&format!("{{{}}}", parts(of_value(value)).0)).unwrap()
}

fn labels(name: &str) -> Arc<Labels> {
    Arc::new(Labels::new([("__name__", name)]).unwrap())
}

fn float(t_ms: i64, value: f64) -> Point {
    Point { t_ms, value: Value::Float(value) }
}

fn histogram(t_ms: i64) -> Point {
    Point { t_ms, value: Value::Histogram(Arc::new(Histogram::default())) }
}

#[test]
fn scalars_and_texts_stand_alone() {
    assert_eq!(
        of(QueryValue::Scalar { t_ms: 1500, value: 1e21 }),
        json!({"resultType": "scalar", "result": [1.5, "1000000000000000000000"]})
    );
    assert_eq!(
        of(QueryValue::Text { t_ms: 4000, text: Text::from("a\"<b>") }),
        json!({"resultType": "string", "result": [4, "a\"<b>"]})
    );
}

#[test]
fn vectors_have_a_value_or_a_histogram_each() {
    let vector = |points: Vec<Point>| {
        let series = points.into_iter().map(|point| SeriesValue { labels: labels("a"), point });
        QueryValue::Vector(series.collect())
    };
    assert_eq!(of(vector(Vec::new())), json!({"resultType": "vector", "result": []}));
    let expected = json!({"resultType": "vector", "result": [
        {"metric": {"__name__": "a"}, "value": [1, "2"]},
        {"metric": {"__name__": "a"}, "histogram": [3, {"count": "0", "sum": "0"}]},
    ]});
    assert_eq!(of(vector(vec![float(1000, 2.0), histogram(3000)])), expected);
}

#[test]
fn a_matrix_tells_numbers_apart_from_histograms() {
    let series = |name, points| SeriesPoints { labels: labels(name), points };
    assert_eq!(of(QueryValue::Matrix(Vec::new())), json!({"resultType": "matrix", "result": []}));
    let matrix = QueryValue::Matrix(vec![
        series("both", vec![float(1000, 1.0), histogram(1500), float(2000, 2.0)]),
        series("floats", vec![float(1000, 1.0)]),
        series("histograms", vec![histogram(1000), histogram(2000)]),
    ]);
    let empty = json!({"count": "0", "sum": "0"});
    let expected = json!({"resultType": "matrix", "result": [
        {"metric": {"__name__": "both"}, "values": [[1, "1"], [2, "2"]],
         "histograms": [[1.5, empty]]},
        {"metric": {"__name__": "floats"}, "values": [[1, "1"]]},
        {"metric": {"__name__": "histograms"}, "histograms": [[1, empty], [2, empty]]},
    ]});
    assert_eq!(of(matrix), expected);
}

#[test]
fn a_long_series_comes_in_small_parts() {
    for n in [POINTS_AT_ONCE - 1, POINTS_AT_ONCE, POINTS_AT_ONCE + 1, 10 * POINTS_AT_ONCE] {
        let points: Vec<Point> = (0..n as i64).map(|i| float(i * 1000, i as f64)).collect();
        let series = SeriesPoints { labels: labels("a"), points };
        let (all, largest) = parts(of_value(QueryValue::Matrix(vec![series])));
        assert!(largest < 30 * POINTS_AT_ONCE, "{largest}");
        let all: Json = serde_json::from_str(&format!("{{{all}}}")).unwrap();
        let values = all["result"][0]["values"].as_array().unwrap();
        assert_eq!(values.len(), n);
        assert_eq!(values[n - 1], json!([n - 1, (n - 1).to_string()]));
    }
}

#[test]
fn lists_of_any_length() {
    let list = |n: i32| {
        let all = items(0..n, |out, i: i32| out.extend(i.to_string().bytes()));
        parts(Box::new(all)).0
    };
    assert_eq!((list(0), list(1), list(3)), ("[]".into(), "[0]".into(), "[0,1,2]".into()));
}
