//! Query: what a store answers. What matches is gathered from blocks, from what was recovered, and
//! from the head.
//!
//! `view` takes hold of all that at one moment, `hidden` leaves out what is deleted or too old, and
//! `mixed` joins the sources of one series. `scan` goes through the same in columns, one series at a
//! time, whose samples `gathered` holds; `series` tells which series there are, without samples.

pub(crate) mod gathered;
pub(crate) mod hidden;
pub(crate) mod mixed;
mod scan;
mod series;
pub(crate) mod times;
pub(crate) mod view;

use std::sync::atomic::Ordering;

use model::{Labels, Matcher, Metadata};
use storage::{
    Cardinality, LabelsSet, Querier, Remains, RollupSet, Scan, Select, SelectError,
    SeriesExemplars, SeriesSet, SeriesVisitor,
};

use crate::block::Lost;
use crate::db::{Core, Db};
use crate::head::FloorOf;
use crate::query::view::View;

impl Core {
    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher]) -> Vec<String> {
        let floor_ms = self.floor_ms.load(Ordering::Acquire);
        let blocks = self.blocks.read();
        let hidden = self.hiding.in_head();
        let floor_of = |labels: &Labels| hidden.gaps(labels).floor_ms.max(floor_ms);
        let floor_of: FloorOf<'_> = &floor_of;
        let floor_of = self.has_expired.load(Ordering::Acquire).then_some(floor_of);
        let mut values = self.head.label_values(name, matchers, floor_of);
        if let Some(recovered) = &*self.recovered.read() {
            values.extend(recovered.label_values(name, matchers, floor_of));
        }
        let mut lost = Lost::default();
        let select = Select::both(matchers.to_vec(), floor_ms, i64::MAX);
        for block in blocks.iter() {
            values.extend(self.hiding.seen_values(block, name, &select, &mut lost));
        }
        drop(blocks);
        values.sort_unstable();
        values.dedup();
        values
    }

    pub(crate) fn label_names(&self, matchers: &[Matcher]) -> Vec<String> {
        let floor_ms = self.floor_ms.load(Ordering::Acquire);
        let blocks = self.blocks.read();
        let hidden = self.hiding.in_head();
        let floor_of = |labels: &Labels| hidden.gaps(labels).floor_ms.max(floor_ms);
        let floor_of: FloorOf<'_> = &floor_of;
        let floor_of = self.has_expired.load(Ordering::Acquire).then_some(floor_of);
        let mut names = self.head.label_names(matchers, floor_of);
        if let Some(recovered) = &*self.recovered.read() {
            names.extend(recovered.label_names(matchers, floor_of));
        }
        let mut lost = Lost::default();
        let select = Select::both(matchers.to_vec(), floor_ms, i64::MAX);
        for block in blocks.iter() {
            names.extend(self.hiding.seen_names(block, &select, &mut lost));
        }
        drop(blocks);
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn exemplars(
        &self,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
    ) -> Vec<SeriesExemplars> {
        let start_ms = start_ms.max(self.floor_ms.load(Ordering::Acquire));
        self.notes.lock().exemplars.within(matchers, (start_ms, end_ms))
    }
}

impl Querier for Db {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        Ok(Box::new(View::take(&self.core, select)))
    }

    fn scan(&self, scan: &Scan, visitor: &mut dyn SeriesVisitor) -> Result<(), SelectError> {
        self.core.scan(scan, visitor);
        Ok(())
    }

    fn series(&self, select: &Select) -> Result<LabelsSet, SelectError> {
        Ok(Box::new(self.core.series(select).map(Ok)))
    }

    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        self.core.rollups(select, width_ms)
    }

    fn remains(&self) -> Remains {
        self.core.remains()
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(self.core.label_values(name, matchers))
    }

    fn exemplars(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        Ok(self.core.exemplars(matchers, (start_ms, end_ms)))
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<(String, Metadata)>, SelectError> {
        Ok(self.core.notes.lock().metadata(metric))
    }

    fn cardinality(&self, n_listed_max: usize) -> Option<Cardinality> {
        let head = &self.core.head;
        let (n_chunks, times) = head.extent();
        let (min_ms, max_ms) = (times.map(|(min_ms, _)| min_ms), times.map(|(_, max_ms)| max_ms));
        let counted = head.identities().read().cardinality(n_listed_max);
        Some(Cardinality { n_chunks, min_ms, max_ms, ..counted })
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(self.core.label_names(matchers))
    }
}
