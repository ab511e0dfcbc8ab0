//! Decode: how fast samples come back out of blocks, in the process itself, without a server. Two
//! programs of the store's crate measure it and say so in a line; this starts them and reads that.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::Bench;
use crate::report::{Report, Row, complain};
use crate::store::compare::median;

/// On one core, of columns as they come out of a block.
const SAMPLES_PER_SECOND_MIN: f64 = 400e6;
/// What the programs' line begins with; `key=value` pairs follow.
const LINE: &str = "decode:";
/// The test in the first program that prints it.
const COLUMNS_TEST: [&str; 3] =
    ["block::tests::mixes::figures_of_mixes", "--ignored", "--nocapture"];

/// The programs, where they were built.
#[derive(Default)]
pub(crate) struct Programs {
    /// The tests of the store's crate: they alone see the columns of a block.
    pub(crate) columns: Option<PathBuf>,
    /// An example that reads the way a query does, sample by sample.
    pub(crate) rows: Option<PathBuf>,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let columns = |_: usize| {
        let mut command = Command::new(bench.decode.columns.as_ref()?);
        // Its files are gone when it ends.
        command.args(COLUMNS_TEST).env("TMPDIR", &bench.dir);
        Some(command)
    };
    let limit = Some(SAMPLES_PER_SECOND_MIN);
    measure_one(bench, report, ("raw select and sum, one core", limit), &columns)?;
    let rows = |run: usize| {
        let mut command = Command::new(bench.decode.rows.as_ref()?);
        let n_targets = if bench.size.quick { "2" } else { "20" };
        command.arg(bench.dir.join(format!("decode-{run}"))).arg(n_targets);
        Some(command)
    };
    measure_one(bench, report, ("the same through a querier, row by row", None), &rows)
}

/// A row's name, and what its figure must reach.
type Wanted = (&'static str, Option<f64>);

fn measure_one(
    bench: &Bench,
    report: &mut Report,
    (what, min): Wanted,
    command: &dyn Fn(usize) -> Option<Command>,
) -> anyhow::Result<()> {
    let n_runs = if bench.size.quick { 1 } else { 3 };
    let mut runs = Vec::new();
    for run in 0..n_runs {
        let Some(mut command) = command(run) else { break };
        complain(&format!("decode: {what}, run {} of {n_runs}", run + 1));
        runs.push(run_program(&mut command)?);
    }
    let mega = |rate: f64| format!("{:.0} M samples/s", rate / 1e6);
    let rate = median(runs.iter().map(|said| Ok(said.samples_per_second)).collect()).ok();
    let mut row = Row::new(what, rate.map_or_else(|| "not available".to_owned(), mega));
    if let Some(min) = min {
        row = row.limit_if_known(format!("≥ {}", mega(min)), rate.map(|rate| rate >= min));
    }
    if let Some(said) = runs.last() {
        row = row.beside(format!("median of {n_runs}; {}", said.of));
    }
    report.add(row);
    Ok(())
}

/// What the program said.
#[derive(Debug, PartialEq)]
struct Said {
    samples_per_second: f64,
    /// What it read, for a person.
    of: String,
}

fn run_program(command: &mut Command) -> anyhow::Result<Said> {
    let name = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {}", name.display()))?;
    ensure!(output.status.success(), "{} failed: {}", name.display(), output.status);
    let text = String::from_utf8(output.stdout).context("its output is no text")?;
    read(&text).with_context(|| format!("{} said no \"{LINE}\" that can be read", name.display()))
}

/// Reads the last line of its kind: `decode: samples_per_second=412000000 samples=9600000 ...`.
fn read(text: &str) -> Option<Said> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix(LINE))?;
    let pairs: Option<Vec<(&str, &str)>> =
        line.split_whitespace().map(|pair| pair.split_once('=')).collect();
    let (rate, rest): (Vec<_>, Vec<_>) =
        pairs?.into_iter().partition(|(key, _)| *key == "samples_per_second");
    let samples_per_second = rate.first()?.1.parse().ok()?;
    let rest: Vec<String> =
        rest.into_iter().map(|(key, value)| format!("{} {value}", key.replace('_', " "))).collect();
    Some(Said { samples_per_second, of: rest.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::{Said, read};

    #[test]
    fn the_last_line_counts() {
        let text = "series: 20000\ndecode: samples_per_second=1\n\
                    decode: samples_per_second=412500000.5 samples=9600000 bytes_per_sample=2.1\n";
        let of = "samples 9600000, bytes per sample 2.1".to_owned();
        assert_eq!(read(text), Some(Said { samples_per_second: 412_500_000.5, of }));
        assert_eq!(read("decode: samples_per_second=fast\n"), None);
        assert_eq!(read("decode: 7\n"), None);
        assert_eq!(read("select: samples_per_second=1\n"), None);
    }
}
