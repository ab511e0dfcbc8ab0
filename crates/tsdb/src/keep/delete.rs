//! Delete: samples of series that match, in a range of time.
//!
//! A deletion concerns blocks alone: what is in memory is flushed first, then a tombstone hides the
//! samples of every epoch up to that flush. What is written later, even at the same times, belongs
//! to later epochs and is seen. The tombstone is durable before it is in force. Every rewrite of a
//! block leaves out what it hides; when no block holds such a sample any more, the tombstone goes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::Matcher;
use storage::Select;

use crate::block::{Block, Search};
use crate::db::{Core, Db, Upkeep};
use crate::keep::tombstones::{self, TOMBSTONES_MAX, Tombstone};
use crate::{DeleteError, FlushError};

impl Db {
    /// Deletes the samples within these times (Unix milliseconds, both included) of all series
    /// that match. They are gone from queries, for good, when it returns; the disk is freed as
    /// blocks are rewritten.
    ///
    /// # Errors
    /// Nothing or everything of it happened, and nothing is deleted before the next start.
    pub fn delete_series(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), DeleteError> {
        self.core.delete_series(matchers, start_ms, end_ms)
    }

    /// Rewrites every block that holds deleted samples, and says how many there were.
    ///
    /// # Errors
    /// Some blocks are not rewritten; the deleted samples in them stay hidden.
    pub fn clean_tombstones(&self) -> Result<u64, DeleteError> {
        self.core.clean_tombstones()
    }
}

impl Core {
    /// See [`Db::delete_series`].
    pub(crate) fn delete_series(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), DeleteError> {
        if matchers.is_empty() {
            return Err(DeleteError::NoMatcher);
        }
        let mut upkeep = self.upkeep.lock();
        // The epoch is later than all that tiers know: so what they know was not deleted.
        self.flush_all_into_blocks(&mut upkeep, self.env.clock.now_ms())
            .map_err(DeleteError::Flush)?;
        let epoch = u64::from(self.flushed_epoch.load(Ordering::Acquire));
        let tombstone = Tombstone { epoch, start_ms, end_ms, matchers: matchers.to_vec() };
        if !tombstone.fits() {
            return Err(DeleteError::TooLong);
        }
        let mut all = self.hiding.tombstones().to_vec();
        all.retain(|known| self.is_needed(known));
        if all.len() >= TOMBSTONES_MAX {
            return Err(DeleteError::TooMany { max: TOMBSTONES_MAX });
        }
        if self.is_needed(&tombstone) {
            all.push(Arc::new(tombstone));
        }
        self.set_tombstones(all)?;
        self.forget_empty_series(matchers);
        drop(upkeep);
        Ok(())
    }

    /// See [`Db::clean_tombstones`]. Others may work between two blocks.
    pub(crate) fn clean_tombstones(&self) -> Result<u64, DeleteError> {
        let mut n_rewritten = 0;
        loop {
            let mut upkeep = self.upkeep.lock();
            let tombstones = self.hiding.tombstones();
            let blocks = self.blocks.read().clone();
            let is_touched =
                |block: &&Arc<Block>| tombstones.iter().any(|one| self.touches(one, block));
            let touched = blocks.iter().find(is_touched).cloned();
            drop(blocks);
            let touched_tier = || tombstones.iter().find_map(|one| self.touched_tier(one));
            let rewritten = match touched {
                Some(block) => self.rewrite(&mut upkeep, vec![block]),
                None => match touched_tier() {
                    Some(block) => self.clean_tier(&mut upkeep, &block),
                    None => {
                        self.drop_tombstones()?;
                        return Ok(n_rewritten);
                    }
                },
            };
            rewritten.map_err(DeleteError::Rewrite)?;
            n_rewritten += 1;
        }
    }

    /// Everything that was appended before the call is in blocks when it returns.
    pub(crate) fn flush_all(&self) -> Result<(), FlushError> {
        self.flush(self.env.clock.now_ms())
    }

    /// Lets tombstones go that hide nothing any more. Whoever changed the blocks calls it.
    pub(crate) fn prune_tombstones(&self, _upkeep: &Upkeep) {
        // What stays hides nothing; the next change of the blocks tries again.
        let _stays = self.drop_tombstones();
    }

    fn drop_tombstones(&self) -> Result<(), DeleteError> {
        let before = self.hiding.tombstones();
        let mut needed = before.to_vec();
        needed.retain(|tombstone| self.is_needed(tombstone));
        if needed.len() < before.len() {
            self.set_tombstones(needed)?;
        }
        Ok(())
    }

    /// Durable first, then in force.
    fn set_tombstones(&self, tombstones: Vec<Arc<Tombstone>>) -> Result<(), DeleteError> {
        if tombstones[..] != self.hiding.tombstones()[..] {
            self.write_tombstones(&tombstones).map_err(|cause| {
                let path = tombstones::path(&self.dir);
                DeleteError::Tombstones { path, cause }
            })?;
            self.meter.tombstones.set(tombstones.len() as i64);
            // No query sees the deletion in one block and not in another.
            let readers = self.blocks.write();
            self.hiding.set_tombstones(tombstones);
            drop(readers);
        }
        Ok(())
    }

    fn write_tombstones(&self, tombstones: &[Arc<Tombstone>]) -> io::Result<()> {
        let written = tombstones::write(tombstones, &self.dir, self.env.disk.as_ref());
        self.hiding.is_file_unsure.store(written.is_err(), Ordering::Release);
        written
    }

    /// Makes sure that the next start finds the deletions that are in force and no others. A block
    /// that was written without one that failed, and yet comes back, would not be reached by it:
    /// it would delete a part.
    pub(crate) fn settle_tombstones(&self) -> io::Result<()> {
        match self.hiding.is_file_unsure.load(Ordering::Acquire) {
            true => self.write_tombstones(&self.hiding.tombstones()),
            false => Ok(()),
        }
    }

    fn is_needed(&self, tombstone: &Tombstone) -> bool {
        self.blocks.read().iter().any(|block| self.touches(tombstone, block))
            || self.touched_tier(tombstone).is_some()
    }

    /// Whether a block holds a sample that the tombstone hides, or cannot be read where one may be.
    /// One that is too old to be seen counts too: it may still be rolled up, and a store that is
    /// told to keep more sees it again.
    fn touches(&self, tombstone: &Tombstone, block: &Arc<Block>) -> bool {
        let (start_ms, end_ms) = (tombstone.start_ms, tombstone.end_ms);
        let select = Select::floats(tombstone.matchers.clone(), start_ms, end_ms);
        tombstone.reaches(&block.info()) && block.has_sample(&select) != Search::Absent
    }

    /// Takes series out of memory that have no samples there: their labels are listed by the
    /// blocks that have some, if any has.
    pub(crate) fn forget_empty_series(&self, matchers: &[Matcher]) {
        self.forget_idle(matchers, i64::MAX);
    }
}
