//! Deleted samples are gone from queries at once and for good, whatever happens to the files; what
//! is written later is not concerned.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Matcher;
use stdx::Disk as _;
use storage::{Appender, Querier, Row, Select};
use testkit::{Faults, Rng, SIM_START_MS, SimWorld, open_warm, row, sim_env};
use tsdb::{Config, Db, DeleteError, Driver, Health, Look, OpenError, inspect_blocks};

const TOMBSTONES: &str = "/data/tombstones.log";

fn open(world: &SimWorld) -> Arc<Db> {
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    open_warm(config, &world.env).unwrap()
}

fn append(db: &Db, rows: Vec<Row>) {
    let commit = db.append(rows).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    commit.wait().unwrap();
}

fn job(name: &str) -> [Matcher; 1] {
    [Matcher::equal("job", name)]
}

/// What a store holds, by job and time after the start.
type Content = BTreeMap<(String, i64), u64>;

fn content(db: &Db) -> Content {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut content = Content::new();
    for series in db.select(&all).unwrap() {
        let series = series.unwrap();
        assert!(!series.samples.is_empty());
        let job = series.labels.get("job").unwrap();
        for sample in series.samples {
            content.insert((job.to_owned(), sample.t_ms - SIM_START_MS), sample.value.to_bits());
        }
    }
    content
}

/// Times of a job, after the start.
fn times(db: &Db, job: &str) -> Vec<i64> {
    content(db).into_keys().filter(|(of, _)| of == job).map(|(_, t_ms)| t_ms).collect()
}

fn jobs(db: &Db) -> Vec<String> {
    db.label_values("job", &[]).unwrap()
}

/// A store with ten samples each of `a` and `b`, half of them in a block.
fn filled(world: &SimWorld) -> Arc<Db> {
    let db = open(world);
    for i in 1..=10 {
        append(&db, ["a", "b"].map(|job| row(job, SIM_START_MS + i, i as f64)).into());
        if i == 5 {
            db.flush(SIM_START_MS).unwrap();
        }
    }
    db
}

/// How many samples are in the block files, hidden or not.
fn on_disk(world: &SimWorld) -> u64 {
    let mut n_samples = 0;
    inspect_blocks(Path::new("/data"), &world.env, Look::Summary, &mut |block| {
        n_samples += block.n_samples;
    })
    .unwrap();
    n_samples
}

#[test]
fn a_deletion_is_seen_at_once_and_survives_a_power_cut() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    let check = |db: &Db| {
        assert_eq!(times(db, "a"), []);
        assert_eq!(times(db, "b"), (1..=10).collect::<Vec<_>>());
        assert_eq!(jobs(db), ["b"]);
        assert_eq!(db.label_values("job", &job("a")).unwrap(), Vec::<String>::new());
        assert_eq!(db.meter().tombstones.get(), 1);
    };
    check(&db);
    drop(db);
    world.disk.crash();
    check(&open(&world));
}

#[test]
fn the_ends_of_the_range_are_deleted_and_what_is_beside_stays() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("a"), SIM_START_MS + 3, SIM_START_MS + 7).unwrap();
    let expected = [1, 2, 8, 9, 10];
    assert_eq!(times(&db, "a"), expected);
    assert_eq!(jobs(&db), ["a", "b"]);
    assert_eq!(db.clean_tombstones().unwrap(), 2);
    assert_eq!(times(&db, "a"), expected);
    assert_eq!(on_disk(&world), 15);
    assert_eq!(db.clean_tombstones().unwrap(), 0);
    // A hole within what a chunk spans is no reason to rewrite it again.
    db.delete_series(&job("a"), SIM_START_MS + 3, SIM_START_MS + 7).unwrap();
    assert_eq!(db.meter().tombstones.get(), 0);
}

#[test]
fn labels_of_a_chunk_that_is_hidden_in_its_middle_or_at_its_ends_are_listed() {
    let world = sim_env(1);
    let db = filled(&world);
    // Deleted in parts, so that no part alone hides a whole chunk.
    for (start, end) in [(1, 2), (4, 7), (9, 10)] {
        db.delete_series(&job("a"), SIM_START_MS + start, SIM_START_MS + end).unwrap();
        assert_eq!(jobs(&db), ["a", "b"]);
    }
    db.delete_series(&job("a"), SIM_START_MS + 3, SIM_START_MS + 3).unwrap();
    db.delete_series(&job("a"), SIM_START_MS + 8, SIM_START_MS + 8).unwrap();
    assert_eq!(jobs(&db), ["b"]);
}

#[test]
fn samples_written_after_a_deletion_are_seen_even_at_the_same_times() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    append(&db, vec![row("a", SIM_START_MS + 4, 44.0)]);
    assert_eq!(times(&db, "a"), [4]);
    db.flush(SIM_START_MS).unwrap();
    assert_eq!(times(&db, "a"), [4]);
    // Enough blocks of one window for a merge across the deletion.
    for i in 20..23 {
        append(&db, vec![row("b", SIM_START_MS + i, 0.0)]);
        db.flush(SIM_START_MS).unwrap();
    }
    assert!(db.compact(SIM_START_MS).unwrap());
    assert_eq!(times(&db, "a"), [4]);
    assert_eq!(db.meter().tombstones.get(), 0, "the merge has left nothing to hide");
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    assert_eq!(times(&db, "a"), []);
}

#[test]
fn samples_written_after_a_deletion_are_seen_when_the_manifest_was_lost() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    db.close().unwrap();
    drop(db);
    for path in world.disk.paths() {
        let is_block = path.extension().is_some_and(|extension| extension == "blk");
        if is_block || path == Path::new("/data/MANIFEST") {
            world.disk.remove(&path).unwrap();
        }
    }
    let db = open(&world);
    append(&db, vec![row("a", SIM_START_MS + 4, 44.0)]);
    db.flush(SIM_START_MS).unwrap();
    assert_eq!(times(&db, "a"), [4]);
}

#[test]
fn clean_takes_deleted_samples_off_the_disk_and_forgets_the_deletion() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    assert_eq!(on_disk(&world), 20);
    assert_eq!(db.clean_tombstones().unwrap(), 2);
    assert_eq!((on_disk(&world), db.meter().tombstones.get()), (10, 0));
    db.delete_series(&job("b"), i64::MIN, i64::MAX).unwrap();
    db.clean_tombstones().unwrap();
    assert_eq!(on_disk(&world), 0);
    drop(db);
    world.disk.crash();
    let db = open(&world);
    assert_eq!(content(&db), Content::new());
    assert_eq!(db.meter().tombstones.get(), 0);
}

#[test]
fn a_deletion_of_nothing_leaves_nothing_behind() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("nobody"), i64::MIN, i64::MAX).unwrap();
    db.delete_series(&job("a"), SIM_START_MS + 11, i64::MAX).unwrap();
    db.delete_series(&job("a"), SIM_START_MS + 5, SIM_START_MS + 4).unwrap();
    assert_eq!(db.meter().tombstones.get(), 0);
    assert!(!world.disk.paths().contains(&PathBuf::from(TOMBSTONES)));
    assert!(matches!(db.delete_series(&[], 0, 1), Err(DeleteError::NoMatcher)));
    let long = "x".repeat(70_000);
    assert!(matches!(db.delete_series(&job(&long), 0, 1), Err(DeleteError::TooLong)));
    assert_eq!(times(&db, "a").len(), 10);
}

#[test]
fn a_query_that_has_begun_goes_on() {
    let world = sim_env(1);
    let db = filled(&world);
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let reader = db.select(&all).unwrap();
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    db.clean_tombstones().unwrap();
    assert_eq!(reader.map(|series| series.unwrap().samples.len()).sum::<usize>(), 20);
}

#[test]
fn a_full_disk_deletes_nothing() {
    let world = sim_env(1);
    let db = filled(&world);
    let before = content(&db);
    world.disk.set_free_bytes(Some(0));
    assert!(db.delete_series(&job("a"), i64::MIN, i64::MAX).is_err());
    assert_eq!(content(&db), before);
    world.disk.set_free_bytes(None);
    db.commit_once();
    append(&db, vec![row("a", SIM_START_MS + 11, 1.0)]);
    // The flush that failed and the one after it are both made up for.
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    assert_eq!(times(&db, "a"), []);
}

#[test]
fn a_deletion_whose_sync_fails_is_not_made() {
    let world = sim_env(1);
    let db = filled(&world);
    db.flush(SIM_START_MS).unwrap();
    let before = content(&db);
    world.disk.fail_next_syncs(1);
    let failed = db.delete_series(&job("a"), i64::MIN, i64::MAX);
    assert!(matches!(failed, Err(DeleteError::Tombstones { .. })), "{failed:?}");
    assert_eq!(content(&db), before);
    drop(db);
    world.disk.crash();
    let db = open(&world);
    assert_eq!(content(&db), before);
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    assert_eq!(jobs(&db), ["b"]);
}

#[test]
fn a_deletion_that_failed_and_comes_back_deletes_all_or_nothing() {
    const HOUR_MS: i64 = 3_600_000;
    let mut n_failed = 0;
    for seed in 0..100 {
        let world = sim_env(seed);
        let db = open(&world);
        // Two windows; only the first is merged.
        append(
            &db,
            vec![row("a", SIM_START_MS + 1, 1.0), row("a", SIM_START_MS + 3 * HOUR_MS, 1.0)],
        );
        db.flush(SIM_START_MS).unwrap();
        world.disk.set_faults(Faults { names: 300, ..Faults::default() });
        let is_done = db.delete_series(&job("a"), i64::MIN, i64::MAX).is_ok();
        n_failed += u32::from(!is_done);
        world.disk.set_faults(Faults::default());
        for i in 2..6 {
            append(&db, vec![row("b", SIM_START_MS + i, 1.0)]);
            db.flush(SIM_START_MS).unwrap();
        }
        assert!(db.compact(SIM_START_MS).unwrap());
        assert_eq!(times(&db, "a").len(), if is_done { 0 } else { 2 });
        drop(db);
        world.disk.restart();
        assert_ne!(times(&open(&world), "a").len(), 1, "seed {seed}");
    }
    assert!(n_failed > 30, "{n_failed}");
}

/// What comes back after a crash at one step of an operation.
fn after_stop(
    at: u64,
    cuts_power: bool,
    prepare: fn(&Db),
    operation: fn(&Db) -> bool,
) -> (SimWorld, bool, bool) {
    let world = sim_env(at);
    let db = filled(&world);
    prepare(&db);
    world.disk.stop_after(at);
    let is_done = operation(&db);
    let was_stopped = world.disk.is_stopped();
    drop(db);
    match cuts_power {
        true => world.disk.crash(),
        false => world.disk.restart(),
    }
    (world, is_done, was_stopped)
}

#[test]
fn a_crash_at_any_step_deletes_all_or_nothing() {
    let whole = content(&filled(&sim_env(1)));
    let rest: Content =
        whole.clone().into_iter().filter(|((job, t_ms), _)| job == "b" || *t_ms < 3).collect();
    for cuts_power in [false, true] {
        let mut n_undone = 0;
        for at in 1.. {
            let delete = |db: &Db| db.delete_series(&job("a"), SIM_START_MS + 3, i64::MAX).is_ok();
            let (world, is_done, was_stopped) = after_stop(at, cuts_power, |_| {}, delete);
            let db = open(&world);
            let found = content(&db);
            assert!(found == rest || (found == whole && !is_done), "step {at}: {found:?}");
            n_undone += u32::from(found == whole);
            // Whatever is left of the deletion does not hide what comes now.
            append(&db, vec![row("a", SIM_START_MS + 6, 66.0)]);
            db.flush(SIM_START_MS).unwrap();
            assert_eq!(content(&db)[&("a".to_owned(), 6)], 66.0_f64.to_bits(), "step {at}");
            db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
            assert_eq!(jobs(&db), ["b"]);
            if !was_stopped {
                assert!(is_done && n_undone > 5, "{n_undone} of {at}");
                break;
            }
        }
    }
}

#[test]
fn a_crash_at_any_step_of_a_cleaning_brings_nothing_back() {
    for cuts_power in [false, true] {
        for at in 1.. {
            let delete = |db: &Db| db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
            let clean = |db: &Db| db.clean_tombstones().is_ok();
            let (world, is_done, was_stopped) = after_stop(at, cuts_power, delete, clean);
            let db = open(&world);
            assert_eq!(times(&db, "a"), [], "step {at}");
            assert_eq!(times(&db, "b").len(), 10, "step {at}");
            db.clean_tombstones().unwrap();
            assert_eq!((on_disk(&world), db.meter().tombstones.get()), (10, 0), "step {at}");
            if !was_stopped {
                assert!(is_done && at > 10);
                break;
            }
        }
    }
}

#[test]
fn damage_costs_the_deletion_it_hits_and_never_the_start() {
    let world = sim_env(1);
    let db = filled(&world);
    db.delete_series(&job("a"), i64::MIN, i64::MAX).unwrap();
    db.delete_series(&job("b"), i64::MIN, i64::MAX).unwrap();
    db.close().unwrap();
    drop(db);
    let whole = world.disk.read(Path::new(TOMBSTONES)).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x04;
        world.disk.put(Path::new(TOMBSTONES), &bytes);
        let db = open(&world);
        assert_eq!(db.meter().recovery.damaged_tombstones.get(), 1, "byte {at}");
        assert!(jobs(&db).len() < 2, "byte {at}");
    }
    world.disk.put(Path::new(TOMBSTONES), &whole[..whole.len() - 1]);
    assert_eq!(jobs(&open(&world)), ["b"]);
}

#[test]
fn deletions_of_a_later_version_are_refused_and_left_alone() {
    let world = sim_env(1);
    drop(filled(&world));
    // Version 2, whose checksum fits.
    let mut bytes = b"PHAROSTS\x02".to_vec();
    bytes.resize(20, 0);
    bytes.extend_from_slice(&[0xf1, 0x55, 0x1a, 0x0c]);
    world.disk.put(Path::new(TOMBSTONES), &bytes);
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    let error = open_warm(config, &world.env).err().unwrap();
    assert!(matches!(error, OpenError::NewerFormat { version: 2, .. }), "{error}");
    assert_eq!(world.disk.read(Path::new(TOMBSTONES)).unwrap(), bytes);
}

/// The store beside a plain map, through all that may happen to it.
struct Run {
    world: SimWorld,
    db: Arc<Db>,
    rng: Rng,
    expected: Content,
}

impl Run {
    fn new(seed: u64) -> Self {
        let world = sim_env(seed);
        let db = open(&world);
        Self { world, db, rng: Rng::new(seed), expected: Content::new() }
    }

    fn job(&mut self) -> &'static str {
        ["a", "b", "c"][self.rng.index(3)]
    }

    fn step(&mut self) {
        let now_ms = SIM_START_MS + 6 * 3_600_000;
        match self.rng.below(20) {
            0..8 => self.append(),
            8..11 => self.db.flush(now_ms).unwrap(),
            11..14 => self.delete(),
            14..16 => drop(self.db.compact(now_ms).unwrap()),
            16 => drop(self.db.clean_tombstones().unwrap()),
            17..19 => self.reopen(|world| world.disk.crash()),
            _ => self.reopen(|world| world.disk.restart()),
        }
    }

    fn append(&mut self) {
        let n_rows = self.rng.below(6) + 1;
        let mut rows = Vec::new();
        for _ in 0..n_rows {
            let (job, t_ms, value) = (self.job(), self.rng.between(1, 40), self.rng.below(9));
            // Over several windows of two hours.
            let t_ms = t_ms * 400_000;
            self.expected.insert((job.to_owned(), t_ms), (value as f64).to_bits());
            rows.push(row(job, SIM_START_MS + t_ms, value as f64));
        }
        append(&self.db, rows);
    }

    fn delete(&mut self) {
        let job = self.job();
        let start_ms = self.rng.between(0, 40) * 400_000;
        let end_ms = start_ms + self.rng.between(0, 15) * 400_000;
        let matchers = match self.rng.per_mille(700) {
            true => Matcher::equal("job", job),
            false => Matcher::not_equal("job", job),
        };
        let range = (SIM_START_MS + start_ms, SIM_START_MS + end_ms);
        self.db.delete_series(std::slice::from_ref(&matchers), range.0, range.1).unwrap();
        let is_meant = |of: &str| (of == job) == (matchers == Matcher::equal("job", job));
        self.expected.retain(|(of, t_ms), _| !(is_meant(of) && (start_ms..=end_ms).contains(t_ms)));
    }

    fn reopen(&mut self, stop: fn(&SimWorld)) {
        stop(&self.world);
        self.db = open(&self.world);
    }

    fn check(&self) {
        assert_eq!(content(&self.db), self.expected);
        let mut expected: Vec<&str> = self.expected.keys().map(|(job, _)| job.as_str()).collect();
        expected.dedup();
        assert_eq!(jobs(&self.db), expected);
    }
}

#[test]
fn whatever_happens_the_store_is_what_a_plain_map_would_be() {
    for seed in 0..150 {
        let mut run = Run::new(seed);
        for step in 0..60 {
            run.step();
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.check()));
            assert!(checked.is_ok(), "seed {seed}, step {step}");
        }
    }
}
