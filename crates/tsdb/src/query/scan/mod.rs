//! Scan: the series of a selection one after the other, in columns, see [`storage::Scan`].
//!
//! As a query does, a scan takes hold of all sources at one moment; then it goes through them side
//! by side, in the order of labels, and unpacks one series at a time. Labels are compared by
//! numbers: those of the source where there is one, else of all labels that the scan comes across.
//! Their texts are looked at once.

mod keys;
mod source;
mod symbols;

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use storage::{Scan, Select, SeriesColumns, SeriesVisitor, WantedLabels};

use crate::block::{Block, BlockScan};
use crate::db::Core;
use crate::head::{Asked, HeadScan, Wanted};
use crate::query::gathered::Gathered;
use crate::query::hidden::Hidden;
use keys::Keys;
use source::Source;
use symbols::Symbols;

impl Core {
    /// Shows the series of a selection.
    pub(crate) fn scan(&self, scan: &Scan, visitor: &mut dyn SeriesVisitor) {
        let floor_ms = self.floor_ms.load(Acquire);
        let select = Select { start_ms: scan.select.start_ms.max(floor_ms), ..scan.select.clone() };
        // While this is held no block takes the place of frozen samples.
        let blocks = self.blocks.read();
        let in_range = |block: &&Arc<Block>| block.overlaps(select.start_ms, select.end_ms);
        let blocks_in_range: Vec<Arc<Block>> = blocks.iter().filter(in_range).cloned().collect();
        let newest = match scan.newest_only {
            true => self.newest(&select, scan, &blocks_in_range),
            false => None,
        };
        let sources = match newest {
            Some(newest) => vec![Source::of_head(newest, Hidden::default())],
            None => self.sources(&select, scan, &blocks_in_range),
        };
        drop(blocks);
        Sources::new(sources, scan).show(visitor);
    }

    /// The newest number of each series, if nobody has anything newer than the head knows of.
    fn newest(&self, select: &Select, scan: &Scan, blocks: &[Arc<Block>]) -> Option<HeadScan> {
        let first_epoch = u64::from(self.head.first_epoch());
        let is_own = |block: &Arc<Block>| block.info().meta.epoch_from >= first_epoch;
        let tombstones = self.hiding.tombstones();
        let may_hide =
            |start_ms: i64, end_ms: i64| start_ms <= select.end_ms && end_ms >= select.start_ms;
        let is_known = self.recovered.read().is_none()
            && blocks.iter().all(is_own)
            && self.head.forgotten_ms() < select.start_ms
            && !tombstones.iter().any(|tombstone| may_hide(tombstone.start_ms, tombstone.end_ms))
            && self.hiding.floors().iter().all(|rule| rule.floor_ms <= select.start_ms);
        let range = (select.start_ms, select.end_ms);
        let is_asked = |name: &str| scan.labels.has(name);
        let labels = (!asks_nothing(scan)).then_some(&is_asked as &dyn Fn(&str) -> bool);
        let asked = Asked { labels, any_order: scan.any_order };
        if !is_known {
            return None;
        }
        self.head.scan_newest(&select.matchers, range, asked)
    }

    /// Blocks in the order of their epochs, then what was recovered, then the head: the later one
    /// wins.
    fn sources(&self, select: &Select, scan: &Scan, blocks: &[Arc<Block>]) -> Vec<Source> {
        let recovered = self.recovered.read();
        let in_head = self.hiding.in_head();
        let is_alone = blocks.is_empty() && recovered.is_none() && in_head.is_nothing();
        // Labels that are not wanted still tell series apart, where there are several sources.
        let is_asked = |name: &str| !is_alone || scan.labels.has(name);
        let labels = !(is_alone && asks_nothing(scan));
        let labels = labels.then_some(&is_asked as &dyn Fn(&str) -> bool);
        let asked = Asked { labels, any_order: is_alone && scan.any_order };
        let wanted = Wanted { range: (select.start_ms, select.end_ms), kinds: select.kinds };
        let heads = recovered.as_deref().into_iter().chain([&*self.head]);
        let heads: Vec<Source> = heads
            .map(|head| head.scan(&select.matchers, wanted, asked))
            .map(|scan| Source::of_head(scan, in_head.clone()))
            .collect();
        let of_block = |block: &Arc<Block>| {
            Source::of_block(
                BlockScan::new(block, select),
                self.hiding.in_block(&block.info()),
                Arc::clone(&self.meter),
            )
        };
        blocks.iter().map(of_block).chain(heads).filter(|source| !source.is_empty()).collect()
    }
}

/// Whether no label is asked for.
fn asks_nothing(scan: &Scan) -> bool {
    matches!(&scan.labels, WantedLabels::Only(names) if names.is_empty())
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Sources side by side.
struct Sources<'s> {
    newest_only: bool,
    sources: Vec<Source>,
    /// The labels of the series that each source stands at; none at its end.
    at: Vec<Option<Vec<u32>>>,
    /// What these numbers are; those of the source itself if there is only one.
    symbols: Option<Symbols>,
    keys: Keys<'s>,
}

impl<'s> Sources<'s> {
    fn new(sources: Vec<Source>, scan: &'s Scan) -> Self {
        Self {
            newest_only: scan.newest_only,
            at: sources.iter().map(|_| Some(Vec::new())).collect(),
            symbols: (sources.len() > 1).then(|| Symbols::new(sources.len())),
            sources,
            keys: Keys::new(&scan.labels),
        }
    }

    fn show(mut self, visitor: &mut dyn SeriesVisitor) {
        for nth in 0..self.sources.len() {
            self.advance(nth);
        }
        let (mut labels, mut gathered) = (Vec::new(), Gathered::default());
        while let Some(first) = self.first() {
            labels.clear();
            labels.extend(self.at[first].iter().flatten());
            gathered.clear();
            for nth in first..self.sources.len() {
                if self.at[nth].as_ref() == Some(&labels) {
                    let lens = gathered.lens();
                    self.sources[nth].read(&mut gathered);
                    gathered.settle_since(lens);
                    self.advance(nth);
                }
            }
            if !gathered.is_empty()
                && self.hand_over(first, &labels, &mut gathered, visitor).is_break()
            {
                break;
            }
        }
    }

    /// Shows a series that has these labels and came from this source first.
    fn hand_over(
        &mut self,
        first: usize,
        labels: &[u32],
        gathered: &mut Gathered,
        visitor: &mut dyn SeriesVisitor,
    ) -> ControlFlow<()> {
        let Self { sources, symbols, keys, .. } = self;
        let source = &mut sources[first];
        let text = |label: u32| match symbols {
            Some(symbols) => Some(owned(symbols.label(label))),
            None => source.label(label).map(owned),
        };
        let Some(key) = keys.number(labels, text, visitor) else {
            // Its labels cannot be read.
            return ControlFlow::Continue(());
        };
        let key = key?;
        if self.newest_only {
            gathered.keep_newest();
        }
        gathered.tidy();
        let Gathered { times, values, starts, histograms } = gathered;
        let (times, times_id) = times.join();
        let values = bytemuck::cast_slice(values);
        visitor.series(SeriesColumns { key, times, times_id, values, starts, histograms })
    }

    /// The first source of those whose series comes first.
    fn first(&self) -> Option<usize> {
        let mut first: Option<(usize, &[u32])> = None;
        for (nth, at) in self.at.iter().enumerate() {
            let Some(labels) = at else { continue };
            let is_before = |best: &[u32]| match &self.symbols {
                Some(symbols) => symbols.compare(labels, best) == Ordering::Less,
                None => false,
            };
            if first.is_none_or(|(_, best)| is_before(best)) {
                first = Some((nth, labels));
            }
        }
        first.map(|(nth, _)| nth)
    }

    /// Moves a source to its next series whose labels can be told from others.
    fn advance(&mut self, nth: usize) {
        let source = &mut self.sources[nth];
        while source.advance() {
            let labels = self.at[nth].get_or_insert_default();
            labels.clear();
            let Some(symbols) = &mut self.symbols else {
                labels.extend_from_slice(source.tags());
                return;
            };
            if symbols.of_tags((nth, source), labels) {
                return;
            }
        }
        self.at[nth] = None;
    }
}
