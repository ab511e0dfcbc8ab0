//! What goes when there is no room: ended runs and acknowledged alerts first, the oldest first.

use rusqlite::{Connection, OptionalExtension as _};

/// A table that is bounded.
#[derive(Debug)]
pub(crate) struct Bounded {
    /// Whether any row was over (ended, acknowledged) before a time.
    any_over: &'static str,
    /// Removes up to so many rows that were over before a time, the longest over first.
    over: &'static str,
    /// Removes so many rows that are not over, the oldest first.
    oldest: &'static str,
}

/// Runs are over when they have ended.
pub(crate) const PIPELINES: Bounded = Bounded {
    any_over: "SELECT 1 FROM pipelines WHERE ended_ms IS NOT NULL AND ended_ms < ?1 LIMIT 1",
    over: "DELETE FROM pipelines WHERE id IN (
               SELECT id FROM pipelines WHERE ended_ms IS NOT NULL AND ended_ms < ?1
               ORDER BY ended_ms, id LIMIT ?2)",
    oldest: "DELETE FROM pipelines WHERE id IN (
                 SELECT id FROM pipelines WHERE ended_ms IS NULL ORDER BY id LIMIT ?1)",
};

/// Alerts are over when somebody has acknowledged them.
pub(crate) const ALERTS: Bounded = Bounded {
    any_over: "SELECT 1 FROM alerts
               WHERE acknowledged_ms IS NOT NULL AND acknowledged_ms < ?1 LIMIT 1",
    over: "DELETE FROM alerts WHERE id IN (
               SELECT id FROM alerts WHERE acknowledged_ms IS NOT NULL AND acknowledged_ms < ?1
               ORDER BY acknowledged_ms, id LIMIT ?2)",
    oldest: "DELETE FROM alerts WHERE id IN (
                 SELECT id FROM alerts WHERE acknowledged_ms IS NULL ORDER BY id LIMIT ?1)",
};

impl Bounded {
    /// Removes `n_excess` rows and says how many went.
    pub(crate) fn remove(
        &self,
        connection: &Connection,
        n_excess: usize,
    ) -> rusqlite::Result<usize> {
        if n_excess == 0 {
            return Ok(0);
        }
        let n_over = self.remove_over_before(connection, i64::MAX, n_excess)?;
        let n_left = n_excess - n_over;
        let n_oldest = match n_left {
            0 => 0,
            _ => connection.prepare_cached(self.oldest)?.execute([n_left as i64])?,
        };
        Ok(n_over + n_oldest)
    }

    /// Removes up to `n_max` rows that were over before a time, and says how many went.
    pub(crate) fn remove_over_before(
        &self,
        connection: &Connection,
        before_ms: i64,
        n_max: usize,
    ) -> rusqlite::Result<usize> {
        connection.prepare_cached(self.over)?.execute((before_ms, n_max as i64))
    }

    /// Whether there is anything that was over before a time.
    pub(crate) fn has_over_before(
        &self,
        connection: &Connection,
        before_ms: i64,
    ) -> rusqlite::Result<bool> {
        let any = connection
            .prepare_cached(self.any_over)?
            .query_row([before_ms], |_| Ok(()))
            .optional()?;
        Ok(any.is_some())
    }
}
