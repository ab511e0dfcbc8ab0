//! Alerts that people and programs raise, and that people acknowledge.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use model::time::format_rfc3339;
use model::{Alert, Severity};
use serde::Serialize;
use storage::{AlertFilter, AlertReport, RecordOutcome, RecordWrite};
use utoipa::{IntoParams, ToSchema};

use super::pipelines::Created;
use super::{read_records, write_for_id, write_record};
use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// What somebody raises.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that wire::push reads")]
pub(crate) struct AlertPush {
    #[schema(example = "High CPU Usage")]
    title: String,
    #[schema(example = "CPU usage above 90%")]
    message: String,
    /// 1 info, 2 warning, 3 critical; or a word: info, low, warning, medium, error, high, critical.
    #[schema(example = 2)]
    severity: u8,
    /// The service it is about.
    #[schema(example = "trainer")]
    service: Option<String>,
}

/// An alert as it is listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertBody {
    id: i64,
    service: Option<String>,
    /// The pipeline run whose failure raised it.
    pipeline_run: Option<i64>,
    title: String,
    message: String,
    /// 1 info, 2 warning, 3 error or critical.
    severity: u8,
    /// `info`, `warning`, `error` or `critical`.
    severity_name: &'static str,
    /// When it was raised, RFC 3339.
    timestamp: String,
    acknowledged: bool,
    acknowledged_by: Option<String>,
    /// RFC 3339.
    acknowledged_at: Option<String>,
}

impl From<Alert> for AlertBody {
    fn from(alert: Alert) -> Self {
        let (by, at) = alert.acknowledged.unzip();
        Self {
            id: alert.id,
            service: alert.service,
            pipeline_run: alert.pipeline_run,
            title: alert.title,
            message: alert.message,
            severity: alert.severity.as_climate_number(),
            severity_name: alert.severity.as_str(),
            timestamp: format_rfc3339(alert.raised_ms),
            acknowledged: by.is_some(),
            acknowledged_by: by,
            acknowledged_at: at.map(format_rfc3339),
        }
    }
}

/// Raises an alert.
#[utoipa::path(
    post, path = "/alerts", tag = "push", request_body = AlertPush,
    responses(
        (status = 200, body = Created),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn post_alert(
    State(shared): State<Shared>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<Created>, ApiError> {
    let push = wire::push::parse_alert(&body)?;
    let report = AlertReport {
        title: push.title,
        message: push.message,
        severity: push.severity,
        severity_raw: push.severity_raw,
        service: push.service,
        at_ms: shared.now_ms(),
    };
    let id = write_for_id(&shared, RecordWrite::Alert(report)).await?;
    Ok(Json(Created { id }))
}

/// Which alerts to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct ListParameters {
    /// Only acknowledged ones, or only the others.
    acknowledged: Option<bool>,
    /// As a number or a word; 3 means error and critical.
    severity: Option<String>,
    /// Only about this service.
    service: Option<String>,
    /// At most this many, 100 unless said otherwise.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
}

/// Alerts, the newest first.
#[utoipa::path(
    get, path = "/alerts", tag = "push", params(ListParameters),
    responses((status = 200, body = Vec<AlertBody>), (status = 422, body = ErrorBody))
)]
pub(crate) async fn list_alerts(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<AlertBody>>, ApiError> {
    let known = ["acknowledged", "severity", "service", "limit"];
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let filter = AlertFilter {
        acknowledged: parameters.boolean("acknowledged")?,
        severities: severities(&parameters)?,
        service: parameters.get("service").map(str::to_owned),
        limit: parameters.limit()?,
    };
    let alerts = read_records(&shared, move |records| records.alerts(&filter)).await?;
    Ok(Json(alerts.into_iter().map(AlertBody::from).collect()))
}

/// A filter by number means every severity that is shown as this number.
fn severities(parameters: &Parameters) -> Result<Vec<Severity>, ApiError> {
    let Some(severity) = parameters.parsed("severity", Severity::parse)? else {
        return Ok(Vec::new());
    };
    let by_number = parameters.get("severity").is_some_and(|text| text.parse::<u8>().is_ok());
    if by_number && severity == Severity::Critical {
        return Ok(vec![Severity::Error, Severity::Critical]);
    }
    Ok(vec![severity])
}

/// Who has seen an alert.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that wire::push reads")]
pub(crate) struct Acknowledgement {
    #[schema(example = "ada")]
    user: String,
}

/// The answer to an acknowledgement.
#[derive(Serialize, ToSchema)]
pub(crate) struct Acknowledged {
    #[schema(example = "acknowledged")]
    status: &'static str,
    id: i64,
}

/// Somebody has seen an alert. Acknowledging again keeps the first.
#[utoipa::path(
    post, path = "/alerts/{id}/acknowledge", tag = "push", request_body = Acknowledgement,
    params(("id" = i64, Path, description = "the alert's id")),
    responses(
        (status = 200, body = Acknowledged),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn acknowledge(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<Acknowledged>, ApiError> {
    let Ok(alert_id) = id.parse::<i64>() else {
        return Err(ApiError::not_found(format!("no alert has the id {id:?}")));
    };
    let user = wire::push::parse_acknowledge(&body)?.user;
    let change = RecordWrite::Acknowledge { alert_id, user, at_ms: shared.now_ms() };
    match write_record(&shared, change).await? {
        RecordOutcome::Id(id) => Ok(Json(Acknowledged { status: "acknowledged", id })),
        RecordOutcome::NotFound | RecordOutcome::Done => {
            Err(ApiError::not_found(format!("no alert has the id {alert_id}")))
        }
    }
}
