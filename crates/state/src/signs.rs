//! Signs of life: when each service was last heard of, in memory, so that the hot path of every
//! sample that names a service costs a lookup and two stores.
//!
//! How old a sign is goes by the monotonic clock, so that setting the machine's clock silences
//! nobody; the wall time of a sign is only shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use storage::{RecordOutcome, RecordsCommit, RecordsError};

use crate::content::Kept;
use crate::queue::Answer;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Unix milliseconds.
    pub(crate) wall_ms: i64,
    /// Since an arbitrary start; never goes back.
    pub(crate) monotonic: Duration,
}

/// What is known of one service's life.
#[derive(Debug)]
pub(crate) struct Sign {
    pub(crate) id: i64,
    /// The wall time of the last sign, Unix milliseconds.
    seen_ms: AtomicI64,
    /// The monotonic time when it arrived, in milliseconds. Stands in one order with `silent`:
    /// either the one who notes a sign sees the silence, or the one who notes a silence sees the
    /// sign.
    arrived_ms: AtomicU64,
    /// The `seen_ms` that is on disk.
    written_ms: AtomicI64,
    /// Whether the disk says `unknown` because the service fell silent.
    silent: AtomicBool,
}

impl Sign {
    fn new(id: i64, seen_ms: i64, arrived: Duration) -> Self {
        Self {
            id,
            seen_ms: AtomicI64::new(seen_ms),
            arrived_ms: AtomicU64::new(millis(arrived)),
            written_ms: AtomicI64::new(seen_ms),
            silent: AtomicBool::new(false),
        }
    }

    /// Looks before it writes: most signs come within a millisecond of another one, and a line of
    /// memory that nobody writes can be read by all at once.
    fn saw(&self, at_ms: i64, arrived: Duration) {
        if self.seen_ms.load(Relaxed) < at_ms {
            self.seen_ms.fetch_max(at_ms, Relaxed);
        }
        let arrived_ms = millis(arrived);
        if self.arrived_ms.load(SeqCst) < arrived_ms {
            self.arrived_ms.fetch_max(arrived_ms, SeqCst);
        }
    }

    /// The last sign. One from the future (a sender's clock, or ours before it was set back) is
    /// brought down to now, else it would stand until then.
    pub(crate) fn seen_ms(&self, now_ms: i64) -> i64 {
        self.seen_ms.fetch_min(now_ms, Relaxed).min(now_ms)
    }

    pub(crate) fn is_unwritten(&self) -> bool {
        self.seen_ms.load(Relaxed) > self.written_ms.load(Relaxed)
    }

    pub(crate) fn wrote(&self, seen_ms: i64) {
        self.written_ms.store(seen_ms, Relaxed);
    }

    fn is_older_than(&self, age: Duration, now: Duration) -> bool {
        let arrived = Duration::from_millis(self.arrived_ms.load(SeqCst));
        now.saturating_sub(arrived) > age
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

enum Entry {
    Known(Arc<Sign>),
    /// Its creation is on the way to the disk; these wait for it.
    Creating(Vec<Answer>),
}

/// What came of a sign of life.
pub(crate) enum Saw {
    /// It is noted.
    Noted,
    /// It is noted, and ends a silence: the writer has something to do.
    Revived,
    /// Nobody by that name is known.
    Stranger,
}

/// A service as a committed change left it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The sign of life that was written, Unix milliseconds.
    pub(crate) at_ms: i64,
}

/// Every service's last sign of life.
pub(crate) struct Signs {
    entries: RwLock<HashMap<Box<str>, Entry>>,
    /// Silent services that showed life, for the writer; each stands here once.
    revived: Mutex<Vec<Arc<Sign>>>,
    n_services_max: usize,
    /// How many may wait for the creation of one service.
    n_answers_max: usize,
}

impl Signs {
    pub(crate) fn new(n_services_max: usize, n_answers_max: usize) -> Self {
        Self {
            entries: RwLock::default(),
            revived: Mutex::default(),
            n_services_max,
            n_answers_max,
        }
    }

    /// Takes over a service from the disk. It counts as seen now: while we were down nobody could
    /// show us any life.
    pub(crate) fn load(&self, kept: Kept, now: Duration) {
        let Kept { heard, silent } = kept;
        let sign = Sign::new(heard.id, heard.at_ms, now);
        sign.silent.store(silent, Relaxed);
        let entry = Entry::Known(Arc::new(sign));
        self.entries.write().insert(heard.name.into(), entry);
    }

    /// Notes a sign of life.
    pub(crate) fn saw(&self, name: &str, at_ms: i64, now: Duration) -> Saw {
        let entries = self.entries.read();
        let Some(Entry::Known(sign)) = entries.get(name) else {
            return Saw::Stranger;
        };
        sign.saw(at_ms, now);
        if sign.silent.load(SeqCst) && self.revive(sign) {
            return Saw::Revived;
        }
        Saw::Noted
    }

    /// Whether this call ended the silence, not another one at the same time.
    fn revive(&self, sign: &Arc<Sign>) -> bool {
        let ended = sign.silent.swap(false, SeqCst);
        if ended {
            self.revived.lock().push(Arc::clone(sign));
        }
        ended
    }

    /// Has a stranger created: calls `create` for the first who asks, and lets the others wait for
    /// that. `None` when the service has become known meanwhile.
    pub(crate) fn meet(
        &self,
        name: &str,
        create: impl FnOnce() -> Result<RecordsCommit, RecordsError>,
    ) -> Result<Option<RecordsCommit>, RecordsError> {
        let mut entries = self.entries.write();
        match entries.get_mut(name) {
            Some(Entry::Known(_)) => return Ok(None),
            Some(Entry::Creating(answers)) => {
                if answers.len() >= self.n_answers_max {
                    return Err(RecordsError::Overloaded { n_writes_max: self.n_answers_max });
                }
                let (answer, commit) = RecordsCommit::pending();
                answers.push(answer);
                return Ok(Some(commit));
            }
            None => {}
        }
        if entries.len() >= self.n_services_max {
            return Err(too_many_services(self.n_services_max));
        }
        // Nothing else takes this lock while it holds the queue's, so this order is safe.
        let commit = create()?;
        entries.insert(name.into(), Entry::Creating(Vec::new()));
        Ok(Some(commit))
    }

    /// Notes what a committed change wrote, and answers whoever waited for the service to exist.
    pub(crate) fn confirm(&self, heard: Heard, now: Duration) {
        let Heard { id, name, at_ms } = heard;
        let known = |entries: &HashMap<Box<str>, Entry>| match entries.get(name.as_str()) {
            Some(Entry::Known(sign)) => Some(Arc::clone(sign)),
            _ => None,
        };
        if let Some(sign) = known(&self.entries.read()) {
            sign.saw(at_ms, now);
            sign.written_ms.fetch_max(at_ms, Relaxed);
            sign.silent.store(false, Relaxed);
            return;
        }
        let entry = Entry::Known(Arc::new(Sign::new(id, at_ms, now)));
        let replaced = self.entries.write().insert(name.into(), entry);
        if let Some(Entry::Creating(answers)) = replaced {
            answer_all(answers, &Ok(vec![RecordOutcome::Id(id)]));
        }
    }

    /// Forgets a stranger that could not be created, so that the next sign tries again.
    pub(crate) fn refuse(&self, name: &str, error: &RecordsError) {
        let mut entries = self.entries.write();
        if !matches!(entries.get(name), Some(Entry::Creating(_))) {
            return;
        }
        if let Some(Entry::Creating(answers)) = entries.remove(name) {
            answer_all(answers, &Err(error.clone()));
        }
    }

    /// Lets go of everybody who waits for a service that will not be created any more.
    pub(crate) fn abandon(&self) {
        self.entries.write().retain(|_, entry| matches!(entry, Entry::Known(_)));
    }

    /// The wall time of a service's last sign, Unix milliseconds.
    pub(crate) fn seen_ms(&self, name: &str, now_ms: i64) -> Option<i64> {
        match self.entries.read().get(name) {
            Some(Entry::Known(sign)) => Some(sign.seen_ms(now_ms)),
            _ => None,
        }
    }

    /// Silent services that showed life since the last call.
    pub(crate) fn take_revived(&self) -> Vec<Arc<Sign>> {
        std::mem::take(&mut self.revived.lock())
    }

    /// Says that the disk could not be told of these revivals; their next sign tries again.
    pub(crate) fn still_silent(&self, signs: &[Arc<Sign>]) {
        for sign in signs {
            sign.silent.store(true, Relaxed);
        }
    }

    /// Services whose last sign is not on disk.
    pub(crate) fn unwritten(&self) -> Vec<Arc<Sign>> {
        self.select(usize::MAX, Sign::is_unwritten)
    }

    /// Services that have been quiet for longer than `silent_after` and are not yet called silent.
    pub(crate) fn quiet(
        &self,
        silent_after: Duration,
        now: Duration,
        n_max: usize,
    ) -> Vec<Arc<Sign>> {
        self.select(n_max, |sign| {
            !sign.silent.load(Relaxed) && sign.is_older_than(silent_after, now)
        })
    }

    /// Says that the disk calls this service silent now. If it showed life while that was being
    /// written, it is revived at once.
    pub(crate) fn silenced(&self, sign: &Arc<Sign>, silent_after: Duration, now: Duration) {
        sign.silent.store(true, SeqCst);
        if !sign.is_older_than(silent_after, now) {
            self.revive(sign);
        }
    }

    fn select(&self, n_max: usize, wanted: impl Fn(&Sign) -> bool) -> Vec<Arc<Sign>> {
        let entries = self.entries.read();
        let known = entries.values().filter_map(|entry| match entry {
            Entry::Known(sign) if wanted(sign) => Some(Arc::clone(sign)),
            _ => None,
        });
        known.take(n_max).collect()
    }
}

fn answer_all(answers: Vec<Answer>, outcome: &Result<Vec<RecordOutcome>, RecordsError>) {
    for answer in answers {
        // Whoever does not wait any more does not need to know.
        let _ = answer.send(outcome.clone());
    }
}

/// The refusal of one service too many.
pub(crate) fn too_many_services(n_services_max: usize) -> RecordsError {
    RecordsError::Refused {
        reason: format!("{n_services_max} services are known, which is the limit"),
    }
}
