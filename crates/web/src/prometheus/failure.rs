//! Failures, as clients of Prometheus know them: a kind in one word and a sentence.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use promql::{LaneFull, ParseError, QueryError, Stopped};
use serde::Serialize;
use storage::SelectError;
use utoipa::ToSchema;

use super::json;
use crate::error::ApiError;

/// What kind of failure, and with it the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request makes no sense.
    BadData,
    /// The query does not fit the data, or takes too much.
    Execution,
    /// Nobody waits for the answer any more.
    Canceled,
    /// Its time is over.
    Timeout,
    /// Something broke.
    Internal,
    /// Not now: too many queries run and wait, or the store cannot.
    Busy,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
            Self::Busy => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            // No name has been registered for it.
            Self::Canceled => StatusCode::from_u16(499).expect("a status has three digits"),
            Self::Timeout | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The body of an answer that is not a success.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailureBody {
    #[schema(example = "error")]
    status: &'static str,
    /// One of `bad_data`, `execution`, `canceled`, `timeout`, `internal` and `unavailable`.
    #[schema(example = "bad_data")]
    error_type: &'static str,
    /// What is wrong, and where.
    #[schema(example = "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis")]
    error: String,
}

/// An answer that is not a success.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(super) kind: Kind,
    pub(crate) message: String,
    /// What is refused before a handler or by the store has the status that it has everywhere.
    status: Option<StatusCode>,
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Kind::BadData, message)
    }

    /// A parameter that is not understood.
    pub(crate) fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad(format!("invalid parameter {name:?}: {reason}"))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Names the parameter that holds the query, where the query is what is wrong.
    pub(super) fn of_query(error: QueryError) -> Self {
        match error {
            QueryError::Parse(error) => Self::parameter("query", error),
            QueryError::RangeOf { .. } => Self::parameter("query", error),
            other => other.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = b"{\"status\":\"error\",\"errorType\":\"".to_vec();
        body.extend_from_slice(self.kind.word().as_bytes());
        body.extend_from_slice(b"\",\"error\":");
        json::message(&mut body, &self.message);
        body.push(b'}');
        let content_type = HeaderValue::from_static("application/json");
        let status = self.status.unwrap_or_else(|| self.kind.status());
        let mut response = (status, [(header::CONTENT_TYPE, content_type)], body).into_response();
        if self.kind == Kind::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Parse(_) | QueryError::RangeOf { .. } | QueryError::Times { .. } => {
                Kind::BadData
            }
            QueryError::Length(_)
            | QueryError::Execution { .. }
            | QueryError::TooManySamples
            | QueryError::TooManySeries
            | QueryError::TooManyBytes => Kind::Execution,
            QueryError::Stopped(Stopped::TimedOut) => Kind::Timeout,
            QueryError::Stopped(Stopped::Canceled) => Kind::Canceled,
            QueryError::Select(_) => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<SelectError> for Failure {
    fn from(error: SelectError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<LaneFull> for Failure {
    fn from(error: LaneFull) -> Self {
        Self::new(Kind::Busy, error.to_string())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let (status, message) = error.into_parts();
        let kind = match status {
            StatusCode::SERVICE_UNAVAILABLE => Kind::Busy,
            _ if status.is_server_error() => Kind::Internal,
            _ => Kind::BadData,
        };
        Self { status: Some(status), ..Self::new(kind, message) }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse as _;
    use storage::MaintenanceError;

    use super::{Failure, Kind};
    use crate::error::ApiError;

    #[test]
    fn what_other_layers_refuse_keeps_its_status_and_gets_a_kind() {
        let of_store = MaintenanceError { reason: "no space left".to_owned() };
        for (error, kind, status) in [
            (ApiError::from(of_store), Kind::Busy, 503),
            (ApiError::internal("it failed"), Kind::Internal, 500),
            (ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too large"), Kind::BadData, 413),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.kind, kind);
            let response = failure.into_response();
            assert_eq!(response.status(), status);
            let is_for_later = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(is_for_later, kind == Kind::Busy, "{status}");
        }
    }
}
