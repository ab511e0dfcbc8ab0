//! The bounded queue between everybody who writes and the one thread that may.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use storage::{RecordOutcome, RecordWrite, RecordsError};
use tokio::sync::oneshot;

/// Where the outcome of one unit goes.
pub(crate) type Answer = oneshot::Sender<Result<Vec<RecordOutcome>, RecordsError>>;

/// One unit, all or nothing.
#[derive(Debug)]
pub(crate) enum Unit {
    /// What somebody wrote.
    Writes(Vec<RecordWrite>),
    /// The first sign of life of a service never heard of.
    Stranger { name: String, at_ms: i64 },
}

impl Unit {
    /// What it counts for; an empty unit takes room as well.
    fn n_writes(&self) -> usize {
        match self {
            Self::Writes(writes) => writes.len().max(1),
            Self::Stranger { .. } => 1,
        }
    }
}

/// A unit and who waits for it.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) unit: Unit,
    pub(crate) answer: Answer,
}

/// Why a unit was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Closed,
}

/// First in, first out, bounded by the writes in it.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    n_writes_max: usize,
}

#[derive(Default)]
struct Waiting {
    works: VecDeque<Work>,
    n_writes: usize,
    /// Somebody wants a turn although there may be no work.
    woken: bool,
    closed: bool,
}

impl Waiting {
    fn needs_turn(&self) -> bool {
        self.woken || self.closed || !self.works.is_empty()
    }
}

impl Queue {
    pub(crate) fn new(n_writes_max: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Condvar::new(), n_writes_max }
    }

    /// Takes a unit. One that is larger than the bound gets in only when nothing waits.
    pub(crate) fn push(&self, work: Work) -> Result<(), Refusal> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Refusal::Closed);
        }
        let n_writes = waiting.n_writes + work.unit.n_writes();
        if n_writes > self.n_writes_max && waiting.n_writes > 0 {
            return Err(Refusal::Full);
        }
        waiting.n_writes = n_writes;
        waiting.works.push_back(work);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Asks the writer for a turn now.
    pub(crate) fn wake(&self) {
        self.waiting.lock().woken = true;
        self.changed.notify_one();
    }

    /// Takes nothing more; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_one();
    }

    /// Blocks until there is a reason for a turn, at most this long, and says whether there is one
    /// besides the time that has passed.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        if !waiting.needs_turn() {
            self.changed.wait_for(&mut waiting, timeout);
        }
        let needed = waiting.needs_turn();
        waiting.woken = false;
        needed
    }

    /// The oldest units: at least one if any wait, and no more writes than `n_writes_max` unless
    /// the first alone has more.
    pub(crate) fn take(&self, n_writes_max: usize) -> Vec<Work> {
        let mut waiting = self.waiting.lock();
        let mut taken = Vec::new();
        let mut n_taken = 0;
        while let Some(work) = waiting.works.front() {
            let n_writes = work.unit.n_writes();
            if n_taken > 0 && n_taken + n_writes > n_writes_max {
                break;
            }
            n_taken += n_writes;
            taken.extend(waiting.works.pop_front());
        }
        waiting.n_writes -= n_taken;
        taken
    }

    /// Whether nothing waits and nothing more will come.
    pub(crate) fn is_finished(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.closed && waiting.works.is_empty()
    }

    /// How many writes wait.
    pub(crate) fn n_writes(&self) -> usize {
        self.waiting.lock().n_writes
    }
}

#[cfg(test)]
mod tests;
