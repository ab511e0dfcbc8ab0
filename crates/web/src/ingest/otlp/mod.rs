//! OTLP: `POST /v1/metrics`, the way in for OpenTelemetry's SDKs and its Collector, as protobuf, as
//! JSON, and over gRPC ([`grpc`]).
//!
//! A success comes after the disk has all of it, and says how many points were refused and why.
//! What cannot be stored here, logs and traces, is refused: a sender must not believe that it was.

mod answer;
mod body;
pub(crate) mod grpc;
mod store;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use wire::otlp::{MessageError, success_body};

use crate::auth::KeyName;
use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

pub(crate) use answer::answer_in_kind;

/// The most bytes of a body, and of the message in it.
const BYTES_MAX: usize = 32 << 20;

/// Who sends, where no key says it.
const SOURCE_DEFAULT: &str = "otlp";

/// Where Prometheus has the endpoints of the standard.
const PREFIX: &str = "/api/v1/otlp";

/// What OpenTelemetry sends that is not stored.
const NOT_STORED: [&str; 4] =
    ["/v1/logs", "/v1/traces", "/api/v1/otlp/v1/logs", "/api/v1/otlp/v1/traces"];

/// Whether a path is one of OpenTelemetry's, over HTTP or gRPC.
pub(crate) fn serves(path: &str) -> bool {
    let plain = path.strip_prefix(PREFIX).unwrap_or(path);
    plain == "/v1/metrics" || NOT_STORED.contains(&path) || grpc::SERVICES.contains(&path)
}

/// Stores metrics sent by OTLP: an `ExportMetricsServiceRequest` as protobuf or JSON, plain, gzip or
/// zstd.
///
/// Points that break a rule or a limit are left out; the answer, in the encoding of the request, says
/// how many and why. Points of delta temporality are added up.
// The body is told in words: programs that make requests from the document cannot make this one.
#[utoipa::path(
    post, path = "/v1/metrics", tag = "push",
    responses(
        (status = 200, description = "Stored and durable, but for the points that it names"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn metrics(
    State(shared): State<Shared>,
    key: Option<Extension<KeyName>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let sent = body::read(&headers, body).await?;
    let encoding = sent.encoding;
    let refusals = store::store(shared, source(key), sent).await?;
    let content_type = [(header::CONTENT_TYPE, encoding.media_type())];
    Ok((content_type, success_body(encoding, &refusals)).into_response())
}

/// The same as `/v1/metrics`, where Prometheus has it.
#[utoipa::path(
    post, path = "/api/v1/otlp/v1/metrics", tag = "push",
    responses(
        (status = 200, description = "Stored and durable, but for the points that it names"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn metrics_as_prometheus(
    shared: State<Shared>,
    key: Option<Extension<KeyName>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    metrics(shared, key, headers, body).await
}

fn source(key: Option<Extension<KeyName>>) -> Arc<str> {
    key.map_or_else(|| SOURCE_DEFAULT.into(), |Extension(KeyName(name))| name)
}

/// The routes of what is not stored. They are in no document: there is nothing to be had.
pub(crate) fn not_stored_routes() -> Router<Shared> {
    let add = |router: Router<Shared>, path: &&str| router.route(path, post(not_stored));
    NOT_STORED.iter().fold(Router::new(), add)
}

async fn not_stored(uri: Uri) -> ApiError {
    let what = if uri.path().ends_with("logs") { "logs" } else { "traces" };
    ApiError::not_found(format!("{what} are not stored here; metrics are, at /v1/metrics"))
}

impl From<MessageError> for ApiError {
    fn from(error: MessageError) -> Self {
        let status = match error.is_too_large() {
            true => StatusCode::PAYLOAD_TOO_LARGE,
            false => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}
