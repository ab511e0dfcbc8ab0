//! Files of each age, and files that contradict themselves.

use rusqlite::Connection;

use super::{Kind, MIGRATIONS, kind, migrate};

fn memory() -> Connection {
    Connection::open_in_memory().unwrap()
}

fn set(connection: &Connection, pragma: &str, value: i64) {
    connection.pragma_update(None, pragma, value).unwrap();
}

#[test]
fn an_older_file_becomes_a_current_one_and_keeps_its_rows() {
    let mut connection = memory();
    assert_eq!(kind(&connection, 1).unwrap(), Kind::Fresh);
    migrate(&mut connection, 0, &["CREATE TABLE a (n)"], 5).unwrap();
    assert_eq!(kind(&connection, 2).unwrap(), Kind::Ours(1));
    connection.execute("INSERT INTO a VALUES (1)", []).unwrap();
    let steps = ["this step is not done again", "ALTER TABLE a ADD m DEFAULT 2"];
    migrate(&mut connection, 1, &steps, 6).unwrap();
    assert_eq!(kind(&connection, 2).unwrap(), Kind::Ours(2));
    assert_eq!(kind(&connection, 1).unwrap(), Kind::Newer(2));
    let row: (i64, i64) = connection
        .query_row("SELECT n, m FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(row, (1, 2));
    let applied: String = connection
        .query_row(
            "SELECT group_concat(version || '@' || applied_ms) FROM schema_versions",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(applied, "1@5,2@6");
}

#[test]
fn a_step_that_fails_leaves_the_version_before_it() {
    let mut connection = memory();
    let steps = ["CREATE TABLE a (n)", "CREATE TABLE b (n); CREATE TABLE b (n)"];
    assert!(migrate(&mut connection, 0, &steps, 0).is_err());
    assert_eq!(kind(&connection, 2).unwrap(), Kind::Ours(1));
    migrate(&mut connection, 1, &[steps[0], "CREATE TABLE b (n)"], 0).unwrap();
    assert_eq!(kind(&connection, 2).unwrap(), Kind::Ours(2));
}

#[test]
fn a_file_that_says_two_things_is_damaged() {
    let ours = || {
        let mut connection = memory();
        migrate(&mut connection, 0, MIGRATIONS, 0).unwrap();
        connection
    };
    for (pragma, value) in [
        ("user_version", 0),
        ("user_version", 9),
        ("user_version", -1),
        ("application_id", 0),
        ("application_id", 1),
    ] {
        let connection = ours();
        set(&connection, pragma, value);
        let kind = kind(&connection, MIGRATIONS.len()).unwrap();
        assert_eq!(kind, Kind::Contradictory, "{pragma} {value}");
    }
    let connection = ours();
    connection.execute_batch("DROP TABLE schema_versions").unwrap();
    assert_eq!(kind(&connection, 1).unwrap(), Kind::Contradictory);
}

#[test]
fn tables_of_somebody_else_are_foreign() {
    for application_id in [0, 0x4750_4b47] {
        let connection = memory();
        connection.execute_batch("CREATE TABLE notes (text)").unwrap();
        set(&connection, "application_id", application_id);
        assert_eq!(kind(&connection, 1).unwrap(), Kind::Foreign);
    }
}
