//! The environment layer: the variables that the families' documents name, and our own `PHAROS_*`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum as _;
use model::parse_duration;

use super::layer::Layer;
use super::{ConfigError, Durability, LogFormat, LogLevel, grpc};

/// This process' environment; the one place that reads it. Values that are no text are left out.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) fn process() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// One variable of this process, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads the variables that are set and not empty.
pub(super) fn read(environment: &BTreeMap<String, String>) -> Result<Layer, ConfigError> {
    let variables = Variables(environment);
    let update_interval = variables.interval("UPDATE_INTERVAL")?;
    let collection_interval = variables.interval("METRICS_COLLECTION_INTERVAL")?;
    let key = variables.get("PHAROS_API_KEY");
    Ok(Layer {
        config: variables.get("PHAROS_CONFIG").map(Into::into),
        listen: variables.parsed("PHAROS_LISTEN", |text| {
            text.split(',').map(|address| address.trim().parse()).collect()
        })?,
        grpc_listen: variables.parsed("PHAROS_OTLP_GRPC_LISTEN", grpc::addresses)?,
        port: variables.parsed("PORT", str::parse)?,
        prometheus_port: variables.parsed("PROMETHEUS_PORT", str::parse)?,
        data_dir: variables.get("PHAROS_DATA_DIR").map(Into::into),
        retention: variables.duration("METRICS_RETENTION")?,
        retention_5m: variables.duration("PHAROS_RETENTION_5M")?,
        retention_1h: variables.duration("PHAROS_RETENTION_1H")?,
        durability: variables
            .parsed("PHAROS_DURABILITY", |text| Durability::from_str(text, true))?,
        retention_size_bytes: variables.parsed("PHAROS_RETENTION_SIZE", model::parse_byte_size)?,
        series_max: variables.parsed("PHAROS_SERIES_MAX", str::parse)?,
        metric_series_max: variables.parsed("PHAROS_METRIC_SERIES_MAX", str::parse)?,
        source_series_max: variables.parsed("PHAROS_SOURCE_SERIES_MAX", str::parse)?,
        // The host collector's own variable wins over the wider one.
        collect_interval: update_interval.or(collection_interval),
        keys: key
            .map(|key| vec![web::Key::new("PHAROS_API_KEY".into(), key, vec![web::Scope::Admin])]),
        log_level: variables.parsed("LOG_LEVEL", |text| LogLevel::from_str(text, true))?,
        log_format: variables.parsed("LOG_FORMAT", |text| LogFormat::from_str(text, true))?,
        ..Layer::default()
    })
}

/// What a variable holds whose parser does not say it in words for people.
fn expected(name: &str) -> Option<&'static str> {
    match name {
        "PORT" | "PROMETHEUS_PORT" => Some("a port from 0 to 65535"),
        "PHAROS_LISTEN" => Some("IP:PORT, such as 127.0.0.1:8000, or several with commas between"),
        "LOG_LEVEL" => Some("error, warn, info, debug or trace"),
        "LOG_FORMAT" => Some("human or json"),
        "PHAROS_DURABILITY" => Some("sync or async"),
        _ if name.ends_with("_SERIES_MAX") => Some("a whole number"),
        _ => None,
    }
}

struct Variables<'a>(&'a BTreeMap<String, String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let fail = |error: E| {
            let reason = match expected(name) {
                Some(expected) => format!("expected {expected}, got {text:?}"),
                None => format!("{error}, got {text:?}"),
            };
            ConfigError::Variable { name, reason }
        };
        parse(text).map(Some).map_err(fail)
    }

    /// A duration above zero.
    fn interval(&self, name: &'static str) -> Result<Option<Duration>, ConfigError> {
        match self.duration(name)? {
            Some(Duration::ZERO) => {
                let reason = "expected a duration above zero".to_owned();
                Err(ConfigError::Variable { name, reason })
            }
            interval => Ok(interval),
        }
    }

    fn duration(&self, name: &'static str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let fail =
            |error: model::DurationError| ConfigError::Variable { name, reason: error.to_string() };
        parse_duration(text).map(Some).map_err(fail)
    }
}
