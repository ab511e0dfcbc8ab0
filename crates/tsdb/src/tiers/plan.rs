//! Plan: where the rollups of a span of time come from, day by day: from a block of the tier where
//! it knows all samples that are there, from the samples where it does not, and from the block again
//! where the samples are gone.

use std::sync::Arc;

use storage::rollup::span_of;

use super::{DAY_MS, tier};
use crate::block::{Block, BlockInfo};
use crate::keep::tombstones::Tombstone;
use crate::query::hidden::RuleFloor;

/// A span of time, open on the left, whose rollups come from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part<B> {
    /// Not part of it, Unix milliseconds.
    pub(crate) start_ms: i64,
    /// Part of it, Unix milliseconds.
    pub(crate) end_ms: i64,
    /// The block of the tier; `None` if they come from samples.
    pub(crate) from: Option<B>,
}

/// What decides where rollups come from.
pub(crate) struct Known<'k> {
    /// The blocks of samples.
    pub(crate) raw: &'k [BlockInfo],
    /// The deletions.
    pub(crate) tombstones: &'k [Arc<Tombstone>],
    /// Rules that hide the beginning of some series. A tier has the span in which such a rule
    /// begins to hide either whole or not at all, so its samples are read.
    pub(crate) rules: &'k [RuleFloor],
    /// Times of samples that are not in blocks yet, rising.
    pub(crate) unflushed_ms: &'k [i64],
    /// After this all samples that ever were are there.
    pub(crate) whole_from_ms: i64,
    /// After this the rollups of the tier are there.
    pub(crate) tier_from_ms: i64,
}

impl Known<'_> {
    /// Whether what was rolled up at an epoch is still all there is within `(start, end]`.
    pub(crate) fn is_up_to_date(&self, epoch: u64, start_ms: i64, end_ms: i64) -> bool {
        let first_ms = start_ms.saturating_add(1);
        let overlaps = |min_ms: i64, max_ms: i64| min_ms <= end_ms && max_ms >= first_ms;
        let is_later =
            |block: &BlockInfo| block.meta.epoch_to > epoch && overlaps(block.min_ms, block.max_ms);
        let is_deletion = |t: &Arc<Tombstone>| t.epoch > epoch && overlaps(t.start_ms, t.end_ms);
        let bites = |rule: &RuleFloor| overlaps(rule.floor_ms, rule.floor_ms);
        let next = self.unflushed_ms.partition_point(|t_ms| *t_ms < first_ms);
        !self.raw.iter().any(is_later)
            && !self.tombstones.iter().any(is_deletion)
            && !self.rules.iter().any(bites)
            && self.unflushed_ms.get(next).is_none_or(|t_ms| *t_ms > end_ms)
    }
}

/// The parts of `(start, end]` in the order of time. `blocks` are those of the tier, in the order of
/// time; what is in no part is gone.
pub(crate) fn plan(
    (start_ms, end_ms): (i64, i64),
    blocks: &[Arc<Block>],
    known: &Known<'_>,
) -> Vec<Part<Arc<Block>>> {
    let mut parts = Parts { parts: Vec::new(), whole_from_ms: known.whole_from_ms };
    let mut at_ms = start_ms;
    for block in blocks {
        let (span, epoch) = (tier(block), block.info().meta.epoch_to);
        let from_ms = span.start_ms.max(known.tier_from_ms).max(at_ms);
        let to_ms = span.end_ms.min(end_ms);
        if from_ms >= to_ms {
            continue;
        }
        parts.push_raw(at_ms, from_ms);
        at_ms = from_ms;
        while at_ms < to_ms {
            let day_end_ms = day_of(at_ms.saturating_add(1)).1.min(to_ms);
            let raw_from_ms = known.whole_from_ms.clamp(at_ms, day_end_ms);
            parts.push(at_ms, raw_from_ms, Some(block));
            let is_up_to_date = known.is_up_to_date(epoch, raw_from_ms, day_end_ms);
            parts.push(raw_from_ms, day_end_ms, is_up_to_date.then_some(block));
            at_ms = day_end_ms;
        }
    }
    parts.push_raw(at_ms, end_ms);
    parts.parts
}

/// The day that a moment lies in, open on the left.
pub(crate) fn day_of(t_ms: i64) -> (i64, i64) {
    span_of(t_ms, DAY_MS)
}

struct Parts {
    parts: Vec<Part<Arc<Block>>>,
    whole_from_ms: i64,
}

impl Parts {
    /// Adds what no block of the tier has.
    fn push_raw(&mut self, start_ms: i64, end_ms: i64) {
        self.push(start_ms.max(self.whole_from_ms), end_ms, None);
    }

    fn push(&mut self, start_ms: i64, end_ms: i64, from: Option<&Arc<Block>>) {
        if start_ms >= end_ms {
            return;
        }
        if let Some(last) = self.parts.last_mut()
            && last.end_ms == start_ms
            && is_same(last.from.as_ref(), from)
        {
            last.end_ms = end_ms;
            return;
        }
        self.parts.push(Part { start_ms, end_ms, from: from.cloned() });
    }
}

fn is_same(one: Option<&Arc<Block>>, other: Option<&Arc<Block>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
