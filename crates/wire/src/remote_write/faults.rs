//! Faults: what can be wrong with a message, or with one series of it.

use super::fields::FieldError;
use super::{LABELS_MAX, SAMPLES_MAX};

/// Why a message is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message is no protobuf of a WriteRequest: {cause}")]
pub struct MessageError {
    /// Where and what.
    #[from]
    #[source]
    pub cause: FieldError,
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
    /// Its bytes are no message.
    #[error("no protobuf of a TimeSeries: {0}")]
    Malformed(#[from] FieldError),
}
