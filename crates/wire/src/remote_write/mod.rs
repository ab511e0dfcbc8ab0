//! Remote write 1.0: what Prometheus and its kin push, a snappy block around a protobuf message.
//!
//! [`decompress`] opens the block after a look at what it claims to be; [`Decoder`] then goes
//! through the message series by series, without a copy of any text. A message whose outline is
//! broken is refused whole, before its first series; a fault inside one series concerns that
//! series alone, so that the rest can be kept.
//!
//! What else a message holds is read one by one, and a bad one is refused alone: [`read_histogram`],
//! [`read_exemplar`], [`metadata`].
//!
//! Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/> and, for the numbers of the
//! fields, `prompb/{remote,types}.proto` of Prometheus.

mod block;
mod decoder;
mod exemplar;
mod fields;
mod histogram;
mod metadata;

pub use block::{BlockError, decompress, decompressed_len};
pub use decoder::{
    Counts, Decoder, LABELS_MAX, MessageError, SAMPLES_MAX, Series, SeriesError, SeriesErrorKind,
};
pub use exemplar::{BadExemplar, read_exemplar};
pub use fields::{FieldError, FieldErrorKind};
pub use histogram::{BadHistogram, read_histogram};
pub use metadata::{BadMetadata, HELP_BYTES_MAX, METRIC_BYTES_MAX, UNIT_BYTES_MAX, metadata};

#[cfg(test)]
mod encoder;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
