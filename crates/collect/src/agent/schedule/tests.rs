use std::time::Duration;

use super::Schedule;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs a schedule for a while from second 100 on; each collection begins `late_ms` after it is
/// due. Gives the milliseconds since the start, with `*` where the collection is stored.
fn run(interval_ms: u64, watched: bool, late_ms: u64, n: usize) -> String {
    let start = ms(100_000);
    let mut schedule = Schedule::new(start, ms(interval_ms));
    let mut texts = Vec::new();
    for _ in 0..n {
        let now = schedule.due(watched) + ms(late_ms);
        let mark = if schedule.begin(now) { "*" } else { "" };
        texts.push(format!("{}{mark}", (now - start).as_millis()));
    }
    texts.join(" ")
}

#[test]
fn two_samples_come_early_and_then_one_per_interval() {
    assert_eq!(run(10_000, false, 0, 5), "0* 1000* 10000* 20000* 30000*");
    assert_eq!(run(1_000, false, 0, 4), "0* 1000* 2000* 3000*");
    assert_eq!(run(1_500, false, 0, 5), "0* 1000* 1500* 3000* 4500*");
}

#[test]
fn lateness_does_not_add_up() {
    assert_eq!(run(10_000, false, 30, 5), "30* 1060* 10030* 20030* 30030*");
}

#[test]
fn an_interval_below_a_second_is_a_second() {
    assert_eq!(run(0, false, 0, 3), "0* 1000* 2000*");
}

#[test]
fn a_watcher_sees_every_second_and_the_store_does_not() {
    assert_eq!(run(4_000, true, 0, 10), "0* 1000* 2000 3000 4000* 5000 6000 7000 8000* 9000");
    assert_eq!(run(2_500, true, 0, 7), "0* 1000* 2000 2500* 3000 4000 5000*");
}

#[test]
fn the_first_watcher_is_served_at_once_and_nobody_later_too_often() {
    let mut schedule = Schedule::new(ms(0), ms(10_000));
    schedule.begin(ms(0));
    schedule.begin(ms(1_000));
    assert_eq!(schedule.due(false), ms(10_000));
    assert!(schedule.due(true) <= ms(7_700), "overdue: collect now");
    assert!(!schedule.begin(ms(7_700)));
    assert_eq!(schedule.due(true), ms(9_000), "8000 would be too close");
    assert_eq!(schedule.due(false), ms(10_000), "the watcher left");
}

#[test]
fn after_a_long_stop_there_is_one_collection_and_no_burst() {
    let mut schedule = Schedule::new(ms(0), ms(10_000));
    schedule.begin(ms(0));
    schedule.begin(ms(1_000));
    assert!(schedule.begin(ms(3_600_123)), "one stored sample, late");
    assert_eq!(schedule.due(false), ms(3_610_000), "and back on the grid");
    assert_eq!(schedule.due(true), ms(3_601_000));
}

#[test]
fn a_new_interval_counts_from_the_last_stored_sample() {
    let mut schedule = Schedule::new(ms(0), ms(10_000));
    schedule.begin(ms(0));
    schedule.begin(ms(1_000));
    schedule.begin(ms(10_000));
    schedule.set_interval(ms(30_000));
    assert_eq!(schedule.due(false), ms(40_000));
    schedule.set_interval(ms(2_000));
    assert_eq!(schedule.due(false), ms(12_000));
    assert!(schedule.begin(ms(12_000)));
    assert_eq!(schedule.due(false), ms(14_000));
    schedule.set_interval(ms(5_000));
    assert!(schedule.begin(ms(17_000)));
    assert_eq!(schedule.due(false), ms(22_000), "the grid moved along");
    schedule.set_interval(ms(5_000));
    assert_eq!(schedule.due(false), ms(22_000), "the same interval changes nothing");
}
