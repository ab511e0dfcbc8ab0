//! The routes, and the OpenAPI document that is generated from their handlers.

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::push::{alerts, metrics, pipelines, services};
use crate::state::Shared;
use crate::{admin, exposition, health, host_json, ingest, monitoring, pages, prometheus, status};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pharos",
        description = "Watches hosts and GPUs, services, pipelines and alerts. Every path is also \
                       served with a trailing slash.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "push", description = "Sending and listing metrics, states and alerts"),
        (name = "metrics", description = "This host's own readings"),
        (name = "monitoring", description = "What the user interface asks for"),
        (name = "prometheus", description = "Prometheus' own API, for dashboards and other clients"),
        (name = "system", description = "The server itself"),
    ),
)]
struct Document;

/// All routes, and the document as JSON.
pub(crate) fn all() -> (Router<Shared>, String) {
    let (documented, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(services::list_services, services::post_service))
        .routes(routes!(exposition::get_metrics, metrics::post_metric))
        .routes(routes!(metrics::post_batch))
        .routes(routes!(ingest::remote_write::write))
        .routes(routes!(ingest::otlp::metrics))
        .routes(routes!(ingest::otlp::metrics_as_prometheus))
        .routes(routes!(ingest::import::exposition::import))
        .routes(routes!(ingest::import::json_lines::import))
        .routes(routes!(ingest::import::csv::import))
        .routes(routes!(ingest::influx::write))
        .routes(routes!(ingest::influx::write_v2))
        .routes(routes!(ingest::influx::ping))
        .routes(routes!(ingest::influx::query))
        .routes(routes!(
            ingest::pushgateway::put,
            ingest::pushgateway::post,
            ingest::pushgateway::delete
        ))
        .routes(routes!(prometheus::remote_read::read))
        .routes(routes!(pipelines::list_pipelines, pipelines::post_pipeline))
        .routes(routes!(alerts::list_alerts, alerts::post_alert))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(host_json::all))
        .routes(routes!(host_json::one))
        .routes(routes!(monitoring::names))
        .routes(routes!(monitoring::range::range))
        .routes(routes!(monitoring::ranges::ranges))
        .routes(routes!(monitoring::live::live))
        .routes(routes!(admin::flush))
        .routes(routes!(admin::compact))
        .routes(routes!(admin::snapshot::snapshot))
        .routes(routes!(admin::delete::delete_series))
        .routes(routes!(admin::delete::clean_tombstones))
        .routes(routes!(prometheus::query::instant))
        .routes(routes!(prometheus::query::range))
        .routes(routes!(prometheus::exemplars::exemplars))
        .routes(routes!(prometheus::labels::series))
        .routes(routes!(prometheus::labels::names))
        .routes(routes!(prometheus::labels::values))
        .routes(routes!(prometheus::metadata::metadata))
        .routes(routes!(prometheus::syntax::format))
        .routes(routes!(prometheus::syntax::parse))
        .routes(routes!(prometheus::targets::targets))
        .routes(routes!(prometheus::targets::metadata))
        .routes(routes!(prometheus::targets::scrape_pools))
        .routes(routes!(prometheus::rules::rules))
        .routes(routes!(prometheus::rules::alerts))
        .routes(routes!(prometheus::rules::alertmanagers))
        .routes(routes!(prometheus::features::features))
        .routes(routes!(prometheus::notifications::notifications))
        .routes(routes!(prometheus::server::config))
        .routes(routes!(prometheus::server::flags))
        .routes(routes!(prometheus::server::runtime))
        .routes(routes!(prometheus::server::build))
        .routes(routes!(prometheus::server::replay))
        .routes(routes!(prometheus::federate::federate))
        .routes(routes!(status::tsdb))
        .routes(routes!(health::health))
        .routes(routes!(health::healthz))
        .routes(routes!(health::healthy))
        .routes(routes!(health::ready))
        .routes(routes!(pages::root))
        .routes(routes!(pages::swagger))
        .routes(routes!(pages::redoc))
        .routes(routes!(pages::openapi))
        .split_for_parts();
    let components = document.components.get_or_insert_default();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.security_schemes.insert("key".to_owned(), bearer.into());
    // Empty stands for a server without keys.
    let key = SecurityRequirement::new("key", Vec::<String>::new());
    document.security = Some(vec![SecurityRequirement::default(), key]);
    let json = document.to_json().expect("a document made of plain values is JSON");
    (with_pages(with_groups(documented)), json)
}

/// The longer forms of a path that names a group of pushed metrics, which no document can tell.
fn with_groups(mut router: Router<Shared>) -> Router<Shared> {
    use ingest::pushgateway::{delete, post, put};
    for path in [
        "/metrics/job/{job}/",
        "/metrics/job/{job}/{*labels}",
        "/metrics/job@base64/{job}",
        "/metrics/job@base64/{job}/",
        "/metrics/job@base64/{job}/{*labels}",
    ] {
        router = router.route(path, axum::routing::put(put).post(post).delete(delete));
    }
    router
}

/// Routes that are no API.
fn with_pages(router: Router<Shared>) -> Router<Shared> {
    router
        .route("/monitoring", get(pages::user_interface))
        .route("/monitoring/{*view}", get(pages::user_interface))
        .route("/dashboard", get(pages::dashboard))
        .route("/assets/{*path}", get(pages::asset))
        .merge(ingest::otlp::not_stored_routes())
        .merge(ingest::otlp::grpc::routes())
}

/// The one route of a listener for scrapers.
pub(crate) fn metrics_only() -> Router<Shared> {
    Router::new().route("/metrics", get(exposition::get_metrics))
}

/// The routes of a listener for gRPC.
pub(crate) fn grpc_only() -> Router<Shared> {
    ingest::otlp::grpc::routes()
}
