//! Beside: what a message holds besides samples: native histograms, exemplars, metadata. Each is
//! read by itself, and a bad one is left out alone.
//!
//! Prometheus sends each histogram and each exemplar as a series of its own, so here they are
//! series of their own too. Usual messages have none, and cost nothing here.

use model::{Exemplar, HistogramSample, Metadata};
use storage::{LimitError, Times};
use wire::remote_write::Request;

/// Buckets of all histograms of one message: 32 MiB of counts. A message says each in a byte.
const BUCKETS_MAX: usize = 4 << 20;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Beside<'m> {
    /// Each has histograms or exemplars.
    pub(super) series: Vec<Other<'m>>,
    pub(super) has_histograms: bool,
    pub(super) has_exemplars: bool,
    /// What was left out.
    pub(super) bad: Vec<Bad<'m>>,
    n_buckets: usize,
}

/// A series that has something else than samples.
#[derive(Debug)]
pub(super) struct Other<'m> {
    /// Which one of the message.
    pub(super) index: usize,
    pub(super) spelling: &'m [u8],
    pub(super) histograms: Vec<HistogramSample>,
    pub(super) exemplars: Vec<Exemplar>,
}

/// Something that was left out.
#[derive(Debug)]
pub(super) struct Bad<'m> {
    /// Of which series of the message; that of metadata says nothing.
    pub(super) index: usize,
    pub(super) spelling: &'m [u8],
    pub(super) cause: LimitError,
}

impl<'m> Beside<'m> {
    /// Reads the histograms and exemplars of a message that are of times that are taken.
    pub(super) fn read(request: &'m Request<'_>, times: &Times) -> Self {
        let mut beside = Self::default();
        for (index, spelling, messages) in request.histograms() {
            let mut histograms = Vec::new();
            for message in messages {
                match beside.histogram(request, (index, message), times) {
                    Ok(sample) => histograms.push(sample),
                    Err(cause) => beside.bad.push(Bad { index, spelling, cause }),
                }
            }
            if !histograms.is_empty() {
                beside.has_histograms = true;
                let exemplars = Vec::new();
                beside.series.push(Other { index, spelling, histograms, exemplars });
            }
        }
        for (index, spelling, messages) in request.exemplars() {
            let mut exemplars = Vec::new();
            for message in messages {
                match exemplar(request, (index, message), times) {
                    Ok(exemplar) => exemplars.push(exemplar),
                    Err(cause) => beside.bad.push(Bad { index, spelling, cause }),
                }
            }
            if !exemplars.is_empty() {
                beside.has_exemplars = true;
                let histograms = Vec::new();
                beside.series.push(Other { index, spelling, histograms, exemplars });
            }
        }
        beside
    }

    fn histogram(
        &mut self,
        request: &Request<'_>,
        (index, message): (usize, &[u8]),
        times: &Times,
    ) -> Result<HistogramSample, LimitError> {
        let bad = |reason: String| LimitError::NativeHistogram { reason };
        if self.n_buckets >= BUCKETS_MAX {
            let reason = format!("the histograms of the message have over {BUCKETS_MAX} buckets");
            return Err(bad(reason));
        }
        let read = request.read_histogram(index, message);
        let sample = read.map_err(|error| bad(error.to_string()))?;
        times.check(sample.t_ms)?;
        self.n_buckets += sample.histogram.positive.len() + sample.histogram.negative.len();
        Ok(sample)
    }

    /// What the message says of metrics.
    pub(super) fn metadata(&mut self, request: &'m Request<'_>) -> Vec<(&'m str, Metadata)> {
        if request.counts().metadata == 0 {
            return Vec::new();
        }
        let mut metrics = Vec::new();
        for said in request.metadata() {
            match said {
                Ok(said) => metrics.push(said),
                Err(error) => {
                    let cause = LimitError::Metadata { reason: error.to_string() };
                    self.bad.push(Bad { index: 0, spelling: &[], cause });
                }
            }
        }
        metrics
    }
}

/// An exemplar of a wrong time is as bad as another bad one: the sender need not hear of it.
fn exemplar(
    request: &Request<'_>,
    (index, message): (usize, &[u8]),
    times: &Times,
) -> Result<Exemplar, LimitError> {
    let bad = |reason: String| LimitError::Exemplar { reason };
    let read = request.read_exemplar(index, message);
    let exemplar = read.map_err(|error| bad(error.to_string()))?;
    times.check(exemplar.t_ms).map_err(|error| bad(error.to_string()))?;
    Ok(exemplar)
}
