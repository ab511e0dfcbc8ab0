//! Settings: flags, environment and file are three layers of the same shape; the first that says
//! something wins, and defaults fill the rest. Everything wrong is said here, before anything starts.

mod address;
mod env;
mod file;
mod grpc;
mod layer;
mod query;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;

use crate::cli::ServeArgs;
pub(crate) use env::variable;
pub(crate) use grpc::GrpcListen;
use layer::{Layer, PlainListen};
pub(crate) use query::QuerySettings;

/// The port everything is served on unless settings say otherwise.
const PORT_DEFAULT: u16 = 8000;
/// The further ports of `profile = "compat"`, those that the families' documents name.
const COMPAT_PORTS: [u16; 3] = [3000, 5000, 8082];

const RETENTION_DEFAULT: Duration = Duration::from_secs(7 * 86_400);
/// Three months, in which a person looks for what happened on a day.
const RETENTION_5M_DEFAULT: Duration = Duration::from_secs(90 * 86_400);
/// Five years, in which a person looks for what grows.
const RETENTION_1H_DEFAULT: Duration = Duration::from_secs(5 * 365 * 86_400);
const SILENT_AFTER_DEFAULT: Duration = Duration::from_secs(180);

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// Only what is broken.
    #[value(alias = "critical")]
    #[serde(alias = "critical")]
    Error,
    /// And what may become so.
    #[value(alias = "warning")]
    #[serde(alias = "warning")]
    Warn,
    /// And what a person may want to know.
    Info,
    /// And what a developer may want to know.
    Debug,
    /// Everything.
    Trace,
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Human,
    /// One JSON object per line.
    Json,
}

/// When a sample is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// When the disk has it: it survives everything.
    Sync,
    /// When the kernel has it: a power cut may take the last second.
    Async,
}

impl From<Durability> for tsdb::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Sync => Self::Sync,
            Durability::Async => Self::Async,
        }
    }
}

/// Everything the binary needs to know, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The name of this server in its health report.
    pub(crate) service_name: String,
    /// Where everything is served; never empty.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where `/metrics` alone is served.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Where StatsD is listened for, and how often what it counts is stored.
    pub(crate) statsd: Option<(SocketAddr, Duration)>,
    /// Where Graphite's plaintext protocol is listened for.
    pub(crate) graphite: Option<SocketAddr>,
    /// Where OpenTelemetry's gRPC alone is served.
    pub(crate) grpc_listen: GrpcListen,
    pub(crate) data_dir: PathBuf,
    /// `None` keeps everything.
    pub(crate) retention: Option<Duration>,
    /// `None` makes no rollups of 5 minutes.
    pub(crate) retention_5m: Option<Duration>,
    /// `None` makes no rollups of an hour.
    pub(crate) retention_1h: Option<Duration>,
    /// When a sample is acknowledged.
    pub(crate) durability: Durability,
    /// `None` sets no bound.
    pub(crate) retention_size_bytes: Option<u64>,
    /// None keeps its series longer than `retention`.
    pub(crate) retention_rules: Vec<tsdb::RetentionRule>,
    /// How queries are run.
    pub(crate) query: QuerySettings,
    /// How many series may be stored.
    pub(crate) series: storage::SeriesLimits,
    /// What is done to the labels of every sample on its way in.
    pub(crate) relabel: Vec<model::RelabelRule>,
    /// `None` reads no host.
    pub(crate) collect: Option<collect::Config>,
    /// A service that says nothing for so long becomes `unknown`.
    pub(crate) silent_after: Duration,
    pub(crate) web: web::Settings,
    pub(crate) log_level: LogLevel,
    /// `None` decides by whether a terminal reads.
    pub(crate) log_format: Option<LogFormat>,
}

/// Why settings are not usable. The text stands alone: it says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// The file is not understood; the text shows the line with a caret below the place.
    #[error("{}: {text}", path.display())]
    File { path: PathBuf, text: String },
    /// A variable of the environment is not understood.
    #[error("environment variable {name}: {reason}")]
    Variable { name: &'static str, reason: String },
    /// Settings that are each right but do not fit together.
    #[error("{0}")]
    Conflict(String),
}

impl Config {
    /// Reads all layers: these flags, this process' environment, and the file that they name.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn load(flags: &ServeArgs) -> Result<Self, ConfigError> {
        let environment = env::process();
        let flags = Layer::from_flags(flags);
        let variables = env::read(&environment)?;
        let path = flags.config.clone().or_else(|| variables.config.clone());
        let file = path.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Self::from_layer(flags.or(variables).or(file))
    }

    /// Checks a file alone, as if nothing else were set.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn check_file(path: &Path) -> Result<Self, ConfigError> {
        Self::from_layer(file::read(path)?).map_err(|error| match error {
            ConfigError::Conflict(text) => ConfigError::File { path: path.to_owned(), text },
            other => other,
        })
    }

    fn from_layer(layer: Layer) -> Result<Self, ConfigError> {
        let listen = listen_addresses(&layer);
        let metrics_listen = metrics_address(&layer, &listen);
        let http = listen.iter().chain(&metrics_listen);
        let grpc_listen = GrpcListen::new(layer.grpc_listen.clone(), http.clone());
        refuse_open_listeners(&layer, http.chain(&grpc_listen.addresses))?;
        refuse_open_plain("statsd", &layer.statsd)?;
        refuse_open_plain("graphite", &layer.graphite)?;
        let flush_interval =
            layer.statsd_flush_interval.unwrap_or(collect::listen::FLUSH_INTERVAL_DEFAULT);
        let web = web::Settings {
            keys: layer.keys.unwrap_or_default(),
            cors_origins: layer.cors_origins.unwrap_or_default(),
            root: layer.root.unwrap_or(web::RootPage::Auto),
            push_group_expire_after: layer.push_group_expire_after.unwrap_or_default(),
            otlp: layer.otlp,
        };
        let retention = layer.retention.unwrap_or(RETENTION_DEFAULT);
        refuse_longer_rules(&layer.retention_rules, retention)?;
        let tier = |keep: Option<Duration>, default: Duration| {
            Some(keep.unwrap_or(default)).filter(|keep| !keep.is_zero())
        };
        Ok(Self {
            service_name: layer.service_name.unwrap_or_else(|| "monitoring".to_owned()),
            listen,
            metrics_listen,
            statsd: layer.statsd.address.map(|address| (address, flush_interval)),
            graphite: layer.graphite.address,
            grpc_listen,
            data_dir: layer.data_dir.unwrap_or_else(|| "./data".into()),
            retention: (!retention.is_zero()).then_some(retention),
            retention_5m: tier(layer.retention_5m, RETENTION_5M_DEFAULT),
            retention_1h: tier(layer.retention_1h, RETENTION_1H_DEFAULT),
            durability: layer.durability.unwrap_or(Durability::Sync),
            retention_size_bytes: layer.retention_size_bytes.filter(|bytes| *bytes > 0),
            retention_rules: layer.retention_rules,
            query: layer.query.into(),
            series: storage::SeriesLimits {
                total: layer.series_max.filter(|max| *max > 0),
                per_metric: layer.metric_series_max.filter(|max| *max > 0),
                per_source: layer.source_series_max.filter(|max| *max > 0),
            },
            relabel: layer.relabel,
            collect: layer.collect.unwrap_or(true).then(|| collect::Config {
                interval: layer.collect_interval.unwrap_or(collect::Config::default().interval),
                roots: layer.roots,
                nvml_path: layer.nvml,
            }),
            silent_after: layer.silent_after.unwrap_or(SILENT_AFTER_DEFAULT),
            web,
            log_level: layer.log_level.unwrap_or(LogLevel::Info),
            log_format: layer.log_format,
        })
    }

    /// Names of settings in which `other` differs and that only a restart can change.
    pub(crate) fn restart_needed(&self, other: &Self) -> Vec<&'static str> {
        let roots = |config: &Self| {
            config.collect.as_ref().map(|c| (c.nvml_path.clone(), format!("{:?}", c.roots)))
        };
        [
            ("service_name", self.service_name != other.service_name),
            ("listen", self.listen != other.listen),
            ("prometheus_port", self.metrics_listen != other.metrics_listen),
            ("statsd", self.statsd != other.statsd),
            ("graphite", self.graphite != other.graphite),
            ("otlp.grpc_listen", self.grpc_listen != other.grpc_listen),
            ("data_dir", self.data_dir != other.data_dir),
            ("retention", self.retention != other.retention),
            ("retention_5m", self.retention_5m != other.retention_5m),
            ("retention_1h", self.retention_1h != other.retention_1h),
            ("durability", self.durability != other.durability),
            ("retention_size", self.retention_size_bytes != other.retention_size_bytes),
            ("retention_rules", self.retention_rules != other.retention_rules),
            ("query", self.query != other.query),
            ("limits", self.series != other.series),
            ("silent_after", self.silent_after != other.silent_after),
            ("collect", roots(self) != roots(other)),
            ("log.format", self.log_format != other.log_format),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// Explicit addresses win; else `PORT` on loopback. The compat profile adds its ports beside the
/// first address.
fn listen_addresses(layer: &Layer) -> Vec<SocketAddr> {
    let port = layer.port.unwrap_or(PORT_DEFAULT);
    let default = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let mut listen = layer.listen.clone().filter(|l| !l.is_empty()).unwrap_or(vec![default]);
    if layer.compat.unwrap_or(false) {
        let host = listen[0].ip();
        let taken: Vec<u16> = listen.iter().map(SocketAddr::port).collect();
        let further = COMPAT_PORTS.into_iter().filter(|port| !taken.contains(port));
        listen.extend(further.map(|port| SocketAddr::new(host, port)));
    }
    listen
}

/// The extra listener of `PROMETHEUS_PORT`, unless everything is served on that port anyway.
fn metrics_address(layer: &Layer, listen: &[SocketAddr]) -> Option<SocketAddr> {
    let port = layer.prometheus_port?;
    let served = listen.iter().any(|address| address.port() == port);
    (!served).then(|| SocketAddr::new(listen[0].ip(), port))
}

/// A rule can only shorten: the samples it would keep longer are gone.
fn refuse_longer_rules(
    rules: &[tsdb::RetentionRule],
    retention: Duration,
) -> Result<(), ConfigError> {
    let too_long = rules.iter().position(|rule| rule.keep > retention);
    match too_long.filter(|_| !retention.is_zero()) {
        None => Ok(()),
        Some(at) => Err(ConfigError::Conflict(format!(
            "retention rule {} keeps its series for {}, longer than the retention of {}: raise the \
             retention, and shorten it for all others by a last rule such as match = \
             '{{__name__!=\"\"}}'",
            at + 1,
            model::format_duration(rules[at].keep),
            model::format_duration(retention),
        ))),
    }
}

fn refuse_open_listeners<'a>(
    layer: &Layer,
    mut addresses: impl Iterator<Item = &'a SocketAddr>,
) -> Result<(), ConfigError> {
    let has_keys = layer.keys.as_ref().is_some_and(|keys| !keys.is_empty());
    if has_keys || layer.insecure_open.unwrap_or(false) {
        return Ok(());
    }
    match addresses.find(|address| !address.ip().to_canonical().is_loopback()) {
        None => Ok(()),
        Some(address) => Err(ConfigError::Conflict(format!(
            "refusing to listen on {address}, which others can reach, without any key: add a \
             [[keys]] entry to the configuration file or set PHAROS_API_KEY; or pass \
             --insecure-open if everyone who can connect may read and write"
        ))),
    }
}

/// Keys do not help here: these protocols have no place for one.
fn refuse_open_plain(name: &str, listen: &PlainListen) -> Result<(), ConfigError> {
    let open = listen.address.filter(|address| !address.ip().to_canonical().is_loopback());
    match open.filter(|_| !listen.is_open) {
        None => Ok(()),
        Some(address) => Err(ConfigError::Conflict(format!(
            "refusing to listen for {name} on {address}, which others can reach: the protocol has no \
             keys. Set insecure_open = true in [{name}] if everyone who can connect may send"
        ))),
    }
}

#[cfg(test)]
mod tests;
