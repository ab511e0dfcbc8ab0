//! The tables on disk and how an older file becomes a current one. Drawn in
//! `docs/formats/records.md`.

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

/// Marks a file as ours: `PHRS` in ASCII, SQLite's `application_id`.
const APPLICATION_ID: i64 = 0x5048_5253;

/// Each step takes the file from the version of its index to the next one. A step that has been
/// released is never edited; a change is a new step.
pub(crate) const MIGRATIONS: &[&str] = &[V1, V2];

/// Services are never removed, so that a plain key rises. Runs and alerts are: there
/// `AUTOINCREMENT` keeps an id from being given twice.
///
/// Every index ends in the row's id without saying so, which is why each filter can be read newest
/// first without sorting.
const V1: &str = "
CREATE TABLE services (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    status TEXT NOT NULL CHECK (status IN ('up', 'down', 'unknown')),
    reported_status TEXT NOT NULL CHECK (reported_status IN ('up', 'down', 'unknown')),
    last_check_ms INTEGER NOT NULL,
    last_status_change_ms INTEGER NOT NULL,
    endpoint TEXT,
    CHECK (status IN (reported_status, 'unknown'))
) STRICT;
CREATE INDEX services_by_status ON services (status);

CREATE TABLE pipelines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline_type TEXT NOT NULL CHECK (pipeline_type <> ''),
    service_id INTEGER REFERENCES services (id),
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed')),
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER CHECK (ended_ms >= started_ms),
    error_message TEXT,
    metadata_json TEXT,
    CHECK ((status = 'running') = (ended_ms IS NULL))
) STRICT;
CREATE INDEX pipelines_by_type ON pipelines (pipeline_type);
CREATE INDEX pipelines_by_status ON pipelines (status);
CREATE INDEX pipelines_by_service ON pipelines (service_id);
CREATE INDEX pipelines_open ON pipelines (pipeline_type) WHERE ended_ms IS NULL;
CREATE INDEX pipelines_open_by_service ON pipelines (pipeline_type, service_id)
    WHERE ended_ms IS NULL;
CREATE INDEX pipelines_by_end ON pipelines (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service_id INTEGER REFERENCES services (id),
    pipeline_run INTEGER REFERENCES pipelines (id) ON DELETE SET NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    severity_raw TEXT NOT NULL,
    raised_ms INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_ms INTEGER,
    CHECK ((acknowledged_by IS NULL) = (acknowledged_ms IS NULL))
) STRICT;
CREATE INDEX alerts_by_severity ON alerts (severity, (acknowledged_ms IS NOT NULL));
CREATE INDEX alerts_by_service ON alerts (service_id);
CREATE INDEX alerts_by_acknowledged ON alerts ((acknowledged_ms IS NOT NULL));
CREATE INDEX alerts_by_acknowledgement ON alerts (acknowledged_ms)
    WHERE acknowledged_ms IS NOT NULL;
CREATE INDEX alerts_by_run ON alerts (pipeline_run) WHERE pipeline_run IS NOT NULL;
";

/// Groups of pushed metrics, each a text that only its writer reads.
const V2: &str = "
CREATE TABLE pushed_groups (
    labels TEXT PRIMARY KEY CHECK (labels <> ''),
    page TEXT NOT NULL
) STRICT;
";

/// What a file turns out to be before anything in it is touched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing in it yet.
    Fresh,
    /// Ours, at this schema version.
    Ours(usize),
    /// Ours, written by a newer release.
    Newer(usize),
    /// Another program's.
    Foreign,
    /// Says two things at once, as a flipped bit in the header does.
    Contradictory,
}

/// Looks at a file. The version stands in two places, SQLite's header and our own table, so that
/// one flipped bit is not taken for a newer release or for another program.
pub(crate) fn kind(connection: &Connection, n_known: usize) -> rusqlite::Result<Kind> {
    let application_id: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let user_version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let n_tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if n_tables == 0 && user_version == 0 && [0, APPLICATION_ID].contains(&application_id) {
        return Ok(Kind::Fresh);
    }
    let Some(logged) = logged_version(connection)? else {
        let ours = application_id == APPLICATION_ID || n_tables == 0;
        return Ok(if ours { Kind::Contradictory } else { Kind::Foreign });
    };
    let version = usize::try_from(user_version).unwrap_or(0);
    if application_id != APPLICATION_ID || logged != user_version || version == 0 {
        return Ok(Kind::Contradictory);
    }
    Ok(if version > n_known { Kind::Newer(version) } else { Kind::Ours(version) })
}

/// The newest entry of our own table of versions; `None` without such a table.
fn logged_version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let ours = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    if ours.is_none() {
        return Ok(None);
    }
    connection
        .query_row("SELECT coalesce(max(version), 0) FROM schema_versions", [], |row| row.get(0))
}

/// Brings a file from `version` to the last of the migrations, each step all or nothing.
pub(crate) fn migrate(
    connection: &mut Connection,
    version: usize,
    migrations: &[&str],
    now_ms: i64,
) -> rusqlite::Result<()> {
    for (idx, step) in migrations.iter().enumerate().skip(version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if idx == 0 {
            begin(&transaction)?;
        }
        transaction.execute_batch(step)?;
        let version = i64::try_from(idx + 1).expect("migrations are few");
        transaction.execute(
            "INSERT INTO schema_versions (version, applied_ms) VALUES (?1, ?2)",
            (version, now_ms),
        )?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

fn begin(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(
        "CREATE TABLE schema_versions (
            version INTEGER PRIMARY KEY,
            applied_ms INTEGER NOT NULL
        ) STRICT;",
    )
}

/// Writes a page without changing anything, which shows whether the disk takes writes.
pub(crate) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}

#[cfg(test)]
mod tests;
