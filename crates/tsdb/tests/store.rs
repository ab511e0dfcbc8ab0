//! The store's promises, one by one: bounds, stalls, retention, threads.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stdx::{Clock as _, Env};
use storage::{AppendError, Appender, Querier};
use testkit::{SIM_START_MS, SimWorld, manual, open_warm, row, sim_env, values};
use tsdb::{Config, Db, Health, OpenError};

const HOUR: Duration = Duration::from_secs(3600);

fn segments(world: &SimWorld) -> usize {
    let paths = world.disk.paths();
    let is_segment = |path: &&std::path::PathBuf| path.extension().is_some_and(|e| e == "wal");
    paths.iter().filter(is_segment).count()
}

#[test]
fn samples_are_visible_at_once_and_durable_after_the_commit() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    let mut commit = db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    assert_eq!(values(&db, "a"), [1.0]);
    assert!(commit.poll_now().is_none());
    assert_eq!(db.commit_once(), Health::Writable);
    assert!(matches!(commit.poll_now(), Some(Ok(()))));
    let _lost = db.append(vec![row("a", SIM_START_MS + 1, 2.0)]).unwrap();
    drop(db);
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [1.0]);
}

#[test]
fn an_empty_append_is_durable() {
    let db = open_warm(manual(), &sim_env(1).env).unwrap();
    assert!(db.append(Vec::new()).unwrap().wait().is_ok());
}

#[test]
fn a_second_store_in_one_directory_is_refused() {
    let world = sim_env(1);
    let first = open_warm(manual(), &world.env).unwrap();
    let second = open_warm(manual(), &world.env).err().unwrap();
    assert!(matches!(second, OpenError::Locked { .. }));
    assert_eq!(second.to_string(), "/data/LOCK is held by another process");
    first.close().unwrap();
    open_warm(manual(), &world.env).unwrap();
}

#[test]
fn a_closed_store_refuses_appends_and_answers_queries() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    let commit = db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    db.close().unwrap();
    db.close().unwrap();
    assert!(commit.wait().is_ok());
    let refused = db.append(vec![row("a", SIM_START_MS + 1, 1.0)]);
    assert!(matches!(refused, Err(AppendError::Unavailable { .. })));
    assert_eq!(values(&db, "a"), [1.0]);
}

#[test]
fn the_undurable_log_is_bounded() {
    let mut config = manual();
    config.pending_bytes_max = 2000;
    let db = open_warm(config, &sim_env(1).env).unwrap();
    let append = |i: i64| db.append(vec![row("a", SIM_START_MS + i, 1.0)]).map(drop);
    let refused = (0..).find_map(|i| append(i).err().map(|error| (i, error)));
    let (n_taken, error) = refused.unwrap();
    assert!((20..60).contains(&n_taken), "{n_taken}");
    assert!(matches!(error, AppendError::Overloaded { .. }), "{error}");
    assert!(db.meter().pending_bytes.get() >= 2000);
    // Refused rows are not in the head either.
    assert_eq!(values(&db, "a").len() as i64, n_taken);
    db.commit_once();
    assert_eq!(db.meter().pending_bytes.get(), 0);
    append(n_taken).unwrap();
}

#[test]
fn the_head_is_bounded_and_a_flush_makes_room() {
    let world = sim_env(1);
    let mut config = manual();
    config.head_bytes_max = 200_000;
    config.pending_bytes_max = 100 << 20;
    let db = open_warm(config, &world.env).unwrap();
    let append = |i: i64| {
        let rows = (0..100).map(|j| row(&format!("{i}-{j}"), world.clock.now_ms(), 0.0));
        db.append(rows.collect()).map(drop)
    };
    // Twice, because what was used once must be of use again.
    for round in 0..2 {
        let error = (0..100).find_map(|i| append(round * 100 + i).err()).unwrap();
        let AppendError::Overloaded { retry_after, .. } = error else {
            panic!("{error}");
        };
        assert!(retry_after > Duration::ZERO);
        world.clock.advance(HOUR * 2);
        db.flush(world.clock.now_ms()).unwrap();
        assert_eq!(db.meter().series.get(), 0, "they were silent for long");
        assert!(db.meter().head_bytes.get() < 100_000, "{}", db.meter().head_bytes.get());
    }
    append(1000).unwrap();
}

#[test]
fn a_failed_sync_goes_on_in_a_new_segment_and_the_commit_succeeds() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    db.commit_once();
    let commit = db.append(vec![row("b", SIM_START_MS, 2.0)]).unwrap();
    // Only the first sync fails: the second file's first bytes are written in between.
    world.disk.fail_next_syncs(1);
    assert_eq!(db.commit_once(), Health::Writable);
    assert!(commit.wait().is_ok());
    assert_eq!(segments(&world), 2);
    assert_eq!(db.meter().sync_failures.get(), 1);
    drop(db);
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!((values(&db, "a"), values(&db, "b")), (vec![1.0], vec![2.0]));
}

#[test]
fn frames_that_a_later_segment_repeats_are_replayed_once() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    db.commit_once();
    db.append(vec![row("b", SIM_START_MS, 2.0)]).unwrap();
    world.disk.fail_next_syncs(1);
    assert_eq!(db.commit_once(), Health::Writable);
    drop(db);
    // The machine lives on: what the failed sync did not save is still seen.
    world.disk.restart();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(db.meter().recovery.superseded_frames.get(), 2);
    assert_eq!(db.meter().recovery.samples.get(), 2);
    assert_eq!((values(&db, "a"), values(&db, "b")), (vec![1.0], vec![2.0]));
}

#[test]
fn a_full_disk_stalls_writes_and_a_freed_one_resumes_with_what_was_kept() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    db.commit_once();
    world.disk.set_free_bytes(Some(10));
    let commit = db.append(vec![row("b", SIM_START_MS, 2.0)]).unwrap();
    let Health::Stalled { reason } = db.commit_once() else {
        panic!("a full disk is not noticed");
    };
    assert!(reason.contains("/data/wal/0000000002.wal"), "{reason}");
    assert_eq!(commit.wait().unwrap_err().reason, reason);
    assert_eq!(db.meter().stalls.get(), 1);
    // Queries go on, appends say why not.
    assert_eq!(values(&db, "b"), [2.0]);
    let error = db.append(vec![row("c", SIM_START_MS, 3.0)]).unwrap_err();
    assert_eq!(error.to_string(), format!("not accepting writes: {reason}"));
    for _ in 0..100 {
        db.commit_once();
    }
    assert_eq!(segments(&world), 1, "a full disk collects no files");
    assert_eq!(db.meter().stalls.get(), 1);
    world.disk.set_free_bytes(None);
    assert_eq!(db.commit_once(), Health::Writable);
    drop(db);
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "b"), [2.0]);
    assert_eq!(values(&db, "c"), []);
}

#[test]
fn a_disk_that_takes_nothing_opens_for_reading() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    db.close().unwrap();
    world.disk.set_free_bytes(Some(0));
    let db = open_warm(manual(), &world.env).unwrap();
    assert!(matches!(db.health(), Health::Stalled { .. }));
    assert_eq!(values(&db, "a"), [1.0]);
    assert!(matches!(db.commit_once(), Health::Stalled { .. }));
    world.disk.set_free_bytes(None);
    assert_eq!(db.commit_once(), Health::Writable);
    db.append(vec![row("a", SIM_START_MS + 1, 2.0)]).unwrap();
}

#[test]
fn retention_hides_samples_at_once_and_removes_them_with_the_next_flush() {
    let world = sim_env(1);
    let mut config = manual();
    config.retention = Some(HOUR);
    let db = open_warm(config.clone(), &world.env).unwrap();
    let append = |job: &str, value: f64| {
        db.append(vec![row(job, world.clock.now_ms(), value)]).unwrap();
        db.commit_once();
    };
    append("old", 1.0);
    append("long", 1.0);
    world.clock.advance(HOUR / 2);
    append("long", 2.0);
    world.clock.advance(HOUR * 2 / 3);
    append("long", 3.0);
    db.enforce_retention(world.clock.now_ms()).unwrap();
    assert_eq!(values(&db, "old"), []);
    assert_eq!(values(&db, "long"), [2.0, 3.0]);
    assert_eq!(db.label_values("job", &[]).unwrap(), ["long"]);
    // An expired sample is taken and forgotten.
    let late = db.append(vec![row("late", SIM_START_MS, 1.0)]).unwrap();
    assert!(late.wait().is_ok());
    assert_eq!(db.label_values("job", &[]).unwrap(), ["long"]);
    db.flush(world.clock.now_ms()).unwrap();
    assert_eq!(db.meter().series.get(), 1);
    drop(db);
    world.disk.crash();
    config.retention = None;
    let db = open_warm(config, &world.env).unwrap();
    assert_eq!(db.label_values("job", &[]).unwrap(), ["long"], "the other is in no block");
    assert_eq!(values(&db, "long"), [2.0, 3.0]);
}

#[test]
fn retention_may_be_stopped_anywhere_and_the_start_after_it_too() {
    let mut config = manual();
    config.retention = Some(HOUR);
    for stop in 1..12 {
        for second_stop in 1..12 {
            let world = sim_env(stop * 100 + second_stop);
            let open = || open_warm(config.clone(), &world.env);
            let db = open().unwrap();
            db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
            db.flush(world.clock.now_ms()).unwrap();
            world.clock.advance(HOUR * 2);
            db.append(vec![row("a", world.clock.now_ms(), 2.0)]).unwrap();
            db.commit_once();
            world.disk.stop_after(stop);
            let _stopped = db.enforce_retention(world.clock.now_ms());
            drop(db);
            world.disk.restart();
            world.disk.stop_after(second_stop);
            drop(open());
            world.disk.crash();
            let db = open().unwrap();
            let context = format!("stopped after {stop}, then after {second_stop}");
            assert_eq!(values(&db, "a"), [2.0], "{context}");
            assert_eq!(db.meter().recovery.missing_segments.get(), 0, "{context}");
            assert_eq!(db.meter().recovery.missing_blocks.get(), 0, "{context}");
        }
    }
}

/// Else a sample that the log still has would come back under another series' name.
#[test]
fn a_slot_that_is_used_again_does_not_inherit_samples() {
    let world = sim_env(1);
    let db = open_warm(manual(), &world.env).unwrap();
    for round in 0..5 {
        let now_ms = world.clock.now_ms();
        let rows = (0..3).map(|i| row(&format!("{round}-{i}"), now_ms, f64::from(i)));
        db.append(rows.collect()).unwrap();
        db.append(vec![row(&format!("{round}-0"), now_ms - 1, 0.0)]).unwrap();
        db.commit_once();
        world.clock.advance(HOUR * 2);
        if round % 2 == 0 {
            db.flush(world.clock.now_ms()).unwrap();
        }
    }
    let check = |db: &Db| {
        let jobs = db.label_values("job", &[]).unwrap();
        assert_eq!(jobs.len(), 15);
        for job in jobs {
            let (_, i) = job.split_once('-').unwrap();
            let n = if i == "0" { 2 } else { 1 };
            assert_eq!(values(db, &job), vec![i.parse::<f64>().unwrap(); n], "{job}");
        }
    };
    check(&db);
    drop(db);
    world.disk.crash();
    check(&open_warm(manual(), &world.env).unwrap());
}

#[test]
fn what_was_recovered_and_what_is_new_are_one_series() {
    let world = sim_env(1);
    for round in 0..4 {
        let db = open_warm(manual(), &world.env).unwrap();
        let t_ms = SIM_START_MS + round * 10;
        db.append(vec![row("a", t_ms, round as f64), row("a", t_ms - 5, 0.5)]).unwrap();
        // The second is late in its own epoch, the third is later than one that was recovered.
        db.append(vec![row("a", SIM_START_MS, 7.0 + round as f64)]).unwrap();
        db.commit_once();
        let mut expected = vec![0.5, 7.0 + round as f64];
        expected.extend((1..=round).flat_map(|r| [0.5, r as f64]));
        assert_eq!(values(&db, "a"), expected);
        if round == 2 {
            db.flush(world.clock.now_ms()).unwrap();
            assert_eq!(segments(&world), 0);
            assert_eq!(values(&db, "a"), expected);
        }
        drop(db);
        world.disk.crash();
    }
}

#[test]
fn proving_that_the_disk_works_says_nothing_about_what_a_killed_process_wrote() {
    for seed in 0..20 {
        let world = sim_env(seed);
        let mut config = manual();
        config.segment_bytes_max = 1;
        let open = || open_warm(config.clone(), &world.env).unwrap();
        let db = open();
        db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
        db.commit_once();
        db.append(vec![row("a", SIM_START_MS + 1, 2.0)]).unwrap();
        // Create, first bytes, folder, frames; killed in the sync.
        world.disk.stop_after(5);
        db.commit_once();
        drop(db);
        world.disk.restart();
        world.disk.set_free_bytes(Some(0));
        let db = open();
        assert!(matches!(db.health(), Health::Stalled { .. }));
        world.disk.set_free_bytes(None);
        assert_eq!(db.commit_once(), Health::Writable);
        db.append(vec![row("a", SIM_START_MS + 2, 3.0)]).unwrap();
        assert_eq!(db.commit_once(), Health::Writable);
        drop(db);
        world.disk.crash();
        let db = open();
        assert_eq!(db.meter().recovery.missing_frames.get(), 0, "seed {seed}");
        assert_eq!(values(&db, "a").last(), Some(&3.0), "seed {seed}");
    }
}

#[test]
fn threads_commit_what_many_appenders_wait_for() {
    let world = sim_env(1);
    let mut config = Config::new("/data");
    config.segment_bytes_max = 10_000;
    config.retention = Some(HOUR * 1000);
    let db = open_warm(config, &world.env).unwrap();
    let appenders: Vec<_> = (0..4)
        .map(|i| {
            let db = Arc::clone(&db);
            thread::spawn(move || {
                for j in 0..200 {
                    let rows = vec![
                        row(&format!("j{i}"), SIM_START_MS + j, j as f64),
                        row("shared", SIM_START_MS + j, f64::from(i)),
                    ];
                    db.append(rows).unwrap().wait().unwrap();
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.join().unwrap();
    }
    let shared = values(&db, "shared");
    let _nobody_waits = db.append(vec![row("last", SIM_START_MS, 1.0)]).unwrap();
    db.close().unwrap();
    drop(db);
    world.disk.crash();
    let db = open_warm(manual(), &world.env).unwrap();
    for i in 0..4 {
        let expected: Vec<f64> = (0..200).map(f64::from).collect();
        assert_eq!(values(&db, &format!("j{i}")), expected);
    }
    assert_eq!(values(&db, "last"), [1.0]);
    // Who won at each time is who wins after a restart.
    assert_eq!(values(&db, "shared"), shared);
}

#[test]
fn dropping_the_store_ends_its_threads_and_keeps_what_was_appended() {
    let world = sim_env(1);
    let db = open_warm(Config::new("/data"), &world.env).unwrap();
    let commit = db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    drop(db);
    assert!(commit.wait().is_ok());
    let db = open_warm(manual(), &world.env).unwrap();
    assert_eq!(values(&db, "a"), [1.0]);
}

#[test]
fn a_freed_disk_is_noticed_by_the_committer_itself() {
    let world = sim_env(1);
    let db = open_warm(Config::new("/data"), &world.env).unwrap();
    world.disk.set_free_bytes(Some(0));
    let commit = db.append(vec![row("a", SIM_START_MS, 1.0)]).unwrap();
    assert!(commit.wait().is_err());
    assert!(matches!(db.health(), Health::Stalled { .. }));
    world.disk.set_free_bytes(None);
    // It looks again after a second.
    while db.health() != Health::Writable {
        thread::yield_now();
    }
    let commit = db.append(vec![row("a", SIM_START_MS + 1, 2.0)]).unwrap();
    assert!(commit.wait().is_ok());
}

#[test]
fn real_files_come_back() {
    let env = Env::system();
    let name = format!("store-{}", env.randomness.next_u64());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for round in 0..3 {
        let db = open_warm(Config::new(dir.join("deep/data")), &env).unwrap();
        assert_eq!(values(&db, "a").len(), round);
        let commit = db.append(vec![row("a", SIM_START_MS + round as i64, 1.0)]).unwrap();
        commit.wait().unwrap();
        let second = open_warm(Config::new(dir.join("deep/data")), &env).err();
        assert!(matches!(second, Some(OpenError::Locked { .. })));
        db.close().unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "the test cleans up after itself")]
    std::fs::remove_dir_all(dir).unwrap();
}
