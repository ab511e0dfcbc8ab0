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
mod query;
mod report;
mod scrape;
mod server;
mod size;
mod store;

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
    size: store::Size,
    /// Programs that read samples back and say how fast, if they were built.
    decode: store::DecodePrograms,
}

type Part = (&'static str, fn(&Bench, &mut Report) -> anyhow::Result<()>);

/// Parts that are measured together, and make one page.
type Suite = (&'static str, &'static [Part]);

const SUITES: [Suite; 4] = [
    (
        "foundation",
        &[
            ("size", size::measure),
            ("idle", idle::measure),
            ("scrape", scrape::measure),
            ("push", push::measure),
        ],
    ),
    (
        "store",
        &[
            ("ingest", store::measure_ingest),
            ("many", store::measure_many),
            ("small", store::measure_small),
            ("disk", store::measure_disk_use),
            ("decode", store::measure_decode),
        ],
    ),
    (
        "query",
        &[
            ("fleet", query::measure_fleet),
            ("regex", query::measure_regex),
            ("devops", query::measure_devops),
            ("hostile", query::measure_hostile),
        ],
    ),
    ("soak", &[("churn", store::measure_churn)]),
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

/// What stands anywhere among the arguments.
#[derive(Default)]
struct Flags {
    quick: bool,
    decode: store::DecodePrograms,
}

impl Flags {
    /// Takes the flags out of the arguments; gives the rest.
    fn take(arguments: &[String]) -> anyhow::Result<(Self, Vec<&String>)> {
        let (mut flags, mut rest) = (Self::default(), Vec::new());
        for argument in arguments {
            let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
            match name {
                "--quick" => flags.quick = true,
                "--decode-columns" => flags.decode.columns = Some(std::path::absolute(value)?),
                "--decode-rows" => flags.decode.rows = Some(std::path::absolute(value)?),
                _ if name.starts_with("--") => bail!("unknown flag {name:?}"),
                _ => rest.push(argument),
            }
        }
        Ok((flags, rest))
    }
}

/// Measures the parts of a suite that are named, or all; says whether every limit was held.
fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let (Flags { quick, decode }, arguments) = Flags::take(arguments)?;
    let [pharos, peers, dir, suite, wanted @ ..] = &arguments[..] else {
        bail!(
            "usage: bench PHAROS PEERS_DIR EMPTY_DIR SUITE [--quick] \
             [--decode-columns=PROGRAM] [--decode-rows=PROGRAM] [PART]..."
        );
    };
    let Some((_, parts)) = SUITES.iter().find(|(name, _)| name == suite) else {
        bail!("unknown suite {suite:?}; there are {}", names(SUITES.map(|(name, _)| name)));
    };
    if let Some(unknown) = wanted.iter().find(|name| !parts.iter().any(|(part, _)| part == *name)) {
        bail!("unknown part {unknown:?}; there are {}", names(parts.iter().map(|(name, _)| *name)));
    }
    let bench = Bench {
        pharos: std::path::absolute(pharos)?,
        peers: std::path::absolute(peers)?,
        dir: std::path::absolute(dir)?,
        env: Env::system(),
        size: store::Size { quick },
        decode,
    };
    let mut report = Report::begin();
    for (name, measure) in *parts {
        if wanted.is_empty() || wanted.iter().any(|wish| *wish == name) {
            measure(&bench, &mut report)?;
        }
    }
    Ok(report.end())
}

fn names(names: impl IntoIterator<Item = &'static str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Flags;

    #[test]
    fn flags_stand_anywhere_and_a_wrong_one_is_named() {
        let take = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            let (flags, rest) = Flags::take(&words)?;
            anyhow::Ok((flags, rest.into_iter().cloned().collect::<Vec<_>>()))
        };
        let (flags, rest) = take("a --decode-rows=/x --quick store").unwrap();
        assert!(flags.quick && flags.decode.columns.is_none());
        assert_eq!(flags.decode.rows.as_deref(), Some(Path::new("/x")));
        assert_eq!(rest, ["a", "store"]);
        let wrong = take("store --quik").err().unwrap();
        assert!(wrong.to_string().contains("--quik"));
    }
}
