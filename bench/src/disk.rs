//! Disk: what a durable write costs here, without any server.

use anyhow::Context as _;

use crate::Bench;
use crate::latency::{Latencies, Quantiles};

/// About what one group commit of many small pushes writes.
const WRITE_BYTES: usize = 24 << 10;
const N_WRITES: usize = 300;

/// Appends to a file and makes each append durable before the next.
pub(crate) fn durable_appends(bench: &Bench) -> anyhow::Result<Quantiles> {
    let path = bench.dir.join("durable-appends");
    let file = bench.env.disk.create(&path);
    let mut file = file.with_context(|| format!("cannot create {}", path.display()))?;
    let bytes = vec![0x5a; WRITE_BYTES];
    let mut latencies = Latencies::default();
    for _ in 0..N_WRITES {
        let began = bench.env.clock.monotonic();
        file.append(&bytes)?;
        file.sync_data()?;
        latencies.add(bench.env.clock.monotonic().saturating_sub(began));
    }
    Ok(latencies.quantiles())
}
