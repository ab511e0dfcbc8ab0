//! Everything a person or program sees over HTTP: the push API, this host's metrics, what the user
//! interface asks for, the interface itself, and the API documentation. The last stage of a
//! sample's way, and one of its first: what is pushed enters here.
//!
//! The crate knows storage only through its traits; the binary hands it [`Parts`].

mod admin;
mod auth;
mod body;
mod error;
mod exposition;
mod health;
mod host_json;
mod ingest;
mod meter;
mod monitoring;
mod origin;
mod pages;
mod parameters;
mod prometheus;
mod push;
mod routes;
mod server;
mod state;
mod status;

pub use auth::{Key, Scope};
pub use health::{HealthCheck, HealthReport, HealthStatus};
pub use meter::{ImportMeter, Imports, Meter, QueryMeter, RequestCounts, RequestKey};
pub use prometheus::{About, AboutNow, Queries};
pub use server::{Listener, Server, Surface};
pub use state::{Parts, RootPage, Settings};
