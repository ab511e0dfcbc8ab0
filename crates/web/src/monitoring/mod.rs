//! What the user interface asks for: stored series over a range, the names there are, and the host
//! as it is right now.

pub(crate) mod live;
mod past;
pub(crate) mod range;
pub(crate) mod ranges;
mod resample;
mod series;

use axum::Json;
use axum::extract::State;
use model::METRIC_NAME;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

/// The metric names there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct Names {
    names: Vec<String>,
}

/// The names of all stored metrics; pushed ones by their plain name too.
#[utoipa::path(
    get, path = "/api/v1/monitoring/names", tag = "monitoring",
    responses((status = 200, body = Names), (status = 503, body = ErrorBody))
)]
pub(crate) async fn names(State(shared): State<Shared>) -> Result<Json<Names>, ApiError> {
    let querier = std::sync::Arc::clone(&shared.querier);
    let task = tokio::task::spawn_blocking(move || querier.label_values(METRIC_NAME, &[]));
    let names = task.await.map_err(|_| ApiError::internal("reading the names failed"))??;
    Ok(Json(Names { names }))
}
