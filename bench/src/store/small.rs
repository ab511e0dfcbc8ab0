//! Small: the memory of a server that watches what most people have: ten thousand series each ten
//! seconds.

use std::time::Duration;

use crate::Bench;
use crate::report::{Report, complain};
use crate::store::Arrived;
use crate::store::compare::{Comparison, Limit, Unit, median, outcome};
use crate::store::contender::{Contender, Kind};
use crate::store::fleet::{self, Fleet, Watch};

const N_SERIES: usize = 10_000;
const STEP_MS: i64 = 10_000;
const RESIDENT_MB_MAX: f64 = 50.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let (minutes, n_runs) = if bench.size.quick { (10, 1) } else { (30, 3) };
    let n_rounds = minutes * 60_000 / STEP_MS;
    let ago = Duration::from_mins(2).as_millis() as i64 + n_rounds * STEP_MS;
    let start_ms = bench.env.clock.now_ms() - ago;
    let mut fleet = Fleet::new(N_SERIES, &Watch { n_connections: 1, start_ms, step_ms: STEP_MS });
    let load = fleet.rounds(n_rounds as usize)?;
    let arrived = Arrived {
        selector: fleet::SELECTOR,
        n_series: N_SERIES,
        n_samples: Some(load.n_samples),
        last_ms: fleet.last_ms(),
    };
    let resident_mb = |kind, run| {
        let contender = Contender::start(bench, kind, &format!("small-{run}"))?;
        load.send(contender.address, &*bench.env.clock)?;
        contender.settle()?;
        let resident_bytes = contender.resident_bytes_peak()?;
        arrived.check(&contender)?;
        contender.stop()?;
        anyhow::Ok(resident_bytes as f64 / 1e6)
    };
    let mut figures = Kind::ALL.map(|_| Vec::new());
    for run in 0..n_runs {
        for (kind, figures) in Kind::ALL.into_iter().zip(&mut figures) {
            complain(&format!("small: run {} of {n_runs}, {}", run + 1, kind.name()));
            figures.push(outcome(report, "10,000 series", kind, resident_mb(kind, run)));
        }
    }
    Comparison {
        what: format!("{N_SERIES} series each 10 s, resident memory (largest)"),
        figures: figures.map(median),
        unit: Unit { name: "MB", n_decimals: 1 },
        limits: vec![Limit::Flat(RESIDENT_MB_MAX)],
        note: format!(
            "median of {n_runs}, {minutes} minutes of samples, sent as fast as they are taken"
        ),
    }
    .add_to(report);
    Ok(())
}
