//! Ingest: the processor time that a server takes for series it never saw, and then for samples of
//! series it knows, everything included that it does until it has stopped cleanly.

use std::time::Duration;

use crate::Bench;
use crate::report::{Report, complain};
use crate::store::Arrived;
use crate::store::compare::{Comparison, Figure, Limit, Unit, median, outcome};
use crate::store::contender::{Contender, Kind};
use crate::store::fleet::{self, Fleet, Watch};
use crate::store::load::Load;

const N_CONNECTIONS: usize = 4;
const STEP_MS: i64 = 15_000;
/// Samples of each series after its first.
const N_ROUNDS: usize = 20;

struct Plan {
    n_series: usize,
    n_runs: usize,
}

/// What is sent, the same to all.
struct Loads {
    first: Load,
    more: Load,
    n_series: usize,
    last_ms: i64,
}

/// What one server took.
#[derive(Clone, Copy)]
struct Cost {
    new_series_us: f64,
    sample_us: f64,
    /// How fast samples of known series were acknowledged.
    samples_per_second: f64,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let plan = if bench.size.quick {
        Plan { n_series: 20_000, n_runs: 1 }
    } else {
        Plan { n_series: 100_000, n_runs: 3 }
    };
    let loads = Loads::render(bench, plan.n_series)?;
    let mut costs = Kind::ALL.map(|_| Vec::new());
    for run in 0..plan.n_runs {
        for (kind, costs) in Kind::ALL.into_iter().zip(&mut costs) {
            complain(&format!("ingest: run {} of {}, {}", run + 1, plan.n_runs, kind.name()));
            let cost = cost(bench, kind, &format!("ingest-{run}"), &loads);
            costs.push(outcome(report, "ingest", kind, cost));
        }
    }
    let figures = |figure: fn(Cost) -> f64| -> [Figure; 3] {
        costs.each_ref().map(|runs| median(runs.iter().map(|run| run.map(figure)).collect()))
    };
    let of_runs = format!("median of {}", plan.n_runs);
    Comparison {
        what: format!("remote write, {} series, processor per sample", plan.n_series),
        figures: figures(|cost| cost.sample_us),
        unit: Unit { name: "µs", n_decimals: 3 },
        limits: vec![
            Limit::Times(1.0 / 5.0, Kind::VictoriaMetrics),
            Limit::Times(1.0 / 20.0, Kind::Prometheus),
        ],
        note: format!("{of_runs}; {N_ROUNDS} samples each, {N_CONNECTIONS} connections"),
    }
    .add_to(report);
    Comparison {
        what: format!("new series, {} at once, processor per series", plan.n_series),
        figures: figures(|cost| cost.new_series_us),
        unit: Unit { name: "µs", n_decimals: 2 },
        limits: vec![
            Limit::Times(1.0 / 4.0, Kind::VictoriaMetrics),
            Limit::Times(1.0 / 4.0, Kind::Prometheus),
        ],
        note: of_runs,
    }
    .add_to(report);
    Comparison {
        what: "remote write, time per acknowledged sample".to_owned(),
        figures: figures(|cost| 1e6 / cost.samples_per_second),
        unit: Unit { name: "µs", n_decimals: 3 },
        limits: Vec::new(),
        note: "the wall clock's; only ours is on disk when it is acknowledged".to_owned(),
    }
    .add_to(report);
    Ok(())
}

impl Loads {
    fn render(bench: &Bench, n_series: usize) -> anyhow::Result<Self> {
        // The newest sample is two minutes old: no peer holds it back as too new.
        let ago = Duration::from_mins(2).as_millis() as i64 + (N_ROUNDS as i64 + 1) * STEP_MS;
        let start_ms = bench.env.clock.now_ms() - ago;
        let watch = Watch { n_connections: N_CONNECTIONS, start_ms, step_ms: STEP_MS };
        let mut fleet = Fleet::new(n_series, &watch);
        let first = fleet.rounds(1)?;
        let more = fleet.rounds(N_ROUNDS)?;
        Ok(Self { first, more, n_series: fleet.n_series(), last_ms: fleet.last_ms() })
    }
}

fn cost(bench: &Bench, kind: Kind, name: &str, loads: &Loads) -> anyhow::Result<Cost> {
    let clock = &*bench.env.clock;
    let contender = Contender::start(bench, kind, name)?;
    let idle = contender.cpu()?;
    loads.first.send(contender.address, clock)?;
    contender.settle()?;
    let knows = contender.cpu()?;
    let took = loads.more.send(contender.address, clock)?;
    contender.settle()?;
    let has = contender.cpu()?;
    check(&contender, loads)?;
    // What the questions took is not counted, what ending takes is: it may be a flush.
    let asked = contender.cpu()?;
    let ended = contender.stop()?;
    let samples_cpu = has.saturating_sub(knows) + ended.saturating_sub(asked);
    let n_samples = loads.more.n_samples as f64;
    Ok(Cost {
        new_series_us: knows.saturating_sub(idle).as_secs_f64() * 1e6 / loads.n_series as f64,
        sample_us: samples_cpu.as_secs_f64() * 1e6 / n_samples,
        samples_per_second: n_samples / took.as_secs_f64(),
    })
}

fn check(contender: &Contender<'_>, loads: &Loads) -> anyhow::Result<()> {
    let metric = fleet::metric(9);
    let arrived = Arrived {
        selector: fleet::SELECTOR,
        n_series: loads.n_series,
        n_samples: Some(loads.first.n_samples + loads.more.n_samples),
        metric: (&metric, loads.n_series / fleet::N_TARGET_SERIES),
        last_ms: loads.last_ms,
    };
    arrived.check(contender)
}
