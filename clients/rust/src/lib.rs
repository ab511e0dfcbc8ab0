#![doc = include_str!("../README.md")]

mod alerts;
mod client;
#[cfg(feature = "collect")]
mod collect;
mod delivery;
mod health;
#[cfg(feature = "collect")]
mod host;
mod instrument;
mod job;
#[cfg(feature = "smtp")]
mod mail;
mod notify;
mod number;
mod periodic;
mod queue;
#[cfg(feature = "metrics")]
mod recorder;
mod report;
mod said;
mod sample;
mod settings;
#[cfg(feature = "tracing")]
mod spans;
mod time;
#[cfg(feature = "tower")]
mod tower;
mod words;
mod worker;

pub use alerts::{Alert, Alerts, Filter};
pub use client::{Client, Stats};
#[cfg(feature = "collect")]
pub use collect::{
    ApiCall, ApiCollector, AppCollector, AppFigures, Collected, Collector, Collectors,
    CpuCollector, Figure, FigureLabels, GpuCollector, MemoryCollector, SystemCollector,
};
pub use health::{Health, HealthState, Outcome, Thresholds};
#[cfg(feature = "collect")]
pub use host::Host;
pub use instrument::{Counter, Gauge, Histogram};
pub use job::Job;
#[cfg(feature = "smtp")]
pub use mail::Mail;
pub use notify::{Log, Notifier, NotifyError, ToPharos, Webhook};
pub use number::Number;
pub use periodic::Periodic;
#[cfg(feature = "metrics")]
pub use recorder::Recorder;
pub use report::{PipelineState, ServiceState, Severity, UnknownWord};
pub use serde_json::{Value, json};
pub use settings::{Builder, ConfigError};
#[cfg(feature = "tracing")]
pub use spans::SpanLayer;
#[cfg(feature = "tower")]
pub use tower::{RequestFuture, RequestLayer, RequestService};

/// The guide's examples are compiled with the documentation's.
#[cfg(all(doctest, feature = "metrics", feature = "tracing", feature = "tower"))]
#[doc = include_str!("../guide.md")]
struct Guide;
