//! The nouns of the field as plain values, shared by every stage of a sample's way:
//! collect -> store -> query -> rules -> notify -> present.
//!
//! Beside `std` this crate needs regular expressions alone, for matchers. It does no I/O, reads no
//! clock and knows no wire format, so everything above it can be reasoned about as functions over
//! values.

mod alert;
mod byte_size;
mod duration;
mod exemplar;
mod family;
mod histogram;
mod labels;
mod matcher;
mod metadata;
mod pipeline;
mod relabel;
mod sample;
mod selector;
mod service;
pub mod time;
mod value_test;

pub use alert::{Alert, Severity, UnknownSeverity};
pub use byte_size::{ByteSizeError, parse_byte_size};
pub use duration::{DurationError, format_duration, parse_duration};
pub use exemplar::{EXEMPLAR_CHARS_MAX, Exemplar, ExemplarError};
pub use family::{Family, MetricKind, Point};
pub use histogram::{
    Bucket, BucketLayout, BucketSpan, Buckets, HISTOGRAM_BUCKETS_MAX, HISTOGRAM_SPANS_MAX,
    Histogram, HistogramError, HistogramSample, ResetHint, SCHEMA_CUSTOM, SCHEMA_MAX, SCHEMA_MIN,
    exponential_bound,
};
pub use labels::{Label, Labels, LabelsError, METRIC_NAME};
pub use matcher::{MatchOp, Matcher};
pub use metadata::{Metadata, MetadataKind};
pub use pipeline::{Pipeline, PipelineStatus, UnknownPipelineStatus};
pub use relabel::{RelabelAction, RelabelError, RelabelRule, RelabelSettings, Relabeling};
pub use sample::{STALE_MARKER_BITS, Sample, is_stale_marker};
pub use selector::{SelectorError, parse_matchers, parse_selector};
pub use service::{Service, ServiceStatus, UnknownServiceStatus};
pub use value_test::{
    PLAIN_REGEX_BYTES_MAX, REGEX_BYTES_MAX, RegexError, ValueTest, anchored_regex,
};
