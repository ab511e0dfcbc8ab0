//! A world to test in: a folder, a clock, and short ways to say what happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use model::{Alert, Pipeline, PipelineStatus, Service, ServiceStatus, Severity};
use state::{Config, OpenError, State, Writer};
use stdx::{Clock, Env};
use storage::{
    AlertFilter, AlertReport, PipelineFilter, PipelineReport, RecordOutcome, RecordWrite, Records,
    RecordsCommit, RecordsError, ServiceFilter, ServiceReport,
};
use tempfile::TempDir;

/// Wall time when a world begins.
pub(crate) const T0: i64 = 1_700_000_000_000;

/// Both clocks, moved by hand.
#[derive(Debug)]
pub(crate) struct HandClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

/// An open database, its writer in our hand.
pub(crate) struct World {
    pub(crate) state: Arc<State>,
    pub(crate) writer: Writer,
    pub(crate) place: Place,
}

/// What outlives a restart.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) config: Config,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = HandClock { wall_ms: AtomicI64::new(T0), monotonic_ms: AtomicU64::new(5_000) };
        Self { config: Config::new(dir.path().join("records.db")), dir, clock: Arc::new(clock) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.config.path
    }

    pub(crate) fn env(&self) -> Env {
        Env { clock: self.clock.clone(), ..Env::system() }
    }

    pub(crate) fn try_open(&self) -> Result<(Arc<State>, Writer), OpenError> {
        State::open_manual(self.config.clone(), &self.env())
    }

    pub(crate) fn open(self) -> World {
        let (state, writer) = self.try_open().unwrap();
        World { state, writer, place: self }
    }

    /// Files in the folder, by name.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }

    /// A second place with a copy of the files as they are now, as a crash would leave them.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        for name in self.files() {
            let target: PathBuf = copy.dir.path().join(&name);
            std::fs::copy(self.dir.path().join(&name), target).unwrap();
        }
        copy
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Place::new().open()
    }

    pub(crate) fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut place = Place::new();
        set(&mut place.config);
        place.open()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.place.clock.now_ms()
    }

    /// Lets time pass on both clocks; nothing else happens.
    pub(crate) fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.place.clock.wall_ms.fetch_add(ms, Ordering::SeqCst);
        let ms = ms.unsigned_abs();
        self.place.clock.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Somebody sets the machine's clock.
    pub(crate) fn set_wall(&self, by_ms: i64) {
        self.place.clock.wall_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Lets time pass in small steps and the writer take its turns.
    pub(crate) fn live(&mut self, time: Duration) {
        let step = Duration::from_secs(1);
        for _ in 0..time.as_secs() {
            self.pass(step);
            while self.writer.step() {}
        }
    }

    pub(crate) fn send(&self, unit: Vec<RecordWrite>) -> RecordsCommit {
        self.state.write(unit).unwrap()
    }

    /// Writes a unit, lets the writer take turns and gives what came of it.
    pub(crate) fn try_write(&mut self, unit: Vec<RecordWrite>) -> Answer {
        let commit = self.send(unit);
        while self.writer.step() {}
        commit.wait()
    }

    pub(crate) fn write(&mut self, write: RecordWrite) -> RecordOutcome {
        self.try_write(vec![write]).unwrap()[0]
    }

    pub(crate) fn write_id(&mut self, write: RecordWrite) -> i64 {
        match self.write(write) {
            RecordOutcome::Id(id) => id,
            RecordOutcome::NotFound => panic!("not found"),
            RecordOutcome::Done => panic!("no id"),
        }
    }

    /// A sign of life now.
    pub(crate) fn saw(&self, name: &str) -> Option<RecordsCommit> {
        self.state.saw_service(name, self.now_ms()).unwrap()
    }

    pub(crate) fn n_transactions(&self) -> u64 {
        self.state.meter().transactions.get()
    }

    pub(crate) fn service(&self, name: &str) -> Service {
        let filter =
            ServiceFilter { name: Some(name.to_owned()), limit: 2, ..ServiceFilter::default() };
        let mut services = self.state.services(&filter).unwrap();
        assert_eq!(services.len(), 1, "{name}");
        services.remove(0)
    }

    pub(crate) fn services(&self) -> Vec<Service> {
        let filter = ServiceFilter { limit: usize::MAX, ..ServiceFilter::default() };
        self.state.services(&filter).unwrap()
    }

    pub(crate) fn pipelines(&self) -> Vec<Pipeline> {
        let filter = PipelineFilter { limit: usize::MAX, ..PipelineFilter::default() };
        self.state.pipelines(&filter).unwrap()
    }

    pub(crate) fn alerts(&self) -> Vec<Alert> {
        let filter = AlertFilter { limit: usize::MAX, ..AlertFilter::default() };
        self.state.alerts(&filter).unwrap()
    }

    /// Ends in good order and opens again.
    pub(crate) fn reopen(self) -> Self {
        let Self { state, writer, place } = self;
        writer.finish();
        drop(state);
        place.open()
    }
}

pub(crate) type Answer = Result<Vec<RecordOutcome>, RecordsError>;

pub(crate) fn service(name: &str, status: ServiceStatus, at_ms: i64) -> RecordWrite {
    RecordWrite::Service(ServiceReport { name: name.to_owned(), status, endpoint: None, at_ms })
}

pub(crate) fn report(run_type: &str, status: PipelineStatus, at_ms: i64) -> PipelineReport {
    PipelineReport {
        pipeline_type: run_type.to_owned(),
        service: None,
        status,
        error_message: None,
        metadata_json: None,
        at_ms,
    }
}

pub(crate) fn pipeline(run_type: &str, status: PipelineStatus, at_ms: i64) -> RecordWrite {
    RecordWrite::Pipeline(report(run_type, status, at_ms))
}

pub(crate) fn pipeline_of(
    service: &str,
    run_type: &str,
    status: PipelineStatus,
    at_ms: i64,
) -> RecordWrite {
    RecordWrite::Pipeline(PipelineReport {
        service: Some(service.to_owned()),
        ..report(run_type, status, at_ms)
    })
}

pub(crate) fn alert(severity: Severity, service: Option<&str>, at_ms: i64) -> RecordWrite {
    RecordWrite::Alert(AlertReport {
        title: "disk".to_owned(),
        message: "it is full".to_owned(),
        severity,
        severity_raw: severity.as_str().to_uppercase(),
        service: service.map(str::to_owned),
        at_ms,
    })
}

pub(crate) fn acknowledge(alert_id: i64, user: &str, at_ms: i64) -> RecordWrite {
    RecordWrite::Acknowledge { alert_id, user: user.to_owned(), at_ms }
}
