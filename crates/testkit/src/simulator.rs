//! The crash simulator: a run of random operations over the sample store, on a disk that fails
//! and forgets, against the reference store in memory. The same seed makes the same run.
//!
//! While the store lives, every answer equals the reference's. After a power cut or a kill, what
//! came back is judged by [`History`]: everything acknowledged is there to the bit, nothing is
//! there that was never appended. Then the reference continues from what came back.

mod disguise;
mod history;
mod traffic;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use model::Sample;
use stdx::Clock as _;
use storage::memory::MemoryStore;
use storage::{Appender, Commit, Querier, Row, Select, SelectError, Series};
use tsdb::{Config, Db, Driver, Health};

use crate::disk::Fnv;
use crate::{Faults, Rng, SimWorld, sim_env};
use history::{BatchId, History};
use traffic::Traffic;

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

/// Retention of the simulated store.
const RETENTION: Duration = Duration::from_secs(1800);
/// Failures of a store that cannot be opened, before the simulator gives in and mends the disk.
const OPENS_MAX: usize = 5;

struct Simulator {
    rng: Rng,
    world: SimWorld,
    config: Config,
    traffic: Traffic,
    /// `None` only while it is being opened again.
    db: Option<Arc<Db>>,
    reference: MemoryStore,
    history: History,
    waiting: Vec<(BatchId, Commit)>,
    floor_ms: i64,
    trace: Fnv,
    report: Report,
}

type Outcome = Result<(), String>;

impl Simulator {
    fn new(seed: u64, options: &Options) -> Self {
        let world = sim_env(seed);
        let mut rng = Rng::new(seed);
        let mut config = Config::new("/data/pharos");
        config.driver = Driver::Manual;
        config.retention = Some(RETENTION);
        // After a power cut the newest sample may be older than that: the clock is right.
        config.doubt_clock_for = Duration::ZERO;
        config.segment_bytes_max = 200 + rng.below(4000);
        config.pending_bytes_max = 20_000;
        (options.adjust)(&mut config);
        Self {
            traffic: Traffic::new(Rng::new(rng.next_u64())),
            rng,
            world,
            config,
            db: None,
            reference: MemoryStore::default(),
            history: History::default(),
            waiting: Vec::new(),
            floor_ms: i64::MIN,
            trace: Fnv::default(),
            report: Report::default(),
        }
    }

    fn step(&mut self) -> Outcome {
        if self.db.is_none() {
            self.reopen(true)?;
        }
        match self.rng.below(100) {
            0..40 => self.append()?,
            40..62 => self.commit(),
            62..72 => self.compare_select()?,
            72..75 => self.compare_label_values()?,
            75..79 => self.pass_time(),
            79..82 => self.enforce_retention(),
            82..84 => {
                self.flush();
                self.compact();
            }
            84..87 => self.break_disk(),
            87..91 => self.mend_disk()?,
            91..94 => self.plan_stop(),
            94..97 => self.kill()?,
            _ => self.cut_power()?,
        }
        self.poll_commits()?;
        if self.world.disk.is_stopped() {
            if self.rng.per_mille(500) {
                self.kill()?;
            } else {
                self.cut_power()?;
            }
        }
        self.trace.write(&self.world.disk.fingerprint().to_le_bytes());
        Ok(())
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("a step begins with an open store")
    }

    fn now_ms(&self) -> i64 {
        self.world.clock.now_ms()
    }

    fn append(&mut self) -> Outcome {
        let rows = self.traffic.rows(self.now_ms());
        match disguise::append(self.db(), &rows) {
            Ok(commit) => {
                // What is older than retention is taken and forgotten at once.
                let is_kept = |row: &Row| row.sample.t_ms >= self.floor_ms;
                let kept: Vec<Row> = rows.into_iter().filter(is_kept).collect();
                let batch = self.history.append(&kept);
                self.waiting.push((batch, commit));
                let appended = self.reference.append(kept);
                appended.map(drop).map_err(|error| error.to_string())
            }
            Err(error) => {
                self.report.n_refused += 1;
                self.note(&error.to_string());
                Ok(())
            }
        }
    }

    fn commit(&mut self) {
        let health = self.db().commit_once();
        self.note(&format!("{health:?}"));
    }

    fn poll_commits(&mut self) -> Outcome {
        let mut still_waiting = Vec::new();
        for (batch, mut commit) in std::mem::take(&mut self.waiting) {
            match commit.poll_now() {
                None => still_waiting.push((batch, commit)),
                Some(Ok(())) => {
                    self.report.n_acknowledged += self.history.acknowledge(batch);
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

    fn compare_select(&mut self) -> Outcome {
        let select = self.traffic.select(self.now_ms());
        let found = read(self.db(), &select)?;
        let expected = read(&self.reference, &select)?;
        self.report.n_selects += 1;
        self.trace.write(&found.len().to_le_bytes());
        match difference(&found, &expected) {
            Some(what) => Err(format!("{what}\nin {select:?}")),
            None => Ok(()),
        }
    }

    fn compare_label_values(&mut self) -> Outcome {
        let name = self.traffic.label_name();
        let matchers = self.traffic.matchers();
        let ask = |querier: &dyn Querier| {
            let values = querier.label_values(&name, &matchers);
            values.map_err(|error| error.to_string())
        };
        let (found, expected) = (ask(self.db())?, ask(&self.reference)?);
        if found == expected {
            return Ok(());
        }
        Err(format!("values of {name} under {matchers:?}: {found:?} instead of {expected:?}"))
    }

    fn pass_time(&mut self) {
        let time = Duration::from_millis(self.rng.below(600_000));
        self.world.clock.advance(time);
    }

    fn enforce_retention(&mut self) {
        let now_ms = self.now_ms();
        let result = self.db().enforce_retention(now_ms);
        self.note(&format!("{result:?}"));
        self.raise_floor();
        self.report.n_retentions += 1;
    }

    fn flush(&mut self) {
        let now_ms = self.now_ms();
        let result = self.db().flush(now_ms);
        self.note(&format!("{result:?}"));
        self.report.n_flushes += u64::from(result.is_ok());
    }

    fn compact(&mut self) {
        let now_ms = self.now_ms();
        let result = self.db().compact(now_ms);
        self.note(&format!("{result:?}"));
        self.report.n_compactions += u64::from(matches!(result, Ok(true)));
    }

    fn raise_floor(&mut self) {
        let retention = self.config.retention.map(|kept| kept.as_millis() as i64);
        let floor_ms = retention.map_or(i64::MIN, |kept_ms| self.now_ms() - kept_ms);
        self.floor_ms = self.floor_ms.max(floor_ms);
        self.reference.drop_before(self.floor_ms);
        self.history.drop_before(self.floor_ms);
    }

    fn break_disk(&mut self) {
        if self.rng.per_mille(400) {
            let free_bytes = self.rng.below(3000);
            self.world.disk.set_free_bytes(Some(free_bytes));
        } else {
            let mut often = || [0, 50, 500, 1000][self.rng.index(4)];
            self.world.disk.set_faults(Faults { append: often(), sync: often(), names: often() });
        }
    }

    /// A mended disk is noticed by the next step of the committer.
    fn mend_disk(&mut self) -> Outcome {
        self.world.disk.set_free_bytes(None);
        self.world.disk.set_faults(Faults::default());
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

    fn cut_power(&mut self) -> Outcome {
        self.report.n_power_cuts += 1;
        self.abandon()?;
        self.world.disk.crash();
        self.reopen(false)?;
        // What is there after a power cut is durable, acknowledged or not.
        self.history.settle(&everything(self.db())?);
        Ok(())
    }

    /// The process dies, the machine does not: what it wrote is still seen, synced or not.
    fn kill(&mut self) -> Outcome {
        self.report.n_kills += 1;
        self.abandon()?;
        self.world.disk.restart();
        self.reopen(true)
    }

    /// Commits that have resolved count; those that have not never will.
    fn abandon(&mut self) -> Outcome {
        self.poll_commits()?;
        self.waiting.clear();
        self.db = None;
        Ok(())
    }

    /// Opens the store, judges what came back and continues the reference from there.
    fn reopen(&mut self, writes_while_cold: bool) -> Outcome {
        let db = self.open()?;
        self.raise_floor();
        if writes_while_cold {
            self.write_while_cold(&db)?;
        }
        if let Err(error) = db.warm() {
            // Nothing of the disk's ever fails to be read here, but it may be stopped.
            return Err(format!("what is on disk does not come back: {error}"));
        }
        let recovery = &db.meter().recovery;
        let missing = [
            recovery.missing_frames.get(),
            recovery.missing_segments.get(),
            recovery.missing_blocks.get(),
            recovery.quarantined_blocks.get(),
        ];
        if missing != [0; 4] {
            let kinds = "frames, segments, blocks, whole blocks";
            return Err(format!("of [{kinds}] {missing:?} that were durable are missing"));
        }
        let found = everything(db.as_ref())?;
        let judged = self.history.judge(&found);
        judged.map_err(|what| format!("{what}\nrecovered: {recovery:?}"))?;
        self.reference = MemoryStore::default();
        for series in &found {
            let row = |sample: &Sample| Row { labels: series.labels.clone(), sample: *sample };
            let rows = series.samples.iter().map(row).collect();
            let appended = self.reference.append(rows);
            appended.map(drop).map_err(|error| error.to_string())?;
        }
        self.trace.write(&found.len().to_le_bytes());
        self.db = Some(db);
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
            match Db::open(self.config.clone(), &self.world.env) {
                Ok(db) => return Ok(db),
                Err(error) if self.world.disk.is_stopped() => {
                    self.note(&error.to_string());
                    self.report.n_power_cuts += 1;
                    self.world.disk.crash();
                }
                Err(error) => {
                    self.note(&error.to_string());
                    self.world.disk.set_faults(Faults::default());
                    self.world.disk.set_free_bytes(None);
                }
            }
        }
        Err("the store does not open on a sound disk".to_owned())
    }

    fn note(&mut self, what: &str) {
        self.trace.write(what.as_bytes());
    }
}

fn read(querier: &dyn Querier, select: &Select) -> Result<Vec<Series>, String> {
    let set = querier.select(select).map_err(|error| error.to_string())?;
    let plain = |series: Result<Series, SelectError>| {
        disguise::plain(series.map_err(|error| error.to_string())?)
    };
    set.map(plain).collect()
}

fn everything(querier: &dyn Querier) -> Result<Vec<Series>, String> {
    let all = Select::both(Vec::new(), i64::MIN, i64::MAX);
    read(querier, &all)
}

/// How an answer differs from the reference's, if it does.
fn difference(found: &[Series], expected: &[Series]) -> Option<String> {
    let same_samples = |a: &Series, b: &Series| {
        let same = |(a, b): (&Sample, &Sample)| a.same_bits(b);
        a.samples.len() == b.samples.len() && a.samples.iter().zip(&b.samples).all(same)
    };
    let same = |(a, b): (&Series, &Series)| a.labels == b.labels && same_samples(a, b);
    if found.len() == expected.len() && found.iter().zip(expected).all(same) {
        return None;
    }
    let mut what = String::from("found:\n");
    list(&mut what, found);
    what.push_str("expected:\n");
    list(&mut what, expected);
    Some(what)
}

fn list(text: &mut String, series: &[Series]) {
    for Series { labels, samples, .. } in series {
        let _infallible = writeln!(text, "  {labels} {samples:?}");
    }
}
