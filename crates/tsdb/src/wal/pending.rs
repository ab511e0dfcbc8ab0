//! Pending: the part of the log that is encoded and not yet with the writer.
//!
//! Appends add frames here, in the order in which the head takes them; the writer takes everything
//! at once, so a batch is whatever came in while the last sync ran.

use std::mem;
use std::time::Duration;

use storage::{CommitError, CommitSender};

use super::FrameKind;
use super::frame::push_frame;

/// Rows for which nobody waits become durable at latest this long after they were appended.
const UNWAITED_SYNC_AFTER: Duration = Duration::from_secs(1);

/// Frames that become durable together, and who waits for it.
#[derive(Debug)]
pub(super) struct Batch {
    /// Whole frames, not sealed.
    pub(super) frames: Vec<u8>,
    /// The place of the last frame; that of the last batch when there is none.
    pub(super) last_lsn: u64,
    waiters: Vec<CommitSender>,
}

impl Batch {
    /// Nothing, after this place in the log.
    pub(super) fn empty(last_lsn: u64) -> Self {
        Self { frames: Vec::new(), last_lsn, waiters: Vec::new() }
    }

    /// Puts a later batch behind this one.
    pub(super) fn absorb(&mut self, later: Self) {
        if self.frames.is_empty() {
            self.frames = later.frames;
        } else {
            self.frames.extend_from_slice(&later.frames);
        }
        self.last_lsn = later.last_lsn;
        self.waiters.extend(later.waiters);
    }

    /// Tells everybody who waits. Those who do not wait any more are no error.
    pub(super) fn resolve(&mut self, result: &Result<(), CommitError>) {
        for waiter in self.waiters.drain(..) {
            let _gone = waiter.send(result.clone());
        }
    }
}

/// When the writer should take the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Somebody waits.
    Now,
    /// After this time at latest.
    In(Duration),
    /// When something is appended.
    OnAppend,
}

/// See the head of this file. Kept under one mutex.
#[derive(Debug)]
pub(crate) struct Pending {
    batch: Batch,
    next_lsn: u64,
    /// When the oldest of these frames came, on the monotonic clock.
    since: Duration,
    /// Bytes that the writer has taken and that are not durable.
    taken_bytes: usize,
}

impl Pending {
    /// An empty one; the first frame will have `next_lsn`.
    pub(crate) fn new(next_lsn: u64) -> Self {
        Self { batch: Batch::empty(next_lsn - 1), next_lsn, since: Duration::ZERO, taken_bytes: 0 }
    }

    /// Appends a frame and says its place in the log.
    pub(crate) fn push(&mut self, kind: FrameKind, payload: &[u8], now: Duration) -> u64 {
        if self.batch.frames.is_empty() {
            self.since = now;
        }
        let lsn = self.next_lsn;
        push_frame(&mut self.batch.frames, kind as u16, lsn, payload);
        self.batch.last_lsn = lsn;
        self.next_lsn += 1;
        lsn
    }

    /// Somebody may wait for all frames so far.
    pub(crate) fn add_waiter(&mut self, waiter: CommitSender) {
        self.batch.waiters.push(waiter);
    }

    /// Bytes that are not durable, here or with the writer.
    pub(crate) fn undurable_bytes(&self) -> usize {
        self.batch.frames.len() + self.taken_bytes
    }

    /// When these frames should be committed, and forgets who stopped waiting.
    pub(crate) fn due(&mut self, now: Duration) -> Due {
        if self.batch.frames.is_empty() {
            return Due::OnAppend;
        }
        self.batch.waiters.retain(|waiter| !waiter.is_closed());
        let age = now.saturating_sub(self.since);
        if !self.batch.waiters.is_empty() || age >= UNWAITED_SYNC_AFTER {
            return Due::Now;
        }
        Due::In(UNWAITED_SYNC_AFTER - age)
    }

    /// Hands everything to the writer.
    pub(super) fn take(&mut self) -> Batch {
        self.taken_bytes += self.batch.frames.len();
        let empty = Batch::empty(self.batch.last_lsn);
        mem::replace(&mut self.batch, empty)
    }

    /// Everything that was taken is durable.
    pub(super) fn settled(&mut self) {
        self.taken_bytes = 0;
    }
}

#[cfg(test)]
mod tests;
