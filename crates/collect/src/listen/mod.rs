//! Listeners: protocols without HTTP, whose senders hear no answer. StatsD counts here, over UDP and
//! TCP, and is stored every few seconds; Graphite's samples are stored as they come.
//!
//! Threads wait on sockets, a bounded number of them; a sender can make them neither wait nor grow.
//! What is not understood, or not taken, is counted, and now and then told to the log: nobody else
//! can tell.

mod aggregate;
mod complaints;
mod distinct;
mod graphite;
mod sketch;
mod socket;
mod statsd;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use stdx::Env;
use stdx::meter::{Counter, Gauge};
use storage::Ingest;

pub use socket::Handle;

/// How often StatsD's sums are stored unless settings say otherwise.
pub const FLUSH_INTERVAL_DEFAULT: Duration = Duration::from_secs(10);

/// What a listener counts.
#[derive(Debug, Default)]
pub struct Meter {
    /// Lines that came.
    pub lines: Counter,
    /// Lines that were not understood.
    pub bad_lines: Counter,
    /// Lines that are no metrics: events, checks, values that are no number.
    pub skipped_lines: Counter,
    /// What was not taken because of a bound: of series, of their labels, of time.
    pub refused: Counter,
    /// Samples that the store did not take at that moment.
    pub lost_samples: Counter,
    /// TCP connections open now.
    pub connections: Gauge,
    /// TCP connections closed at once because too many were open.
    pub connections_refused: Counter,
    /// Series that are being counted.
    pub series: Gauge,
}

/// Listens for StatsD on UDP and TCP, and stores what it counts every `flush_interval`.
///
/// # Errors
/// The address is taken, or the system has no thread left.
pub fn statsd(
    address: SocketAddr,
    flush_interval: Duration,
    env: &Env,
    ingest: Ingest,
) -> io::Result<Handle> {
    statsd::listen(address, flush_interval, env, ingest)
}

/// Listens for Graphite's plaintext protocol on TCP and UDP.
///
/// # Errors
/// As [`statsd`].
pub fn graphite(address: SocketAddr, env: &Env, ingest: Ingest) -> io::Result<Handle> {
    socket::listen("graphite", address, graphite::Graphite::new(env, ingest), Vec::new())
}

#[cfg(test)]
mod tests;
