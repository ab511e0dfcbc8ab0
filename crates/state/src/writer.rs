//! The writer: the one thread that changes the database.
//!
//! It lives in turns. A turn takes every unit that waits and every chore that is due (signs of
//! life, silences, retention) into one transaction, commits it, and only then answers. While it
//! waits for the disk the next turn's units gather, so that many senders share one commit.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use storage::{RecordOutcome, RecordsError};

use crate::apply::{self, ApplyError, Applying, Effects};
use crate::chores::{Chores, Done, Schedule};
use crate::content::Counts;
use crate::queue::{Unit, Work};
use crate::shared::Shared;
use crate::signs::Moment;

/// How many writes share a transaction at most: a fifth of a second's work on a slow machine.
const WRITES_PER_TRANSACTION_MAX: usize = 2_000;

type UnitResult = Result<Vec<RecordOutcome>, RecordsError>;

/// Makes the turns. In production a thread of its own does; a test or a simulator takes it from
/// [`State::open_manual`](crate::State::open_manual) and makes each turn itself.
pub struct Writer {
    shared: Arc<Shared>,
    connection: Connection,
    counts: Counts,
    schedule: Schedule,
}

/// What a transaction did, true once it is committed.
struct Turn {
    results: Vec<UnitResult>,
    effects: Effects,
    done: Done,
    counts: Counts,
    n_pruned: usize,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, connection: Connection, counts: Counts) -> Self {
        shared.meter.services.set(counts.n_services as i64);
        let schedule = Schedule::new(&shared.config, shared.moment().monotonic);
        Self { shared, connection, counts, schedule }
    }

    /// Makes turns until the queue is closed and empty, then leaves everything on disk.
    pub(crate) fn run(mut self) {
        while !self.shared.queue.is_finished() {
            let now = self.shared.moment().monotonic;
            self.shared.queue.wait(self.schedule.idle_for(now));
            self.step();
        }
        self.finish();
    }

    /// Makes one turn: everything that waits and is due goes into one transaction. Says whether
    /// there was anything to do.
    pub fn step(&mut self) -> bool {
        let moment = self.shared.moment();
        let works = self.shared.queue.take(WRITES_PER_TRANSACTION_MAX);
        self.note_queue();
        let chores = self.schedule.due(&self.shared, &self.connection, moment);
        self.turn(works, &chores, moment)
    }

    /// Takes nothing more, writes what waits and what is still only in memory, and folds the
    /// journal into the file.
    pub fn finish(mut self) {
        self.shared.queue.close();
        while !self.shared.queue.is_finished() {
            self.step();
        }
        let moment = self.shared.moment();
        let chores = Chores::last(&self.shared);
        self.turn(Vec::new(), &chores, moment);
        // Where this fails the journal stays beside the file, and the next start reads it.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn turn(&mut self, works: Vec<Work>, chores: &Chores, moment: Moment) -> bool {
        if works.is_empty() && chores.is_empty() {
            return false;
        }
        match self.transact(&works, chores, moment) {
            Ok(turn) => self.committed(works, chores, turn, moment),
            Err(error) => {
                self.schedule.postpone(moment.monotonic);
                self.failed(works, chores, &error);
            }
        }
        let seconds = self.shared.moment().monotonic - moment.monotonic;
        let meter = &self.shared.meter;
        meter.transaction_seconds.observe(seconds.as_secs_f64());
        true
    }

    fn transact(
        &mut self,
        works: &[Work],
        chores: &Chores,
        moment: Moment,
    ) -> rusqlite::Result<Turn> {
        let config = &self.shared.config;
        let mut transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut results = Vec::with_capacity(works.len());
        let mut effects = Effects::default();
        for work in works {
            let n_services = self.counts.n_services + effects.n_services;
            let (result, of_unit) =
                apply_unit(&mut transaction, &work.unit, |connection| Applying {
                    connection,
                    now_ms: moment.wall_ms,
                    n_services_left: config.services_max.saturating_sub(n_services),
                    n_services_max: config.services_max,
                    effects: Effects::default(),
                })?;
            results.push(result);
            effects.absorb(of_unit);
        }
        let done = in_savepoint(&mut transaction, |connection| {
            chores.carry_out(connection, &effects.heard, moment)
        })?;
        let mut counts = self.counts.after(&effects, &done);
        let rows_max = config.rows_max;
        let pruned =
            in_savepoint(&mut transaction, |connection| counts.prune(connection, rows_max))?;
        transaction.commit()?;
        Ok(Turn { results, effects, n_pruned: done.n_removed() + pruned, done, counts })
    }

    fn committed(&mut self, works: Vec<Work>, chores: &Chores, turn: Turn, moment: Moment) {
        let shared = &self.shared;
        self.counts = turn.counts;
        if !turn.done.carried_out {
            self.schedule.postpone(moment.monotonic);
        }
        chores.confirm(shared, &turn.done, moment);
        // First the memory, then the answers: who has been answered finds the service known.
        for heard in turn.effects.heard {
            shared.signs.confirm(heard, moment.monotonic);
        }
        let reason = || "signs of life and retention cannot be written".to_owned();
        *shared.failing.lock() = (!turn.done.carried_out).then(reason);
        let meter = &shared.meter;
        meter.transactions.inc();
        meter.services.set(self.counts.n_services as i64);
        meter.rows_pruned.add(turn.n_pruned as u64);
        for (work, result) in works.into_iter().zip(turn.results) {
            answer(shared, work, result);
        }
    }

    fn failed(&self, works: Vec<Work>, chores: &Chores, error: &rusqlite::Error) {
        self.shared.meter.transactions_failed.inc();
        *self.shared.failing.lock() = Some(error.to_string());
        chores.give_back(&self.shared);
        for work in works {
            answer(&self.shared, work, Err(apply::failed(error)));
        }
    }

    fn note_queue(&self) {
        let n_writes = self.shared.queue.n_writes();
        self.shared.meter.queue_writes.set(n_writes as i64);
    }
}

fn answer(shared: &Shared, work: Work, result: UnitResult) {
    match &result {
        Ok(_) => shared.meter.units_written.inc(),
        Err(error) => {
            shared.meter.units_failed.inc();
            if let Unit::Stranger { name, .. } = &work.unit {
                shared.signs.refuse(name, error);
            }
        }
    }
    // Whoever does not wait any more does not need to know.
    let _ = work.answer.send(result);
}

/// Applies a unit on its own; only when the whole transaction is lost is there an outer error.
fn apply_unit<'c>(
    transaction: &'c mut Transaction<'_>,
    unit: &Unit,
    applying: impl for<'t> FnOnce(&'t Connection) -> Applying<'t>,
) -> rusqlite::Result<(UnitResult, Effects)> {
    let savepoint = transaction.savepoint()?;
    let mut applying = applying(&savepoint);
    let applied = applying.unit(unit);
    let effects = applying.effects;
    match applied {
        Ok(outcomes) => {
            savepoint.commit()?;
            Ok((Ok(outcomes), effects))
        }
        Err(error) => {
            drop(savepoint);
            still_open(transaction, error).map(|error| (Err(error.into()), Effects::default()))
        }
    }
}

/// A full or broken disk makes SQLite undo the whole transaction: then no unit of it may go on.
fn still_open(transaction: &Transaction<'_>, error: ApplyError) -> rusqlite::Result<ApplyError> {
    match error {
        ApplyError::Database(error) if transaction.is_autocommit() => Err(error),
        error => Ok(error),
    }
}

/// Does work of our own whose failure must not undo anybody's unit.
fn in_savepoint<T: Default>(
    transaction: &mut Transaction<'_>,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let savepoint = transaction.savepoint()?;
    match work(&savepoint) {
        Ok(value) => {
            savepoint.commit()?;
            Ok(value)
        }
        Err(error) => {
            drop(savepoint);
            if transaction.is_autocommit() {
                return Err(error);
            }
            Ok(T::default())
        }
    }
}

impl Drop for Writer {
    /// However the writer ends, a panic among the ways, nobody may wait for it afterwards.
    fn drop(&mut self) {
        self.shared.queue.close();
        // Dropping a unit's answer tells its sender that we stopped.
        while !self.shared.queue.take(usize::MAX).is_empty() {}
        self.shared.signs.abandon();
    }
}
