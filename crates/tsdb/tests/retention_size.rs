//! What retention drops beside what is older than its one age: the oldest blocks of a store that is
//! too large, series that a rule keeps for a shorter time; and nothing on the word of a clock that
//! cannot be right.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Matcher, Sample};
use stdx::{Clock as _, Disk as _};
use storage::{Appender, Querier, Row, Select};
use testkit::{SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver, Health, RetentionRule};

const HOUR: Duration = Duration::from_secs(3600);
const HOUR_MS: i64 = 3_600_000;

fn config(adjust: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    adjust(&mut config);
    config
}

fn open(world: &SimWorld, adjust: impl FnOnce(&mut Config)) -> Arc<Db> {
    open_warm(config(adjust), &world.env).unwrap()
}

fn append(db: &Db, job: &str, t_ms: i64) {
    let labels = Labels::of_metric("up", [("job", job)]).unwrap();
    let rows = vec![Row { labels, sample: Sample::new(t_ms, 1.0) }];
    let commit = db.append(rows).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    commit.wait().unwrap();
}

/// The hours after the start at which a job has samples.
fn hours(db: &Db, job: &str) -> Vec<i64> {
    let matchers = vec![Matcher::equal("job", job)];
    let select = Select::floats(matchers, i64::MIN, i64::MAX);
    let samples = db.select(&select).unwrap().flat_map(|series| series.unwrap().samples);
    samples.map(|sample| (sample.t_ms - SIM_START_MS) / HOUR_MS).collect()
}

fn jobs(db: &Db) -> Vec<String> {
    db.label_values("job", &[]).unwrap()
}

/// A block for each of these hours after the start.
fn blocks_of(db: &Db, world: &SimWorld, job: &str, hours: std::ops::Range<i64>) {
    for hour in hours {
        append(db, job, SIM_START_MS + hour * HOUR_MS);
        db.flush(world.clock.now_ms()).unwrap();
    }
}

fn n_blocks(world: &SimWorld) -> usize {
    world.disk.list(Path::new("/data/blk")).unwrap().len()
}

fn block_bytes(world: &SimWorld) -> u64 {
    let blocks = world.disk.list(Path::new("/data/blk")).unwrap();
    blocks.iter().map(|path| world.disk.len(path).unwrap()).sum()
}

fn log_bytes(world: &SimWorld) -> u64 {
    let segments = world.disk.list(Path::new("/data/wal")).unwrap();
    segments.iter().map(|path| world.disk.len(path).unwrap()).sum()
}

#[test]
fn the_oldest_blocks_go_until_the_rest_fits() {
    let world = sim_env(1);
    let db = open(&world, |_| {});
    // The youngest first: age counts, not the order of writing.
    for hour in [5, 4, 3, 2, 1] {
        blocks_of(&db, &world, "a", hour..hour + 1);
    }
    append(&db, "a", SIM_START_MS + 6 * HOUR_MS);
    let max = block_bytes(&world) * 3 / 5 + log_bytes(&world) + 10;
    drop(db);
    world.disk.restart();
    let db = open(&world, |config| config.retention_size_bytes = Some(max));
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(hours(&db, "a"), [3, 4, 5, 6]);
    assert!(block_bytes(&world) + log_bytes(&world) <= max);
    assert_eq!(db.meter().oversize_blocks.get(), 2);
    drop(db);
    world.disk.crash();
    let db = open(&world, |_| {});
    assert_eq!(hours(&db, "a"), [3, 4, 5, 6]);
}

#[test]
fn the_log_counts_and_the_newest_block_stays() {
    let world = sim_env(1);
    let db = open(&world, |config| config.retention_size_bytes = Some(100_000));
    blocks_of(&db, &world, "a", 1..4);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(n_blocks(&world), 3);
    for i in 0..2000 {
        let labels = Labels::of_metric("up", [("job", "b".repeat(50)), ("i", i.to_string())]);
        let sample = Sample::new(SIM_START_MS + HOUR_MS, 1.0);
        drop(db.append(vec![Row { labels: labels.unwrap(), sample }]).unwrap());
    }
    db.commit_once();
    assert!(log_bytes(&world) > 100_000);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((n_blocks(&world), hours(&db, "a")), (1, vec![3]));
}

#[test]
fn a_value_that_was_written_over_does_not_come_back_when_the_later_one_is_dropped_for_size() {
    let world = sim_env(1);
    let db = open(&world, |config| config.retention_size_bytes = Some(1));
    let written = |minute: i64, value: f64| {
        let labels = Labels::of_metric("up", [("job", "a")]).unwrap();
        let sample = Sample::new(SIM_START_MS + 60_000 * minute, value);
        let _commit = db.append(vec![Row { labels, sample }]).unwrap();
    };
    // The later block ends earlier than the one that it lies over.
    written(1, 1.0);
    written(9, 1.0);
    db.flush(world.clock.now_ms()).unwrap();
    written(1, 2.0);
    db.flush(world.clock.now_ms()).unwrap();
    written(600, 3.0);
    db.flush(world.clock.now_ms()).unwrap();
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((hours(&db, "a"), n_blocks(&world)), (vec![10], 1));
    written(601, 4.0);
    written(690, 4.0);
    db.flush(world.clock.now_ms()).unwrap();
    written(601, 5.0);
    db.flush(world.clock.now_ms()).unwrap();
    db.enforce_retention(world.clock.now_ms()).unwrap();
    // The newest block stays, and so does what lies over it.
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let samples = db.select(&all).unwrap().flat_map(|series| series.unwrap().samples);
    assert_eq!(samples.map(|sample| sample.value).collect::<Vec<_>>(), [5.0, 4.0]);
}

#[test]
fn a_series_that_was_dropped_for_size_is_not_listed() {
    let world = sim_env(1);
    let db = open(&world, |config| config.retention_size_bytes = Some(1));
    blocks_of(&db, &world, "a", 1..2);
    blocks_of(&db, &world, "b", 5..6);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((jobs(&db), n_blocks(&world)), (vec!["b".to_owned()], 1));
}

#[test]
fn a_crash_at_any_step_of_dropping_loses_no_block_that_stays() {
    for at in 1.. {
        let world = sim_env(at);
        let db = open(&world, |config| config.retention_size_bytes = Some(1));
        blocks_of(&db, &world, "a", 1..5);
        world.disk.stop_after(at);
        let dropped = db.enforce_retention(world.clock.now_ms());
        let was_stopped = world.disk.is_stopped();
        world.disk.crash();
        let db = open(&world, |_| {});
        let found = hours(&db, "a");
        assert!(found == [4] || (found == [1, 2, 3, 4] && was_stopped), "step {at}: {found:?}");
        if !was_stopped {
            dropped.unwrap();
            break;
        }
    }
}

fn rule(job: &str, hours: u32) -> RetentionRule {
    RetentionRule { matchers: vec![Matcher::equal("job", job)], keep: HOUR * hours }
}

fn ruled(config: &mut Config) {
    config.retention = Some(HOUR * 20);
    let not_b = vec![Matcher::not_equal("job", "b")];
    // The second speaks of everything but b, c among it, which the first has taken.
    config.retention_rules = vec![rule("c", 15), RetentionRule { matchers: not_b, keep: HOUR * 5 }];
}

/// Samples of `a`, `b` and `c` at each of the first eight hours.
fn three_jobs(db: &Db, world: &SimWorld) {
    for hour in 1..9 {
        for job in ["a", "b", "c"] {
            append(db, job, SIM_START_MS + hour * HOUR_MS);
        }
        if hour % 2 == 0 {
            db.flush(world.clock.now_ms()).unwrap();
        }
    }
}

#[test]
fn the_first_rule_that_speaks_of_a_series_decides_how_long_it_is_kept() {
    let world = sim_env(1);
    let db = open(&world, ruled);
    three_jobs(&db, &world);
    append(&db, "a", SIM_START_MS + 2 * HOUR_MS);
    world.clock.advance(HOUR * 9);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    let all: Vec<i64> = (1..9).collect();
    assert_eq!(hours(&db, "a"), [4, 5, 6, 7, 8]);
    assert_eq!((hours(&db, "b"), hours(&db, "c")), (all.clone(), all.clone()));
    world.clock.advance(HOUR * 9);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((hours(&db, "a"), hours(&db, "b")), (vec![], all));
    assert_eq!(hours(&db, "c"), [3, 4, 5, 6, 7, 8]);
    drop(db);
    world.disk.crash();
    let db = open(&world, ruled);
    assert_eq!((hours(&db, "a"), hours(&db, "c")), (vec![], vec![3, 4, 5, 6, 7, 8]));
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(jobs(&db), ["b", "c"], "what no rule keeps is not listed");
    assert_eq!(db.label_values("job", &[Matcher::not_equal("job", "b")]).unwrap(), ["c"]);
}

#[test]
fn what_a_rule_has_hidden_does_not_come_back_with_a_clock_that_is_set_back() {
    let world = sim_env(1);
    let db = open(&world, ruled);
    append(&db, "a", SIM_START_MS + HOUR_MS);
    append(&db, "a", SIM_START_MS + 8 * HOUR_MS);
    world.clock.advance(HOUR * 9);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(hours(&db, "a"), [8]);
    world.clock.set_now_ms(SIM_START_MS);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(hours(&db, "a"), [8]);
}

#[test]
fn a_deletion_goes_with_the_blocks_it_concerns() {
    let world = sim_env(1);
    let db = open(&world, |config| config.retention = Some(HOUR * 20));
    three_jobs(&db, &world);
    let b = [Matcher::equal("job", "b")];
    db.delete_series(&b, i64::MIN, SIM_START_MS + 2 * HOUR_MS).unwrap();
    assert_eq!(db.meter().tombstones.get(), 1);
    world.clock.advance(HOUR * 23);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(db.meter().tombstones.get(), 0);
    assert_eq!(hours(&db, "b"), (3..9).collect::<Vec<_>>());
}

#[test]
fn what_a_rule_does_not_keep_leaves_the_disk_once() {
    let world = sim_env(1);
    let db = open(&world, ruled);
    three_jobs(&db, &world);
    world.clock.advance(HOUR * 9);
    let is_of_a = |db: &Db| db.label_values("job", &[Matcher::equal("job", "a")]).unwrap();
    assert_eq!(is_of_a(&db), ["a"]);
    // A block at a time.
    for n_rewritten in [1, 1, 1] {
        db.enforce_retention(world.clock.now_ms()).unwrap();
        assert_eq!(db.meter().compactions.get(), n_rewritten);
    }
    world.clock.advance(HOUR * 5);
    for _ in 0..9 {
        db.enforce_retention(world.clock.now_ms()).unwrap();
    }
    // c has the same rule first, so it stays in the same blocks and they are left alone.
    assert_eq!(db.meter().compactions.get(), 4);
    drop(db);
    world.disk.crash();
    let db = open(&world, |_| {});
    assert_eq!(jobs(&db), ["b", "c"]);
    assert_eq!(hours(&db, "c"), (1..9).collect::<Vec<_>>());
}

fn ten_hours(config: &mut Config) {
    config.retention = Some(HOUR * 10);
}

#[test]
fn a_clock_far_ahead_at_the_start_drops_nothing() {
    let world = sim_env(1);
    let db = open(&world, ten_hours);
    blocks_of(&db, &world, "a", 1..3);
    append(&db, "a", SIM_START_MS + 3 * HOUR_MS);
    db.close().unwrap();
    drop(db);
    world.clock.set_now_ms(SIM_START_MS + 10_000 * HOUR_MS);
    let db = open(&world, ten_hours);
    assert_eq!(db.meter().clock_doubted.get(), 1);
    assert_eq!(db.meter().recovery.samples.get(), 1, "counted once, read twice");
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(hours(&db, "a"), [1, 2, 3]);
    // Someone sets it right.
    world.clock.set_now_ms(SIM_START_MS + 4 * HOUR_MS);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((db.meter().clock_doubted.get(), hours(&db, "a")), (0, vec![1, 2, 3]));
}

#[test]
fn a_clock_that_stays_far_ahead_is_believed_after_hours() {
    let world = sim_env(1);
    let db = open(&world, ten_hours);
    blocks_of(&db, &world, "a", 1..3);
    world.clock.set_now_ms(SIM_START_MS + 10_000 * HOUR_MS);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((db.meter().clock_doubted.get(), hours(&db, "a")), (1, vec![1, 2]));
    // That samples come in with the new time proves nothing.
    append(&db, "b", world.clock.now_ms());
    world.clock.advance(HOUR * 5);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((db.meter().clock_doubted.get(), hours(&db, "a")), (1, vec![1, 2]));
    world.clock.advance(HOUR);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!((db.meter().clock_doubted.get(), jobs(&db)), (0, vec!["b".to_owned()]));
}

#[test]
fn a_doubted_clock_is_not_the_end_of_retention() {
    let world = sim_env(1);
    let db = open(&world, ten_hours);
    blocks_of(&db, &world, "a", 1..13);
    drop(db);
    world.disk.restart();
    world.clock.set_now_ms(SIM_START_MS + 10_000 * HOUR_MS);
    let db = open(&world, ten_hours);
    // Ten hours before the newest sample.
    assert_eq!(hours(&db, "a"), (2..13).collect::<Vec<_>>());
    world.clock.advance(HOUR * 3);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(hours(&db, "a"), (5..13).collect::<Vec<_>>());
}
