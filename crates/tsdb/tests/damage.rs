//! Damaged files: the store opens, says so, and never returns a wrong value.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::{Labels, Sample};
use stdx::Disk;
use storage::{Appender, Querier, Row, Select};
use testkit::{SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver, Health, OpenError};

const DIR: &str = "/data";

fn config() -> Config {
    let mut config = Config::new(DIR);
    config.driver = Driver::Manual;
    config
}

/// What a store holds, bits and all.
type Content = BTreeMap<(String, i64), u64>;

fn row(series: usize, t_ms: i64, value: f64) -> Row {
    Row {
        labels: Labels::of_metric("up", [("job", format!("j{series}"))]).unwrap(),
        sample: Sample::new(t_ms, value),
    }
}

fn content(db: &Db) -> Content {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut content = Content::new();
    for series in db.select(&all).unwrap() {
        let series = series.unwrap();
        for sample in series.samples {
            let key = (series.labels.to_string(), sample.t_ms);
            content.insert(key, sample.value.to_bits());
        }
    }
    content
}

/// Three batches of three series, in three frames each, the content after each batch, and the
/// file's length then.
fn small_store(world: &SimWorld) -> (PathBuf, Vec<(usize, Content)>) {
    let db = open_warm(config(), &world.env).unwrap();
    let segment = Path::new(DIR).join("wal/0000000001.wal");
    let mut after = vec![(0, Content::new())];
    for batch in 0..3 {
        let rows = |series| row(series, SIM_START_MS + batch as i64, series as f64 + 0.5);
        let commit = db.append((0..=batch).map(rows).collect()).unwrap();
        assert_eq!(db.commit_once(), Health::Writable);
        commit.wait().unwrap();
        let n_bytes = world.disk.read(&segment).unwrap().len();
        after.push((n_bytes, content(&db)));
    }
    db.close().unwrap();
    (segment, after)
}

fn reopen(world: &SimWorld) -> (Content, u64) {
    let db = open_warm(config(), &world.env).unwrap();
    let recovery = &db.meter().recovery;
    let n_complaints = recovery.corrupt_frames.get()
        + recovery.torn_tails.get()
        + recovery.damaged_headers.get()
        + recovery.missing_segments.get()
        + recovery.manifests_rebuilt.get();
    (content(&db), n_complaints)
}

/// Everything that was durable before the damage is there, and nothing else than what was written.
fn check(found: &Content, at: usize, after: &[(usize, Content)]) {
    let before = after.iter().rev().find(|(n_bytes, _)| *n_bytes <= at);
    for (key, bits) in &before.unwrap().1 {
        assert_eq!(found.get(key), Some(bits), "{key:?}, damage at {at}");
    }
    let whole = &after.last().unwrap().1;
    for (key, bits) in found {
        assert_eq!(whole.get(key), Some(bits), "{key:?}, damage at {at}");
    }
}

#[test]
fn any_flipped_byte_of_the_log_is_noticed() {
    let world = sim_env(1);
    let (segment, after) = small_store(&world);
    let whole = world.disk.read(&segment).unwrap();
    for at in 0..whole.len() {
        for mask in [0x01, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            world.disk.put(&segment, &bytes);
            let (found, n_complaints) = reopen(&world);
            check(&found, at, &after);
            assert_eq!(n_complaints, 1, "flipped {mask:#x} at {at}");
        }
    }
}

#[test]
fn a_log_cut_anywhere_keeps_what_is_before() {
    let world = sim_env(1);
    let (segment, after) = small_store(&world);
    let whole = world.disk.read(&segment).unwrap();
    for n_bytes in 0..whole.len() {
        world.disk.put(&segment, &whole[..n_bytes]);
        let (found, _) = reopen(&world);
        check(&found, n_bytes, &after);
    }
}

#[test]
fn a_damaged_or_lost_manifest_is_made_anew() {
    let world = sim_env(1);
    let (_, after) = small_store(&world);
    let manifest = Path::new(DIR).join("MANIFEST");
    let whole = world.disk.read(&manifest).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        world.disk.put(&manifest, &bytes);
        assert_eq!(reopen(&world), (after[3].1.clone(), 1), "byte {at}");
        // It is whole again.
        assert_eq!(reopen(&world), (after[3].1.clone(), 0), "byte {at}");
    }
    world.disk.remove(&manifest).unwrap();
    assert_eq!(reopen(&world), (after[3].1.clone(), 1));
}

#[test]
fn a_missing_segment_is_counted() {
    let world = sim_env(1);
    let (segment, _) = small_store(&world);
    // The next start lists the segment.
    reopen(&world);
    world.disk.remove(&segment).unwrap();
    assert_eq!(reopen(&world), (Content::new(), 1));
}

#[test]
fn frames_lost_at_the_end_of_a_full_segment_are_counted() {
    let world = sim_env(1);
    let mut config = config();
    config.segment_bytes_max = 1;
    let db = open_warm(config, &world.env).unwrap();
    for i in 0..3 {
        let _commit = db.append(vec![row(0, SIM_START_MS + i, 1.0)]).unwrap();
        db.commit_once();
    }
    db.close().unwrap();
    let segment = Path::new(DIR).join("wal/0000000002.wal");
    let whole = world.disk.read(&segment).unwrap();
    // The segment ends with its header, without a trace of the frame that was in it.
    world.disk.put(&segment, &whole[..40]);
    let db = open_warm(self::config(), &world.env).unwrap();
    assert_eq!(db.meter().recovery.missing_frames.get(), 1);
    assert_eq!(content(&db).len(), 2);
}

#[test]
fn a_file_of_a_later_version_is_refused_and_left_alone() {
    let world = sim_env(1);
    let (segment, _) = small_store(&world);
    let mut bytes = world.disk.read(&segment).unwrap();
    bytes[8] = 9;
    // CRC-32 (IEEE) of a header whose version is 9, the rest as in the file.
    let sum = crc32(&bytes[..36]);
    bytes[36..40].copy_from_slice(&sum.to_le_bytes());
    world.disk.put(&segment, &bytes);
    let error = open_warm(config(), &world.env).err().unwrap();
    assert!(matches!(error, OpenError::NewerFormat { version: 9, .. }));
    assert_eq!(
        error.to_string(),
        "/data/wal/0000000001.wal has format version 9 with features 0x0, \
         this program reads up to version 1 without features"
    );
    assert_eq!(world.disk.read(&segment).unwrap(), bytes);
}

/// Bit by bit, independent of the library that the store uses.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let mask = (crc & 1).wrapping_neg();
            crc = (crc >> 1) ^ (0xedb8_8320 & mask);
        }
    }
    !crc
}

#[test]
fn frames_of_an_unknown_kind_are_skipped_and_counted() {
    let world = sim_env(1);
    let (segment, after) = small_store(&world);
    let mut bytes = world.disk.read(&segment).unwrap();
    let salted = |content: &[u8]| {
        let salt = 1_u64.to_le_bytes();
        crc32(&[&salt[..], content].concat()).to_le_bytes()
    };
    for (lsn, kind) in [(100_u64, 5_u16), (101, 777)] {
        let mut header = b"\xf5PW\xff".to_vec();
        header.extend_from_slice(&5_u32.to_le_bytes());
        header.extend_from_slice(&kind.to_le_bytes());
        header.extend_from_slice(&[0; 2]);
        header.extend_from_slice(&lsn.to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&salted(&header));
        bytes.extend_from_slice(b"later");
        bytes.extend_from_slice(&salted(b"later"));
    }
    world.disk.put(&segment, &bytes);
    let db = open_warm(config(), &world.env).unwrap();
    assert_eq!(db.meter().recovery.unknown_frames.get(), 2);
    assert_eq!(db.meter().recovery.corrupt_frames.get(), 0);
    assert_eq!(content(&db), after[3].1);
}

#[test]
fn a_segment_whose_removal_was_interrupted_does_not_come_back() {
    let world = sim_env(1);
    let (segment, after) = small_store(&world);
    // The first start listed no segment and said that the next one is number 1. Make it forget
    // the file: list nothing up to number 2.
    let mut manifest = b"PHAROSMF".to_vec();
    for word in [1_u32, 0, 0, 7, 2, 0, 0] {
        manifest.extend_from_slice(&word.to_le_bytes());
    }
    let sum = crc32(&manifest).to_le_bytes();
    manifest.extend_from_slice(&sum);
    let bytes = world.disk.read(&segment).unwrap();
    assert!(!after[3].1.is_empty());
    world.disk.put(&Path::new(DIR).join("MANIFEST"), &manifest);
    world.disk.put(&segment, &bytes);
    assert_eq!(reopen(&world), (Content::new(), 0));
    assert!(!world.disk.paths().contains(&segment));
}
