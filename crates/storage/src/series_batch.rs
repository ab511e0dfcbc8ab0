//! Series as a batch: what was selected somewhere, on its way in again, with both kinds of samples.

use model::{HistogramSample, Sample};

use crate::rows::spell;
use crate::{Batch, LimitError, Series, Speller};

/// See the head of this file. Spelled by labels.
#[derive(Debug)]
pub struct SeriesBatch<'a> {
    source: &'a str,
    series: &'a [Series],
    spellings: Vec<Vec<u8>>,
}

impl<'a> SeriesBatch<'a> {
    /// A batch of series from a source, see [`Batch::source`].
    pub fn new(source: &'a str, series: &'a [Series]) -> Self {
        let spelling = |series: &Series| {
            let mut spelling = Vec::new();
            spell(&series.labels, &mut spelling);
            spelling
        };
        Self { source, series, spellings: series.iter().map(spelling).collect() }
    }
}

impl Batch for SeriesBatch<'_> {
    fn speller(&self) -> Speller {
        Speller::Labels
    }

    fn source(&self) -> &str {
        self.source
    }

    fn n_series(&self) -> usize {
        self.series.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        &self.spellings[series]
    }

    fn samples(&self, series: usize) -> &[Sample] {
        &self.series[series].samples
    }

    fn has_histograms(&self) -> bool {
        true
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        &self.series[series].histograms
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        let all = self.series[series].labels.iter();
        labels.extend(all.map(|label| (label.name.as_str(), label.value.as_str())));
        Ok(())
    }
}
