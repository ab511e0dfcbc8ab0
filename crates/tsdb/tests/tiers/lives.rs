//! Crashes at every step, and lives of random events.

use model::STALE_MARKER_BITS;
use testkit::Rng;
use tsdb::Config;

use super::both::{Both, DAY, DAY_MS, HOUR_MS, day, delete, n_samples};

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
