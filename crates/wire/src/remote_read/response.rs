//! Response: the series of an answer.

use model::{Labels, Sample};

use super::MessageError;
use super::chunk::{ChunkError, decode_xor};
use super::message::{Fields, Value};
use crate::remote_write::{BlockError, Opener};

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// It does not open.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// It is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A chunk makes no sense.
    #[error("{labels}: {cause}")]
    Chunk {
        /// The series.
        labels: String,
        /// What is wrong.
        cause: ChunkError,
    },
    /// Labels that name no series.
    #[error("a series has bad labels: {reason}")]
    Labels {
        /// What is wrong with them.
        reason: String,
    },
}

/// Series of an answer. One may come in several parts.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// Labels and samples, as they were sent.
    pub series: Vec<(Labels, Vec<Sample>)>,
    /// Native histograms that were left out.
    pub n_histograms: u64,
}

/// Reads an answer in one piece, a snappy block that holds at most `bytes_max`.
///
/// # Errors
/// See [`ResponseError`].
pub fn decode_sampled(body: &[u8], bytes_max: usize) -> Result<Fetched, ResponseError> {
    let mut opener = Opener::default();
    let message = opener.open(body, bytes_max)?;
    let mut fetched = Fetched::default();
    let mut results = Fields(message);
    while let Some((number, value)) = results.next()? {
        if number != 1 {
            continue;
        }
        let mut series = Fields(value.bytes()?);
        while let Some((number, value)) = series.next()? {
            if number == 1 {
                time_series(value.bytes()?, &mut fetched)?;
            }
        }
    }
    Ok(fetched)
}

/// `TimeSeries{labels=1, samples=2{value=1, timestamp=2}, exemplars=3, histograms=4}`.
fn time_series(message: &[u8], fetched: &mut Fetched) -> Result<(), ResponseError> {
    let (mut pairs, mut samples) = (Vec::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => pairs.push(label(value)?),
            2 => samples.push(sample(value)?),
            4 => fetched.n_histograms += 1,
            _ => {}
        }
    }
    fetched.series.push((labels(pairs)?, samples));
    Ok(())
}

fn label(value: Value<'_>) -> Result<(&str, &str), MessageError> {
    let mut pair = ("", "");
    let mut fields = Fields(value.bytes()?);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => pair.0 = value.text()?,
            2 => pair.1 = value.text()?,
            _ => {}
        }
    }
    Ok(pair)
}

fn sample(value: Value<'_>) -> Result<Sample, MessageError> {
    let mut sample = Sample::new(0, 0.0);
    let mut fields = Fields(value.bytes()?);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => sample.value = f64::from_bits(value.bits()?),
            2 => sample.t_ms = value.number()?.cast_signed(),
            _ => {}
        }
    }
    Ok(sample)
}

fn labels(pairs: Vec<(&str, &str)>) -> Result<Labels, ResponseError> {
    Labels::new(pairs).map_err(|error| ResponseError::Labels { reason: error.to_string() })
}

/// Reads one frame of an answer in frames. Chunks are sent whole: samples outside of this range,
/// both ends inclusive, are left out.
///
/// `ChunkedReadResponse{chunked_series=1{labels=1, chunks=2{min=1, max=2, type=3, data=4}},
/// query_index=2}`.
///
/// # Errors
/// See [`ResponseError`].
pub fn decode_chunked(
    frame: &[u8],
    (start_ms, end_ms): (i64, i64),
) -> Result<Fetched, ResponseError> {
    let mut fetched = Fetched::default();
    let mut fields = Fields(frame);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            chunked_series(value.bytes()?, &mut fetched)?;
        }
    }
    for (_, samples) in &mut fetched.series {
        samples.retain(|sample| (start_ms..=end_ms).contains(&sample.t_ms));
    }
    Ok(fetched)
}

fn chunked_series(message: &[u8], fetched: &mut Fetched) -> Result<(), ResponseError> {
    let (mut pairs, mut chunks) = (Vec::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => pairs.push(label(value)?),
            2 => chunks.push(chunk(value)?),
            _ => {}
        }
    }
    let labels = labels(pairs)?;
    let mut samples = Vec::new();
    for (encoding, data) in chunks {
        if encoding == XOR {
            decode_xor(data, &mut samples)
                .map_err(|cause| ResponseError::Chunk { labels: labels.to_string(), cause })?;
        } else {
            // The first two bytes of every encoding say how many samples it has.
            let n = data.first_chunk::<2>().map_or(0, |n| u16::from_be_bytes(*n));
            fetched.n_histograms += u64::from(n);
        }
    }
    fetched.series.push((labels, samples));
    Ok(())
}

/// The encoding of floats.
const XOR: u64 = 1;

fn chunk(value: Value<'_>) -> Result<(u64, &[u8]), MessageError> {
    let (mut encoding, mut data) = (0, [].as_slice());
    let mut fields = Fields(value.bytes()?);
    while let Some((number, value)) = fields.next()? {
        match number {
            3 => encoding = value.number()?,
            4 => data = value.bytes()?,
            _ => {}
        }
    }
    Ok((encoding, data))
}
