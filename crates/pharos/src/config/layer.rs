//! Layer: settings of one origin, each of which may be silent about anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::query::QueryLayer;
use super::{Durability, LogFormat, LogLevel};
use crate::cli::ServeArgs;

/// Where a protocol that knows no keys is listened for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PlainListen {
    pub(super) address: Option<SocketAddr>,
    /// Everyone who reaches the address may send.
    pub(super) is_open: bool,
}

/// What one origin says.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) config: Option<PathBuf>,
    pub(super) service_name: Option<String>,
    pub(super) listen: Option<Vec<SocketAddr>>,
    pub(super) port: Option<u16>,
    pub(super) prometheus_port: Option<u16>,
    pub(super) compat: Option<bool>,
    pub(super) insecure_open: Option<bool>,
    pub(super) data_dir: Option<PathBuf>,
    /// Zero keeps everything.
    pub(super) retention: Option<Duration>,
    /// How long rollups of 5 minutes are kept, and those of an hour; zero makes none.
    pub(super) retention_5m: Option<Duration>,
    pub(super) retention_1h: Option<Duration>,
    /// Zero sets no bound.
    pub(super) retention_size_bytes: Option<u64>,
    pub(super) durability: Option<Durability>,
    pub(super) retention_rules: Vec<tsdb::RetentionRule>,
    pub(super) query: QueryLayer,
    pub(super) series_max: Option<u64>,
    pub(super) metric_series_max: Option<u64>,
    pub(super) source_series_max: Option<u64>,
    pub(super) relabel: Vec<model::RelabelRule>,
    pub(super) silent_after: Option<Duration>,
    pub(super) collect: Option<bool>,
    pub(super) collect_interval: Option<Duration>,
    pub(super) roots: collect::Roots,
    pub(super) nvml: Option<PathBuf>,
    pub(super) grpc_listen: Option<Vec<SocketAddr>>,
    pub(super) otlp: wire::otlp::Settings,
    pub(super) keys: Option<Vec<web::Key>>,
    pub(super) cors_origins: Option<Vec<String>>,
    pub(super) statsd: PlainListen,
    pub(super) statsd_flush_interval: Option<Duration>,
    pub(super) graphite: PlainListen,
    pub(super) root: Option<web::RootPage>,
    /// Zero keeps all.
    pub(super) push_group_expire_after: Option<Duration>,
    pub(super) log_level: Option<LogLevel>,
    pub(super) log_format: Option<LogFormat>,
}

impl Layer {
    pub(super) fn from_flags(flags: &ServeArgs) -> Self {
        Self {
            config: flags.config.clone(),
            listen: (!flags.listen.is_empty()).then(|| flags.listen.clone()),
            insecure_open: flags.insecure_open.then_some(true),
            data_dir: flags.data_dir.clone(),
            retention: flags.retention,
            retention_5m: flags.retention_5m,
            retention_1h: flags.retention_1h,
            retention_size_bytes: flags.retention_size,
            durability: flags.durability,
            series_max: flags.series_max,
            metric_series_max: flags.metric_series_max,
            source_series_max: flags.source_series_max,
            collect: flags.no_collect.then_some(false),
            log_level: flags.log_level,
            log_format: flags.log_format,
            ..Self::default()
        }
    }

    /// This layer, with `below` filling what it does not say. A layer that names a port but no
    /// addresses still wins over addresses below it.
    pub(super) fn or(self, below: Self) -> Self {
        let below_listen = if self.port.is_some() { None } else { below.listen };
        Self {
            config: self.config.or(below.config),
            service_name: self.service_name.or(below.service_name),
            listen: self.listen.or(below_listen),
            port: self.port.or(below.port),
            prometheus_port: self.prometheus_port.or(below.prometheus_port),
            compat: self.compat.or(below.compat),
            insecure_open: self.insecure_open.or(below.insecure_open),
            data_dir: self.data_dir.or(below.data_dir),
            retention: self.retention.or(below.retention),
            retention_5m: self.retention_5m.or(below.retention_5m),
            retention_1h: self.retention_1h.or(below.retention_1h),
            retention_size_bytes: self.retention_size_bytes.or(below.retention_size_bytes),
            durability: self.durability.or(below.durability),
            // Only the file can name rules.
            retention_rules: below.retention_rules,
            // Only the file speaks of queries.
            query: below.query,
            series_max: self.series_max.or(below.series_max),
            metric_series_max: self.metric_series_max.or(below.metric_series_max),
            source_series_max: self.source_series_max.or(below.source_series_max),
            // Only the file can name these rules too.
            relabel: below.relabel,
            silent_after: self.silent_after.or(below.silent_after),
            collect: self.collect.or(below.collect),
            collect_interval: self.collect_interval.or(below.collect_interval),
            // Only the file can name roots.
            roots: below.roots,
            nvml: self.nvml.or(below.nvml),
            grpc_listen: self.grpc_listen.or(below.grpc_listen),
            // Only the file can say it.
            otlp: below.otlp,
            keys: self.keys.or(below.keys),
            cors_origins: self.cors_origins.or(below.cors_origins),
            // Only the file can name these listeners.
            statsd: below.statsd,
            statsd_flush_interval: below.statsd_flush_interval,
            graphite: below.graphite,
            root: self.root.or(below.root),
            push_group_expire_after: self.push_group_expire_after.or(below.push_group_expire_after),
            log_level: self.log_level.or(below.log_level),
            log_format: self.log_format.or(below.log_format),
        }
    }
}
