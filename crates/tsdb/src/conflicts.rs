//! Conflicts: samples of a batch that are not taken because their series has another value at their
//! time, for senders that must hear of it. And how many samples of a batch are taken at all.

use storage::{Batch, LimitError, Rejected};

use crate::head::NO_SLOT;

/// Which samples conflict, each kind counted from 0 among those of the batch that are kept; rising.
#[derive(Debug, Default)]
pub(crate) struct Conflicts {
    pub(crate) samples: Vec<usize>,
    pub(crate) histograms: Vec<usize>,
}

impl Conflicts {
    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty()
    }

    /// Adds what is to be said of them, and puts all in the order of the batch.
    pub(crate) fn note(
        &self,
        batch: &dyn Batch,
        (slots, floor_ms): (&[u32], i64),
        rejected: &mut Vec<Rejected>,
    ) {
        if self.is_empty() {
            return;
        }
        let with_slot = || (0..slots.len()).filter(|index| slots[*index] != NO_SLOT);
        let samples = with_slot()
            .flat_map(|index| batch.samples(index).iter().map(move |s| (index, s.t_ms)))
            .filter(|(_, t_ms)| *t_ms >= floor_ms);
        note_each(samples, &self.samples, rejected);
        let histograms = with_slot()
            .flat_map(|index| batch.histograms(index).iter().map(move |s| (index, s.t_ms)))
            .filter(|(_, t_ms)| *t_ms >= floor_ms);
        note_each(histograms, &self.histograms, rejected);
        rejected.sort_by_key(|one| one.index);
    }
}

fn note_each(
    kept: impl Iterator<Item = (usize, i64)>,
    ordinals: &[usize],
    rejected: &mut Vec<Rejected>,
) {
    let conflicting = kept.enumerate().filter(|(ordinal, _)| is_in(ordinals, *ordinal));
    rejected.extend(conflicting.map(|(_, (index, t_ms))| {
        let cause = LimitError::Conflict { t_ms };
        Rejected { index, cause }
    }));
}

/// Whether a number is among rising ones, of which there are mostly none.
#[inline]
pub(crate) fn is_in(ordinals: &[usize], ordinal: usize) -> bool {
    !ordinals.is_empty() && ordinals.binary_search(&ordinal).is_ok()
}

/// How much of a batch is taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    /// Of both kinds.
    pub(crate) n_samples: u64,
    pub(crate) n_histograms: u64,
}

impl Taken {
    /// All samples but those of series that were rejected.
    pub(crate) fn of(batch: &dyn Batch, rejected: &[Rejected]) -> Self {
        let mut taken = Self::default();
        let has_histograms = batch.has_histograms();
        let of_series = |series: usize| {
            let n_histograms = if has_histograms { batch.histograms(series).len() } else { 0 };
            (batch.samples(series).len() as u64, n_histograms as u64)
        };
        for (n_samples, n_histograms) in (0..batch.n_series()).map(of_series) {
            taken.n_samples += n_samples + n_histograms;
            taken.n_histograms += n_histograms;
        }
        for (n_samples, n_histograms) in rejected.iter().map(|one| of_series(one.index)) {
            taken.n_samples -= n_samples + n_histograms;
            taken.n_histograms -= n_histograms;
        }
        taken
    }

    pub(crate) fn leave_out(&mut self, conflicts: &Conflicts) {
        let n_histograms = conflicts.histograms.len() as u64;
        self.n_samples -= conflicts.samples.len() as u64 + n_histograms;
        self.n_histograms -= n_histograms;
    }
}
