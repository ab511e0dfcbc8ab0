//! The simulator finds the defects that are planted for it; else its silence would mean nothing.

use testkit::simulator::{Options, run};
use tsdb::{Config, PlantedBug};

/// Seeds within which each must be found.
const SEEDS_MAX: u64 = 100;

fn check_is_found(adjust: fn(&mut Config)) {
    let options = Options { adjust, ..Options::default() };
    let found = (0..SEEDS_MAX).find_map(|seed| run(seed, &options).err());
    let failure = found.expect("the planted bug is found");
    let replay = format!("replay with SIM_SEED={}", failure.seed);
    assert!(failure.to_string().ends_with(&replay), "{failure}");
}

#[test]
fn finds_an_acknowledgement_before_the_sync() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::AckBeforeSync));
}

#[test]
fn finds_a_repeated_sync() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::RepeatFailedSync));
}

#[test]
fn finds_a_freeze_outside_the_gate() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::FreezeOutsideGate));
}

#[test]
fn finds_pages_that_nobody_checks() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::PageCrcUnchecked));
}

#[test]
fn finds_a_log_that_nobody_syncs_after_a_kill() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::LeaveOldLogUnsynced));
}

#[test]
fn finds_rollups_that_lack_the_last_span() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::RollWithoutLastSpan));
}

#[test]
fn finds_samples_that_leave_before_they_are_rolled_up() {
    check_is_found(|config| config.planted_bug = Some(PlantedBug::DropUnrolled));
}
