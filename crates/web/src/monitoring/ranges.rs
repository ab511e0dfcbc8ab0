//! Several questions for stored series in one request: all the charts of a screen at once.
//!
//! The questions share one window. One that cannot be answered says so in its place, and the others
//! are answered all the same.

mod body;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use storage::Querier;
use utoipa::ToSchema;

use self::body::{Batch, RangesQuestionBody};
use super::series::{AnswerError, POINTS_MAX, RangeSeries, SERIES_MAX, answer};
use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

/// The most points of all answers of a batch together: as many as one question alone may have, whose
/// grid has up to two points more than were asked for, as it covers both ends.
const BATCH_POINTS_MAX: usize = SERIES_MAX * (POINTS_MAX + 2);

/// The answers, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RangesBody {
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    results: Vec<RangesResult>,
}

/// The answer to one question: either its series or its error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RangesResult {
    /// As it was asked.
    #[schema(example = "cpu")]
    id: String,
    #[schema(example = "cpu_percent_total")]
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Vec<RangeSeries>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

/// Several series over one range.
#[utoipa::path(
    post, path = "/api/v1/monitoring/ranges", tag = "monitoring", request_body = RangesQuestionBody,
    responses(
        (status = 200, body = RangesBody),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody),
    )
)]
pub(crate) async fn ranges(
    State(shared): State<Shared>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<RangesBody>, ApiError> {
    let batch = body::read(&body, shared.now_ms())?;
    let querier = Arc::clone(&shared.querier);
    let task = tokio::task::spawn_blocking(move || answer_all(querier.as_ref(), batch));
    task.await.map(Json).map_err(|_| ApiError::internal("reading the series failed"))
}

fn answer_all(querier: &dyn Querier, batch: Batch) -> RangesBody {
    let Batch { window, questions } = batch;
    let grid = window.grid();
    let mut points_left = BATCH_POINTS_MAX;
    let mut results = Vec::with_capacity(questions.len());
    for (index, (id, question)) in questions.into_iter().enumerate() {
        let found = answer(querier, window, &question)
            .map_err(|error| refusal(error, index))
            .and_then(|series| {
                let n_points = series.len() * grid.n_points;
                points_left = points_left.checked_sub(n_points).ok_or_else(|| full(index))?;
                Ok(series)
            });
        let (series, error) = match found {
            Ok(series) => (Some(series), None),
            Err(error) => (None, Some(error.into_body())),
        };
        results.push(RangesResult { id, metric: question.metric, series, error });
    }
    RangesBody { start_ms: window.start_ms, end_ms: window.end_ms, step_ms: grid.step_ms, results }
}

fn refusal(error: AnswerError, index: usize) -> ApiError {
    match error {
        AnswerError::TooManySeries => {
            let field = format!("queries[{index}].labels");
            ApiError::unprocessable("", error.to_string()).at(&field, Some(index))
        }
        AnswerError::Select(error) => ApiError::from(error).at("", Some(index)),
    }
}

fn full(index: usize) -> ApiError {
    let detail = format!(
        "the answers have more than {BATCH_POINTS_MAX} points together, ask in several batches"
    );
    ApiError::unprocessable("", detail).at(&format!("queries[{index}]"), Some(index))
}

#[cfg(test)]
mod tests;
