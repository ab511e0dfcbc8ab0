//! Logging: one line per event on standard error, for people or as JSON, at a level that a reload
//! may change.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogLevel};

/// The level in force, as the discriminant order of [`LEVELS`].
static LEVEL: AtomicU8 = AtomicU8::new(2);
static STARTED: OnceLock<()> = OnceLock::new();

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// Starts logging; later calls only set the level.
pub(crate) fn start(level: LogLevel, format: Option<LogFormat>) {
    set_level(level);
    STARTED.get_or_init(|| {
        let human = std::io::stderr().is_terminal();
        let format = format.unwrap_or(if human { LogFormat::Human } else { LogFormat::Json });
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match format {
            LogFormat::Human => lines.with_ansi(human).with_target(false).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        };
        tracing_subscriber::registry().with(lines).with(AtLevel).init();
    });
}

/// Changes how much is logged.
pub(crate) fn set_level(level: LogLevel) {
    let index = match level {
        LogLevel::Error => 0,
        LogLevel::Warn => 1,
        LogLevel::Info => 2,
        LogLevel::Debug => 3,
        LogLevel::Trace => 4,
    };
    LEVEL.store(index, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

fn in_force() -> Level {
    LEVELS[usize::from(LEVEL.load(Ordering::Relaxed))]
}

/// Lets events through that the level in force asks for.
struct AtLevel;

impl<S: Subscriber> Layer<S> for AtLevel {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Below info only our own crates speak; libraries would drown them.
        let ours = ["pharos", "web", "tsdb", "state", "collect", "storage"];
        let is_ours = ours.iter().any(|name| {
            metadata.target() == *name || metadata.target().starts_with(&format!("{name}::"))
        });
        *metadata.level() <= in_force() && (is_ours || *metadata.level() <= Level::WARN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(in_force()))
    }
}
