//! Damaged, strange and too new files.

use std::fs;

use model::Severity;
use state::OpenError;

use crate::world::{Place, T0, World, alert};

/// A database with a few pages, closed in good order.
fn written() -> Place {
    let mut world = World::new();
    for _ in 0..200 {
        world.send(vec![alert(Severity::Info, Some("api"), T0)]);
    }
    while world.writer.step() {}
    world.writer.finish();
    world.place
}

fn assert_starts_empty(place: Place, what: &str) {
    let mut world = place.open();
    let quarantined = world.state.opened().quarantined.clone();
    let aside = quarantined.unwrap_or_else(|| panic!("{what} went unnoticed"));
    assert!(aside.exists(), "{what}");
    assert_eq!(world.state.meter().quarantined.get(), 1);
    assert_eq!(world.alerts(), [], "{what}");
    world.write(alert(Severity::Info, None, T0));
    let world = world.reopen();
    assert_eq!(world.alerts().len(), 1, "{what}");
    assert_eq!(world.state.opened().quarantined, None, "{what}");
}

#[test]
fn a_damaged_file_is_moved_aside_and_an_empty_one_made() {
    let place = written();
    let mut bytes = fs::read(place.path()).unwrap();
    let damaged = bytes.len() / 2;
    bytes[damaged..damaged + 4096].fill(0xAA);
    fs::write(place.path(), &bytes).unwrap();
    let world = place.open();
    let aside = world.state.opened().quarantined.clone().unwrap();
    let name = aside.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, format!("records.db.corrupt-{}", T0 / 1000));
    assert_eq!(fs::read(&aside).unwrap(), bytes, "the evidence is kept");
    assert_eq!(world.alerts(), []);
}

#[test]
fn garbage_and_torn_files_are_moved_aside() {
    let place = Place::new();
    fs::write(place.path(), b"this is no database, whatever it is").unwrap();
    assert_starts_empty(place, "garbage");

    let place = Place::new();
    fs::write(place.path(), b"SQLite").unwrap();
    assert_starts_empty(place, "a few bytes");

    for keep in [100, 4096, 10_000] {
        let place = written();
        let mut bytes = fs::read(place.path()).unwrap();
        bytes.truncate(keep);
        fs::write(place.path(), &bytes).unwrap();
        assert_starts_empty(place, &format!("a file cut to {keep} bytes"));
    }
}

#[test]
fn no_flipped_bit_of_the_header_keeps_us_from_starting() {
    let place = written();
    let bytes = fs::read(place.path()).unwrap();
    for idx in 0..100 {
        let copy = place.copy();
        let mut flipped = bytes.clone();
        flipped[idx] ^= 1 << (idx % 8);
        fs::write(copy.path(), &flipped).unwrap();
        let (state, writer) =
            copy.try_open().unwrap_or_else(|error| panic!("byte {idx}: {error:?}"));
        let mut world = World { state, writer, place: copy };
        world.write(alert(Severity::Info, None, T0));
    }
}

#[test]
fn damage_twice_in_a_second_keeps_both() {
    let place = Place::new();
    fs::write(place.path(), b"garbage one").unwrap();
    drop(place.try_open().unwrap());
    fs::write(place.path(), b"garbage two").unwrap();
    let _ = fs::remove_file(place.dir.path().join("records.db-wal"));
    drop(place.try_open().unwrap());
    let corrupt: Vec<String> =
        place.files().into_iter().filter(|name| name.contains("corrupt")).collect();
    assert_eq!(corrupt.len(), 2, "{corrupt:?}");
}

#[test]
fn the_journal_goes_aside_with_its_file() {
    let mut world = World::new();
    world.write(alert(Severity::Info, None, T0));
    let copy = world.place.copy();
    fs::write(copy.path(), b"garbage").unwrap();
    let world = copy.open();
    assert_eq!(world.alerts(), [], "an old journal is not read into a new file");
    let aside = format!("records.db.corrupt-{}-wal", T0 / 1000);
    assert!(world.place.files().contains(&aside));
}

fn sql(place: &Place, batch: &str) {
    let connection = rusqlite::Connection::open(place.path()).unwrap();
    connection.execute_batch(batch).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let place = written();
    sql(&place, "INSERT INTO schema_versions VALUES (7, 0); PRAGMA user_version = 7;");
    let before = fs::read(place.path()).unwrap();
    let error = place.try_open().map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 7, .. }));
    let path = place.path().display();
    assert_eq!(
        error.to_string(),
        format!(
            "the record database {path} has schema version 7, this release knows up to 2: run \
             the newer release, or move the file away to start empty"
        )
    );
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let place = Place::new();
    sql(&place, "CREATE TABLE notes (text TEXT);");
    let error = place.try_open().map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
    assert!(place.path().exists());
}

#[test]
fn tables_that_the_version_promises_and_are_not_there_are_damage() {
    let place = written();
    sql(&place, "DROP TABLE alerts;");
    assert_starts_empty(place, "a missing table");
}
