//! Stored series over a range, on a grid that fits a chart.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use model::time::parse_time;
use model::{Labels, METRIC_NAME, Matcher};
use serde::Serialize;
use serde_json::{Map, Value};
use storage::{Querier, Select};
use utoipa::{IntoParams, ToSchema};

use super::resample::{self, Grid};
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// Without `start`: the last quarter of an hour.
const SPAN_DEFAULT_MS: i64 = 15 * 60 * 1000;
const POINTS_DEFAULT: usize = 500;
const POINTS_MAX: usize = 2000;
/// More lines than this make no chart.
const SERIES_MAX: usize = 1000;

/// What to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct RangeParameters {
    /// The metric's name.
    #[param(example = "cpu_percent_total")]
    metric: String,
    /// A condition `name=value` or `name!=value`; may repeat.
    label: Option<Vec<String>>,
    /// Unix seconds or RFC 3339; a quarter of an hour before `end`, if absent.
    start: Option<String>,
    /// Unix seconds or RFC 3339; now, if absent.
    end: Option<String>,
    /// At most this many points per series.
    #[param(minimum = 1, maximum = 2000)]
    points: Option<u32>,
    /// Show a counter's increase per second.
    rate: Option<bool>,
    /// Add all series up into one.
    sum: Option<bool>,
}

/// One line of a chart.
#[derive(Serialize, ToSchema)]
pub(crate) struct RangeSeries {
    /// Without the metric's name.
    #[schema(value_type = Object)]
    labels: Map<String, Value>,
    /// Pairs of Unix milliseconds and value; null where there is none.
    #[schema(value_type = Vec<Vec<f64>>)]
    points: Vec<(i64, Option<f64>)>,
}

/// The lines of a chart.
#[derive(Serialize, ToSchema)]
pub(crate) struct RangeBody {
    metric: String,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    series: Vec<RangeSeries>,
}

struct Question {
    metric: String,
    select: Select,
    points_max: usize,
    rate: bool,
    sum: bool,
}

/// Series over a range.
#[utoipa::path(
    get, path = "/api/v1/monitoring/range", tag = "monitoring", params(RangeParameters),
    responses(
        (status = 200, body = RangeBody),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn range(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Json<RangeBody>, ApiError> {
    let question = read_question(query.as_deref(), shared.now_ms())?;
    let querier = Arc::clone(&shared.querier);
    let task = tokio::task::spawn_blocking(move || answer(querier.as_ref(), question));
    task.await.map_err(|_| ApiError::internal("reading the series failed"))?.map(Json)
}

fn read_question(query: Option<&str>, now_ms: i64) -> Result<Question, ApiError> {
    let known = ["metric", "label", "start", "end", "points", "rate", "sum"];
    let parameters = Parameters::read(query, &known)?;
    let Some(metric) = parameters.get("metric") else {
        return Err(ApiError::unprocessable("metric", "parameter \"metric\" is missing"));
    };
    let mut matchers = vec![Matcher::equal(METRIC_NAME, metric)];
    for condition in parameters.all("label") {
        matchers.push(read_condition(condition)?);
    }
    let end_ms = parameters.parsed("end", parse_time)?.unwrap_or(now_ms);
    let start_ms = parameters.parsed("start", parse_time)?.unwrap_or(end_ms - SPAN_DEFAULT_MS);
    if start_ms > end_ms {
        return Err(ApiError::unprocessable("start", "\"start\" lies after \"end\""));
    }
    Ok(Question {
        metric: metric.to_owned(),
        select: Select { matchers, start_ms, end_ms },
        points_max: parameters.number("points", 1, POINTS_MAX)?.unwrap_or(POINTS_DEFAULT),
        rate: parameters.boolean("rate")?.unwrap_or(false),
        sum: parameters.boolean("sum")?.unwrap_or(false),
    })
}

fn read_condition(text: &str) -> Result<Matcher, ApiError> {
    let fail = || {
        let detail =
            format!("parameter \"label\": expected name=value or name!=value, got {text:?}");
        ApiError::unprocessable("label", detail)
    };
    let (name, value) = text.split_once('=').ok_or_else(fail)?;
    match name.strip_suffix('!') {
        _ if name.is_empty() || name == "!" => Err(fail()),
        Some(name) => Ok(Matcher::not_equal(name, value)),
        None => Ok(Matcher::equal(name, value)),
    }
}

fn answer(querier: &dyn Querier, question: Question) -> Result<RangeBody, ApiError> {
    let Select { start_ms, end_ms, .. } = question.select;
    let grid = Grid::covering(start_ms, end_ms, question.points_max);
    let (mut labels, mut lines) = (Vec::new(), Vec::new());
    for series in querier.select(&question.select)? {
        let series = series?;
        if labels.len() == SERIES_MAX {
            let detail = format!("more than {SERIES_MAX} series match, add a \"label\" condition");
            return Err(ApiError::unprocessable("label", detail));
        }
        let line = match question.rate {
            true => resample::onto_grid(&resample::rate(&series.samples), grid),
            false => resample::onto_grid(&series.samples, grid),
        };
        labels.push(series.labels);
        lines.push(line);
    }
    if question.sum && !lines.is_empty() {
        lines = vec![resample::sum(&lines)];
        labels = vec![Labels::default()];
    }
    let with_points = |(labels, line): (Labels, Vec<Option<f64>>)| RangeSeries {
        labels: label_object(&labels),
        points: grid.points(&line),
    };
    let series = labels.into_iter().zip(lines).map(with_points).collect();
    Ok(RangeBody { metric: question.metric, start_ms, end_ms, step_ms: grid.step_ms, series })
}

fn label_object(labels: &Labels) -> Map<String, Value> {
    let others = labels.iter().filter(|label| label.name != METRIC_NAME);
    others.map(|label| (label.name.clone(), Value::from(label.value.clone()))).collect()
}
