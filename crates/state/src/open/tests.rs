//! What the connections promise, asked of SQLite itself.

use rusqlite::Connection;
use stdx::Env;

use super::{database, reader};

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> T {
    connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

#[test]
fn a_commit_is_on_the_disk_and_a_reference_points_somewhere() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir.path().join("records.db"), &Env::system()).unwrap();
    assert_eq!(pragma::<String>(&database.writer, "journal_mode"), "wal");
    assert_eq!(pragma::<i64>(&database.writer, "synchronous"), 2, "full");
    assert_eq!(pragma::<i64>(&database.writer, "foreign_keys"), 1);
    assert_eq!(pragma::<i64>(&database.writer, "busy_timeout"), 5_000);
}

#[test]
fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let _database = database(&path, &Env::system()).unwrap();
    let reader = reader(&path).unwrap();
    let written = reader.execute("DELETE FROM alerts", []);
    assert!(written.is_err());
    assert_eq!(pragma::<i64>(&reader, "busy_timeout"), 5_000);
}
