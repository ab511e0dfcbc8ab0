//! Remains: from when on queries see all samples, for who decides whether to ask for rollups.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::{KeptTier, Remains};

use crate::block::Block;
use crate::db::Core;

impl Core {
    /// See [`storage::Querier::remains`]. A store in which nothing is older than its retention has
    /// lost nothing yet, whatever its settings are. Of what is in memory it is known only whether a
    /// series is too old as a whole; what is not is flushed long before.
    pub(crate) fn remains(&self) -> Remains {
        let tiers = self.config.tiers();
        let kept = tiers.iter().filter(|(_, keep)| keep.is_some());
        let tiers: Vec<KeptTier> = kept
            .map(|(width_ms, _)| KeptTier {
                width_ms: *width_ms,
                from_ms: self.rollups_from_ms(*width_ms),
            })
            .collect();
        if tiers.is_empty() {
            return Remains::default();
        }
        let whole_from_ms = self.floor_ms.load(Ordering::Acquire).max(self.tiers.raw_from_ms());
        let is_old = |block: &Arc<Block>| {
            whole_from_ms > i64::MIN && block.overlaps(i64::MIN, whole_from_ms.saturating_sub(1))
        };
        // What leaves the samples is in the tiers before.
        let has_old_samples =
            self.has_expired.load(Ordering::Acquire) || self.blocks.read().iter().any(is_old);
        match has_old_samples || self.tiers.blocks().iter().any(is_old) {
            true => Remains { whole_from_ms, tiers },
            false => Remains::default(),
        }
    }
}
