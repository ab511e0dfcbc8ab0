//! Signs of life, and what happens when they stop.

use std::time::Duration;

use model::{ServiceStatus, Severity};
use storage::{RecordOutcome, Records as _, ServiceFilter};

use crate::world::{T0, World, alert, service};
use ServiceStatus::{Down, Unknown, Up};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_stranger_is_created_once_however_many_see_it() {
    let mut world = World::new();
    let commits = [(); 5].map(|()| world.saw("a").expect("not there yet"));
    assert_eq!(world.state.meter().queue_writes.get(), 1);
    assert_eq!(world.services(), []);
    world.writer.step();
    let id = RecordOutcome::Id(world.service("a").id);
    for commit in commits {
        assert_eq!(commit.wait().unwrap(), [id]);
    }
    assert!(world.saw("a").is_none());
    assert_eq!(world.services().len(), 1);
    assert_eq!(world.service("a").status, Unknown);
}

#[test]
fn only_so_many_wait_for_a_stranger() {
    let world = World::with(|config| config.queue_writes_max = 2);
    let waiting = [(); 3].map(|()| world.saw("a"));
    assert!(world.state.saw_service("a", T0).is_err());
    drop(waiting);
}

#[test]
fn a_stranger_created_by_a_unit_meanwhile_is_not_created_again() {
    let mut world = World::new();
    let unit = world.send(vec![service("a", Up, T0)]);
    let commit = world.saw("a").unwrap();
    let second = world.saw("a").unwrap();
    world.writer.step();
    assert!(unit.wait().is_ok());
    assert_eq!(commit.wait().unwrap(), second.wait().unwrap());
    assert_eq!(world.services().len(), 1);
    assert_eq!(world.service("a").status, Up);
}

#[test]
fn signs_of_life_show_at_once_and_cost_one_transaction_in_ten_seconds() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.write(service(name, Up, T0));
    }
    let before = world.n_transactions();
    // 25 seconds with five signs of each service in each.
    for _ in 0..25 {
        world.live(SECOND);
        for _ in 0..5 {
            for name in ["a", "b", "c"] {
                assert!(world.saw(name).is_none());
                assert_eq!(world.service(name).last_check_ms, world.now_ms());
            }
        }
    }
    assert_eq!(world.n_transactions() - before, 2);
    assert_eq!(world.state.meter().signs_written.get(), 6);
    // Nothing new, nothing written.
    world.live(10 * SECOND);
    assert_eq!(world.n_transactions() - before, 3);
    world.live(60 * SECOND);
    assert_eq!(world.n_transactions() - before, 3);
}

#[test]
fn a_crash_forgets_ten_seconds_of_signs_and_an_end_in_good_order_none() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    for _ in 0..25 {
        world.live(SECOND);
        world.saw("a");
    }
    let crashed = world.place.copy().open();
    assert!(crashed.service("a").last_check_ms >= T0 + 15_000);
    let world = world.reopen();
    assert_eq!(world.service("a").last_check_ms, T0 + 25_000);
}

#[test]
fn more_signs_than_a_turn_takes_are_written_in_several() {
    let mut world = World::new();
    let names: Vec<String> = (0..4_500).map(|idx| format!("s{idx}")).collect();
    for chunk in names.chunks(1_500) {
        let unit = chunk.iter().map(|name| service(name, Up, T0)).collect();
        world.try_write(unit).unwrap();
    }
    let before = world.n_transactions();
    world.pass(10 * SECOND);
    for name in &names {
        world.saw(name);
    }
    while world.writer.step() {}
    assert_eq!(world.n_transactions() - before, 3);
    assert_eq!(world.state.meter().signs_written.get(), 4_500);
}

#[test]
fn a_silent_service_is_unknown_and_its_next_sign_restores_what_it_said() {
    let mut world = World::new();
    world.write(service("up", Up, T0));
    world.write(service("down", Down, T0));
    world.live(3 * MINUTE);
    assert_eq!(world.service("up").status, Up, "three minutes are allowed");
    world.live(4 * SECOND);
    for name in ["up", "down"] {
        let silent = world.service(name);
        assert_eq!(silent.status, Unknown, "{name}");
        assert_eq!(silent.last_check_ms, T0);
        assert!(silent.last_status_change_ms > T0 + 180_000, "{name}");
    }
    assert_eq!(world.state.meter().silences.get(), 2);

    world.live(MINUTE);
    let back_ms = world.now_ms();
    assert!(world.saw("up").is_none());
    world.writer.step();
    let back = world.service("up");
    assert_eq!(back.status, Up);
    assert_eq!(back.last_check_ms, back_ms);
    assert_eq!(back.last_status_change_ms, back_ms);
    assert_eq!(world.service("down").status, Unknown);

    // A record that names the service is a sign as well.
    world.write(alert(Severity::Info, Some("down"), back_ms));
    assert_eq!(world.service("down").status, Down);
    assert_eq!(world.service("down").last_status_change_ms, back_ms);
}

#[test]
fn silence_is_written_once() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    let before = world.n_transactions();
    world.live(10 * MINUTE);
    assert_eq!(world.n_transactions() - before, 1);
    let changed_ms = world.service("a").last_status_change_ms;
    world.live(10 * MINUTE);
    assert_eq!(world.service("a").last_status_change_ms, changed_ms);
    // And once more after it has lived.
    world.saw("a");
    world.live(SECOND);
    assert_eq!(world.service("a").status, Up);
    world.live(4 * MINUTE);
    assert_eq!(world.service("a").status, Unknown);
    assert_eq!(world.state.meter().silences.get(), 2);
}

#[test]
fn a_status_report_ends_a_silence_with_its_own_word() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    world.live(4 * MINUTE);
    world.write(service("a", Down, world.now_ms()));
    assert_eq!(world.service("a").status, Down);
    // The word it had before is forgotten.
    world.live(SECOND);
    world.saw("a");
    world.live(SECOND);
    assert_eq!(world.service("a").status, Down);
}

#[test]
fn a_service_that_says_unknown_stays_unknown() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    world.write(service("a", Unknown, T0));
    world.live(4 * MINUTE);
    assert_eq!(world.service("a").last_status_change_ms, T0);
    world.saw("a");
    world.live(SECOND);
    assert_eq!(world.service("a").status, Unknown);
    assert_eq!(world.service("a").last_status_change_ms, T0);
}

#[test]
fn signs_of_life_keep_a_service_from_silence() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    for _ in 0..10 {
        world.live(MINUTE);
        world.saw("a");
    }
    assert_eq!(world.service("a").status, Up);
    assert_eq!(world.state.meter().silences.get(), 0);
}

#[test]
fn a_report_in_the_turn_of_the_sweep_wins() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    world.pass(4 * MINUTE);
    let commit = world.send(vec![service("a", Up, world.now_ms())]);
    world.writer.step();
    assert!(commit.wait().is_ok());
    assert_eq!(world.service("a").status, Up);
    assert_eq!(world.service("a").last_status_change_ms, T0);
    assert_eq!(world.state.meter().silences.get(), 0);
}

#[test]
fn a_restart_of_ours_silences_nobody_at_once() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    let world_down = world;
    world_down.pass(60 * MINUTE);
    let mut world = world_down.reopen();
    world.live(179 * SECOND);
    assert_eq!(world.service("a").status, Up, "it has three minutes again");
    world.live(6 * SECOND);
    assert_eq!(world.service("a").status, Unknown);
    assert_eq!(world.service("a").last_check_ms, T0);
}

#[test]
fn a_silence_outlives_a_restart_with_the_word_that_was_said() {
    let mut world = World::new();
    world.write(service("a", Down, T0));
    world.live(4 * MINUTE);
    let mut world = world.reopen();
    assert_eq!(world.service("a").status, Unknown);
    world.saw("a");
    world.writer.step();
    assert_eq!(world.service("a").status, Down);
}

#[test]
fn setting_the_clock_silences_nobody() {
    for by_ms in [3_600_000, -3_600_000] {
        let mut world = World::new();
        world.write(service("a", Up, T0));
        world.set_wall(by_ms);
        world.live(MINUTE);
        assert_eq!(world.service("a").status, Up);
        world.saw("a");
        world.live(2 * MINUTE + 30 * SECOND);
        assert_eq!(world.service("a").status, Up);
    }
}

#[test]
fn a_sign_from_the_future_is_shown_as_now() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    world.state.saw_service("a", T0 + 3_600_000).unwrap();
    assert_eq!(world.service("a").last_check_ms, T0);
    world.live(20 * SECOND);
    world.saw("a");
    assert_eq!(world.service("a").last_check_ms, T0 + 20_000);
}

#[test]
fn a_list_by_status_follows_silence() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    let count = |world: &World, status| {
        let filter = ServiceFilter { status: Some(status), limit: 10, ..ServiceFilter::default() };
        world.state.services(&filter).unwrap().len()
    };
    assert_eq!((count(&world, Up), count(&world, Unknown)), (1, 0));
    world.live(4 * MINUTE);
    assert_eq!((count(&world, Up), count(&world, Unknown)), (0, 1));
}

#[test]
fn chores_that_fail_undo_nobodys_unit_and_are_done_later() {
    let mut world = World::new();
    world.write(service("silent", Up, T0));
    world.live(4 * MINUTE);
    world.write(service("alive", Up, world.now_ms()));
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER no BEFORE UPDATE ON services BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    world.saw("silent");
    world.write(alert(Severity::Info, None, T0));
    assert_eq!(world.alerts().len(), 1);
    assert_eq!(world.service("silent").status, Unknown);
    world.live(4 * MINUTE);
    assert_eq!(world.service("alive").status, Up, "its silence could not be written");

    other.execute_batch("DROP TRIGGER no").unwrap();
    world.live(4 * SECOND);
    assert_eq!(world.service("alive").status, Unknown);
    assert_eq!(world.service("silent").status, Unknown);
    world.saw("silent");
    world.live(SECOND);
    assert_eq!(world.service("silent").status, Up);
}

#[test]
fn more_silent_services_than_a_turn_takes_are_all_silenced() {
    let mut world = World::new();
    let unit = (0..4_500).map(|idx| service(&format!("s{idx}"), Up, T0));
    world.try_write(unit.collect()).unwrap();
    world.pass(4 * MINUTE);
    while world.writer.step() {}
    assert_eq!(world.state.meter().silences.get(), 4_500);
    assert!(world.services().iter().all(|service| service.status == Unknown));
}

#[test]
fn chores_that_fail_are_not_tried_again_at_once() {
    let mut world = World::new();
    let unit = (0..2_500).map(|idx| service(&format!("s{idx}"), Up, T0));
    world.try_write(unit.collect()).unwrap();
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    for action in ["ABORT", "ROLLBACK"] {
        other
            .execute_batch(&format!(
                "CREATE TRIGGER no BEFORE UPDATE ON services BEGIN SELECT RAISE({action}, 'no'); END"
            ))
            .unwrap();
        world.pass(4 * MINUTE);
        assert!(world.writer.step(), "{action}");
        assert!(!world.writer.step(), "{action}");
        other.execute_batch("DROP TRIGGER no").unwrap();
    }
    assert_eq!(world.state.meter().silences.get(), 0);
}

#[test]
fn a_sign_that_came_with_a_record_is_not_written_again() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    world.pass(SECOND);
    world.write(service("a", Up, world.now_ms()));
    let before = world.n_transactions();
    world.live(MINUTE);
    assert_eq!(world.n_transactions(), before);
}

#[test]
fn a_service_that_reported_after_a_silence_can_fall_silent_again() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    for _ in 0..2 {
        world.live(4 * MINUTE);
        assert_eq!(world.service("a").status, Unknown);
        world.write(service("a", Up, world.now_ms()));
        assert_eq!(world.service("a").status, Up);
    }
}

#[test]
fn a_sign_still_to_be_written_does_not_undo_the_silence_after_it() {
    // Silence comes sooner here than the signs are written, and both need two turns.
    let mut world = World::with(|config| config.silent_after = 5 * SECOND);
    let names: Vec<String> = (0..2_500).map(|idx| format!("s{idx}")).collect();
    let unit = names.iter().map(|name| service(name, Up, T0));
    world.try_write(unit.collect()).unwrap();
    world.pass(SECOND);
    for name in &names {
        world.saw(name);
    }
    world.pass(10 * SECOND);
    while world.writer.step() {}
    assert!(world.services().iter().all(|service| service.status == Unknown));
    assert!(world.services().iter().all(|service| service.last_check_ms == T0 + 1_000));
}

#[test]
fn a_revival_that_could_not_be_written_comes_with_the_next_sign() {
    let mut world = World::new();
    world.write(service("a", Up, T0));
    world.live(4 * MINUTE);
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    for action in ["ABORT", "ROLLBACK"] {
        other
            .execute_batch(&format!(
                "CREATE TRIGGER no BEFORE UPDATE ON services BEGIN SELECT RAISE({action}, 'no'); END"
            ))
            .unwrap();
        world.saw("a");
        world.writer.step();
        other.execute_batch("DROP TRIGGER no").unwrap();
        assert_eq!(world.service("a").status, Unknown, "{action}");
    }
    world.saw("a");
    world.writer.step();
    assert_eq!(world.service("a").status, Up);
}
