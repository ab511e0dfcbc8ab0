//! The nouns of the field as plain values, shared by every stage of a sample's way:
//! collect -> store -> query -> rules -> notify -> present.
//!
//! Beside `std` this crate needs regular expressions alone, for matchers. It does no I/O, reads no
//! clock and knows no wire format, so everything above it can be reasoned about as functions over
//! values.

mod alert;
mod duration;
mod family;
mod labels;
mod matcher;
mod pipeline;
mod sample;
mod service;
pub mod time;
mod value_test;

pub use alert::{Alert, Severity, UnknownSeverity};
pub use duration::{DurationError, format_duration, parse_duration};
pub use family::{Family, MetricKind, Point};
pub use labels::{Label, Labels, LabelsError, METRIC_NAME};
pub use matcher::{MatchOp, Matcher};
pub use pipeline::{Pipeline, PipelineStatus, UnknownPipelineStatus};
pub use sample::{STALE_MARKER_BITS, Sample, is_stale_marker};
pub use service::{Service, ServiceStatus, UnknownServiceStatus};
pub use value_test::{PLAIN_REGEX_BYTES_MAX, REGEX_BYTES_MAX, RegexError, ValueTest};
