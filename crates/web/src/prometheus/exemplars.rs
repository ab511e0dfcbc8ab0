//! `query_exemplars`: single observations of the series that an expression reads.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::{Exemplar, Labels, Matcher};
use promql::{Expr, StopCheck};
use storage::Querier;
use utoipa::IntoParams;

use super::envelope::{Notes, Success};
use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::labels::check;
use super::pieces::items;
use super::run::{Ran, run};
use super::{json, query};
use crate::state::Shared;

/// Of what, and when.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct ExemplarParameters {
    /// An expression; all that its selectors select is meant.
    #[param(example = "rate(http_request_duration_seconds_bucket[5m])")]
    query: String,
    /// Unix seconds or RFC 3339.
    start: Option<String>,
    /// Unix seconds or RFC 3339.
    end: Option<String>,
}

/// The exemplars of series.
#[utoipa::path(
    method(get, post), path = "/api/v1/query_exemplars", tag = "prometheus",
    params(ExemplarParameters),
    responses(
        (status = 200, description = "`data` lists `seriesLabels` and `exemplars`", body = Object),
        (status = 204, description = "The expression selects nothing"),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn exemplars(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<Response, Failure> {
    let start_ms = form.time_or("start", i64::MIN)?;
    let end_ms = form.time_or("end", i64::MAX)?;
    if end_ms < start_ms {
        return Err(Failure::bad("end timestamp must not be before start timestamp"));
    }
    let selectors = selectors(&promql::parse(form.query())?);
    if selectors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let timeout = query::timeout(&form, shared.queries.timeout)?;
    let on_thread = Shared::clone(&shared);
    let work = move |stop| found(&*on_thread.querier, &selectors, (start_ms, end_ms), &stop);
    let Ran { value: all, .. } = run(&shared, timeout, work).await?;
    let list = items(all, |out, (labels, exemplars)| write(out, &labels, &exemplars));
    Ok(Success::new(list, Notes::of_store(&shared)).send(form.encoding))
}

/// The matchers of each selector in an expression.
fn selectors(expr: &Expr) -> Vec<Vec<Matcher>> {
    let mut selectors = Vec::new();
    expr.walk(&mut |expr| match expr {
        Expr::Vector(node) => selectors.push(node.matchers.clone()),
        Expr::Matrix(node) => selectors.push(node.selector.matchers.clone()),
        _ => {}
    });
    selectors
}

/// Those of each series, once, however many selectors select it.
fn found(
    querier: &dyn Querier,
    selectors: &[Vec<Matcher>],
    (start_ms, end_ms): (i64, i64),
    stop: &StopCheck,
) -> Result<BTreeMap<Labels, Vec<Exemplar>>, Failure> {
    let mut all = BTreeMap::new();
    for matchers in selectors {
        check(stop)?;
        for series in querier.exemplars(matchers, start_ms, end_ms)? {
            all.insert(series.labels, series.exemplars);
        }
    }
    Ok(all)
}

fn write(out: &mut Vec<u8>, labels: &Labels, exemplars: &[Exemplar]) {
    out.extend_from_slice(b"{\"seriesLabels\":");
    json::labels(out, labels);
    out.extend_from_slice(b",\"exemplars\":");
    json::list(out, exemplars, |out, exemplar| {
        out.extend_from_slice(b"{\"labels\":");
        json::labels(out, &exemplar.labels);
        out.extend_from_slice(b",\"value\":");
        json::value(out, exemplar.value);
        out.extend_from_slice(b",\"timestamp\":");
        json::time(out, exemplar.t_ms);
        out.push(b'}');
    });
    out.push(b'}');
}
