//! Remote read: the other side of Prometheus' own protocol, to fetch what another server stores.
//!
//! [`encode_request`] asks for series within a time range, [`decode_sampled`] reads the answer in
//! one piece, [`Frames`] and [`decode_chunked`] the one in frames, whose samples are sealed in XOR
//! chunks. Native histograms are counted, not read.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/>,
//! `prompb/remote.proto` and, for the chunks, `tsdb/docs/format/chunks.md` of Prometheus.

mod chunk;
mod frames;
mod message;
mod request;
mod response;

pub use frames::{FRAME_BYTES_MAX, FrameError, Frames};
pub use message::MessageError;
pub use request::{Query, encode_request};
pub use response::{Fetched, ResponseError, decode_chunked, decode_sampled};

/// The media type of the answer in frames.
pub const STREAMED: &str = "application/x-streamed-protobuf";

#[cfg(test)]
mod tests;
