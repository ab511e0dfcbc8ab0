//! What a write means: the statements that keep services, runs and alerts consistent.
//!
//! Runs inside the writer's transaction; an error undoes the unit it came from and no other.

use model::{PipelineStatus, ServiceStatus, Severity};
use rusqlite::{Connection, OptionalExtension as _, Row};
use storage::{
    AlertReport, GroupWrite, PipelineReport, RecordOutcome, RecordWrite, RecordsError,
    ServiceReport,
};

use crate::queue::Unit;
use crate::signs::{Heard, too_many_services};

/// What a service may be called at most, in UTF-8 bytes; the names are kept in memory.
const SERVICE_NAME_BYTES_MAX: usize = 1024;

/// Why a unit was undone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Refused(RecordsError),
}

impl From<ApplyError> for RecordsError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Database(error) => failed(&error),
            ApplyError::Refused(error) => error,
        }
    }
}

/// SQLite's error as the seam knows it.
pub(crate) fn failed(error: &rusqlite::Error) -> RecordsError {
    RecordsError::Failed { reason: error.to_string() }
}

/// What units did besides their outcomes; true only once they are committed.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) heard: Vec<Heard>,
    pub(crate) n_services: usize,
    pub(crate) n_pipelines: usize,
    pub(crate) n_alerts: usize,
}

impl Effects {
    pub(crate) fn absorb(&mut self, other: Self) {
        self.heard.extend(other.heard);
        self.n_services += other.n_services;
        self.n_pipelines += other.n_pipelines;
        self.n_alerts += other.n_alerts;
    }
}

/// One unit being applied.
pub(crate) struct Applying<'t> {
    pub(crate) connection: &'t Connection,
    /// Unix milliseconds; no service is said to have been seen later than this.
    pub(crate) now_ms: i64,
    /// How many services there may still be.
    pub(crate) n_services_left: usize,
    pub(crate) n_services_max: usize,
    pub(crate) effects: Effects,
}

impl Applying<'_> {
    pub(crate) fn unit(&mut self, unit: &Unit) -> Result<Vec<RecordOutcome>, ApplyError> {
        match unit {
            Unit::Writes(writes) => writes.iter().map(|write| self.write(write)).collect(),
            Unit::Stranger { name, at_ms } => {
                let id = self.sign_of_life(name, *at_ms)?;
                Ok(vec![RecordOutcome::Id(id)])
            }
        }
    }

    fn write(&mut self, write: &RecordWrite) -> Result<RecordOutcome, ApplyError> {
        match write {
            RecordWrite::Service(report) => self.service(report),
            RecordWrite::Pipeline(report) => self.pipeline(report),
            RecordWrite::Alert(report) => self.alert(report),
            RecordWrite::Acknowledge { alert_id, user, at_ms } => {
                self.acknowledge(*alert_id, user, *at_ms)
            }
            RecordWrite::Group(write) => self.group(write),
        }
    }

    fn service(&mut self, report: &ServiceReport) -> Result<RecordOutcome, ApplyError> {
        let at_ms = report.at_ms.min(self.now_ms);
        let status = report.status.as_str();
        let id = self.known_service(&report.name, report.status, at_ms)?;
        self.connection
            .prepare_cached(
                "UPDATE services SET
                    last_status_change_ms = iif(status = ?2, last_status_change_ms, ?3),
                    status = ?2,
                    reported_status = ?2,
                    last_check_ms = max(last_check_ms, ?3),
                    endpoint = coalesce(?4, endpoint)
                 WHERE id = ?1",
            )?
            .execute((id, status, at_ms, &report.endpoint))?;
        self.heard(id, &report.name, at_ms);
        Ok(RecordOutcome::Id(id))
    }

    fn pipeline(&mut self, report: &PipelineReport) -> Result<RecordOutcome, ApplyError> {
        let service_id = self.named_service(report.service.as_deref(), report.at_ms)?;
        let run = match self.open_run(&report.pipeline_type, service_id)? {
            Some(run) => run,
            None => self.begin_run(report, service_id)?,
        };
        self.continue_run(&run, report)?;
        let message = report.error_message.as_deref().unwrap_or_default();
        if report.status == PipelineStatus::Failed && !message.is_empty() {
            self.raise(&Raised {
                service_id: run.service_id,
                pipeline_run: Some(run.id),
                title: &format!("Pipeline {} failed", report.pipeline_type),
                message,
                severity: Severity::Error,
                severity_raw: Severity::Error.as_str(),
                raised_ms: report.at_ms,
            })?;
        }
        Ok(RecordOutcome::Id(run.id))
    }

    /// The newest run that a report continues: of its type, and of its service if it names one.
    fn open_run(&self, run_type: &str, service_id: Option<i64>) -> rusqlite::Result<Option<Run>> {
        let newest = |mut statement: rusqlite::CachedStatement<'_>,
                      params: &[&dyn rusqlite::ToSql]| {
            statement.query_row(params, Run::read).optional()
        };
        match service_id {
            Some(id) => {
                newest(self.connection.prepare_cached(OPEN_RUN_OF_SERVICE)?, &[&run_type, &id])
            }
            None => newest(self.connection.prepare_cached(OPEN_RUN)?, &[&run_type]),
        }
    }

    fn begin_run(
        &mut self,
        report: &PipelineReport,
        service_id: Option<i64>,
    ) -> rusqlite::Result<Run> {
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO pipelines (pipeline_type, service_id, status, started_ms)
                 VALUES (?1, ?2, 'running', ?3)",
            )?
            .insert((&report.pipeline_type, service_id, report.at_ms))?;
        self.effects.n_pipelines += 1;
        Ok(Run { id, service_id })
    }

    fn continue_run(&self, run: &Run, report: &PipelineReport) -> rusqlite::Result<()> {
        let ended_ms = report.status.is_end().then_some(report.at_ms);
        // A clock that was set back must not make a run end before it began.
        self.connection
            .prepare_cached(
                "UPDATE pipelines SET
                    status = ?2,
                    ended_ms = max(?3, started_ms),
                    error_message = coalesce(?4, error_message),
                    metadata_json = coalesce(?5, metadata_json)
                 WHERE id = ?1",
            )?
            .execute((
                run.id,
                report.status.as_str(),
                ended_ms,
                &report.error_message,
                &report.metadata_json,
            ))?;
        Ok(())
    }

    fn alert(&mut self, report: &AlertReport) -> Result<RecordOutcome, ApplyError> {
        let service_id = self.named_service(report.service.as_deref(), report.at_ms)?;
        let id = self.raise(&Raised {
            service_id,
            pipeline_run: None,
            title: &report.title,
            message: &report.message,
            severity: report.severity,
            severity_raw: &report.severity_raw,
            raised_ms: report.at_ms,
        })?;
        Ok(RecordOutcome::Id(id))
    }

    fn raise(&mut self, raised: &Raised<'_>) -> rusqlite::Result<i64> {
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO alerts (service_id, pipeline_run, title, message, severity,
                                     severity_raw, raised_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .insert((
                raised.service_id,
                raised.pipeline_run,
                raised.title,
                raised.message,
                raised.severity.as_str(),
                raised.severity_raw,
                raised.raised_ms,
            ))?;
        self.effects.n_alerts += 1;
        Ok(id)
    }

    fn acknowledge(
        &self,
        alert_id: i64,
        user: &str,
        at_ms: i64,
    ) -> Result<RecordOutcome, ApplyError> {
        let n_found = self
            .connection
            .prepare_cached(
                "UPDATE alerts SET
                    acknowledged_by = coalesce(acknowledged_by, ?2),
                    acknowledged_ms = coalesce(acknowledged_ms, ?3)
                 WHERE id = ?1",
            )?
            .execute((alert_id, user, at_ms))?;
        Ok(match n_found {
            0 => RecordOutcome::NotFound,
            _ => RecordOutcome::Id(alert_id),
        })
    }

    fn group(&self, write: &GroupWrite) -> Result<RecordOutcome, ApplyError> {
        let GroupWrite { labels, page } = write;
        match page {
            Some(page) => self
                .connection
                .prepare_cached(
                    "INSERT INTO pushed_groups (labels, page) VALUES (?1, ?2)
                     ON CONFLICT (labels) DO UPDATE SET page = ?2",
                )?
                .execute((labels, page))?,
            None => self
                .connection
                .prepare_cached("DELETE FROM pushed_groups WHERE labels = ?1")?
                .execute([labels])?,
        };
        Ok(RecordOutcome::Done)
    }

    fn named_service(&mut self, name: Option<&str>, at_ms: i64) -> Result<Option<i64>, ApplyError> {
        name.map(|name| self.sign_of_life(name, at_ms)).transpose()
    }

    /// Notes that a service lives, and makes it known if it is not.
    fn sign_of_life(&mut self, name: &str, at_ms: i64) -> Result<i64, ApplyError> {
        let at_ms = at_ms.min(self.now_ms);
        let id = self.known_service(name, ServiceStatus::Unknown, at_ms)?;
        touch(self.connection, id, at_ms)?;
        self.heard(id, name, at_ms);
        Ok(id)
    }

    /// The id of a service, which is created with this status if nobody knows it.
    fn known_service(
        &mut self,
        name: &str,
        status: ServiceStatus,
        at_ms: i64,
    ) -> Result<i64, ApplyError> {
        let known = self
            .connection
            .prepare_cached("SELECT id FROM services WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        if self.effects.n_services >= self.n_services_left {
            return Err(ApplyError::Refused(too_many_services(self.n_services_max)));
        }
        check_name(name).map_err(ApplyError::Refused)?;
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO services (name, status, reported_status, last_check_ms,
                                       last_status_change_ms)
                 VALUES (?1, ?2, ?2, ?3, ?3)",
            )?
            .insert((name, status.as_str(), at_ms))?;
        self.effects.n_services += 1;
        Ok(id)
    }

    fn heard(&mut self, id: i64, name: &str, at_ms: i64) {
        self.effects.heard.push(Heard { id, name: name.to_owned(), at_ms });
    }
}

/// The newest open run of a type and service.
pub(crate) const OPEN_RUN_OF_SERVICE: &str = "SELECT id, service_id FROM pipelines
     WHERE pipeline_type = ?1 AND service_id = ?2 AND ended_ms IS NULL
     ORDER BY id DESC LIMIT 1";

/// The newest open run of a type.
pub(crate) const OPEN_RUN: &str = "SELECT id, service_id FROM pipelines
     WHERE pipeline_type = ?1 AND ended_ms IS NULL
     ORDER BY id DESC LIMIT 1";

struct Run {
    id: i64,
    service_id: Option<i64>,
}

impl Run {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, service_id: row.get(1)? })
    }
}

/// An alert on its way to its row.
struct Raised<'a> {
    service_id: Option<i64>,
    pipeline_run: Option<i64>,
    title: &'a str,
    message: &'a str,
    severity: Severity,
    severity_raw: &'a str,
    raised_ms: i64,
}

/// Writes a sign of life. A silent service gets back the status that it had reported.
pub(crate) fn touch(connection: &Connection, id: i64, at_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE services SET
                last_check_ms = max(last_check_ms, ?2),
                last_status_change_ms =
                    iif(status = reported_status, last_status_change_ms, ?2),
                status = reported_status
             WHERE id = ?1",
        )?
        .execute((id, at_ms))?;
    Ok(())
}

/// Calls a service silent, and remembers what it had reported.
pub(crate) fn silence(
    connection: &Connection,
    id: i64,
    seen_ms: i64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE services SET
                last_check_ms = max(last_check_ms, ?2),
                last_status_change_ms =
                    iif(status = 'unknown', last_status_change_ms, ?3),
                status = 'unknown'
             WHERE id = ?1",
        )?
        .execute((id, seen_ms, now_ms))?;
    Ok(())
}

/// Refuses a name that is empty or longer than what memory was planned for.
pub(crate) fn check_name(name: &str) -> Result<(), RecordsError> {
    let n_bytes = name.len();
    if name.is_empty() || n_bytes > SERVICE_NAME_BYTES_MAX {
        let reason =
            format!("a service name of {n_bytes} bytes, must be 1 to {SERVICE_NAME_BYTES_MAX}");
        return Err(RecordsError::Refused { reason });
    }
    Ok(())
}
