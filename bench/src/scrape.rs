//! Scrape: how fast this host's readings come, one request after the other.

use std::time::Duration;

use crate::Bench;
use crate::http::{self, Connection};
use crate::latency::Latencies;
use crate::report::{Report, Row};
use crate::server::Server;

const N_REQUESTS: usize = 1000;
const P99_MAX: Duration = Duration::from_millis(5);
/// Until the host has been read twice, so that rates are there.
const WARM_UP: Duration = Duration::from_secs(3);

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(bench, "scrape", &[])?;
    std::thread::sleep(WARM_UP);
    for path in ["/metrics", "/metrics/json"] {
        let mut connection = Connection::open(server.address)?;
        let request = http::get(path);
        let mut latencies = Latencies::default();
        for _ in 0..N_REQUESTS {
            let began = bench.env.clock.monotonic();
            connection.exchange(&request)?;
            latencies.add(bench.env.clock.monotonic().saturating_sub(began));
        }
        let quantiles = latencies.quantiles();
        let row = Row::new(format!("`GET {path}`"), quantiles.to_string());
        report.add(row.limit("p99 < 5 ms", quantiles.p99 < P99_MAX));
    }
    Ok(())
}
