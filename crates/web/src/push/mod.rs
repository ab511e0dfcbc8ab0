//! The push API of the climate family: services, metrics, pipelines and alerts, sent by `POST` and
//! listed by `GET` on the same path. An answer means that what was sent is durable.

pub(crate) mod alerts;
pub(crate) mod metrics;
pub(crate) mod pipelines;
pub(crate) mod services;

use std::collections::BTreeSet;

use storage::{RecordOutcome, RecordWrite, Records, RecordsError};

use crate::error::ApiError;
use crate::state::Shared;

/// Writes one change and waits until it is durable.
async fn write_record(shared: &Shared, change: RecordWrite) -> Result<RecordOutcome, ApiError> {
    let outcomes = shared.records.write(vec![change])?.await?;
    outcomes.first().copied().ok_or_else(|| ApiError::internal("the write had no outcome"))
}

/// The id that a change gave its record.
async fn write_for_id(shared: &Shared, change: RecordWrite) -> Result<i64, ApiError> {
    match write_record(shared, change).await? {
        RecordOutcome::Id(id) => Ok(id),
        RecordOutcome::Done => Err(ApiError::internal("a new record has no id")),
        RecordOutcome::NotFound => Err(ApiError::internal("a new record was not found")),
    }
}

/// Notes a sign of life of each service; waits only for those never heard of before.
async fn note_services(
    shared: &Shared,
    names: BTreeSet<String>,
    at_ms: i64,
) -> Result<(), ApiError> {
    let mut created = Vec::new();
    for name in names {
        created.extend(shared.records.saw_service(&name, at_ms)?);
    }
    for commit in created {
        commit.await?;
    }
    Ok(())
}

/// Reads records on a thread that may block.
async fn read_records<T: Send + 'static>(
    shared: &Shared,
    read: impl FnOnce(&dyn Records) -> Result<T, RecordsError> + Send + 'static,
) -> Result<T, ApiError> {
    let records = std::sync::Arc::clone(&shared.records);
    let task = tokio::task::spawn_blocking(move || read(records.as_ref()));
    let result = task.await.map_err(|_| ApiError::internal("reading the records failed"))?;
    Ok(result?)
}
