//! The host as it is right now: one event per second over server-sent events, as long as somebody
//! watches.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use collect::{Snapshot, Watch};
use futures_util::stream;
use model::Point;
use serde_json::{Map, Value, json};

use crate::error::{ApiError, ErrorBody};
use crate::state::Shared;

/// The most watchers at one time.
const WATCHERS_MAX: i64 = 256;

/// A stream of events `snapshot`, each with this host's readings of that second.
#[utoipa::path(
    get, path = "/api/v1/monitoring/live", tag = "monitoring",
    responses(
        (status = 200, description = "server-sent events", body = String, content_type = "text/event-stream"),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn live(State(shared): State<Shared>) -> Result<Response, ApiError> {
    let Some(host) = &shared.host else {
        let detail = "this server does not read its host (--no-collect)";
        return Err(ApiError::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    if shared.meter.live_watchers.get() >= WATCHERS_MAX {
        let detail = format!("{WATCHERS_MAX} watchers are connected already");
        return Err(ApiError::new(axum::http::StatusCode::TOO_MANY_REQUESTS, detail).retry_after(5));
    }
    let viewer = Viewer {
        watch: host.watch(),
        before: host.latest(),
        shared: Shared::clone(&shared),
        n_sent: 0,
    };
    shared.meter.live_watchers.add(1);
    let events = stream::unfold(viewer, |mut viewer| async move {
        let event = viewer.next_event().await?;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// One client of the live view. Slow clients skip snapshots: they always get the newest.
struct Viewer {
    watch: Watch,
    before: Option<Arc<Snapshot>>,
    shared: Shared,
    n_sent: u64,
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.shared.meter.live_watchers.add(-1);
    }
}

impl Viewer {
    /// `None` when collecting or the server ends, and with it the stream.
    async fn next_event(&mut self) -> Option<Bytes> {
        let snapshot = tokio::select! {
            snapshot = self.watch.next() => snapshot?,
            () = self.shared.stopped() => return None,
        };
        let mut data = json!({
            "t": snapshot.taken_ms,
            "host": self.shared.host_name,
            "values": values(&snapshot),
        });
        if let Some(before) = &self.before {
            add_rates(&mut data["values"], before, &snapshot);
        }
        self.before = Some(snapshot);
        self.n_sent += 1;
        Some(Bytes::from(format!("event: snapshot\nid: {}\ndata: {data}\n\n", self.n_sent)))
    }
}

/// Readings that stand in one snapshot.
fn values(host: &Snapshot) -> Value {
    let mut values = Map::new();
    for (key, family) in [
        ("cpu_percent_total", "cpu_percent_total"),
        ("memory_total_bytes", "memory_virtual_total_bytes"),
        ("memory_available_bytes", "memory_virtual_available_bytes"),
        ("memory_used_percent", "memory_virtual_percent"),
        ("swap_total_bytes", "memory_swap_total_bytes"),
        ("swap_used_bytes", "memory_swap_used_bytes"),
        ("load1", "node_load1"),
        ("load5", "node_load5"),
        ("load15", "node_load15"),
    ] {
        values.insert(key.to_owned(), json!(host.value(family)));
    }
    let per_cpu: Vec<f64> = host.points("cpu_percent_per_cpu").iter().map(|p| p.value).collect();
    values.insert("cpu_percent_per_cpu".to_owned(), json!(per_cpu));
    let booted_s = host.value("node_boot_time_seconds");
    let uptime_s = booted_s.map(|booted_s| host.taken_ms as f64 / 1000.0 - booted_s);
    values.insert("uptime_seconds".to_owned(), json!(uptime_s));
    values.insert("filesystems".to_owned(), filesystems(host));
    values.insert("gpus".to_owned(), gpus(host));
    Value::Object(values)
}

fn filesystems(host: &Snapshot) -> Value {
    let size_and_avail = |size: &Point| {
        let mountpoint = size.labels.get("mountpoint")?;
        let avail = host.points("node_filesystem_avail_bytes").iter();
        let avail = avail.clone().find(|point| point.labels == size.labels)?.value;
        Some(json!({ "mountpoint": mountpoint, "size_bytes": size.value, "avail_bytes": avail }))
    };
    host.points("node_filesystem_size_bytes").iter().filter_map(size_and_avail).collect()
}

fn gpus(host: &Snapshot) -> Value {
    let gpu = |total: &Point| {
        let reading = |family: &str| {
            let same = |point: &&Point| point.labels == total.labels;
            host.points(family).iter().find(same).map(|point| point.value)
        };
        json!({
            "gpu_id": total.labels.get("gpu_id"),
            "name": total.labels.get("name"),
            "memory_total_bytes": total.value,
            "memory_used_bytes": reading("gpu_memory_used_bytes"),
            "utilization_percent": reading("gpu_utilization_percent"),
            "power_watts": reading("gpu_power_watts"),
            "temperature_celsius": reading("gpu_temperature_celsius"),
        })
    };
    host.points("gpu_memory_total_bytes").iter().map(gpu).collect()
}

/// Readings that need two snapshots: bytes per second, and shares of time under pressure.
fn add_rates(values: &mut Value, before: &Snapshot, now: &Snapshot) {
    let seconds = (now.taken_ms - before.taken_ms) as f64 / 1000.0;
    if seconds <= 0.0 {
        return;
    }
    let total = |host: &Snapshot, family: &str| -> Option<f64> {
        let points = host.points(family).iter();
        // Loopback traffic leaves no machine.
        let counted = points.filter(|point| point.labels.get("device") != Some("lo"));
        counted.map(|point| point.value).reduce(|a, b| a + b)
    };
    let rate = |family: &str| -> Option<f64> {
        let grown = total(now, family)? - total(before, family)?;
        (grown >= 0.0).then_some(grown / seconds)
    };
    values["network_receive_bytes_per_second"] = json!(rate("node_network_receive_bytes_total"));
    values["network_transmit_bytes_per_second"] = json!(rate("node_network_transmit_bytes_total"));
    values["disk_read_bytes_per_second"] = json!(rate("node_disk_read_bytes_total"));
    values["disk_written_bytes_per_second"] = json!(rate("node_disk_written_bytes_total"));
    values["pressure"] = json!({
        "cpu": rate("node_pressure_cpu_waiting_seconds_total"),
        "memory": rate("node_pressure_memory_waiting_seconds_total"),
        "io": rate("node_pressure_io_waiting_seconds_total"),
    });
}
