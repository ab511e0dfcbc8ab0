//! GPUs, through NVIDIA's management library, which is looked for at run time: a machine without
//! it has zero GPUs, and that is no error.
//!
//! A driver can hang for minutes. It is asked on a thread of its own ([`reader`]) and waited for
//! only briefly; while an answer is missing, nobody waits and nothing is asked again.

mod driver;
mod errors;
mod families;
mod reader;

use std::path::PathBuf;
use std::time::Duration;

use model::Family;

use crate::{CollectError, Collector, Moment};
use driver::{Answer, Reading};
use errors::{ErrorKind, Errors};
use reader::{NoAnswer, Reader};

/// How long a collection waits for the driver.
const DEADLINE: Duration = Duration::from_millis(500);

/// Loading the library wakes the cards up, which can take seconds; silence is an error after this.
const START_GRACE: Duration = Duration::from_secs(15);

/// How often a missing library, or one that could not start, is tried again.
const RETRY_SPACING: Duration = Duration::from_secs(60);

pub(crate) struct GpuCollector {
    library: Option<PathBuf>,
    deadline: Duration,
    /// Started when it is first needed, and again if it dies.
    reader: Option<Reader>,
    /// When the library was first asked for, until the first answer.
    starting_since: Option<Duration>,
    answered: bool,
    /// Set while there is no working library.
    retry_at: Option<Duration>,
    n_gpus: u32,
    errors: Errors,
}

impl GpuCollector {
    /// `library` is the path of the management library, when it is not where the system looks.
    pub(crate) fn new(library: Option<PathBuf>) -> Self {
        Self {
            library,
            deadline: DEADLINE,
            reader: None,
            starting_since: None,
            answered: false,
            retry_at: None,
            n_gpus: 0,
            errors: Errors::default(),
        }
    }

    /// Asks the driver. `Ok(None)` is a machine without GPUs, or with a driver still waking up.
    fn ask(&mut self, now: Duration) -> Result<Option<Reading>, CollectError> {
        if self.retry_at.is_some_and(|retry_at| now < retry_at) {
            return Ok(None);
        }
        let reader = match self.reader.take() {
            Some(reader) => self.reader.insert(reader),
            None => {
                let started = Reader::start(self.library.clone());
                self.reader.insert(started.map_err(|cause| failure(cause.to_string()))?)
            }
        };
        match reader.ask(self.deadline) {
            Ok(answer) => {
                self.answered = true;
                self.take_answer(answer, now)
            }
            Err(NoAnswer::Overdue) => {
                let since = *self.starting_since.get_or_insert(now);
                if !self.answered && now.saturating_sub(since) < START_GRACE {
                    return Ok(None);
                }
                self.errors.count(ErrorKind::Deadline);
                Err(failure("it does not answer"))
            }
            Err(NoAnswer::Died) => {
                self.reader = None;
                self.retry_at = Some(now + RETRY_SPACING);
                self.errors.count(ErrorKind::Driver);
                Err(failure("the thread that asks it has died"))
            }
        }
    }

    fn take_answer(
        &mut self,
        answer: Answer,
        now: Duration,
    ) -> Result<Option<Reading>, CollectError> {
        self.retry_at = None;
        match answer {
            Answer::Reading(reading) => {
                self.n_gpus = reading.n_gpus;
                self.errors.add(&reading.errors);
                Ok(Some(reading))
            }
            Answer::NoDriver => {
                self.retry_at = Some(now + RETRY_SPACING);
                self.n_gpus = 0;
                self.reader = None;
                Ok(None)
            }
            Answer::Failed { kind, reason } => {
                self.retry_at = Some(now + RETRY_SPACING);
                self.errors.count(kind);
                Err(failure(reason))
            }
        }
    }
}

impl Collector for GpuCollector {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let outcome = self.ask(moment.monotonic);
        out.push(families::count(self.n_gpus));
        out.extend(self.errors.family());
        if let Some(reading) = outcome? {
            families::push(&reading, out);
        }
        Ok(())
    }
}

fn failure(reason: impl Into<String>) -> CollectError {
    CollectError::Broken { source_name: "the GPU driver", reason: reason.into() }
}

#[cfg(test)]
mod tests;
