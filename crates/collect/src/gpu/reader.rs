//! The reader: the thread that talks to the driver, and the deadline in front of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use nvml_wrapper::Nvml;

use super::driver::{self, Answer};

/// The collector's end. Dropping it ends the thread, as soon as the driver lets go of it.
pub(super) struct Reader {
    requests: SyncSender<()>,
    answers: Receiver<Answer>,
    /// A request is under way whose answer nobody has taken.
    busy: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The driver is still thinking.
    Overdue,
    /// The thread has ended.
    Died,
}

impl Reader {
    /// Starts the thread; the library is loaded with the first request.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(library: Option<PathBuf>) -> io::Result<Self> {
        // One request and one answer at most are ever under way.
        let (requests, to_do) = sync_channel::<()>(1);
        let (done, answers) = sync_channel(1);
        let work = move || {
            let mut loaded = None;
            while to_do.recv().is_ok() {
                let answer = answer(&mut loaded, library.as_deref());
                if done.send(answer).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("gpu".into()).spawn(work)?;
        Ok(Self { requests, answers, busy: false })
    }

    /// Asks the driver and waits for its answer until the deadline.
    ///
    /// An earlier request that has not come back is not waited for again. What it brings in the
    /// end is too old to show, unless it is that there is nothing to read.
    pub(super) fn ask(&mut self, deadline: Duration) -> Result<Answer, NoAnswer> {
        if self.busy {
            let late = self.answer_within(Duration::ZERO)?;
            if !matches!(late, Answer::Reading(_)) {
                return Ok(late);
            }
        }
        self.requests.try_send(()).map_err(|error| match error {
            TrySendError::Full(()) => NoAnswer::Overdue,
            TrySendError::Disconnected(()) => NoAnswer::Died,
        })?;
        self.busy = true;
        self.answer_within(deadline)
    }

    fn answer_within(&mut self, wait: Duration) -> Result<Answer, NoAnswer> {
        let answer = self.answers.recv_timeout(wait).map_err(|error| match error {
            RecvTimeoutError::Timeout => NoAnswer::Overdue,
            RecvTimeoutError::Disconnected => NoAnswer::Died,
        })?;
        self.busy = false;
        Ok(answer)
    }
}

/// Loads the library when it is not there, reads, and unloads it when it is of no more use.
fn answer(loaded: &mut Option<Nvml>, library: Option<&Path>) -> Answer {
    let nvml = match loaded.take() {
        Some(nvml) => nvml,
        None => match driver::load(library) {
            Ok(nvml) => nvml,
            Err(answer) => return answer,
        },
    };
    match driver::read(&nvml) {
        Ok(reading) => {
            *loaded = Some(nvml);
            Answer::Reading(reading)
        }
        Err(answer) => answer,
    }
}
