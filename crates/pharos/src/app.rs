//! App: all parts wired together, and their life from start to stop.
//!
//! The way of a sample stands in [`App::start`]: collectors and the web's push API append through
//! one [`Ingest`] into the sample store; the web reads through the alias querier; records live
//! beside it. Everything that loops is started here and ended here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use collect::Snapshot;
use model::{Family, Labels, Relabeling, Sample};
use stdx::Env;
use storage::{AliasMaintenance, AliasQuerier, Ingest, Limits, Rejected, Row};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use web::{HealthCheck, HealthReport, HealthStatus, Listener, Server};

use crate::about;
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::listeners;
use crate::logging;
use crate::own_metrics::{ReloadMeter, Sources};

/// The job label of what this process stores about its host and itself.
const OWN_JOB: &str = "pharos";
/// The source of it, for the bound on series per source.
const OWN_SOURCE: &str = "host";

/// What a person reads while retention does not believe the clock.
const CLOCK_DOUBTED: &str = "this machine's clock is ahead of all samples by more than the \
                             retention; samples are kept for some hours, until it is set right or \
                             has stayed so";

/// How long the start waits for the first reading of this host.
const FIRST_READING_MAX: Duration = Duration::from_secs(2);

/// Runs until a signal asks to stop.
///
/// # Errors
/// When a part cannot start: a taken port, a locked or unreadable data directory.
pub(crate) fn run(flags: &ServeArgs, config: Config) -> anyhow::Result<()> {
    logging::start(config.log_level, config.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let app = App::start(config).await?;
        app.run(flags, &mut signals).await
    })
}

/// The signals that a person or an init system sends.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }
}

/// What a signal asks for.
#[derive(PartialEq, Eq)]
enum Wish {
    Stop,
    Reload,
}

struct App {
    config: Config,
    samples: Arc<tsdb::Db>,
    records: Arc<state::State>,
    ingest: Ingest,
    host: Option<collect::Handle>,
    plain: Arc<[collect::listen::Handle]>,
    server: Server,
    listeners: Vec<Listener>,
    stop: watch::Sender<bool>,
    reload: Arc<ReloadMeter>,
    env: Env,
}

impl App {
    async fn start(config: Config) -> anyhow::Result<Self> {
        let env = Env::system();
        let started = env.clock.monotonic();
        let listeners = listeners::bind(&config).await?;
        let samples = open_samples(&config, &env)?;
        let records = open_records(&config, &env)?;
        let limits = Limits {
            age_ms_max: config.retention.map(|r| r.as_millis() as i64),
            ..Limits::default()
        };
        let ingest = Ingest::new(samples.clone(), limits, env.clock.clone());
        ingest.set_relabeling(Relabeling::new(config.relabel.clone()));

        let reload = Arc::new(ReloadMeter::default());
        reload.successful.set(1);
        reload.success_ms.set(env.clock.now_ms());
        let own = OwnFamilies::default();
        let host_name = host_name();
        let host = start_collecting(&config, &env, ingest.clone(), own.clone(), &host_name)?;
        let plain = listeners::listen_plainly(&config, &env, &ingest)?;
        let (stop, stopping) = watch::channel(false);
        let health = Health {
            service: config.service_name.clone(),
            env: env.clone(),
            started,
            ingest: ingest.clone(),
            samples: samples.clone(),
            records: records.clone(),
            host: host.clone(),
        };
        let own_families = own.clone();
        let server = Server::new(web::Parts {
            ingest: ingest.clone(),
            querier: Arc::new(AliasQuerier::new(samples.clone())),
            maintenance: Arc::new(AliasMaintenance::new(samples.clone())),
            records: records.clone(),
            host: host.clone(),
            own_families: Arc::new(move || own_families.now()),
            health: Arc::new(move || health.report()),
            host_name,
            env: env.clone(),
            queries: config.query.for_web(),
            about: about::about(&config, &env, &samples, &reload),
            settings: config.web.clone(),
            stop: stopping,
        });
        own.connect(Sources {
            ingest: ingest.clone(),
            samples: samples.clone(),
            state: records.clone(),
            host: host.clone(),
            web: server.meter(),
            plain: plain.clone(),
            reload: reload.clone(),
        });
        Ok(Self {
            config,
            samples,
            records,
            ingest,
            host,
            plain,
            server,
            listeners,
            stop,
            reload,
            env,
        })
    }

    async fn run(mut self, flags: &ServeArgs, signals: &mut Signals) -> anyhow::Result<()> {
        let listeners = std::mem::take(&mut self.listeners);
        if let Some(host) = &self.host {
            // So that whoever looks finds this host; a host that cannot be read is no reason to wait.
            let _ = tokio::time::timeout(FIRST_READING_MAX, host.first()).await;
        }
        listeners::say_where_to_look(&self.config, &listeners)?;
        let server = self.server.clone();
        let serving = tokio::spawn(async move { server.serve(listeners).await });
        while signals.next().await == Wish::Reload {
            self.reload(flags);
        }
        tracing::info!("stopping: requests under way end, then everything is written");
        tokio::select! {
            result = self.stop(serving) => result,
            () = signals.stop() => {
                tracing::warn!("stopping at once; what was not yet acknowledged may be lost");
                std::process::exit(1)
            }
        }
    }

    /// Ends the parts in the order of the data's way, so that nothing is written to a closed store.
    async fn stop(self, serving: tokio::task::JoinHandle<()>) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        serving.await.context("the server ended badly")?;
        let closing = tokio::task::spawn_blocking(move || {
            if let Some(host) = &self.host {
                host.stop();
            }
            self.plain.iter().for_each(collect::listen::Handle::stop);
            self.records.close();
            self.samples.close()
        });
        let closed = closing.await.context("the stores did not close")?;
        closed.context("the last samples were not written")?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Reads all settings again. Wrong ones change nothing.
    fn reload(&mut self, flags: &ServeArgs) {
        let config = match Config::load(flags) {
            Ok(config) => config,
            Err(error) => {
                self.reload.successful.set(0);
                self.reload.failure_ms.set(self.env.clock.now_ms());
                tracing::error!("configuration not taken, the old one stays: {error}");
                return;
            }
        };
        logging::set_level(config.log_level);
        self.server.reload(config.web.clone());
        self.ingest.set_relabeling(Relabeling::new(config.relabel.clone()));
        if let (Some(host), Some(collect)) = (&self.host, &config.collect) {
            host.set_interval(collect.interval);
        }
        let waiting = self.config.restart_needed(&config);
        if !waiting.is_empty() {
            tracing::warn!("these settings change only with a restart: {}", waiting.join(", "));
        }
        self.reload.successful.set(1);
        self.reload.success_ms.set(self.env.clock.now_ms());
        tracing::info!("configuration taken");
    }
}

fn open_samples(config: &Config, env: &Env) -> anyhow::Result<Arc<tsdb::Db>> {
    let mut settings = tsdb::Config::new(&config.data_dir);
    settings.retention = config.retention;
    settings.retention_5m = config.retention_5m;
    settings.retention_1h = config.retention_1h;
    settings.series = config.series;
    settings.durability = config.durability.into();
    settings.retention_size_bytes = config.retention_size_bytes;
    // A rule that names a pushed metric plainly means its stored series as well.
    settings.retention_rules = config
        .retention_rules
        .iter()
        .flat_map(|rule| {
            let keep = rule.keep;
            let all = storage::with_stored_names(&rule.matchers).into_iter();
            all.map(move |matchers| tsdb::RetentionRule { matchers, keep })
        })
        .collect();
    let samples = tsdb::Db::open(settings, env).with_context(|| {
        let dir = config.data_dir.display();
        format!("cannot open the samples in {dir} (choose another place with --data-dir DIR)")
    })?;
    if samples.meter().clock_doubted.get() > 0 {
        tracing::warn!("{CLOCK_DOUBTED}");
    }
    Ok(samples)
}

fn open_records(config: &Config, env: &Env) -> anyhow::Result<Arc<state::State>> {
    let mut settings = state::Config::new(config.data_dir.join("records.db"));
    settings.silent_after = config.silent_after;
    let records = state::State::open(settings, env)
        .with_context(|| format!("cannot open the records in {}", config.data_dir.display()))?;
    if let Some(path) = &records.opened().quarantined {
        tracing::error!("the record database was damaged; it is kept as {}", path.display());
    }
    Ok(records)
}

fn start_collecting(
    config: &Config,
    env: &Env,
    ingest: Ingest,
    own: OwnFamilies,
    host_name: &str,
) -> anyhow::Result<Option<collect::Handle>> {
    let Some(settings) = config.collect.clone() else { return Ok(None) };
    let labels =
        Labels::new([("job", OWN_JOB), ("instance", host_name)]).expect("two names that differ");
    let ingest = ingest.with_source(OWN_SOURCE);
    let store = move |snapshot: &Snapshot| {
        let own = own.now();
        let families = snapshot.families.iter().chain(&own);
        let rows = families.flat_map(|family| rows(family, &labels, snapshot.taken_ms)).collect();
        // Own samples never wait for the disk: the commit is dropped. A bound on series must not
        // cost those that are there.
        match ingest.append_good(rows) {
            Ok((_, rejected)) => {
                if let Some(Rejected { cause, .. }) = rejected.first() {
                    let n_readings = rejected.len();
                    tracing::warn!(%cause, n_readings, "some readings were not stored");
                }
            }
            Err(error) => tracing::warn!(%error, "this host's readings were not stored"),
        }
    };
    let host = collect::spawn(&settings, env, store).context("cannot start reading this host")?;
    Ok(Some(host))
}

/// A family's points as samples of this process' own job.
fn rows<'a>(family: &'a Family, own: &'a Labels, t_ms: i64) -> impl Iterator<Item = Row> + use<'a> {
    family.points.iter().map(move |point| {
        let name = format!("{}{}", family.name, point.suffix);
        let labels = own
            .iter()
            .fold(point.labels.clone(), |labels, label| labels.with(&label.name, &label.value));
        let labels = labels.with(model::METRIC_NAME, &name);
        Row { labels, sample: Sample::new(t_ms, point.value) }
    })
}

/// This process' own families. The parts that count exist only after the collector that stores the
/// counts, so the two are connected once both are there.
#[derive(Clone, Default)]
struct OwnFamilies(Arc<OnceLock<Sources>>);

impl OwnFamilies {
    fn connect(&self, sources: Sources) {
        assert!(self.0.set(sources).is_ok(), "own families are connected once");
    }

    fn now(&self) -> Vec<Family> {
        self.0.get().map(Sources::families).unwrap_or_default()
    }
}

/// Answers how the process is.
struct Health {
    service: String,
    env: Env,
    started: Duration,
    ingest: Ingest,
    samples: Arc<tsdb::Db>,
    records: Arc<state::State>,
    host: Option<collect::Handle>,
}

impl Health {
    fn report(&self) -> HealthReport {
        let snapshot = self.host.as_ref().and_then(collect::Handle::latest);
        let mut checks = vec![self.check_samples(), self.check_records()];
        checks.extend(self.host.as_ref().map(|_| check_collectors(snapshot.as_deref())));
        HealthReport {
            service: self.service.clone(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.env.clock.monotonic().saturating_sub(self.started).as_secs(),
            samples_appended: self.ingest.meter().appended.get(),
            last_collection_ms: snapshot.as_ref().map(|snapshot| snapshot.taken_ms),
            collects: self.host.is_some(),
            checks,
            warming: self.warming(),
        }
    }

    fn warming(&self) -> Option<String> {
        about::warming(&self.samples)
    }

    fn check_samples(&self) -> HealthCheck {
        let (status, message) = match self.samples.health() {
            tsdb::Health::Writable if self.samples.meter().clock_doubted.get() > 0 => {
                (HealthStatus::Degraded, CLOCK_DOUBTED.to_owned())
            }
            tsdb::Health::Writable => (HealthStatus::Healthy, "writable".to_owned()),
            tsdb::Health::Stalled { reason } => (HealthStatus::Unhealthy, reason),
        };
        let description = "the sample store takes writes and makes them durable";
        HealthCheck { name: "storage", description, status, message }
    }

    fn check_records(&self) -> HealthCheck {
        let (status, message) = match self.records.health() {
            Ok(()) => (HealthStatus::Healthy, "writable".to_owned()),
            Err(reason) => (HealthStatus::Unhealthy, reason),
        };
        let description = "the record database takes writes and makes them durable";
        HealthCheck { name: "records", description, status, message }
    }
}

fn check_collectors(snapshot: Option<&Snapshot>) -> HealthCheck {
    let (status, message) = match snapshot {
        None => (HealthStatus::Healthy, "starting".to_owned()),
        Some(snapshot) => match snapshot.failures.first() {
            None => (HealthStatus::Healthy, "all collectors read".to_owned()),
            Some(failure) => {
                let message = format!("{}: {}", failure.collector, failure.reason);
                (HealthStatus::Degraded, message)
            }
        },
    };
    HealthCheck { name: "collectors", description: "this host can be read", status, message }
}

/// The machine's name, as in `instance` labels and on the page.
fn host_name() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_str().map_or_else(|_| "localhost".to_owned(), str::to_owned)
}
