//! The body of a batch of questions, read field by field so that an error can name its place.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use model::time::{parse_time, unix_seconds_to_ms};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::monitoring::series::{POINTS_MAX, Question, Window, read_condition};

/// The most bytes the body may have: some fifty times what a screen asks.
pub(super) const BODY_BYTES_MAX: usize = 256 << 10;
/// The most questions of a batch.
pub(super) const QUERIES_MAX: usize = 64;
/// The most conditions of a question; no series has more labels.
const CONDITIONS_MAX: usize = 64;
const ID_BYTES_MAX: usize = 128;
const METRIC_BYTES_MAX: usize = 1024;
/// A label's longest name, a sign, and its longest value.
const CONDITION_BYTES_MAX: usize = 128 + 2 + 4096;
const TIME_BYTES_MAX: usize = 64;

/// Several questions over one range.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub(crate) struct RangesQuestionBody {
    /// Unix seconds or RFC 3339; a quarter of an hour before `end`, if absent.
    #[schema(value_type = Option<Object>, example = json!("2026-01-31T12:00:00Z"))]
    start: Option<Value>,
    /// Unix seconds or RFC 3339; now, if absent.
    #[schema(value_type = Option<Object>, example = json!(1_769_860_800))]
    end: Option<Value>,
    /// At most this many points per series, 500 unless said otherwise.
    #[schema(minimum = 1, maximum = 2000)]
    points: Option<u32>,
    /// At most 64.
    queries: Vec<RangesQueryBody>,
}

/// One question.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub(crate) struct RangesQueryBody {
    /// Stands in the answer; different for each question.
    #[schema(example = "cpu")]
    id: String,
    /// The metric's name.
    #[schema(example = "cpu_percent_per_cpu")]
    metric: String,
    /// Conditions `name=value` or `name!=value`.
    #[schema(example = json!(["core!=0"]))]
    labels: Option<Vec<String>>,
    /// Show a counter's increase per second.
    rate: Option<bool>,
    /// Add all series up into one.
    sum: Option<bool>,
}

/// Questions, each with its id, over one window.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) window: Window,
    pub(super) questions: Vec<(String, Question)>,
}

/// Reads a body.
pub(super) fn read(body: &[u8], now_ms: i64) -> Result<Batch, ApiError> {
    if body.len() > BODY_BYTES_MAX {
        let detail = format!("the body is larger than {} KiB", BODY_BYTES_MAX >> 10);
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let body = parse(body)?;
    let body = Fields::of(&body, String::new(), None)?;
    body.knows_only(&["start", "end", "points", "queries"])?;
    let window = Window::new(body.time("start")?, body.time("end")?, body.points()?, now_ms)
        .map_err(|error| body.refuse("start", &error.to_string()))?;
    Ok(Batch { window, questions: read_queries(&body)? })
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    let fail = |detail: String| ApiError::new(StatusCode::BAD_REQUEST, detail);
    if body.trim_ascii().is_empty() {
        return Err(fail("the body is empty".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| fail(format!("the body is not JSON: {error}")))
}

fn read_queries(body: &Fields<'_>) -> Result<Vec<(String, Question)>, ApiError> {
    let queries = body.list("queries", QUERIES_MAX)?.ok_or_else(|| body.missing("queries"))?;
    let mut ids = BTreeSet::new();
    let mut questions = Vec::with_capacity(queries.len());
    for (index, query) in queries.iter().enumerate() {
        let query = Fields::of(query, format!("queries[{index}]"), Some(index))?;
        let (id, question) = read_query(&query)?;
        if !ids.insert(id.clone()) {
            return Err(query.refuse("id", "is that of another question too"));
        }
        questions.push((id, question));
    }
    Ok(questions)
}

fn read_query(query: &Fields<'_>) -> Result<(String, Question), ApiError> {
    query.knows_only(&["id", "metric", "labels", "rate", "sum"])?;
    let id = query.text("id", ID_BYTES_MAX)?.to_owned();
    let question = Question {
        metric: query.text("metric", METRIC_BYTES_MAX)?.to_owned(),
        conditions: query.conditions()?,
        rate: query.flag("rate")?,
        sum: query.flag("sum")?,
    };
    Ok((id, question))
}

/// The fields of an object, which know where in the body they stand.
struct Fields<'a> {
    fields: &'a Map<String, Value>,
    path: String,
    index: Option<usize>,
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, path: String, index: Option<usize>) -> Result<Self, ApiError> {
        match value {
            Value::Object(fields) => Ok(Self { fields, path, index }),
            other if path.is_empty() => {
                let detail = format!("the body must be an object, got {}", type_name(other));
                Err(ApiError::unprocessable("", detail))
            }
            other => {
                let detail = format!("field {path:?} must be an object, got {}", type_name(other));
                Err(ApiError::unprocessable("", detail).at(&path, index))
            }
        }
    }

    /// A misspelt name must not silently widen a question.
    fn knows_only(&self, known: &[&str]) -> Result<(), ApiError> {
        let Some(unknown) = self.fields.keys().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let name: String = unknown.chars().take(64).collect();
        Err(self.refuse(&name, &format!("is unknown, known are {}", known.join(", "))))
    }

    /// The value of a field; null is as good as none.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str, bytes_max: usize) -> Result<&'a str, ApiError> {
        match self.get(name) {
            None => Err(self.missing(name)),
            Some(Value::String(text)) if text.is_empty() => {
                Err(self.refuse(name, "must not be empty"))
            }
            Some(Value::String(text)) => self.bounded(name, text, bytes_max),
            Some(other) => Err(self.must_be(name, "a string", other)),
        }
    }

    fn bounded(&self, name: &str, text: &'a str, bytes_max: usize) -> Result<&'a str, ApiError> {
        if text.len() > bytes_max {
            let reason = format!("has {} bytes, at most {bytes_max} are taken", text.len());
            return Err(self.refuse(name, &reason));
        }
        Ok(text)
    }

    fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.must_be(name, "true or false", other)),
        }
    }

    fn points(&self) -> Result<Option<usize>, ApiError> {
        let Some(value) = self.get("points") else { return Ok(None) };
        let points = value.as_u64().and_then(|points| usize::try_from(points).ok());
        let points = points.filter(|points| (1..=POINTS_MAX).contains(points));
        let fail = || self.refuse("points", &format!("must be a number from 1 to {POINTS_MAX}"));
        points.map(Some).ok_or_else(fail)
    }

    fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let t_ms = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => {
                let text = self.bounded(name, text, TIME_BYTES_MAX)?;
                parse_time(text).map_err(|error| self.refuse(name, &format!("is {error}")))?
            }
            Some(Value::Number(number)) => {
                let fail = || self.refuse(name, &format!("is not a time: {number}"));
                number.as_f64().and_then(unix_seconds_to_ms).ok_or_else(fail)?
            }
            Some(other) => {
                return Err(self.must_be(name, "Unix seconds or RFC 3339", other));
            }
        };
        Ok(Some(t_ms))
    }

    fn list(&self, name: &str, items_max: usize) -> Result<Option<&'a [Value]>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) if items.len() > items_max => {
                let reason = format!("has {} items, at most {items_max} are taken", items.len());
                Err(self.refuse(name, &reason))
            }
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.must_be(name, "an array", other)),
        }
    }

    fn conditions(&self) -> Result<Vec<model::Matcher>, ApiError> {
        let items = self.list("labels", CONDITIONS_MAX)?.unwrap_or_default();
        let condition = |(i, item): (usize, &'a Value)| {
            let name = format!("labels[{i}]");
            let Value::String(text) = item else {
                return Err(self.must_be(&name, "a string", item));
            };
            let text = self.bounded(&name, text, CONDITION_BYTES_MAX)?;
            read_condition(text).map_err(|error| {
                // What was sent may be longer than anyone wants to read.
                let error: String = error.chars().take(200).collect();
                self.refuse(&name, &format!("is no condition: {error}"))
            })
        };
        items.iter().enumerate().map(condition).collect()
    }

    fn missing(&self, name: &str) -> ApiError {
        let field = self.place(name);
        self.error(&field, format!("missing field {field:?}"))
    }

    fn must_be(&self, name: &str, expected: &str, got: &Value) -> ApiError {
        self.refuse(name, &format!("must be {expected}, got {}", type_name(got)))
    }

    /// `field "queries[3].metric" must not be empty`.
    fn refuse(&self, name: &str, reason: &str) -> ApiError {
        let field = self.place(name);
        self.error(&field, format!("field {field:?} {reason}"))
    }

    fn error(&self, field: &str, detail: String) -> ApiError {
        ApiError::unprocessable("", detail).at(field, self.index)
    }

    fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
