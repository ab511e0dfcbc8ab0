//! Retention: what is older than its time leaves queries at once and the disk by block. What is
//! still in memory goes when it would be flushed.

use std::sync::atomic::Ordering;

use crate::RetentionError;
use crate::db::{Core, Upkeep};
use crate::manifest;

impl Core {
    /// See [`crate::Db::enforce_retention`].
    pub(crate) fn enforce_retention(&self, now_ms: i64) -> Result<(), RetentionError> {
        if self.config.retention.is_none() {
            return Ok(());
        }
        let mut upkeep = self.upkeep.lock();
        let floor_ms = self.config.floor_ms(now_ms);
        let before = self.floor_ms.fetch_max(floor_ms, Ordering::AcqRel);
        let floor_ms = before.max(floor_ms);
        self.look_for_expired(floor_ms);
        let freed = self.drop_blocks(floor_ms, &mut upkeep);
        freed.inspect_err(|_| self.meter.retention_failures.inc())
    }

    /// Notes whether memory has series that no query should know any more.
    pub(crate) fn look_for_expired(&self, floor_ms: i64) {
        let recovered = self.recovered.read().clone();
        let mut heads = recovered.iter().chain([&self.head]);
        self.has_expired.store(heads.any(|head| head.has_expired(floor_ms)), Ordering::Release);
    }

    fn drop_blocks(&self, floor_ms: i64, upkeep: &mut Upkeep) -> Result<(), RetentionError> {
        let blocks = self.blocks.read().clone();
        let (dead_blocks, blocks): (Vec<_>, Vec<_>) =
            blocks.into_iter().partition(|block| block.info().max_ms < floor_ms);
        if dead_blocks.is_empty() {
            return Ok(());
        }
        let epoch = self.flushed_epoch.load(Ordering::Acquire);
        self.write_manifest(&blocks, epoch, &[])
            .map_err(|cause| RetentionError::Manifest { path: manifest::path(&self.dir), cause })?;
        *self.blocks.write() = blocks;
        upkeep.replaced.extend(dead_blocks);
        self.bury(upkeep);
        self.measure_blocks();
        Ok(())
    }
}
