//! The push API: what is taken is finite, bounded and named.

use wire::push::{self, MetricPush};

/// Any bytes as the body of each push.
///
/// # Panics
/// When a promise is broken.
pub fn push(body: &[u8]) {
    if let Ok(metric) = push::parse_metric(body) {
        check(&metric);
    }
    if let Ok(metrics) = push::parse_metric_batch(body) {
        assert!(metrics.len() <= push::BATCH_ITEMS_MAX);
        metrics.iter().for_each(check);
    }
    if let Ok(service) = push::parse_service(body) {
        assert!(!service.name.is_empty());
    }
    if let Ok(pipeline) = push::parse_pipeline(body) {
        let metadata = pipeline.metadata_json.unwrap_or_default();
        assert!(metadata.len() <= push::METADATA_BYTES_MAX);
    }
    if let Ok(alert) = push::parse_alert(body) {
        assert!(!alert.title.is_empty());
    }
    if let Ok(acknowledge) = push::parse_acknowledge(body) {
        assert!(!acknowledge.user.is_empty());
    }
}

fn check(metric: &MetricPush<'_>) {
    assert!(metric.samples().iter().all(|sample| sample.value.is_finite()));
    assert_eq!(metric.series("service_metric").metric_name(), "service_metric");
}
