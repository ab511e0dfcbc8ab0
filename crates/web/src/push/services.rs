//! Services: what reports its own state.

use axum::Json;
use axum::extract::{RawQuery, State};
use model::time::format_rfc3339;
use model::{Service, ServiceStatus};
use serde::Serialize;
use storage::{RecordWrite, ServiceFilter, ServiceReport};
use utoipa::{IntoParams, ToSchema};

use super::{read_records, write_record};
use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// What a service sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that wire::push reads")]
pub(crate) struct ServicePush {
    #[schema(example = "trainer")]
    name: String,
    /// `up`, `down` or `unknown`.
    #[schema(example = "up")]
    status: String,
    /// Where it listens.
    #[schema(example = "http://trainer:9000")]
    endpoint: Option<String>,
}

/// The answer to a service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Updated {
    #[schema(example = "updated")]
    status: &'static str,
}

/// A service as it is listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceBody {
    id: i64,
    name: String,
    /// `up`, `down`, or `unknown` when it has never said or is silent.
    status: &'static str,
    /// The last sign of life, RFC 3339.
    last_check: String,
    /// When `status` last changed, RFC 3339.
    last_status_change: String,
    endpoint: Option<String>,
}

impl From<Service> for ServiceBody {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            name: service.name,
            status: service.status.as_str(),
            last_check: format_rfc3339(service.last_check_ms),
            last_status_change: format_rfc3339(service.last_status_change_ms),
            endpoint: service.endpoint,
        }
    }
}

/// A service says how it is.
#[utoipa::path(
    post, path = "/services", tag = "push", request_body = ServicePush,
    responses(
        (status = 200, body = Updated),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn post_service(
    State(shared): State<Shared>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<Updated>, ApiError> {
    let push = wire::push::parse_service(&body)?;
    let report = ServiceReport {
        name: push.name,
        status: push.status,
        endpoint: push.endpoint,
        at_ms: shared.now_ms(),
    };
    write_record(&shared, RecordWrite::Service(report)).await?;
    Ok(Json(Updated { status: "updated" }))
}

/// Which services to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct ListParameters {
    /// Only this one.
    name: Option<String>,
    /// `up`, `down` or `unknown`.
    status: Option<String>,
    /// At most this many, 100 unless said otherwise.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
}

/// Services, the newest first.
#[utoipa::path(
    get, path = "/services", tag = "push", params(ListParameters),
    responses((status = 200, body = Vec<ServiceBody>), (status = 422, body = ErrorBody))
)]
pub(crate) async fn list_services(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<ServiceBody>>, ApiError> {
    let parameters = Parameters::read(query.as_deref(), &["name", "status", "limit"])?;
    let filter = ServiceFilter {
        name: parameters.get("name").map(str::to_owned),
        status: parameters.parsed("status", ServiceStatus::parse)?,
        limit: parameters.limit()?,
    };
    let services = read_records(&shared, move |records| records.services(&filter)).await?;
    Ok(Json(services.into_iter().map(ServiceBody::from).collect()))
}
