//! How long the writer may sleep.

use std::time::Duration;

use super::Schedule;
use crate::Config;

fn idle_for(silent_after: Duration, sign_of_life_every: Duration) -> Duration {
    let now = Duration::from_secs(1_000);
    let config = Config { silent_after, sign_of_life_every, ..Config::new("/x") };
    let mut schedule = Schedule::new(&config, now);
    // The look for old rows that every start begins with is not what is asked here.
    schedule.next_retention = now + super::RETENTION_EVERY;
    schedule.idle_for(now)
}

#[test]
fn the_next_chore_ends_the_sleep() {
    let second = Duration::from_secs(1);
    assert_eq!(idle_for(180 * second, 10 * second), 3 * second);
    assert_eq!(idle_for(180 * second, second), second);
    assert_eq!(idle_for(2 * second, 10 * second), 2 * second);
}

#[test]
fn no_setting_makes_the_writer_spin() {
    assert_eq!(idle_for(Duration::ZERO, Duration::ZERO), Duration::from_millis(100));
}
