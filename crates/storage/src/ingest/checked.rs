//! Checked: a batch as the engine sees it. The labels of a series are rewritten by the rules and
//! checked against the limits when the engine asks for them, which it does for spellings that it
//! does not know.

use std::cell::OnceCell;

use model::{Exemplar, HistogramSample, Labels, Relabeling, Sample};

use crate::{Batch, LimitError, Limits, Speller};

/// See the head of this file.
pub(super) struct Checked<'a, B: ?Sized> {
    batch: &'a B,
    limits: &'a Limits,
    rules: &'a Relabeling,
    /// What the rules made of the labels of each series; nothing without rules.
    rewritten: Vec<OnceCell<Option<Labels>>>,
}

impl<'a, B: Batch + ?Sized> Checked<'a, B> {
    pub(super) fn new(batch: &'a B, limits: &'a Limits, rules: &'a Relabeling) -> Self {
        let n_rewritten = if rules.is_empty() { 0 } else { batch.n_series() };
        let rewritten = std::iter::repeat_with(OnceCell::new).take(n_rewritten).collect();
        Self { batch, limits, rules, rewritten }
    }

    /// Puts what the rules make of a series' labels into `labels`.
    fn rewrite<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        if self.rewritten[series].get().is_none() {
            let mut given = Vec::new();
            self.batch.labels(series, &mut given)?;
            self.rewritten[series].get_or_init(|| self.rules.apply(given));
        }
        let rewritten = self.rewritten[series].get().and_then(Option::as_ref);
        let all = rewritten.ok_or(LimitError::Relabel)?.iter();
        labels.extend(all.map(|label| (label.name.as_str(), label.value.as_str())));
        Ok(())
    }
}

impl<B: Batch + ?Sized> Batch for Checked<'_, B> {
    /// A row that was spelled by its labels may have others under the rules.
    fn speller(&self) -> Speller {
        match self.batch.speller() {
            Speller::Labels if !self.rules.is_empty() => Speller::SentLabels,
            speller => speller,
        }
    }

    fn source(&self) -> &str {
        self.batch.source()
    }

    fn n_series(&self) -> usize {
        self.batch.n_series()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        self.batch.spelling(series)
    }

    fn samples(&self, series: usize) -> &[Sample] {
        self.batch.samples(series)
    }

    fn has_histograms(&self) -> bool {
        self.batch.has_histograms()
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        self.batch.histograms(series)
    }

    fn has_exemplars(&self) -> bool {
        self.batch.has_exemplars()
    }

    fn exemplars(&self, series: usize) -> &[Exemplar] {
        self.batch.exemplars(series)
    }

    fn keeps_first(&self) -> bool {
        self.batch.keeps_first()
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        match self.rules.is_empty() {
            true => self.batch.labels(series, labels)?,
            false => self.rewrite(series, labels)?,
        }
        self.limits.check_pairs(labels)
    }
}
