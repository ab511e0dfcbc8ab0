//! Ingest: the processor time that a server takes for series it never saw, and then for half an
//! hour of samples of series it knows, everything included that it does until it has stopped
//! cleanly. Half an hour is how long ours keeps samples before it writes a block: what a block
//! costs is then shared by as many samples as in a server that runs for long.

use std::time::Duration;

use crate::Bench;
use crate::report::{Report, complain};
use crate::store::Arrived;
use crate::store::compare::{Comparison, Figure, Limit, Unit, median, outcome, refusals_note};
use crate::store::contender::{Contender, Kind};
use crate::store::fleet::{self, Fleet, Watch};
use crate::store::sender::Refusals;

const N_CONNECTIONS: usize = 4;
const STEP_MS: i64 = 15_000;
/// Rendered at once, while the server is idle: a few dozen megabytes.
const N_GROUP_ROUNDS: usize = 10;

/// What is sent, the same to all.
struct Plan {
    n_series: usize,
    n_runs: usize,
    /// Groups of samples of each series after its first sample.
    n_groups: usize,
    watch: Watch,
}

/// What one server took.
#[derive(Clone, Copy)]
struct Cost {
    new_series_us: f64,
    sample_us: f64,
    /// The wall clock's time until samples of known series were acknowledged.
    acknowledged_us: f64,
    refusals: Refusals,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let plan = Plan::new(bench);
    let mut costs = Kind::ALL.map(|_| Vec::new());
    for run in 0..plan.n_runs {
        for (kind, costs) in Kind::ALL.into_iter().zip(&mut costs) {
            complain(&format!("ingest: run {} of {}, {}", run + 1, plan.n_runs, kind.name()));
            let cost = plan.cost(bench, kind, &format!("ingest-{run}"));
            costs.push(outcome(report, "ingest", kind, cost));
        }
    }
    plan.tell(report, &costs);
    Ok(())
}

impl Plan {
    fn new(bench: &Bench) -> Self {
        let (n_series, n_runs, n_groups) =
            if bench.size.quick { (20_000, 1, 2) } else { (100_000, 3, 12) };
        // The newest sample is two minutes old: no peer holds it back as too new.
        let n_rounds = (1 + n_groups * N_GROUP_ROUNDS) as i64;
        let ago_ms = Duration::from_mins(2).as_millis() as i64 + n_rounds * STEP_MS;
        let start_ms = bench.env.clock.now_ms() - ago_ms;
        let watch = Watch { n_connections: N_CONNECTIONS, start_ms, step_ms: STEP_MS };
        Self { n_series, n_runs, n_groups, watch }
    }

    fn n_rounds(&self) -> usize {
        self.n_groups * N_GROUP_ROUNDS
    }

    /// One server's life. The fleet is rendered anew for each, byte for byte the same.
    fn cost(&self, bench: &Bench, kind: Kind, name: &str) -> anyhow::Result<Cost> {
        let clock = &*bench.env.clock;
        let mut fleet = Fleet::new(self.n_series, &self.watch);
        let first = fleet.rounds(1)?;
        let contender = Contender::start(bench, kind, name)?;
        let idle = contender.cpu()?;
        let mut refusals = first.send(contender.address, clock)?.refusals;
        contender.settle()?;
        let knows = contender.cpu()?;
        let (mut took, mut n_samples) = (Duration::ZERO, 0);
        for _ in 0..self.n_groups {
            let group = fleet.rounds(N_GROUP_ROUNDS)?;
            let sent = group.send(contender.address, clock)?;
            took += sent.took;
            refusals += sent.refusals;
            n_samples += group.n_samples;
        }
        contender.settle()?;
        let has = contender.cpu()?;
        check(&contender, &fleet, first.n_samples + n_samples)?;
        // What the questions took is not counted, what ending takes is: it may be a flush.
        let asked = contender.cpu()?;
        let ended = contender.stop()?;
        let samples_cpu = has.saturating_sub(knows) + ended.saturating_sub(asked);
        let us_each = |time: Duration, n: u64| time.as_secs_f64() * 1e6 / n as f64;
        Ok(Cost {
            new_series_us: us_each(knows.saturating_sub(idle), first.n_samples),
            sample_us: us_each(samples_cpu, n_samples),
            acknowledged_us: us_each(took, n_samples),
            refusals,
        })
    }

    fn tell(&self, report: &mut Report, costs: &[Vec<Result<Cost, &'static str>>; 3]) {
        let figures = |figure: fn(Cost) -> f64| -> [Figure; 3] {
            costs.each_ref().map(|runs| median(runs.iter().map(|run| run.map(figure)).collect()))
        };
        let Self { n_series, n_runs, .. } = self;
        let of_runs = format!("median of {n_runs}");
        let n_rounds = self.n_rounds();
        let refused = refusals_note(costs.each_ref().map(|runs| {
            let runs = runs.iter().flatten();
            runs.fold(Refusals::default(), |mut all, run| {
                all += run.refusals;
                all
            })
        }));
        Comparison {
            what: format!("remote write, {n_series} series, processor per sample"),
            figures: figures(|cost| cost.sample_us),
            unit: Unit { name: "µs", n_decimals: 3 },
            limits: vec![
                Limit::Times(1.0 / 5.0, Kind::VictoriaMetrics),
                Limit::Times(1.0 / 20.0, Kind::Prometheus),
            ],
            note: format!(
                "{of_runs}; {n_rounds} samples each, {N_CONNECTIONS} connections{refused}"
            ),
        }
        .add_to(report);
        Comparison {
            what: format!("new series, {n_series} at once, processor per series"),
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
            figures: figures(|cost| cost.acknowledged_us),
            unit: Unit { name: "µs", n_decimals: 3 },
            limits: Vec::new(),
            note: "the wall clock's; only ours is on disk when it is acknowledged".to_owned(),
        }
        .add_to(report);
    }
}

fn check(contender: &Contender<'_>, fleet: &Fleet, n_samples: u64) -> anyhow::Result<()> {
    let arrived = Arrived {
        selector: fleet::SELECTOR,
        n_series: fleet.n_series(),
        n_samples: Some(n_samples),
        last_ms: fleet.last_ms(),
    };
    arrived.check(contender)
}
