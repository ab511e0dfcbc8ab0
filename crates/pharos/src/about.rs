//! About: what this process tells of itself to programs that know Prometheus.

use std::sync::Arc;

use stdx::Env;
use tsdb::Db;

use crate::config::Config;
use crate::own_metrics::ReloadMeter;

/// Why answers may not be whole yet, if so.
pub(crate) fn warming(samples: &Db) -> Option<String> {
    let n_left = samples.meter().recovery.segments_left.get();
    let what = "answers may lack what they hold";
    let left = format!("{n_left} log segments of the last run are still to be read, {what}");
    samples.is_warming().then_some(left)
}

/// What is told of this process and its settings.
pub(crate) fn about(
    config: &Config,
    env: &Env,
    samples: &Arc<Db>,
    reload: &Arc<ReloadMeter>,
) -> web::About {
    let (samples, reload) = (Arc::clone(samples), Arc::clone(reload));
    let now = move || web::AboutNow {
        reload_successful: reload.successful.get() > 0,
        reload_success_ms: reload.success_ms.get(),
        reload_failure_ms: reload.failure_ms.get(),
        n_corruptions: samples.meter().recovery.corrupt_frames.get(),
        n_segments_left: samples.meter().recovery.segments_left.get().max(0) as u64,
        warming: warming(&samples),
    };
    web::About {
        started_ms: env.clock.now_ms(),
        retention: retention(config),
        flags: flags(config),
        config: settings(config),
        now: Arc::new(now),
    }
}

/// `7d or 50GiB`, as far as there are bounds.
fn retention(config: &Config) -> String {
    let age = config.retention.map(model::format_duration);
    let size = config.retention_size_bytes.map(|bytes| format!("{bytes}B"));
    let bounds: Vec<String> = age.into_iter().chain(size).collect();
    bounds.join(" or ")
}

/// Settings that Prometheus has too, under its names.
fn flags(config: &Config) -> Vec<(&'static str, String)> {
    let listen = config.listen.first().map(ToString::to_string).unwrap_or_default();
    let age = config.retention.map_or("0s".to_owned(), model::format_duration);
    let query = &config.query;
    vec![
        ("log.level", format!("{:?}", config.log_level).to_lowercase()),
        ("query.lookback-delta", model::format_duration(query.lookback)),
        ("query.max-concurrency", query.running.to_string()),
        ("query.max-samples", query.samples.to_string()),
        ("query.timeout", model::format_duration(query.timeout)),
        ("storage.tsdb.path", config.data_dir.display().to_string()),
        ("storage.tsdb.retention.size", config.retention_size_bytes.unwrap_or(0).to_string()),
        ("storage.tsdb.retention.time", age),
        ("web.enable-admin-api", "true".to_owned()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
        ("web.listen-address", listen),
    ]
}

/// The settings in effect as YAML, which is what programs expect to find; keys are not among them.
fn settings(config: &Config) -> String {
    let listen: Vec<String> =
        config.listen.iter().map(|at| format!("{:?}", at.to_string())).collect();
    let interval = config.collect.as_ref().map(|collect| collect.interval);
    let interval = interval.map_or("0s".to_owned(), model::format_duration);
    let tier =
        |keep: Option<std::time::Duration>| keep.map_or("0s".to_owned(), model::format_duration);
    let query = &config.query;
    format!(
        "service_name: {:?}\nlisten: [{}]\ndata_dir: {:?}\nretention: {}\nretention_5m: {}\n\
         retention_1h: {}\ncollect:\n  enabled: {}\n  interval: {interval}\nquery:\n  \
         running: {}\n  waiting: {}\n  timeout: {}\n  lookback: {}\n  samples: {}\n  series: {}\n  \
         memory: {}\n",
        config.service_name,
        listen.join(", "),
        config.data_dir.display().to_string(),
        tier(config.retention),
        tier(config.retention_5m),
        tier(config.retention_1h),
        config.collect.is_some(),
        query.running,
        query.waiting,
        model::format_duration(query.timeout),
        model::format_duration(query.lookback),
        query.samples,
        query.series,
        query.memory_bytes,
    )
}
