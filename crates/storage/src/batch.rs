//! Batch: the samples of one request, series by series, as they lie in the request.
//!
//! Most series of a request were there before. So a batch gives each series a *spelling*, the
//! bytes by which its sender names it, and an engine that has seen the spelling asks for nothing
//! else: labels are read, checked and copied for new spellings alone.

use model::{Exemplar, HistogramSample, Sample};

use crate::{Commit, LimitError};

/// Who spells. The same bytes from two of them may name different series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speller {
    /// Labels in their order, each name and value followed by the byte 0xFF: how rows are spelled.
    Labels,
    /// The same, where rules make other labels of these.
    SentLabels,
    /// The label fields of a `TimeSeries` of remote write 1.0, as sent. What 2.0 sends is put into
    /// this form.
    RemoteWrite,
}

/// Samples on their way in, series by series.
pub trait Batch {
    /// Whose spellings these are.
    fn speller(&self) -> Speller;

    /// Who sends, for the limit of series per source: the name of a token, or of a way in.
    fn source(&self) -> &str;

    /// How many series there are. One series may come several times.
    fn n_series(&self) -> usize;

    /// The bytes that name this series: the same bytes name the same series until
    /// [`crate::Appender::forget_spellings`].
    fn spelling(&self, series: usize) -> &[u8];

    /// The samples of this series, in the order in which they were sent.
    fn samples(&self, series: usize) -> &[Sample];

    /// Whether some series has native histograms: where none has, nobody asks each of them.
    fn has_histograms(&self) -> bool {
        false
    }

    /// The native histograms of this series, in the order in which they were sent, all valid. They
    /// are taken after all samples of the batch.
    fn histograms(&self, _series: usize) -> &[HistogramSample] {
        &[]
    }

    /// Whether some series has exemplars.
    fn has_exemplars(&self) -> bool {
        false
    }

    /// The exemplars of this series, in the order in which they were sent, all valid. Those of a
    /// series that the engine does not know are left out.
    fn exemplars(&self, _series: usize) -> &[Exemplar] {
        &[]
    }

    /// Whether what differs from the newest sample of its series, at the same time, is refused with
    /// [`LimitError::Conflict`]. Otherwise it takes its place. A stale marker is no sample here: it
    /// never takes the place of one, and one takes its place.
    fn keeps_first(&self) -> bool {
        false
    }

    /// Puts the labels of this series into `labels`, which is empty: sorted by name, each name
    /// once, nothing empty, the metric name among them.
    ///
    /// # Errors
    /// They name no series, or break a bound on a series' labels.
    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError>;
}

/// A series or a sample that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which series of the batch, or which row of the call, from 0.
    pub index: usize,
    /// Which bound it breaks. Most bounds are the whole series'; [`LimitError::is_of_one_sample`]
    /// tells.
    pub cause: LimitError,
}

/// What became of a batch.
#[derive(Debug)]
pub struct BatchAppended {
    /// When what was taken is durable.
    pub commit: Commit,
    /// How many samples were taken, histograms among them.
    pub n_samples: u64,
    /// How many of these are histograms.
    pub n_histograms: u64,
    /// How many exemplars were of series that are known.
    pub n_exemplars: u64,
    /// Series and samples that were left out, rising by index.
    pub rejected: Vec<Rejected>,
}
