//! The whole binary, tested over its sockets: what other programs were promised, what it does with
//! bad input, how it is configured, and how it stands beside its peers. Each file is one of these
//! questions; `docs/compatibility.md` says which promise is kept by which test.
#![allow(clippy::disallowed_methods, reason = "tests are outside of the product's doors")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod bad_input;
mod command_line;
mod compatibility;
mod config;
mod differential;
mod disk;
mod durability;
mod history;
mod layers;
mod limits;
mod openapi;
mod otlp;
mod peers;
mod prometheus_api;
mod ranges;
mod reference;
mod relabel;
mod remote_read;
mod remote_write;
mod senders;
mod shared;
mod transfer;
mod tsdb_command;
