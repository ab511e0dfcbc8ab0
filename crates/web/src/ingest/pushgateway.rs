//! `/metrics/job/...`: the API of the Pushgateway, for jobs that end before anybody scrapes them.
//!
//! A push names a group by its path and replaces the group (`PUT`) or its metrics of the same names
//! (`POST`). A group stays until it is deleted, or expires where that is set: its values are stored
//! again every few seconds, as a scrape of a Pushgateway would, and what leaves it is marked as
//! ended. Groups survive a restart.

mod group;
mod groups;

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use model::Labels;
use wire::openmetrics::Dialect;
use wire::pushgateway::{PushedPage, read_page, read_path, read_protobuf};

use super::import::Key;
use crate::auth::KeyName;
use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;
use groups::Doors;
pub(crate) use groups::Groups;

/// The spacing of a group's samples, as a scrape would have it.
const INTERVAL: Duration = Duration::from_secs(15);
/// Who sends the values of groups again, and pushes where no key says it.
const SOURCE: &str = "pushgateway";

/// Replaces a group of metrics by those of the body: Prometheus text, OpenMetrics or
/// protobuf, maybe gzip.
///
/// The path goes on with labels: `/metrics/job/JOB/LABEL/VALUE/...`; with `LABEL@base64` a value is
/// written in base64 for addresses. Labels of the path win over those of the body. Metrics may not have
/// timestamps. `push_time_seconds` and `push_failure_time_seconds` are added.
#[utoipa::path(
    put, path = "/metrics/job/{job}", tag = "push",
    params(("job" = String, Path, description = "The job's name")),
    responses(
        (status = 200, description = "Stored and durable"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(shared): State<Shared>,
    key: Key,
    uri: Uri,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<StatusCode, ApiError> {
    push(shared, key, &uri, &headers, body, true).await
}

/// Replaces the metrics of a group that have the same names as those of the body, and keeps the others.
///
/// As `PUT` otherwise.
#[utoipa::path(
    post, path = "/metrics/job/{job}", tag = "push",
    params(("job" = String, Path, description = "The job's name")),
    responses(
        (status = 200, description = "Stored and durable"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn post(
    State(shared): State<Shared>,
    key: Key,
    uri: Uri,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<StatusCode, ApiError> {
    push(shared, key, &uri, &headers, body, false).await
}

/// Deletes a group of metrics: its series end. A group that is not there is deleted already.
#[utoipa::path(
    delete, path = "/metrics/job/{job}", tag = "push",
    params(("job" = String, Path, description = "The job's name")),
    responses(
        (status = 202, description = "Deleted"), (status = 400, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn delete(State(shared): State<Shared>, uri: Uri) -> Result<StatusCode, ApiError> {
    let group = group_of(&uri)?;
    shared.groups.delete(&doors(&shared, SOURCE), &group)?.durable().await?;
    Ok(StatusCode::ACCEPTED)
}

async fn push(
    shared: Shared,
    key: Key,
    uri: &Uri,
    headers: &HeaderMap,
    BoundedBody(body): BoundedBody,
    replaces: bool,
) -> Result<StatusCode, ApiError> {
    let group = group_of(uri)?;
    let form = form(headers);
    let source = key.map_or_else(|| SOURCE.into(), |axum::Extension(KeyName(name))| name);
    let task = tokio::task::spawn_blocking(move || {
        let doors = doors(&shared, &source);
        let pushed =
            read(&body, form).and_then(|page| shared.groups.push(&doors, &group, page, replaces));
        // Who looks after the group sees when it was that a push of it failed.
        if pushed.as_ref().is_err_and(|error| error.status() == StatusCode::BAD_REQUEST) {
            shared.meter.imports.pushgateway.refused.inc();
            shared.groups.note_failure(&doors, &group);
        }
        pushed
    });
    let pushed = task.await.map_err(|_| ApiError::internal("storing the push failed"))??;
    pushed.durable().await?;
    Ok(StatusCode::OK)
}

/// The labels behind `/metrics/`, as they were sent: a decoded path would have lost where its parts
/// end.
fn group_of(uri: &Uri) -> Result<Labels, ApiError> {
    let path = uri.path().strip_prefix("/metrics/").unwrap_or_default();
    read_path(path).map_err(|fault| ApiError::new(StatusCode::BAD_REQUEST, fault.to_string()))
}

/// How a body is written.
#[derive(Clone, Copy)]
enum Form {
    Text(Dialect),
    Protobuf,
}

fn form(headers: &HeaderMap) -> Form {
    let given = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let given = String::from_utf8_lossy(given).to_ascii_lowercase();
    if given.starts_with("application/openmetrics-text") {
        return Form::Text(Dialect::OpenMetrics);
    }
    if given.starts_with("application/vnd.google.protobuf") {
        return Form::Protobuf;
    }
    Form::Text(Dialect::Prometheus)
}

fn read(body: &[u8], form: Form) -> Result<PushedPage, ApiError> {
    let page = match form {
        Form::Text(dialect) => read_page(body, dialect).map_err(|fault| fault.to_string()),
        Form::Protobuf => read_protobuf(body).map_err(|fault| fault.to_string()),
    };
    page.map_err(|fault| ApiError::new(StatusCode::BAD_REQUEST, fault))
}

fn doors<'a>(shared: &'a Shared, source: &'a str) -> Doors<'a> {
    let now_ms = shared.now_ms();
    Doors { ingest: &shared.ingest, records: shared.records.as_ref(), source, now_ms }
}

/// Keeps the values of all groups fresh until the server stops.
pub(crate) async fn keep_fresh(shared: Shared) {
    loop {
        let of_thread = Shared::clone(&shared);
        let task = tokio::task::spawn_blocking(move || {
            let expire_after = of_thread.settings.load().push_group_expire_after;
            of_thread.groups.refresh(&doors(&of_thread, SOURCE), expire_after);
        });
        if let Err(error) = task.await {
            tracing::error!(%error, "pushed groups were not stored again");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = shared.stopped() => return,
        }
    }
}
