//! Threads: who takes the store's steps when its caller does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::OpenError;
use crate::db::{Core, Health};
use crate::wal::Due;

/// A stalled store tries a new segment this often, so a freed disk is noticed soon.
const RETRY_STALLED_AFTER: Duration = Duration::from_secs(1);
/// When what is only written is looked at again.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// How often it is looked whether the head should be flushed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often retention is enforced.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// Starts the committer and the maintenance thread; they end when the store is stopped.
pub(crate) fn start(core: &Arc<Core>) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let spawn = |name: &'static str, body: fn(&Core)| {
        let core = Arc::clone(core);
        let thread = thread::Builder::new().name(name.to_owned());
        let spawned = thread.spawn(move || {
            let _told = TellPanic { core: &core, name };
            body(&core);
        });
        spawned.map_err(|cause| OpenError::Thread { name, cause })
    };
    let committer = spawn("tsdb-commit", commit_loop)?;
    match spawn("tsdb-upkeep", upkeep_loop) {
        Ok(maintenance) => Ok(vec![committer, maintenance]),
        Err(error) => {
            core.stop();
            let _panicked = committer.join();
            Err(error)
        }
    }
}

/// Commits whenever somebody waits; a batch is what came in during the last sync.
fn commit_loop(core: &Core) {
    while wait_until_due(core) {
        // The result is in the commits and in the health.
        let _resolved = core.commit();
    }
}

/// Says false when the store stops.
fn wait_until_due(core: &Core) -> bool {
    let mut pending = core.pending.lock();
    let is_stalled = *core.health.read() != Health::Writable;
    if is_stalled && !core.stopped.load(Ordering::Acquire) {
        core.wake.wait_for(&mut pending, RETRY_STALLED_AFTER);
        return !core.stopped.load(Ordering::Acquire);
    }
    loop {
        if core.stopped.load(Ordering::Acquire) {
            return false;
        }
        match pending.due(core.env.clock.monotonic()) {
            Due::Now => return true,
            Due::In(wait) => {
                core.wake.wait_for(&mut pending, wait);
            }
            Due::OnAppend if core.has_unsynced.load(Ordering::Acquire) => {
                core.wake.wait_for(&mut pending, SYNC_AFTER);
                return !core.stopped.load(Ordering::Acquire);
            }
            Due::OnAppend => core.wake.wait(&mut pending),
        }
    }
}

/// Flushes when it is time, and enforces retention each minute.
fn upkeep_loop(core: &Core) {
    let mut next_retention = core.env.clock.monotonic();
    let mut last_flush = next_retention;
    let mut has_old = true;
    loop {
        let now = core.env.clock.monotonic();
        if has_old {
            // A failure is counted; the next round tries again.
            has_old = core.flush_old(&mut core.upkeep.lock(), core.env.clock.now_ms()).is_err();
        } else if core.wants_flush(now.saturating_sub(last_flush)) {
            // Counted; the next round tries again.
            let _counted = core.flush(core.env.clock.now_ms());
            last_flush = now;
            compact_all(core);
        }
        if now >= next_retention {
            // Counted; the next pass tries again.
            let _counted = core.enforce_retention(core.env.clock.now_ms());
            next_retention = now + RETENTION_EVERY;
        }
        let mut idle = core.idle.lock();
        if core.stopped.load(Ordering::Acquire) {
            return;
        }
        core.stop_signal.wait_for(&mut idle, LOOK_EVERY);
    }
}

/// Merges window after window, until nothing is left to merge, one fails, or the store stops.
fn compact_all(core: &Core) {
    while !core.stopped.load(Ordering::Acquire) {
        match core.compact(core.env.clock.now_ms()) {
            Ok(true) => {}
            // A failure is counted; the round after the next flush tries again.
            Ok(false) | Err(_) => return,
        }
    }
}

/// A thread that is gone must not look like a disk that is slow.
struct TellPanic<'c> {
    core: &'c Core,
    name: &'static str,
}

impl Drop for TellPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason = format!("the {} thread panicked", self.name);
            *self.core.health.write() = Health::Stalled { reason };
        }
    }
}
