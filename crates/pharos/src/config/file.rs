//! The file layer: TOML, where a mistake is shown with its line and a caret below the place.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::address::{Address, Addresses, Port};
use super::layer::{Layer, PlainListen};
use super::query::QueryLayer;
use super::{ConfigError, Durability, LogFormat, LogLevel};

/// The largest configuration file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    service_name: Option<String>,
    listen: Option<Addresses>,
    port: Option<Port>,
    prometheus_port: Option<Port>,
    profile: Option<Profile>,
    insecure_open: Option<bool>,
    data_dir: Option<PathBuf>,
    retention: Option<HumanDuration>,
    retention_5m: Option<HumanDuration>,
    retention_1h: Option<HumanDuration>,
    durability: Option<Durability>,
    retention_size: Option<ByteSize>,
    retention_rules: Vec<RetentionRule>,
    limits: Limits,
    query: Query,
    ingest: IngestTable,
    silent_after: Option<PositiveDuration>,
    push_group_expire_after: Option<HumanDuration>,
    root: Option<Root>,
    cors_origins: Option<Vec<Origin>>,
    statsd: Statsd,
    graphite: Graphite,
    collect: Collect,
    otlp: Otlp,
    log: Log,
    keys: Option<Vec<KeyEntry>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Collect {
    enabled: Option<bool>,
    interval: Option<PositiveDuration>,
    proc: Option<PathBuf>,
    sys: Option<PathBuf>,
    root: Option<PathBuf>,
    nvml: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Statsd {
    listen: Option<Address>,
    insecure_open: bool,
    flush_interval: Option<PositiveDuration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Graphite {
    listen: Option<Address>,
    insecure_open: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    series: Option<u64>,
    series_per_metric: Option<u64>,
    series_per_source: Option<u64>,
}

/// The keys beside `grpc_listen` are those of Prometheus' section of this name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Otlp {
    grpc_listen: Option<Vec<SocketAddr>>,
    translation_strategy: Option<Strategy>,
    promote_resource_attributes: Vec<String>,
    promote_all_resource_attributes: bool,
    ignore_resource_attributes: Vec<String>,
    keep_identifying_resource_attributes: bool,
    promote_scope_metadata: bool,
    convert_histograms_to_nhcb: bool,
}

/// How names of OpenTelemetry become ours.
#[derive(Debug)]
struct Strategy(wire::otlp::Strategy);

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Query {
    running: Option<usize>,
    waiting: Option<usize>,
    timeout: Option<PositiveDuration>,
    lookback: Option<PositiveDuration>,
    samples: Option<usize>,
    series: Option<usize>,
    memory: Option<ByteSize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct IngestTable {
    relabel: Vec<RelabelEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Log {
    level: Option<LogLevel>,
    format: Option<LogFormat>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    Default,
    Compat,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Root {
    Auto,
    Docs,
    Ui,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScopeWord {
    Ingest,
    Scrape,
    Read,
    Admin,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    name: String,
    key: Secret,
    scopes: Vec<ScopeWord>,
}

/// A secret that shows itself to nobody.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() {
            return Err(de::Error::custom("a key must not be empty: it would let everyone in"));
        }
        Ok(Self(text))
    }
}

/// A web origin, or `*` for all.
#[derive(Debug)]
struct Origin(String);

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text != "*" && !text.contains("://") {
            let expected = "expected an origin such as \"https://grafana.example\", or \"*\"";
            return Err(de::Error::custom(expected));
        }
        Ok(Self(text))
    }
}

/// How long some series are kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionRule {
    r#match: Selector,
    keep: PositiveDuration,
}

/// A rule that rewrites labels, in the words of Prometheus.
#[derive(Debug)]
struct RelabelEntry(model::RelabelRule);

impl<'de> Deserialize<'de> for RelabelEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            #[serde(default)]
            source_labels: Vec<String>,
            separator: Option<String>,
            regex: Option<String>,
            modulus: Option<u64>,
            target_label: Option<String>,
            replacement: Option<String>,
            action: Option<Action>,
        }
        let written = Written::deserialize(deserializer)?;
        let rule = model::RelabelRule::new(model::RelabelSettings {
            source_labels: written.source_labels,
            separator: written.separator,
            regex: written.regex,
            modulus: written.modulus,
            target_label: written.target_label,
            replacement: written.replacement,
            action: written.action.map(|action| action.0).unwrap_or_default(),
        });
        rule.map(Self).map_err(de::Error::custom)
    }
}

/// What a rule does.
#[derive(Debug)]
struct Action(model::RelabelAction);

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        model::RelabelAction::of_word(&word).map(Self).ok_or_else(|| {
            let known = model::RelabelAction::ALL.map(model::RelabelAction::as_str).join(", ");
            de::Error::custom(format!("unknown action {word:?}, expected one of {known}"))
        })
    }
}

/// Series as a person names them: `metric{label="value"}`.
#[derive(Debug)]
struct Selector(Vec<model::Matcher>);

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        model::parse_selector(&text).map(Self).map_err(de::Error::custom)
    }
}

/// A size as text (`"10GiB"`) or as a number of bytes.
#[derive(Debug)]
struct ByteSize(u64);

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a size such as \"500MB\", \"10GiB\" or a number of bytes")]
        enum TextOrBytes {
            Text(String),
            Bytes(u64),
        }
        match TextOrBytes::deserialize(deserializer)? {
            TextOrBytes::Text(text) => {
                model::parse_byte_size(&text).map(Self).map_err(de::Error::custom)
            }
            TextOrBytes::Bytes(bytes) => Ok(Self(bytes)),
        }
    }
}

/// A duration as text (`"30s"`) or as a number of seconds.
#[derive(Debug)]
struct HumanDuration(Duration);

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a duration such as 30, \"30s\", \"24h\" or \"7d\"")]
        enum TextOrSeconds {
            Text(String),
            Whole(u64),
            Seconds(f64),
        }
        let text = match TextOrSeconds::deserialize(deserializer)? {
            TextOrSeconds::Text(text) => text,
            TextOrSeconds::Whole(seconds) => seconds.to_string(),
            TextOrSeconds::Seconds(seconds) => seconds.to_string(),
        };
        model::parse_duration(&text).map(Self).map_err(de::Error::custom)
    }
}

/// A duration above zero.
#[derive(Debug)]
struct PositiveDuration(Duration);

impl<'de> Deserialize<'de> for PositiveDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let HumanDuration(duration) = HumanDuration::deserialize(deserializer)?;
        if duration.is_zero() {
            return Err(de::Error::custom("expected a duration above zero"));
        }
        Ok(Self(duration))
    }
}

/// Reads a file into a layer.
pub(super) fn read(path: &Path) -> Result<Layer, ConfigError> {
    let text = read_text(path)
        .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    parse(&text).map_err(|text| ConfigError::File { path: path.to_owned(), text })
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        let text = format!("it has {bytes} bytes, at most {FILE_BYTES_MAX} are read");
        return Err(std::io::Error::other(text));
    }
    std::fs::read_to_string(path)
}

/// Reads the text of a file. The error shows the line with a caret, and never a secret's value.
pub(super) fn parse(text: &str) -> Result<Layer, String> {
    let file: File = toml::from_str(text).map_err(|error| without_secrets(text, &error))?;
    let roots = collect::Roots::default();
    Ok(Layer {
        service_name: file.service_name,
        listen: file.listen.map(|addresses| addresses.0),
        port: file.port.map(|port| port.0),
        prometheus_port: file.prometheus_port.map(|port| port.0),
        compat: file.profile.map(|profile| matches!(profile, Profile::Compat)),
        insecure_open: file.insecure_open,
        data_dir: file.data_dir,
        retention: file.retention.map(|retention| retention.0),
        retention_5m: file.retention_5m.map(|retention| retention.0),
        retention_1h: file.retention_1h.map(|retention| retention.0),
        durability: file.durability,
        retention_size_bytes: file.retention_size.map(|size| size.0),
        retention_rules: file.retention_rules.into_iter().map(retention_rule).collect(),
        query: query(file.query),
        series_max: file.limits.series,
        metric_series_max: file.limits.series_per_metric,
        source_series_max: file.limits.series_per_source,
        relabel: file.ingest.relabel.into_iter().map(|entry| entry.0).collect(),
        silent_after: file.silent_after.map(|after| after.0),
        statsd: PlainListen {
            address: file.statsd.listen.map(|address| address.0),
            is_open: file.statsd.insecure_open,
        },
        statsd_flush_interval: file.statsd.flush_interval.map(|interval| interval.0),
        graphite: PlainListen {
            address: file.graphite.listen.map(|address| address.0),
            is_open: file.graphite.insecure_open,
        },
        push_group_expire_after: file.push_group_expire_after.map(|after| after.0),
        collect: file.collect.enabled,
        collect_interval: file.collect.interval.map(|interval| interval.0),
        roots: collect::Roots {
            proc: file.collect.proc.unwrap_or(roots.proc),
            sys: file.collect.sys.unwrap_or(roots.sys),
            root: file.collect.root.unwrap_or(roots.root),
        },
        nvml: file.collect.nvml,
        grpc_listen: file.otlp.grpc_listen.clone(),
        otlp: otlp(file.otlp),
        keys: file.keys.map(|keys| keys.into_iter().map(key).collect()),
        cors_origins: file.cors_origins.map(|all| all.into_iter().map(|one| one.0).collect()),
        root: file.root.map(|root| match root {
            Root::Auto => web::RootPage::Auto,
            Root::Docs => web::RootPage::Docs,
            Root::Ui => web::RootPage::Ui,
        }),
        log_level: file.log.level,
        log_format: file.log.format,
        config: None,
    })
}

/// The error's text. Where it speaks of the keys, every quoted string in it is starred out, one star
/// per character, so that the caret still points at its place.
fn without_secrets(text: &str, error: &toml::de::Error) -> String {
    let shown = error.to_string();
    let place = error.span().map_or(0, |span| span.start.min(text.len()));
    match speaks_of_keys(text, place) {
        true => star_out_strings(shown.trim_end()),
        false => shown.trim_end().to_owned(),
    }
}

/// Whether a byte of the file stands in the keys: the nearest table header or assignment of keys
/// at or before its line is one of theirs. Says yes too often rather than once too little.
fn speaks_of_keys(text: &str, place: usize) -> bool {
    let line_end = text[place..].find('\n').map_or(text.len(), |at| place + at);
    let is_heading = |line: &&str| line.starts_with('[') || line.starts_with("keys");
    let heading = text[..line_end].lines().rev().map(str::trim_start).find(is_heading);
    heading.is_some_and(|heading| heading.trim_start_matches('[').trim_start().starts_with("keys"))
}

/// Everything between quotes as stars. A string whose end is missing is starred to the line's end.
fn star_out_strings(text: &str) -> String {
    let mut quote = None;
    let star = |c: char| match (c, quote) {
        ('\n', _) => {
            quote = None;
            c
        }
        ('"' | '\'', None) => {
            quote = Some(c);
            c
        }
        (c, Some(open)) if c == open => {
            quote = None;
            c
        }
        (_, Some(_)) => '*',
        _ => c,
    };
    text.chars().map(star).collect()
}

fn query(table: Query) -> QueryLayer {
    QueryLayer {
        running: table.running,
        waiting: table.waiting,
        timeout: table.timeout.map(|timeout| timeout.0),
        lookback: table.lookback.map(|lookback| lookback.0),
        samples: table.samples,
        series: table.series,
        memory_bytes: table.memory.map(|memory| memory.0),
    }
}

fn otlp(otlp: Otlp) -> wire::otlp::Settings {
    let promotion = match otlp.promote_all_resource_attributes {
        true => wire::otlp::Promotion::AllBut(otlp.ignore_resource_attributes),
        false => wire::otlp::Promotion::Only(otlp.promote_resource_attributes),
    };
    wire::otlp::Settings {
        strategy: otlp.translation_strategy.map(|strategy| strategy.0).unwrap_or_default(),
        promotion,
        keep_identifying: otlp.keep_identifying_resource_attributes,
        promote_scope: otlp.promote_scope_metadata,
        native_buckets: otlp.convert_histograms_to_nhcb,
    }
}

fn retention_rule(rule: RetentionRule) -> tsdb::RetentionRule {
    tsdb::RetentionRule { matchers: rule.r#match.0, keep: rule.keep.0 }
}

fn key(entry: KeyEntry) -> web::Key {
    let scope = |word: &ScopeWord| match word {
        ScopeWord::Ingest => web::Scope::Ingest,
        ScopeWord::Scrape => web::Scope::Scrape,
        ScopeWord::Read => web::Scope::Read,
        ScopeWord::Admin => web::Scope::Admin,
    };
    web::Key::new(entry.name, &entry.key.0, entry.scopes.iter().map(scope).collect())
}
