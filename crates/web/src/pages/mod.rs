//! Pages for people: the user interface, the API documentation, and where `/` leads. Their files
//! are built by `ui/` and embedded; without them the API works all the same.

mod assets;
mod security;

pub(crate) use security::security_headers;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::error::{ApiError, ErrorBody};
use crate::state::{RootPage, Shared};

/// Shown instead of a page whose files are not embedded.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Pharos</title>
<h1>Pharos is running</h1>
<p>This binary was built without its web pages. The API works: try <a href=\"/health\">/health</a>,
<a href=\"/metrics\">/metrics</a> or <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p>
<p>To build the pages, run <code>make run</code> (or <code>make ui</code>, then
<code>cargo build</code>) in the source folder; it needs Node.js 20.</p>
</html>
";

/// Leads a browser to the user interface and every other client to the API documentation.
#[utoipa::path(get, path = "/", tag = "system", responses((status = 302)))]
pub(crate) async fn root(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accept.is_some_and(|accept| accept.contains("text/html"));
    let target = match shared.settings.load().root {
        RootPage::Ui => "/monitoring",
        RootPage::Auto if is_browser => "/monitoring",
        RootPage::Auto | RootPage::Docs => "/api/docs",
    };
    (StatusCode::FOUND, [(header::LOCATION, target)]).into_response()
}

/// `/dashboard` is another name of the user interface.
pub(crate) async fn dashboard() -> Redirect {
    Redirect::temporary("/monitoring")
}

pub(crate) async fn user_interface(headers: HeaderMap) -> Response {
    page("index.html", &headers)
}

/// The API documentation in Swagger UI.
#[utoipa::path(
    get, path = "/api/docs", tag = "system",
    responses((status = 200, body = String, content_type = "text/html"))
)]
pub(crate) async fn swagger(headers: HeaderMap) -> Response {
    page("docs/swagger.html", &headers)
}

/// The API documentation in ReDoc.
#[utoipa::path(
    get, path = "/api/redoc", tag = "system",
    responses((status = 200, body = String, content_type = "text/html"))
)]
pub(crate) async fn redoc(headers: HeaderMap) -> Response {
    let mut response = page("docs/redoc.html", &headers);
    response.extensions_mut().insert(security::RelaxedStyles);
    response
}

fn page(path: &str, headers: &HeaderMap) -> Response {
    assets::serve(path, headers, assets::Lifetime::Revalidate).unwrap_or_else(|| {
        let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        (html, NOT_BUILT).into_response()
    })
}

/// Scripts, styles and fonts; their names carry a hash of their content.
pub(crate) async fn asset(
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lifetime = match path.starts_with("docs/") {
        true => assets::Lifetime::Revalidate,
        false => assets::Lifetime::Immutable,
    };
    assets::serve(&format!("assets/{path}"), &headers, lifetime)
        .ok_or_else(|| ApiError::not_found("no such file"))
}

/// This server's OpenAPI document, generated from the handlers.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "system",
    responses((status = 200, body = Object), (status = 401, body = ErrorBody))
)]
pub(crate) async fn openapi(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], shared.openapi.clone()).into_response()
}
