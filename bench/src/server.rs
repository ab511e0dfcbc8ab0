//! Server: the measured binary, started on a free port with a data folder of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::Bench;
use crate::process::Process;

/// The running binary.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it over the folder `name`, which must be new, with these variables, and waits until
    /// it says where it listens.
    pub(crate) fn start(
        bench: &Bench,
        name: &str,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(&bench.pharos);
        command.args(["--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"]);
        command.arg(bench.dir.join(name)).envs(environment.iter().copied()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let stdout = process.0.stdout.take().context("the server has no output")?;
        for line in BufReader::new(stdout).lines() {
            let line = line.context("the server cannot be read")?;
            if let Some(address) = dashboard_address(&line) {
                return Ok(Self { process, address });
            }
        }
        anyhow::bail!("the server ended before it listened")
    }

    pub(crate) fn pids(&self) -> [u32; 1] {
        [self.process.pid()]
    }
}

/// Reads `  dashboard  http://127.0.0.1:41234/monitoring`.
fn dashboard_address(line: &str) -> Option<SocketAddr> {
    let url = line.trim().strip_prefix("dashboard")?.trim().strip_prefix("http://")?;
    url.strip_suffix("/monitoring")?.parse().ok()
}
