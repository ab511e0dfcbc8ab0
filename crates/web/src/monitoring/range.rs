//! One question for stored series, asked in the address: what a person types and a link can carry.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use model::time::parse_time;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::series::{
    AnswerError, POINTS_MAX, Question, RangeSeries, Window, answer, read_condition,
};
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

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

/// The lines of a chart.
#[derive(Serialize, ToSchema)]
pub(crate) struct RangeBody {
    metric: String,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    series: Vec<RangeSeries>,
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
    let (window, question) = read(query.as_deref(), shared.now_ms())?;
    let querier = Arc::clone(&shared.querier);
    let task = tokio::task::spawn_blocking(move || {
        let series = answer(querier.as_ref(), window, &question).map_err(refusal)?;
        let Window { start_ms, end_ms, .. } = window;
        let step_ms = window.grid().step_ms;
        Ok(Json(RangeBody { metric: question.metric, start_ms, end_ms, step_ms, series }))
    });
    task.await.map_err(|_| ApiError::internal("reading the series failed"))?
}

fn read(query: Option<&str>, now_ms: i64) -> Result<(Window, Question), ApiError> {
    let known = ["metric", "label", "start", "end", "points", "rate", "sum"];
    let parameters = Parameters::read(query, &known)?;
    let Some(metric) = parameters.get("metric") else {
        return Err(ApiError::unprocessable("metric", "parameter \"metric\" is missing"));
    };
    let condition = |text: &str| {
        let fail =
            |error| ApiError::unprocessable("label", format!("parameter \"label\": {error}"));
        read_condition(text).map_err(fail)
    };
    let question = Question {
        metric: metric.to_owned(),
        conditions: parameters.all("label").map(condition).collect::<Result<_, _>>()?,
        rate: parameters.boolean("rate")?.unwrap_or(false),
        sum: parameters.boolean("sum")?.unwrap_or(false),
    };
    let start_ms = parameters.parsed("start", parse_time)?;
    let end_ms = parameters.parsed("end", parse_time)?;
    let points_max = parameters.number("points", 1, POINTS_MAX)?;
    let window = Window::new(start_ms, end_ms, points_max, now_ms)
        .map_err(|error| ApiError::unprocessable("start", error.to_string()))?;
    Ok((window, question))
}

fn refusal(error: AnswerError) -> ApiError {
    match error {
        AnswerError::TooManySeries => ApiError::unprocessable("label", error.to_string()),
        AnswerError::Select(error) => error.into(),
    }
}
