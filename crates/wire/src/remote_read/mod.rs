//! Remote read: Prometheus' own protocol to fetch what another server stores, both sides of it.
//!
//! [`encode_request`] asks for series within a time range, [`decode_sampled`] reads the answer in
//! one piece, [`Frames`] and [`decode_chunked`] the one in frames, whose samples are sealed in XOR
//! chunks. Native histograms are counted there, not read.
//!
//! [`decode_request`] hears what is asked; [`SampledAnswer`] and [`StreamedAnswer`] write answers,
//! native histograms among them.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/>,
//! `prompb/remote.proto` and, for the chunks, `tsdb/docs/format/chunks.md` of Prometheus.

mod answer;
mod bits;
mod chunk;
mod frames;
pub(crate) mod histogram;
mod histogram_chunk;
pub(crate) mod message;
mod request;
mod response;

pub use answer::{SampledAnswer, StreamedAnswer};
pub use frames::{FRAME_BYTES_MAX, FrameError, Frames};
pub use message::MessageError;
pub use request::{
    AnswerKind, MATCHERS_MAX, QUERIES_MAX, Query, ReadRequest, RequestError, decode_request,
    encode_request,
};
pub use response::{Fetched, ResponseError, decode_chunked, decode_sampled};

/// The media type of the answer in frames.
pub const STREAMED: &str = "application/x-streamed-protobuf";

#[cfg(test)]
mod tests;
