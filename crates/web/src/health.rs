//! Health: one answer in the shapes that all families ask for, and the short probes beside it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::time::format_rfc3339;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::state::Shared;

/// How well something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthStatus {
    /// As it should.
    Healthy,
    /// With a limp; still answering.
    Degraded,
    /// Not.
    Unhealthy,
}

impl HealthStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// One word.
    pub name: &'static str,
    /// What is looked at.
    pub description: &'static str,
    /// How it is.
    pub status: HealthStatus,
    /// Why, in a sentence.
    pub message: String,
}

/// How the process is.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// The configured name of this server.
    pub service: String,
    /// Its version.
    pub version: &'static str,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Samples taken in since it started.
    pub samples_appended: u64,
    /// When the host was last read, Unix milliseconds.
    pub last_collection_ms: Option<i64>,
    /// Whether the host is read at all.
    pub collects: bool,
    /// What was looked at.
    pub checks: Vec<HealthCheck>,
    /// Why answers may not be whole yet, though writes are taken, if so.
    pub warming: Option<String>,
}

impl HealthReport {
    fn status(&self) -> HealthStatus {
        self.checks.iter().map(|check| check.status).max().unwrap_or(HealthStatus::Healthy)
    }

    /// Why this server should get no traffic now, if so.
    fn not_ready(&self) -> Option<String> {
        let bad = self.checks.iter().filter(|check| check.status == HealthStatus::Unhealthy);
        let reasons: Vec<_> =
            bad.map(|check| format!("{}: {}", check.name, check.message)).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

/// The answer of `/health`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// `healthy`, `degraded` or `unhealthy`: the worst of the checks.
    #[schema(example = "healthy")]
    status: &'static str,
    /// The configured name of this server.
    #[schema(example = "monitoring")]
    service: String,
    /// RFC 3339, UTC.
    timestamp: String,
    version: &'static str,
    /// Seconds since the start.
    uptime: u64,
    /// Samples taken in since the start.
    metrics_collected: u64,
    /// When the host was last read, RFC 3339; null before the first time.
    last_update: Option<String>,
    /// `api` and `collectors`.
    #[schema(value_type = Object)]
    system: Value,
    /// Each dependency with its word.
    #[schema(value_type = Object)]
    dependencies: Map<String, Value>,
    /// Each check with `status`, `message`, `timestamp` and `description`.
    #[schema(value_type = Object)]
    checks: Map<String, Value>,
    /// Why the status is not healthy; null when it is.
    error: Option<String>,
}

/// How this server is: 200 when healthy or degraded, 503 when not.
#[utoipa::path(
    get, path = "/health", tag = "system",
    responses((status = 200, body = HealthBody), (status = 503, body = HealthBody))
)]
pub(crate) async fn health(State(shared): State<Shared>) -> Response {
    let report = (shared.health)();
    let status = report.status();
    let code = match status {
        HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (code, Json(body(&report, status, shared.now_ms()))).into_response()
}

fn body(report: &HealthReport, status: HealthStatus, now_ms: i64) -> HealthBody {
    let timestamp = format_rfc3339(now_ms);
    let check = |check: &HealthCheck| {
        let value = json!({
            "status": check.status.as_str(),
            "message": check.message,
            "timestamp": timestamp,
            "description": check.description,
        });
        (check.name.to_owned(), value)
    };
    let word = |name: &str| {
        let found = report.checks.iter().find(|check| check.name == name);
        Value::from(found.map_or("healthy", |check| check.status.as_str()))
    };
    // The sample store answers for the Prometheus that others keep beside them.
    let dependencies = [("prometheus", "storage"), ("storage", "storage"), ("records", "records")];
    let collectors = match (report.collects, report.last_collection_ms) {
        (false, _) => "off",
        (true, None) => "starting",
        (true, Some(_)) => "ready",
    };
    let limps = report.checks.iter().find(|check| check.status != HealthStatus::Healthy);
    HealthBody {
        status: status.as_str(),
        service: report.service.clone(),
        version: report.version,
        uptime: report.uptime_s,
        metrics_collected: report.samples_appended,
        last_update: report.last_collection_ms.map(format_rfc3339),
        system: json!({ "api": "running", "collectors": collectors }),
        dependencies: dependencies
            .map(|(key, check)| (key.to_owned(), word(check)))
            .into_iter()
            .collect(),
        checks: report.checks.iter().map(check).collect(),
        error: limps.map(|check| format!("{}: {}", check.name, check.message)),
        timestamp,
    }
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200, body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the process answers at all, under the name that Prometheus users know.
#[utoipa::path(get, path = "/-/healthy", tag = "system", responses((status = 200, body = String)))]
pub(crate) async fn healthy() -> &'static str {
    "Pharos is Healthy.\n"
}

/// Whether this server can take writes; 503 names the reason. A second line says why answers may
/// not be whole yet.
#[utoipa::path(
    get, path = "/-/ready", tag = "system",
    responses((status = 200, body = String), (status = 503, body = String))
)]
pub(crate) async fn ready(State(shared): State<Shared>) -> (StatusCode, String) {
    let report = (shared.health)();
    match report.not_ready() {
        None => {
            let warming = report.warming.map(|why| format!("warming: {why}\n"));
            let text = format!("Pharos is Ready.\n{}", warming.unwrap_or_default());
            (StatusCode::OK, text)
        }
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
