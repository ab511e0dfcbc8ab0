//! What an open file holds: the services, to be known at once, and how many rows there are.

use rusqlite::{Connection, Row};

use crate::apply::Effects;
use crate::chores::Done;
use crate::prune::{ALERTS, PIPELINES};
use crate::signs::Heard;

/// Read once, when the file is opened; a file that does not let itself be read so is damaged.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) services: Vec<Kept>,
    pub(crate) counts: Counts,
}

/// A service as it was left.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) heard: Heard,
    /// Whether it is called `unknown` because it fell silent.
    pub(crate) silent: bool,
}

/// How many rows there are, as committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) n_services: usize,
    n_pipelines: usize,
    n_alerts: usize,
}

impl Content {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let services: Vec<Kept> = connection
            .prepare("SELECT id, name, last_check_ms, status <> reported_status FROM services")?
            .query_map([], Kept::read)?
            .collect::<Result<_, _>>()?;
        let count = |sql: &str| -> rusqlite::Result<usize> {
            let n_rows: i64 = connection.query_row(sql, [], |row| row.get(0))?;
            Ok(usize::try_from(n_rows).expect("a count is not negative"))
        };
        count("SELECT count(*) FROM pushed_groups")?;
        let counts = Counts {
            n_services: services.len(),
            n_pipelines: count("SELECT count(*) FROM pipelines")?,
            n_alerts: count("SELECT count(*) FROM alerts")?,
        };
        Ok(Self { services, counts })
    }
}

impl Kept {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            heard: Heard { id: row.get(0)?, name: row.get(1)?, at_ms: row.get(2)? },
            silent: row.get(3)?,
        })
    }
}

impl Counts {
    /// The counts once a turn is committed.
    pub(crate) fn after(self, effects: &Effects, done: &Done) -> Self {
        Self {
            n_services: self.n_services + effects.n_services,
            n_pipelines: self.n_pipelines + effects.n_pipelines - done.n_pipelines_removed,
            n_alerts: self.n_alerts + effects.n_alerts - done.n_alerts_removed,
        }
    }

    /// Makes room again, and says how many rows that took.
    pub(crate) fn prune(
        &mut self,
        connection: &Connection,
        rows_max: usize,
    ) -> rusqlite::Result<usize> {
        let excess = |n_rows: usize| n_rows.saturating_sub(rows_max);
        let n_pipelines = PIPELINES.remove(connection, excess(self.n_pipelines))?;
        let n_alerts = ALERTS.remove(connection, excess(self.n_alerts))?;
        self.n_pipelines -= n_pipelines;
        self.n_alerts -= n_alerts;
        Ok(n_pipelines + n_alerts)
    }
}
