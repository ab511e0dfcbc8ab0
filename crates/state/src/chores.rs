//! What the writer does unasked: signs of life onto the disk, silences, retention.
//!
//! [`Schedule`] says what is due, as a function of the moment it is given; [`Chores`] carries it
//! out in the turn's transaction and settles the memory once that is committed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::Config;
use crate::apply;
use crate::prune::{ALERTS, Bounded, PIPELINES};
use crate::schema;
use crate::shared::Shared;
use crate::signs::{Heard, Moment, Sign};

/// How often silence is looked for, which is how much later than `silent_after` it may be noticed.
const SWEEP_EVERY_MAX: Duration = Duration::from_secs(3);

/// No timer is shorter, whatever the settings say.
const EVERY_MIN: Duration = Duration::from_millis(100);

/// How often rows that are too old are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// How many rows of one kind a turn touches for a chore at most, so that no unit waits long.
const ROWS_PER_TURN_MAX: usize = 2_000;

/// When each chore is due next, on the monotonic clock.
pub(crate) struct Schedule {
    signs_every: Duration,
    sweep_every: Duration,
    next_signs: Duration,
    next_sweep: Duration,
    next_retention: Duration,
    /// Signs that are due and did not fit into the last turn.
    unwritten: Vec<Arc<Sign>>,
}

impl Schedule {
    pub(crate) fn new(config: &Config, now: Duration) -> Self {
        let signs_every = config.sign_of_life_every.max(EVERY_MIN);
        let sweep_every = config.silent_after.clamp(EVERY_MIN, SWEEP_EVERY_MAX);
        Self {
            signs_every,
            sweep_every,
            next_signs: now + signs_every,
            next_sweep: now + sweep_every,
            next_retention: now,
            unwritten: Vec::new(),
        }
    }

    /// How long there will be nothing to do.
    pub(crate) fn idle_for(&self, now: Duration) -> Duration {
        if !self.unwritten.is_empty() {
            return Duration::ZERO;
        }
        let next = self.next_signs.min(self.next_sweep).min(self.next_retention);
        next.saturating_sub(now)
    }

    /// After a failure: no chore comes at once again, else a broken disk would keep us spinning.
    pub(crate) fn postpone(&mut self, now: Duration) {
        self.next_sweep = self.next_sweep.max(now + self.sweep_every);
    }

    /// What is due now.
    pub(crate) fn due(
        &mut self,
        shared: &Shared,
        connection: &Connection,
        moment: Moment,
    ) -> Chores {
        let now = moment.monotonic;
        // Asked before the sweep, which puts the next one off.
        let probe = now >= self.next_sweep && shared.failing.lock().is_some();
        Chores {
            probe,
            revived: shared.signs.take_revived(),
            unwritten: self.signs_due(shared, now),
            quiet: self.quiet_due(shared, now),
            expired_before_ms: self.retention_due(shared, connection, moment),
        }
    }

    fn signs_due(&mut self, shared: &Shared, now: Duration) -> Vec<Arc<Sign>> {
        if self.unwritten.is_empty() && now >= self.next_signs {
            self.next_signs = now + self.signs_every;
            self.unwritten = shared.signs.unwritten();
        }
        let n_kept = self.unwritten.len().saturating_sub(ROWS_PER_TURN_MAX);
        let mut due = self.unwritten.split_off(n_kept);
        due.retain(|sign| sign.is_unwritten());
        due
    }

    fn quiet_due(&mut self, shared: &Shared, now: Duration) -> Vec<Arc<Sign>> {
        if now < self.next_sweep {
            return Vec::new();
        }
        let silent_after = shared.config.silent_after;
        let quiet = shared.signs.quiet(silent_after, now, ROWS_PER_TURN_MAX);
        let all = quiet.len() < ROWS_PER_TURN_MAX;
        self.next_sweep = if all { now + self.sweep_every } else { now };
        quiet
    }

    fn retention_due(
        &mut self,
        shared: &Shared,
        connection: &Connection,
        moment: Moment,
    ) -> Option<i64> {
        if moment.monotonic < self.next_retention {
            return None;
        }
        self.next_retention = moment.monotonic + RETENTION_EVERY;
        let retention = i64::try_from(shared.config.retention?.as_millis()).ok()?;
        let before_ms = moment.wall_ms.saturating_sub(retention);
        // Where the question fails, the turn of the next minute asks again.
        let any = |table: &Bounded| table.has_over_before(connection, before_ms).unwrap_or(false);
        (any(&PIPELINES) || any(&ALERTS)).then_some(before_ms)
    }
}

/// What one turn does besides the units.
#[derive(Default)]
pub(crate) struct Chores {
    /// After a failure: try the disk, so that the health does not stay bad until somebody writes.
    probe: bool,
    /// Silent services that showed life.
    revived: Vec<Arc<Sign>>,
    /// Services whose last sign is to be written.
    unwritten: Vec<Arc<Sign>>,
    /// Services that fell silent.
    quiet: Vec<Arc<Sign>>,
    /// Runs and alerts that were over before this time go, Unix milliseconds.
    expired_before_ms: Option<i64>,
}

/// What was done, true once the transaction is committed.
#[derive(Default)]
pub(crate) struct Done {
    /// False where the database did not take the chores.
    pub(crate) carried_out: bool,
    written: Vec<(Arc<Sign>, i64)>,
    silenced: Vec<Arc<Sign>>,
    pub(crate) n_pipelines_removed: usize,
    pub(crate) n_alerts_removed: usize,
}

impl Done {
    pub(crate) fn n_removed(&self) -> usize {
        self.n_pipelines_removed + self.n_alerts_removed
    }
}

impl Chores {
    /// The last of all: nobody is silenced while we stop.
    pub(crate) fn last(shared: &Shared) -> Self {
        Self {
            revived: shared.signs.take_revived(),
            unwritten: shared.signs.unwritten(),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.probe
            && self.revived.is_empty()
            && self.unwritten.is_empty()
            && self.quiet.is_empty()
            && self.expired_before_ms.is_none()
    }

    /// Writes it all; `heard` are the services that the turn's units have just heard of.
    pub(crate) fn carry_out(
        &self,
        connection: &Connection,
        heard: &[Heard],
        moment: Moment,
    ) -> rusqlite::Result<Done> {
        let now_ms = moment.wall_ms;
        let mut done = Done { carried_out: true, ..Done::default() };
        if self.probe {
            schema::touch(connection)?;
        }
        for sign in self.revived.iter().chain(&self.unwritten) {
            let seen_ms = sign.seen_ms(now_ms);
            apply::touch(connection, sign.id, seen_ms)?;
            done.written.push((Arc::clone(sign), seen_ms));
        }
        self.silence_quiet(connection, heard, now_ms, &mut done)?;
        if let Some(before_ms) = self.expired_before_ms {
            let remove = |table: &Bounded| {
                table.remove_over_before(connection, before_ms, ROWS_PER_TURN_MAX)
            };
            done.n_pipelines_removed = remove(&PIPELINES)?;
            done.n_alerts_removed = remove(&ALERTS)?;
        }
        Ok(done)
    }

    fn silence_quiet(
        &self,
        connection: &Connection,
        heard: &[Heard],
        now_ms: i64,
        done: &mut Done,
    ) -> rusqlite::Result<()> {
        if self.quiet.is_empty() {
            return Ok(());
        }
        let heard: HashSet<i64> = heard.iter().map(|heard| heard.id).collect();
        for sign in self.quiet.iter().filter(|sign| !heard.contains(&sign.id)) {
            let seen_ms = sign.seen_ms(now_ms);
            apply::silence(connection, sign.id, seen_ms, now_ms)?;
            done.written.push((Arc::clone(sign), seen_ms));
            done.silenced.push(Arc::clone(sign));
        }
        Ok(())
    }

    /// Settles the memory after the commit.
    pub(crate) fn confirm(&self, shared: &Shared, done: &Done, moment: Moment) {
        if !done.carried_out {
            self.give_back(shared);
            return;
        }
        for (sign, seen_ms) in &done.written {
            sign.wrote(*seen_ms);
        }
        for sign in &done.silenced {
            let silent_after = shared.config.silent_after;
            shared.signs.silenced(sign, silent_after, moment.monotonic);
        }
        shared.meter.signs_written.add(done.written.len() as u64);
        shared.meter.silences.add(done.silenced.len() as u64);
    }

    /// After a failure: the next period writes the signs again and sweeps again; a revival waits
    /// for the next sign of life.
    pub(crate) fn give_back(&self, shared: &Shared) {
        shared.signs.still_silent(&self.revived);
    }
}

#[cfg(test)]
mod tests;
