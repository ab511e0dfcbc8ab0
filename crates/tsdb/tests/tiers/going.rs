//! What goes: with age, by deletion, by rule, for size.

use std::path::Path;

use model::Matcher;
use stdx::Disk as _;
use storage::memory::MemoryStore;
use storage::{Appender, Querier, ROLLUP_WIDTHS_MS, Row};
use tsdb::{Config, RetentionRule};

use super::both::{
    Both, COARSE, DAY, DAY_MS, FINE, HOUR_MS, MINUTE_MS, assert_same, day, delete, everything,
    n_samples, plain_rollups, rollups,
};

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

/// A deletion is needed as long as its samples are on the disk, seen or not: once it was forgotten
/// when retention had hidden them, and the next round rolled them up again.
#[test]
fn deleted_samples_that_are_too_old_to_be_seen_are_not_rolled_up_again() {
    let both = Both::new(1, |_| {});
    both.at(26 * HOUR_MS);
    both.counter("a", 0..26);
    both.counter("b", 0..26);
    delete(&both, "a", day(0) + 3 * HOUR_MS + 1, day(0) + 5 * HOUR_MS);
    // All is hidden, and on the disk, as nothing is rolled up yet.
    both.at(20 * DAY_MS);
    both.db.enforce_retention(both.now_ms()).unwrap();
    assert_eq!(n_samples(&both.db), 0);
    // Whoever looks for deletions that hide nothing any more finds this one at work.
    delete(&both, "c", day(0), day(1));
    both.check();
    while both.db.compact(both.now_ms()).unwrap() {}
    both.check();
    let both = both.reopened(|_| {});
    both.settle();
    both.check();
}
