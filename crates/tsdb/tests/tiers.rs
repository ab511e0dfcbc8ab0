//! Tiers: what is rolled up is what a plain calculation over the same samples gives, once, however
//! the files came about; and it stays when the samples are gone.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{Histogram, HistogramSample, Labels, Matcher, STALE_MARKER_BITS, Sample};
use stdx::{Clock as _, Disk as _};
use storage::memory::MemoryStore;
use storage::rollup::{roll, widen};
use storage::{Appender, Querier, ROLLUP_WIDTHS_MS, Rollup, Row, Select, Series, SeriesBatch};
use testkit::{Rng, SIM_START_MS, SimWorld, sim_env};
use tsdb::{Archive, Config, Db, Driver, Health, Look, RetentionRule, inspect_blocks};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const FINE: i64 = ROLLUP_WIDTHS_MS[0];
const COARSE: i64 = ROLLUP_WIDTHS_MS[1];

fn config(adjust: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    config.retention = Some(DAY * 3);
    // Tests turn the clock by weeks.
    config.doubt_clock_for = Duration::ZERO;
    config.retention_5m = Some(DAY * 90);
    config.roll_up_after = Some(DAY / 24);
    config.retention_1h = Some(DAY * 365);
    adjust(&mut config);
    config
}

fn open(world: &SimWorld, adjust: impl FnOnce(&mut Config)) -> Arc<Db> {
    let db = Db::open(config(adjust), &world.env).unwrap();
    db.warm().unwrap();
    db
}

/// The day on whose first moment a test begins: all its days are over a long time before.
fn day(nth: i64) -> i64 {
    SIM_START_MS.div_euclid(DAY_MS) * DAY_MS + nth * DAY_MS
}

/// A store and a plain one beside it that has the same samples.
struct Both {
    world: SimWorld,
    db: Arc<Db>,
    plain: MemoryStore,
}

impl Both {
    fn new(seed: u64, adjust: impl FnOnce(&mut Config)) -> Self {
        let world = sim_env(seed);
        let db = open(&world, adjust);
        Self { world, db, plain: MemoryStore::default() }
    }

    /// Sets the clock, after the first day.
    fn at(&self, ms: i64) {
        self.world.clock.set_now_ms(day(0) + ms);
    }

    fn append(&self, job: &str, samples: impl IntoIterator<Item = (i64, f64)>) {
        let labels = Labels::of_metric("up", [("job", job)]).unwrap();
        let rows = samples
            .into_iter()
            .map(|(t_ms, value)| Row { labels: labels.clone(), sample: Sample::new(t_ms, value) });
        let rows: Vec<Row> = rows.collect();
        self.plain.append(rows.clone()).unwrap().wait().unwrap();
        let commit = self.db.append(rows).unwrap();
        assert_eq!(self.db.commit_once(), Health::Writable);
        commit.wait().unwrap();
    }

    /// A counter each minute, with resets and a marker, of these hours after the first day.
    fn counter(&self, job: &str, hours: std::ops::Range<i64>) {
        let samples = (hours.start * 60 + 1..=hours.end * 60).map(|minute| {
            let value = match minute % 97 {
                96 => f64::from_bits(STALE_MARKER_BITS),
                step => (step * step) as f64,
            };
            (day(0) + minute * MINUTE_MS + 7, value)
        });
        self.append(job, samples);
    }

    fn now_ms(&self) -> i64 {
        self.world.clock.now_ms()
    }

    /// Everything that the store does by itself.
    fn settle(&self) {
        self.db.flush(self.now_ms()).unwrap();
        while self.db.compact(self.now_ms()).unwrap() {}
        self.db.enforce_retention(self.now_ms()).unwrap();
        while self.db.compact(self.now_ms()).unwrap() {}
    }

    /// The store after a restart, or a power cut.
    fn reopened(self, adjust: impl FnOnce(&mut Config)) -> Self {
        let Self { world, db, plain } = self;
        drop(db);
        world.disk.crash();
        let db = open(&world, adjust);
        Self { world, db, plain }
    }

    /// Whether the rollups of both widths are those of the plain store's samples.
    #[track_caller]
    fn check(&self) {
        for width_ms in ROLLUP_WIDTHS_MS {
            assert_same(&rollups(&self.db, width_ms), &plain_rollups(&self.plain, width_ms));
        }
    }

    fn tier_files(&self) -> Vec<PathBuf> {
        tier_files(&self.world)
    }
}

fn tier_files(world: &SimWorld) -> Vec<PathBuf> {
    let mut files = world.disk.list(Path::new("/data/blk")).unwrap();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with("-5m.blk") || name.ends_with("-1h.blk")
    });
    files
}

type ByJob = BTreeMap<String, Vec<Rollup>>;

fn everything() -> Select {
    Select::floats(Vec::new(), i64::MIN, i64::MAX)
}

fn rollups(db: &Db, width_ms: i64) -> ByJob {
    let set = db.rollups(&everything(), width_ms).unwrap().unwrap();
    let set: Vec<_> = set.map(Result::unwrap).collect();
    assert!(set.is_sorted_by(|a, b| a.labels < b.labels));
    set.into_iter().map(|s| (s.labels.get("job").unwrap().to_owned(), s.rollups)).collect()
}

fn plain_rollups(store: &MemoryStore, width_ms: i64) -> ByJob {
    let series = store.select(&everything()).unwrap().map(Result::unwrap);
    let rolled = series.map(|series| {
        let fine = roll(&series.samples, FINE);
        (series.labels.get("job").unwrap().to_owned(), widen(&fine, width_ms))
    });
    rolled.collect()
}

#[track_caller]
fn assert_same(found: &ByJob, expected: &ByJob) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (job, expected) in expected {
        let times = |rollups: &[Rollup]| rollups.iter().map(|r| r.first_ms).collect::<Vec<_>>();
        assert_eq!(times(&found[job]), times(expected), "{job}");
        for (one, other) in found[job].iter().zip(expected) {
            assert!(one.same_bits(other), "{job}: {one:?} is not {other:?}");
        }
    }
}

fn n_samples(db: &Db) -> usize {
    db.select(&everything()).unwrap().map(|series| series.unwrap().samples.len()).sum()
}

#[test]
fn rollups_are_those_of_the_samples_before_and_after_these_are_gone() {
    let both = Both::new(1, |_| {});
    both.at(2 * HOUR_MS);
    both.counter("a", 0..2);
    both.check();
    assert_eq!(both.tier_files().len(), 0);
    both.at(30 * HOUR_MS);
    both.counter("a", 2..30);
    both.counter("b", 20..25);
    both.settle();
    // The first day alone is over.
    assert_eq!(both.tier_files().len(), 2);
    both.check();
    let both = both.reopened(|_| {});
    both.check();
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    assert_eq!(n_samples(&both.db), 0);
    let files = both.world.disk.list(Path::new("/data/blk")).unwrap();
    assert_eq!(files, both.tier_files(), "no file of samples is left");
    both.check();
    let both = both.reopened(|_| {});
    both.check();
    // Both days are in one block of each tier, as they are of one month.
    assert_eq!(both.db.meter().tier_blocks.get(), 2);
    assert!(both.db.meter().tier_bytes[0].get() > both.db.meter().tier_bytes[1].get());
}

#[test]
fn samples_are_hidden_in_time_and_stay_on_disk_until_they_are_rolled_up() {
    let short = |config: &mut Config| config.retention = Some(HOUR);
    let both = Both::new(1, short);
    both.at(6 * HOUR_MS);
    both.append("a", (1..6).map(|hour| (day(0) + hour * HOUR_MS, 1.0)));
    both.db.flush(both.now_ms()).unwrap();
    both.db.enforce_retention(both.now_ms()).unwrap();
    assert_eq!(n_samples(&both.db), 1);
    // The store is stopped for months, so nothing could be rolled up in time.
    both.at(100 * DAY_MS);
    let both = both.reopened(short);
    both.db.enforce_retention(both.now_ms()).unwrap();
    assert_eq!(n_samples(&both.db), 0);
    both.settle();
    assert_eq!(rollups(&both.db, FINE).len(), 0, "older than 90 days");
    assert_same(&rollups(&both.db, COARSE), &plain_rollups(&both.plain, COARSE));
    both.settle();
    assert_eq!(both.world.disk.list(Path::new("/data/blk")).unwrap().len(), 1);
    assert_same(&rollups(&both.db, COARSE), &plain_rollups(&both.plain, COARSE));
}

#[test]
fn samples_that_were_only_in_the_log_are_rolled_up_after_a_long_rest() {
    let both = Both::new(1, |_| {});
    both.at(6 * HOUR_MS);
    both.counter("a", 0..6);
    both.at(50 * DAY_MS);
    let both = both.reopened(|_| {});
    assert_eq!(n_samples(&both.db), 0);
    both.settle();
    both.settle();
    both.check();
    assert_eq!(both.world.disk.list(Path::new("/data/blk")).unwrap().len(), 2);
}

#[test]
fn what_comes_late_is_seen_at_once_and_rolled_up_again() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    let files = both.tier_files();
    assert_eq!(files.len(), 2);
    // One sample within what is rolled up, one in place of another.
    both.append("a", [(day(0) + 5 * HOUR_MS + 1, 77.0), (day(0) + 60 * MINUTE_MS + 7, 5000.0)]);
    both.append("late", [(day(0) + 3, 1.0)]);
    both.check();
    both.db.flush(both.now_ms()).unwrap();
    both.check();
    assert_eq!(both.tier_files(), files);
    both.settle();
    both.check();
    assert_ne!(both.tier_files(), files);
    assert_eq!(both.tier_files().len(), 2);
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    both.check();
    assert_eq!(n_samples(&both.db), 0);
}

#[test]
fn nothing_is_rolled_up_twice_and_a_quiet_store_writes_nothing() {
    let both = Both::new(1, |_| {});
    both.at(3 * DAY_MS + 2 * HOUR_MS);
    both.counter("a", 0..60);
    both.settle();
    let (files, n) = (both.tier_files(), both.db.meter().rollups.get());
    for hours in 1..20 {
        both.at(3 * DAY_MS + hours * HOUR_MS);
        both.settle();
    }
    assert_eq!((both.tier_files(), both.db.meter().rollups.get()), (files, n));
    let expected =
        plain_rollups(&both.plain, FINE)["a"].len() + plain_rollups(&both.plain, COARSE)["a"].len();
    assert_eq!(n, expected as u64);
    assert_eq!(both.db.meter().rollup_failures.get(), 0);
}

#[test]
fn days_become_months() {
    let both = Both::new(1, |_| {});
    for nth in 0..40 {
        both.at((nth + 1) * DAY_MS + 2 * HOUR_MS);
        both.append("a", (0..24).map(|hour| (day(nth) + hour * HOUR_MS + 5, (nth * hour) as f64)));
        both.settle();
    }
    both.check();
    both.at(80 * DAY_MS);
    both.settle();
    both.settle();
    both.check();
    assert!(both.tier_files().len() <= 6, "{:?}", both.tier_files());
    let both = both.reopened(|_| {});
    both.check();
}

#[test]
fn each_tier_has_its_own_end() {
    let both = Both::new(1, |config| config.retention_5m = Some(DAY * 10));
    both.at(3 * DAY_MS);
    both.counter("a", 0..60);
    both.settle();
    both.check();
    both.at(11 * DAY_MS + 90 * MINUTE_MS);
    both.settle();
    // A rollup is there as long as all of its time is.
    let from_ms = day(1) + 90 * MINUTE_MS;
    let mut expected = plain_rollups(&both.plain, FINE);
    expected.get_mut("a").unwrap().retain(|rollup| rollup.span(FINE).0 >= from_ms);
    assert_same(&rollups(&both.db, FINE), &expected);
    assert_same(&rollups(&both.db, COARSE), &plain_rollups(&both.plain, COARSE));
    // A tier that is turned off goes.
    let off = |config: &mut Config| config.retention_5m = None;
    let both = both.reopened(off);
    both.settle();
    assert!(both.db.rollups(&everything(), FINE).unwrap().is_none());
    assert_same(&rollups(&both.db, COARSE), &plain_rollups(&both.plain, COARSE));
    assert!(both.tier_files().iter().all(|path| path.to_str().unwrap().ends_with("-1h.blk")));
}

#[test]
fn bounds_off_the_grid_and_unknown_widths_have_no_rollups() {
    let both = Both::new(1, |_| {});
    both.counter("a", 0..3);
    let select = |start_ms, end_ms| Select { start_ms, end_ms, ..everything() };
    let is_some = |select, width_ms| both.db.rollups(&select, width_ms).unwrap().is_some();
    let hour = day(0) + HOUR_MS;
    assert!(is_some(select(hour + 1, hour + COARSE), COARSE));
    assert!(!is_some(select(hour, hour + COARSE), COARSE));
    assert!(!is_some(select(hour + 1, hour + COARSE - 1), COARSE));
    assert!(!is_some(select(hour + 1, hour + FINE), COARSE));
    assert!(is_some(select(hour + 1, hour + FINE), FINE));
    assert!(!is_some(everything(), FINE - 1));
    let set = both.db.rollups(&select(hour + 1, hour + 2 * FINE), FINE).unwrap().unwrap();
    let found: Vec<Rollup> = set.flat_map(|series| series.unwrap().rollups).collect();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|r| r.first_ms > hour && r.last_ms <= hour + 2 * FINE));
}

/// Deletes in both stores.
fn delete(both: &Both, job: &str, start_ms: i64, end_ms: i64) {
    both.db.delete_series(&[Matcher::equal("job", job)], start_ms, end_ms).unwrap();
    let kept = MemoryStore::default();
    for series in both.plain.select(&everything()).unwrap() {
        let series = series.unwrap();
        let is_hit = |t_ms: i64| {
            series.labels.get("job") == Some(job) && (start_ms..=end_ms).contains(&t_ms)
        };
        let left = series.samples.iter().filter(|s| !is_hit(s.t_ms));
        let rows = left.map(|s| Row { labels: series.labels.clone(), sample: *s });
        kept.append(rows.collect()).unwrap().wait().unwrap();
    }
    both.plain.drop_before(i64::MAX);
    let rest = kept.select(&everything()).unwrap().flat_map(|series| {
        let series = series.unwrap();
        let labels = series.labels;
        series.samples.into_iter().map(move |sample| Row { labels: labels.clone(), sample })
    });
    both.plain.append(rest.collect()).unwrap().wait().unwrap();
}

#[test]
fn what_is_deleted_leaves_rollups_at_once_and_to_the_sample_while_samples_are_there() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.counter("b", 0..26);
    both.settle();
    delete(&both, "a", day(0) + 3 * HOUR_MS + 11, day(0) + 5 * HOUR_MS + 190_000);
    both.check();
    both.settle();
    both.check();
    // Once more after it was rolled up anew: the same deletion must not bite twice.
    both.append("a", [(day(0) + 4 * HOUR_MS, 1.0)]);
    both.check();
    both.settle();
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    assert_eq!(n_samples(&both.db), 0);
    both.check();
    let both = both.reopened(|_| {});
    both.check();
}

#[test]
fn a_deletion_after_the_samples_are_gone_takes_every_rollup_that_it_touches() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.counter("b", 0..26);
    both.settle();
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    assert_eq!(n_samples(&both.db), 0);
    let (start_ms, end_ms) = (day(0) + 3 * HOUR_MS + 400_000, day(0) + 5 * HOUR_MS + 90_000);
    both.db.delete_series(&[Matcher::equal("job", "a")], start_ms, end_ms).unwrap();
    let check = |both: &Both| {
        for width_ms in ROLLUP_WIDTHS_MS {
            let mut expected = plain_rollups(&both.plain, width_ms);
            expected.get_mut("a").unwrap().retain(|rollup| {
                let span = rollup.span(width_ms);
                span.1 < start_ms || span.0 >= end_ms
            });
            assert_same(&rollups(&both.db, width_ms), &expected);
        }
    };
    check(&both);
    let both = both.reopened(|_| {});
    check(&both);
    assert_eq!(both.db.meter().tombstones.get(), 1);
    assert_eq!(both.db.clean_tombstones().unwrap(), 2);
    assert_eq!(both.db.meter().tombstones.get(), 0);
    check(&both);
    assert_eq!(both.db.clean_tombstones().unwrap(), 0);
    let both = both.reopened(|_| {});
    check(&both);
}

#[test]
fn what_a_rule_does_not_keep_has_no_rollups_either() {
    let ruled = |config: &mut Config| {
        let matchers = vec![Matcher::equal("job", "a")];
        config.retention_rules = vec![RetentionRule { matchers, keep: DAY * 2 }];
    };
    let both = Both::new(1, ruled);
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.counter("b", 0..26);
    both.settle();
    both.check();
    both.at(2 * DAY_MS + 6 * HOUR_MS + 100_000);
    both.db.enforce_retention(both.now_ms()).unwrap();
    // As long as there are samples, so are rollups of what the rule keeps of them.
    let visible = MemoryStore::default();
    for series in both.db.select(&everything()).unwrap() {
        let series = series.unwrap();
        let rows = series.samples.iter();
        let rows = rows.map(|s| Row { labels: series.labels.clone(), sample: *s });
        visible.append(rows.collect()).unwrap().wait().unwrap();
    }
    for width_ms in ROLLUP_WIDTHS_MS {
        assert_same(&rollups(&both.db, width_ms), &plain_rollups(&visible, width_ms));
    }
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    let found = rollups(&both.db, COARSE);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["b"]);
    assert_same(&found, &plain_rollups(&both.plain, COARSE).split_off("b"));
}

#[test]
fn a_store_that_is_too_large_drops_samples_first_then_the_finest_tier() {
    let both = Both::new(1, |_| {});
    for nth in 0..6 {
        both.at((nth + 1) * DAY_MS + 2 * HOUR_MS);
        both.counter("a", nth * 24..nth * 24 + 24);
        both.settle();
    }
    let bytes_of = |both: &Both, suffix: &str| -> u64 {
        let files = both.world.disk.list(Path::new("/data/blk")).unwrap();
        let files = files.iter().filter(|path| path.to_str().unwrap().ends_with(suffix));
        files.map(|path| both.world.disk.len(path).unwrap()).sum()
    };
    let coarse = bytes_of(&both, "-1h.blk");
    assert!(coarse > 0 && bytes_of(&both, "-5m.blk") > coarse);
    let n_coarse = rollups(&both.db, COARSE)["a"].len();
    // As much as the samples that stay and a half of the fine tier.
    let all = bytes_of(&both, ".blk");
    let samples = all - coarse - bytes_of(&both, "-5m.blk");
    let max = all - samples * 2 / 3;
    let both = both.reopened(move |config| config.retention_size_bytes = Some(max));
    both.db.enforce_retention(both.now_ms()).unwrap();
    assert_eq!(rollups(&both.db, FINE)["a"].len(), plain_rollups(&both.plain, FINE)["a"].len());
    let both = both.reopened(|config| config.retention_size_bytes = Some(1));
    both.db.enforce_retention(both.now_ms()).unwrap();
    // The day of which there are samples keeps its rollups.
    let raw_from_ms = both.db.select(&everything()).unwrap().map(|s| s.unwrap().samples[0].t_ms);
    let raw_from_ms = raw_from_ms.min().unwrap();
    assert!(rollups(&both.db, FINE)["a"][0].first_ms >= raw_from_ms - DAY_MS);
    assert!(rollups(&both.db, COARSE)["a"].len() < n_coarse);
    let n_files = both.tier_files().len();
    both.settle();
    assert_eq!(both.tier_files().len(), n_files, "what is dropped is not made again");
}

#[test]
fn samples_dropped_for_their_size_are_not_rolled_up_from_what_is_left() {
    let both = Both::new(1, |config| config.retention = Some(DAY * 10));
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    both.at(60 * HOUR_MS);
    both.counter("a", 50..60);
    both.settle();
    both.check();
    let expected = rollups(&both.db, FINE);
    let tiny = |config: &mut Config| {
        config.retention = Some(DAY * 10);
        config.retention_size_bytes = Some(1);
    };
    let both = both.reopened(tiny);
    both.db.enforce_retention(both.now_ms()).unwrap();
    let both = both.reopened(|config| config.retention = Some(DAY * 10));
    // The first day's rollups went too, as they are older than what is left.
    let before = rollups(&both.db, FINE)["a"].clone();
    both.append("a", [(day(0) + 5 * HOUR_MS + 1, 77.0)]);
    both.settle();
    let after = rollups(&both.db, FINE)["a"].clone();
    assert_eq!(before.len(), after.len());
    assert!(expected["a"].len() > after.len());
}

#[test]
fn a_lost_manifest_brings_no_rollup_twice() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    let old: Vec<(PathBuf, Vec<u8>)> = both
        .tier_files()
        .into_iter()
        .map(|path| (path.clone(), both.world.disk.read(&path).unwrap()))
        .collect();
    both.append("a", [(day(0) + 5 * HOUR_MS + 1, 77.0)]);
    both.settle();
    let Both { world, db, plain } = both;
    drop(db);
    world.disk.restart();
    // As if the old files had not been removed.
    for (path, bytes) in &old {
        world.disk.put(path, bytes);
    }
    world.disk.remove(Path::new("/data/MANIFEST")).unwrap();
    let db = open(&world, |_| {});
    let both = Both { world, db, plain };
    both.check();
    assert_eq!(both.tier_files().len(), 2);
}

#[test]
fn a_damaged_page_of_samples_is_waited_for_as_long_as_they_are_kept() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    let mut rng = Rng::new(1);
    for job in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        let value = |minute| (day(0) + minute * MINUTE_MS, 1.0 / rng.below(1 << 40) as f64);
        both.append(job, (1..1500).map(value).collect::<Vec<_>>());
    }
    both.db.flush(both.now_ms()).unwrap();
    // Its first page has chunks and nothing else.
    let blocks = both.world.disk.list(Path::new("/data/blk")).unwrap();
    let first =
        blocks.iter().max_by_key(|path| both.world.disk.len(path).unwrap()).unwrap().clone();
    let whole = both.world.disk.read(&first).unwrap();
    let mut bytes = whole.clone();
    bytes[60] ^= 1;
    both.world.disk.put(&first, &bytes);
    let both = both.reopened(|_| {});
    assert!(both.db.compact(both.now_ms()).is_err());
    assert_eq!(both.tier_files().len(), 0, "nothing is made of a part");
    both.at(3 * DAY_MS);
    both.db.enforce_retention(both.now_ms()).unwrap();
    // The next day is not kept from being rolled up.
    while both.db.compact(both.now_ms()).unwrap_or(false) {}
    assert!(both.db.compact(both.now_ms()).is_err());
    assert_eq!(both.tier_files().len(), 2);
    assert!(both.db.meter().rollup_failures.get() >= 4);
    both.world.disk.put(&first, &whole);
    let both = both.reopened(|_| {});
    both.settle();
    both.check();
    // If nobody brings it back in time, what can be read is all there is.
    both.append("a", [(day(0) + 5 * HOUR_MS + 1, 77.0)]);
    both.db.flush(both.now_ms()).unwrap();
    let blocks = both.world.disk.list(Path::new("/data/blk")).unwrap();
    assert!(blocks.contains(&first));
    both.world.disk.put(&first, &bytes);
    let both = both.reopened(|_| {});
    both.at(5 * DAY_MS);
    both.db.enforce_retention(both.now_ms()).unwrap();
    while both.db.compact(both.now_ms()).unwrap_or(false) {}
    both.db.enforce_retention(both.now_ms()).unwrap();
    assert!(!both.world.disk.list(Path::new("/data/blk")).unwrap().contains(&first));
    assert!(!rollups(&both.db, FINE).is_empty());
}

#[test]
fn a_snapshot_has_the_tiers() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    let path = both.db.snapshot(Some("one")).unwrap();
    let mut other = config(|_| {});
    other.dir = path;
    let db = Db::open(other, &both.world.env).unwrap();
    db.warm().unwrap();
    assert_same(&rollups(&db, FINE), &plain_rollups(&both.plain, FINE));
}

#[test]
fn a_program_that_knows_no_tiers_refuses_their_files() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    for path in both.tier_files() {
        let bytes = both.world.disk.read(&path).unwrap();
        // The features of header and footer, of which that program knows none.
        let footer_bytes = u32::from_le_bytes(*bytes[bytes.len() - 20..].first_chunk().unwrap());
        let footer = &bytes[bytes.len() - 4 - footer_bytes as usize..];
        assert_eq!((&bytes[12..16], &footer[4..8]), (&[1, 0, 0, 0][..], &[1, 0, 0, 0][..]));
        let words: Vec<i64> =
            footer[164..188].as_chunks().0.iter().map(|word| i64::from_le_bytes(*word)).collect();
        assert!(ROLLUP_WIDTHS_MS.contains(&words[0]));
        assert_eq!(words[1..], [day(0), day(1)]);
    }
}

#[test]
fn blocks_of_tiers_are_listed_as_such_and_can_be_verified() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    let mut tiers = Vec::new();
    inspect_blocks(Path::new("/data"), &both.world.env, Look::EveryByte, &mut |block| {
        assert_eq!(block.damage, Vec::<String>::new(), "{}", block.name);
        tiers.extend(block.tier_ms.map(|width_ms| (width_ms, block.n_samples)));
    })
    .unwrap();
    tiers.sort_unstable();
    assert_eq!(tiers, [(FINE, 288), (COARSE, 24)]);
}

/// Days of samples, flushed, not yet rolled up.
fn ready(seed: u64) -> Both {
    let both = Both::new(seed, |_| {});
    both.at(50 * HOUR_MS);
    both.counter("a", 0..50);
    both.db.flush(both.now_ms()).unwrap();
    both
}

#[test]
fn a_crash_at_any_step_of_rolling_up_loses_nothing_and_doubles_nothing() {
    let mut n_stopped = 0;
    for at in 1.. {
        let both = ready(at);
        both.world.disk.stop_after(at);
        while matches!(both.db.compact(both.now_ms()), Ok(true)) {}
        // And once more with something late, so that blocks take the place of others.
        let was_stopped = both.world.disk.is_stopped();
        n_stopped += usize::from(was_stopped);
        let both = both.reopened(|_| {});
        both.check();
        both.append("a", [(day(0) + 5 * HOUR_MS + 1, 77.0)]);
        both.db.flush(both.now_ms()).unwrap();
        both.check();
        both.settle();
        both.check();
        assert_eq!(both.tier_files().len(), 4);
        both.at(20 * DAY_MS);
        both.settle();
        both.settle();
        assert_eq!(n_samples(&both.db), 0);
        both.check();
        if !was_stopped {
            break;
        }
    }
    assert!(n_stopped > 20, "{n_stopped}");
}

#[test]
fn a_crash_at_any_step_of_rolling_up_again_or_dropping_samples_loses_nothing() {
    let mut n_stopped = 0;
    for at in 1.. {
        let both = ready(at);
        both.settle();
        both.append("a", [(day(0) + 5 * HOUR_MS + 1, 77.0)]);
        both.db.flush(both.now_ms()).unwrap();
        both.world.disk.stop_after(at);
        while matches!(both.db.compact(both.now_ms()), Ok(true)) {}
        both.at(20 * DAY_MS);
        let _any = both.db.enforce_retention(both.now_ms());
        while matches!(both.db.compact(both.now_ms()), Ok(true)) {}
        let _any = both.db.enforce_retention(both.now_ms());
        let was_stopped = both.world.disk.is_stopped();
        n_stopped += usize::from(was_stopped);
        let both = both.reopened(|_| {});
        both.check();
        both.settle();
        both.settle();
        assert_eq!(n_samples(&both.db), 0);
        both.check();
        if !was_stopped {
            break;
        }
    }
    assert!(n_stopped > 30, "{n_stopped}");
}

/// A life of random events; rollups are those of a plain store after each.
fn live(seed: u64) {
    let mut rng = Rng::new(seed);
    let mut both = Both::new(seed, |config| config.retention = Some(DAY * 400));
    let forever = |config: &mut Config| config.retention = Some(DAY * 400);
    let mut now = 2 * HOUR_MS;
    for _ in 0..60 {
        both.at(now);
        match rng.below(12) {
            0..5 => {
                let job = ["a", "b", "c"][rng.below(3) as usize];
                let reach = if rng.below(4) == 0 { now } else { 3 * HOUR_MS };
                let n = rng.below(40);
                let samples = (0..n).map(|_| {
                    let age = rng.below(reach as u64) as i64;
                    let value = match rng.below(9) {
                        0 => f64::from_bits(STALE_MARKER_BITS),
                        value => value as f64,
                    };
                    (day(0) + now - age, value)
                });
                both.append(job, samples.collect::<Vec<_>>());
            }
            5 | 6 => now += rng.below(20 * HOUR_MS as u64) as i64,
            7 => both.db.flush(both.now_ms()).unwrap(),
            8 => {
                both.db.compact(both.now_ms()).unwrap();
            }
            9 => both.settle(),
            10 => {
                let start = day(0) + rng.below(now as u64) as i64;
                let end = start + rng.below(10 * HOUR_MS as u64) as i64;
                delete(&both, ["a", "b"][rng.below(2) as usize], start, end);
                if rng.below(3) == 0 {
                    both.db.clean_tombstones().unwrap();
                }
            }
            _ => both = both.reopened(forever),
        }
        both.check();
    }
    both.settle();
    both.check();
}

#[test]
fn whatever_happens_rollups_are_those_of_the_samples() {
    for seed in 0..60 {
        live(seed);
    }
}

/// What is rolled up are numbers, and not those that a histogram has replaced.
#[test]
fn histograms_are_not_rolled_up_and_hide_what_they_replace() {
    let both = Both::new(31, |_| {});
    both.at(2 * HOUR_MS);
    both.counter("a", 0..1);
    both.db.flush(both.now_ms()).unwrap();
    let labels = |job| Labels::of_metric("up", [("job", job)]).unwrap();
    let at = |minute: i64| HistogramSample {
        t_ms: day(0) + minute * MINUTE_MS + 7,
        start_ms: 0,
        histogram: Arc::new(Histogram::default()),
    };
    let replacing = vec![at(1), at(2), at(3), at(59), at(70)];
    let of = |job, histograms| Series { histograms, ..Series::of_floats(labels(job), Vec::new()) };
    let series = [of("a", replacing), of("b", vec![at(5)])];
    let appended = both.db.append_batch(&SeriesBatch::new("test", &series)).unwrap();
    assert_eq!(both.db.commit_once(), Health::Writable);
    appended.commit.wait().unwrap();
    let all = Select::both(Vec::new(), i64::MIN, i64::MAX);
    let series = both.db.select(&all).unwrap().map(Result::unwrap);
    let numbers = series.filter(|series| !series.samples.is_empty());
    let rolled = numbers
        .map(|s| (s.labels.get("job").unwrap().to_owned(), widen(&roll(&s.samples, FINE), COARSE)));
    let expected: ByJob = rolled.collect();
    assert_eq!(expected["a"].iter().map(|rollup| rollup.count).sum::<u64>(), 56);
    assert_same(&rollups(&both.db, COARSE), &expected);
    both.at(30 * HOUR_MS);
    both.settle();
    assert_eq!(both.tier_files().len(), 2);
    assert_same(&rollups(&both.db, COARSE), &expected);
    both.at(20 * DAY_MS);
    both.settle();
    both.settle();
    assert_same(&rollups(&both.db, COARSE), &expected);
    let dir = Path::new("/data");
    both.db.close().unwrap();
    let archive = Archive::open(dir, &both.world.env).unwrap();
    let files = archive.files().unwrap();
    let named: Vec<PathBuf> = files.iter().map(|file| dir.join(&file.place)).collect();
    assert!(both.tier_files().iter().all(|file| named.contains(file)), "a copy has the tiers");
}

/// Beside samples, rollups take disk and say nothing new.
#[test]
fn a_day_is_rolled_up_a_day_before_its_samples_go() {
    let world = sim_env(1);
    let db = open(&world, |config| config.roll_up_after = None);
    let labels = Labels::of_metric("up", [("job", "a")]).unwrap();
    let sample = Sample::new(world.clock.now_ms() + 1, 1.0);
    db.append(vec![Row { labels, sample }]).unwrap();
    let upkeep = || {
        let now_ms = world.clock.now_ms();
        db.flush(now_ms).unwrap();
        while db.compact(now_ms).unwrap() {}
        db.meter().tier_blocks.get()
    };
    world.clock.advance(DAY * 2);
    assert_eq!(upkeep(), 0);
    world.clock.advance(DAY);
    assert!(upkeep() > 0);
}
