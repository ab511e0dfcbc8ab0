//! View: what a query reads, taken at one moment.
//!
//! A query takes hold of everything it may need when it begins, so that nothing that happens while
//! it is read (appends, a freeze, a block that takes the place of frozen samples) shows it a sample
//! twice or not at all. It holds compressed samples and unpacks one series at a time.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::{Select, SelectError, Series};

use crate::Meter;
use crate::block::{Block, BlockSeries};
use crate::db::Core;
use crate::head::{Head, Wanted};
use crate::query::hidden::Hidden;
use crate::query::mixed::Mixed;

/// See the head of this file. Yields the series in the order of their labels.
pub(crate) struct View {
    /// The blocks' series in the order of their epochs, then what was recovered, then the head's:
    /// the later one wins.
    sources: Vec<Peekable<Source>>,
}

/// Series in the order of their labels, each with its samples in the range.
type Source = Box<dyn Iterator<Item = Series> + Send>;

impl View {
    /// Takes hold of what matches.
    pub(crate) fn take(core: &Core, select: &Select) -> Self {
        let floor_ms = core.floor_ms.load(Ordering::Acquire);
        let select = Select { start_ms: select.start_ms.max(floor_ms), ..select.clone() };
        // While this is held no block takes the place of frozen samples.
        let blocks = core.blocks.read();
        let view = Self::of_blocks(core, &blocks, &select).with_heads(core, &select);
        drop(blocks);
        view
    }

    /// Takes hold of what matches in blocks, in the order of their epochs, however old it is.
    pub(crate) fn of_blocks(core: &Core, blocks: &[Arc<Block>], select: &Select) -> Self {
        let in_range = blocks.iter().filter(|b| b.overlaps(select.start_ms, select.end_ms));
        Self { sources: in_range.map(|block| from_block(core, block, select).peekable()).collect() }
    }

    /// Takes hold of what matches in memory as well. The blocks are held.
    pub(crate) fn with_heads(mut self, core: &Core, select: &Select) -> Self {
        let recovered = core.recovered.read();
        let old = recovered.as_ref().map(|old| from_head(old, select, core));
        let sources = old.into_iter().chain([from_head(&core.head, select, core)]);
        self.sources.extend(sources.map(Iterator::peekable));
        self
    }
}

/// What a block has; what of it cannot be read is counted at the end.
fn from_block(core: &Core, block: &Arc<Block>, select: &Select) -> Source {
    let hidden = core.hiding.in_block(&block.info());
    Box::new(FromBlock {
        series: block.select(select),
        hidden,
        meter: Some(Arc::clone(&core.meter)),
    })
}

struct FromBlock {
    series: BlockSeries,
    /// What is taken out of it. A series of which nothing is left has no samples.
    hidden: Hidden,
    /// Until the losses are counted.
    meter: Option<Arc<Meter>>,
}

impl Iterator for FromBlock {
    type Item = Series;

    fn next(&mut self) -> Option<Series> {
        let mut series = self.series.next();
        if let Some(series) = &mut series
            && !self.hidden.is_nothing()
        {
            let gaps = self.hidden.gaps(&series.labels);
            gaps.cut(&mut series.samples);
            gaps.cut_histograms(&mut series.histograms);
        }
        if series.is_none()
            && let Some(meter) = self.meter.take()
        {
            let lost = self.series.lost();
            meter.lost_chunks.add(lost.n_chunks + lost.n_series + lost.n_matchers);
        }
        series
    }
}

/// What a head has, as it is now.
fn from_head(head: &Head, select: &Select, core: &Core) -> Source {
    let wanted = Wanted { range: (select.start_ms, select.end_ms), kinds: select.kinds };
    let captured = head.capture(&select.matchers, wanted).into_iter();
    let hidden = core.hiding.in_head();
    Box::new(captured.map(move |(labels, captured)| {
        let Mixed { mut samples, mut histograms } = captured.samples();
        let gaps = hidden.gaps(&labels);
        gaps.cut(&mut samples);
        gaps.cut_histograms(&mut histograms);
        Series { labels, samples, histograms }
    }))
}

impl Iterator for View {
    type Item = Result<Series, SelectError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let heads = self.sources.iter_mut().filter_map(Peekable::peek);
            let labels = heads.map(|series| &series.labels).min()?.clone();
            let mut mixed = Mixed::default();
            for source in &mut self.sources {
                let Some(later) = source.next_if(|next| next.labels == labels) else { continue };
                let Series { samples, histograms, .. } = later;
                mixed = mixed.merge(Mixed { samples, histograms });
            }
            if !mixed.is_empty() {
                let Mixed { samples, histograms } = mixed;
                return Some(Ok(Series { labels, samples, histograms }));
            }
        }
    }
}
