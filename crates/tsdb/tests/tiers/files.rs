//! The files of tiers: lost, damaged, copied, listed.

use std::path::{Path, PathBuf};

use stdx::Disk as _;
use storage::ROLLUP_WIDTHS_MS;
use testkit::{Rng, open_warm};
use tsdb::{Look, inspect_blocks};

use super::both::{
    Both, COARSE, DAY_MS, FINE, HOUR_MS, MINUTE_MS, assert_same, config, day, open, plain_rollups,
    rollups,
};

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
    both.db.flush(both.now_ms()).unwrap();
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
    let db = open_warm(other, &both.world.env).unwrap();
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
