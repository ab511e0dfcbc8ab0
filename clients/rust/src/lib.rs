#![doc = include_str!("../README.md")]

mod client;
mod delivery;
mod instrument;
mod job;
mod periodic;
mod queue;
mod report;
mod said;
mod sample;
mod settings;
mod worker;

pub use client::{Client, Stats};
pub use instrument::{Counter, Gauge, Histogram};
pub use job::Job;
pub use periodic::Periodic;
pub use report::{PipelineState, ServiceState, Severity, UnknownWord};
pub use serde_json::{Value, json};
pub use settings::{Builder, ConfigError};

/// The guide's examples are compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../guide.md")]
struct Guide;
