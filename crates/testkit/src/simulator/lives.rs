//! Lives: how the store ends and begins again, and what must be there then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::{Labels, Sample};
use storage::memory::MemoryStore;
use storage::{Appender, Row, Series};
use tsdb::{Db, Health, Importer};

use super::history::Stop;
use super::settings::DIR;
use super::{Outcome, Simulator, everything};

/// Failures of a store that cannot be opened, before the simulator gives in and mends the disk.
const OPENS_MAX: usize = 5;
/// Memory of an import: small, so that it has several runs.
const IMPORT_BYTES: usize = 4000;

impl Simulator {
    /// The disk says that the process is stopped; what stopped it is decided now.
    pub(super) fn stop(&mut self) -> Outcome {
        if self.rng.per_mille(500) { self.kill() } else { self.cut_power() }
    }

    pub(super) fn cut_power(&mut self) -> Outcome {
        self.abandon()?;
        self.crash();
        self.probe_rot()?;
        self.reopen(false)
    }

    /// The process dies, the machine does not: what it wrote is still seen, synced or not.
    pub(super) fn kill(&mut self) -> Outcome {
        self.report.n_kills += 1;
        self.abandon()?;
        self.world.disk.restart();
        self.probe_rot()?;
        self.reopen(true)
    }

    /// An import between two lives; it may be stopped in its middle.
    pub(super) fn import(&mut self) -> Outcome {
        self.abandon()?;
        self.world.disk.restart();
        let mut rows = self.traffic.old_rows(self.now_ms());
        if self.settings.has_tiers {
            // Older ones are not seen, and are rolled up all the same.
            let mut floors = self.floors.clone();
            floors.raise(self.config(), self.now_ms());
            rows.retain(|row| floors.keep(self.config(), &row.labels, row.sample.t_ms));
        }
        if self.rng.per_mille(300) {
            self.plan_stop();
        }
        let imported = self.run_import(&rows);
        // The import has begun and ended a process of its own.
        self.history.begin_process(false);
        let batch = self.note_rows(&mut rows);
        match imported {
            Ok(()) => {
                self.history.acknowledge(batch);
                self.report.n_imports += 1;
            }
            Err(reason) => self.note(&reason),
        }
        if self.world.disk.is_stopped() && self.rng.per_mille(500) {
            self.crash();
        } else {
            self.world.disk.restart();
        }
        self.reopen(true)
    }

    fn run_import(&self, rows: &[Row]) -> Result<(), String> {
        let mut series: BTreeMap<&Labels, Vec<Sample>> = BTreeMap::new();
        for row in rows {
            series.entry(&row.labels).or_default().push(row.sample);
        }
        let text = |error: tsdb::ImportError| error.to_string();
        let opened = Importer::open(Path::new(DIR), &self.world.env, IMPORT_BYTES);
        let mut importer = opened.map_err(text)?;
        for (labels, samples) in series {
            importer.add(labels, &samples).map_err(text)?;
        }
        importer.finish().map(drop).map_err(text)
    }

    fn crash(&mut self) {
        self.history.begin_process(false);
        self.report.n_power_cuts += 1;
        self.world.disk.crash();
        self.is_disk_broken = false;
        self.is_cut = true;
    }

    /// Commits that have resolved count; those that have not never will.
    fn abandon(&mut self) -> Outcome {
        self.poll_commits()?;
        self.waiting.clear();
        let has_failed_sync = self.db.as_ref().is_some_and(|db| n_failed_syncs(db) > 0);
        self.history.end_process(has_failed_sync);
        self.db = None;
        Ok(())
    }

    /// Opens the store, judges what came back and continues the reference from there.
    pub(super) fn reopen(&mut self, writes_while_cold: bool) -> Outcome {
        let db = self.open()?;
        self.raise_floors();
        let after = if self.is_cut { Stop::PowerCut } else { Stop::Kill };
        self.complete_tiers(after)?;
        // After a power cut what is there must be told from what is written meanwhile.
        if writes_while_cold && !self.is_cut {
            self.write_while_cold(&db)?;
        }
        if let Err(error) = db.warm() {
            // Nothing of the disk's ever fails to be read here, but it may be stopped.
            return Err(format!("what is on disk does not come back: {error}"));
        }
        check_recovery(&db)?;
        let found = everything(db.as_ref())?;
        let (config, floors) = (&self.settings.config, &self.floors);
        let keeps = |labels: &Labels, t_ms| floors.keep(config, labels, t_ms);
        let judged = self.history.judge(&found, after, &keeps);
        judged.map_err(|what| format!("{what}\nrecovered: {:?}", db.meter().recovery))?;
        if std::mem::take(&mut self.is_cut) {
            // What is there after a power cut is durable, acknowledged or not.
            let all = self.all_there_is(&found)?;
            self.history.settle(&all);
        }
        self.adopt(&found)?;
        self.trace.write(&found.len().to_le_bytes());
        self.db = Some(db);
        self.compare_all_rollups()?;
        self.check_copy()
    }

    /// The reference continues from here.
    pub(super) fn adopt(&mut self, found: &[Series]) -> Outcome {
        self.reference = store_of(found)?;
        Ok(())
    }

    /// What is written before the log is read must fit what comes out of it.
    fn write_while_cold(&mut self, db: &Arc<Db>) -> Outcome {
        self.db = Some(Arc::clone(db));
        for _ in 0..self.rng.below(3) {
            self.append()?;
            if self.rng.per_mille(500) {
                self.commit();
            }
        }
        self.poll_commits()?;
        self.db = None;
        Ok(())
    }

    /// Opening may be stopped in the middle too; then the power was cut.
    fn open(&mut self) -> Result<Arc<Db>, String> {
        for _ in 0..OPENS_MAX {
            match Db::open(self.config().clone(), &self.world.env) {
                Ok(db) => {
                    let is_synced = n_failed_syncs(&db) == 0 && db.health() == Health::Writable;
                    self.history.begin_process(is_synced);
                    return Ok(db);
                }
                Err(error) => {
                    self.note(&error.to_string());
                    // A sync may have failed that nobody has counted.
                    self.history.begin_process(false);
                    match self.world.disk.is_stopped() {
                        true => self.crash(),
                        false => self.make_sound(),
                    }
                }
            }
        }
        Err("the store does not open on a sound disk".to_owned())
    }
}

/// A store in memory that has exactly this.
pub(super) fn store_of(all: &[Series]) -> Result<MemoryStore, String> {
    let store = MemoryStore::default();
    for series in all {
        let row = |sample: &Sample| Row { labels: series.labels.clone(), sample: *sample };
        let appended = store.append(series.samples.iter().map(row).collect());
        appended.map(drop).map_err(|error| error.to_string())?;
    }
    Ok(store)
}

fn n_failed_syncs(db: &Db) -> u64 {
    db.meter().sync_failures.get()
}

/// Nothing that was durable is missed on a disk that keeps its promises.
fn check_recovery(db: &Db) -> Outcome {
    let recovery = &db.meter().recovery;
    let missing = [
        recovery.missing_frames.get(),
        recovery.missing_segments.get(),
        recovery.missing_blocks.get(),
        recovery.quarantined_blocks.get(),
        recovery.damaged_tombstones.get(),
    ];
    if missing == [0; 5] {
        return Ok(());
    }
    let kinds = "frames, segments, blocks, whole blocks, deletions";
    Err(format!("of [{kinds}] {missing:?} that were durable are missing"))
}
