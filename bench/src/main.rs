//! Bench: runs the built binary, and where one is named its peer, and prints each figure beside
//! its limit as a row of a Markdown table. `bench/run.sh` calls it; `bench/README.md` says what
//! each row means.

mod disk;
mod http;
mod idle;
mod latency;
mod peers;
mod process;
mod push;
mod report;
mod scrape;
mod server;
mod size;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use stdx::Env;

use report::Report;

/// What every measurement needs.
struct Bench {
    /// The binary that is measured.
    pharos: PathBuf,
    /// Where the peers are unpacked.
    peers: PathBuf,
    /// An empty folder on the disk that is measured.
    dir: PathBuf,
    env: Env,
}

type Part = (&'static str, fn(&Bench, &mut Report) -> anyhow::Result<()>);

const PARTS: [Part; 4] = [
    ("size", size::measure),
    ("idle", idle::measure),
    ("scrape", scrape::measure),
    ("push", push::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::complain(&format!("bench: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Measures the parts that are named, or all; says whether every limit was held.
fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let [pharos, peers, dir, wanted @ ..] = arguments else {
        bail!(
            "usage: bench PHAROS PEERS_DIR EMPTY_DIR [{}]...",
            PARTS.map(|(name, _)| name).join("|")
        );
    };
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.iter().any(|(part, _)| part == *name)) {
        bail!("unknown part {unknown:?}");
    }
    let bench = Bench {
        pharos: std::path::absolute(pharos)?,
        peers: std::path::absolute(peers)?,
        dir: std::path::absolute(dir)?,
        env: Env::system(),
    };
    let mut report = Report::begin();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wish| wish == name) {
            measure(&bench, &mut report)?;
        }
    }
    Ok(report.end())
}
