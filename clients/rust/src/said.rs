//! What the client tells the program's log: each thing once, not once per request.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// The target of all lines, for the program's filters.
pub(crate) const TARGET: &str = "pharos_client";

/// Which things were said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    queue_full: AtomicBool,
    closed: AtomicBool,
    /// The last failure: the same one again is not said again before a success.
    failure: Mutex<Option<String>>,
    /// The last reason why a metric was refused.
    refusal: Mutex<Option<String>>,
    too_many_series: AtomicBool,
}

impl Said {
    pub(crate) fn queue_full(&self, n_items: usize) {
        once(&self.queue_full, || {
            format!("the queue is full: beyond {n_items} metrics the oldest are dropped")
        });
    }

    /// A client that is off says nothing: it was asked to drop all.
    pub(crate) fn mute_closed(&self) {
        self.closed.store(true, Relaxed);
    }

    pub(crate) fn closed(&self) {
        once(&self.closed, || "the client is closed: what is reported now is dropped".to_owned());
    }

    pub(crate) fn too_many_series(&self, n_series: usize) {
        once(&self.too_many_series, || {
            format!("there are {n_series} series already: new ones are counted but not sent")
        });
    }

    pub(crate) fn refused(&self, name: &str, reason: &str) {
        let name = crate::report::cut(name, 100);
        changed(&self.refusal, format!("metric {name:?} is dropped: it {reason}"));
    }

    pub(crate) fn refused_by_server(&self, name: &str, reason: &str) {
        let name = crate::report::cut(name, 100);
        changed(&self.refusal, format!("metric {name:?} is dropped: {reason}"));
    }

    pub(crate) fn failed(&self, text: String) {
        changed(&self.failure, text);
    }

    /// The server took something: a failure after this is a new one.
    pub(crate) fn succeeded(&self) {
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take().is_some() {
            log::info!(target: TARGET, "deliveries to Pharos succeed again");
        }
    }
}

fn once(was_said: &AtomicBool, text: impl FnOnce() -> String) {
    if !was_said.swap(true, Relaxed) {
        log::warn!(target: TARGET, "{}", text());
    }
}

fn changed(last: &Mutex<Option<String>>, text: String) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if last.as_ref() != Some(&text) {
        log::warn!(target: TARGET, "{text}");
        *last = Some(text);
    }
}
