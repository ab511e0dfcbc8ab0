//! Records: services, pipelines and alerts, which must survive a restart.
//!
//! Each [`Records::write`] is one unit, all or nothing, durable when its [`RecordsCommit`]
//! resolves. What a write means (a run continues, a failed run raises an alert) is the engine's to
//! keep, in the same transaction.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use model::{Alert, Pipeline, PipelineStatus, Service, ServiceStatus, Severity};
use tokio::sync::oneshot;

/// A service says how it is.
#[derive(Debug, Clone)]
pub struct ServiceReport {
    /// Its name, never empty.
    pub name: String,
    /// What it says.
    pub status: ServiceStatus,
    /// Where it listens; `None` keeps what is known.
    pub endpoint: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// A pipeline run says where it is. It continues the newest run of the same type (and service, if
/// given) that has not ended, else it begins a run.
#[derive(Debug, Clone)]
pub struct PipelineReport {
    /// The type, never empty.
    pub pipeline_type: String,
    /// The service it runs in; made known as `unknown` if it is not.
    pub service: Option<String>,
    /// Where the run is.
    pub status: PipelineStatus,
    /// Why it failed. With `Failed` it raises an alert.
    pub error_message: Option<String>,
    /// Free-form object as JSON text; `None` keeps the last one.
    pub metadata_json: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Somebody raises an alert.
#[derive(Debug, Clone)]
pub struct AlertReport {
    /// One line.
    pub title: String,
    /// What happened.
    pub message: String,
    /// How urgent.
    pub severity: Severity,
    /// As the sender wrote it.
    pub severity_raw: String,
    /// The service it is about; made known as `unknown` if it is not.
    pub service: Option<String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// A group of pushed metrics is replaced, or goes. It is kept as it is handed in.
#[derive(Debug, Clone)]
pub struct GroupWrite {
    /// The labels that name it, as a text that is the same for the same group; never empty.
    pub labels: String,
    /// Its metrics as a text; `None` removes the group.
    pub page: Option<String>,
}

/// One change of the records.
#[derive(Debug, Clone)]
pub enum RecordWrite {
    /// A service says how it is.
    Service(ServiceReport),
    /// A pipeline run says where it is.
    Pipeline(PipelineReport),
    /// Somebody raises an alert.
    Alert(AlertReport),
    /// Somebody has seen an alert. Acknowledging again keeps the first.
    Acknowledge {
        /// The alert.
        alert_id: i64,
        /// Who.
        user: String,
        /// When, Unix milliseconds.
        at_ms: i64,
    },
    /// A group of pushed metrics is replaced, or goes.
    Group(GroupWrite),
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// The record now has this id.
    Id(i64),
    /// It is done; what was changed has no id.
    Done,
    /// There is no record with the id that was named.
    NotFound,
}

/// Why records could not be written or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordsError {
    /// The queue of writes is full; come back.
    #[error("overloaded: {n_writes_max} record writes are waiting")]
    Overloaded {
        /// The queue's bound.
        n_writes_max: usize,
    },
    /// The write breaks a bound; it will never be taken as it is.
    #[error("refused: {reason}")]
    Refused {
        /// Which bound.
        reason: String,
    },
    /// The database failed.
    #[error("the record database failed: {reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
}

/// The promise that a write becomes durable; resolves to one outcome per change.
#[derive(Debug)]
pub struct RecordsCommit(oneshot::Receiver<Result<Vec<RecordOutcome>, RecordsError>>);

impl RecordsCommit {
    /// A commit and the engine's end of it.
    pub fn pending() -> (oneshot::Sender<Result<Vec<RecordOutcome>, RecordsError>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Blocks the thread until the write is durable. Not for async code.
    ///
    /// # Errors
    /// The engine's own.
    pub fn wait(self) -> Result<Vec<RecordOutcome>, RecordsError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }
}

impl Future for RecordsCommit {
    type Output = Result<Vec<RecordOutcome>, RecordsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|got| got.unwrap_or_else(|_| Err(stopped())))
    }
}

fn stopped() -> RecordsError {
    RecordsError::Failed { reason: "it stopped before the write was durable".to_owned() }
}

/// Which services to list.
#[derive(Debug, Clone, Default)]
pub struct ServiceFilter {
    /// Only this one.
    pub name: Option<String>,
    /// Only those in this state.
    pub status: Option<ServiceStatus>,
    /// At most this many.
    pub limit: usize,
}

/// Which pipeline runs to list.
#[derive(Debug, Clone, Default)]
pub struct PipelineFilter {
    /// Only this type.
    pub pipeline_type: Option<String>,
    /// Only in this state.
    pub status: Option<PipelineStatus>,
    /// Only of this service.
    pub service: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Which alerts to list.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Only acknowledged ones, or only the others.
    pub acknowledged: Option<bool>,
    /// Only of these severities; all when empty.
    pub severities: Vec<Severity>,
    /// Only of this service.
    pub service: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Keeps records. Reads block; async code calls them on a blocking thread.
pub trait Records: Send + Sync {
    /// Writes all changes as one unit.
    ///
    /// # Errors
    /// When the queue is full; the unit's own failure comes with the commit.
    fn write(&self, unit: Vec<RecordWrite>) -> Result<RecordsCommit, RecordsError>;

    /// Notes a sign of life of a service, in memory; it reaches the disk within seconds, and lists
    /// show it at once. A service never heard of is created as `unknown`, and only then is there a
    /// commit to wait for.
    ///
    /// # Errors
    /// When the queue is full.
    fn saw_service(&self, name: &str, at_ms: i64) -> Result<Option<RecordsCommit>, RecordsError>;

    /// Services, the newest first.
    ///
    /// # Errors
    /// The database's own.
    fn services(&self, filter: &ServiceFilter) -> Result<Vec<Service>, RecordsError>;

    /// Pipeline runs, the newest first.
    ///
    /// # Errors
    /// The database's own.
    fn pipelines(&self, filter: &PipelineFilter) -> Result<Vec<Pipeline>, RecordsError>;

    /// Alerts, the newest first.
    ///
    /// # Errors
    /// The database's own.
    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, RecordsError>;

    /// All groups of pushed metrics, each its labels and its page.
    ///
    /// # Errors
    /// The database's own.
    fn groups(&self) -> Result<Vec<(String, String)>, RecordsError>;
}
