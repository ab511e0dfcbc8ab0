//! The agent: one thread that collects on schedule and hands the snapshots on.
//!
//! Every `interval` a snapshot goes to the store; while somebody watches, one is taken each
//! second for the live view. The newest is kept for everyone who asks.

mod schedule;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use stdx::meter::{Counter, Gauge};
use stdx::{Clock, Env};
use tokio::sync::watch;

use crate::{Host, Roots, Snapshot};
use schedule::Schedule;

/// The shortest interval; a shorter setting means this.
pub const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// How long [`Handle::stop`] waits for a collection under way.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// The first collection comes this long after the start: long enough for a first busy share.
const FIRST_AFTER: Duration = Duration::from_millis(300);

/// What the agent reads, and how often.
#[derive(Debug, Clone)]
pub struct Config {
    /// The spacing of stored snapshots, 10 s by default, at least [`INTERVAL_MIN`].
    pub interval: Duration,
    /// Where the host shows itself.
    pub roots: Roots,
    /// NVIDIA's management library, when it is not where the loader finds `libnvidia-ml.so.1`.
    pub nvml_path: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), roots: Roots::default(), nvml_path: None }
    }
}

/// What the agent counts about itself.
#[derive(Debug, Default)]
pub struct Meter {
    /// Collections, stored and live ones.
    pub collections: Counter,
    /// Snapshots handed to the store.
    pub stored: Counter,
    /// Collectors that failed, summed over all collections.
    pub collector_errors: Counter,
    /// Snapshots during whose storing the store panicked.
    pub store_panics: Counter,
    /// How long the last collection took, microseconds.
    pub last_collection_us: Gauge,
    /// How many live views are open.
    pub watchers: Gauge,
}

/// What the thread and the handles share.
struct Shared {
    clock: Arc<dyn Clock>,
    plan: Mutex<Plan>,
    /// Notified after every change of the plan.
    changed: Condvar,
    meter: Meter,
}

struct Plan {
    schedule: Schedule,
    watchers: usize,
    stopping: bool,
    ended: bool,
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Plan) -> T) -> T {
        let value = change(&mut self.plan.lock());
        self.changed.notify_all();
        value
    }

    /// Waits until a collection is due and says whether to store it; `None` when it is time to
    /// stop.
    fn wait_for_turn(&self) -> Option<bool> {
        let mut plan = self.plan.lock();
        loop {
            if plan.stopping {
                return None;
            }
            let now = self.clock.monotonic();
            let due = plan.schedule.due(plan.watchers > 0);
            if now >= due {
                return Some(plan.schedule.begin(now));
            }
            self.changed.wait_for(&mut plan, due - now);
        }
    }
}

/// Starts the agent's thread. `store` receives the snapshots that are due for storage, on that
/// thread: while it works, nothing is collected.
///
/// # Errors
/// When the system has no thread left.
pub fn spawn(
    config: &Config,
    env: &Env,
    store: impl FnMut(&Snapshot) + Send + 'static,
) -> io::Result<Handle> {
    let host = Host::new(config, env);
    let schedule = Schedule::new(env.clock.monotonic() + FIRST_AFTER, config.interval);
    spawn_with(host, schedule, env.clock.clone(), store)
}

fn spawn_with(
    mut host: Host,
    schedule: Schedule,
    clock: Arc<dyn Clock>,
    mut store: impl FnMut(&Snapshot) + Send + 'static,
) -> io::Result<Handle> {
    let shared = Arc::new(Shared {
        clock,
        plan: Mutex::new(Plan { schedule, watchers: 0, stopping: false, ended: false }),
        changed: Condvar::new(),
        meter: Meter::default(),
    });
    let (sender, latest) = watch::channel(None);
    let of_thread = shared.clone();
    let work = move || {
        let _ended = EndedMark(&of_thread);
        while let Some(due_for_store) = of_thread.wait_for_turn() {
            let snapshot = Arc::new(collect(&mut host, &of_thread));
            sender.send_replace(Some(snapshot.clone()));
            if due_for_store {
                hand_over(&mut store, &snapshot, &of_thread.meter);
            }
        }
    };
    let thread = thread::Builder::new().name("collect".into()).spawn(work)?;
    let owner = Owner { shared, thread: Mutex::new(Some(thread)) };
    Ok(Handle { owner: Arc::new(owner), latest })
}

fn collect(host: &mut Host, shared: &Shared) -> Snapshot {
    let began = shared.clock.monotonic();
    let snapshot = host.collect();
    let took = shared.clock.monotonic().saturating_sub(began);
    let meter = &shared.meter;
    meter.collections.inc();
    meter.collector_errors.add(snapshot.failures.len() as u64);
    let took_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    meter.last_collection_us.set(took_us);
    snapshot
}

/// Calls the store; its panic loses this snapshot alone.
fn hand_over(store: &mut impl FnMut(&Snapshot), snapshot: &Snapshot, meter: &Meter) {
    match catch_unwind(AssertUnwindSafe(|| store(snapshot))) {
        Ok(()) => meter.stored.inc(),
        Err(_) => meter.store_panics.inc(),
    }
}

/// Tells, however the thread ends, that it has ended.
struct EndedMark<'a>(&'a Shared);

impl Drop for EndedMark<'_> {
    fn drop(&mut self) {
        self.0.change(|plan| plan.ended = true);
    }
}

/// Stops the agent when the last handle is gone.
struct Owner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.change(|plan| plan.stopping = true);
    }
}

/// The way to a running agent. When the last one is dropped the agent stops by itself.
#[derive(Clone)]
pub struct Handle {
    owner: Arc<Owner>,
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
}

impl Handle {
    /// The newest snapshot; `None` until the first collection is over.
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.latest.borrow().clone()
    }

    /// Waits for the first snapshot; `None` when the agent has stopped.
    pub async fn first(&self) -> Option<Arc<Snapshot>> {
        self.latest.clone().wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Opens a live view: while it exists, a snapshot is taken every second.
    pub fn watch(&self) -> Watch {
        let mut latest = self.latest.clone();
        latest.mark_unchanged();
        let shared = self.owner.shared.clone();
        shared.meter.watchers.add(1);
        shared.change(|plan| plan.watchers += 1);
        Watch { shared, latest }
    }

    /// Changes the spacing of stored snapshots, at least [`INTERVAL_MIN`].
    pub fn set_interval(&self, interval: Duration) {
        let shared = &self.owner.shared;
        shared.change(|plan| plan.schedule.set_interval(interval));
    }

    /// What the agent counted so far.
    pub fn meter(&self) -> &Meter {
        &self.owner.shared.meter
    }

    /// Stops the agent and waits for its thread, at most a second: a collection that hangs in the
    /// kernel is left behind. Says whether the thread has ended.
    pub fn stop(&self) -> bool {
        let shared = &self.owner.shared;
        shared.change(|plan| plan.stopping = true);
        let mut plan = shared.plan.lock();
        let running = |plan: &mut Plan| !plan.ended;
        shared.changed.wait_while_for(&mut plan, running, STOP_WAIT);
        let ended = plan.ended;
        drop(plan);
        if let Some(thread) = self.owner.thread.lock().take_if(|_| ended) {
            // It only returns from here on; its panic, if any, was printed by the panic hook.
            let _ = thread.join();
        }
        ended
    }
}

/// A live view; dropping it closes it.
pub struct Watch {
    shared: Arc<Shared>,
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
}

impl Watch {
    /// The next snapshot taken after the last one seen here; a slow reader skips to the newest.
    /// `None` when the agent has stopped.
    pub async fn next(&mut self) -> Option<Arc<Snapshot>> {
        self.latest.changed().await.ok()?;
        self.latest.borrow_and_update().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.meter.watchers.add(-1);
        self.shared.change(|plan| plan.watchers -= 1);
    }
}

#[cfg(test)]
mod tests;
