//! Appending samples: visible when the call returns, durable when its [`Commit`] resolves.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use model::{Labels, Metadata, Sample};
use tokio::sync::oneshot;

use crate::{Batch, BatchAppended, LimitError, Rejected};

/// One sample of one series, on its way in.
#[derive(Debug, Clone)]
pub struct Row {
    /// The series, metric name included.
    pub labels: Labels,
    /// The sample.
    pub sample: Sample,
}

/// Why rows were not taken. Nothing of the call is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// A bound is reached; the sender should come back.
    #[error("overloaded: {reason}")]
    Overloaded {
        /// Which bound.
        reason: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The engine cannot write, for instance on a full disk.
    #[error("not accepting writes: {reason}")]
    Unavailable {
        /// What is wrong with it.
        reason: String,
    },
    /// One row breaks a bound that only the engine knows.
    #[error("item {index}: {cause}")]
    Refused {
        /// Which row, from 0.
        index: usize,
        /// Which bound.
        cause: LimitError,
    },
}

/// Why rows that were taken did not become durable.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not durable: {reason}")]
pub struct CommitError {
    /// What the disk said.
    pub reason: String,
}

/// The promise that appended rows become durable: await it, or [`Commit::wait`] for it on a thread.
/// Dropping it waits for nothing.
#[derive(Debug)]
pub struct Commit(Option<oneshot::Receiver<Result<(), CommitError>>>);

/// The engine's end of a [`Commit`].
pub type CommitSender = oneshot::Sender<Result<(), CommitError>>;

impl Commit {
    /// A commit that is durable already, or that an engine without a disk promises nothing about.
    pub fn done() -> Self {
        Self(None)
    }

    /// A commit that the sender will resolve.
    pub fn pending() -> (CommitSender, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Some(receiver)))
    }

    /// Blocks the thread until the rows are durable. Not for async code.
    ///
    /// # Errors
    /// The rows may be lost.
    pub fn wait(self) -> Result<(), CommitError> {
        match self.0 {
            None => Ok(()),
            Some(receiver) => receiver.blocking_recv().unwrap_or_else(|_| Err(stopped())),
        }
    }

    /// Whether the rows are known to be durable now; `None` while that is open.
    pub fn poll_now(&mut self) -> Option<Result<(), CommitError>> {
        let Some(receiver) = &mut self.0 else {
            return Some(Ok(()));
        };
        match receiver.try_recv() {
            Ok(result) => Some(result),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(stopped())),
        }
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            None => Poll::Ready(Ok(())),
            Some(receiver) => {
                Pin::new(receiver).poll(context).map(|got| got.unwrap_or_else(|_| Err(stopped())))
            }
        }
    }
}

fn stopped() -> CommitError {
    CommitError { reason: "the store stopped before the write was durable".to_owned() }
}

/// Takes samples in.
pub trait Appender: Send + Sync {
    /// Appends all rows or none. They are visible to queries when the call returns.
    ///
    /// Two samples of one series at one time: a value beats a stale marker; otherwise the later
    /// call wins. That holds whichever of the two is a number or a native histogram.
    ///
    /// # Errors
    /// When nothing can be taken now, or one row breaks a bound of the engine.
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError>;

    /// Appends the series of a batch, all but those that break a bound. They are visible to
    /// queries when the call returns.
    ///
    /// An engine with bounds of its own, or with a place for histograms, must do this itself: here a
    /// row that breaks a bound would refuse the whole batch, and numbers alone are taken.
    ///
    /// # Errors
    /// When nothing can be taken now; then nothing of the batch is stored.
    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        let mut rows = Vec::new();
        let mut rejected = Vec::new();
        let mut pairs = Vec::new();
        for index in 0..batch.n_series() {
            pairs.clear();
            match batch.labels(index, &mut pairs) {
                Ok(()) => {
                    let labels = Labels::new(pairs.iter().copied());
                    let labels = labels.expect("a batch hands out good labels only");
                    let samples = batch.samples(index).iter();
                    rows.extend(samples.map(|s| Row { labels: labels.clone(), sample: *s }));
                }
                Err(cause) => rejected.push(Rejected { index, cause }),
            }
        }
        let n_samples = rows.len() as u64;
        let commit = self.append(rows)?;
        Ok(BatchAppended { commit, n_samples, n_histograms: 0, n_exemplars: 0, rejected })
    }

    /// Forgets which bytes name which series: they may name others from now on. Nobody appends a
    /// batch meanwhile. An engine that learns no spelling has nothing to forget.
    fn forget_spellings(&self) {}

    /// Notes what metrics are; what was said of one before is replaced. An engine without a place
    /// for it forgets it.
    ///
    /// # Errors
    /// When nothing can be taken now.
    fn append_metadata(&self, _metrics: &[(&str, Metadata)]) -> Result<Commit, AppendError> {
        Ok(Commit::done())
    }
}
