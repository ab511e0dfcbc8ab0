//! Many: the memory of a server that holds very many series, and how long it takes until it accepts
//! writes again after it was killed, and after it was stopped.

use std::time::Duration;

use anyhow::Context as _;

use crate::Bench;
use crate::report::{Report, complain};
use crate::store::Arrived;
use crate::store::compare::{Comparison, Figure, Limit, Unit, median, outcome, refusals_note};
use crate::store::contender::{Contender, Kind};
use crate::store::fleet::{self, Fleet, Watch};
use crate::store::load::Load;
use crate::store::sender::Refusals;

const N_CONNECTIONS: usize = 4;
const STEP_MS: i64 = 15_000;
/// Samples of each series before it settles, and as many again before it is killed.
const N_ROUNDS: usize = 5;

struct Loads {
    before: Load,
    /// Sent when the rest has been flushed: at the kill all series have samples that lie in no
    /// block, only in a log.
    unflushed: Load,
    /// The first request of the next round: what is written after a start.
    next: Vec<u8>,
    n_series: usize,
    last_ms: i64,
}

/// One server's first life.
#[derive(Clone, Copy)]
struct Filled {
    resident_bytes: f64,
    refusals: Refusals,
}

/// How a server came back.
#[derive(Clone, Copy)]
struct Restart {
    /// From the start of the process to the first write that is acknowledged.
    takes_writes: Duration,
    /// The same until its answers have everything.
    whole: Duration,
    /// Processor time until then.
    cpu: Duration,
}

#[derive(Clone, Copy)]
struct Restarts {
    after_kill: Restart,
    after_stop: Restart,
}

/// What one server did in all runs.
#[derive(Default)]
struct Runs {
    filled: Vec<Result<Filled, &'static str>>,
    restarts: Vec<Result<Restarts, &'static str>>,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let (n_series, n_runs) = if bench.size.quick { (200_000, 1) } else { (1_000_000, 3) };
    let loads = Loads::render(bench, n_series)?;
    let mut all = Kind::ALL.map(|_| Runs::default());
    for run in 0..n_runs {
        for (kind, runs) in Kind::ALL.into_iter().zip(&mut all) {
            complain(&format!("many: run {} of {n_runs}, {}", run + 1, kind.name()));
            let name = format!("many-{run}");
            let filled = outcome(report, "memory", kind, fill(bench, kind, &name, &loads));
            let restarts = match filled {
                Ok(_) => outcome(report, "restart", kind, restarts(bench, kind, &name, &loads)),
                Err(reason) => Err(reason),
            };
            runs.filled.push(filled);
            runs.restarts.push(restarts);
        }
    }
    tell_memory(report, n_series, &all);
    tell_restarts(report, n_series, &all);
    Ok(())
}

fn tell_memory(report: &mut Report, n_series: usize, all: &[Runs; 3]) {
    let bytes = all.each_ref().map(|runs| {
        median(runs.filled.iter().map(|run| run.map(|filled| filled.resident_bytes)).collect())
    });
    let refused = refusals_note(all.each_ref().map(|runs| {
        runs.filled.iter().flatten().fold(Refusals::default(), |mut all, run| {
            all += run.refusals;
            all
        })
    }));
    let of_runs = format!("median of {}", all[0].filled.len());
    Comparison {
        what: format!("{n_series} active series, resident memory (largest)"),
        figures: bytes.map(|bytes| bytes.map(|bytes| bytes / 1e6)),
        unit: Unit { name: "MB", n_decimals: 0 },
        limits: vec![
            Limit::Times(0.8, Kind::VictoriaMetrics),
            Limit::Times(0.15, Kind::Prometheus),
        ],
        note: format!("{of_runs}, {} samples each{refused}", 2 * N_ROUNDS),
    }
    .add_to(report);
    Comparison {
        what: "the same per series".to_owned(),
        figures: bytes.map(|bytes| bytes.map(|bytes| bytes / n_series as f64)),
        unit: Unit { name: "B", n_decimals: 0 },
        limits: vec![Limit::Flat(400.0)],
        note: String::new(),
    }
    .add_to(report);
}

fn tell_restarts(report: &mut Report, n_series: usize, all: &[Runs; 3]) {
    let figures = |figure: fn(&Restarts) -> Duration| -> [Figure; 3] {
        all.each_ref().map(|runs| {
            let seconds = |run: &Result<Restarts, &'static str>| {
                run.as_ref().map(|run| figure(run).as_secs_f64()).map_err(|reason| *reason)
            };
            median(runs.restarts.iter().map(seconds).collect())
        })
    };
    let note = format!("median of {}", all[0].restarts.len());
    let mut add = |what: &str, figures, limits, note: &str| {
        let unit = Unit { name: "s", n_decimals: 2 };
        let what = format!("{n_series} series, {what}");
        Comparison { what, figures, unit, limits, note: note.to_owned() }.add_to(report);
    };
    let to_write = "from the start to a write that is acknowledged";
    let killed = figures(|restarts| restarts.after_kill.takes_writes);
    add(&format!("killed: {to_write}"), killed, vec![Limit::Flat(5.0)], &note);
    let stopped = figures(|restarts| restarts.after_stop.takes_writes);
    add(&format!("stopped cleanly: {to_write}"), stopped, vec![Limit::Flat(1.5)], &note);
    let killed = figures(|restarts| restarts.after_kill.whole);
    let stopped = figures(|restarts| restarts.after_stop.whole);
    add("killed: until answers are whole", killed, Vec::new(), &after_stop(&stopped));
    let killed = figures(|restarts| restarts.after_kill.cpu);
    let stopped = figures(|restarts| restarts.after_stop.cpu);
    add("killed: processor time until then", killed, Vec::new(), &after_stop(&stopped));
}

/// The figures of another row, for a note.
fn after_stop(figures: &[Figure; 3]) -> String {
    let show = |(kind, figure): (Kind, &Figure)| match figure {
        Ok(seconds) => format!("{} {seconds:.2} s", kind.name()),
        Err(reason) => format!("{} {reason}", kind.name()),
    };
    let each: Vec<String> = Kind::ALL.into_iter().zip(figures).map(show).collect();
    format!("stopped cleanly: {}", each.join(", "))
}

impl Loads {
    fn render(bench: &Bench, n_series: usize) -> anyhow::Result<Self> {
        let n_rounds = 2 * N_ROUNDS as i64 + 1;
        let ago_ms = Duration::from_mins(2).as_millis() as i64 + n_rounds * STEP_MS;
        let start_ms = bench.env.clock.now_ms() - ago_ms;
        let watch = Watch { n_connections: N_CONNECTIONS, start_ms, step_ms: STEP_MS };
        let mut fleet = Fleet::new(n_series, &watch);
        let before = fleet.rounds(N_ROUNDS)?;
        let unflushed = fleet.rounds(N_ROUNDS)?;
        let last_ms = fleet.last_ms();
        let next = fleet.first_request()?;
        Ok(Self { before, unflushed, next, n_series: fleet.n_series(), last_ms })
    }
}

/// Fills a server, and kills it: the folder stays as it was in that moment.
fn fill(bench: &Bench, kind: Kind, name: &str, loads: &Loads) -> anyhow::Result<Filled> {
    let clock = &*bench.env.clock;
    let contender = Contender::start(bench, kind, name)?;
    let mut refusals = loads.before.send(contender.address, clock)?.refusals;
    contender.settle()?;
    refusals += loads.unflushed.send(contender.address, clock)?.refusals;
    contender.wait_until_quiet()?;
    let resident_bytes = contender.resident_bytes_peak()? as f64;
    check(&contender, loads)?;
    contender.kill();
    Ok(Filled { resident_bytes, refusals })
}

fn restarts(bench: &Bench, kind: Kind, name: &str, loads: &Loads) -> anyhow::Result<Restarts> {
    let (contender, after_kill) = start_again(bench, kind, name, loads)?;
    check(&contender, loads).context("after it was killed")?;
    contender.settle()?;
    contender.stop()?;
    let (contender, after_stop) = start_again(bench, kind, name, loads)?;
    check(&contender, loads).context("after it was stopped")?;
    contender.kill();
    Ok(Restarts { after_kill, after_stop })
}

fn start_again<'a>(
    bench: &'a Bench,
    kind: Kind,
    name: &str,
    loads: &Loads,
) -> anyhow::Result<(Contender<'a>, Restart)> {
    let clock = &bench.env.clock;
    let began = clock.monotonic();
    let since_start = || clock.monotonic().saturating_sub(began);
    let contender = Contender::spawn(bench, kind, name)?;
    contender.wait_until_it_takes(&loads.next)?;
    let takes_writes = since_start();
    contender.wait_until_whole()?;
    let whole = since_start();
    let cpu = contender.cpu()?;
    Ok((contender, Restart { takes_writes, whole, cpu }))
}

fn check(contender: &Contender<'_>, loads: &Loads) -> anyhow::Result<()> {
    let arrived = Arrived {
        selector: fleet::SELECTOR,
        n_series: loads.n_series,
        n_samples: None,
        last_ms: loads.last_ms,
    };
    arrived.check(contender)
}

#[cfg(test)]
mod tests {
    use super::after_stop;

    #[test]
    fn a_note_has_each_server_s_figure_or_why_there_is_none() {
        let note = after_stop(&[Ok(0.104), Err("failed"), Ok(5.0)]);
        assert_eq!(
            note,
            "stopped cleanly: pharos 0.10 s, VictoriaMetrics failed, Prometheus 5.00 s"
        );
    }
}
