//! Error: why a message as a whole is not taken.

use super::{LABEL_BYTES_MAX, SERIES_MAX, VALUE_DEPTH_MAX};
use crate::remote_write::FieldError;

/// Why nothing of a message is taken. Offsets count from its first byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Its bytes are no protobuf.
    #[error("no protobuf of an ExportMetricsServiceRequest: {0}")]
    Malformed(#[from] FieldError),
    /// A known field with another type.
    #[error(
        "no protobuf of an ExportMetricsServiceRequest: \
         byte {offset}: field {number} has another type than OTLP gives it"
    )]
    Type {
        /// Where the field begins.
        offset: usize,
        /// The field's number.
        number: u32,
    },
    /// A text that is none.
    #[error("byte {offset}: the {what} is not UTF-8")]
    NotUtf8 {
        /// Where the text begins.
        offset: usize,
        /// Which text.
        what: &'static str,
    },
    /// A value in a value in a value.
    #[error("byte {offset}: values are nested deeper than {VALUE_DEPTH_MAX}")]
    Depth {
        /// Where the value begins that is too deep.
        offset: usize,
    },
    /// More series than are taken at one time.
    #[error("the message has more than {SERIES_MAX} series, send fewer points at once")]
    TooManySeries,
    /// More bytes of labels than are taken at one time.
    #[error(
        "the labels of the message's series have more than {} MiB together, \
         send fewer points at once",
        LABEL_BYTES_MAX >> 20
    )]
    TooManyLabels,
    /// Its bytes are no JSON of the right shape.
    #[error("no JSON of an ExportMetricsServiceRequest: {reason}")]
    Json {
        /// What is wrong, and where.
        reason: String,
    },
}

impl MessageError {
    /// Whether the message is too large rather than wrong.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooManySeries | Self::TooManyLabels)
    }
}
