//! From the head into blocks and from blocks into larger ones: nothing changes for a reader, files
//! come and go, damage costs what it hit and no more.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use model::{METRIC_NAME, Matcher, STALE_MARKER_BITS};
use stdx::{Clock as _, Disk as _};
use storage::{Appender, Querier, Row, Select};
use testkit::{SIM_START_MS, SimWorld, manual, open_warm, row, sim_env};
use tsdb::{Db, Health};

const HOUR_MS: i64 = 3_600_000;

/// What a store holds, bits and all.
type Content = BTreeMap<(String, i64), u64>;

fn content(db: &Db) -> Content {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut content = Content::new();
    for series in db.select(&all).unwrap() {
        let series = series.unwrap();
        for sample in series.samples {
            let before =
                content.insert((series.labels.to_string(), sample.t_ms), sample.value.to_bits());
            assert!(before.is_none(), "{} twice at {}", series.labels, sample.t_ms);
        }
    }
    content
}

fn append(db: &Db, rows: Vec<Row>) {
    let commit = db.append(rows).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    commit.wait().unwrap();
}

fn files(world: &SimWorld, extension: &str) -> Vec<PathBuf> {
    let has = |path: &PathBuf| path.extension().is_some_and(|e| e == extension);
    world.disk.paths().into_iter().filter(has).collect()
}

/// A store with a block of three series and newer samples in the head.
fn flushed(world: &SimWorld) -> std::sync::Arc<Db> {
    let db = open_warm(manual(), &world.env).unwrap();
    for i in 0..5 {
        append(&db, ["a", "b", "c"].map(|job| row(job, SIM_START_MS + i, i as f64)).into());
    }
    db.flush(SIM_START_MS).unwrap();
    append(&db, vec![row("a", SIM_START_MS + 9, 9.0), row("d", SIM_START_MS + 9, 9.0)]);
    db
}

#[test]
fn a_flush_moves_samples_into_a_block_and_frees_the_log() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    append(&db, vec![row("a", SIM_START_MS, 1.0), row("b", SIM_START_MS, 2.0)]);
    let before = content(&db);
    let log = files(&world, "wal");
    db.flush(SIM_START_MS).unwrap();
    assert_eq!(content(&db), before);
    assert_eq!(files(&world, "blk").len(), 1);
    assert!(files(&world, "wal").iter().all(|path| !log.contains(path)));
    drop(db);
    world.disk.crash();
    assert_eq!(content(&open_warm(manual(), &world.env).unwrap()), before);
}

#[test]
fn an_empty_head_makes_no_block() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    db.flush(SIM_START_MS).unwrap();
    append(&db, vec![row("a", SIM_START_MS, 1.0)]);
    db.flush(SIM_START_MS).unwrap();
    db.flush(SIM_START_MS).unwrap();
    assert_eq!(files(&world, "blk").len(), 1);
}

#[test]
fn after_a_flush_memory_holds_series_and_no_samples() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    for i in 0..50 {
        append(&db, (0..100).map(|n| row(&format!("job {n}"), SIM_START_MS + i, 0.5)).collect());
    }
    let meter = db.meter();
    assert!(meter.head_bytes.get() > meter.series_bytes.get());
    db.flush(SIM_START_MS).unwrap();
    // What a flush cannot free must not ask for the next one.
    assert!(meter.series_bytes.get() > 0);
    assert_eq!(meter.head_bytes.get(), meter.series_bytes.get());
}

#[test]
fn a_query_joins_blocks_and_head() {
    let world = sim_env(1);
    let db = flushed(&world);
    let a = Select::floats(vec![Matcher::equal("job", "a")], SIM_START_MS + 3, SIM_START_MS + 9);
    let found: Vec<_> = db.select(&a).unwrap().map(Result::unwrap).collect();
    assert_eq!(found.len(), 1);
    let values: Vec<f64> = found[0].samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [3.0, 4.0, 9.0]);
    assert_eq!(db.label_values("job", &[]).unwrap(), ["a", "b", "c", "d"]);
    let up = [Matcher::equal(METRIC_NAME, "up"), Matcher::not_equal("job", "a")];
    assert_eq!(db.label_values("job", &up).unwrap(), ["b", "c", "d"]);
}

#[test]
fn a_later_sample_wins_over_the_one_in_a_block_and_a_stale_marker_does_not() {
    let world = sim_env(1);
    let db = flushed(&world);
    let stale = f64::from_bits(STALE_MARKER_BITS);
    append(&db, vec![row("a", SIM_START_MS, 7.0), row("b", SIM_START_MS, stale)]);
    let key = |job: &str| (format!("up{{job=\"{job}\"}}"), SIM_START_MS);
    for _ in 0..2 {
        let content = content(&db);
        assert_eq!(content[&key("a")], 7.0_f64.to_bits());
        assert_eq!(content[&key("b")], 0.0_f64.to_bits());
        db.flush(SIM_START_MS).unwrap();
    }
}

#[test]
fn samples_of_many_windows_make_a_block_each() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    let ages = [0, 3 * HOUR_MS, 100 * HOUR_MS, 2000 * HOUR_MS];
    append(&db, ages.map(|age| row("a", SIM_START_MS - age, age as f64)).into());
    let before = content(&db);
    db.flush(SIM_START_MS).unwrap();
    assert_eq!(files(&world, "blk").len(), 4);
    assert_eq!(content(&db), before);
}

#[test]
fn a_failed_flush_loses_nothing_and_the_next_one_makes_up_for_it() {
    let world = sim_env(1);
    let db = flushed(&world);
    let before = content(&db);
    world.disk.set_free_bytes(Some(0));
    assert!(db.flush(SIM_START_MS).is_err());
    assert_eq!(content(&db), before);
    world.disk.set_free_bytes(None);
    db.commit_once();
    append(&db, vec![row("e", SIM_START_MS, 5.0)]);
    db.flush(SIM_START_MS).unwrap();
    db.flush(SIM_START_MS).unwrap();
    let after = content(&db);
    assert_eq!(after.len(), before.len() + 1);
    drop(db);
    world.disk.crash();
    assert_eq!(content(&open_warm(manual(), &world.env).unwrap()), after);
}

#[test]
fn blocks_of_a_window_are_merged_and_the_old_files_go_when_nobody_reads_them() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    // Not on the edge between two windows.
    let t_ms = SIM_START_MS + 1;
    for i in 0..4 {
        append(&db, vec![row("a", t_ms + i, i as f64), row("b", t_ms, i as f64)]);
        db.flush(SIM_START_MS).unwrap();
    }
    let before = content(&db);
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let reader = db.select(&all).unwrap();
    assert!(db.compact(SIM_START_MS).unwrap());
    assert_eq!(content(&db), before);
    assert_eq!(files(&world, "blk").len(), 5, "a reader holds the old ones");
    assert_eq!(reader.map(|series| series.unwrap().samples.len()).sum::<usize>(), before.len());
    assert!(!db.compact(SIM_START_MS).unwrap());
    assert_eq!(files(&world, "blk").len(), 1);
    drop(db);
    world.disk.crash();
    assert_eq!(content(&open_warm(manual(), &world.env).unwrap()), before);
}

#[test]
fn retention_removes_whole_blocks() {
    let world = sim_env(1);
    let mut config = manual();
    config.retention = Some(Duration::from_secs(3600));
    let db = open_warm(config, &world.env).unwrap();
    append(&db, vec![row("old", SIM_START_MS, 1.0)]);
    db.flush(SIM_START_MS).unwrap();
    append(&db, vec![row("new", SIM_START_MS + HOUR_MS, 2.0)]);
    world.clock.advance(Duration::from_secs(3601));
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(files(&world, "blk").len(), 0);
    assert_eq!(db.label_values("job", &[]).unwrap(), ["new"]);
}

#[test]
fn a_damaged_block_never_shows_a_wrong_value_and_never_keeps_the_store_from_opening() {
    let world = sim_env(1);
    let db = flushed(&world);
    let before = content(&db);
    db.close().unwrap();
    drop(db);
    let path = files(&world, "blk").remove(0);
    let bytes = world.disk.read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        world.disk.put(&path, &damaged);
        let db = open_warm(manual(), &world.env).unwrap();
        for (key, bits) in content(&db) {
            assert_eq!(before.get(&key), Some(&bits), "byte {at}");
        }
        let quarantined = db.meter().recovery.quarantined_blocks.get();
        drop(db);
        if quarantined > 0 {
            let aside = files(&world, "corrupt");
            assert_eq!(aside.len(), 1, "byte {at}");
            world.disk.remove(&aside[0]).unwrap();
        }
        return_to(&world, &path, &bytes);
    }
}

/// Puts a block back that a start has moved aside and forgotten.
fn return_to(world: &SimWorld, path: &std::path::Path, bytes: &[u8]) {
    world.disk.put(path, bytes);
    // Without a manifest the block is found by its footer.
    world.disk.remove(std::path::Path::new("/data/MANIFEST")).unwrap();
}

#[test]
fn readers_and_writers_do_not_notice_flushes() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    let now_ms = SIM_START_MS;
    let done = AtomicBool::new(false);
    let n_appended = AtomicI64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while db.meter().flushes.get() < 20 {
                let i = n_appended.load(Ordering::SeqCst);
                // Refused while the log waits for a commit.
                match db.append(vec![row("a", now_ms + i, i as f64)]) {
                    Ok(_visible) => n_appended.store(i + 1, Ordering::SeqCst),
                    Err(_) => thread::yield_now(),
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                db.commit_once();
                db.flush(now_ms).unwrap();
                db.compact(now_ms).unwrap();
            }
        });
        let mut n_before = 0;
        while !done.load(Ordering::SeqCst) {
            // Each sample once, none missing between the first and the last, never fewer.
            let found = content(&db);
            let n = found.len() as i64;
            let last = found.keys().next_back().map_or(now_ms - 1, |(_, t_ms)| *t_ms);
            assert_eq!(last - now_ms + 1, n, "a gap or a double");
            assert!(n >= n_before, "{n} samples after {n_before}");
            n_before = n;
        }
    });
    assert_eq!(content(&db).len() as i64, n_appended.load(Ordering::SeqCst));
}
