//! Upkeep: what changes the files while the store lives: flushes, merges, retention, deletions,
//! snapshots.

use std::path::PathBuf;

use model::is_stale_marker;
use storage::Series;
use tsdb::{Db, DeleteError};

use super::checks::{difference, list, without};
use super::floors::Floors;
use super::settings::{DIR, keeping_all};
use super::{Outcome, Simulator, everything};

/// A snapshot and what it holds.
#[derive(Debug)]
pub(super) struct Copy {
    path: PathBuf,
    content: Vec<Series>,
    /// What was hidden when it was made.
    floors: Floors,
    /// It was said to be there.
    is_sure: bool,
}

impl Simulator {
    /// Says whether it succeeded.
    pub(super) fn flush(&mut self) -> Result<bool, String> {
        let now_ms = self.now_ms();
        let result = self.db().flush(now_ms);
        self.note(&format!("{result:?}"));
        self.report.n_flushes += u64::from(result.is_ok());
        if result.is_ok() {
            self.settle_flushed()?;
        }
        Ok(result.is_ok())
    }

    /// What is seen now is in blocks.
    fn settle_flushed(&mut self) -> Outcome {
        self.poll_commits()?;
        let seen = self.all_there_is(&everything(&self.reference)?)?;
        self.history.settle_flushed(&seen);
        Ok(())
    }

    pub(super) fn compact(&mut self) {
        let now_ms = self.now_ms();
        for _ in 0..self.rng.below(4) + 1 {
            self.compact_once(now_ms);
        }
    }

    /// Says whether there is perhaps more to do.
    pub(super) fn compact_once(&mut self, now_ms: i64) -> bool {
        let n_before = self.db().meter().rollups.get();
        let result = self.db().compact(now_ms);
        let n_rolled = self.db().meter().rollups.get() - n_before;
        self.note(&format!("{result:?}"));
        self.report.n_rollups += n_rolled;
        self.report.n_compactions += u64::from(matches!(result, Ok(true)) && n_rolled == 0);
        matches!(result, Ok(true))
    }

    pub(super) fn enforce_retention(&mut self) -> Outcome {
        let is_bounded = self.config().retention_size_bytes.is_some();
        // What size takes is only known where everything is in blocks and nothing in doubt.
        if is_bounded && !(self.flush()? && self.history.has_no_doubt()) {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let n_before = self.db().meter().oversize_blocks.get();
        let result = self.db().enforce_retention(now_ms);
        self.note(&format!("{result:?}"));
        self.raise_floors();
        self.report.n_retentions += 1;
        if is_bounded && result.is_err() {
            self.history.doubt_everything();
        }
        match self.db().meter().oversize_blocks.get() > n_before {
            true => self.judge_oversize(),
            false => Ok(()),
        }
    }

    /// Size took whole blocks: what is still there is what was there before. A stale marker may
    /// be seen that a value in one of them had beaten.
    fn judge_oversize(&mut self) -> Outcome {
        self.report.n_oversize += 1;
        let (found, before) = (everything(self.db())?, everything(&self.reference)?);
        let mut strange = without(&found, &before);
        for series in &mut strange {
            series.samples.retain(|sample| !is_stale_marker(sample.value));
        }
        strange.retain(|series| !series.samples.is_empty());
        if !strange.is_empty() {
            let mut text = "a bound of size made these appear:\n".to_owned();
            list(&mut text, &strange);
            return Err(text);
        }
        self.history.settle(&found);
        self.adopt(&found)
    }

    /// Raises them as the store does when it is opened and with each pass of retention.
    pub(super) fn raise_floors(&mut self) {
        self.floors.raise(&self.settings.config, self.now_ms());
        let (config, floors) = (&self.settings.config, &self.floors);
        self.reference.retain(|labels, t_ms| floors.keep(config, labels, t_ms));
        // Rollups tell of samples that are too old themselves.
        if !self.settings.has_tiers {
            self.history.retain(|labels, t_ms| floors.keep(config, labels, t_ms));
        }
    }

    pub(super) fn delete(&mut self) -> Outcome {
        if !self.history.has_room_for_doubt() {
            return Ok(());
        }
        let mut what = self.traffic.deletion(self.now_ms());
        if self.settings.has_tiers && !self.prepare_deletion(&mut what) {
            return Ok(());
        }
        let (start_ms, end_ms) = (what.start_ms, what.end_ms);
        let result = self.db().delete_series(&what.matchers, start_ms, end_ms);
        self.note(&format!("{result:?}"));
        match result {
            Ok(()) => {
                self.report.n_deletions += 1;
                self.reference.delete_series(&what.matchers, start_ms, end_ms);
                self.whole.delete_series(&what.matchers, start_ms, end_ms);
                self.history.delete(&what.matchers, start_ms, end_ms);
                self.settle_flushed()
            }
            // Nothing before the next start, then all or nothing.
            Err(DeleteError::Tombstones { .. }) => {
                self.history.delete_perhaps(&what.matchers, start_ms, end_ms);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    pub(super) fn clean_tombstones(&mut self) {
        let result = self.db().clean_tombstones();
        self.note(&format!("{result:?}"));
    }

    pub(super) fn snapshot(&mut self) -> Outcome {
        if !self.remove_copy() {
            return Ok(());
        }
        let name = format!("s{}", self.n_copies);
        self.n_copies += 1;
        let made = self.db().snapshot(Some(&name));
        self.note(&format!("{made:?}"));
        self.copy = Some(Copy {
            path: PathBuf::from(DIR).join("snapshots").join(name),
            content: everything(&self.reference)?,
            floors: self.floors.clone(),
            is_sure: made.is_ok(),
        });
        if made.is_err() {
            return Ok(());
        }
        if self.settings.has_tiers {
            // It has flushed everything, so samples may go from now on.
            self.settle_flushed()?;
        }
        self.check_copy()
    }

    /// Makes room for the next snapshot; a disk that fails may keep the old one.
    fn remove_copy(&mut self) -> bool {
        let disk = &self.world.env.disk;
        let is_gone = |copy: &Copy| {
            let removed = disk.remove_dir_all(&copy.path);
            removed.is_ok_and(|()| true) || !self.is_there(copy)
        };
        let is_gone = self.copy.as_ref().is_none_or(is_gone);
        if is_gone {
            self.copy = None;
        }
        is_gone
    }

    fn is_there(&self, copy: &Copy) -> bool {
        let folder = PathBuf::from(DIR).join("snapshots");
        let found = self.world.env.disk.list_dirs(&folder).unwrap_or_default();
        found.contains(&copy.path)
    }

    /// A snapshot is a store of its own, whole or absent.
    pub(super) fn check_copy(&mut self) -> Outcome {
        let Some(copy) = &self.copy else { return Ok(()) };
        if self.is_disk_broken || self.world.disk.is_stopped() {
            return Ok(());
        }
        if !self.is_there(copy) {
            return match copy.is_sure && !self.world.disk.is_stopped() {
                true => Err(format!("the snapshot {} is gone", copy.path.display())),
                false => Ok(()),
            };
        }
        let opened = Db::open(keeping_all(&copy.path), &self.world.env);
        let db = match opened {
            Ok(db) => db,
            Err(_) if self.world.disk.is_stopped() => return Ok(()),
            Err(error) => return Err(format!("a snapshot does not open: {error}")),
        };
        let mut found = everything(db.as_ref())?;
        drop(db);
        if self.world.disk.is_stopped() {
            return Ok(());
        }
        for series in &mut found {
            let keeps = |sample: &model::Sample| {
                copy.floors.keep(&self.settings.config, &series.labels, sample.t_ms)
            };
            series.samples.retain(keeps);
        }
        found.retain(|series| !series.samples.is_empty());
        self.report.n_snapshots += 1;
        match difference(&found, &copy.content) {
            Some(what) => Err(format!("{what}\nin the snapshot {}", copy.path.display())),
            None => Ok(()),
        }
    }
}
