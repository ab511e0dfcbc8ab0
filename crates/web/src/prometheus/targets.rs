//! `targets`, `targets/metadata`, `scrape_pools`: what is scraped, which is nothing: samples are
//! pushed, and this host is read by the server itself.

use axum::response::Response;

use super::envelope::{Notes, Success};
use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::metadata::number;
use super::pieces::Whole;

/// An answer that is always the same.
pub(crate) fn fixed(form: &Fields, data: &str) -> Response {
    Success::new(Whole(data.as_bytes().to_vec()), Notes::default()).send(form.encoding)
}

/// What is scraped.
#[utoipa::path(
    get, path = "/api/v1/targets", tag = "prometheus",
    params(
        ("state" = Option<String>, Query, description = "`active`, `dropped` or `any`"),
        ("scrapePool" = Option<String>, Query, description = "The only pool to tell of"),
    ),
    responses((status = 200, description = "`data` has lists of targets", body = Object))
)]
pub(crate) async fn targets(form: Fields) -> Response {
    fixed(&form, r#"{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}"#)
}

/// What targets have said of their metrics.
#[utoipa::path(
    get, path = "/api/v1/targets/metadata", tag = "prometheus",
    params(
        ("match_target" = Option<String>, Query, description = "Which targets, by their labels"),
        ("metric" = Option<String>, Query, description = "The only metric to tell of"),
        ("limit" = Option<i64>, Query, description = "The most targets"),
    ),
    responses(
        (status = 200, description = "`data` is a list", body = Object),
        (status = 400, body = FailureBody),
    )
)]
pub(crate) async fn metadata(form: Fields) -> Result<Response, Failure> {
    number(&form, "limit")?;
    if let Some(text) = form.get("match_target") {
        promql::parse_selector(text).map_err(|error| Failure::parameter("match_target", error))?;
    }
    Ok(fixed(&form, "[]"))
}

/// The names of pools of targets.
#[utoipa::path(
    get, path = "/api/v1/scrape_pools", tag = "prometheus",
    responses((status = 200, description = "`data` has a list of names", body = Object))
)]
pub(crate) async fn scrape_pools(form: Fields) -> Response {
    fixed(&form, r#"{"scrapePools":[]}"#)
}
