//! Rot: every byte of every file of a small data directory, one at a time. Whatever is flipped or
//! cut off, the store opens, answers nothing that was never written, lacks nothing that stood in
//! another file, and counts what it lacks. Single files are in `damage` and `blocks`.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use model::time::format_rfc3339;
use model::{Labels, Matcher, STALE_MARKER_BITS, Sample};
use stdx::{Disk as _, Env};
use storage::{Appender as _, Querier as _, Row, Select};
use testkit::{Rng, SIM_START_MS, SimDisk, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver, Look, inspect_blocks};

const DIR: &str = "/data";
const HOUR_MS: i64 = 3_600_000;
/// Not on the edge between two windows.
const START_MS: i64 = SIM_START_MS + 1;

type Key = (String, i64);
/// What a store holds, bits and all.
type Content = BTreeMap<Key, u64>;

fn config() -> Config {
    Config { driver: Driver::Manual, segment_bytes_max: 200, ..Config::new(DIR) }
}

fn row(job: &str, t_ms: i64, bits: u64) -> Row {
    let labels = Labels::of_metric("up", [("job", job)]).unwrap();
    Row { labels, sample: Sample::new(t_ms, f64::from_bits(bits)) }
}

/// A data directory at rest, and everything that was ever written into it.
struct Rest {
    world: SimWorld,
    whole: Content,
    ever: BTreeSet<(Key, u64)>,
}

impl Rest {
    fn append(&mut self, db: &Db, rows: Vec<Row>) {
        for row in &rows {
            let key = (row.labels.to_string(), row.sample.t_ms);
            self.ever.insert((key, row.sample.value.to_bits()));
        }
        let commit = db.append(rows).unwrap();
        db.commit_once();
        commit.wait().unwrap();
    }

    /// Two blocks, a deletion, and a log of two segments with definitions.
    fn new() -> Self {
        let mut rest = Self { world: sim_env(1), whole: Content::new(), ever: BTreeSet::default() };
        let db = Db::open(config(), &rest.world.env).unwrap();
        let old_ms = START_MS - 50 * HOUR_MS;
        for (from_ms, n) in [(old_ms, 3), (START_MS, 4)] {
            let rows = (0..n).flat_map(|k| {
                ["a", "b"].map(|job| row(job, from_ms + 1000 * k, (k as f64 + 0.5).to_bits()))
            });
            let rows = rows.collect();
            rest.append(&db, rows);
            db.flush(START_MS).unwrap();
        }
        let a = Matcher::equal("job", "a");
        db.delete_series(&[a], old_ms, old_ms + 1000).unwrap();
        // Written over what is in a block, marked as ended where there is a value, and new.
        rest.append(&db, vec![row("a", START_MS, 7), row("b", START_MS, STALE_MARKER_BITS)]);
        rest.append(&db, vec![row("c", START_MS + 1, 1), row("a", START_MS + 9000, 2)]);
        rest.append(&db, vec![row("d", START_MS + 1, 3), row("c", START_MS + 2, 4)]);
        db.close().unwrap();
        rest.whole = content(&db);
        drop(db);
        let n = |extension| rest.files(extension).len();
        assert_eq!((n("blk"), n("wal"), n("log")), (2, 2, 1));
        rest
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut paths = self.world.disk.paths();
        paths.retain(|path| path.extension().is_some_and(|e| e == extension));
        paths
    }

    /// The directory with another content of a file; without it if there is none.
    fn with(&self, path: &Path, bytes: Option<&[u8]>) -> Env {
        let disk: SimDisk = self.world.disk.fork();
        match bytes {
            Some(bytes) => disk.put(path, bytes),
            None => disk.remove(path).unwrap(),
        }
        Env { disk: std::sync::Arc::new(disk), ..self.world.env.clone() }
    }

    /// Each way to damage a file, and what it is called.
    fn damaged(bytes: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
        let flips = (0..bytes.len()).flat_map(|at| [0x01, 0xff].map(|mask| (at, mask)));
        let flipped = flips.map(|(at, mask)| {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= mask;
            (format!("byte {at} ^ {mask:#x}"), damaged)
        });
        let cut = (0..bytes.len()).map(|at| (format!("cut at {at}"), bytes[..at].to_vec()));
        flipped.chain(cut)
    }

    /// Damages a file in each way and opens the directory.
    fn check_file(&self, path: &Path, check: &mut dyn FnMut(&str, &Life, &Env)) {
        let bytes = self.world.disk.read(path).unwrap();
        for (how, damaged) in Self::damaged(&bytes) {
            let how = format!("{}: {how}", path.display());
            let env = self.with(path, Some(&damaged));
            let before = self.with(path, Some(&damaged));
            let life = Life::begin(&env).unwrap_or_else(|error| panic!("{how}: {error}"));
            for (key, bits) in &life.content {
                assert!(self.ever.contains(&(key.clone(), *bits)), "{how}: {key:?} is {bits:#x}");
            }
            check(&how, &life, &before);
        }
    }

    /// The keys of which something is not there, or not what it was.
    fn lost(&self, life: &Life) -> Vec<Key> {
        let differs = |(key, bits): &(&Key, &u64)| life.content.get(*key) != Some(*bits);
        self.whole.iter().filter(differs).map(|(key, _)| key.clone()).collect()
    }
}

struct Life {
    content: Content,
    n_complaints: u64,
}

impl Life {
    fn begin(env: &Env) -> Result<Self, tsdb::OpenError> {
        let db = open_warm(config(), env)?;
        let content = content(&db);
        let found = &db.meter().recovery;
        let counters = [
            &found.orphan_samples,
            &found.corrupt_frames,
            &found.missing_frames,
            &found.torn_tails,
            &found.damaged_headers,
            &found.missing_segments,
            &found.damaged_tombstones,
            &found.quarantined_blocks,
            &found.missing_blocks,
            &found.manifests_rebuilt,
            &db.meter().lost_chunks,
        ];
        let n_complaints = counters.iter().map(|counter| counter.get()).sum();
        Ok(Self { content, n_complaints })
    }
}

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

#[test]
fn a_rotten_segment_costs_what_was_in_it_and_says_so() {
    let rest = Rest::new();
    for path in rest.files("wal") {
        let without = Life::begin(&rest.with(&path, None)).unwrap();
        let held: BTreeSet<Key> = rest.lost(&without).into_iter().collect();
        let is_last = path.ends_with("0000000004.wal") || Some(&path) == rest.files("wal").last();
        rest.check_file(&path, &mut |how, life, _| {
            let lost = rest.lost(life);
            assert!(lost.iter().all(|key| held.contains(key)), "{how}: {lost:?}");
            // Of the last segment nobody knows how long it was.
            let is_unknowable = is_last && how.contains("cut at");
            assert!(lost.is_empty() || life.n_complaints > 0 || is_unknowable, "{how}: {lost:?}");
        });
    }
}

#[test]
fn a_rotten_block_costs_what_was_in_it_and_says_so() {
    let rest = Rest::new();
    for path in rest.files("blk") {
        let without = Life::begin(&rest.with(&path, None)).unwrap();
        let held: BTreeSet<Key> = rest.lost(&without).into_iter().collect();
        rest.check_file(&path, &mut |how, life, before| {
            let lost = rest.lost(life);
            assert!(lost.iter().all(|key| held.contains(key)), "{how}: {lost:?}");
            assert!(lost.is_empty() || life.n_complaints > 0, "{how}: {lost:?}");
            assert!(!damage(before).is_empty(), "{how}: a look at every byte sees nothing");
        });
    }
}

#[test]
fn a_rotten_manifest_or_file_of_deletions_costs_no_sample() {
    let rest = Rest::new();
    for name in ["MANIFEST", "tombstones.log"] {
        rest.check_file(&Path::new(DIR).join(name), &mut |how, life, _| {
            assert_eq!(rest.lost(life), [], "{how}");
            let is_more = life.content.len() > rest.whole.len();
            let is_cut_between = how.contains("tombstones.log: cut at");
            assert!(life.n_complaints > 0 || is_cut_between, "{how}: nothing is said");
            assert!(!is_more || name == "tombstones.log", "{how}: {:?}", life.content);
        });
    }
}

/// What a look at every byte of the blocks says.
fn damage(env: &Env) -> Vec<String> {
    let mut damage = Vec::new();
    let mut report = |block: &tsdb::BlockSummary| damage.extend(block.damage.clone());
    inspect_blocks(Path::new(DIR), env, Look::EveryByte, &mut report).unwrap();
    damage
}

/// A block of several pages: series by series it is said what is lost and from when to when.
#[test]
fn a_look_at_every_byte_names_the_page_the_series_and_the_times() {
    let mut rest = Rest { world: sim_env(1), whole: Content::new(), ever: BTreeSet::default() };
    let db = Db::open(Config { pending_bytes_max: 1 << 30, ..config() }, &rest.world.env).unwrap();
    let mut rng = Rng::new(1);
    for job in 0..30 {
        let job = format!("j{job:02}");
        // Values that nobody can make smaller: eight bytes each.
        let rows = (0..1200).map(|k| row(&job, START_MS + 1000 * k, rng.next_u64() >> 2));
        rest.append(&db, rows.collect());
    }
    db.flush(START_MS).unwrap();
    rest.whole = content(&db);
    db.close().unwrap();
    drop(db);
    let path = rest.files("blk").remove(0);
    let bytes = rest.world.disk.read(&path).unwrap();
    assert!(bytes.len() > 3 * (64 << 10), "{} bytes are too few pages", bytes.len());
    let (mut n_named, mut n_unreadable) = (0, 0);
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x04;
        let said = damage(&rest.with(&path, Some(&damaged)));
        // Without the names of its labels nothing in a block can be read.
        if said.iter().any(|text| text.contains("the names of its labels cannot be read")) {
            n_unreadable += 1;
            continue;
        }
        let page = at / (64 << 10);
        let names_page = said.iter().any(|text| text.contains(&format!("page {page} is damaged")));
        assert!(names_page, "byte {at}, page {page}: {said:?}");
        let life = Life::begin(&rest.with(&path, Some(&damaged))).unwrap();
        let lost = rest.lost(&life);
        assert!(lost.is_empty() || life.n_complaints > 0, "byte {at}");
        n_named += usize::from(!lost.is_empty());
        for (series, t_ms) in &lost {
            assert!(said.iter().any(|text| covers(text, series, *t_ms)), "{series} at {t_ms}");
        }
    }
    assert!(n_named > 20, "only {n_named} places cost something");
    assert!(n_unreadable <= 5, "{n_unreadable} places cost everything: more than the last page");
}

/// Whether a sentence says that a sample is lost.
fn covers(text: &str, series: &str, t_ms: i64) -> bool {
    let Some(times) = text.split_once(&format!("series {series} from ")) else { return false };
    let Some((from, to)) = times.1.split_once(" to ") else { return false };
    // Times of this form are in the order of their texts.
    (from..=to).contains(&format_rfc3339(t_ms).as_str())
}
