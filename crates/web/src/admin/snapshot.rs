//! A copy of all samples on the server's own disk.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::maintain;
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// The answer when it is made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Made {
    #[schema(example = "success")]
    status: &'static str,
    data: Snapshot,
}

/// Where a snapshot is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// Its folder below `snapshots/` in the data directory.
    #[schema(example = "20260131T120000Z-1f3a5c7e9b2d4f60")]
    name: String,
}

/// Copies all samples, those in memory among them, into a folder of its own on the same disk, where
/// it takes no room until the samples change. The folder can be served like any data directory; it
/// is kept until it is removed by hand.
#[utoipa::path(
    post, path = "/api/v1/admin/tsdb/snapshot", tag = "system",
    responses(
        (status = 200, body = Made),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn snapshot(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Json<Made>, ApiError> {
    Parameters::read(query.as_deref(), &[])?;
    let name = maintain(&shared, |store| store.snapshot()).await?;
    Ok(Json(Made { status: "success", data: Snapshot { name } }))
}
