//! Answer: refusals in the form that OpenTelemetry's senders read: a `google.rpc.Status` in the
//! encoding of the request, or the status of gRPC. It stands around all other layers, so that a
//! missing key or a panic is told in that form too.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use wire::otlp::{Encoding, ServiceStatus, StatusCode as ServiceCode, status_body};

use super::{grpc, serves};
use crate::error::{ApiError, Detail};

/// How a sender wants to hear what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Http(Encoding),
    Grpc,
}

/// Says what is wrong in the form of the request, if it is one of OpenTelemetry's.
pub(crate) async fn answer_in_kind(request: Request, next: Next) -> Response {
    let form = form_of(request.uri().path().trim_end_matches('/'), request.headers());
    let response = next.run(request).await;
    match form {
        Some(form)
            if response.status().is_client_error() || response.status().is_server_error() =>
        {
            in_form(response, form)
        }
        _ => response,
    }
}

fn form_of(path: &str, headers: &HeaderMap) -> Option<Form> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.unwrap_or_default();
    if grpc::is_grpc(given) {
        return Some(Form::Grpc);
    }
    let encoding = Encoding::from_media_type(given).filter(|_| serves(path));
    encoding.map(Form::Http)
}

fn in_form(response: Response, form: Form) -> Response {
    let (mut parts, _) = response.into_parts();
    let detail = parts.extensions.get::<Detail>();
    let mut status = service_status(parts.status, &parts.headers, detail);
    match form {
        Form::Grpc if status.code == ServiceCode::NotFound => {
            // So gRPC calls a method that nobody serves.
            status.code = ServiceCode::Unimplemented;
            grpc::refusal(&status, parts.headers)
        }
        Form::Grpc => grpc::refusal(&status, parts.headers),
        Form::Http(encoding) => {
            let content_type = HeaderValue::from_static(encoding.media_type());
            parts.headers.insert(header::CONTENT_TYPE, content_type);
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(status_body(encoding, &status)))
        }
    }
}

/// What an answer would say, as the status of gRPC.
pub(super) fn status_of(error: ApiError) -> tonic::Status {
    let response = error.into_response();
    let detail = response.extensions().get::<Detail>();
    grpc::to_tonic(&service_status(response.status(), response.headers(), detail))
}

/// What an answer says, for those who think in the codes of gRPC.
fn service_status(
    status: StatusCode,
    headers: &HeaderMap,
    detail: Option<&Detail>,
) -> ServiceStatus {
    let code = match status {
        StatusCode::UNAUTHORIZED => ServiceCode::Unauthenticated,
        StatusCode::FORBIDDEN => ServiceCode::PermissionDenied,
        StatusCode::NOT_FOUND => ServiceCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ServiceCode::Unimplemented,
        StatusCode::REQUEST_TIMEOUT => ServiceCode::DeadlineExceeded,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
            ServiceCode::ResourceExhausted
        }
        StatusCode::SERVICE_UNAVAILABLE => ServiceCode::Unavailable,
        status if status.is_server_error() => ServiceCode::Internal,
        _ => ServiceCode::InvalidArgument,
    };
    let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let message = match detail {
        Some(Detail(detail)) => detail.clone(),
        None => status.canonical_reason().unwrap_or("error").to_owned(),
    };
    let retry_after_s = retry_after.and_then(|value| value.parse().ok());
    ServiceStatus { code, message, retry_after_s }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    #[test]
    fn the_form_is_that_of_the_request() {
        let form = |path, content_type| form_of(path, &headers(content_type));
        let protobuf = Some(Form::Http(Encoding::Protobuf));
        assert_eq!(form("/v1/metrics", "application/x-protobuf"), protobuf);
        assert_eq!(form("/api/v1/otlp/v1/logs", "application/x-protobuf"), protobuf);
        assert_eq!(form("/v1/traces", "application/json"), Some(Form::Http(Encoding::Json)));
        assert_eq!(form("/alerts", "application/json"), None);
        assert_eq!(form("/v1/metrics", "text/plain"), None);
        assert_eq!(form("/any.Service/Method", "application/grpc+proto"), Some(Form::Grpc));
        assert_eq!(form_of("/v1/metrics", &HeaderMap::new()), None);
    }

    #[test]
    fn codes_say_whether_to_come_back() {
        let status = |status, retry: Option<&'static str>| {
            let retry = retry.map(|text| (header::RETRY_AFTER, HeaderValue::from_static(text)));
            let headers = HeaderMap::from_iter(retry);
            service_status(status, &headers, Some(&Detail("why".to_owned())))
        };
        let busy = status(StatusCode::TOO_MANY_REQUESTS, Some("7"));
        let expected = ServiceStatus {
            code: ServiceCode::ResourceExhausted,
            message: "why".to_owned(),
            retry_after_s: Some(7),
        };
        assert_eq!(busy, expected);
        let too_large = status(StatusCode::PAYLOAD_TOO_LARGE, None);
        assert_eq!(
            (too_large.code, too_large.retry_after_s),
            (ServiceCode::ResourceExhausted, None)
        );
        for (http, code) in [
            (StatusCode::BAD_REQUEST, ServiceCode::InvalidArgument),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, ServiceCode::InvalidArgument),
            (StatusCode::UNAUTHORIZED, ServiceCode::Unauthenticated),
            (StatusCode::FORBIDDEN, ServiceCode::PermissionDenied),
            (StatusCode::NOT_FOUND, ServiceCode::NotFound),
            (StatusCode::REQUEST_TIMEOUT, ServiceCode::DeadlineExceeded),
            (StatusCode::INTERNAL_SERVER_ERROR, ServiceCode::Internal),
            (StatusCode::SERVICE_UNAVAILABLE, ServiceCode::Unavailable),
        ] {
            assert_eq!(status(http, None).code, code, "{http}");
        }
    }
}
