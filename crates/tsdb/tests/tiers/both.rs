//! Both: a store with tiers and a plain one beside it that has the same samples.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Matcher, STALE_MARKER_BITS, Sample};
use stdx::{Clock as _, Disk as _};
use storage::memory::MemoryStore;
use storage::rollup::{roll, widen};
use storage::{Appender, Querier, ROLLUP_WIDTHS_MS, Rollup, Row, Select};
use testkit::{SIM_START_MS, SimWorld, open_warm, sim_env};
use tsdb::{Config, Db, Driver, Health};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const FINE: i64 = ROLLUP_WIDTHS_MS[0];
pub(super) const COARSE: i64 = ROLLUP_WIDTHS_MS[1];

pub(super) fn config(adjust: impl FnOnce(&mut Config)) -> Config {
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

pub(super) fn open(world: &SimWorld, adjust: impl FnOnce(&mut Config)) -> Arc<Db> {
    open_warm(config(adjust), &world.env).unwrap()
}

/// The day on whose first moment a test begins: all its days are over a long time before.
pub(super) fn day(nth: i64) -> i64 {
    SIM_START_MS.div_euclid(DAY_MS) * DAY_MS + nth * DAY_MS
}

/// A store and a plain one beside it that has the same samples.
pub(super) struct Both {
    pub(super) world: SimWorld,
    pub(super) db: Arc<Db>,
    pub(super) plain: MemoryStore,
}

impl Both {
    pub(super) fn new(seed: u64, adjust: impl FnOnce(&mut Config)) -> Self {
        let world = sim_env(seed);
        let db = open(&world, adjust);
        Self { world, db, plain: MemoryStore::default() }
    }

    /// Sets the clock, after the first day.
    pub(super) fn at(&self, ms: i64) {
        self.world.clock.set_now_ms(day(0) + ms);
    }

    pub(super) fn append(&self, job: &str, samples: impl IntoIterator<Item = (i64, f64)>) {
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
    pub(super) fn counter(&self, job: &str, hours: std::ops::Range<i64>) {
        let samples = (hours.start * 60 + 1..=hours.end * 60).map(|minute| {
            let value = match minute % 97 {
                96 => f64::from_bits(STALE_MARKER_BITS),
                step => (step * step) as f64,
            };
            (day(0) + minute * MINUTE_MS + 7, value)
        });
        self.append(job, samples);
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.world.clock.now_ms()
    }

    /// Everything that the store does by itself.
    pub(super) fn settle(&self) {
        self.db.flush(self.now_ms()).unwrap();
        while self.db.compact(self.now_ms()).unwrap() {}
        self.db.enforce_retention(self.now_ms()).unwrap();
        while self.db.compact(self.now_ms()).unwrap() {}
    }

    /// The store after a restart, or a power cut.
    pub(super) fn reopened(self, adjust: impl FnOnce(&mut Config)) -> Self {
        let Self { world, db, plain } = self;
        drop(db);
        world.disk.crash();
        let db = open(&world, adjust);
        Self { world, db, plain }
    }

    /// Whether the rollups of both widths are those of the plain store's samples.
    #[track_caller]
    pub(super) fn check(&self) {
        for width_ms in ROLLUP_WIDTHS_MS {
            assert_same(&rollups(&self.db, width_ms), &plain_rollups(&self.plain, width_ms));
        }
    }

    pub(super) fn tier_files(&self) -> Vec<PathBuf> {
        tier_files(&self.world)
    }
}

pub(super) fn tier_files(world: &SimWorld) -> Vec<PathBuf> {
    let mut files = world.disk.list(Path::new("/data/blk")).unwrap();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with("-5m.blk") || name.ends_with("-1h.blk")
    });
    files
}

pub(super) type ByJob = BTreeMap<String, Vec<Rollup>>;

pub(super) fn everything() -> Select {
    Select::floats(Vec::new(), i64::MIN, i64::MAX)
}

pub(super) fn rollups(db: &Db, width_ms: i64) -> ByJob {
    let set = db.rollups(&everything(), width_ms).unwrap().unwrap();
    let set: Vec<_> = set.map(Result::unwrap).collect();
    assert!(set.is_sorted_by(|a, b| a.labels < b.labels));
    set.into_iter().map(|s| (s.labels.get("job").unwrap().to_owned(), s.rollups)).collect()
}

pub(super) fn plain_rollups(store: &MemoryStore, width_ms: i64) -> ByJob {
    let series = store.select(&everything()).unwrap().map(Result::unwrap);
    let rolled = series.map(|series| {
        let fine = roll(&series.samples, FINE);
        (series.labels.get("job").unwrap().to_owned(), widen(&fine, width_ms))
    });
    rolled.collect()
}

#[track_caller]
pub(super) fn assert_same(found: &ByJob, expected: &ByJob) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (job, expected) in expected {
        let times = |rollups: &[Rollup]| rollups.iter().map(|r| r.first_ms).collect::<Vec<_>>();
        assert_eq!(times(&found[job]), times(expected), "{job}");
        for (one, other) in found[job].iter().zip(expected) {
            assert!(one.same_bits(other), "{job}: {one:?} is not {other:?}");
        }
    }
}

pub(super) fn n_samples(db: &Db) -> usize {
    db.select(&everything()).unwrap().map(|series| series.unwrap().samples.len()).sum()
}

/// Deletes in both stores.
pub(super) fn delete(both: &Both, job: &str, start_ms: i64, end_ms: i64) {
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
