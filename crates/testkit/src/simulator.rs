//! The crash simulator: a run of random operations over the sample store, on a disk that fails
//! and forgets, against the reference store in memory. The same seed makes the same run.
//!
//! While the store lives, every answer equals the reference's. After a power cut or a kill, what
//! came back is judged by [`History`]: everything promised is there to the bit, nothing is there
//! that was never appended or that was deleted. Then the reference continues from what came back.
//!
//! In one seed of four the files rot, too: between two lives a copy of the disk is damaged, and
//! what a store makes of it is judged apart, see `rot`. In another one the store keeps rollups, which
//! must be those of everything that it ever took and that was not deleted, see `tiers`.

mod batch;
mod checks;
mod disguise;
mod floors;
mod history;
mod lives;
mod rot;
mod settings;
mod tiers;
mod traffic;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use stdx::Clock as _;
use storage::memory::MemoryStore;
use storage::{AppendError, Appender, Commit, Querier, Row, SeriesLimits};
use tsdb::{Config, Db, Durability, Health};

use crate::disk::Fnv;
use crate::{Faults, Rng, SimWorld, sim_env};
use batch::SpelledBatch;
use checks::everything;
use floors::Floors;
use history::{BatchId, History};
use rot::Ever;
use settings::Settings;
use traffic::Traffic;
use upkeep::Copy;

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Operations in one run.
    pub n_steps: usize,
    /// Changes the store's settings before it is opened.
    pub adjust: fn(&mut Config),
}

impl Default for Options {
    fn default() -> Self {
        Self { n_steps: 300, adjust: |_| {} }
    }
}

/// What a run did. Two runs of one seed give equal reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Differs when anything in the run differs: operations, answers, bytes on disk.
    pub trace_hash: u64,
    /// Samples whose commit resolved well.
    pub n_acknowledged: usize,
    /// Batches whose commit failed.
    pub n_failed_commits: usize,
    /// Appends that were refused.
    pub n_refused: usize,
    /// Power cuts.
    pub n_power_cuts: usize,
    /// Kills.
    pub n_kills: usize,
    /// Selections compared.
    pub n_selects: usize,
    /// Passes of retention.
    pub n_retentions: usize,
    /// Flushes that succeeded.
    pub n_flushes: u64,
    /// Merges of blocks.
    pub n_compactions: u64,
    /// Deletions that succeeded.
    pub n_deletions: usize,
    /// Snapshots that were opened and compared.
    pub n_snapshots: usize,
    /// Imports that succeeded.
    pub n_imports: usize,
    /// Passes of retention that dropped something for size.
    pub n_oversize: usize,
    /// Damaged copies of the disk that were judged.
    pub n_damaged: usize,
    /// Those of them that had lost something.
    pub n_losses: usize,
    /// Rows of statistics that were written.
    pub n_rollups: u64,
    /// Comparisons of rollups.
    pub n_rollup_checks: usize,
    /// Samples of which there were only rollups after a stop, each time.
    pub n_outlived: usize,
    /// Stops in the middle of rolling up.
    pub n_rolls_stopped: usize,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, more: Self) {
        self.trace_hash ^= more.trace_hash;
        self.n_acknowledged += more.n_acknowledged;
        self.n_failed_commits += more.n_failed_commits;
        self.n_refused += more.n_refused;
        self.n_power_cuts += more.n_power_cuts;
        self.n_kills += more.n_kills;
        self.n_selects += more.n_selects;
        self.n_retentions += more.n_retentions;
        self.n_flushes += more.n_flushes;
        self.n_compactions += more.n_compactions;
        self.n_deletions += more.n_deletions;
        self.n_snapshots += more.n_snapshots;
        self.n_imports += more.n_imports;
        self.n_oversize += more.n_oversize;
        self.n_damaged += more.n_damaged;
        self.n_losses += more.n_losses;
        self.n_rollups += more.n_rollups;
        self.n_rollup_checks += more.n_rollup_checks;
        self.n_outlived += more.n_outlived;
        self.n_rolls_stopped += more.n_rolls_stopped;
    }
}

/// What the store did wrong.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Replays the run.
    pub seed: u64,
    /// After how many operations.
    pub step: usize,
    /// What was found.
    pub what: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, step, what } = self;
        write!(f, "{what}\nat step {step}; replay with SIM_SEED={seed}")
    }
}

/// Runs one seed.
///
/// # Errors
/// The first thing that the store did wrong.
pub fn run(seed: u64, options: &Options) -> Result<Report, Failure> {
    let mut simulator = Simulator::new(seed, options);
    for step in 0..options.n_steps {
        let failure = |what| Failure { seed, step, what };
        simulator.step().map_err(failure)?;
    }
    let failure = |what| Failure { seed, step: options.n_steps, what };
    simulator.cut_power().map_err(failure)?;
    simulator.report.trace_hash = simulator.trace.finish();
    Ok(simulator.report)
}

/// After so many operations the whole disk goes into the trace.
const STEPS_PER_TRACE: usize = 10;

struct Simulator {
    rng: Rng,
    world: SimWorld,
    settings: Settings,
    traffic: Traffic,
    /// `None` only while it is being opened again.
    db: Option<Arc<Db>>,
    reference: MemoryStore,
    /// Where there are rollups, everything that was not deleted, however old it is.
    whole: MemoryStore,
    history: History,
    /// Everything that was ever written, where files rot.
    ever: Ever,
    waiting: Vec<(BatchId, Commit)>,
    floors: Floors,
    /// The snapshot that is looked at after each stop.
    copy: Option<Copy>,
    n_copies: usize,
    /// Whether faults are on.
    is_disk_broken: bool,
    /// Whether the power was cut since the store was last open.
    is_cut: bool,
    n_steps: usize,
    trace: Fnv,
    report: Report,
}

type Outcome = Result<(), String>;

impl Simulator {
    fn new(seed: u64, options: &Options) -> Self {
        let mut rng = Rng::new(seed);
        let mut settings = Settings::of(seed, &mut rng);
        (options.adjust)(&mut settings.config);
        Self {
            traffic: Traffic::new(Rng::new(rng.next_u64()), &settings),
            rng,
            world: sim_env(seed),
            settings,
            db: None,
            reference: MemoryStore::default(),
            whole: MemoryStore::default(),
            history: History::default(),
            ever: Ever::default(),
            waiting: Vec::new(),
            floors: Floors::default(),
            copy: None,
            n_copies: 0,
            is_disk_broken: false,
            is_cut: false,
            n_steps: 0,
            trace: Fnv::default(),
            report: Report::default(),
        }
    }

    fn step(&mut self) -> Outcome {
        if self.db.is_none() {
            self.reopen(true)?;
        }
        let has_tiers = self.settings.has_tiers;
        match self.rng.below(1000) {
            _ if has_tiers && self.rng.per_mille(100) => self.tier_step()?,
            0..300 => self.append()?,
            300..390 => self.append_batch()?,
            390..600 => self.commit(),
            600..690 => self.compare_select()?,
            690..715 => self.compare_label_values()?,
            715..735 => self.compare_label_names()?,
            735..780 => self.pass_time(),
            780..805 => self.enforce_retention()?,
            805..835 => {
                self.flush()?;
                self.compact();
            }
            835..855 => self.delete()?,
            855..862 => self.clean_tombstones(),
            862..872 => self.snapshot()?,
            872..895 => self.break_disk(),
            895..935 => self.mend_disk()?,
            935..958 => self.plan_stop(),
            958..980 => self.kill()?,
            980..985 => self.import()?,
            _ => self.cut_power()?,
        }
        self.poll_commits()?;
        if self.world.disk.is_stopped() {
            self.stop()?;
        }
        self.n_steps += 1;
        if self.n_steps.is_multiple_of(STEPS_PER_TRACE) {
            self.trace.write(&self.world.disk.fingerprint().to_le_bytes());
        }
        Ok(())
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("a step begins with an open store")
    }

    fn config(&self) -> &Config {
        &self.settings.config
    }

    fn now_ms(&self) -> i64 {
        self.world.clock.now_ms()
    }

    fn append(&mut self) -> Outcome {
        let rows = self.traffic.rows(self.now_ms());
        // A histogram that is refused is left out alone, a row with all others.
        let appended = match self.config().series == SeriesLimits::default() {
            true => disguise::append(self.db(), &rows),
            false => self.db().append(rows.clone()),
        };
        match appended {
            Ok(commit) => self.took(rows, commit),
            Err(error) => self.refused(&error),
        }
    }

    fn append_batch(&mut self) -> Outcome {
        let mut rows = self.traffic.rows(self.now_ms());
        if self.rng.per_mille(700) {
            // Some series have several samples, some come again later.
            rows.sort_by(|a, b| a.labels.cmp(&b.labels));
            let n_rows = rows.len();
            rows.rotate_left(self.rng.index(n_rows));
        }
        let batch = SpelledBatch::new(rows, &mut self.rng);
        match self.db().append_batch(&batch) {
            Ok(appended) => {
                let rejected: Vec<usize> = appended.rejected.iter().map(|r| r.index).collect();
                self.expect_limits(!rejected.is_empty())?;
                self.took(batch.rows_without(&rejected), appended.commit)
            }
            Err(error) => self.refused(&error),
        }
    }

    /// The store has taken these.
    fn took(&mut self, mut rows: Vec<Row>, commit: Commit) -> Outcome {
        if let Some(max) = self.config().series.total {
            let n_series = self.db().cardinality(0).map_or(0, |cardinality| cardinality.n_series);
            if n_series as u64 > max {
                return Err(format!("{n_series} series where {max} may be"));
            }
        }
        let batch = self.note_rows(&mut rows);
        self.waiting.push((batch, commit));
        if self.settings.has_tiers {
            self.whole.append(rows.clone()).map_err(|error| error.to_string())?;
        }
        let appended = self.reference.append(rows);
        appended.map(drop).map_err(|error| error.to_string())
    }

    /// Leaves those in rows that are kept: what is too old is taken and forgotten at once.
    fn note_rows(&mut self, rows: &mut Vec<Row>) -> BatchId {
        let (config, floors) = (&self.settings.config, &self.floors);
        if self.settings.rots {
            self.ever.add(rows);
        }
        rows.retain(|row| floors.keep(config, &row.labels, row.sample.t_ms));
        self.history.append(rows)
    }

    fn refused(&mut self, error: &AppendError) -> Outcome {
        self.report.n_refused += 1;
        self.note(&error.to_string());
        self.expect_limits(matches!(error, AppendError::Refused { .. }))
    }

    fn expect_limits(&self, is_refused: bool) -> Outcome {
        match is_refused && self.config().series == storage::SeriesLimits::default() {
            true => Err("a series was refused, and there is no limit".to_owned()),
            false => Ok(()),
        }
    }

    fn commit(&mut self) {
        let health = self.db().commit_once();
        if health == Health::Writable {
            let now = self.world.clock.monotonic();
            self.history.age(now);
        }
        self.note(&format!("{health:?}"));
    }

    fn poll_commits(&mut self) -> Outcome {
        let mut still_waiting = Vec::new();
        let now = self.world.clock.monotonic();
        for (batch, mut commit) in std::mem::take(&mut self.waiting) {
            match commit.poll_now() {
                None => still_waiting.push((batch, commit)),
                Some(Ok(())) => {
                    self.report.n_acknowledged += match self.config().durability {
                        Durability::Sync => self.history.acknowledge(batch),
                        Durability::Async => self.history.acknowledge_written(batch, now),
                    };
                }
                Some(Err(error)) => {
                    self.report.n_failed_commits += 1;
                    self.note(&error.reason);
                }
            }
        }
        self.waiting = still_waiting;
        Ok(())
    }

    fn pass_time(&mut self) {
        let time = Duration::from_millis(self.rng.below(self.settings.pass_ms_max));
        self.world.clock.advance(time);
    }

    fn break_disk(&mut self) {
        self.is_disk_broken = true;
        if self.rng.per_mille(400) {
            let free_bytes = self.rng.below(3000);
            self.world.disk.set_free_bytes(Some(free_bytes));
        } else {
            let mut often = || [0, 50, 500, 1000][self.rng.index(4)];
            let (append, sync, names) = (often(), often(), often());
            self.world.disk.set_faults(Faults { append, sync, names, read: 0 });
        }
    }

    fn make_sound(&mut self) {
        self.is_disk_broken = false;
        self.world.disk.set_free_bytes(None);
        self.world.disk.set_faults(Faults::default());
    }

    /// A mended disk is noticed by the next step of the committer.
    fn mend_disk(&mut self) -> Outcome {
        self.make_sound();
        let health = self.db().commit_once();
        if health == Health::Writable || self.world.disk.is_stopped() {
            return Ok(());
        }
        Err(format!("the disk works again and the store is {health:?}"))
    }

    /// The process will be stopped in the middle of something.
    fn plan_stop(&mut self) {
        let n_writes = self.rng.below(30) + 1;
        self.world.disk.stop_after(n_writes);
    }

    fn note(&mut self, what: &str) {
        self.trace.write(what.as_bytes());
    }
}
