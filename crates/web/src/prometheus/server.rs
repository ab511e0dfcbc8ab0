//! `status/..`: what the server tells of itself, under Prometheus' names. What a process of another
//! language has and ours has not is there and empty, because clients read the field.

use axum::extract::State;
use axum::response::Response;
use model::time::format_rfc3339;
use serde_json::{Map, Value, json};

use super::form::Fields;
use super::targets::fixed;
use crate::state::Shared;

/// The version of Prometheus whose API this is: clients decide by it what they may ask for.
pub(super) const API_VERSION: &str = "3.5.0";

/// The settings in effect, without keys.
#[utoipa::path(
    get, path = "/api/v1/status/config", tag = "prometheus",
    responses((status = 200, description = "`data` has `yaml`", body = Object))
)]
pub(crate) async fn config(State(shared): State<Shared>, form: Fields) -> Response {
    fixed(&form, &json!({ "yaml": shared.about.config }).to_string())
}

/// Settings under the names of Prometheus' flags, as far as it has them.
#[utoipa::path(
    get, path = "/api/v1/status/flags", tag = "prometheus",
    responses((status = 200, description = "`data` has a text for each flag", body = Object))
)]
pub(crate) async fn flags(State(shared): State<Shared>, form: Fields) -> Response {
    let flags = shared.about.flags.iter();
    let flags: Map<String, Value> =
        flags.map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    fixed(&form, &Value::from(flags).to_string())
}

/// How the process is.
#[utoipa::path(
    get, path = "/api/v1/status/runtimeinfo", tag = "prometheus",
    responses((status = 200, description = "`data` has a field for each fact", body = Object))
)]
pub(crate) async fn runtime(State(shared): State<Shared>, form: Fields) -> Response {
    let now = (shared.about.now)();
    let directory = std::env::current_dir().unwrap_or_default();
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let data = json!({
        "startTime": format_rfc3339(shared.about.started_ms),
        "CWD": directory.display().to_string(),
        "hostname": shared.host_name,
        "serverTime": format_rfc3339(shared.now_ms()),
        "reloadConfigSuccess": now.reload_successful,
        "lastConfigTime": format_rfc3339(now.reload_success_ms),
        "corruptionCount": now.n_corruptions,
        "goroutineCount": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        "GOMAXPROCS": n_threads,
        "GOMEMLIMIT": i64::MAX,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": shared.about.retention,
    });
    fixed(&form, &data.to_string())
}

/// Which program this is. `version` is that of Prometheus whose API is served; our own stands in
/// `revision`.
#[utoipa::path(
    get, path = "/api/v1/status/buildinfo", tag = "prometheus",
    responses((status = 200, description = "`data` has a field for each fact", body = Object))
)]
pub(crate) async fn build(form: Fields) -> Response {
    let data = json!({
        "version": API_VERSION,
        "revision": concat!("pharos-", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    fixed(&form, &data.to_string())
}

/// How far the log of the last run has been read: from `min` to `max`, now at `current`. All are 0
/// when it has been read.
#[utoipa::path(
    get, path = "/api/v1/status/walreplay", tag = "prometheus",
    responses((status = 200, description = "`data` has `min`, `max`, `current`", body = Object))
)]
pub(crate) async fn replay(State(shared): State<Shared>, form: Fields) -> Response {
    let left = (shared.about.now)().n_segments_left;
    fixed(&form, &json!({ "min": 0, "max": left, "current": 0 }).to_string())
}
