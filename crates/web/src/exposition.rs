//! `GET /metrics`: this host's and the process' own metrics as an exposition page. With a filter in
//! the query the same path lists pushed metrics instead (see `push::metrics`).

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::push;
use crate::state::Shared;

/// Parameters that turn the page into a list.
const LIST_PARAMETERS: [&str; 4] = ["service", "metric_type", "hours", "limit"];

/// Whether a query asks for the list of pushed metrics rather than for the page.
pub(crate) fn asks_for_list(query: Option<&str>) -> bool {
    let names = query.unwrap_or_default().split('&').map(|pair| pair.split('=').next());
    names.flatten().any(|name| LIST_PARAMETERS.contains(&name))
}

/// The exposition page: Prometheus text 0.0.4, OpenMetrics or protobuf, as `Accept` asks. With
/// `service`, `metric_type`, `hours` or `limit` in the query: pushed metrics as JSON, newest first.
#[utoipa::path(
    get, path = "/metrics", tag = "metrics",
    params(push::metrics::ListParameters),
    responses(
        (status = 200, description = "the page, or the list", content(
            (String = "text/plain"), (Vec<push::metrics::MetricBody> = "application/json"),
        )),
        (status = 400, body = crate::error::ErrorBody),
        (status = 422, body = crate::error::ErrorBody),
    )
)]
pub(crate) async fn get_metrics(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if asks_for_list(query.as_deref()) {
        return push::metrics::list(&shared, query.as_deref()).await;
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    Ok(page(&shared, wire::exposition::negotiate(accept)))
}

fn page(shared: &Shared, format: wire::exposition::Format) -> Response {
    let snapshot = shared.host.as_ref().and_then(collect::Handle::latest);
    let own = (shared.own_families)();
    let of_host = snapshot.iter().flat_map(|snapshot| snapshot.families.iter());
    let mut bytes = Vec::with_capacity(128 << 10);
    let left_out = wire::exposition::write(of_host.chain(&own), format, &mut bytes);
    shared.meter.exposition_left_out.add((left_out.families + left_out.points) as u64);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    (headers, Body::from(bytes)).into_response()
}
