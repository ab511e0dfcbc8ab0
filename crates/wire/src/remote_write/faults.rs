//! Faults: what can be wrong with a message, or with one series of it.

use super::fields::FieldError;
use super::{LABEL_BYTES_MAX, LABELS_MAX, SAMPLES_MAX, SERIES_LABEL_BYTES_MAX};

/// Why a message is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message is no protobuf of a {expected}: {cause}")]
pub struct MessageError {
    /// What it should be.
    pub expected: &'static str,
    /// Where and what.
    #[source]
    pub cause: FieldError,
}

impl From<FieldError> for MessageError {
    fn from(cause: FieldError) -> Self {
        Self { expected: "WriteRequest", cause }
    }
}

impl MessageError {
    /// The fault of a message of version 2.
    pub(super) fn of_v2(cause: FieldError) -> Self {
        Self { expected: "Request of version 2", cause }
    }
}

/// Why one series is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("series {index}: {kind}")]
pub struct SeriesError {
    /// Which one, from 0.
    pub index: usize,
    /// What is wrong.
    pub kind: SeriesErrorKind,
}

/// What can be wrong with a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesErrorKind {
    /// A label without a name.
    #[error("a label has an empty name")]
    EmptyName,
    /// The same name twice.
    #[error("label {name:?} is given twice")]
    DuplicateName {
        /// The name, its first 64 characters.
        name: String,
    },
    /// A name or a value that is no text.
    #[error("label {n_label} is not UTF-8")]
    NotUtf8 {
        /// Which label, from 0, as sent.
        n_label: usize,
    },
    /// More labels than anyone stores.
    #[error("more than {LABELS_MAX} labels")]
    TooManyLabels,
    /// More samples than are taken at once.
    #[error("the message has more than {SAMPLES_MAX} samples")]
    TooManySamples,
    /// Neither samples nor anything else, which version 2 forbids.
    #[error("a series without samples")]
    NoSamples,
    /// A label whose name or value is none of the symbols.
    #[error("its references to labels are odd in number or point beyond the symbols")]
    References,
    /// Labels that are longer than anyone stores.
    #[error(
        "its labels have more than {SERIES_LABEL_BYTES_MAX} bytes, \
         or those of the message more than {LABEL_BYTES_MAX}"
    )]
    LabelBytes,
    /// Its bytes are no message.
    #[error("no protobuf of a TimeSeries: {0}")]
    Malformed(#[from] FieldError),
}
