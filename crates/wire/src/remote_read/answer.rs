//! Answer: series on their way to who asked, in one piece or in frames.
//!
//! `ReadResponse{results=1{timeseries=1{labels=1, samples=2{value=1, timestamp=2}, histograms=4}}}`;
//! `ChunkedReadResponse{chunked_series=1{labels=1, chunks=2{min_time_ms=1, max_time_ms=2, type=3,
//! data=4}}, query_index=2}`.

use model::{HistogramSample, Labels, Sample};

use super::chunk::{CHUNK_SAMPLES_MAX, encode_xor};
use super::frames::put_frame;
use super::histogram::put_histogram;
use super::histogram_chunk::{encode_histograms, run_len};
use super::message::{put_bytes, put_double, put_number, put_varint};

/// Data of a frame, about: a chunk that reaches it ends the frame, as in Prometheus.
const FRAME_BYTES: usize = 1 << 20;
/// The encoding of floats.
const XOR: u64 = 1;
/// The encoding of native histograms in doubles.
const FLOAT_HISTOGRAM: u64 = 3;

/// An answer in one piece: a result for each query, one after the other.
#[derive(Debug, Default)]
pub struct SampledAnswer {
    message: Vec<u8>,
    /// Of the query whose series come now.
    result: Vec<u8>,
    /// Memory for a series and for a part of one.
    series: Vec<u8>,
    part: Vec<u8>,
}

impl SampledAnswer {
    /// Adds a series to the result of the query at hand; both rows rise in time.
    pub fn push(&mut self, labels: &Labels, samples: &[Sample], histograms: &[HistogramSample]) {
        self.series.clear();
        put_labels(&mut self.series, labels);
        for sample in samples {
            self.part.clear();
            put_double(&mut self.part, 1, sample.value);
            put_number(&mut self.part, 2, sample.t_ms.cast_unsigned());
            put_bytes(&mut self.series, 2, &self.part);
        }
        for sample in histograms {
            self.part.clear();
            put_histogram(&mut self.part, sample);
            put_bytes(&mut self.series, 4, &self.part);
        }
        put_bytes(&mut self.result, 1, &self.series);
    }

    /// Ends the result of the query at hand.
    pub fn end_query(&mut self) {
        put_bytes(&mut self.message, 1, &self.result);
        self.result.clear();
    }

    /// Bytes so far.
    pub fn n_bytes(&self) -> usize {
        self.message.len() + self.result.len()
    }

    /// The body, a snappy block. `None` if the answer has 4 GiB or more.
    pub fn into_body(self) -> Option<Vec<u8>> {
        snap::raw::Encoder::new().compress_vec(&self.message).ok()
    }
}

/// An answer in frames, which holds one frame.
#[derive(Debug, Default)]
pub struct StreamedAnswer {
    labels: Vec<u8>,
    chunks: Vec<u8>,
}

impl StreamedAnswer {
    /// Writes a series of the query with this number; both rows rise in time. Each frame goes to
    /// `send`, ready for the body.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn push<E>(
        &mut self,
        n_query: u64,
        (labels, samples, histograms): (&Labels, &[Sample], &[HistogramSample]),
        mut send: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.labels.clear();
        put_labels(&mut self.labels, labels);
        for run in Runs::new(samples, histograms) {
            let (encoding, data) = run.encoded();
            let mut chunk = Vec::with_capacity(data.len() + 32);
            put_number(&mut chunk, 1, run.first_ms().cast_unsigned());
            put_number(&mut chunk, 2, run.last_ms().cast_unsigned());
            put_number(&mut chunk, 3, encoding);
            put_bytes(&mut chunk, 4, &data);
            put_bytes(&mut self.chunks, 2, &chunk);
            if self.labels.len() + self.chunks.len() >= FRAME_BYTES {
                send(self.take_frame(n_query))?;
            }
        }
        match self.chunks.is_empty() {
            true => Ok(()),
            false => send(self.take_frame(n_query)),
        }
    }

    fn take_frame(&mut self, n_query: u64) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.labels.len() + self.chunks.len() + 32);
        put_varint(&mut data, 1 << 3 | 2);
        put_varint(&mut data, (self.labels.len() + self.chunks.len()) as u64);
        data.extend_from_slice(&self.labels);
        data.extend_from_slice(&self.chunks);
        put_number(&mut data, 2, n_query);
        self.chunks.clear();
        let mut frame = Vec::with_capacity(data.len() + 16);
        put_frame(&mut frame, &data);
        frame
    }
}

fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    let mut message = Vec::new();
    for label in labels {
        message.clear();
        put_bytes(&mut message, 1, label.name.as_bytes());
        put_bytes(&mut message, 2, label.value.as_bytes());
        put_bytes(out, 1, &message);
    }
}

/// The samples of a series, cut into what one chunk holds; the chunks rise in time and do not
/// overlap.
struct Runs<'s> {
    samples: &'s [Sample],
    histograms: &'s [HistogramSample],
    /// The run before this one, if it was of histograms.
    before: Option<&'s HistogramSample>,
}

/// What goes into one chunk.
enum Run<'s> {
    Floats(&'s [Sample]),
    Histograms { run: &'s [HistogramSample], is_reset: bool },
}

impl<'s> Runs<'s> {
    fn new(samples: &'s [Sample], histograms: &'s [HistogramSample]) -> Self {
        Self { samples, histograms, before: None }
    }

    /// The histograms that come next, before any number.
    fn next_histograms(&mut self, until_ms: Option<i64>) -> Option<Run<'s>> {
        let n_before =
            self.histograms.partition_point(|one| until_ms.is_none_or(|t_ms| one.t_ms < t_ms));
        let n = run_len(&self.histograms[..n_before]);
        let (run, rest) = self.histograms.split_at(n);
        let first = run.first()?;
        self.histograms = rest;
        // A run that ended with the layout still the same ended because something fell.
        let is_reset = self.before.is_some_and(|before| {
            before.histogram.same_layout(&first.histogram)
                && first.histogram.count < before.histogram.count
        });
        self.before = run.last();
        Some(Run::Histograms { run, is_reset })
    }
}

impl<'s> Iterator for Runs<'s> {
    type Item = Run<'s>;

    fn next(&mut self) -> Option<Run<'s>> {
        let float_ms = self.samples.first().map(|sample| sample.t_ms);
        if let Some(run) = self.next_histograms(float_ms) {
            return Some(run);
        }
        self.before = None;
        let histogram_ms = self.histograms.first().map(|one| one.t_ms);
        let n_before =
            self.samples.partition_point(|one| histogram_ms.is_none_or(|t_ms| one.t_ms < t_ms));
        let (run, rest) = self.samples.split_at(n_before.min(CHUNK_SAMPLES_MAX));
        self.samples = rest;
        (!run.is_empty()).then_some(Run::Floats(run))
    }
}

impl Run<'_> {
    fn encoded(&self) -> (u64, Vec<u8>) {
        match self {
            Self::Floats(run) => (XOR, encode_xor(run)),
            Self::Histograms { run, is_reset } => {
                (FLOAT_HISTOGRAM, encode_histograms(run, *is_reset))
            }
        }
    }

    fn first_ms(&self) -> i64 {
        let t_ms = match self {
            Self::Floats(run) => run.first().map(|sample| sample.t_ms),
            Self::Histograms { run, .. } => run.first().map(|sample| sample.t_ms),
        };
        t_ms.expect("a run is not empty")
    }

    fn last_ms(&self) -> i64 {
        let t_ms = match self {
            Self::Floats(run) => run.last().map(|sample| sample.t_ms),
            Self::Histograms { run, .. } => run.last().map(|sample| sample.t_ms),
        };
        t_ms.expect("a run is not empty")
    }
}
