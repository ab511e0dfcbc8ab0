//! `format_query` and `parse_query`: what a query says, without asking any data.

use axum::response::Response;
use utoipa::IntoParams;

use super::envelope::{Notes, Success};
use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::json;
use super::pieces::Whole;

/// A query.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct SyntaxParameters {
    /// The expression, in PromQL.
    #[param(example = "sum(rate(foo[5m]))by(x)/2")]
    query: String,
}

/// A query as it is best read, over several lines if it is long.
#[utoipa::path(
    method(get, post), path = "/api/v1/format_query", tag = "prometheus",
    params(SyntaxParameters),
    responses(
        (status = 200, description = "`data` is the query", body = Object),
        (status = 400, body = FailureBody),
    )
)]
pub(crate) async fn format(form: Fields) -> Result<Response, Failure> {
    let expr = form.parsed_query()?;
    let mut text = Vec::new();
    json::message(&mut text, &promql::pretty(&expr));
    Ok(Success::new(Whole(text), Notes::default()).send(form.encoding))
}

/// A query as a tree, for editors.
#[utoipa::path(
    method(get, post), path = "/api/v1/parse_query", tag = "prometheus",
    params(SyntaxParameters),
    responses(
        (status = 200, description = "`data` is the tree", body = Object),
        (status = 400, body = FailureBody),
    )
)]
pub(crate) async fn parse(form: Fields) -> Result<Response, Failure> {
    let tree = promql::to_json(&form.parsed_query()?).into_bytes();
    Ok(Success::new(Whole(tree), Notes::default()).send(form.encoding))
}
