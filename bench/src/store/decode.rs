//! Decode: how fast samples come back out of blocks, in the process itself, without a server. A
//! program of the store's crate measures it and says so in a line; this starts it and reads that.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::Bench;
use crate::report::{Report, Row, complain};
use crate::store::compare::median;

/// On one core.
const SAMPLES_PER_SECOND_MIN: f64 = 400e6;
/// What the program's line begins with; `key=value` pairs follow.
const LINE: &str = "decode:";

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let limit = format!("≥ {:.0} M samples/s", SAMPLES_PER_SECOND_MIN / 1e6);
    let what = "raw select and sum, one core";
    let Some(program) = &bench.decode else {
        report.add(Row::new(what, "not available").limit_if_known(limit, None));
        return Ok(());
    };
    let n_runs = if bench.size.quick { 1 } else { 3 };
    let mut rates = Vec::new();
    let mut last = None;
    for run in 0..n_runs {
        complain(&format!("decode: run {} of {n_runs}", run + 1));
        let dir = bench.dir.join(format!("decode-{run}"));
        let said = run_program(Command::new(program).arg(&dir).arg(n_targets(bench)))?;
        rates.push(Ok(said.samples_per_second));
        last = Some(said);
    }
    let rate = median(rates).map_err(|reason| anyhow::anyhow!(reason))?;
    let of = last.map_or_else(String::new, |said| said.of);
    report.add(
        Row::new(what, format!("{:.0} M samples/s", rate / 1e6))
            .limit(limit, rate >= SAMPLES_PER_SECOND_MIN)
            .beside(format!("median of {n_runs}; {of}")),
    );
    Ok(())
}

/// How many targets of a thousand series it is to write.
fn n_targets(bench: &Bench) -> &'static str {
    if bench.size.quick { "2" } else { "20" }
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
