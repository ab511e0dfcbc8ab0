//! A process that is killed: what the kernel had of it is there for the next one, which makes it
//! durable.

use std::time::Duration;

use stdx::Clock as _;
use storage::Appender;
use testkit::{Faults, SIM_START_MS, manual, open_warm, row, sim_env, values};
use tsdb::{Config, Db, Durability, Health};

fn asynchronous() -> Config {
    Config { durability: Durability::Async, ..manual() }
}

#[test]
fn asynchronous_commits_survive_the_process_at_once_and_the_machine_after_a_second() {
    let world = sim_env(1);
    let append = |db: &Db, value: f64| {
        let t_ms = SIM_START_MS + value as i64;
        let commit = db.append(vec![row("a", t_ms, value)]).unwrap();
        assert_eq!(db.commit_once(), Health::Writable);
        commit.wait().unwrap();
    };
    let db = open_warm(asynchronous(), &world.env).unwrap();
    append(&db, 1.0);
    let n_syncs = db.meter().fsyncs.get();
    append(&db, 2.0);
    assert_eq!(db.meter().fsyncs.get(), n_syncs);
    assert!(db.meter().pending_bytes.get() > 0, "what is not durable is bounded");
    drop(db);
    world.disk.restart();
    let db = open_warm(asynchronous(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [1.0, 2.0], "the process was killed");
    append(&db, 3.0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(db.commit_once(), Health::Writable);
    assert_eq!(db.meter().pending_bytes.get(), 0);
    drop(db);
    world.disk.crash();
    let db = open_warm(asynchronous(), &world.env).unwrap();
    assert_eq!(values(&db, "a").last(), Some(&3.0), "the power was cut");
    append(&db, 4.0);
    db.close().unwrap();
    drop(db);
    world.disk.crash();
    let db = open_warm(asynchronous(), &world.env).unwrap();
    assert_eq!(values(&db, "a").last(), Some(&4.0), "it was closed");
}

#[test]
fn what_was_only_written_goes_into_a_new_segment_when_its_sync_fails() {
    let world = sim_env(1);
    let db = open_warm(asynchronous(), &world.env).unwrap();
    for value in 0..3 {
        db.append(vec![row("a", SIM_START_MS + value, value as f64)]).unwrap();
        db.commit_once();
    }
    world.disk.set_faults(Faults { sync: 1000, ..Faults::default() });
    world.clock.advance(Duration::from_secs(1));
    assert!(matches!(db.commit_once(), Health::Stalled { .. }));
    world.disk.set_faults(Faults::default());
    assert_eq!(db.commit_once(), Health::Writable);
    drop(db);
    world.disk.crash();
    let db = open_warm(asynchronous(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [0.0, 1.0, 2.0]);
}

#[test]
fn what_a_killed_process_had_not_synced_is_not_relied_on() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    // Create, first bytes, folder, frames; the process is killed in the sync.
    world.disk.stop_after(5);
    assert!(matches!(db.commit_once(), Health::Stalled { .. }));
    drop(db);
    world.disk.restart();
    // The next process reads the definition from the page cache.
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [1.0]);
    let commit = db.append(vec![row("a", SIM_START_MS + 1, 2.0)]).unwrap();
    db.commit_once();
    commit.wait().unwrap();
    drop(db);
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "a").last(), Some(&2.0));
}

#[test]
fn a_start_makes_durable_what_the_kernel_alone_had() {
    let world = sim_env(1);
    let db = open_warm(asynchronous(), &world.env).unwrap();
    for value in 0..3 {
        let commit = db.append(vec![row("a", SIM_START_MS + value, value as f64)]).unwrap();
        db.commit_once();
        commit.wait().unwrap();
    }
    drop(db);
    world.disk.restart();
    // This process is killed too, before it has taken anything.
    drop(Db::open(asynchronous(), &world.env).unwrap());
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [0.0, 1.0, 2.0]);
    assert_eq!(db.meter().recovery.torn_tails.get(), 0);
}

#[test]
fn a_start_goes_on_where_the_log_of_the_process_before_cannot_be_synced() {
    let world = sim_env(1);
    let db = open_warm(asynchronous(), &world.env).unwrap();
    let append = |db: &Db, value: f64| {
        let t_ms = SIM_START_MS + value as i64;
        let commit = db.append(vec![row("a", t_ms, value)]).unwrap();
        assert_eq!(db.commit_once(), Health::Writable);
        commit.wait().unwrap();
    };
    append(&db, 1.0);
    drop(db);
    world.disk.restart();
    world.disk.fail_next_syncs(1);
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(db.meter().sync_failures.get(), 1);
    assert_eq!(values(&db, "a"), [1.0]);
    append(&db, 2.0);
    // What it read it holds; blocks make it durable.
    db.flush(world.clock.now_ms()).unwrap();
    drop(db);
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [1.0, 2.0]);
}

#[test]
fn a_segment_that_could_not_go_on_stays_as_long_as_it_alone_has_what_was_written() {
    for n_writes in 1..40 {
        let world = sim_env(1);
        let db = open_warm(asynchronous(), &world.env).unwrap();
        let append = |db: &Db, value: f64| {
            let commit = db.append(vec![row("a", SIM_START_MS + value as i64, value)]).unwrap();
            (db.commit_once(), commit)
        };
        assert_eq!(append(&db, 1.0).0, Health::Writable);
        db.close().unwrap();
        drop(db);
        // What came before this process is flushed by itself, and its segments go.
        let db = open_warm(asynchronous(), &world.env).unwrap();
        let (health, commit) = append(&db, 2.0);
        assert_eq!(health, Health::Writable);
        commit.wait().unwrap();
        world.disk.set_faults(Faults { append: 1000, ..Faults::default() });
        assert!(matches!(append(&db, 3.0).0, Health::Stalled { .. }));
        world.disk.set_faults(Faults::default());
        world.disk.stop_after(n_writes);
        let _stopped = db.flush(SIM_START_MS);
        drop(db);
        world.disk.restart();
        let db = open_warm(asynchronous(), &world.env).unwrap();
        assert_eq!(values(&db, "a")[..2], [1.0, 2.0], "stopped after {n_writes} writes");
    }
}
