//! Remote write 1.0 and 2.0: what Prometheus and its kin push, a snappy block around a protobuf
//! message.
//!
//! An [`Opener`] opens the block after a look at what it claims to be; a [`Reader`] then goes once
//! through the message and notes where the labels of each series lie and what its samples are. Of
//! 1.0 no text is copied; the labels of 2.0, which stand in a table, are written out as 1.0 has
//! them. They are read for those alone who ask. A message whose outline is broken
//! is refused whole; a fault inside one series concerns that series alone, so that the rest can be
//! kept.
//!
//! What else a message holds is read one by one, and a bad one is refused alone:
//! [`Request::read_histogram`], [`Request::read_exemplar`], [`Request::metadata`].
//!
//! Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/>,
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/> and, for the numbers of the
//! fields, `prompb/{remote,types}.proto` and `prompb/io/prometheus/write/v2/types.proto` of
//! Prometheus.

mod block;
mod exemplar;
mod faults;
pub(crate) mod fields;
mod histogram;
mod labels;
mod metadata;
mod reader;
mod usual;

pub use block::{BlockError, Opener, decompressed_len};
pub use exemplar::{BadExemplar, read_exemplar};
pub use faults::{MessageError, SeriesError, SeriesErrorKind};
pub use fields::{FieldError, FieldErrorKind};
pub use histogram::{BadHistogram, read_histogram};
pub use metadata::{BadMetadata, HELP_BYTES_MAX, METRIC_BYTES_MAX, UNIT_BYTES_MAX, metadata};
pub use reader::{Reader, Request, read_labels};

/// Labels of one series. Far above what is stored, so that the store's own bound gives the reason.
pub const LABELS_MAX: usize = 256;
/// Samples of one message, native histograms and exemplars among them.
pub const SAMPLES_MAX: usize = 1 << 20;
/// Symbols of one message of version 2.
pub const SYMBOLS_MAX: usize = 1 << 20;
/// Bytes of the labels of one series that are named by symbols. Above what is stored.
pub const SERIES_LABEL_BYTES_MAX: usize = 256 << 10;
/// Bytes of the labels of all of them in one message.
pub const LABEL_BYTES_MAX: usize = 32 << 20;
/// Faulty series of one message of which it is told what is wrong with them.
pub const FAULTS_TOLD_MAX: usize = 16;

/// What a message held besides its series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples of the series that were not left out.
    pub samples: u64,
    /// Native histograms of those.
    pub histograms: u64,
    /// Exemplars of those.
    pub exemplars: u64,
    /// Descriptions of metrics.
    pub metadata: u64,
}

#[cfg(test)]
mod encoder;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
