//! Size: the binary as it would be shipped, without its symbols.

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::Bench;
use crate::report::{Report, Row};

const BYTES_MAX: u64 = 20_000_000;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let stripped = bench.dir.join("pharos-stripped");
    let mut strip = Command::new("strip");
    let status = strip.arg("-o").arg(&stripped).arg(&bench.pharos).status();
    let status = status.context("cannot run strip (of binutils)")?;
    ensure!(status.success(), "strip could not read {}", bench.pharos.display());
    let n_bytes = std::fs::metadata(&stripped)?.len();
    let figure = format!("{:.1} MB", n_bytes as f64 / 1e6);
    report.add(Row::new("binary, stripped", figure).limit("20 MB", n_bytes <= BYTES_MAX));
    Ok(())
}
