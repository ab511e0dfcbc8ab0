//! What every handler shares: the doors to storage, the host's readings, settings that a reload
//! may replace, and the server's own counters.

use std::sync::Arc;
use std::time::Duration;

use model::Family;
use parking_lot::{Mutex, RwLock};
use stdx::Env;
use storage::{Ingest, Maintenance, Querier, Records};
use tokio::sync::watch;

use crate::auth::Key;
use crate::health::HealthReport;
use crate::ingest::pushgateway::Groups;
use crate::meter::Meter;
use crate::prometheus::{About, Queries};

/// Where `/` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootPage {
    /// Browsers to the user interface, everyone else to the API documentation.
    Auto,
    /// Always the API documentation.
    Docs,
    /// Always the user interface.
    Ui,
}

/// Settings that a reload may replace.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may do what; empty means open to everyone who can connect.
    pub keys: Vec<Key>,
    /// Web origins, besides our own, whose pages may call this API; `*` for all.
    pub cors_origins: Vec<String>,
    /// Where `/` leads.
    pub root: RootPage,
    /// A group of pushed metrics that nobody pushes for so long is deleted; zero keeps all.
    pub push_group_expire_after: Duration,
    /// How messages of OpenTelemetry become series.
    pub otlp: wire::otlp::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            cors_origins: Vec::new(),
            root: RootPage::Auto,
            push_group_expire_after: Duration::ZERO,
            otlp: wire::otlp::Settings::default(),
        }
    }
}

/// What the binary wires into the server.
pub struct Parts {
    /// The one way in for samples.
    pub ingest: Ingest,
    /// Reads samples, aliases included.
    pub querier: Arc<dyn Querier>,
    /// What an administrator may ask of the samples.
    pub maintenance: Arc<dyn Maintenance>,
    /// Services, pipelines and alerts.
    pub records: Arc<dyn Records>,
    /// This host's readings; `None` when nothing is collected.
    pub host: Option<collect::Handle>,
    /// The process' own metrics.
    pub own_families: Arc<dyn Fn() -> Vec<Family> + Send + Sync>,
    /// How the process is.
    pub health: Arc<dyn Fn() -> HealthReport + Send + Sync>,
    /// This host's name, as shown to people.
    pub host_name: String,
    /// Clock and randomness.
    pub env: Env,
    /// How queries are run.
    pub queries: Queries,
    /// What to tell of the server.
    pub about: About,
    /// The settings to begin with.
    pub settings: Settings,
    /// Turns true when the server should stop.
    pub stop: watch::Receiver<bool>,
}

/// Everything handlers share.
pub(crate) struct AppState {
    pub(crate) ingest: Ingest,
    pub(crate) querier: Arc<dyn Querier>,
    pub(crate) maintenance: Arc<dyn Maintenance>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) host: Option<collect::Handle>,
    pub(crate) own_families: Arc<dyn Fn() -> Vec<Family> + Send + Sync>,
    pub(crate) health: Arc<dyn Fn() -> HealthReport + Send + Sync>,
    pub(crate) host_name: String,
    pub(crate) env: Env,
    pub(crate) queries: Queries,
    pub(crate) about: About,
    pub(crate) settings: Reloadable<Settings>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) groups: Groups,
    /// What delta points of OpenTelemetry add up to.
    pub(crate) deltas: Mutex<wire::otlp::Deltas>,
    pub(crate) openapi: String,
    pub(crate) stop: watch::Receiver<bool>,
}

pub(crate) type Shared = Arc<AppState>;

impl AppState {
    pub(crate) fn new(parts: Parts, openapi: String) -> Self {
        let groups = Groups::load(parts.records.as_ref());
        Self {
            ingest: parts.ingest,
            querier: parts.querier,
            maintenance: parts.maintenance,
            records: parts.records,
            host: parts.host,
            own_families: parts.own_families,
            health: parts.health,
            host_name: parts.host_name,
            env: parts.env,
            queries: parts.queries,
            about: parts.about,
            settings: Reloadable::new(parts.settings),
            meter: Arc::default(),
            groups,
            deltas: Mutex::default(),
            openapi,
            stop: parts.stop,
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.env.clock.now_ms()
    }

    /// Waits until the server should stop.
    pub(crate) async fn stopped(&self) {
        // An error means that nobody can ask for a stop any more, which is a stop too.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.env.clock.monotonic()
    }
}

/// A value that is read often and replaced as a whole.
pub(crate) struct Reloadable<T>(RwLock<Arc<T>>);

impl<T> Reloadable<T> {
    fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    pub(crate) fn load(&self) -> Arc<T> {
        Arc::clone(&self.0.read())
    }

    pub(crate) fn store(&self, value: T) {
        *self.0.write() = Arc::new(value);
    }
}
