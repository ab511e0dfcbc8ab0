//! Every format others speak, bytes <-> model, no sockets.
//!
//! A sample passes here twice: on its way in, when somebody pushes it ([`push`],
//! [`remote_write`]), and on its way out, when a scraper asks for our page ([`exposition`]). Whole
//! histories come and go as text ([`openmetrics`], [`json_lines`]) or from another server
//! ([`remote_read`]). Other senders speak [`influx`], [`csv`], [`statsd`],
//! [`graphite`], or to a [`pushgateway`].
//! Decoders take a whole body, bound what they keep, and say where and why a body is refused; how
//! large a body may be and which HTTP status answers it is decided by the server.

pub mod csv;
pub mod exposition;
pub mod graphite;
pub mod influx;
pub mod json_lines;
pub mod lines;
pub mod openmetrics;
mod plain_name;
pub mod push;
pub mod pushgateway;
pub mod remote_read;
pub mod remote_write;
pub mod statsd;

pub use plain_name::{plain_label, plain_name};
