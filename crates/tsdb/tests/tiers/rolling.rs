//! What is rolled up, and when.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, Sample};
use stdx::{Clock as _, Disk as _};
use storage::rollup::{roll, widen};
use storage::{Appender, Querier, Rollup, Row, Select, Series, SeriesBatch};
use testkit::sim_env;
use tsdb::{Archive, Config, Health};

use super::both::{
    Both, ByJob, COARSE, DAY, DAY_MS, FINE, HOUR, HOUR_MS, MINUTE_MS, assert_same, day, everything,
    n_samples, open, plain_rollups, rollups,
};

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

/// What a store takes is rolled up, whatever time passes before it is in a block: once samples that
/// came shortly before a pass of retention were too old for it and gone with the flush.
#[test]
fn samples_in_memory_are_rolled_up_however_old_retention_finds_them() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    // A machine that slept: what it takes on waking is too old before its first pass.
    both.at(4 * DAY_MS);
    both.append("late", [(day(0) + 3 * HOUR_MS + 1, 1.0)]);
    both.db.enforce_retention(both.now_ms()).unwrap();
    both.check();
    both.settle();
    both.check();
    both.settle();
    both.check();
}

/// The disk is full for days: samples wait for it in memory and in the log.
#[test]
fn samples_that_could_not_be_flushed_for_days_are_rolled_up() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.settle();
    both.append("late", [(day(0) + 3 * HOUR_MS + 1, 1.0)]);
    // Nothing can be frozen, as the log cannot be ended.
    both.world.disk.set_free_bytes(Some(0));
    for days in 2..10 {
        both.at(days * DAY_MS);
        let labels = Labels::of_metric("up", [("job", "lost")]).unwrap();
        let sample = Sample::new(both.now_ms(), 1.0);
        let _refused = both.db.append(vec![Row { labels, sample }]);
        assert!(both.db.flush(both.now_ms()).is_err());
        let _full = both.db.enforce_retention(both.now_ms());
    }
    both.world.disk.set_free_bytes(None);
    both.settle();
    let found = rollups(&both.db, FINE);
    assert_eq!(found["late"].len(), 1);
}
