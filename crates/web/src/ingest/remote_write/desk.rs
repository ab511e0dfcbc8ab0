//! Desks: the memory in which messages are opened and read, used again by the next message. To fill
//! fresh memory costs more than to read a message, because the system hands it out page by page.
//!
//! There are few of them, whatever the number of senders: a desk is taken for the time that a
//! processor needs and never while something is awaited. So they bound what all messages that are
//! being read take together, and who finds none waits for a moment.

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use wire::remote_write::{Opener, Reader};

/// Messages that are read at one time.
const DESKS: usize = 8;
/// What a desk keeps of its message, and as much again of what was read from it. Usual messages have
/// a third of it.
const KEPT_BYTES_MAX: usize = 1 << 20;

static FREE: Semaphore = Semaphore::const_new(DESKS);
/// The desks that were used last are on top: they are the ones a processor still has at hand.
static CLEARED: Mutex<Vec<Parts>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Parts {
    opener: Opener,
    reader: Reader,
}

/// A desk in use. Dropping it gives it back.
pub(super) struct Desk {
    parts: Parts,
    _permit: SemaphorePermit<'static>,
}

impl Desk {
    /// The next desk that is free.
    pub(super) async fn free() -> Self {
        let permit = FREE.acquire().await.expect("the desks are never closed");
        let parts = CLEARED.lock().pop().unwrap_or_default();
        Self { parts, _permit: permit }
    }

    pub(super) fn parts(&mut self) -> (&mut Opener, &mut Reader) {
        (&mut self.parts.opener, &mut self.parts.reader)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.parts.opener.shrink_to(KEPT_BYTES_MAX);
        self.parts.reader.shrink_to(KEPT_BYTES_MAX);
        // Before the permit goes, so that there are never more desks than permits.
        CLEARED.lock().push(std::mem::take(&mut self.parts));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{CLEARED, DESKS, Desk};

    #[tokio::test]
    async fn desks_are_few_and_used_again() {
        let mut taken = Vec::new();
        for _ in 0..DESKS {
            taken.push(Desk::free().await);
        }
        assert!(Desk::free().now_or_never().is_none(), "all are in use");
        taken.pop();
        taken.push(Desk::free().await);
        assert!(CLEARED.lock().is_empty(), "the one that was given back is in use again");
        drop(taken);
        assert_eq!(CLEARED.lock().len(), DESKS);
    }
}
