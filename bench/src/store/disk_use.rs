//! Disk use: the bytes that a sample takes when everything has been flushed, and whether it comes
//! back as it was.

use crate::Bench;
use crate::report::{Report, complain};
use crate::store::Arrived;
use crate::store::compare::{Comparison, Limit, Unit, outcome};
use crate::store::contender::{Contender, Kind, ensure_equal};
use crate::store::history::{self, History};
use crate::store::page;

/// What one server took.
#[derive(Clone, Copy)]
struct Cost {
    bytes_per_sample: f64,
    /// The same without its index, where that is apart.
    without_index: Option<f64>,
    /// How many values of one series came back with all their bits.
    n_exact: usize,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let page = page::read(bench)?;
    let now_ms = bench.env.clock.now_ms();
    measure_one(bench, report, &history::node(bench.size, now_ms, &page)?, 0.75)?;
    measure_one(bench, report, &history::integer_walk(bench.size, now_ms)?, 1.0)?;
    measure_one(bench, report, &history::decimal_walk(bench.size, now_ms)?, 1.0)
}

fn measure_one(
    bench: &Bench,
    report: &mut Report,
    history: &History,
    of_victoria_metrics: f64,
) -> anyhow::Result<()> {
    let costs = Kind::ALL.map(|kind| {
        complain(&format!("disk: {}, {}", history.name, kind.name()));
        outcome(report, history.name, kind, cost(bench, kind, history))
    });
    Comparison {
        what: format!("disk, {}, per sample", history.name),
        figures: costs.map(|cost| cost.map(|cost| cost.bytes_per_sample)),
        unit: Unit { name: "B", n_decimals: 3 },
        limits: vec![
            Limit::Times(of_victoria_metrics, Kind::VictoriaMetrics),
            Limit::Times(0.35, Kind::Prometheus),
        ],
        note: note(history, &costs),
    }
    .add_to(report);
    Ok(())
}

fn note(history: &History, costs: &[Result<Cost, &'static str>; 3]) -> String {
    let n_values = history.load.n_samples / history.n_series as u64;
    let mut note = format!("{} series of {n_values} samples", history.n_series);
    for (kind, cost) in Kind::ALL.into_iter().zip(costs) {
        let Ok(cost) = cost else { continue };
        if let Some(bytes) = cost.without_index {
            note += &format!("; {} without its index {bytes:.3} B", kind.name());
        }
        let n_values = history.probe.1.len();
        let Cost { n_exact, .. } = cost;
        note += &format!("; {n_exact} of {n_values} values of one series exact in {}", kind.name());
    }
    note
}

fn cost(bench: &Bench, kind: Kind, history: &History) -> anyhow::Result<Cost> {
    let name = format!("disk-{}", history.name.replace(' ', "-"));
    let contender = Contender::start(bench, kind, &name)?;
    history.load.send(contender.address, &*bench.env.clock)?;
    contender.settle()?;
    let arrived = Arrived {
        selector: history::SELECTOR,
        n_series: history.n_series,
        // Without their names some series of a page are the same, which Prometheus does not count.
        n_samples: None,
        last_ms: history.last_ms,
    };
    arrived.check(&contender)?;
    let n_exact = n_exact(&contender, history)?;
    if kind == Kind::Pharos {
        // What a peer rounds is its own affair; ours promises every bit.
        ensure_equal("exact values", n_exact as f64, history.probe.1.len() as f64)?;
    }
    let bytes = contender.bytes_on_disk()?;
    let per_sample = |bytes: u64| bytes as f64 / history.load.n_samples as f64;
    Ok(Cost {
        bytes_per_sample: per_sample(bytes.all),
        without_index: bytes.without_index.map(per_sample),
        n_exact,
    })
}

fn n_exact(contender: &Contender<'_>, history: &History) -> anyhow::Result<usize> {
    let (expression, sent) = &history.probe;
    let there = contender.query_values(&format!("{expression}[2d]"), history.last_ms)?;
    ensure_equal("samples of one series", there.len() as f64, sent.len() as f64)?;
    let exact = |(there, sent): &(&f64, &f64)| there.to_bits() == sent.to_bits();
    Ok(there.iter().zip(sent).filter(exact).count())
}
