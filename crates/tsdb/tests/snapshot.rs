//! A snapshot is a data directory of its own, whole or not there, and shares nothing that changes.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::{Labels, Matcher, Sample};
use stdx::{Disk as _, Env, Randomness};
use storage::{Appender, Querier, Row, Select};
use testkit::{Faults, SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver, Health, SnapshotError};

fn open(dir: impl AsRef<Path>, env: &Env) -> Arc<Db> {
    let mut config = Config::new(dir.as_ref());
    config.driver = Driver::Manual;
    open_warm(config, env).unwrap()
}

fn append(db: &Db, job: &str, t_ms: i64) {
    let labels = Labels::of_metric("up", [("job", job)]).unwrap();
    let sample = Sample::new(SIM_START_MS + t_ms, t_ms as f64);
    let commit = db.append(vec![Row { labels, sample }]).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    commit.wait().unwrap();
}

/// What a store holds, bits and all.
type Content = BTreeMap<(String, i64), u64>;

fn content(db: &Db) -> Content {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut content = Content::new();
    for series in db.select(&all).unwrap() {
        let series = series.unwrap();
        for sample in series.samples {
            content.insert((series.labels.to_string(), sample.t_ms), sample.value.to_bits());
        }
    }
    content
}

/// A store with a block, a deletion and samples in memory.
fn filled(env: &Env, dir: &str) -> Arc<Db> {
    let db = open(dir, env);
    for i in 1..6 {
        append(&db, "a", i);
        append(&db, "b", i);
    }
    let a = [Matcher::equal("job", "a")];
    db.delete_series(&a, SIM_START_MS + 2, SIM_START_MS + 3).unwrap();
    append(&db, "a", 9);
    db
}

fn folders(world: &SimWorld) -> Vec<String> {
    let found = world.disk.list_dirs(Path::new("/data/snapshots")).unwrap_or_default();
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    found.iter().map(name).collect()
}

#[test]
fn a_snapshot_opens_as_a_store_with_the_same_samples_and_goes_its_own_way() {
    let world = sim_env(1);
    let db = filled(&world.env, "/data");
    let before = content(&db);
    let path = db.snapshot(None).unwrap();
    assert_eq!(db.meter().snapshots.get(), 1);
    append(&db, "c", 10);
    db.delete_series(&[Matcher::equal("job", "b")], i64::MIN, i64::MAX).unwrap();
    db.clean_tombstones().unwrap();
    db.close().unwrap();
    drop(db);
    world.disk.crash();
    let copy = open(&path, &world.env);
    assert_eq!(content(&copy), before);
    assert_eq!(copy.meter().tombstones.get(), 1);
    append(&copy, "a", 2);
    copy.flush(SIM_START_MS).unwrap();
    assert_eq!(content(&copy).len(), before.len() + 1, "what is written now is not deleted");
    assert_eq!(content(&open("/data", &world.env)).len(), 5);
}

#[test]
fn an_empty_store_has_a_snapshot_too() {
    let world = sim_env(1);
    let path = open("/data", &world.env).snapshot(Some("empty")).unwrap();
    assert_eq!(path, Path::new("/data/snapshots/empty"));
    assert_eq!(content(&open(&path, &world.env)), Content::new());
}

#[test]
fn names_are_made_of_time_and_chance_or_checked() {
    let world = sim_env(1);
    let db = filled(&world.env, "/data");
    let first = db.snapshot(None).unwrap();
    let name = first.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("20260101T000000Z-") && name.len() == 33, "{name}");
    assert_ne!(db.snapshot(None).unwrap(), first);
    assert!(matches!(db.snapshot(Some(name)), Err(SnapshotError::Exists { .. })));
    let long = "x".repeat(65);
    for bad in ["", ".", "..", "../x", "/x", "a/b", "a.tmp", "a\\b", "a b", "é", "a\0", &long] {
        let refused = db.snapshot(Some(bad));
        assert!(matches!(refused, Err(SnapshotError::BadName { .. })), "{bad:?}");
    }
    assert_eq!(folders(&world).len(), 2);
}

#[test]
fn a_disk_that_fails_leaves_no_part_of_a_snapshot() {
    let world = sim_env(1);
    let db = filled(&world.env, "/data");
    db.flush(SIM_START_MS).unwrap();
    let before = content(&db);
    world.disk.set_free_bytes(Some(0));
    assert!(db.snapshot(Some("one")).is_err());
    world.disk.set_free_bytes(None);
    assert_eq!(folders(&world), [""; 0]);
    for _ in 0..50 {
        world.disk.set_faults(Faults { names: 200, ..Faults::default() });
        let made = db.snapshot(Some("one"));
        world.disk.set_faults(Faults::default());
        assert_eq!(content(&db), before);
        if made.is_ok() {
            break;
        }
    }
    let _exists_already = db.snapshot(Some("one"));
    drop(db);
    world.disk.restart();
    open("/data", &world.env);
    assert_eq!(folders(&world), ["one"]);
    assert_eq!(content(&open("/data/snapshots/one", &world.env)), before);
}

#[test]
fn a_crash_at_any_step_leaves_a_whole_snapshot_or_none() {
    for cuts_power in [false, true] {
        let mut n_unfinished = 0;
        for at in 1.. {
            let world = sim_env(at);
            let db = filled(&world.env, "/data");
            let before = content(&db);
            world.disk.stop_after(at);
            let is_made = db.snapshot(Some("one")).is_ok();
            let was_stopped = world.disk.is_stopped();
            drop(db);
            match cuts_power {
                true => world.disk.crash(),
                false => world.disk.restart(),
            }
            n_unfinished += u32::from(folders(&world).contains(&"one.tmp".to_owned()));
            let db = open("/data", &world.env);
            assert_eq!(content(&db), before, "step {at}");
            match folders(&world).as_slice() {
                [] => assert!(!is_made, "step {at}"),
                [name] if name == "one" => {
                    assert_eq!(content(&open("/data/snapshots/one", &world.env)), before);
                }
                others => panic!("step {at}: {others:?}"),
            }
            if !was_stopped {
                assert!(is_made && n_unfinished > 3, "{n_unfinished}");
                break;
            }
        }
    }
}

/// Always the same number, as a broken generator gives.
struct Stuck;

impl Randomness for Stuck {
    fn next_u64(&self) -> u64 {
        7
    }
}

#[test]
fn a_snapshot_never_takes_the_place_of_another() {
    let mut world = sim_env(1);
    let db = filled(&world.env, "/data");
    drop(db);
    world.disk.restart();
    world.env.randomness = Arc::new(Stuck);
    let db = open("/data", &world.env);
    db.snapshot(None).unwrap();
    assert!(matches!(db.snapshot(None), Err(SnapshotError::Exists { .. })));
}

#[test]
fn on_a_real_disk_a_snapshot_shares_the_blocks() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = std::env::temp_dir().join(format!("pharos-snapshot-{}", std::process::id()));
    let env = Env::system();
    let db = filled(&env, dir.to_str().unwrap());
    let before = content(&db);
    let path = db.snapshot(Some("one")).unwrap();
    assert!(matches!(db.snapshot(Some("one")), Err(SnapshotError::Exists { .. })));
    let blocks = env.disk.list(&path.join("blk")).unwrap();
    assert_eq!(blocks.len(), 2);
    for block in &blocks {
        assert_eq!(std::fs::metadata(block).unwrap().nlink(), 2);
    }
    env.disk.create_dir_all(&dir.join("snapshots/two.tmp/blk")).unwrap();
    db.close().unwrap();
    drop(db);
    drop(open(&dir, &env));
    assert_eq!(env.disk.list_dirs(&dir.join("snapshots")).unwrap(), std::slice::from_ref(&path));
    let copy = open(&path, &env);
    assert_eq!(content(&copy), before);
    copy.close().unwrap();
    env.disk.remove_dir_all(&dir).unwrap();
}
