//! In and out of a data directory without a server: imports of any age and order, and directories
//! that are only read.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::{Labels, METRIC_NAME, STALE_MARKER_BITS, Sample};
use stdx::{Disk as _, Env};
use storage::{Appender as _, Querier, Row, Select};
use testkit::{SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Archive, Config, Db, Detail, Driver, ImportError, Imported, Importer, OpenError, dump};

const DIR: &str = "/data";
const DAY_MS: i64 = 86_400_000;
const MEMORY: usize = 1 << 20;

fn manual() -> Config {
    Config { driver: Driver::Manual, ..Config::new(DIR) }
}

fn labels(job: &str) -> Labels {
    Labels::of_metric("up", [("job", job)]).unwrap()
}

/// What a store holds, bits and all.
type Content = BTreeMap<(String, i64), (u64, i64)>;

fn content(querier: &dyn Querier) -> Content {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut content = Content::new();
    for series in querier.select(&all).unwrap() {
        let series = series.unwrap();
        for sample in series.samples {
            let key = (series.labels.to_string(), sample.t_ms);
            let before = content.insert(key, (sample.value.to_bits(), sample.start_ms));
            assert!(before.is_none(), "{} twice at {}", series.labels, sample.t_ms);
        }
    }
    content
}

fn stored(env: &Env) -> Content {
    let db = open_warm(manual(), env).unwrap();
    let content = content(&*db);
    db.close().unwrap();
    content
}

fn append(db: &Db, job: &str, samples: &[Sample]) {
    let row = |sample: &Sample| Row { labels: labels(job), sample: *sample };
    let commit = db.append(samples.iter().map(row).collect()).unwrap();
    db.commit_once();
    commit.wait().unwrap();
}

fn import(env: &Env, memory_bytes: usize, parts: &[(&str, Vec<Sample>)]) -> Imported {
    let mut importer = Importer::open(Path::new(DIR), env, memory_bytes).unwrap();
    for (job, samples) in parts {
        importer.add(&labels(job), samples).unwrap();
    }
    importer.finish().unwrap()
}

fn expected(parts: &[(&str, Vec<Sample>)]) -> Content {
    let mut content = Content::new();
    for (job, samples) in parts {
        for sample in samples {
            let key = (labels(job).to_string(), sample.t_ms);
            content.insert(key, (sample.value.to_bits(), sample.start_ms));
        }
    }
    content
}

/// From 1970 on, every value of its own kind, out of order, in parts.
fn history() -> Vec<(&'static str, Vec<Sample>)> {
    let special = [
        f64::from_bits(0x7ff8_0000_0000_0005),
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::from_bits(STALE_MARKER_BITS),
        0.1,
    ];
    let sample = |i: i64| Sample {
        t_ms: i * 37 * DAY_MS + i,
        value: special[i as usize % special.len()],
        start_ms: if i % 3 == 0 { i * DAY_MS } else { 0 },
    };
    let early: Vec<Sample> = (1..200).rev().map(sample).collect();
    let late: Vec<Sample> = (200..500).map(sample).collect();
    vec![("b", late.clone()), ("a", early.clone()), ("b", early), ("c", late)]
}

fn blocks(world: &SimWorld) -> Vec<PathBuf> {
    let is_block = |path: &PathBuf| path.to_str().unwrap().contains(".blk");
    world.disk.paths().into_iter().filter(is_block).collect()
}

#[test]
fn a_backfill_from_1970_is_there_to_the_bit() {
    let world = sim_env(1);
    let parts = history();
    let imported = import(&world.env, MEMORY, &parts);
    assert_eq!((imported.n_series, imported.n_samples), (3, 998));
    assert_eq!(imported.n_superseded, 0);
    assert_eq!(imported.n_blocks, blocks(&world).len() as u64);
    assert_eq!(stored(&world.env), expected(&parts));
}

#[test]
fn the_same_import_once_more_changes_nothing_that_a_query_sees() {
    let world = sim_env(1);
    let parts = history();
    import(&world.env, MEMORY, &parts);
    let again = import(&world.env, 4096, &parts);
    assert_eq!(again.n_samples, 998);
    assert_eq!(stored(&world.env), expected(&parts));
    let db = Db::open(manual(), &world.env).unwrap();
    while db.compact(SIM_START_MS).unwrap() {}
    assert_eq!(content(&*db), expected(&parts));
}

#[test]
fn an_import_beyond_its_memory_is_written_in_runs_that_stay_bounded() {
    let world = sim_env(1);
    let parts: Vec<(&str, Vec<Sample>)> = (0..200)
        .map(|i| ("a", (0..40).map(|n| Sample::new(n * 200 + i, i as f64)).collect()))
        .collect();
    let imported = import(&world.env, 1000, &parts);
    assert!(imported.n_blocks > 128, "{imported:?}");
    assert!(blocks(&world).len() <= 64 + 1, "{}", blocks(&world).len());
    assert_eq!(stored(&world.env), expected(&parts));
}

#[test]
fn of_two_samples_at_one_time_the_later_one_stays_but_no_marker_beats_a_value() {
    let world = sim_env(1);
    let stale = f64::from_bits(STALE_MARKER_BITS);
    let at = |t_ms, value| Sample::new(t_ms, value);
    let parts = [
        ("a", vec![at(2, 1.0), at(1, 1.0), at(2, 2.0), at(2, stale)]),
        ("a", vec![at(1, stale), at(3, stale), at(3, 5.0)]),
    ];
    let imported = import(&world.env, MEMORY, &parts);
    assert_eq!((imported.n_samples, imported.n_superseded), (3, 4));
    let kept = [("a", vec![at(1, 1.0), at(2, 2.0), at(3, 5.0)])];
    assert_eq!(stored(&world.env), expected(&kept));
}

#[test]
fn an_import_of_nothing_writes_nothing() {
    let world = sim_env(1);
    assert_eq!(import(&world.env, MEMORY, &[("a", Vec::new())]), Imported::default());
    assert_eq!(blocks(&world), Vec::<PathBuf>::new());
}

#[test]
fn what_the_log_holds_stays_and_the_import_is_the_later_one() {
    let world = sim_env(1);
    let db = Db::open(manual(), &world.env).unwrap();
    let t = SIM_START_MS;
    append(&db, "a", &[Sample::new(t, 1.0), Sample::new(t + 1, 1.0)]);
    db.close().unwrap();
    drop(db);
    import(&world.env, MEMORY, &[("a", vec![Sample::new(t, 2.0)])]);
    let kept = [("a", vec![Sample::new(t, 2.0), Sample::new(t + 1, 1.0)])];
    assert_eq!(stored(&world.env), expected(&kept));
    // And what comes after it is later still.
    let db = Db::open(manual(), &world.env).unwrap();
    append(&db, "a", &[Sample::new(t, 3.0)]);
    db.flush(t).unwrap();
    let kept = [("a", vec![Sample::new(t, 3.0), Sample::new(t + 1, 1.0)])];
    assert_eq!(content(&*db), expected(&kept));
}

#[test]
fn the_ends_of_time_are_taken() {
    let world = sim_env(1);
    let times = [i64::MIN, i64::MIN + 31 * DAY_MS - 5, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
    let one = |t_ms| ("a", vec![Sample::new(t_ms, 1.0)]);
    let mut parts: Vec<_> = times.map(one).into();
    parts.push(("b", vec![Sample::new(i64::MIN + 31 * DAY_MS - 5, 2.0)]));
    import(&world.env, MEMORY, &parts);
    assert_eq!(stored(&world.env), expected(&parts));
}

#[test]
fn an_import_that_is_dropped_or_cut_off_leaves_nothing() {
    for is_cut_off in [false, true] {
        let world = sim_env(1);
        let mut importer = Importer::open(Path::new(DIR), &world.env, 1000).unwrap();
        for (job, samples) in history() {
            importer.add(&labels(job), &samples).unwrap();
        }
        assert!(!blocks(&world).is_empty());
        if is_cut_off {
            world.disk.crash();
            std::mem::forget(importer);
        } else {
            drop(importer);
            assert_eq!(blocks(&world), Vec::<PathBuf>::new());
        }
        assert_eq!(stored(&world.env), Content::new());
        assert_eq!(blocks(&world), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_finished_import_survives_a_power_cut() {
    let world = sim_env(1);
    let parts = history();
    import(&world.env, 4096, &parts);
    world.disk.crash();
    assert_eq!(stored(&world.env), expected(&parts));
}

#[test]
fn wherever_the_power_goes_there_is_all_of_an_import_or_nothing() {
    let parts = [("a", vec![Sample::new(1, 1.0), Sample::new(40 * DAY_MS, 2.0)])];
    let try_import = |env: &Env| -> Result<Imported, ImportError> {
        let mut importer = Importer::open(Path::new(DIR), env, MEMORY)?;
        importer.add(&labels("a"), &parts[0].1)?;
        importer.finish()
    };
    for n_writes in 0.. {
        let world = sim_env(n_writes);
        let before = closed(&world);
        world.disk.stop_after(n_writes);
        let is_done = try_import(&world.env).is_ok() && !world.disk.is_stopped();
        world.disk.crash();
        let mut all = before.clone();
        all.extend(expected(&parts));
        let found = stored(&world.env);
        assert!(found == all || (found == before && !is_done), "{n_writes} writes: {found:?}");
        if is_done {
            assert!(n_writes > 20, "{n_writes}");
            return;
        }
    }
}

#[test]
fn on_a_full_disk_an_import_fails_and_changes_nothing() {
    let world = sim_env(1);
    let before = closed(&world);
    let mut importer = Importer::open(Path::new(DIR), &world.env, MEMORY).unwrap();
    importer.add(&labels("a"), &[Sample::new(1, 1.0), Sample::new(40 * DAY_MS, 2.0)]).unwrap();
    world.disk.set_free_bytes(Some(300));
    let error = importer.finish().unwrap_err();
    assert!(matches!(error, ImportError::Block { .. }), "{error}");
    world.disk.set_free_bytes(None);
    assert_eq!(stored(&world.env), before);
}

#[test]
fn a_directory_that_a_server_holds_is_refused() {
    let world = sim_env(1);
    let db = Db::open(manual(), &world.env).unwrap();
    let refused = Importer::open(Path::new(DIR), &world.env, MEMORY).err().unwrap();
    assert!(matches!(refused, ImportError::Open(OpenError::Locked { .. })), "{refused}");
    db.close().unwrap();
    drop(db);
    import(&world.env, MEMORY, &history());
}

/// A store with samples in a block and in the log, closed.
fn closed(world: &SimWorld) -> Content {
    let db = Db::open(manual(), &world.env).unwrap();
    // Within one window.
    let t = SIM_START_MS + 1000;
    append(&db, "a", &[Sample::new(t, 1.0), Sample::new(t + 1, 2.0)]);
    db.flush(t).unwrap();
    append(&db, "a", &[Sample::new(t + 2, 3.0)]);
    append(&db, "b", &[Sample::new(t + 2, 4.0)]);
    let content = content(&*db);
    db.close().unwrap();
    content
}

fn files(world: &SimWorld) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), world.disk.read(&path).unwrap());
    world.disk.paths().into_iter().map(read).collect()
}

#[test]
fn an_archive_shows_blocks_and_log_and_changes_nothing() {
    let world = sim_env(1);
    let expected = closed(&world);
    let before = files(&world);
    let archive = Archive::open(Path::new(DIR), &world.env).unwrap();
    assert_eq!(content(&archive), expected);
    assert_eq!(archive.label_values(METRIC_NAME, &[]).unwrap(), ["up"]);
    drop(archive);
    assert_eq!(files(&world), before);
}

#[test]
fn an_archive_names_the_files_of_a_copy_with_the_manifest_last() {
    let world = sim_env(1);
    closed(&world);
    for left_over in ["MANIFEST.tmp", "blk/00000000000000ff.blk.tmp", "blk/9-1-2-3-4.blk"] {
        world.disk.create(&Path::new(DIR).join(left_over)).unwrap().append(b"x").unwrap();
    }
    world.disk.create(&Path::new(DIR).join("records.db")).unwrap().append(b"sql").unwrap();
    let archive = Archive::open(Path::new(DIR), &world.env).unwrap();
    let files = archive.files().unwrap();
    let places: Vec<&str> = files.iter().map(|file| file.place.to_str().unwrap()).collect();
    let [block, log, records, manifest] = places[..] else { panic!("{places:?}") };
    assert!(block.starts_with("blk/0-") && files[0].block.is_some(), "{files:?}");
    assert!(log.starts_with("wal/") && log.ends_with(".wal"));
    assert_eq!((records, manifest), ("records.db", "MANIFEST"));
    for file in &files {
        let length = world.disk.len(&Path::new(DIR).join(&file.place)).unwrap();
        assert_eq!(file.n_bytes, length, "{file:?}");
    }
}

#[test]
fn an_archive_leaves_a_damaged_block_where_it_is() {
    let world = sim_env(1);
    closed(&world);
    let block = blocks(&world).remove(0);
    world.disk.remove(&block).unwrap();
    world.disk.create(&block).unwrap().append(b"no block").unwrap();
    let archive = Archive::open(Path::new(DIR), &world.env).unwrap();
    assert_eq!(archive.meter().recovery.quarantined_blocks.get(), 1);
    assert_eq!(content(&archive).len(), 2);
    assert_eq!(blocks(&world), [block]);
}

#[test]
fn a_folder_without_data_is_no_archive() {
    let world = sim_env(1);
    let refused = Archive::open(Path::new("/nowhere"), &world.env).err().unwrap();
    assert!(matches!(refused, OpenError::Disk { .. }), "{refused}");
}

fn dumped(env: &Env, place: &Path, detail: Detail) -> String {
    let mut text = Vec::new();
    dump(place, env, detail, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_dump_shows_blocks_and_log() {
    let world = sim_env(1);
    closed(&world);
    let parts = dumped(&world.env, Path::new(DIR), Detail::Parts);
    for expected in [
        "MANIFEST\n  live epoch ",
        "  live block 0-1767225601000-1767225601001-2-2.blk\n",
        "/data/blk/0-1767225601000-1767225601001-2-2.blk\n  block ",
        "\n  times 2026-01-01T00:00:01.000Z to 2026-01-01T00:00:01.001Z (1767225601000 to ",
        "\n  label \"job\": 1 values, 1 series\n",
        "/data/wal/0000000002.wal\n",
        ": 1 samples, 2026-01-01T00:00:01.002Z to ",
    ] {
        assert!(parts.contains(expected), "{expected:?} in {parts}");
    }
    assert!(!parts.contains("chunk at"), "{parts}");
    let all = dumped(&world.env, &blocks(&world)[0], Detail::Everything);
    for expected in ["\n  series 0 up{job=\"a\"}\n    chunk at ", " 2 samples, ", "decimals e0"] {
        assert!(all.contains(expected), "{expected:?} in {all}");
    }
    let log = dumped(&world.env, Path::new("/data/wal/0000000002.wal"), Detail::Everything);
    for expected in ["up{job=\"b\"}\n", " at 1767225601002 4.0 (4010000000000000) since 0\n"] {
        assert!(log.contains(expected), "{expected:?} in {log}");
    }
}

#[test]
fn a_dump_says_what_is_damaged_and_goes_on() {
    let world = sim_env(1);
    closed(&world);
    world.disk.put(&blocks(&world)[0], b"no block");
    world.disk.put(&Path::new(DIR).join("MANIFEST"), b"no manifest");
    let text = dumped(&world.env, Path::new(DIR), Detail::Everything);
    for expected in ["MANIFEST\n  Damaged\n", " is damaged: ", "up{job=\"b\"}"] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    for (place, expected) in [
        ("/nowhere", "is no block (*.blk), no log segment"),
        ("/nowhere.blk", "cannot read /nowhere.blk: "),
        ("/0000000007.wal", "cannot read /0000000007.wal: "),
    ] {
        let error = dump(Path::new(place), &world.env, Detail::Parts, &mut Vec::new());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
