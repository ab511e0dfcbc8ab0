//! `pharos tsdb`: what lies on the disk, for a person who wants to know, and the ways of samples in
//! and out of it without a server.
//!
//! `stats`, `verify` and `dump` change nothing, and the server that owns the directory may be
//! running. `import` and `export` want it stopped, or a snapshot; `snapshot` asks it for one;
//! `backup` and `restore` carry snapshots to an object store and back.

mod args;
mod backup;
mod export;
mod import;
mod progress;
mod restore;
mod snapshot;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use model::time::format_rfc3339;
use stdx::Env;
use tsdb::{BlockSummary, Detail, ImportError, Look, OpenError, inspect_blocks};

use args::DumpArgs;
pub(crate) use args::Tsdb;

use crate::exit::{self, Failure};

/// Labels that are shown of a block, those with the most values first.
const LABELS_SHOWN: usize = 5;

/// Runs a command, and says how it ended.
///
/// # Errors
/// What kept it from its work.
pub(crate) fn run(command: &Tsdb) -> Result<u8, Failure> {
    let is_well = match command {
        Tsdb::Stats(args) => stats(&args.data_dir).map(|()| true)?,
        Tsdb::Verify(args) => verify(&args.data_dir)?,
        Tsdb::Import(args) => import::run(args).map(|()| true)?,
        Tsdb::Export(args) => export::run(args)?,
        Tsdb::Dump(args) => dump(args).map(|()| true)?,
        Tsdb::Snapshot(args) => snapshot::run(args).map(|()| true)?,
        Tsdb::Restore(args) => restore::run(args).map(|()| true)?,
        Tsdb::Backup(args) => backup::run(args).map(|()| true)?,
    };
    Ok(if is_well { exit::OK } else { exit::FAILED })
}

/// Shows each block with its numbers and the labels that make the most series.
///
/// # Errors
/// The directory cannot be read, or standard output not written.
fn stats(dir: &Path) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let (mut n_blocks, mut n_samples, mut n_bytes) = (0_u64, 0_u64, 0_u64);
    let mut tiers: BTreeMap<i64, (u64, u64, u64)> = BTreeMap::new();
    let mut failed = Ok(());
    inspect(dir, Look::Summary, &mut |block| {
        let tier = block.tier_ms.map(|width_ms| tiers.entry(width_ms).or_default());
        let (blocks, samples, bytes) = match tier {
            Some((blocks, samples, bytes)) => (blocks, samples, bytes),
            None => (&mut n_blocks, &mut n_samples, &mut n_bytes),
        };
        *blocks += 1;
        *samples += block.n_samples;
        *bytes += block.n_bytes;
        if failed.is_ok() {
            failed = write_stats(&mut out, block);
        }
    })?;
    failed?;
    let per_sample = n_bytes as f64 / (n_samples.max(1)) as f64;
    writeln!(
        out,
        "{n_blocks} blocks, {n_samples} samples, {n_bytes} bytes ({per_sample:.2} a sample)"
    )?;
    for (width_ms, (n_blocks, n_rollups, n_bytes)) in tiers {
        let width = model::format_duration(Duration::from_millis(width_ms.unsigned_abs()));
        let each = n_bytes as f64 / n_rollups.max(1) as f64;
        writeln!(
            out,
            "tier {width}: {n_blocks} blocks, {n_rollups} rollups, {n_bytes} bytes ({each:.2} a \
             rollup)"
        )?;
    }
    Ok(())
}

fn write_stats(out: &mut impl io::Write, block: &BlockSummary) -> io::Result<()> {
    writeln!(out, "{}", block.name)?;
    writeln!(
        out,
        "  {} to {}, level {}, {} series, {} {}, {} bytes",
        format_rfc3339(block.min_ms),
        format_rfc3339(block.max_ms),
        block.level,
        block.n_series,
        block.n_samples,
        if block.tier_ms.is_some() { "rollups" } else { "samples" },
        block.n_bytes,
    )?;
    let mut labels: Vec<_> = block.labels.iter().collect();
    labels.sort_by_key(|(name, n_values, _)| (std::cmp::Reverse(*n_values), name));
    for (name, n_values, n_series) in labels.into_iter().take(LABELS_SHOWN) {
        writeln!(out, "  {name}: {n_values} values on {n_series} series")?;
    }
    Ok(())
}

/// Reads every byte of every block and says what is damaged. True when nothing is.
///
/// # Errors
/// The directory cannot be read, or standard output not written.
fn verify(dir: &Path) -> anyhow::Result<bool> {
    let (mut n_blocks, mut n_damaged) = (0_u64, 0_u64);
    let progress = io::stderr().is_terminal();
    let mut lines = Vec::new();
    inspect(dir, Look::EveryByte, &mut |block| {
        n_blocks += 1;
        n_damaged += u64::from(!block.damage.is_empty());
        lines.extend(block.damage.iter().map(|what| format!("{}: {what}", block.name)));
        if progress {
            // The line is written over by the next one.
            let _unseen = write!(io::stderr(), "\r{n_blocks} blocks read");
        }
    })?;
    if progress {
        let _unseen = write!(io::stderr(), "\r\x1b[K");
    }
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{n_blocks} blocks read, {n_damaged} damaged")?;
    Ok(n_damaged == 0)
}

fn inspect(dir: &Path, look: Look, report: &mut dyn FnMut(&BlockSummary)) -> anyhow::Result<()> {
    inspect_blocks(dir, &Env::system(), look, report)
        .with_context(|| format!("{} is no data directory (see --data-dir)", dir.display()))
}

/// Shows what files are made of.
///
/// # Errors
/// They cannot be read, or standard output not written.
fn dump(args: &DumpArgs) -> anyhow::Result<()> {
    let detail = if args.all { Detail::Everything } else { Detail::Parts };
    let mut out = BufWriter::new(io::stdout().lock());
    tsdb::dump(&args.path, &Env::system(), detail, &mut out)?;
    Ok(out.flush()?)
}

/// The error of a directory that cannot be read, with what to do about it.
fn opened(error: OpenError, dir: &Path) -> anyhow::Error {
    let shown = dir.display();
    match error {
        OpenError::Locked { .. } => anyhow!(
            "{shown} is held by a running server: take a snapshot (pharos tsdb snapshot) and use \
             that, or stop it"
        ),
        OpenError::Disk { ref cause, .. } if cause.kind() == io::ErrorKind::NotFound => {
            anyhow!("{shown} is no data directory: {error}")
        }
        error => error.into(),
    }
}

/// The same of a directory that cannot be written.
fn held(error: ImportError, dir: &Path) -> anyhow::Error {
    match error {
        ImportError::Open(OpenError::Locked { .. }) => {
            anyhow!("{} is held by a running server: stop it, then import", dir.display())
        }
        error => error.into(),
    }
}
