//! The write-ahead log: what makes an acknowledged sample survive.
//!
//! One log, cut into segment files. A series is defined by a frame that stands before every
//! sample that uses it, so one sync covers both and a prefix of the log is always complete.
//! `frame` and the records know the bytes (drawn in `docs/formats/wal.md`), `segment` the files,
//! `pending` what is on its way, `writer` how it becomes durable, `reader` how it comes back.

pub(crate) mod exemplar_record;
mod frame;
pub(crate) mod histogram_record;
pub(crate) mod metadata_record;
mod pending;
mod reader;
mod record;
mod segment;
mod series_ref;
mod varint;
mod whole;
mod writer;

pub(crate) use frame::FRAME_PAYLOAD_BYTES_MAX;
pub(crate) use pending::{Due, Pending};
pub(crate) use reader::{Damage, Frame, SegmentError, SegmentReader};
pub(crate) use record::{
    Before, Definitions, FrameKind, Samples, definition_bytes, encode_definition, encode_sample,
};
pub(crate) use segment::{
    SEGMENT_VERSION, SegmentId, SegmentInfo, parse_segment_name, segment_path,
};
pub(crate) use series_ref::{RefMap, SeriesRef};
pub(crate) use varint::{put_varint_at, take_varint, unzigzag, zigzag};
pub(crate) use whole::{encode_whole, open_whole};
pub(crate) use writer::{Reach, Writer, WriterStart};

#[cfg(test)]
mod tests;
