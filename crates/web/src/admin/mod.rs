//! What an administrator may ask the store to do now.

pub(crate) mod delete;
pub(crate) mod snapshot;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use storage::{Maintenance, MaintenanceError};
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

/// The answer when it is done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    #[schema(example = "success")]
    status: &'static str,
    /// How often blocks were merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<u64>,
}

/// Writes all samples in memory into blocks. Answers when everything that was acknowledged before
/// is in blocks on disk.
#[utoipa::path(
    post, path = "/api/v1/admin/tsdb/flush", tag = "system",
    responses((status = 200, body = Done), (status = 503, body = ErrorBody))
)]
pub(crate) async fn flush(State(shared): State<Shared>) -> Result<Json<Done>, ApiError> {
    maintain(&shared, |store| store.flush()).await?;
    Ok(Json(Done { status: "success", merged: None }))
}

/// Merges blocks. Answers when there is nothing left to merge.
#[utoipa::path(
    post, path = "/api/v1/admin/tsdb/compact", tag = "system",
    responses((status = 200, body = Done), (status = 503, body = ErrorBody))
)]
pub(crate) async fn compact(State(shared): State<Shared>) -> Result<Json<Done>, ApiError> {
    let merged = maintain(&shared, |store| store.compact()).await?;
    Ok(Json(Done { status: "success", merged: Some(merged) }))
}

/// Works on a thread that may take its time.
async fn maintain<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&dyn Maintenance) -> Result<T, MaintenanceError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = Arc::clone(&shared.maintenance);
    let task = tokio::task::spawn_blocking(move || work(store.as_ref()));
    let result = task.await.map_err(|_| ApiError::internal("the store failed"))?;
    Ok(result?)
}
