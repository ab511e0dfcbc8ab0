//! Source: one of the places that a scan reads.

use std::sync::Arc;

use model::Labels;

use crate::Meter;
use crate::block::BlockScan;
use crate::head::HeadScan;
use crate::query::gathered::Gathered;
use crate::query::hidden::Hidden;
use crate::query::mixed::Mixed;

/// See the head of this file. Before the first call of [`Self::advance`] it stands at no series.
pub(super) struct Source {
    place: Place,
    /// What is taken out of it.
    hidden: Hidden,
}

enum Place {
    /// The head, and how many of its series were passed or are stood at.
    Head(Box<HeadScan>, usize),
    /// A block; what of it cannot be read is counted at the end.
    Block(Box<BlockScan>, Arc<Meter>),
}

impl Source {
    /// What a head has.
    pub(super) fn of_head(scan: HeadScan, hidden: Hidden) -> Self {
        Self { place: Place::Head(Box::new(scan), 0), hidden }
    }

    /// What a block has.
    pub(super) fn of_block(scan: BlockScan, hidden: Hidden, meter: Arc<Meter>) -> Self {
        Self { place: Place::Block(Box::new(scan), meter), hidden }
    }

    /// Whether it certainly has no series.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.place, Place::Head(scan, _) if scan.len() == 0)
    }

    /// Goes to the next series, if there is one.
    pub(super) fn advance(&mut self) -> bool {
        match &mut self.place {
            Place::Head(scan, n_passed) => {
                *n_passed += 1;
                *n_passed <= scan.len()
            }
            Place::Block(scan, _) => scan.advance(),
        }
    }

    /// The labels of the series it stands at, by number, in the order of their names.
    pub(super) fn tags(&self) -> &[u32] {
        match &self.place {
            Place::Head(scan, n_passed) => scan.tags(n_passed - 1),
            Place::Block(scan, _) => scan.tags(),
        }
    }

    /// The label with this number, if it can be read.
    pub(super) fn label(&mut self, tag: u32) -> Option<(&str, &str)> {
        match &mut self.place {
            Place::Head(scan, _) => Some(scan.label(tag)),
            Place::Block(scan, _) => scan.label(tag),
        }
    }

    /// Shows the label with this number, if it can be read, and those that are read with it.
    pub(super) fn labels_near(&mut self, tag: u32, mut show: impl FnMut(u32, (&str, &str))) {
        match &mut self.place {
            Place::Head(scan, _) => show(tag, scan.label(tag)),
            Place::Block(scan, _) => scan.labels_near(tag, show),
        }
    }

    /// Appends the samples of the series it stands at, but for what is hidden.
    pub(super) fn read(&mut self, out: &mut Gathered) {
        let gaps = match self.hidden.is_nothing() {
            true => None,
            false => {
                let Some(labels) = self.labels() else { return };
                Some(self.hidden.gaps(&labels))
            }
        };
        let lens = out.lens();
        match &mut self.place {
            Place::Head(scan, n_passed) => scan.read(*n_passed - 1, out),
            Place::Block(scan, _) => scan.read(out),
        }
        if let Some(gaps) = gaps {
            out.change_since(lens, |Mixed { samples, histograms }| {
                gaps.cut(samples);
                gaps.cut_histograms(histograms);
            });
        }
    }

    /// All labels of the series it stands at.
    fn labels(&mut self) -> Option<Labels> {
        match &mut self.place {
            Place::Head(scan, n_passed) => {
                let pairs = scan.tags(*n_passed - 1).iter().map(|tag| scan.label(*tag));
                Some(Labels::new(pairs).expect("they came as labels"))
            }
            Place::Block(scan, _) => scan.labels(),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Place::Block(scan, meter) = &self.place {
            let lost = scan.lost();
            meter.lost_chunks.add(lost.n_chunks + lost.n_series + lost.n_matchers);
        }
    }
}
