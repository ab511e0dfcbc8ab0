//! OTLP metrics: what OpenTelemetry's SDKs and its Collector push, as protobuf or as JSON.
//!
//! JSON is rewritten as protobuf ([`from_json`]), so one reader serves both. [`translate`] goes
//! through a message in place and makes of its points what Prometheus would: series with names and
//! labels by a [`Strategy`], samples, native histograms, exemplars, and what metrics are. Points of
//! delta temporality are added up in [`Deltas`] afterwards, because that changes state.
//!
//! A message that is not well-formed is refused whole; a point that cannot become a sample is
//! refused alone, and the sender is told how many there were and why ([`success_body`]).
//!
//! Sources: <https://opentelemetry.io/docs/specs/otlp/>, `metrics.proto` of OpenTelemetry for the
//! numbers of the fields, and "Prometheus and OpenMetrics Compatibility" of its specification for
//! the names.

mod answer;
mod attributes;
mod base64;
mod deltas;
mod error;
mod exemplar;
mod json;
mod labels;
mod message;
mod names;
mod native;
mod points;
mod schema;
mod settings;
mod translate;
mod translated;
mod value;

pub use answer::{Encoding, ServiceStatus, StatusCode, status_body, success_body};
pub use deltas::{DELTA_BYTES_MAX, DELTA_IDLE_MS_MAX, Deltas};
pub use error::MessageError;
pub use json::from_json;
pub use settings::{Promotion, Settings, Strategy, UnknownStrategy};
pub use translate::{TimeCheck, translate};
pub use translated::{Refusals, Translated};

/// Series of one message, each bucket and quantile of a point among them.
pub const SERIES_MAX: usize = 1 << 20;
/// Bytes of the labels of all series of one message. The labels of a resource are sent once and
/// stand in each of its series, so a short message could ask for much more than it has.
pub const LABEL_BYTES_MAX: usize = 64 << 20;
/// Bytes of the labels of one series. Above what is stored, so that the store's bound gives the
/// reason.
pub const SERIES_BYTES_MAX: usize = 32 << 10;
/// Attributes of one resource, scope or point.
pub const ATTRIBUTES_MAX: usize = 256;
/// Lists within lists that the value of an attribute may be.
pub const VALUE_DEPTH_MAX: usize = 16;
/// Exemplars of one point that are looked at.
pub const POINT_EXEMPLARS_MAX: usize = 256;
/// Reasons of refused points that an answer names.
pub const REASONS_MAX: usize = 5;
/// Bytes of a description that are kept.
pub const HELP_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests;
