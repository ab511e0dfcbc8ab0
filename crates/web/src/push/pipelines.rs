//! Pipelines: runs that report where they are.

use axum::Json;
use axum::extract::{RawQuery, State};
use model::time::format_rfc3339;
use model::{Pipeline, PipelineStatus};
use serde::Serialize;
use serde_json::value::RawValue;
use storage::{PipelineFilter, PipelineReport, RecordWrite};
use utoipa::{IntoParams, ToSchema};

use super::{read_records, write_for_id};
use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// What a run sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that wire::push reads")]
pub(crate) struct PipelinePush {
    /// `data_ingestion`, `preprocessing`, `training`, `evaluation`, or any other word.
    #[schema(example = "training")]
    pipeline_type: String,
    /// `running`, `completed` or `failed`.
    #[schema(example = "running")]
    status: String,
    /// Free-form.
    #[schema(value_type = Option<Object>, example = json!({"epoch": 5, "loss": 0.234}))]
    metadata: Option<serde_json::Value>,
    /// The service it runs in.
    service: Option<String>,
    /// Why it failed; with `failed` it raises an alert.
    error_message: Option<String>,
}

/// The id of a record.
#[derive(Serialize, ToSchema)]
pub(crate) struct Created {
    #[schema(example = 1)]
    pub(crate) id: i64,
}

/// A run as it is listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct PipelineBody {
    id: i64,
    pipeline_type: String,
    service: Option<String>,
    status: &'static str,
    /// RFC 3339.
    start_time: String,
    /// RFC 3339; null while it runs.
    end_time: Option<String>,
    error_message: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
}

impl From<Pipeline> for PipelineBody {
    fn from(run: Pipeline) -> Self {
        Self {
            id: run.id,
            pipeline_type: run.pipeline_type,
            service: run.service,
            status: run.status.as_str(),
            start_time: format_rfc3339(run.started_ms),
            end_time: run.ended_ms.map(format_rfc3339),
            error_message: run.error_message,
            metadata: run.metadata_json.and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

/// A run says where it is. It continues the newest run of its type (and service, if given) that
/// has not ended, else it begins one.
#[utoipa::path(
    post, path = "/pipelines", tag = "push", request_body = PipelinePush,
    responses(
        (status = 200, body = Created),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn post_pipeline(
    State(shared): State<Shared>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<Created>, ApiError> {
    let push = wire::push::parse_pipeline(&body)?;
    let report = PipelineReport {
        pipeline_type: push.pipeline_type,
        service: push.service,
        status: push.status,
        error_message: push.error_message,
        metadata_json: push.metadata_json,
        at_ms: shared.now_ms(),
    };
    let id = write_for_id(&shared, RecordWrite::Pipeline(report)).await?;
    Ok(Json(Created { id }))
}

/// Which runs to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct ListParameters {
    /// Only this type.
    #[param(rename = "type")]
    pipeline_type: Option<String>,
    /// `running`, `completed` or `failed`.
    status: Option<String>,
    /// Only of this service.
    service: Option<String>,
    /// At most this many, 100 unless said otherwise.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
}

/// Pipeline runs, the newest first.
#[utoipa::path(
    get, path = "/pipelines", tag = "push", params(ListParameters),
    responses((status = 200, body = Vec<PipelineBody>), (status = 422, body = ErrorBody))
)]
pub(crate) async fn list_pipelines(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<PipelineBody>>, ApiError> {
    let known = ["type", "pipeline_type", "status", "service", "limit"];
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let pipeline_type = parameters.get("type").or_else(|| parameters.get("pipeline_type"));
    let filter = PipelineFilter {
        pipeline_type: pipeline_type.map(str::to_owned),
        status: parameters.parsed("status", PipelineStatus::parse)?,
        service: parameters.get("service").map(str::to_owned),
        limit: parameters.limit()?,
    };
    let runs = read_records(&shared, move |records| records.pipelines(&filter)).await?;
    Ok(Json(runs.into_iter().map(PipelineBody::from).collect()))
}
