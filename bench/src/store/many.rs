//! Many: the memory of a server that holds very many series, and how long it takes until it accepts
//! writes again after it was killed, and after it was stopped.

use std::time::Duration;

use anyhow::Context as _;

use crate::Bench;
use crate::report::{Report, complain};
use crate::store::Arrived;
use crate::store::compare::{Comparison, Limit, Unit, outcome};
use crate::store::contender::{Contender, Kind};
use crate::store::fleet::{self, Fleet, Watch};
use crate::store::load::Load;

const N_CONNECTIONS: usize = 4;
const STEP_MS: i64 = 15_000;
/// Samples of each series.
const N_ROUNDS: usize = 5;

struct Loads {
    before: Load,
    /// The first request of the next round: what is written after a start.
    next: Vec<u8>,
    n_series: usize,
    last_ms: i64,
}

/// From a start to the first write that is acknowledged.
#[derive(Clone, Copy)]
struct Restarts {
    after_kill: Duration,
    after_stop: Duration,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let n_series = if bench.size.quick { 200_000 } else { 1_000_000 };
    let loads = Loads::render(bench, n_series)?;
    let costs = Kind::ALL.map(|kind| {
        complain(&format!("many: {n_series} series, {}", kind.name()));
        let resident = outcome(report, "memory", kind, resident_bytes(bench, kind, &loads));
        let restarts = match resident {
            Ok(_) => outcome(report, "restart", kind, restarts(bench, kind, &loads)),
            Err(reason) => Err(reason),
        };
        (resident.map(|bytes| bytes as f64), restarts)
    });
    let memory = costs.map(|(resident, _)| resident);
    let starts = costs.map(|(_, restarts)| restarts);
    Comparison {
        what: format!("{n_series} active series, resident memory (largest)"),
        figures: memory.map(|bytes| bytes.map(|bytes| bytes / 1e6)),
        unit: Unit { name: "MB", n_decimals: 0 },
        limits: vec![
            Limit::Times(0.8, Kind::VictoriaMetrics),
            Limit::Times(0.15, Kind::Prometheus),
        ],
        note: format!("one run, {N_ROUNDS} samples each"),
    }
    .add_to(report);
    Comparison {
        what: "the same per series".to_owned(),
        figures: memory.map(|bytes| bytes.map(|bytes| bytes / n_series as f64)),
        unit: Unit { name: "B", n_decimals: 0 },
        limits: vec![Limit::Flat(400.0)],
        note: String::new(),
    }
    .add_to(report);
    let seconds = Unit { name: "s", n_decimals: 2 };
    Comparison {
        what: format!("{n_series} series, killed: from the start to a write that is acknowledged"),
        figures: starts.map(|starts| starts.map(|starts| starts.after_kill.as_secs_f64())),
        unit: seconds,
        limits: vec![Limit::Flat(5.0)],
        note: "one run".to_owned(),
    }
    .add_to(report);
    Comparison {
        what: format!("{n_series} series, stopped cleanly: the same"),
        figures: starts.map(|starts| starts.map(|starts| starts.after_stop.as_secs_f64())),
        unit: seconds,
        limits: vec![Limit::Flat(1.5)],
        note: "one run".to_owned(),
    }
    .add_to(report);
    Ok(())
}

impl Loads {
    fn render(bench: &Bench, n_series: usize) -> anyhow::Result<Self> {
        let ago = Duration::from_mins(2).as_millis() as i64 + (N_ROUNDS as i64 + 1) * STEP_MS;
        let start_ms = bench.env.clock.now_ms() - ago;
        let watch = Watch { n_connections: N_CONNECTIONS, start_ms, step_ms: STEP_MS };
        let mut fleet = Fleet::new(n_series, &watch);
        let before = fleet.rounds(N_ROUNDS)?;
        let last_ms = fleet.last_ms();
        let next = fleet.first_request()?;
        Ok(Self { before, next, n_series: fleet.n_series(), last_ms })
    }
}

/// Fills a server, and kills it: the folder stays as it was in that moment.
fn resident_bytes(bench: &Bench, kind: Kind, loads: &Loads) -> anyhow::Result<u64> {
    let contender = Contender::start(bench, kind, "many")?;
    loads.before.send(contender.address, &*bench.env.clock)?;
    contender.settle()?;
    let resident_bytes = contender.resident_bytes_peak()?;
    check(&contender, loads)?;
    contender.kill();
    Ok(resident_bytes)
}

fn restarts(bench: &Bench, kind: Kind, loads: &Loads) -> anyhow::Result<Restarts> {
    let (contender, after_kill) = start_again(bench, kind, loads)?;
    check(&contender, loads).context("after it was killed")?;
    contender.settle()?;
    contender.stop()?;
    let (contender, after_stop) = start_again(bench, kind, loads)?;
    check(&contender, loads).context("after it was stopped")?;
    contender.kill();
    Ok(Restarts { after_kill, after_stop })
}

fn start_again<'a>(
    bench: &'a Bench,
    kind: Kind,
    loads: &Loads,
) -> anyhow::Result<(Contender<'a>, Duration)> {
    let clock = &bench.env.clock;
    let began = clock.monotonic();
    let contender = Contender::spawn(bench, kind, "many")?;
    contender.wait_until_it_takes(&loads.next)?;
    let took = clock.monotonic().saturating_sub(began);
    Ok((contender, took))
}

fn check(contender: &Contender<'_>, loads: &Loads) -> anyhow::Result<()> {
    let metric = fleet::metric(9);
    let arrived = Arrived {
        selector: fleet::SELECTOR,
        n_series: loads.n_series,
        n_samples: None,
        metric: (&metric, loads.n_series / fleet::N_TARGET_SERIES),
        last_ms: loads.last_ms,
    };
    arrived.check(contender)
}
