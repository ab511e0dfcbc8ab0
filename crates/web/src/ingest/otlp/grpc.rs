//! gRPC: `opentelemetry.proto.collector.metrics.v1.MetricsService/Export`, on the port of
//! everything else and on one of its own.
//!
//! `tonic` reads frames and writes statuses; what it hands on is the message in bytes, which goes
//! the way of a body of `/v1/metrics`. Who may send is decided by the same keys: the metadata of
//! gRPC are the headers of HTTP.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Buf as _, BufMut as _};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use wire::otlp::{Encoding, ServiceStatus, status_body, success_body};

use super::body::Sent;
use super::{BYTES_MAX, source, store};
use crate::auth::KeyName;
use crate::error::ApiError;
use crate::ingest::memory::HeldBody;
use crate::state::Shared;

const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The methods that senders of OpenTelemetry call.
pub(super) const SERVICES: [&str; 3] = [METRICS, LOGS, TRACES];

/// A flag and a length before the message.
const FRAME_HEAD_BYTES: usize = 5;

/// The routes of gRPC.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(METRICS, post(export))
        .route(LOGS, post(not_stored))
        .route(TRACES, post(not_stored))
}

/// Whether a `Content-Type` is one of gRPC.
pub(super) fn is_grpc(content_type: &str) -> bool {
    let rest = content_type.trim().strip_prefix("application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

async fn export(
    State(shared): State<Shared>,
    key: Option<Extension<KeyName>>,
    request: Request,
) -> Result<Response, ApiError> {
    check_type(request.headers())?;
    let (parts, body) = request.into_parts();
    let held = HeldBody::read(body, BYTES_MAX + FRAME_HEAD_BYTES).await?;
    let request = Request::from_parts(parts, Body::from(held.bytes.clone()));
    let export = Export { shared, source: source(key) };
    let response = Grpc::new(Plain)
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(BYTES_MAX)
        .unary(export, request)
        .await;
    Ok(response.map(Body::new))
}

async fn not_stored(request: Request) -> Result<Response, ApiError> {
    check_type(request.headers())?;
    let what = if request.uri().path() == LOGS { "logs" } else { "traces" };
    let status = tonic::Status::unimplemented(format!("{what} are not stored here; metrics are"));
    Ok(status.into_http())
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match given.is_some_and(is_grpc) {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "this is a method of gRPC: Content-Type must be application/grpc; over HTTP send to \
             /v1/metrics",
        )),
    }
}

/// The method itself.
struct Export {
    shared: Shared,
    source: Arc<str>,
}

impl UnaryService<Bytes> for Export {
    type Response = Vec<u8>;
    type Future =
        Pin<Box<dyn Future<Output = Result<tonic::Response<Vec<u8>>, tonic::Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (shared, source) = (Arc::clone(&self.shared), Arc::clone(&self.source));
        Box::pin(async move {
            let sent = Sent::plain(request.into_inner());
            let stored = match sent {
                Ok(sent) => store::store(shared, source, sent).await,
                Err(error) => Err(error),
            };
            let refusals = stored.map_err(super::answer::status_of)?;
            Ok(tonic::Response::new(success_body(Encoding::Protobuf, &refusals)))
        })
    }
}

/// A refusal as gRPC says it: a success of HTTP that has a status instead of a message. Other
/// headers stay.
pub(super) fn refusal(status: &ServiceStatus, mut headers: HeaderMap) -> Response {
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    let mut response = to_tonic(status).into_http::<Body>();
    for (name, value) in &headers {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response.into_response()
}

/// A status with its details, which say when to come back.
pub(super) fn to_tonic(status: &ServiceStatus) -> tonic::Status {
    let code = tonic::Code::from_i32(status.code as i32);
    let details = match status.retry_after_s {
        Some(_) => status_body(Encoding::Protobuf, status).into(),
        None => Bytes::new(),
    };
    tonic::Status::with_details(code, &status.message, details)
}

/// Messages as the bytes they are.
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Self::Error> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Self::Error> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::is_grpc;

    #[test]
    fn types_of_grpc_are_told_apart() {
        for good in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert!(is_grpc(good), "{good}");
        }
        for other in ["", "application/json", "application/grpc-web", "application/grpcx"] {
            assert!(!is_grpc(other), "{other}");
        }
    }
}
