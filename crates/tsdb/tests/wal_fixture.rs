//! The log as the first version wrote it, and what is in it, as text. Later versions read the same
//! bytes as the same samples, for ever. A second reader, made from `docs/formats/wal.md` alone,
//! finds the same: so the document says enough.
//!
//! `cargo test -p tsdb --test wal_fixture write_the_fixture -- --ignored` writes the files where
//! there are none; it never replaces them.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use model::{Labels, STALE_MARKER_BITS, Sample};
use stdx::{Disk as _, LocalDisk};
use storage::{Appender as _, Querier, Row, Select};
use testkit::{SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver};

const SEGMENTS: [&str; 3] = ["0000000001.wal", "0000000002.wal", "0000000003.wal"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1/wal")
}

fn config() -> Config {
    Config { driver: Driver::Manual, ..Config::new("/data") }
}

fn row(name: &str, host: &str, k: i64, bits: u64, start_ms: i64) -> Row {
    let labels = Labels::of_metric(name, [("host", host), ("ort", "Küche")]).unwrap();
    let t_ms = SIM_START_MS + 15_000 * k;
    Row { labels, sample: Sample { t_ms, value: f64::from_bits(bits), start_ms } }
}

/// What each process appends, batch by batch: a process is an epoch and has a segment of its own.
fn lives() -> [Vec<Vec<Row>>; 3] {
    let plain = |name, k| row(name, "a", k, (k as f64 / 4.0).to_bits(), 0);
    let start = SIM_START_MS;
    [
        vec![
            vec![plain("up", 0), plain("temperature", 0), row("up", "b", 0, STALE_MARKER_BITS, 0)],
            vec![row("up", "a", 1, 0x7ff8_0000_0000_00aa, 0), row("up", "b", 1, 1 << 63, 0)],
            // A series that is defined in the middle of the segment, and a sample that comes late.
            vec![row("requests", "a", 9, 100.5_f64.to_bits(), start), plain("up", -40)],
        ],
        vec![
            // The same series again, defined again; a time that was written before.
            vec![plain("temperature", 1), row("up", "a", 0, 7.0_f64.to_bits(), 0)],
            // A marker where there is a value; start times far away, and after their sample.
            vec![
                row("up", "b", 1, STALE_MARKER_BITS, 0),
                row("requests", "a", 10, f64::INFINITY.to_bits(), i64::MIN + 1),
                row("requests", "a", 11, f64::MIN_POSITIVE.to_bits(), start + 1_000_000),
                row("requests", "a", 12, 0xfff0_0000_0000_0001, start),
            ],
        ],
        // The last batch is torn.
        vec![vec![plain("up", 20)], vec![plain("up", 21), plain("up", 22)]],
    ]
}

fn text_of(content: &BTreeMap<String, BTreeMap<i64, (u64, i64)>>) -> String {
    let mut text = String::new();
    for (labels, samples) in content {
        text += &format!("{labels}\n");
        for (t_ms, (bits, start_ms)) in samples {
            text += &format!("{t_ms} {bits:016x} {start_ms}\n");
        }
    }
    text
}

fn stored(db: &Db) -> String {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut content = BTreeMap::new();
    for series in db.select(&all).unwrap() {
        let series = series.unwrap();
        let samples = series.samples.iter().map(|s| (s.t_ms, (s.value.to_bits(), s.start_ms)));
        content.insert(series.labels.to_string(), samples.collect());
    }
    text_of(&content)
}

#[test]
#[ignore = "writes the files where there are none"]
fn write_the_fixture() {
    let world = sim_env(1);
    for batches in lives() {
        let db = Db::open(config(), &world.env).unwrap();
        for rows in batches {
            let commit = db.append(rows).unwrap();
            db.commit_once();
            commit.wait().unwrap();
        }
        db.close().unwrap();
    }
    LocalDisk.create_dir_all(&folder()).unwrap();
    let mut files = Vec::new();
    for name in SEGMENTS {
        let mut bytes = world.disk.read(&Path::new("/data/wal").join(name)).unwrap();
        if name == SEGMENTS[2] {
            bytes.truncate(bytes.len() - 9);
        }
        files.push((folder().join(name), bytes));
    }
    let torn = sim_env(1);
    for (path, bytes) in &files {
        torn.disk.put(&Path::new("/data/wal").join(path.file_name().unwrap()), bytes);
    }
    let db = open_warm(config(), &torn.env).unwrap();
    files.push((folder().join("content.txt"), stored(&db).into_bytes()));
    for (path, bytes) in files {
        assert!(!path.exists(), "the files of a version are written once");
        LocalDisk.create(&path).unwrap().append(&bytes).unwrap();
    }
}

fn segments() -> [Vec<u8>; 3] {
    SEGMENTS.map(|name| fs::read(folder().join(name)).unwrap())
}

fn expected() -> String {
    fs::read_to_string(folder().join("content.txt")).unwrap()
}

fn with_the_fixture() -> SimWorld {
    let world = sim_env(1);
    for (name, bytes) in SEGMENTS.iter().zip(segments()) {
        world.disk.put(&Path::new("/data/wal").join(name), &bytes);
    }
    world
}

#[test]
fn what_a_version_wrote_is_read_for_ever() {
    let world = with_the_fixture();
    let db = open_warm(config(), &world.env).unwrap();
    assert_eq!(stored(&db), expected());
    let found = &db.meter().recovery;
    let counts = [
        found.torn_tails.get(),
        found.corrupt_frames.get(),
        found.orphan_samples.get(),
        found.unknown_frames.get(),
        found.damaged_headers.get(),
    ];
    assert_eq!(counts, [1, 0, 0, 0, 0]);
    // In blocks it is the same, and so it is after that.
    db.flush(SIM_START_MS).unwrap();
    assert_eq!(stored(&db), expected());
}

/// The fixture is worth its name as long as it has one of each kind.
#[test]
fn the_fixture_has_one_of_each_kind() {
    let text = expected();
    for bits in ["7ff0000000000002", "7ff80000000000aa", "8000000000000000", "fff0000000000001"] {
        assert!(text.contains(bits), "{bits}");
    }
    assert!(text.contains(&format!(" {}\n", i64::MIN + 1)), "a start far away");
}

#[test]
fn a_reader_made_from_the_document_finds_the_same() {
    let mut stranger = Stranger::default();
    let mut epochs = Vec::new();
    for (number, bytes) in (1..).zip(segments()) {
        epochs.push(stranger.read(number, &bytes));
    }
    assert_eq!(text_of(&stranger.content), expected());
    // A process, an epoch, a segment.
    assert!(epochs[0] < epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
}

/// Knows of the log what the document says.
#[derive(Default)]
struct Stranger {
    series: HashMap<u64, String>,
    content: BTreeMap<String, BTreeMap<i64, (u64, i64)>>,
}

impl Stranger {
    /// Reads a segment and says which epoch its references are of; 0 if there are none.
    fn read(&mut self, number: u64, bytes: &[u8]) -> u32 {
        assert_eq!(&bytes[..8], b"PHAROSWL");
        assert_eq!([word(bytes, 8), word(bytes, 12), word(bytes, 16)], [1, 0, 0]);
        let mut epoch = 0;
        let mut rest = &bytes[40..];
        while let Some((kind, payload, after)) = frame(number, rest) {
            let found = match kind {
                1 => self.definitions(payload),
                2 => self.samples(payload),
                _ => panic!("type {kind}"),
            };
            assert!(epoch == 0 || epoch == found, "two epochs in one segment");
            (epoch, rest) = (found, after);
        }
        epoch
    }

    fn definitions(&mut self, mut payload: &[u8]) -> u32 {
        let mut epoch = 0;
        while !payload.is_empty() {
            let reference = u64::from_le_bytes(take(&mut payload, 8).try_into().unwrap());
            epoch = (reference >> 32) as u32;
            let n_labels = varint(&mut payload);
            let mut text = || {
                let n_bytes = varint(&mut payload) as usize;
                String::from_utf8(take(&mut payload, n_bytes).to_vec()).unwrap()
            };
            let labels: Vec<_> = (0..n_labels).map(|_| (text(), text())).collect();
            let before = self.series.insert(reference, Labels::new(labels).unwrap().to_string());
            assert_eq!(before, None, "defined once");
        }
        epoch
    }

    fn samples(&mut self, mut payload: &[u8]) -> u32 {
        let (mut reference, mut t_ms) = (0_u64, 0_i64);
        while !payload.is_empty() {
            reference = reference.wrapping_add(zigzag(varint(&mut payload)) as u64);
            t_ms = t_ms.wrapping_add(zigzag(varint(&mut payload)));
            let start_ms = match varint(&mut payload) {
                0 => 0,
                1 => i64::from_le_bytes(take(&mut payload, 8).try_into().unwrap()),
                n => t_ms - zigzag(n - 2),
            };
            let bits = u64::from_le_bytes(take(&mut payload, 8).try_into().unwrap());
            let samples = self.content.entry(self.series[&reference].clone()).or_default();
            let is_beaten = bits == 0x7ff0_0000_0000_0002
                && samples.get(&t_ms).is_some_and(|(old, _)| *old != bits);
            if !is_beaten {
                samples.insert(t_ms, (bits, start_ms));
            }
        }
        (reference >> 32) as u32
    }
}

/// The frame at the front: its type, its payload, and what follows it.
fn frame(segment: u64, bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let header = bytes.get(..24)?;
    let salted = |part: &[u8]| crc32(&[&segment.to_le_bytes()[..], part].concat());
    if &header[..4] != b"\xf5PW\xff" || word(header, 20) != salted(&header[..20]) {
        return None;
    }
    let n_payload = word(header, 4) as usize;
    let payload = bytes.get(24..24 + n_payload)?;
    let after = bytes.get(24 + n_payload + 4..)?;
    let is_whole = word(bytes, 24 + n_payload) == salted(payload);
    is_whole.then_some((u16::from_le_bytes([header[8], header[9]]), payload, after))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn take<'b>(bytes: &mut &'b [u8], n: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(n);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
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
