//! Retention: what is older than its time leaves queries at once and the disk by block. What is
//! still in memory goes when it would be flushed. Size, rules per series and a doubtful clock: see
//! [`crate::keep::oversize`], [`crate::query::hidden`] and [`crate::keep::clock`].

use std::sync::atomic::Ordering;

use crate::RetentionError;
use crate::db::{Core, Upkeep};
use crate::dir::manifest;

impl Core {
    /// See [`crate::Db::enforce_retention`].
    pub(crate) fn enforce_retention(&self, now_ms: i64) -> Result<(), RetentionError> {
        let keeps_all =
            self.config.longest_kept().is_none() && self.config.retention_size_bytes.is_none();
        if keeps_all && !self.config.has_tiers() && self.tiers.blocks().is_empty() {
            return Ok(());
        }
        let mut upkeep = self.upkeep.lock();
        let now_ms = self.believed_ms(now_ms);
        self.hiding.raise_floors(&self.config.retention_rules, now_ms);
        let floor_ms = self.config.floor_ms(now_ms);
        let before = self.floor_ms.fetch_max(floor_ms, Ordering::AcqRel);
        let floor_ms = before.max(floor_ms);
        self.look_for_expired(floor_ms);
        self.raise_tier_floors(&upkeep, now_ms);
        let freed = self.drop_blocks(&mut upkeep);
        // Counted; the next pass tries again. What should go is hidden meanwhile.
        let _counted = self.apply_rules(&mut upkeep);
        freed.inspect_err(|_| self.meter.retention_failures.inc())
    }

    /// Notes whether memory has series that no query should know any more.
    pub(crate) fn look_for_expired(&self, floor_ms: i64) {
        let recovered = self.recovered.read().clone();
        let mut heads = recovered.iter().chain([&self.head]);
        let has_expired =
            !self.hiding.in_head().is_nothing() || heads.any(|head| head.has_expired(floor_ms));
        self.has_expired.store(has_expired, Ordering::Release);
    }

    fn drop_blocks(&self, upkeep: &mut Upkeep) -> Result<(), RetentionError> {
        let floor_ms = self.tiers.kept_ms();
        let blocks = self.blocks.read().clone();
        let (mut dead_blocks, mut blocks): (Vec<_>, Vec<_>) =
            blocks.into_iter().partition(|block| block.info().max_ms < floor_ms);
        let mut tier_blocks = self.tiers.blocks();
        let mut dead_tiers = self.take_outdated(&mut tier_blocks);
        let (oversize, oversize_tiers) = self.take_oversize(&mut blocks, &mut tier_blocks);
        let n_oversize = (oversize.len() + oversize_tiers.len()) as u64;
        dead_tiers.extend(oversize_tiers);
        for block in &oversize {
            self.tiers.note_gone(block.info().max_ms);
        }
        dead_blocks.extend(oversize);
        if dead_blocks.is_empty() && dead_tiers.is_empty() {
            return Ok(());
        }
        let epoch = self.flushed_epoch.load(Ordering::Acquire);
        self.write_manifest_of(&blocks, &tier_blocks, epoch, &[])
            .map_err(|cause| RetentionError::Manifest { path: manifest::path(&self.dir), cause })?;
        self.tiers.publish(tier_blocks);
        *self.blocks.write() = blocks;
        self.meter.oversize_blocks.add(n_oversize);
        if n_oversize > 0 {
            // Series of which nothing else is left must not be listed any more.
            self.forget_empty_series(&[]);
        }
        upkeep.replaced.extend(dead_blocks);
        upkeep.replaced.extend(dead_tiers);
        self.bury(upkeep);
        self.prune_tombstones(upkeep);
        self.measure_blocks();
        Ok(())
    }
}
