//! Samples that other programs push in formats of their own. Each format is read by `wire` and
//! enters storage by the one ingest path, as our own push API does; an answer means durable.

pub(crate) mod import;
pub(crate) mod influx;
mod lines;
mod memory;
pub(crate) mod otlp;
pub(crate) mod pushgateway;
pub(crate) mod remote_write;
mod untimely;
