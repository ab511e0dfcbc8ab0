//! Errors as clients see them: a status, `{"error": ..., "detail": ...}`, and nothing secret.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use storage::{
    AppendError, CommitError, IngestError, LimitError, MaintenanceError, RecordsError, SelectError,
};
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What kind of error, in words that do not change.
    #[schema(example = "Unprocessable Entity")]
    error: &'static str,
    /// What is wrong with this request, and where.
    #[schema(example = "field \"severity\": unknown severity 9")]
    detail: String,
    /// The field that is wrong, as a path into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Which item of a batch is wrong, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
}

/// What is wrong with a request, left in the answer for layers that say it in another form.
#[derive(Debug, Clone)]
pub(crate) struct Detail(pub(crate) String);

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    detail: String,
    field: Option<String>,
    index: Option<usize>,
    retry_after_s: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None, index: None, retry_after_s: None }
    }

    /// A request that is well-formed but asks for something that cannot be.
    pub(crate) fn unprocessable(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).at(field, None)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// Names the place of the mistake.
    pub(crate) fn at(mut self, field: &str, index: Option<usize>) -> Self {
        self.field = (!field.is_empty()).then(|| field.to_owned());
        self.index = index;
        self
    }

    /// What the client reads, for an answer in which only a part is not a success.
    pub(crate) fn into_body(self) -> ErrorBody {
        let error = self.status.canonical_reason().unwrap_or("Error");
        ErrorBody { error, detail: self.detail, field: self.field, index: self.index }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Says more than the cause itself can.
    pub(crate) fn with_more(mut self, more: &str) -> Self {
        self.detail.push_str(more);
        self
    }

    /// The status and what is wrong, for answers of another shape.
    pub(crate) fn into_parts(self) -> (StatusCode, String) {
        (self.status, self.detail)
    }

    /// Tells the client when to come back.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, retry_after_s) = (self.status, self.retry_after_s);
        let detail = Detail(self.detail.clone());
        let mut response = (status, Json(self.into_body())).into_response();
        response.extensions_mut().insert(detail);
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"pharos\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<wire::push::PushError> for ApiError {
    fn from(error: wire::push::PushError) -> Self {
        let status = match error.kind {
            wire::push::PushErrorKind::Syntax { .. } => StatusCode::BAD_REQUEST,
            wire::push::PushErrorKind::Shape | wire::push::PushErrorKind::Limit => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        };
        Self::new(status, error.to_string()).at(&error.field, error.index)
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Row { index, ref cause } => {
                let field = match cause {
                    LimitError::TooFarAhead { .. } | LimitError::TooOld { .. } => "timestamp",
                    LimitError::NoMetricName => "metric_type",
                    _ => "labels",
                };
                Self::unprocessable(field, error.to_string()).at(field, Some(index))
            }
            IngestError::Append(error) => error.into(),
        }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded { retry_after, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
                    .retry_after(retry_after.as_secs().max(1))
            }
            AppendError::Refused { .. } => Self::new(StatusCode::BAD_REQUEST, error.to_string()),
            AppendError::Unavailable { .. } => unavailable(error.to_string()),
            // To send it again would not help.
        }
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        unavailable(error.to_string())
    }
}

impl From<RecordsError> for ApiError {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::Overloaded { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()).retry_after(1)
            }
            RecordsError::Refused { .. } => Self::unprocessable("service", error.to_string()),
            RecordsError::Failed { .. } => unavailable(error.to_string()),
        }
    }
}

impl From<MaintenanceError> for ApiError {
    fn from(error: MaintenanceError) -> Self {
        unavailable(error.to_string())
    }
}

impl From<SelectError> for ApiError {
    fn from(error: SelectError) -> Self {
        unavailable(error.to_string())
    }
}

fn unavailable(detail: String) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
}
