//! Push: the JSON bodies of the climate push API, read into plain values.
//!
//! Each `parse_*` takes one whole body. JSON is read once, strictly (RFC 8259: no comments, no
//! byte order mark, nothing after the value) and at most [`DEPTH_MAX`] deep; then the known fields
//! are checked, and unknown ones ignored. Broken JSON is reported before a wrong field, and of
//! several wrong fields the first.
//!
//! A batch is taken whole or not at all. Texts are borrowed from the body where it has no escapes.

mod error;
#[macro_use]
mod json;
mod metric;
mod record;
mod reports;

pub use error::{PushError, PushErrorKind};
pub use json::DEPTH_MAX;
pub use metric::{
    BATCH_ITEMS_MAX, BATCH_SAMPLES_MAX, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX,
    MetricPush, PushedSample, RESERVED_LABELS, parse_metric, parse_metric_batch,
};
pub use record::NAME_BYTES_MAX;
pub use reports::{
    AcknowledgePush, AlertPush, ENDPOINT_BYTES_MAX, MESSAGE_BYTES_MAX, METADATA_BYTES_MAX,
    PipelinePush, ServicePush, TITLE_BYTES_MAX, parse_acknowledge, parse_alert, parse_pipeline,
    parse_service,
};

#[cfg(test)]
mod tests;
