//! Pushed metrics: stored once, as `service_metric{service,metric_type,...}`.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::time::format_rfc3339;
use model::{Labels, METRIC_NAME, Matcher, Sample};
use serde::Serialize;
use storage::{Commit, PUSHED_METRIC, Row, Select};
use utoipa::{IntoParams, ToSchema};
use wire::push::{MetricPush, PushError};

use super::note_services;
use crate::body::BoundedBody;
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// Bodies above this many bytes are read and appended on a thread that may take its time.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// One metric as a service sends it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that wire::push reads")]
pub(crate) struct MetricPushBody {
    #[schema(example = "trainer")]
    service: String,
    /// `cpu`, `memory`, `disk`, `network`, or any other word.
    #[schema(example = "cpu")]
    metric_type: String,
    /// A finite number.
    #[schema(example = 45.2)]
    value: f64,
    /// Unix seconds or RFC 3339; now, if absent.
    #[schema(example = json!("2026-01-31T12:00:00Z"))]
    timestamp: Option<String>,
    /// More labels of the series.
    #[schema(value_type = Option<Object>, example = json!({"gpu": "0"}))]
    labels: Option<serde_json::Value>,
}

/// Several metrics, stored all or none.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that wire::push reads")]
pub(crate) struct MetricBatchBody {
    /// At most 10,000.
    metrics: Vec<MetricPushBody>,
}

/// The answer to one metric.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetricCreated {
    #[schema(example = "created")]
    status: &'static str,
}

/// The answer to a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchCreated {
    #[schema(example = "created")]
    status: &'static str,
    /// How many samples were stored.
    #[schema(example = 2)]
    count: usize,
}

/// A pushed metric as it is listed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricBody {
    /// Stable for one sample of one series.
    id: i64,
    service: String,
    service_name: String,
    metric_type: String,
    value: f64,
    /// RFC 3339.
    timestamp: String,
}

/// Stores one metric.
#[utoipa::path(
    post, path = "/metrics", tag = "push", request_body = MetricPushBody,
    responses(
        (status = 200, body = MetricCreated),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn post_metric(
    State(shared): State<Shared>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<MetricCreated>, ApiError> {
    store(&shared, body, |bytes| Ok(vec![wire::push::parse_metric(bytes)?])).await?;
    Ok(Json(MetricCreated { status: "created" }))
}

/// Stores several metrics, all or none.
#[utoipa::path(
    post, path = "/metrics/batch", tag = "push", request_body = MetricBatchBody,
    responses(
        (status = 200, body = BatchCreated),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn post_batch(
    State(shared): State<Shared>,
    BoundedBody(body): BoundedBody,
) -> Result<Json<BatchCreated>, ApiError> {
    let count = store(&shared, body, wire::push::parse_metric_batch).await?;
    Ok(Json(BatchCreated { status: "created", count }))
}

/// Reads, appends and waits until everything is durable. Says how many samples there were.
async fn store(shared: &Shared, body: Bytes, parse: Parse) -> Result<usize, ApiError> {
    let now_ms = shared.now_ms();
    let appended = if body.len() <= INLINE_BYTES_MAX {
        append(shared, &body, parse, now_ms)?
    } else {
        let shared = Shared::clone(shared);
        let task = tokio::task::spawn_blocking(move || append(&shared, &body, parse, now_ms));
        task.await.map_err(|_| ApiError::internal("storing the batch failed"))??
    };
    // Samples first, then the services they make known; the answer comes after both.
    note_services(shared, appended.services, now_ms).await?;
    appended.commit.await?;
    Ok(appended.n_samples)
}

/// Reads a body into what was pushed.
type Parse = fn(&[u8]) -> Result<Vec<MetricPush<'_>>, PushError>;

struct Appended {
    n_samples: usize,
    services: BTreeSet<String>,
    commit: Commit,
}

fn append(shared: &Shared, body: &[u8], parse: Parse, now_ms: i64) -> Result<Appended, ApiError> {
    let pushes = parse(body)?;
    let mut rows = Vec::with_capacity(pushes.len());
    let mut services = BTreeSet::new();
    for push in &pushes {
        if !services.contains(push.service()) {
            services.insert(push.service().to_owned());
        }
        let labels = push.series(PUSHED_METRIC);
        for pushed in push.samples() {
            let sample = Sample::new(pushed.t_ms.unwrap_or(now_ms), pushed.value);
            rows.push(Row { labels: labels.clone(), sample });
        }
    }
    let n_samples = rows.len();
    let commit = shared.ingest.append(rows)?;
    Ok(Appended { n_samples, services, commit })
}

/// Which pushed metrics to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct ListParameters {
    /// Only of this service.
    service: Option<String>,
    /// Only this metric.
    metric_type: Option<String>,
    /// How far back, 24 unless said otherwise.
    #[param(minimum = 0, maximum = 876_000)]
    hours: Option<f64>,
    /// At most this many, 100 unless said otherwise.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
}

/// Pushed metrics, the newest first.
pub(crate) async fn list(shared: &Shared, query: Option<&str>) -> Result<Response, ApiError> {
    let parameters = Parameters::read(query, &["service", "metric_type", "hours", "limit"])?;
    let hours = parameters.number("hours", 0.0, 876_000.0)?.unwrap_or(24.0);
    let limit = parameters.limit()?;
    let mut matchers = vec![Matcher::equal(METRIC_NAME, PUSHED_METRIC)];
    for name in ["service", "metric_type"] {
        matchers.extend(parameters.get(name).map(|value| Matcher::equal(name, value)));
    }
    let now_ms = shared.now_ms();
    // Samples may carry times ahead of our clock; they are the newest of all.
    let end_ms = now_ms + storage::PUSH_AHEAD_MAX_MS;
    let select = Select::floats(matchers, now_ms - (hours * 3_600_000.0) as i64, end_ms);
    let querier = std::sync::Arc::clone(&shared.querier);
    let task = tokio::task::spawn_blocking(move || {
        newest(querier.select(&select)?, limit).map_err(ApiError::from)
    });
    let rows = task.await.map_err(|_| ApiError::internal("reading the metrics failed"))??;
    Ok(Json(rows).into_response())
}

/// The newest samples of all series, newest first.
fn newest(
    series_set: storage::SeriesSet,
    limit: usize,
) -> Result<Vec<MetricBody>, storage::SelectError> {
    // A heap of at most `limit` samples whose top is the oldest kept. The value travels as bits,
    // because floats have no order.
    let mut kept: BinaryHeap<Reverse<(i64, usize, u64)>> = BinaryHeap::new();
    let mut all_labels = Vec::new();
    for series in series_set {
        let series = series?;
        for sample in series.samples.iter().rev() {
            let entry = Reverse((sample.t_ms, all_labels.len(), sample.value.to_bits()));
            if kept.len() < limit {
                kept.push(entry);
            } else if kept.peek().is_some_and(|oldest| entry < *oldest) {
                kept.pop();
                kept.push(entry);
            } else {
                break; // the rest of this series is older still
            }
        }
        all_labels.push(series.labels);
    }
    let sorted = kept.into_sorted_vec().into_iter();
    Ok(sorted.map(|Reverse((t_ms, at, bits))| row(&all_labels[at], t_ms, bits)).collect())
}

fn row(labels: &Labels, t_ms: i64, value_bits: u64) -> MetricBody {
    let service = labels.get("service").unwrap_or_default();
    MetricBody {
        id: sample_id(labels, t_ms),
        service: service.to_owned(),
        service_name: service.to_owned(),
        metric_type: labels.get("metric_type").unwrap_or_default().to_owned(),
        value: f64::from_bits(value_bits),
        timestamp: format_rfc3339(t_ms),
    }
}

/// A number that names one sample of one series: FNV-1a over both, cut to the 53 bits that every
/// JSON reader keeps.
fn sample_id(labels: &Labels, t_ms: i64) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in labels.to_string().bytes().chain(t_ms.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 11) as i64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Labels, METRIC_NAME, Matcher, Sample};
    use storage::memory::MemoryStore;
    use storage::{Appender as _, PUSHED_METRIC, Querier as _, Row, Select};

    #[test]
    fn the_newest_of_all_series_come_first() {
        let store = Arc::new(MemoryStore::default());
        let row = |service: &str, t_ms: i64| {
            let pairs = [("service", service), ("metric_type", "cpu")];
            let labels = Labels::of_metric(PUSHED_METRIC, pairs).unwrap();
            Row { labels, sample: Sample::new(t_ms, t_ms as f64) }
        };
        store
            .append(vec![row("a", 1), row("b", 2), row("a", 3), row("b", 4), row("a", 5)])
            .unwrap();
        let matchers = vec![Matcher::equal(METRIC_NAME, PUSHED_METRIC)];
        let set = store.select(&Select::floats(matchers, 0, 9)).unwrap();
        let values: Vec<f64> =
            super::newest(set, 3).unwrap().into_iter().map(|row| row.value).collect();
        assert_eq!(values, [5.0, 4.0, 3.0]);
    }
}
