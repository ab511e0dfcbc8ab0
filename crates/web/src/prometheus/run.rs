//! Run: work that may take long, on a thread of its own, with a place on a lane and an end.
//!
//! The request waits here. When its client goes away this future is dropped, and with it the leash:
//! the evaluation finds it cut before the next series and ends. When the time is over the client is
//! told at once; the evaluation may need a moment more, and keeps its place for so long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use promql::{Lanes, StopCheck, Stopped};
use stdx::Clock;

use super::failure::{Failure, Kind};
use crate::meter::{Meter, QueryMeter};
use crate::state::Shared;

const GOES_ON: u8 = 0;
const TIMED_OUT: u8 = 1;
const CANCELED: u8 = 2;

/// Holds an evaluation: it ends when this is dropped.
struct Leash(Arc<AtomicU8>);

impl Leash {
    fn new() -> Self {
        Self(Arc::new(AtomicU8::new(GOES_ON)))
    }

    /// The first reason to stop stays.
    fn stop(&self, why: u8) {
        let _ = self.0.compare_exchange(GOES_ON, why, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn check(&self) -> StopCheck {
        let why = Arc::clone(&self.0);
        StopCheck::new(move || match why.load(Ordering::Relaxed) {
            TIMED_OUT => Some(Stopped::TimedOut),
            CANCELED => Some(Stopped::Canceled),
            _ => None,
        })
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.stop(CANCELED);
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ran<T> {
    pub(super) value: T,
    /// How long it waited for its turn.
    pub(super) queued: Duration,
    /// How long it then ran.
    pub(super) ran: Duration,
}

/// Runs some work on the lane of users, for at most so long altogether.
///
/// # Errors
/// The work's own; too many wait already; its time is over.
pub(super) async fn run<T: Send + 'static>(
    shared: &Shared,
    timeout: Duration,
    work: impl FnOnce(StopCheck) -> Result<T, Failure> + Send + 'static,
) -> Result<Ran<T>, Failure> {
    let runner =
        Runner { lanes: &shared.queries.lanes, meter: &shared.meter, clock: &*shared.env.clock };
    runner.run(timeout, work).await
}

/// What it takes to run something.
struct Runner<'r> {
    lanes: &'r Lanes,
    meter: &'r Arc<Meter>,
    clock: &'r dyn Clock,
}

impl Runner<'_> {
    async fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce(StopCheck) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Ran<T>, Failure> {
        let leash = Leash::new();
        let mut is_queued = true;
        let whole = self.whole(&leash, &mut is_queued, work);
        let Ok(done) = tokio::time::timeout(timeout, whole).await else {
            leash.stop(TIMED_OUT);
            let place = if is_queued { "query queue" } else { "expression evaluation" };
            if is_queued {
                self.meter.queries.timed_out.inc();
            }
            return Err(Failure::new(Kind::Timeout, format!("query timed out in {place}")));
        };
        if matches!(&done, Err(failure) if failure.kind == Kind::Busy) {
            self.meter.queries.refused.inc();
        }
        done
    }

    /// From the queue to the end of the work.
    async fn whole<T: Send + 'static>(
        &self,
        leash: &Leash,
        is_queued: &mut bool,
        work: impl FnOnce(StopCheck) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Ran<T>, Failure> {
        let began = self.clock.monotonic();
        let place = self.lanes.user().enter().await?;
        *is_queued = false;
        let entered = self.clock.monotonic();
        let (check, meter) = (leash.check(), Arc::clone(self.meter));
        let task = tokio::task::spawn_blocking(move || {
            let running = Running::new(&meter.queries);
            let done = work(check);
            running.ended(&done);
            // Only now, because the thread is busy until here.
            drop(place);
            done
        });
        let done = task.await.map_err(|_| Failure::internal("the query failed"))?;
        let (queued, ran) = (entered - began, self.clock.monotonic() - entered);
        done.map(|value| Ran { value, queued, ran })
    }
}

/// Counts a query as running, even if it panics.
struct Running<'m>(&'m QueryMeter);

impl<'m> Running<'m> {
    fn new(queries: &'m QueryMeter) -> Self {
        queries.running.add(1);
        Self(queries)
    }

    fn ended<T>(&self, done: &Result<T, Failure>) {
        let queries = self.0;
        match done.as_ref().err().map(|failure| failure.kind) {
            None => queries.answered.inc(),
            Some(Kind::Canceled) => queries.canceled.inc(),
            Some(Kind::Timeout) => queries.timed_out.inc(),
            Some(_) => queries.failed.inc(),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.add(-1);
    }
}

#[cfg(test)]
mod tests;
