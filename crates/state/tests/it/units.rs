//! Units: all or nothing each, many to a transaction, and a bound on how many wait.

use model::{PipelineStatus, ServiceStatus, Severity};
use storage::{Records as _, RecordsError};

use crate::world::{Place, T0, World, acknowledge, alert, pipeline, service};

#[test]
fn a_unit_is_all_or_nothing_and_its_neighbours_do_not_care() {
    let mut world = World::new();
    let before = world.send(vec![service("a", ServiceStatus::Up, T0)]);
    // A pipeline without a type breaks the table's own rule, after the alert has been written.
    let broken = world.send(vec![
        alert(Severity::Info, Some("never"), T0),
        pipeline("", PipelineStatus::Running, T0),
    ]);
    let after = world.send(vec![service("b", ServiceStatus::Up, T0)]);
    assert!(world.writer.step());
    assert!(before.wait().is_ok());
    assert!(matches!(broken.wait(), Err(RecordsError::Failed { .. })));
    assert!(after.wait().is_ok());
    let names = world.services().into_iter().map(|service| service.name);
    assert_eq!(names.collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(world.alerts(), []);
    assert_eq!(world.n_transactions(), 1);
    assert_eq!(world.state.meter().units_written.get(), 2);
    assert_eq!(world.state.meter().units_failed.get(), 1);
    // What was undone is not taken for known.
    assert!(world.saw("never").is_some());
}

#[test]
fn units_that_wait_share_a_transaction() {
    let mut world = World::new();
    let commits: Vec<_> =
        (0..1_000).map(|_| world.send(vec![alert(Severity::Info, Some("a"), T0)])).collect();
    assert_eq!(world.state.meter().queue_writes.get(), 1_000);
    assert!(world.writer.step());
    for commit in commits {
        assert!(commit.wait().is_ok());
    }
    assert_eq!(world.n_transactions(), 1);
    assert_eq!(world.state.meter().queue_writes.get(), 0);
    let seconds = world.state.meter().transaction_seconds.cumulative();
    assert_eq!(seconds.last().unwrap().1, 1);
    assert!(!world.writer.step(), "nothing is left to do");
    assert_eq!(world.n_transactions(), 1);
}

#[test]
fn a_transaction_takes_no_more_than_its_share() {
    let mut world = World::new();
    let unit = || vec![acknowledge(1, "ada", T0); 1_500];
    let commits = [world.send(unit()), world.send(unit())];
    while world.writer.step() {}
    assert_eq!(world.n_transactions(), 2);
    for commit in commits {
        assert_eq!(commit.wait().unwrap().len(), 1_500);
    }
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let mut world = World::with(|config| config.queue_writes_max = 3);
    let two = || vec![acknowledge(1, "ada", T0); 2];
    let first = world.send(two());
    let refused = world.state.write(two()).unwrap_err();
    assert_eq!(refused.to_string(), "overloaded: 3 record writes are waiting");
    let third = world.send(vec![acknowledge(1, "ada", T0)]);
    assert!(world.state.write(Vec::new()).is_err(), "no room is free");
    assert!(world.state.saw_service("a", T0).is_err());
    assert_eq!(world.state.meter().refused.get(), 3);
    world.writer.step();
    assert!(first.wait().is_ok());
    assert!(third.wait().is_ok());
    let commit = world.saw("a").expect("a stranger that was refused is not taken for known");
    world.writer.step();
    assert!(commit.wait().is_ok());
}

#[test]
fn a_unit_larger_than_the_queue_gets_in_when_nothing_waits() {
    let mut world = World::with(|config| config.queue_writes_max = 3);
    let five = vec![acknowledge(1, "ada", T0); 5];
    assert_eq!(world.try_write(five).unwrap().len(), 5);
}

#[test]
fn an_empty_unit_is_answered() {
    let mut world = World::new();
    assert_eq!(world.try_write(Vec::new()).unwrap(), []);
}

#[test]
fn a_writer_that_is_gone_answers_everybody() {
    let world = World::new();
    let waiting = world.send(vec![service("a", ServiceStatus::Up, T0)]);
    let stranger = world.saw("b").unwrap();
    let second = world.saw("b").unwrap();
    drop(world.writer);
    for commit in [waiting, stranger, second] {
        assert!(matches!(commit.wait(), Err(RecordsError::Failed { .. })));
    }
    let refused = world.state.write(vec![]).unwrap_err();
    assert_eq!(refused.to_string(), "the record database failed: it is closed");
    assert!(world.state.saw_service("c", T0).is_err());
}

#[test]
fn a_database_that_fails_fails_the_units_and_not_the_writer() {
    let mut world = World::new();
    world.write(service("a", ServiceStatus::Up, T0));
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    other.execute_batch("DROP TABLE alerts; DROP TABLE pipelines;").unwrap();
    assert!(world.try_write(vec![alert(Severity::Info, None, T0)]).is_err());
    assert!(world.state.alerts(&storage::AlertFilter::default()).is_err());
    world.write(service("a", ServiceStatus::Down, T0));
    assert_eq!(world.service("a").status, ServiceStatus::Down);
    drop(other);
    // The next start finds that the tables are not what the version promises.
    let place = world.place;
    drop((world.state, world.writer));
    let (state, _writer) = place.try_open().unwrap();
    assert!(state.opened().quarantined.is_some());
}

#[test]
fn a_database_locked_by_somebody_else_fails_the_turn_and_the_next_works() {
    let mut world = World::new();
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stranger = world.saw("a").unwrap();
    let second = world.saw("a").unwrap();
    let unit = world.send(vec![service("b", ServiceStatus::Up, T0)]);
    world.writer.step();
    for commit in [stranger, second, unit] {
        assert!(commit.wait().is_err());
    }
    assert_eq!(world.state.meter().transactions_failed.get(), 1);
    assert_eq!(world.n_transactions(), 0);
    assert!(world.state.health().unwrap_err().contains("locked"));
    other.execute_batch("ROLLBACK").unwrap();
    let again = world.saw("a").expect("a stranger that failed is not taken for known");
    world.writer.step();
    assert!(again.wait().is_ok());
}

#[test]
fn health_recovers_without_a_write_of_somebody() {
    let mut world = World::new();
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unit = world.send(vec![service("b", ServiceStatus::Up, T0)]);
    world.writer.step();
    assert!(unit.wait().is_err() && world.state.health().is_err());
    other.execute_batch("ROLLBACK").unwrap();
    world.live(std::time::Duration::from_secs(4));
    assert_eq!(world.state.health(), Ok(()));
    assert_eq!(world.n_transactions(), 1, "one try, then quiet");
}

#[test]
fn one_process_opens_a_file_once() {
    let world = Place::new().open();
    let error = world.place.try_open().map(|_| ()).unwrap_err();
    assert!(matches!(error, state::OpenError::Locked { .. }), "{error}");
}

#[test]
fn a_transaction_that_the_database_gives_up_as_a_whole_fails_every_unit_in_it() {
    let mut world = World::new();
    // What SQLite does of itself when the disk is full.
    let other = rusqlite::Connection::open(world.place.path()).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER lost BEFORE INSERT ON alerts WHEN NEW.severity = 'critical'
             BEGIN SELECT RAISE(ROLLBACK, 'lost'); END",
        )
        .unwrap();
    let commits = [Severity::Info, Severity::Critical, Severity::Info]
        .map(|severity| world.send(vec![alert(severity, None, T0)]));
    world.writer.step();
    for commit in commits {
        let error = commit.wait().unwrap_err();
        assert_eq!(error.to_string(), "the record database failed: lost");
    }
    assert_eq!(world.alerts(), []);
    assert_eq!(world.state.meter().transactions_failed.get(), 1);
    world.write(alert(Severity::Info, None, T0));
    assert_eq!(world.alerts().len(), 1);
}

#[test]
fn bounds_and_acquaintances_hold_across_the_units_of_a_turn() {
    let mut world = World::with(|config| {
        config.rows_max = 2;
        config.services_max = 2;
    });
    let send = |name: &str| world.send(vec![alert(Severity::Info, Some(name), T0)]);
    let commits = ["a", "b", "c", "a", "b"].map(send);
    world.writer.step();
    let taken = commits.map(|commit| commit.wait().is_ok());
    assert_eq!(taken, [true, true, false, true, true], "there is no room for a third service");
    assert_eq!(world.alerts().len(), 2);
    assert_eq!(world.state.meter().rows_pruned.get(), 2);
    assert_eq!(world.state.meter().services.get(), 2);
    assert!(world.saw("a").is_none());
    assert!(world.saw("b").is_none());
    // The counts are right for the next turn as well.
    world.write(alert(Severity::Info, Some("a"), T0));
    assert_eq!(world.alerts().len(), 2);
    assert_eq!(world.state.meter().rows_pruned.get(), 3);
}
