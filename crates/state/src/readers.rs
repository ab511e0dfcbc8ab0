//! A few connections that only read; who finds none idle waits for one.

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use storage::RecordsError;

use crate::apply::failed;

/// The pool.
pub(crate) struct Readers {
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    closed: bool,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        assert!(!connections.is_empty(), "somebody must be able to read");
        Self {
            pool: Mutex::new(Pool { idle: connections, closed: false }),
            returned: Condvar::new(),
        }
    }

    /// Reads with a connection of its own; blocks until there is one.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RecordsError> {
        let lease = self.lease()?;
        let connection = lease.connection.as_ref().expect("held until the drop");
        read(connection).map_err(|error| failed(&error))
    }

    fn lease(&self) -> Result<Lease<'_>, RecordsError> {
        let mut pool = self.pool.lock();
        loop {
            if pool.closed {
                return Err(closed());
            }
            if let Some(connection) = pool.idle.pop() {
                return Ok(Lease { readers: self, connection: Some(connection) });
            }
            self.returned.wait(&mut pool);
        }
    }

    /// Closes the idle connections now and the others when they come back.
    pub(crate) fn close(&self) {
        let mut pool = self.pool.lock();
        pool.closed = true;
        pool.idle.clear();
        drop(pool);
        self.returned.notify_all();
    }
}

/// A connection that goes back however its use ends.
struct Lease<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool.lock();
        if !pool.closed {
            pool.idle.extend(self.connection.take());
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}

/// The error of everybody who comes after the end.
pub(crate) fn closed() -> RecordsError {
    RecordsError::Failed { reason: "it is closed".to_owned() }
}
