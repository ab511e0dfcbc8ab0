//! The threads that ask file systems for their room, so that a dead one blocks none but its own.
//!
//! Four threads share a queue of paths. A collection waits for its answers up to a deadline. A path
//! whose thread is still blocked by then is stuck: it is not asked again until that call returns,
//! and its thread is replaced, up to a bound.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Threads that are not stuck.
const WORKERS: usize = 4;
/// Threads in all: with sixteen mounts stuck, the others are not asked any more.
const THREADS_MAX: usize = 16;

/// How much a file system holds and has left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Room {
    pub(super) size_bytes: f64,
    pub(super) free_bytes: f64,
    pub(super) avail_bytes: f64,
    pub(super) files: f64,
    pub(super) files_free: f64,
}

impl Room {
    /// Asks the file system at `path`. This call may block for good.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks as f64 * stat.f_frsize as f64;
        Ok(Self {
            size_bytes: bytes(stat.f_blocks),
            free_bytes: bytes(stat.f_bfree),
            avail_bytes: bytes(stat.f_bavail),
            files: stat.f_files as f64,
            files_free: stat.f_ffree as f64,
        })
    }
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Answer {
    Room(Room),
    /// The file system said no.
    Failed,
    /// It has not answered yet, this time or since an earlier time.
    Stuck,
}

type Ask = dyn Fn(&Path) -> io::Result<Room> + Send + Sync;

pub(super) struct StatPool {
    deadline: Duration,
    shared: Arc<Shared>,
}

struct Shared {
    ask: Box<Ask>,
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// Paths of this round that no thread has taken, each with its place among the answers.
    queue: VecDeque<(usize, PathBuf)>,
    /// Paths a thread is asking about, of this round or stuck since an earlier one.
    asking: Vec<PathBuf>,
    /// This round's answers.
    answers: Vec<Option<Answer>>,
    n_unanswered: usize,
    round: u64,
    n_threads: usize,
    closed: bool,
}

impl StatPool {
    pub(super) fn new(
        deadline: Duration,
        ask: impl Fn(&Path) -> io::Result<Room> + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            ask: Box::new(ask),
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        };
        Self { deadline, shared: Arc::new(shared) }
    }

    /// Asks about every path and waits until all have answered or the deadline is over.
    /// The answers stand in the order of the paths.
    pub(super) fn ask(&mut self, paths: Vec<PathBuf>) -> Vec<Answer> {
        let mut state = self.shared.state.lock();
        state.round += 1;
        state.answers = vec![None; paths.len()];
        let questions = paths.into_iter().enumerate();
        state.queue = {
            let asking = &state.asking;
            questions.filter(|(_, path)| !asking.contains(path)).collect()
        };
        if state.asking.len() >= THREADS_MAX {
            state.queue.clear(); // nobody is left to ask, so there is nothing to wait for
        }
        state.n_unanswered = state.queue.len();
        self.start_threads(&mut state);
        self.shared.work.notify_all();
        self.shared.done.wait_while_for(&mut state, |state| state.n_unanswered > 0, self.deadline);
        state.queue.clear();
        let answers = std::mem::take(&mut state.answers);
        let or_stuck = |answer: Option<Answer>| answer.unwrap_or(Answer::Stuck);
        answers.into_iter().map(or_stuck).collect()
    }

    /// Threads that are still asking when a round begins are stuck and do not count.
    fn start_threads(&self, state: &mut State) {
        let n_stuck = state.asking.len();
        let wanted = usize::min(WORKERS, state.queue.len());
        let wanted = usize::min(n_stuck + wanted, THREADS_MAX);
        while state.n_threads < wanted {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("statfs".into());
            if thread.spawn(move || shared.serve()).is_err() {
                return; // out of threads: those there are must do
            }
            state.n_threads += 1;
        }
    }
}

/// The threads end by themselves. They are not awaited: a stuck one may never end.
impl Drop for StatPool {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    /// A thread's life: take a path, ask, answer, until the pool is closed.
    fn serve(&self) {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return;
            }
            let Some((place, path)) = state.queue.pop_front() else {
                self.work.wait(&mut state);
                continue;
            };
            let round = state.round;
            state.asking.push(path.clone());
            drop(state);
            let room = (self.ask)(&path);
            state = self.state.lock();
            if let Some(i) = state.asking.iter().position(|asking| *asking == path) {
                state.asking.swap_remove(i);
            }
            // An answer to an earlier round only frees the path.
            if state.round == round
                && let Some(slot) = state.answers.get_mut(place)
            {
                *slot = Some(room.map_or(Answer::Failed, Answer::Room));
                state.n_unanswered -= 1;
            }
            self.done.notify_one();
        }
    }
}

/// What tests ask about the threads.
#[cfg(test)]
impl StatPool {
    pub(super) fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    pub(super) fn n_threads(&self) -> usize {
        self.shared.state.lock().n_threads
    }

    pub(super) fn n_asking(&self) -> usize {
        self.shared.state.lock().asking.len()
    }

    pub(super) fn wait_until_idle(&self) {
        let mut state = self.shared.state.lock();
        self.shared.done.wait_while(&mut state, |state| !state.asking.is_empty());
    }
}
