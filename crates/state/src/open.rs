//! Opening the file: found or made, looked at, moved aside if it is broken, brought up to date.
//!
//! SQLite does its own reading and writing below this point; only making and moving the file goes
//! through `stdx::Disk`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use stdx::Env;

use crate::content::Content;
use crate::schema::{self, Kind};

/// Connections of one process wait for each other this long; only a checkpoint makes them.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More than the number of different statements we have.
const STATEMENTS_CACHED: usize = 64;

/// What SQLite leaves of the journal on disk after a burst, in bytes.
const WAL_BYTES_KEPT: i64 = 16 << 20;

/// SQLite cannot open a database without making its shared-memory file, of 32 KiB. This much is
/// set aside for it, so that a server starts, and answers, on a disk that is full.
const RESERVE_BYTES: usize = 64 << 10;

/// Why the records could not be opened. A damaged file is none of the reasons: it is moved aside.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file could not be made, or not be made durable.
    #[error("cannot make the record database {}", path.display())]
    Create {
        /// The database file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// Another process has the file open.
    #[error("the record database is in use: cannot lock {}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// A newer release wrote the file, and this one would not understand it.
    #[error(
        "the record database {} has schema version {found}, this release knows up to {known}: \
         run the newer release, or move the file away to start empty",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// The file is a healthy database of another program.
    #[error("{} is a database of another program", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A damaged file could not be moved aside.
    #[error("cannot move the damaged record database {} aside", path.display())]
    Quarantine {
        /// The database file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The database failed in another way, a full disk among them.
    #[error("cannot open the record database {}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The writer's thread could not be started.
    #[error("cannot start the thread that writes records")]
    Thread(#[source] io::Error),
}

/// What opening found, for a line in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Where the damaged file lies now, if there was one.
    pub quarantined: Option<PathBuf>,
}

/// An open file, checked and current.
pub(crate) struct Database {
    /// The only connection that writes.
    pub(crate) writer: Connection,
    pub(crate) content: Content,
    pub(crate) opened: Opened,
    /// Keeps other processes out until dropped.
    pub(crate) lock: Box<dyn Send + Sync>,
}

/// Opens or makes the file, which stands in a folder that is named: not just `records.db`.
pub(crate) fn database(path: &Path, env: &Env) -> Result<Database, OpenError> {
    env.disk.create_dir_all(dir_of(path)).map_err(|source| create_error(path, source))?;
    let lock_path = with_suffix(path, ".lock");
    let lock = env
        .disk
        .lock(&lock_path)
        .map_err(|source| OpenError::Locked { path: lock_path, source })?;
    let mut opened = Opened::default();
    let first = match attempt(path, env) {
        Err(Failure::Other(OpenError::Database { .. })) if spend_reserve(path, env) => {
            attempt(path, env)
        }
        first => first,
    };
    let (writer, content) = match first {
        Ok(sound) => sound,
        Err(Failure::Damaged) => {
            opened.quarantined = Some(quarantine(path, env)?);
            attempt(path, env).map_err(|failure| match failure {
                Failure::Damaged => OpenError::Quarantine {
                    path: path.to_owned(),
                    source: io::Error::other("a fresh file is damaged as well"),
                },
                Failure::Other(error) => error,
            })?
        }
        Err(Failure::Other(error)) => return Err(error),
    };
    keep_reserve(path, env);
    Ok(Database { writer, content, opened, lock })
}

/// Gives back the space that was set aside, and says whether there was any.
fn spend_reserve(path: &Path, env: &Env) -> bool {
    env.disk.remove(&with_suffix(path, ".reserve")).is_ok()
}

/// Sets space aside unless that was done before. On a full disk there is none to be had; then the
/// next start on it may fail, and says so.
fn keep_reserve(path: &Path, env: &Env) {
    let reserve = with_suffix(path, ".reserve");
    let Ok(mut file) = env.disk.create(&reserve) else { return };
    if file.append(&vec![0; RESERVE_BYTES]).is_err() {
        let _stays = env.disk.remove(&reserve);
    }
}

/// A connection that cannot write.
pub(crate) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Ok(connection)
    };
    open().map_err(|source| OpenError::Database { path: path.to_owned(), source })
}

enum Failure {
    Damaged,
    Other(OpenError),
}

fn attempt(path: &Path, env: &Env) -> Result<(Connection, Content), Failure> {
    make_if_absent(path, env).map_err(|source| Failure::Other(create_error(path, source)))?;
    let header = read_header(path, env);
    if !header.map_err(|source| Failure::Other(create_error(path, source)))? {
        return Err(Failure::Damaged);
    }
    let failed = |source| judge(path, source);
    let mut connection = connect(path).map_err(failed)?;
    let version = version_of(&connection, path)?;
    if !is_sound(&connection).map_err(failed)? {
        return Err(Failure::Damaged);
    }
    configure(&connection).map_err(failed)?;
    let now_ms = env.clock.now_ms();
    schema::migrate(&mut connection, version, schema::MIGRATIONS, now_ms).map_err(failed)?;
    let content = Content::read(&connection).map_err(failed)?;
    Ok((connection, content))
}

/// Makes an empty file, which SQLite takes for an empty database, so that its mode is 0600; the
/// journal files inherit the mode from it.
fn make_if_absent(path: &Path, env: &Env) -> io::Result<()> {
    match env.disk.create(path) {
        Ok(_) => env.disk.sync_dir(dir_of(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the file is empty or begins as a database does. SQLite itself would open one with a
/// strange format number, but without ever writing to it.
fn read_header(path: &Path, env: &Env) -> io::Result<bool> {
    let mut header = [0; 20];
    let n_bytes = env.disk.read_at(path, 0, &mut header)?;
    let known = |format: u8| format == 1 || format == 2;
    let sound = header.starts_with(b"SQLite format 3\0") && known(header[18]) && known(header[19]);
    Ok(n_bytes == 0 || (n_bytes == header.len() && sound))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

fn version_of(connection: &Connection, path: &Path) -> Result<usize, Failure> {
    let known = schema::MIGRATIONS.len();
    let kind = schema::kind(connection, known).map_err(|source| judge(path, source))?;
    let path = path.to_owned();
    match kind {
        Kind::Fresh => Ok(0),
        Kind::Ours(version) => Ok(version),
        Kind::Newer(found) => Err(Failure::Other(OpenError::NewerSchema { path, found, known })),
        Kind::Foreign => Err(Failure::Other(OpenError::NotOurs { path })),
        Kind::Contradictory => Err(Failure::Damaged),
    }
}

/// Reads every page once; a second for a million rows.
fn is_sound(connection: &Connection) -> rusqlite::Result<bool> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Damage is what SQLite calls so, and tables or values that are not what the version promises.
/// The rest (no space, no permission, a dying disk) would hit a fresh file as well.
fn judge(path: &Path, source: rusqlite::Error) -> Failure {
    let damaged = match source.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
        ),
        None => true,
    };
    if damaged {
        return Failure::Damaged;
    }
    Failure::Other(OpenError::Database { path: path.to_owned(), source })
}

/// Moves the file and its journal aside under names that SQLite would still open together.
fn quarantine(path: &Path, env: &Env) -> Result<PathBuf, OpenError> {
    let move_aside = || {
        let dir = dir_of(path);
        let present = env.disk.list(dir)?;
        let aside = free_name(path, &present, env.clock.now_ms() / 1000);
        for suffix in ["-wal", "-shm"] {
            let journal = with_suffix(path, suffix);
            if present.contains(&journal) {
                env.disk.rename(&journal, &with_suffix(&aside, suffix))?;
            }
        }
        env.disk.rename(path, &aside)?;
        env.disk.sync_dir(dir)?;
        Ok(aside)
    };
    move_aside().map_err(|source| OpenError::Quarantine { path: path.to_owned(), source })
}

fn free_name(path: &Path, present: &[PathBuf], now_s: i64) -> PathBuf {
    (now_s..)
        .map(|second| with_suffix(path, &format!(".corrupt-{second}")))
        .find(|name| !present.contains(name))
        .expect("a folder does not hold a file for every second to come")
}

fn create_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Create { path: path.to_owned(), source }
}

fn dir_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
