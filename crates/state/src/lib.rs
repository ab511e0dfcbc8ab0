//! Services, pipeline runs and alerts in an embedded SQLite: what must survive a restart.
//!
//! A unit of writes goes through a bounded `queue` to the one `writer`, which takes all that wait
//! into one transaction and answers after the commit. What a write means stands in `apply`. Signs
//! of life stay in memory (`signs`) and reach the disk now and then, with the other `chores`. Lists
//! are read on connections of their own (`readers`, `list`).
//!
//! The file is drawn in `docs/formats/records.md`.

mod apply;
mod chores;
mod content;
mod list;
mod meter;
mod open;
mod prune;
mod queue;
mod readers;
mod schema;
mod shared;
mod signs;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use model::{Alert, Pipeline, Service};
use parking_lot::Mutex;
use stdx::Env;
use storage::{
    AlertFilter, PipelineFilter, RecordWrite, Records, RecordsCommit, RecordsError, ServiceFilter,
};

pub use meter::Meter;
pub use open::{OpenError, Opened};
pub use writer::Writer;

use open::Database;
use queue::{Queue, Refusal, Unit, Work};
use readers::Readers;
use shared::Shared;
use signs::{Saw, Signs};

/// Lists are short; two at a time keep the pages of the dashboards moving.
const N_READERS: usize = 2;

/// How records are kept.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database file; its folder is made if absent.
    pub path: PathBuf,
    /// How many writes may wait; more are refused.
    pub queue_writes_max: usize,
    /// A service without a sign of life for longer than this is called `unknown`.
    pub silent_after: Duration,
    /// How often signs of life are written; a crash forgets at most that much.
    pub sign_of_life_every: Duration,
    /// Ended runs and acknowledged alerts older than this are removed; `None` keeps them until
    /// there is no room.
    pub retention: Option<Duration>,
    /// How many runs, and how many alerts, are kept. Beyond that ended runs and acknowledged
    /// alerts go first, the oldest first.
    pub rows_max: usize,
    /// How many services are kept; a new one beyond that is refused.
    pub services_max: usize,
}

impl Config {
    /// The defaults for a database file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue_writes_max: 10_000,
            silent_after: Duration::from_secs(3 * 60),
            sign_of_life_every: Duration::from_secs(10),
            retention: None,
            rows_max: 1_000_000,
            services_max: 100_000,
        }
    }
}

/// The records, open.
pub struct State {
    shared: Arc<Shared>,
    readers: Readers,
    writer: Mutex<Option<JoinHandle<()>>>,
    opened: Opened,
    /// Dropped last, after the connections: the file is free again.
    _lock: Box<dyn Send + Sync>,
}

impl State {
    /// Opens the records and starts the thread that writes them. A damaged file is moved aside and
    /// an empty one made; [`State::opened`] says so.
    ///
    /// # Errors
    /// When the file is in use, not ours or too new, or the disk does not let us.
    pub fn open(config: Config, env: &Env) -> Result<Arc<Self>, OpenError> {
        let (state, writer) = Self::open_manual(config, env)?;
        let thread = thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        *state.writer.lock() = Some(thread);
        Ok(state)
    }

    /// Opens the records without a thread: nothing is written and no time passes until
    /// [`Writer::step`]. For tests and simulators.
    ///
    /// # Errors
    /// As [`State::open`].
    pub fn open_manual(mut config: Config, env: &Env) -> Result<(Arc<Self>, Writer), OpenError> {
        if config.path.parent() == Some(Path::new("")) {
            config.path = Path::new(".").join(&config.path);
        }
        let Database { writer: connection, content, opened, lock } =
            open::database(&config.path, env)?;
        let readers = (0..N_READERS).map(|_| open::reader(&config.path));
        let readers = Readers::new(readers.collect::<Result<_, _>>()?);
        let shared = Arc::new(Shared {
            queue: Queue::new(config.queue_writes_max),
            signs: Signs::new(config.services_max, config.queue_writes_max),
            clock: Arc::clone(&env.clock),
            meter: Meter::new(),
            failing: Mutex::default(),
            config,
        });
        shared.meter.quarantined.add(u64::from(opened.quarantined.is_some()));
        let now = shared.moment().monotonic;
        for kept in content.services {
            shared.signs.load(kept, now);
        }
        let writer = Writer::new(Arc::clone(&shared), connection, content.counts);
        let state = Self { shared, readers, writer: Mutex::new(None), opened, _lock: lock };
        Ok((Arc::new(state), writer))
    }

    /// What opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The counts this component keeps about itself.
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// Whether writes succeed, as far as the last one told.
    ///
    /// # Errors
    /// Why the last transaction failed.
    pub fn health(&self) -> Result<(), String> {
        self.shared.failing.lock().clone().map_or(Ok(()), Err)
    }

    /// Writes what waits and what is only in memory, and ends the thread. Blocks until that is
    /// done; everything after it fails. Closing again does nothing.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.writer.lock().take();
        if let Some(thread) = thread {
            // A panic of the writer has been reported by the panic hook, and its guard has
            // answered everybody.
            let _ = thread.join();
        }
        self.readers.close();
    }

    fn push(&self, unit: Unit) -> Result<RecordsCommit, RecordsError> {
        let (answer, commit) = RecordsCommit::pending();
        let shared = &self.shared;
        let pushed = shared.queue.push(Work { unit, answer });
        shared.meter.queue_writes.set(shared.queue.n_writes() as i64);
        pushed.map(|()| commit).map_err(|refusal| match refusal {
            Refusal::Full => {
                RecordsError::Overloaded { n_writes_max: shared.config.queue_writes_max }
            }
            Refusal::Closed => readers::closed(),
        })
    }

    fn counting_refusals<T>(&self, taken: Result<T, RecordsError>) -> Result<T, RecordsError> {
        taken.inspect_err(|_| self.shared.meter.refused.inc())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}

impl Records for State {
    fn write(&self, unit: Vec<RecordWrite>) -> Result<RecordsCommit, RecordsError> {
        self.counting_refusals(self.push(Unit::Writes(unit)))
    }

    fn saw_service(&self, name: &str, at_ms: i64) -> Result<Option<RecordsCommit>, RecordsError> {
        let shared = &self.shared;
        match shared.signs.saw(name, at_ms, shared.clock.monotonic()) {
            Saw::Noted => return Ok(None),
            Saw::Revived => {
                shared.queue.wake();
                return Ok(None);
            }
            Saw::Stranger => {}
        }
        let met = apply::check_name(name).and_then(|()| {
            shared.signs.meet(name, || {
                let name = name.to_owned();
                self.push(Unit::Stranger { name, at_ms })
            })
        });
        self.counting_refusals(met)
    }

    fn services(&self, filter: &ServiceFilter) -> Result<Vec<Service>, RecordsError> {
        let mut services = self.readers.read(|connection| list::services(connection, filter))?;
        let now_ms = self.shared.clock.now_ms();
        for service in &mut services {
            let seen_ms = self.shared.signs.seen_ms(&service.name, now_ms);
            service.last_check_ms = seen_ms.unwrap_or_default().max(service.last_check_ms);
        }
        Ok(services)
    }

    fn pipelines(&self, filter: &PipelineFilter) -> Result<Vec<Pipeline>, RecordsError> {
        self.readers.read(|connection| list::pipelines(connection, filter))
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, RecordsError> {
        self.readers.read(|connection| list::alerts(connection, filter))
    }

    fn groups(&self) -> Result<Vec<(String, String)>, RecordsError> {
        self.readers.read(list::groups)
    }
}
