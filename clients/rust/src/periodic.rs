//! What is done again and again on a thread of its own, until its guard goes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Client;

/// Keeps a periodic task going; dropping it stops the task and waits for its end.
#[derive(Debug)]
#[must_use = "the task stops when this is dropped"]
pub struct Periodic {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    is_asked: Mutex<bool>,
    asked: Condvar,
}

impl Stop {
    /// Waits so long; true if it was asked to stop.
    fn wait(&self, pause: Duration) -> bool {
        let guard = self.is_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.asked.wait_timeout_while(guard, pause, |is_asked| !*is_asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn ask(&self) {
        *self.is_asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.asked.notify_all();
    }
}

impl Periodic {
    /// Does this now and after each interval. A panic inside ends one round, not the task.
    pub(crate) fn start(
        name: &str,
        interval: Duration,
        mut task: impl FnMut() + Send + 'static,
    ) -> Self {
        let stop = Arc::new(Stop::default());
        let asked = Arc::clone(&stop);
        let rounds = move || {
            loop {
                if catch_unwind(AssertUnwindSafe(&mut task)).is_err() {
                    log::warn!(target: crate::said::TARGET, "a periodic task has panicked");
                }
                if asked.wait(interval.max(Duration::from_millis(1))) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(rounds);
        if let Err(cause) = &thread {
            log::error!(target: crate::said::TARGET, "{name} cannot run: {cause}");
        }
        Self { stop, thread: thread.ok() }
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        self.stop.ask();
        let own = std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != own) {
            let _ = thread.join();
        }
    }
}

impl Client {
    /// Calls this now and after each interval on a thread of its own, to report what must be
    /// asked for: `client.every(interval, |client| client.metric("queue_size", queue.len()))`.
    /// Stops when the answer is dropped. The client lives at least as long.
    pub fn every(
        &self,
        interval: Duration,
        mut report: impl FnMut(&Client) + Send + 'static,
    ) -> Periodic {
        let client = self.clone();
        Periodic::start("pharos-periodic", interval, move || report(&client))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_panic_ends_one_round_and_dropping_ends_all() {
        let (sender, rounds) = sync_channel(0);
        let mut n_rounds = 0;
        let periodic = Periodic::start("test", Duration::from_millis(1), move || {
            n_rounds += 1;
            let is_heard = sender.send(n_rounds).is_ok();
            assert!(!is_heard || n_rounds != 1, "the first round panics");
        });
        assert_eq!(rounds.iter().take(3).collect::<Vec<_>>(), [1, 2, 3]);
        drop(rounds);
        drop(periodic);
    }
}
