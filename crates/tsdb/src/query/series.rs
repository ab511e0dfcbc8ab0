//! Series: which there are in a range of time, without their samples.
//!
//! What is known of the times of a chunk or of a chain says it for nearly all: only where the range
//! ends within one, or something of it is hidden, are times unpacked, and no further than needed.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::Labels;
use storage::Select;

use crate::Meter;
use crate::block::{Block, VisibleSeries};
use crate::db::Core;
use crate::head::{Head, Wanted};
use crate::query::hidden::Hidden;

/// The labels of series in their order.
type Source = Box<dyn Iterator<Item = Labels> + Send>;

/// The labels of the series of a selection in their order, each once.
pub(crate) struct Present {
    sources: Vec<Peekable<Source>>,
}

impl Core {
    /// The series that match and have a sample in the range, as it is now.
    pub(crate) fn series(&self, select: &Select) -> Present {
        let floor_ms = self.floor_ms.load(Ordering::Acquire);
        let select = Select { start_ms: select.start_ms.max(floor_ms), ..select.clone() };
        // While this is held no block takes the place of frozen samples.
        let blocks = self.blocks.read();
        let in_range = blocks.iter().filter(|b| b.overlaps(select.start_ms, select.end_ms));
        let mut sources: Vec<Source> = in_range.map(|b| of_block(self, b, &select)).collect();
        let recovered = self.recovered.read();
        let hidden = self.hiding.in_head();
        let heads = recovered.as_ref().into_iter().chain([&self.head]);
        sources.extend(heads.map(|head| of_head(head, &select, &hidden)));
        drop((recovered, blocks));
        Present { sources: sources.into_iter().map(Iterator::peekable).collect() }
    }
}

fn of_head(head: &Head, select: &Select, hidden: &Hidden) -> Source {
    let wanted = Wanted { range: (select.start_ms, select.end_ms), kinds: select.kinds };
    Box::new(head.present(&select.matchers, wanted, hidden).into_iter())
}

fn of_block(core: &Core, block: &Arc<Block>, select: &Select) -> Source {
    let hidden = core.hiding.in_block(&block.info());
    Box::new(OfBlock {
        series: VisibleSeries::new(block, select, hidden),
        meter: Some(Arc::clone(&core.meter)),
    })
}

/// What a block has; what of it cannot be read is counted at the end.
struct OfBlock {
    series: VisibleSeries,
    /// Until the losses are counted.
    meter: Option<Arc<Meter>>,
}

impl Iterator for OfBlock {
    type Item = Labels;

    fn next(&mut self) -> Option<Labels> {
        let labels = self.series.next();
        if labels.is_none()
            && let Some(meter) = self.meter.take()
        {
            let lost = self.series.lost();
            meter.lost_chunks.add(lost.n_chunks + lost.n_series + lost.n_matchers);
        }
        labels
    }
}

impl Iterator for Present {
    type Item = Labels;

    fn next(&mut self) -> Option<Labels> {
        if let [only] = self.sources.as_mut_slice() {
            return only.next();
        }
        let heads = self.sources.iter_mut().enumerate();
        let heads = heads.filter_map(|(at, source)| Some((source.peek()?, at)));
        let (_, first) = heads.min()?;
        let labels = self.sources[first].next()?;
        for source in &mut self.sources[first + 1..] {
            source.next_if(|next| *next == labels);
        }
        Some(labels)
    }
}
