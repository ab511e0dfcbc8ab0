//! `GET /metrics/json[/cpu|/memory|/gpu]`: the host's readings in the guardian family's JSON.

use axum::Json;
use axum::extract::{Path, State};
use collect::Snapshot;
use serde_json::{Value, json};

use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

/// Makes one collector's readings JSON.
type Read = fn(&Snapshot) -> Value;

const COLLECTORS: [(&str, Read); 3] = [("cpu", cpu), ("memory", memory), ("gpu", gpu)];

/// CPU, memory and GPU readings.
#[utoipa::path(
    get, path = "/metrics/json", tag = "metrics",
    responses((status = 200, body = Object), (status = 503, body = ErrorBody))
)]
pub(crate) async fn all(State(shared): State<Shared>) -> Result<Json<Value>, ApiError> {
    let snapshot = snapshot(&shared)?;
    let readings = COLLECTORS.iter().map(|(name, read)| ((*name).to_owned(), read(&snapshot)));
    Ok(Json(Value::Object(readings.collect())))
}

/// One collector's readings.
#[utoipa::path(
    get, path = "/metrics/json/{collector}", tag = "metrics",
    params(("collector" = String, Path, description = "cpu, memory or gpu", example = "cpu")),
    responses(
        (status = 200, body = Object),
        (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(collector): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let Some((name, read)) = COLLECTORS.iter().find(|(name, _)| *name == collector) else {
        return Err(ApiError::not_found(format!("Collector '{collector}' not found")));
    };
    Ok(Json(json!({ *name: read(&*snapshot(&shared)?) })))
}

fn snapshot(shared: &Shared) -> Result<std::sync::Arc<Snapshot>, ApiError> {
    shared.host.as_ref().and_then(collect::Handle::latest).ok_or_else(|| {
        let detail = match shared.host {
            Some(_) => "the host has not been read yet",
            None => "this server does not read its host (--no-collect)",
        };
        ApiError::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
    })
}

fn cpu(host: &Snapshot) -> Value {
    let whole = |name| host.value(name).map(|value| value as i64);
    let per_cpu: Vec<f64> =
        host.points("cpu_percent_per_cpu").iter().map(|point| point.value).collect();
    json!({
        "count": {
            "physical": whole("cpu_physical_count"),
            "logical": whole("cpu_logical_count"),
        },
        "frequency": {
            "current": host.value("cpu_frequency_current_mhz"),
            "min": host.value("cpu_frequency_min_mhz"),
            "max": host.value("cpu_frequency_max_mhz"),
        },
        "percent": { "total": host.value("cpu_percent_total"), "per_cpu": per_cpu },
        "stats": {
            "ctx_switches": whole("cpu_ctx_switches_total"),
            "interrupts": whole("cpu_interrupts_total"),
            "soft_interrupts": whole("cpu_soft_interrupts_total"),
            "syscalls": whole("cpu_syscalls_total"),
        },
    })
}

fn memory(host: &Snapshot) -> Value {
    let bytes = |name| host.value(name).map(|value| value as i64);
    json!({
        "virtual": {
            "total": bytes("memory_virtual_total_bytes"),
            "available": bytes("memory_virtual_available_bytes"),
            "used": bytes("memory_virtual_used_bytes"),
            "free": bytes("memory_virtual_free_bytes"),
            "percent": host.value("memory_virtual_percent"),
        },
        "swap": {
            "total": bytes("memory_swap_total_bytes"),
            "used": bytes("memory_swap_used_bytes"),
            "free": bytes("memory_swap_free_bytes"),
            "percent": host.value("memory_swap_percent"),
            "sin": bytes("memory_swap_sin_total"),
            "sout": bytes("memory_swap_sout_total"),
        },
    })
}

fn gpu(host: &Snapshot) -> Value {
    // Each GPU is named by some family even when it does not support all readings.
    let mut ids: Vec<(&str, &str)> = Vec::new();
    for (_, family) in GPU_FIELDS {
        for point in host.points(family) {
            let id = point.labels.get("gpu_id").unwrap_or_default();
            if !ids.iter().any(|(known, _)| *known == id) {
                ids.push((id, point.labels.get("name").unwrap_or_default()));
            }
        }
    }
    ids.sort_by_key(|(id, _)| id.parse::<u32>().unwrap_or(u32::MAX));
    let devices: Vec<Value> = ids.into_iter().map(|(id, name)| device(host, id, name)).collect();
    let count = host.value("gpu_device_count").unwrap_or_default() as i64;
    json!({ "device_count": count, "devices": devices })
}

const GPU_FIELDS: [(&str, &str); 8] = [
    ("temperature", "gpu_temperature_celsius"),
    ("power_usage", "gpu_power_watts"),
    ("memory_total", "gpu_memory_total_bytes"),
    ("memory_used", "gpu_memory_used_bytes"),
    ("memory_free", "gpu_memory_free_bytes"),
    ("utilization", "gpu_utilization_percent"),
    ("memory_utilization", "gpu_memory_utilization_percent"),
    ("fan_speed", "gpu_fan_speed_percent"),
];

/// One GPU; a reading that it does not support is null.
fn device(host: &Snapshot, id: &str, name: &str) -> Value {
    let reading = |family: &str| {
        let of_this = |point: &&model::Point| point.labels.get("gpu_id") == Some(id);
        host.points(family).iter().find(of_this).map(|point| point.value)
    };
    let mut device = json!({ "name": name });
    for (field, family) in GPU_FIELDS {
        device[field] = json!(reading(family));
    }
    device
}
